//! Can the stack be awaited wherever a client is: in tasks, in handlers, in generic functions, erased?

use std::task::{Context, Poll};

use axum::{Router, body::Body as AxumBody, routing::get};
use clearance::SkewAuthLayer;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use crate::{
    BoxError, Upload, agents, recommended,
    server::{AGENTS, Reply, Server, gzipped, reply},
    streamed::Streamed,
    text, tokens,
    whole::{Everything, everything},
};

async fn fetch<S, R>(client: S) -> Result<String, BoxError>
where
    S: Service<Request<Streamed>, Response = Response<R>, Error: Into<BoxError>>,
    R: Body<Error: Into<BoxError>>,
{
    let answer = client.oneshot(agents()).await.map_err(Into::into)?;
    let body = answer.into_body().collect().await.map_err(Into::into)?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

async fn fetch_by_name(client: &Everything) -> Result<String, BoxError> {
    Ok(text(client.clone().oneshot(agents()).await?).await)
}

/// What erases a client and can still be put under the layers: a struct around it.
#[derive(Clone)]
struct Erased(BoxCloneSyncService<Request<Upload>, Reply, BoxError>);

impl Service<Request<Upload>> for Erased {
    type Response = Reply;
    type Error = BoxError;
    type Future =
        <BoxCloneSyncService<Request<Upload>, Reply, BoxError> as Service<Request<Upload>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Upload>) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_stack_is_awaited_in_tasks_handlers_and_functions() {
    let server = Server::new(|_, _| gzipped());
    let (_, stack) = everything(&server, SkewAuthLayer::new(tokens()));

    let client = stack.clone();
    let task = tokio::spawn(async move { text(client.oneshot(agents()).await.unwrap()).await });
    assert_eq!(task.await.unwrap(), AGENTS);

    let client = stack.clone();
    let task = tokio::spawn(async move { fetch(client).await.unwrap() });
    assert_eq!(task.await.unwrap(), AGENTS);

    let client = stack.clone();
    let task = tokio::spawn(async move { fetch_by_name(&client).await.unwrap() });
    assert_eq!(task.await.unwrap(), AGENTS);

    let client = stack.clone();
    let handler = move || async move {
        let answer = client.oneshot(agents()).await.unwrap();
        answer.map(AxumBody::new)
    };
    let router = Router::new().route("/", get(handler));
    let answer = router
        .oneshot(Request::new(AxumBody::empty()))
        .await
        .unwrap();
    assert_eq!(text(answer).await, AGENTS);

    // Erased outside.
    let client = BoxCloneSyncService::new(stack);
    let task = tokio::spawn(async move { text(client.oneshot(agents()).await.unwrap()).await });
    assert_eq!(task.await.unwrap(), AGENTS);
    assert_eq!(server.sends(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_struct_around_an_erased_client_can_stand_below_the_layers() {
    let server = Server::new(|_, _| Some(reply(200)));
    let boxed = ServiceBuilder::new()
        .map_err(BoxError::from)
        .service(server.clone());
    let erased = Erased(BoxCloneSyncService::new(boxed));
    let stack = recommended(SkewAuthLayer::new(tokens()), erased);
    let task = tokio::spawn(async move { fetch(stack).await.unwrap() });
    assert_eq!(task.await.unwrap(), "");
    assert_eq!(server.sends(), 1);
}
