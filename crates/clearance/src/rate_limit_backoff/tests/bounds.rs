use http_body_util::BodyExt;
use tower::{Layer, service_fn};

use super::*;
use crate::{ReplayBody, Waited};

fn told(reply: &Reply) -> Option<Duration> {
    reply.extensions().get::<RetryAfter>().map(|told| told.0)
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_does_not_fit_is_not_slept() {
    let server = Server::script([]).route("/", (429, Some("50")));
    let layer = layer();
    let reply = send(&layer.layer(server.clone()), get("/")).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(told(&reply), Some(50 * SECOND));
    let waited = *reply.extensions().get::<Waited>().unwrap();
    assert_eq!(waited.attempts, 4);
    assert!(about(waited.total, 150.15), "{waited:?}");
    assert!(about(server.0.lock().unwrap().start.elapsed(), 150.23));
    assert_eq!(
        (
            layer.status().keys[0].refused,
            layer.status().keys[0].given_up
        ),
        (4, 1)
    );

    let daily = Server::script([(429, Some("7200"))]);
    let at = Instant::now();
    let reply = send(&layer.layer(daily.clone()), get("/daily")).await;
    assert_eq!(
        (reply.status().as_u16(), told(&reply)),
        (429, Some(7200 * SECOND))
    );
    assert!(at.elapsed() < 51 * SECOND, "the pause before it at most");
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_more_than_a_minute_concerns_one_call() {
    let server = Server::script([(429, Some("61"))]);
    let service = layer().layer(server.clone());
    let refused = spawn(&service, get("/quota")).await;
    sleep(SECOND).await;
    send(&service, get("/other")).await;
    assert!(about(server.sent()[1].at, 1.0));
    assert_eq!(refused.await.unwrap().status(), 200);
    assert!(about(server.sent()[2].at, 61.08));
}

#[tokio::test(start_paused = true)]
async fn the_bound_on_waiting_can_be_set() {
    let server = Server::script([(429, Some("5"))]);
    let service = layer().max_wait(5 * SECOND).layer(server.clone());
    assert_eq!(send(&service, get("/")).await.status(), 429);
    assert_eq!(server.sent().len(), 1);
    let never = Server::script([(429, None)]);
    let reply = send(&layer().max_wait(Duration::ZERO).layer(never), get("/")).await;
    assert!(told(&reply).is_some_and(|told| told >= SECOND / 2 && told <= SECOND));
    let always = Server::script([(429, Some("900")), (429, Some("900"))]);
    let service = layer().max_wait(Duration::MAX).layer(always);
    assert_eq!(send(&service, get("/")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn five_refusals_in_a_row_while_others_get_through_are_enough() {
    let server = Server::script([]).route("/never", (429, Some("2")));
    let service = layer().layer(server.clone());
    let unlucky = spawn(&service, get("/never")).await;
    let others = service.clone();
    let others = tokio::spawn(async move {
        for _ in 0..100 {
            sleep(SECOND / 5).await;
            send(&others, get("/fine")).await;
        }
    });
    let reply = unlucky.await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), told(&reply)),
        (429, Some(2 * SECOND))
    );
    assert_eq!(server.count("/never"), 5);
    others.await.unwrap();
    assert_eq!(server.count("/fine"), 100);
}

#[tokio::test(start_paused = true)]
async fn while_nobody_gets_through_a_call_is_patient() {
    let server = Server::script((0..9).map(|_| (429, Some("10"))));
    let service = layer().layer(server.clone());
    assert_eq!(send(&service, get("/")).await.status(), 200);
    assert_eq!(server.sent().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_moment_again_and_again_is_not_hammered() {
    let server = Server::script([]).route("/", (429, Some("0.001")));
    let reply = send(&layer().layer(server.clone()), get("/")).await;
    assert_eq!(reply.status(), 429);
    let (sends, took) = (
        server.sent().len(),
        server.0.lock().unwrap().start.elapsed(),
    );
    assert!(sends <= 20, "{sends} sends in {took:?}");
    assert!(took <= 181 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_request_says_it_waited_is_spent() {
    let mut request = get("/");
    let (attempts, total) = (3, 175 * SECOND);
    request.extensions_mut().insert(Waited { attempts, total });
    let server = Server::script([(429, Some("4")), (429, Some("4"))]);
    let service = layer().layer(server.clone());
    let reply = send(&service, request.clone()).await;
    assert_eq!((reply.status().as_u16(), server.sent().len()), (429, 2));
    let waited = reply.extensions().get::<Waited>().unwrap();
    assert_eq!(waited.attempts, 5);
    assert!(about(waited.total, 179.0));

    let reply = send(&service, request).await;
    let waited = reply.extensions().get::<Waited>().unwrap();
    assert_eq!((reply.status().as_u16(), waited.attempts), (200, 4));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_held() {
    let server = Server::script((0..5).map(|_| (429, Some("5"))));
    let layer = layer().max_held(3);
    let service = layer.layer(server.clone());
    let mut tasks = vec![];
    for _ in 0..5 {
        tasks.push(spawn(&service, get("/")).await);
    }
    sleep(SECOND).await;
    let key = || layer.status().keys[0].clone();
    assert_eq!((key().held, key().given_up), (3, 2));
    // Who was not sent yet has no reply to return.
    for _ in 0..2 {
        let error = service.clone().oneshot(get("/late")).await.unwrap_err();
        let limited = error.downcast_ref::<RateLimited>().unwrap();
        assert!(
            (3.9..4.6).contains(&limited.wait.as_secs_f64()),
            "{limited}"
        );
        assert!(error.to_string().contains("too many"), "{error}");
    }
    assert_eq!((key().held, key().given_up), (3, 4));
    let mut statuses = vec![];
    for task in tasks {
        statuses.push(task.await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!((server.count("/"), server.count("/late")), (8, 0));
    assert_eq!((key().held, key().retried), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_that_asks_for_a_moment_again_and_again_is_not_hammered() {
    let server = Server::script([]).route("/", (503, Some("0.001")));
    let reply = send(&layer().layer(server.clone()), get("/")).await;
    assert_eq!(reply.status(), 503);
    let (sends, took) = (
        server.sent().len(),
        server.0.lock().unwrap().start.elapsed(),
    );
    assert!(sends <= 20, "{sends} sends in {took:?}");
    assert!(took <= 181 * SECOND, "{took:?}");
}

/// Two frames.
struct Chunks(Vec<&'static str>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let next = self.0.pop().map(Bytes::from);
        Poll::Ready(next.map(|data| Ok(http_body::Frame::data(data))))
    }
}

/// The reply came before the upload was over, and reading it takes the upload to go on.
#[tokio::test(start_paused = true)]
async fn the_upload_of_a_call_that_is_given_up_goes_on() {
    let upload = Arc::new(Mutex::new(None));
    let taken = Arc::clone(&upload);
    let early = service_fn(move |request: Request<ReplayBody<Chunks>>| {
        let (mut body, taken) = (request.into_body(), Arc::clone(&taken));
        async move {
            assert_eq!(
                body.frame().await.unwrap().unwrap().into_data().unwrap(),
                "one"
            );
            *taken.lock().unwrap() = Some(body);
            Ok::<_, Infallible>(reply((429, Some("1"))))
        }
    });
    let body = ReplayBody::new(Chunks(vec!["two", "one"]));
    let request = Request::put("https://api.example.com").body(body).unwrap();
    let refused = layer().max_held(0).layer(early).oneshot(request).await;
    assert_eq!(refused.unwrap().status(), 429);
    let rest = upload.lock().unwrap().take().unwrap();
    assert_eq!(rest.collect().await.unwrap().to_bytes(), "two");
}
