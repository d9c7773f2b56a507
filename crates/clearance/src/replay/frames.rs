//! What was sent of a body, frame by frame, to be sent again.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

/// What a frame itself takes, about: of so many bytes of a large bound there may be one.
const FRAME: usize = 32;
/// There may always be so many, which is what 64 KiB allow: a small bound is meant for the data.
const FRAMES: usize = 2048;

/// Data, shared and not copied, and the trailers.
#[derive(Default)]
pub(super) struct Frames {
    // Most bodies are one frame, which then takes no allocation.
    first: Option<Bytes>,
    others: Vec<Bytes>,
    pub(super) trailers: Option<Box<HeaderMap>>,
    pub(super) bytes: u64,
}

impl Frames {
    pub(super) fn number(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len() + usize::from(self.trailers.is_some())
    }

    pub(super) fn frame(&self, nth: usize) -> Option<Frame<Bytes>> {
        let data = match nth.checked_sub(1) {
            None => self.first.as_ref(),
            Some(nth) => self.others.get(nth),
        };
        let trailers = || {
            let trailers = self.trailers.as_ref().filter(|_| nth + 1 == self.number());
            trailers.map(|trailers| Frame::trailers(HeaderMap::clone(trailers)))
        };
        data.cloned().map(Frame::data).or_else(trailers)
    }

    /// How long the frames after so many are.
    pub(super) fn bytes_after(&self, frames: usize) -> u64 {
        let data = self.first.iter().chain(&self.others).skip(frames);
        data.map(|data| data.len() as u64).sum()
    }

    /// Whether there is room for `frame`.
    pub(super) fn keep(&mut self, frame: &Frame<Bytes>, most: usize) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(Box::new(trailers.clone()));
            return true;
        }
        let Some(data) = frame.data_ref() else {
            return true;
        };
        self.bytes += data.len() as u64;
        let frames = self.number() + 1;
        if self.bytes > most as u64 || frames > (most / FRAME).max(FRAMES) {
            return false;
        }
        match self.first {
            None => self.first = Some(data.clone()),
            Some(_) => self.others.push(data.clone()),
        }
        true
    }
}
