//! The body.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::{
    Replay,
    head::Seat,
    source::{MOST, Next, Place, Source},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// A body that can be sent again, as long as it is not too long. Made by
/// [`ReplayBodyLayer`](super::ReplayBodyLayer); see the [module](super).
///
/// It is not `Clone`: what it is good for is [`again`](Replay::again), which says when it is not possible. Its error is that
/// of the body inside, boxed and unchanged, or a [`ReplayBodyError`](super::ReplayBodyError).
pub struct ReplayBody<B>(Kind<B>);

enum Kind<B> {
    /// Not kept, or not any more. In a lock only so that it can be shared like the other kind.
    Once(Mutex<B>),
    Kept {
        source: Arc<Source<B>>,
        place: Place,
    },
}

impl<B: Body> ReplayBody<B> {
    /// Keeps up to 64 KiB of `body`.
    pub fn new(body: B) -> Self {
        Self::keeping(body, MOST)
    }

    pub(super) fn keeping(body: B, most: usize) -> Self {
        let too_long = body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX);
        Self(if too_long {
            Kind::Once(Mutex::new(body))
        } else {
            Kind::Kept {
                source: Arc::new(Source::new(body, most)),
                place: Place::default(),
            }
        })
    }
}

impl<B: Body + Unpin> Replay for ReplayBody<B> {
    fn again(&self) -> Option<Self> {
        let Kind::Kept { source, place } = &self.0 else {
            return None;
        };
        let place = source.one_more(place)?;
        let source = Arc::clone(source);
        Some(Self(Kind::Kept { source, place }))
    }

    fn seat(&self) -> Option<&Seat> {
        match &self.0 {
            Kind::Once(_) => None,
            Kind::Kept { source, .. } => Some(&source.seat),
        }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Once(body) => {
                let body = body.get_mut().unwrap_or_else(PoisonError::into_inner);
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map(shared).map_err(Into::into)))
            }
            Kind::Kept { source, place } => {
                let (frame, rest) = match ready!(source.poll_next(place, cx)) {
                    Next::Frame(frame) => (frame, None),
                    Next::TooLong(frame, rest) => (frame, Some(rest)),
                    Next::End => return Poll::Ready(None),
                    Next::Failed(error) => return Poll::Ready(Some(Err(error))),
                };
                if let Some(rest) = rest {
                    self.0 = Kind::Once(Mutex::new(rest));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Once(body) => body
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_end_stream(),
            Kind::Kept { source, place } => source.is_end(place),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Once(body) => body
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .size_hint(),
            Kind::Kept { source, place } => source.size_hint(place),
        }
    }
}

/// A frame whose bytes can be shared. `Bytes` are not copied for it.
pub(super) fn shared<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

impl<B: Body + Default> Default for ReplayBody<B> {
    fn default() -> Self {
        Self::new(B::default())
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody")
            .field("kept", &matches!(self.0, Kind::Kept { .. }))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
