//! A body that may end in the middle.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body that may end in the middle.
pub(crate) struct Ending {
    data: Option<Bytes>,
    length: u64,
    waited: bool,
}

impl Ending {
    pub(crate) fn whole(text: impl Into<Bytes>) -> Self {
        let data = text.into();
        Self {
            length: data.len() as u64,
            data: Some(data),
            waited: false,
        }
    }

    /// A byte more is promised than comes.
    pub(crate) fn cut(text: impl Into<Bytes>) -> Self {
        let whole = Self::whole(text);
        Self {
            length: whole.length + 1,
            ..whole
        }
    }
}

impl Body for Ending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(data) = self.data.take() else {
            if self.length > 0 && !mem::replace(&mut self.waited, true) {
                // A server that has to wait sends what it has first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready((self.length > 0).then(|| Err(io::Error::other("cut"))));
        };
        self.length -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
