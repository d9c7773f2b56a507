//! The copy of a request that a replay is made of.

use http::{Extensions, Request, request::Parts};
use tokio::time::Instant;

use super::{Replay, head::Head};

/// A request's head and body as they were before it was sent.
#[derive(Debug)]
pub(crate) struct KeptRequest<B> {
    /// `None`: all there is of the head is in the body's seat, where another layer has put it or will look for it.
    own: Option<Box<Own>>,
    body: B,
}

/// What of a head is not in a seat. It is apart since it is large, and in most calls there is nothing of it.
#[derive(Debug, Default)]
struct Own {
    /// Empty, if it is in the seat.
    head: Head,
    extensions: Extensions,
}

impl<B: Replay> KeptRequest<B> {
    /// A copy of `request`. `None` if its body cannot be sent twice.
    pub(crate) fn of(request: &Request<B>) -> Option<Self> {
        let body = request.body().keep()?;
        let is_seated = body.seat().is_some_and(|seat| seat.keep(request));
        let own = Own::of(request, is_seated);
        Some(Self { own, body })
    }

    /// The head as it was before the request was sent.
    pub(crate) fn head(&self) -> Parts {
        let mut head = self.read(Head::parts);
        if let Some(own) = &self.own {
            head.extensions = own.extensions.clone();
        }
        head
    }

    /// Of a gRPC call: when nobody waits for its reply any more.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.read(Head::deadline)
    }

    /// The request once more. `None` if its body turned out to be longer than can be kept.
    pub(crate) fn again(&self) -> Option<Request<B>> {
        let body = self.body.again()?;
        Some(Request::from_parts(self.head(), body))
    }

    fn read<T>(&self, read: impl FnOnce(&Head) -> T) -> T {
        let own = self.own.as_ref().map(|own| &own.head);
        match (own.filter(|head| head.is_kept()), self.body.seat()) {
            (Some(head), _) => read(head),
            (None, Some(seat)) => read(&seat.lock()),
            (None, None) => unreachable!("there is a seat where nothing was kept"),
        }
    }
}

impl Own {
    /// Filled where it is, since it is long.
    fn of<B>(request: &Request<B>, is_seated: bool) -> Option<Box<Self>> {
        if is_seated && request.extensions().is_empty() {
            return None;
        }
        let mut own = Box::<Self>::default();
        own.extensions.clone_from(request.extensions());
        if !is_seated {
            own.head.keep(request);
        }
        Some(own)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderValue, Version};
    use http_body_util::Full;

    use super::*;
    use crate::ReplayBody;

    #[test]
    fn two_layers_share_a_copy_unless_the_head_was_changed_between_them() {
        let body = ReplayBody::new(Full::<Bytes>::from("text"));
        let mut request = Request::put("https://api.example.com").body(body).unwrap();
        let outer = KeptRequest::of(&request);
        let same = KeptRequest::of(&request);
        request
            .headers_mut()
            .insert("x-between", HeaderValue::from_static("1"));
        request.extensions_mut().insert("between");
        let changed = KeptRequest::of(&request);

        let (outer, same, changed) = (outer.unwrap(), same.unwrap(), changed.unwrap());
        assert!(outer.own.is_none() && same.own.is_none() && changed.own.is_some());
        for (kept, fields) in [(outer, 0), (same, 0), (changed, 1)] {
            let again = kept.again().unwrap();
            assert_eq!(
                (again.headers().len(), again.extensions().len()),
                (fields, fields)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_kept_with_the_head_wherever_that_is() {
        let in_time = Instant::now() + Duration::from_secs(3);
        let text = || Full::<Bytes>::from("text");
        let (seated, boxed) = (call(ReplayBody::new(text())), call(text()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(seated.own.is_none() && boxed.own.is_some());
        assert_eq!(
            (seated.deadline(), boxed.deadline()),
            (Some(in_time), Some(in_time))
        );
    }

    /// tower's `Retry` sends a head again as it was, with the same body.
    #[tokio::test(start_paused = true)]
    async fn another_attempt_has_a_deadline_of_its_own() {
        let request = request(ReplayBody::new(Full::<Bytes>::from("text")));
        let keep = || KeptRequest::of(&request).unwrap();
        let outer = keep();
        tokio::time::advance(Duration::from_millis(1)).await;
        let inner = keep();
        tokio::time::advance(Duration::from_secs(1)).await;
        let attempt = keep();
        assert!(outer.own.is_none() && inner.own.is_none() && attempt.own.is_some());
        assert_eq!(inner.deadline(), outer.deadline());
        let left = attempt.deadline().map(|deadline| deadline - Instant::now());
        assert_eq!(left, Some(Duration::from_secs(3)));
    }

    fn call<B: Replay>(body: B) -> KeptRequest<B> {
        KeptRequest::of(&request(body)).unwrap()
    }

    /// A call of gRPC that has three seconds.
    fn request<B>(body: B) -> Request<B> {
        let request = Request::post("https://api.example.com")
            .version(Version::HTTP_2)
            .header("grpc-timeout", "3S");
        request.body(body).unwrap()
    }
}
