//! What is kept of a body, and the rest of it.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{body::shared, head::Seat};

/// How many bytes of a body are kept.
pub(super) const MOST: usize = 64 * 1024;
/// Of so many bytes there may be one frame: what a frame itself takes is about as much.
const FRAME: usize = 32;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a [`ReplayBody`](super::ReplayBody) could not be sent to its end, where the body inside did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayBodyError {
    /// Another sending has taken over before this one had read everything. It ends the connection or stream of a
    /// request whose reply is given up already; nobody waits for it.
    Superseded,
    /// It was asked for again while it was kept, and sent when it was not any more: it was too long, or it failed.
    NotKept,
}

/// A body that is read once and sent several times.
pub(super) struct Source<B> {
    pub(super) seat: Seat,
    /// Polled under the lock, since its frames must be kept in the order in which they come.
    state: Mutex<State<B>>,
}

struct State<B> {
    /// What is not read yet. `None`: all is.
    rest: Option<B>,
    kept: Kept,
    /// Nothing is kept any more.
    lost: bool,
    /// Of the whole body.
    hint: SizeHint,
    most: usize,
    /// How often the body was asked for again: only the two copies concerned may be sent since.
    asked: u32,
    /// How many sendings have begun, and the last one of these that was allowed to: it reads on.
    begun: u32,
    reader: u32,
    /// Of the one that waits for more.
    waker: Option<Waker>,
}

#[derive(Default)]
struct Kept {
    // Most bodies are one frame, which then takes no allocation.
    first: Option<Bytes>,
    others: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    bytes: u64,
}

/// Of a copy of the body: whether it may be sent, and how much of it is.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Atomic only so that it can be shared.
    asked: AtomicU32,
    /// 0: it has not begun.
    sending: u32,
    frames: usize,
    bytes: u64,
}

pub(super) enum Next<B> {
    Frame(Frame<Bytes>),
    /// The frame, and all that comes after it: no more is kept.
    TooLong(Frame<Bytes>, B),
    End,
    Failed(BoxError),
}

// ===== impl Source =====

impl<B: Body> Source<B> {
    pub(super) fn new(body: B, most: usize) -> Self {
        let hint = body.size_hint();
        let rest = (!body.is_end_stream()).then_some(body);
        Self {
            seat: Seat::default(),
            state: Mutex::new(State {
                rest,
                kept: Kept::default(),
                lost: false,
                hint,
                most,
                asked: 0,
                begun: 0,
                reader: 0,
                waker: None,
            }),
        }
    }

    pub(super) fn is_end(&self, place: &Place) -> bool {
        let state = self.lock();
        state.rest.is_none() && !state.lost && place.frames == state.kept.frames()
    }

    pub(super) fn size_hint(&self, place: &Place) -> SizeHint {
        let state = self.lock();
        // HTTP/1.1 sends no trailers after a body of known length.
        if state.rest.is_none() && !state.lost && state.kept.trailers.is_none() {
            return SizeHint::with_exact(state.kept.bytes.saturating_sub(place.bytes));
        }
        let mut hint = SizeHint::new();
        hint.set_lower(state.hint.lower().saturating_sub(place.bytes));
        if let Some(upper) = state.hint.upper() {
            hint.set_upper(upper.saturating_sub(place.bytes).max(hint.lower()));
        }
        hint
    }
}

impl<B> Source<B> {
    /// The place of one more copy. Whatever else is being sent is cut off; `None`: it cannot be sent again.
    pub(super) fn one_more(&self, place: &Place) -> Option<Place> {
        let mut state = self.lock();
        if state.lost {
            return None;
        }
        state.asked += 1;
        place.asked.store(state.asked, Ordering::Relaxed);
        let again = Place {
            asked: AtomicU32::new(state.asked),
            ..Place::default()
        };
        let is_read_on = state.reader == place.sending;
        let cut_off = state.waker.take_if(|_| !is_read_on);
        drop(state);
        // It asks once more, to learn that it is over.
        cut_off.into_iter().for_each(Waker::wake);
        Some(again)
    }

