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
use http_body::{Body, Frame, SizeHint};

use super::{body::shared, frames::Frames};

/// How many bytes of a body are kept.
pub(super) const MOST: usize = 64 * 1024;

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
    /// It is known to be too long from the beginning.
    pub(super) too_long: bool,
    /// Polled under the lock, since its frames must be kept in the order in which they come.
    state: Mutex<State<B>>,
}

struct State<B> {
    /// What is not read yet. `None`: all is, or it failed.
    rest: Option<B>,
    kept: Frames,
    /// Nothing is kept any more: whoever reads it is the last to.
    lost: bool,
    /// Of the whole body.
    hint: SizeHint,
    most: usize,
    /// How often the body was asked for again: only the copies that know of the last time may be sent since.
    asked: u32,
    /// How many sendings have begun, and the last one of these that was allowed to: it reads on.
    begun: u32,
    reader: u32,
    /// Of the one that waits for more.
    waker: Option<Waker>,
}

/// Of a copy of the body: whether it may be sent, and how much of it is.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Atomic only so that it can be shared.
    asked: AtomicU32,
    /// 0: it has not begun.
    sending: u32,
    frames: usize,
}

pub(super) enum Next {
    Frame(Frame<Bytes>),
    End,
    Failed(BoxError),
}

// ===== impl Source =====

impl<B: Body> Source<B> {
    pub(super) fn keeping(body: B, most: usize) -> Self {
        let hint = body.size_hint();
        let too_long = hint.lower() > u64::try_from(most).unwrap_or(u64::MAX);
        Self {
            too_long,
            state: Mutex::new(State {
                rest: Some(body),
                kept: Frames::default(),
                lost: too_long,
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
        match &state.rest {
            Some(rest) => state.lost && state.is_read_by(place) && rest.is_end_stream(),
            None if state.lost => state.is_read_by(place),
            None => place.frames == state.kept.number(),
        }
    }

    pub(super) fn size_hint(&self, place: &Place) -> SizeHint {
        let state = self.lock();
        let left = state.kept.bytes_after(place.frames);
        match &state.rest {
            Some(rest) if state.lost && state.is_read_by(place) => return rest.size_hint(),
            // HTTP/1.1 sends no trailers after a body of known length.
            None if state.kept.trailers.is_none() && !state.lost => {
                return SizeHint::with_exact(left);
            }
            _ => {}
        }
        let passed = state.kept.bytes - left;
        let mut hint = SizeHint::new();
        hint.set_lower(state.hint.lower().saturating_sub(passed));
        if let Some(upper) = state.hint.upper() {
            hint.set_upper(upper.saturating_sub(passed).max(hint.lower()));
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
        let is_read_on = state.is_read_by(place);
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
        let has_begun = state.reader != 0;
        if state.asked != *place.asked.get_mut() || (state.lost && has_begun) {
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
    pub(super) fn poll_next(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<Next> {
        if place.sending == 0 {
            self.begin(place);
        }
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(frame) = state.kept.frame(place.frames) {
            place.frames += 1;
            return Poll::Ready(Next::Frame(frame));
        }
        if state.lost && !state.is_read_by(place) {
            return Poll::Ready(Next::Failed(ReplayBodyError::NotKept.into()));
        }
        let is_cut_off = !state.is_read_by(place) || state.asked != *place.asked.get_mut();
        let Some(rest) = &mut state.rest else {
            return Poll::Ready(Next::End);
        };
        if is_cut_off {
            return Poll::Ready(Next::Failed(ReplayBodyError::Superseded.into()));
        }
        let Poll::Ready(next) = Pin::new(&mut *rest).poll_frame(cx) else {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let ended = rest.is_end_stream();
        Poll::Ready(match next.transpose() {
            Ok(Some(frame)) => {
                let frame = shared(frame);
                if !state.lost {
                    place.frames += 1;
                    state.keep(&frame, ended);
                }
                Next::Frame(frame)
            }
            Ok(None) => {
                state.end();
                Next::End
            }
            Err(error) => {
                state.lose();
                state.rest = None;
                Next::Failed(error.into())
            }
        })
    }
}

// ===== impl State =====

impl<B> State<B> {
    /// Whether it is this copy that reads on. Of a body that nobody has begun to read it is every copy.
    fn is_read_by(&self, place: &Place) -> bool {
        self.reader == place.sending
    }

    fn keep(&mut self, frame: &Frame<Bytes>, ended: bool) {
        if !self.kept.keep(frame, self.most) {
            self.lose();
        } else if ended {
            self.end();
        }
    }

    /// All is read. What is shorter or longer than it was said to be fails where it is sent; sent again, it would tell the
    /// length that it has, and look whole.
    fn end(&mut self) {
        let (least, most) = (self.hint.lower(), self.hint.upper());
        if !(least..=most.unwrap_or(u64::MAX)).contains(&self.kept.bytes) {
            self.lose();
        }
        self.rest = None;
    }

    /// From now on the body cannot be sent again.
    fn lose(&mut self) {
        self.kept = Frames::default();
        self.lost = true;
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
