//! A request body as a stream makes one: not `Clone`, of frames that come one by one. Each test file uses a part of it.
#![allow(dead_code, reason = "test code, of which each file uses a part")]

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Frames that are never there at once: each is waited for.
#[derive(Debug)]
pub(crate) struct Streamed {
    frames: VecDeque<Bytes>,
    is_due: bool,
    /// What its size hint tells.
    length: Option<u64>,
}

impl Streamed {
    /// A body of untold length: these bytes, so many to a frame.
    pub(crate) fn chunked(bytes: impl Into<Bytes>, frame: usize) -> Self {
        let mut rest = bytes.into();
        let mut frames = VecDeque::new();
        while !rest.is_empty() {
            frames.push_back(rest.split_to(frame.min(rest.len())));
        }
        Self {
            frames,
            is_due: false,
            length: None,
        }
    }

    /// The same, with its length told beforehand.
    pub(crate) fn with_length(bytes: impl Into<Bytes>, frame: usize) -> Self {
        let bytes = bytes.into();
        let length = Some(bytes.len() as u64);
        Self {
            length,
            ..Self::chunked(bytes, frame)
        }
    }
}

/// Nothing, and it says so.
impl Default for Streamed {
    fn default() -> Self {
        Self::with_length("", 1)
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.is_due = !self.is_due;
        if self.is_due {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = self.frames.pop_front();
        if let (Some(left), Some(frame)) = (&mut self.length, &frame) {
            *left -= frame.len() as u64;
        }
        Poll::Ready(frame.map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// Bytes of which no two stretches are the same for long.
pub(crate) fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}
