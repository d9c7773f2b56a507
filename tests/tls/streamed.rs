//! A body that is sent as it is made, with or without a known length.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// A body that is sent as it is made, and cannot be cloned. It ends when its sender is dropped.
pub(crate) struct Streamed {
    parts: mpsc::Receiver<io::Result<Bytes>>,
    /// What is left of it, if that is known.
    left: Option<u64>,
}

impl Streamed {
    /// A body, and where its parts come from. Without a length it is sent chunked over HTTP/1.1.
    pub(crate) fn new(length: Option<u64>) -> (mpsc::Sender<io::Result<Bytes>>, Self) {
        let (sender, parts) = mpsc::channel(1);
        let body = Self {
            parts,
            left: length,
        };
        (sender, body)
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let part = ready!(self.parts.poll_recv(cx));
        if let (Some(left), Some(Ok(part))) = (&mut self.left, &part) {
            *left -= part.len() as u64;
        }
        Poll::Ready(part.map(|part| part.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
