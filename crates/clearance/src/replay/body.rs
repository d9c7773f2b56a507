//! The body.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
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
pub struct ReplayBody<B> {
    source: Arc<Source<B>>,
    place: Place,
}

impl<B: Body> ReplayBody<B> {
    /// Keeps up to 64 KiB of `body`.
    pub fn new(body: B) -> Self {
        Self::keeping(body, MOST)
    }

    pub(super) fn keeping(body: B, most: usize) -> Self {
        Self {
            source: Source::keeping(body, most),
            place: Place::default(),
        }
    }
}

impl<B> ReplayBody<B> {
    fn copy(&self, place: Place) -> Self {
        let source = Arc::clone(&self.source);
        Self { source, place }
    }
}

impl<B: Body + Unpin> Replay for ReplayBody<B> {
    fn again(&self) -> Option<Self> {
        let place = self.source.one_more(&self.place)?;
        Some(self.copy(place))
    }

    fn keep(&self) -> Option<Self> {
        (!self.source.too_long).then(|| self.copy(Place::default()))
    }

    fn seat(&self) -> Option<&Seat> {
        Some(&self.source.seat)
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
        let Self { source, place } = &mut *self;
        Poll::Ready(match ready!(source.poll_next(place, cx)) {
            Next::Frame(frame) => Some(Ok(frame)),
            Next::End => None,
            Next::Failed(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end(&self.place)
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint(&self.place)
    }
}

/// A frame whose bytes can be shared. `Bytes` are not copied for it.
pub(super) fn shared<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

/// So that a client of such bodies can serve a token source, too.
impl<B: Body + From<Bytes>> From<Bytes> for ReplayBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::new(B::from(bytes))
    }
}

impl<B: Body + Default> Default for ReplayBody<B> {
    fn default() -> Self {
        Self::new(B::default())
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
