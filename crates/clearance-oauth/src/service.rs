//! What carries a request to an issuer: any tower HTTP service, asked for no more than is needed.

use std::{
    error::Error,
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use self::sealed::{Failure, RawReply};

/// The most that is read of an answer, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How long the body of a refusal is waited for: it is for people.
const PATIENCE: Duration = Duration::from_secs(1);

type BoxError = Box<dyn Error + Send + Sync>;

/// What carries the requests of a source: the [`Transport`] that `with_client` makes of a client, or a
/// [`DefaultClient`](crate::DefaultClient). Nobody else implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry token requests",
    note = "needed is a `Clone + Send + 'static` tower service from `http::Request<B>` to `http::Response<impl Body>`, for a body `B` that is `From<Bytes>`",
    note = "without the feature `https` of `clearance-oauth` a source has no client of its own: give it one by `with_client`"
)]
pub trait HttpService: Clone + Send + 'static {
    /// Makes the service ready, sends the request and reads the answer.
    #[doc(hidden)]
    fn exchange(
        self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<RawReply, Failure>> + Send;
}

/// The client `C` as a source keeps it: any tower HTTP service of requests with a body `B` that can be made of bytes.
///
/// So one client serves the source and the API, whatever its body: `http_body_util::Full<Bytes>`, `axum::body::Body`,
/// `reqwest::Body` or one's own.
///
/// ```
/// # use std::{convert::Infallible, pin::Pin, task::{Context, Poll}};
/// use bytes::Bytes;
/// use clearance_core::{Audience, TokenSource};
/// use clearance_oauth::ClientCredentials;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
/// # use http_body::{Body, Frame};
/// use tower::{ServiceExt, service_fn};
///
/// /// What the API is sent, be it whole or streamed.
/// struct Upload(UnsyncBoxBody<Bytes, std::io::Error>);
///
/// impl From<Bytes> for Upload {
///     fn from(bytes: Bytes) -> Self {
///         Self(Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
///     }
/// }
/// # impl Body for Upload {
/// #     type Data = Bytes;
/// #     type Error = std::io::Error;
/// #     fn poll_frame(
/// #         mut self: Pin<&mut Self>,
/// #         cx: &mut Context<'_>,
/// #     ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
/// #         Pin::new(&mut self.0).poll_frame(cx)
/// #     }
/// # }
///
/// # let client = service_fn(|request: Request<Upload>| async move {
/// #     let answer = match request.uri().path() {
/// #         "/oauth/token" => {
/// #             let sent = request.into_body().collect().await.unwrap().to_bytes();
/// #             assert_eq!(sent, "grant_type=client_credentials");
/// #             r#"{"access_token": "2YotnFZFEjr1", "token_type": "bearer", "expires_in": 3600}"#
/// #         }
/// #         _ => "12 agents",
/// #     };
/// #     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer))))
/// # });
/// // `client` is a service of `Request<Upload>`.
/// let audience = Audience::origin("https://api.example.com")?;
/// let source = ClientCredentials::new("https://login.example.com/oauth/token", "my-app", "s3cr3t", audience)?
///     .with_client(client.clone());
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// assert_eq!(source.fetch().await?.header(), "Bearer 2YotnFZFEjr1");
/// let request = Request::get("https://api.example.com/agents").body(Upload::from(Bytes::new()))?;
/// let agents = client.oneshot(request).await?;
/// # assert_eq!(agents.into_body().collect().await?.to_bytes(), "12 agents");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `B` is found out where the client is a service of one kind of request, as most are. One that takes any body must be
/// told: `.with_client::<_, Full<Bytes>>(client)`.
///
/// The client need not be `Sync`. A source keeps one, clones it for each exchange, makes the clone ready and calls it at
/// once, so that a limit shared with other callers is never held across a wait. A client that follows redirects should
/// not be used: the endpoint's answer is what counts.
///
/// A client that was erased to a `BoxCloneSyncService<_, _, BoxError>` can fail to compile within a spawned block
/// ("implementation of `From` is not general enough"): erase the whole source instead, as an
/// [`AnyTokenSource`](clearance_core::AnyTokenSource).
pub struct Transport<C, B> {
    client: C,
    body: PhantomData<fn(Bytes) -> B>,
}

impl<C, B> Transport<C, B> {
    pub(crate) fn new(client: C) -> Self {
        Self {
            client,
            body: PhantomData,
        }
    }
}

impl<C: Clone, B> Clone for Transport<C, B> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone())
    }
}

impl<C, B> fmt::Debug for Transport<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

#[diagnostic::do_not_recommend]
impl<C, B, R> HttpService for Transport<C, B>
where
    C: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: From<Bytes> + 'static,
    R: Body<Data: Send, Error: Into<BoxError>> + Send,
{
    async fn exchange(self, request: Request<Bytes>) -> Result<RawReply, Failure> {
        let mut client = self.client;
        poll_fn(|cx| client.poll_ready(cx))
            .await
            .map_err(Failure::of)?;
        let sent = Instant::now().into_std();
        let response = client.call(request.map(B::from));
        let response = response.await.map_err(Failure::of)?;
        let received = Instant::now().into_std();
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect();
        let body = if is_told_by_its_head(head.status) {
            let body = timeout(PATIENCE, body).await;
            body.ok().and_then(Result::ok).map(Collected::to_bytes)
        } else {
            match body.await {
                Ok(body) => Some(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => None,
                Err(error) => return Err(Failure(error)),
            }
        };
        Ok(RawReply {
            status: head.status,
            headers: head.headers,
            body,
            sent,
            received,
        })
    }
}

/// To be asked less, or the issuer's own trouble. Lost with its body, its `Retry-After` would not be kept to.
fn is_told_by_its_head(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

pub(crate) mod sealed {
    use std::time::Instant;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::BoxError;

    /// An answer, read whole.
    #[derive(Debug)]
    pub struct RawReply {
        pub(crate) status: StatusCode,
        pub(crate) headers: HeaderMap,
        /// `None`: longer than is read, or not to be had where the head tells enough.
        pub(crate) body: Option<Bytes>,
        /// Just before the request was given to the ready service.
        pub(crate) sent: Instant,
        /// When the head of the answer was here.
        pub(crate) received: Instant,
    }

    /// The service could not carry the request or the answer.
    #[derive(Debug)]
    pub struct Failure(pub(crate) BoxError);

    impl Failure {
        pub(super) fn of(error: impl Into<BoxError>) -> Self {
            Self(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn nothing_of_a_client_is_shown() {
        let transport = Transport::<_, Full<Bytes>>::new("s3cr3t");
        assert_eq!(format!("{transport:?}"), "Transport");
        let client = crate::DefaultClient::new();
        assert_eq!(format!("{client:?}"), "DefaultClient");
    }
}
