//! The layers in every order: what becomes of a call that is refused while another has the API pause?

use std::{sync::Mutex, time::Duration};

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer, TokenRefused};
use clearance_test::ScriptedSource;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::support::{Api, Body, BoxError, SECOND, Verdict};

/// What becomes of call A in one order of the layers.
#[derive(Debug, PartialEq)]
struct Fate {
    /// The status that A's caller gets.
    status: u16,
    /// How often A was sent, and how often of that into the pause of call B.
    sends: (usize, usize),
    /// The tokens it was sent with.
    tokens: Vec<String>,
    /// Whether a `TokenRefused` is left on its reply.
    told: bool,
}

/// The token is revoked; call B meets a 429 with a pause of 30 s, and while that lasts call A meets the 401.
#[tokio::test(start_paused = true)]
async fn what_each_order_of_the_layers_makes_of_a_401_within_a_pause() {
    let auth = || SkewAuthLayer::new(ScriptedSource::new(["stale", "fresh"]));
    let (retry, rate) = (Retry401Layer::new, RateLimitBackoffLayer::new);
    macro_rules! fate {
        ($($layer:expr),*) => {{
            let api = revoked_and_limited();
            fate(&api, &ServiceBuilder::new()$(.layer($layer))*.service(api.service().map_err(BoxError::from))).await
        }};
    }
    let fated = |status, sends, tokens: &[&str], told| Fate {
        status,
        sends,
        tokens: tokens.iter().map(ToString::to_string).collect(),
        told,
    };
    let cured = |sends, tokens| fated(200, sends, tokens, false);
    let refused = |sends, tokens| fated(401, sends, tokens, true);
    // Recommended: the replay is held by the gate, and given its token after the wait.
    assert_eq!(
        fate!(retry(), rate(), auth()),
        cured((2, 0), &["stale", "fresh"])
    );
    // The gate holds the replay here, too, but with a token that was chosen before the wait.
    assert_eq!(
        fate!(retry(), auth(), rate()),
        cured((2, 0), &["stale", "fresh"])
    );
    // The replay does not meet the gate: it slips into the pause, is refused and sent once more.
    assert_eq!(
        fate!(rate(), retry(), auth()),
        cured((3, 1), &["stale", "fresh", "fresh"])
    );
    // With the replay layer below the auth layer a 401 says nothing of a new token: the replay is sent at once and with
    // the same one, for nothing. The auth layer hands the 401 up, with what it does about it.
    assert_eq!(
        fate!(auth(), rate(), retry()),
        refused((4, 1), &["stale"; 4])
    );
    assert_eq!(
        fate!(auth(), retry(), rate()),
        refused((2, 0), &["stale"; 2])
    );
    assert_eq!(
        fate!(rate(), auth(), retry()),
        refused((4, 1), &["stale"; 4])
    );
}

/// How long the 429 of call B holds.
const PAUSE: Duration = Duration::from_secs(30);

/// A server that takes 4 s for each call: half of that to judge it.
fn revoked_and_limited() -> Api {
    let paused = Mutex::new(None);
    Api::slow(4 * SECOND, move |seen, _| {
        let mut paused = paused.lock().unwrap();
        match (seen.head.uri().path(), *paused) {
            ("/warm", _) => Verdict::from(200),
            ("/b", None) => {
                // From the receipt of the answer on.
                *paused = Some(Instant::now() + 2 * SECOND);
                Verdict::from(429).with("retry-after", PAUSE.as_secs())
            }
            (_, Some(from)) if (from..from + PAUSE).contains(&seen.at) => {
                Verdict::from(429).with("retry-after", PAUSE.as_secs())
            }
            ("/a", _) if seen.token == "stale" => Verdict::from(401),
            _ => Verdict::from(200),
        }
    })
}

async fn fate<S>(api: &Api, stack: &S) -> Fate
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    let send = |path: &str| {
        let uri = format!("https://api.example.com{path}");
        let request = Request::get(uri).body(Full::default()).unwrap();
        tokio::spawn(stack.clone().oneshot(request))
    };
    send("/warm").await.unwrap().unwrap();
    let limited = send("/b");
    sleep(SECOND).await;
    let pause = Instant::now() + 3 * SECOND;
    let response = send("/a").await.unwrap().unwrap();
    limited.await.unwrap().unwrap();
    let seen = api.seen();
    let sent: Vec<_> = seen
        .iter()
        .filter(|seen| seen.head.uri().path() == "/a")
        .collect();
    let inside = sent
        .iter()
        .filter(|seen| (pause..pause + PAUSE).contains(&seen.at));
    Fate {
        status: response.status().as_u16(),
        sends: (sent.len(), inside.count()),
        tokens: sent.iter().map(|seen| seen.token.clone()).collect(),
        told: response.extensions().get::<TokenRefused>().is_some(),
    }
}
