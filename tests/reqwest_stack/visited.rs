//! Plain servers that note who came in, and with what token.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::Request as AxumRequest, response::IntoResponse, routing::any};
use http::header::AUTHORIZATION;
use tokio::{net::TcpListener, task::JoinSet};

/// Where each request came in, and the token that it brought.
pub(crate) type Visits = Arc<Mutex<Vec<(&'static str, Option<String>)>>>;

/// A server that answers every request with `reply`. Returns its origin.
pub(crate) async fn server<R>(
    tasks: &mut JoinSet<()>,
    name: &'static str,
    visits: &Visits,
    reply: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> String
where
    R: IntoResponse + Send + 'static,
{
    let visits = visits.clone();
    let handler = move |request: AxumRequest| async move {
        let token = request.headers().get(AUTHORIZATION);
        let token = token.map(|value| value.to_str().unwrap().to_owned());
        visits.lock().unwrap().push((name, token));
        reply()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(any(handler));
    tasks.spawn(async { axum::serve(listener, router).await.unwrap() });
    origin
}