    fn begin(&self, place: &mut Place) {
        let mut state = self.lock();
        state.begun += 1;
        place.sending = state.begun;
        if state.asked != *place.asked.get_mut() {
            return;
        }
        state.reader = place.sending;
        let cut_off = state.waker.take();
        drop(state);
        cut_off.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Source<B> {
    /// The frame after `place`, from what is kept or from the body.
    pub(super) fn poll_next(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<Next<B>> {
        if place.sending == 0 {
            self.begin(place);
        }
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(frame) = state.kept.frame(place.frames) {
            place.passed(&frame);
            return Poll::Ready(Next::Frame(frame));
        }
        if state.lost {
            return Poll::Ready(Next::Failed(ReplayBodyError::NotKept.into()));
        }
        let Some(rest) = &mut state.rest else {
            return Poll::Ready(Next::End);
        };
        if state.reader != place.sending || state.asked != *place.asked.get_mut() {
            return Poll::Ready(Next::Failed(ReplayBodyError::Superseded.into()));
        }
        let Poll::Ready(next) = Pin::new(&mut *rest).poll_frame(cx) else {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let frame = match next.transpose() {
            Ok(Some(frame)) => shared(frame),
            Ok(None) => {
                state.end();
                return Poll::Ready(Next::End);
            }
            Err(error) => {
                state.lose();
                return Poll::Ready(Next::Failed(error.into()));
            }
        };
        let ended = rest.is_end_stream();
        place.passed(&frame);
        if !state.kept.keep(&frame, state.most) {
            let rest = state.lose();
            return Poll::Ready(match rest {
                Some(rest) => Next::TooLong(frame, rest),
                None => Next::Frame(frame),
            });
        }
        if ended {
            state.end();
        }
        Poll::Ready(Next::Frame(frame))
    }
}

// ===== impl State =====

impl<B> State<B> {
    /// All is read. What is shorter or longer than it was said to be fails where it is sent; sent again, it would tell the
    /// length that it has, and look whole.
    fn end(&mut self) {
        let (least, most) = (self.hint.lower(), self.hint.upper());
        if (least..=most.unwrap_or(u64::MAX)).contains(&self.kept.bytes) {
            self.rest = None;
        } else {
            self.lose();
        }
    }

    /// From now on the body cannot be sent again. Returns what is not read of it.
    fn lose(&mut self) -> Option<B> {
        self.kept = Kept::default();
        self.lost = true;
        self.rest.take()
    }
}

// ===== impl Kept =====

impl Kept {
    fn frames(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len() + usize::from(self.trailers.is_some())
    }

    fn frame(&self, nth: usize) -> Option<Frame<Bytes>> {
        let data = match nth.checked_sub(1) {
            None => self.first.as_ref(),
            Some(nth) => self.others.get(nth),
        };
        let trailers = || {
            let trailers = self.trailers.as_ref().filter(|_| nth + 1 == self.frames());
            trailers.cloned().map(Frame::trailers)
        };
        data.cloned().map(Frame::data).or_else(trailers)
    }

    /// Whether there is room for `frame`.
    fn keep(&mut self, frame: &Frame<Bytes>, most: usize) -> bool {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
            return true;
        }
        let Some(data) = frame.data_ref() else {
            return true;
        };
        self.bytes += data.len() as u64;
        let frames = self.frames() + 1;
        if self.bytes > most as u64 || frames > (most / FRAME).max(1) {
            return false;
        }
        match self.first {
            None => self.first = Some(data.clone()),
            Some(_) => self.others.push(data.clone()),
        }
        true
    }
}

impl Place {
    fn passed(&mut self, frame: &Frame<Bytes>) {
        self.frames += 1;
        self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}

// ===== impl ReplayBodyError =====

impl fmt::Display for ReplayBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Superseded => {
                "the request is sent again, and this sending of its body was given up"
            }
            Self::NotKept => {
                "the body is longer than is kept, or it failed, and cannot be sent again"
            }
        })
    }
}

impl Error for ReplayBodyError {}
