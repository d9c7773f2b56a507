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
    source::{MOST, Next, Place, Source},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// A body that can be sent again, as long as it is not too long. Made by
/// [`ReplayBodyLayer`](super::ReplayBodyLayer); see the [module](super).
///
/// It is not `Clone`: what it is good for is [`again`](Replay::again), which says when it is not possible. Its error is that
/// of the body inside, boxed and unchanged, or a [`ReplayBodyError`](super::ReplayBodyError).
pub struct ReplayBody<B> {
    /// `None`: there is nothing in it.
    source: Option<Arc<Source<B>>>,
    place: Place,
}

impl<B: Body> ReplayBody<B> {
    /// Keeps up to 64 KiB of `body`.
    pub fn new(body: B) -> Self {
        Self::keeping(body, MOST)
    }

    pub(super) fn keeping(body: B, most: usize) -> Self {
        let source = (!body.is_end_stream()).then(|| Arc::new(Source::keeping(body, most)));
        let place = Place::default();
        Self { source, place }
    }
}

impl<B: Body + Unpin> Replay for ReplayBody<B> {
    fn again(&self) -> Option<Self> {
        let one_more = |source: &Arc<Source<_>>| source.one_more(&self.place);
        let place = self
            .source
            .as_ref()
            .map_or_else(|| Some(Place::default()), one_more)?;
        let source = self.source.clone();
        Some(Self { source, place })
    }

    fn keep(&self) -> Option<Self> {
        let source = self.source.clone();
        let place = Place::default();
        let too_long = source.as_ref().is_some_and(|source| source.too_long);
        (!too_long).then_some(Self { source, place })
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
        let Some(source) = source else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(source.poll_next(place, cx)) {
            Next::Frame(frame) => Some(Ok(frame)),
            Next::End => None,
            Next::Failed(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        let is_end = |source: &Arc<Source<_>>| source.is_end(&self.place);
        self.source.as_ref().is_none_or(is_end)
    }

    fn size_hint(&self) -> SizeHint {
        let of_the_rest = |source: &Arc<Source<_>>| source.size_hint(&self.place);
        let nothing = SizeHint::with_exact(0);
        self.source.as_ref().map_or(nothing, of_the_rest)
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
