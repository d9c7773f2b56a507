//! What carries a request to an issuer: any tower HTTP service, asked for no more than is needed.

use std::{
    error::Error,
    future::{Future, poll_fn},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Collected, Full, LengthLimitError, Limited};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use self::sealed::{Failure, RawReply};

/// The most that is read of an answer, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How long the body of a refusal is waited for: it is for people.
const PATIENCE: Duration = Duration::from_secs(1);

type BoxError = Box<dyn Error + Send + Sync>;

/// A tower HTTP service that a source can use. Implemented for every one that fits; nobody implements it by hand.
///
/// It need not be `Sync`. A source keeps one, clones it for each exchange, makes the clone ready and calls it at once,
/// so that a limit shared with other callers is never held across a wait. A service that follows redirects should not
/// be used: the endpoint's answer is what counts.
///
/// A client that was erased to a `BoxCloneSyncService<_, _, BoxError>` can fail to compile within a spawned block
/// ("implementation of `From` is not general enough"): erase the whole source instead, as a
/// [`AnyTokenSource`](clearance_core::AnyTokenSource).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry token requests",
    note = "needed is a `Clone + Send + 'static` tower service from `http::Request<Full<Bytes>>` to `http::Response<impl Body>`",
    note = "without the feature `https` of `clearance-oauth` a source has no client of its own: give it one by `with_client`"
)]
pub trait HttpService: Clone + Send + 'static {
    /// Makes the service ready, sends the request and reads the answer.
    #[doc(hidden)]
    fn exchange(
        self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<RawReply, Failure>> + Send;
}

#[diagnostic::do_not_recommend]
impl<S, B> HttpService for S
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send,
{
    async fn exchange(mut self, request: Request<Full<Bytes>>) -> Result<RawReply, Failure> {
        poll_fn(|cx| self.poll_ready(cx))
            .await
            .map_err(Failure::of)?;
        let sent = Instant::now().into_std();
        let response = self.call(request).await.map_err(Failure::of)?;
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
