//! What goes wrong, by script.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Endpoint, RetryAfter};

/// What one answer suffers.
///
/// Through sockets and pipes a fault of the connection acts on the connection; where the simulator is called as a
/// service it becomes an error, of the call or of the body, or a future that never ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An error with this status, its body as the platform writes it.
    Status(u16),
    /// JSON with this status and this text, whether it is JSON or not.
    Answer(u16, String),
    /// Throttled: told to wait this long, in this form.
    Throttle(Duration, RetryAfter),
    /// The true answer, this much later.
    Slow(Duration),
    /// No answer at all. Ends when the client gives up.
    Hang,
    /// The head and half of the body, and then nothing more. Ends when the client gives up.
    HangInBody,
    /// The connection ends without an answer.
    Reset,
    /// The connection ends in the middle of a body of untold length.
    ResetInBody,
    /// The connection ends in the middle of a body whose length was told.
    Cut,
    /// A good reply of which half the JSON is missing.
    Malformed,
    /// A sign-in page with status 200.
    Html,
    /// The true answer with a mebibyte of blanks behind it.
    Oversized,
}

/// A [`Fault`] and how often it comes. A bare fault comes once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Faults {
    fault: Fault,
    /// `None`: for ever.
    left: Option<usize>,
}

impl Fault {
    /// This fault, so many times in a row.
    pub fn times(self, times: usize) -> Faults {
        Faults {
            fault: self,
            left: Some(times),
        }
    }

    /// This fault, until the simulator is told to heal.
    pub fn forever(self) -> Faults {
        Faults {
            fault: self,
            left: None,
        }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        fault.times(1)
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct FaultScript(Mutex<[VecDeque<Faults>; 3]>);

impl FaultScript {
    pub(crate) fn push(&self, endpoint: Endpoint, faults: Faults) {
        self.queues()[endpoint as usize].push_back(faults);
    }

    pub(crate) fn clear(&self) {
        *self.queues() = Default::default();
    }

    pub(crate) fn take(&self, endpoint: Endpoint) -> Option<Fault> {
        let queue = &mut self.queues()[endpoint as usize];
        loop {
            let faults = queue.front_mut()?;
            match &mut faults.left {
                None => return Some(faults.fault.clone()),
                Some(0) => {
                    queue.pop_front();
                }
                Some(left) => {
                    *left -= 1;
                    return Some(faults.fault.clone());
                }
            }
        }
    }

    fn queues(&self) -> MutexGuard<'_, [VecDeque<Faults>; 3]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_as_often_as_told() {
        let script = FaultScript::default();
        script.push(Endpoint::Token, Fault::Reset.times(2));
        script.push(Endpoint::Token, Fault::Html.times(0));
        script.push(Endpoint::Token, Fault::Hang.into());
        script.push(Endpoint::Api, Fault::Cut.forever());
        let taken = || script.take(Endpoint::Token);
        assert_eq!((taken(), taken()), (Some(Fault::Reset), Some(Fault::Reset)));
        assert_eq!((taken(), taken()), (Some(Fault::Hang), None));
        assert!((0..9).all(|_| script.take(Endpoint::Api) == Some(Fault::Cut)));
        script.clear();
        assert_eq!(script.take(Endpoint::Api), None);
    }
}
