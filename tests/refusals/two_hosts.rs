//! Two hosts of one audience: what one of them makes of a token is not what the other makes of it.

use std::{future::Future, time::SystemTime};

use clearance::{Audience, RefusalReason, SkewAuthLayer, Token};
use clearance_test::{ScriptedSource, Step};
use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};

use crate::support::{Api, Body, SECOND, Seen, Verdict, stack};

/// Calls to `a.example.com` and `b.example.com`, the first of which takes a second for its reply.
fn two(source: ScriptedSource, api: Api) -> (SkewAuthLayer, impl Fn(&str) -> Reply) {
    let hosts = ["https://a.example.com", "https://b.example.com"];
    let source = source.with_audience(Audience::origins(hosts).unwrap());
    let service = service_fn(move |request: Request<Body>| {
        let api = api.clone();
        async move {
            if request.uri().host() == Some("a.example.com") {
                sleep(SECOND).await;
            }
            api.oneshot(request).await
        }
    });
    let (auth, stack) = stack(source, service);
    let call = move |host: &str| {
        let request = Request::get(format!("https://{host}.example.com/"));
        let call = stack
            .clone()
            .oneshot(request.body(Body::default()).unwrap());
        Box::pin(async move { call.await.unwrap() }) as Reply
    };
    (auth, call)
}

type Reply = std::pin::Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

fn is_a(seen: &Seen) -> bool {
    seen.head.uri().host() == Some("a.example.com")
}

fn issued(at: SystemTime, text: &str) -> Step {
    let token = Token::bearer(text).unwrap();
    Step::Made(token.with_lifetime(3600 * SECOND).with_issued_at(at))
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ripens_for_one_is_held_although_the_other_takes_it() {
    let (born, start) = (SystemTime::now(), Instant::now());
    let api = Api::new(move |seen, _| {
        if is_a(seen) {
            return Verdict::from(200);
        }
        let now = born - 10 * SECOND + start.elapsed();
        Verdict::from(if now < born { 401 } else { 200 }).with("date", httpdate::fmt_http_date(now))
    });
    let (auth, call) = two(ScriptedSource::script([issued(born, "token-1")]), api);
    let (a, b) = tokio::join!(call("a"), call("b"));
    assert_eq!(
        (a.status(), b.status().as_u16()),
        (http::StatusCode::OK, 200)
    );
    let hosts = auth.status().hosts;
    assert_eq!(hosts.iter().filter_map(|host| host.ripening).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_a_token_ripens_for_one_the_other_is_sent_what_it_took() {
    let (born, start) = (SystemTime::now(), Instant::now());
    let api = Api::new(move |seen, _| {
        let now = born - 25 * SECOND + start.elapsed();
        let status = if is_a(seen) || now >= born { 200 } else { 401 };
        Verdict::from(status).with("date", httpdate::fmt_http_date(now))
    });
    let (_, call) = two(ScriptedSource::script([issued(born, "token-1")]), api);
    assert_eq!(call("a").await.status(), 200);
    let ripening = tokio::spawn(call("b"));
    sleep(SECOND).await;
    let begun = Instant::now();
    assert_eq!(call("a").await.status(), 200);
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(ripening.await.unwrap().status(), 200);
    assert!(start.elapsed() > 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_gets_its_new_token_although_the_other_takes_the_old_one() {
    let api = Api::new(|seen, _| {
        if is_a(seen) || seen.token == "token-2" {
            200
        } else {
            401
        }
    });
    let source = ScriptedSource::counting().with_delay(3 * SECOND);
    let (_, call) = two(source.clone(), api);
    let (a, b) = tokio::join!(call("a"), call("b"));
    assert_eq!(
        (a.status().as_u16(), b.status().as_u16(), source.fetches()),
        (200, 200, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_clock_of_one_shows_is_not_said_of_the_other() {
    let born = SystemTime::now();
    let tokens = ["token-1", "token-2", "token-3"].map(|text| issued(born, text));
    let api = Api::new(move |seen, _| {
        let now = if is_a(seen) {
            born + SECOND
        } else {
            born - 600 * SECOND
        };
        Verdict::from(401).with("date", httpdate::fmt_http_date(now))
    });
    let (_, call) = two(ScriptedSource::script(tokens), api);
    let of_b = call("b").await;
    let of_a = call("a").await;
    let reason = |reply: &Response<Body>| reply.extensions().get::<RefusalReason>().cloned();
    assert!(matches!(
        reason(&of_b),
        Some(RefusalReason::TooYoung { .. })
    ));
    let reason = reason(&of_a).unwrap();
    assert!(
        !matches!(reason, RefusalReason::TooYoung { .. }),
        "{reason}"
    );
}
