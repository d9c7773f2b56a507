//! How far two clocks are apart.

use std::fmt;

use clearance_core::clock::Skew;

use crate::diagnosis::Mark;

/// Below this, in seconds, a clock that is off does no harm but in fine measurements.
pub(crate) const TOLERABLE: f64 = 2.0;
/// From here on it is wrong for everyone.
const FAR: f64 = 60.0;

/// How far a clock is ahead of another, and by how much that may be wrong; in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) ahead: f64,
    pub(crate) error: f64,
}

impl Gap {
    /// Of a server against the local clock. Its stamps may be up to a second older than what its clock shows.
    pub(crate) fn of(skew: Skew) -> Self {
        let skew = skew.with_lag();
        let magnitude = skew.magnitude();
        let is_behind = skew.is_server_behind() || !skew.covers(magnitude);
        let ahead = magnitude.as_secs_f64();
        Self {
            ahead: if is_behind { -ahead } else { ahead },
            error: skew.error().as_secs_f64(),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            ahead: self.ahead - other.ahead,
            error: self.error + other.error,
        }
    }

    /// How bad it is, beyond doubt.
    pub(crate) fn mark(self) -> Mark {
        let beyond_doubt = self.ahead.abs() - self.error;
        if beyond_doubt > FAR {
            Mark::Bad
        } else if beyond_doubt > TOLERABLE {
            Mark::Warn
        } else {
            Mark::Ok
        }
    }

    /// The same, as seen from the other side.
    pub(crate) fn of_the_local_clock(self) -> String {
        let seen = Self {
            ahead: -self.ahead,
            ..self
        };
        seen.to_string()
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ahead, error } = self;
        if self.mark() == Mark::Ok {
            return write!(f, "within {:.1} s of", ahead.abs() + error);
        }
        let side = if *ahead > 0.0 { "ahead of" } else { "behind" };
        write!(f, "{:.1} s ± {error:.1} s {side}", ahead.abs())
    }
}
