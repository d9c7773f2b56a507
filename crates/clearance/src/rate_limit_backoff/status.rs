//! What a health page shows.

use std::{fmt, time::Duration};

/// A snapshot of all keys that were refused lately, in the order of their names.
///
/// `Display` gives a line a key: `https://api.example.com: 3 held, pause 1.5 s, 39.5 calls/s, 7 refused, 1 given up`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// Keys that nobody asked for in five minutes may be missing.
    pub keys: Vec<KeyStatus>,
}

/// What is known of one key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The origin, or what [`keyed_by`](crate::RateLimitBackoffLayer::keyed_by) made of the request.
    pub key: String,
    /// How many calls wait.
    pub held: usize,
    /// How much of the pause remains; `None`: calls may leave.
    pub pause: Option<Duration>,
    /// At how many calls a second calls leave, learned or given; `None`: no limit is known well enough.
    pub rate: Option<f64>,
    /// How many replies were refusals.
    pub refused: u64,
    /// How often a refused call was sent again.
    pub retried: u64,
    /// How many calls were given up: their refusal was returned, or they would have been sent too late.
    pub given_up: u64,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.keys.is_empty() {
            return f.write_str("no limit met");
        }
        for (at, key) in self.keys.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            write!(f, "{newline}{key}")?;
        }
        Ok(())
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} held, ", self.key, self.held)?;
        if let Some(pause) = self.pause {
            write!(f, "pause {:.1} s, ", pause.as_secs_f64())?;
        }
        if let Some(rate) = self.rate {
            write!(f, "{rate:.1} calls/s, ")?;
        }
        write!(f, "{} refused, {} given up", self.refused, self.given_up)
    }
}
