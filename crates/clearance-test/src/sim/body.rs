//! The body of an answer, which may end badly.

use std::{
    fmt, io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The body of a simulated answer. Read it with `http_body_util::BodyExt`.
#[derive(Default)]
pub struct Body {
    data: Bytes,
    /// The length that is told beforehand, which is not always what comes.
    told: Option<u64>,
    ending: Ending,
}

/// How a body ends after its data.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    Whole,
    /// The connection breaks, once what came before has been written.
    Breaks,
    Breaking,
    Hangs,
}

impl Body {
    pub(crate) fn whole(data: Bytes) -> Self {
        Self {
            told: Some(data.len() as u64),
            data,
            ending: Ending::Whole,
        }
    }

    /// Half of it after its full length was told, then the end of the connection.
    pub(crate) fn cut(data: &Bytes) -> Self {
        Self {
            told: Some(data.len() as u64),
            ..Self::reset(data)
        }
    }

    /// Half of it, of no known length, then the end of the connection.
    pub(crate) fn reset(data: &Bytes) -> Self {
        Self {
            told: None,
            data: half(data),
            ending: Ending::Breaks,
        }
    }

    /// Half of it after its full length was told, then nothing more.
    pub(crate) fn hanging(data: &Bytes) -> Self {
        Self {
            ending: Ending::Hangs,
            ..Self::cut(data)
        }
    }
}

/// The first half.
pub(crate) fn half(data: &Bytes) -> Bytes {
    data.slice(..data.len() / 2)
}

/// The error of a connection that was ended by a fault.
pub(crate) fn reset_error() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "the simulated server broke the connection",
    )
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.data.is_empty() {
            let data = mem::take(&mut self.data);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::Hangs => Poll::Pending,
            Ending::Breaks => {
                // A server flushes when it is made to wait; an error at once would swallow the first half.
                self.ending = Ending::Breaking;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Breaking => {
                *self = Self::default();
                Poll::Ready(Some(Err(reset_error())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.ending == Ending::Whole
    }

    fn size_hint(&self) -> SizeHint {
        match self.told {
            Some(told) => SizeHint::with_exact(told),
            None => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}
