//! Limiters as servers have them. Time is counted from the start of a run, so that they work on any clock.

use std::{collections::VecDeque, time::Duration};

/// What a server allows.
#[derive(Clone, Debug)]
pub enum Limiter {
    /// So many a second, and so many at once.
    Bucket {
        rate: f64,
        burst: f64,
        tokens: f64,
        at: f64,
    },
    /// A bucket whose rate is another one from a time to a time.
    Falling {
        bucket: Box<Self>,
        low: f64,
        from: f64,
        to: f64,
        high: f64,
    },
    /// So many in every window of so many seconds, counted from the start.
    Fixed {
        count: u32,
        window: f64,
        used: u32,
        number: u64,
    },
    /// So many in any so many seconds.
    Sliding {
        count: usize,
        window: f64,
        log: VecDeque<f64>,
    },
}

impl Limiter {
    pub fn bucket(rate: f64, burst: f64) -> Self {
        Self::Bucket {
            rate,
            burst,
            tokens: burst,
            at: 0.0,
        }
    }

    pub fn falling(high: f64, low: f64, burst: f64, from: f64, to: f64) -> Self {
        let bucket = Box::new(Self::bucket(high, burst));
        Self::Falling {
            bucket,
            low,
            from,
            to,
            high,
        }
    }

    pub fn fixed(count: u32, window: f64) -> Self {
        Self::Fixed {
            count,
            window,
            used: 0,
            number: 0,
        }
    }

    pub fn sliding(count: usize, window: f64) -> Self {
        Self::Sliding {
            count,
            window,
            log: VecDeque::new(),
        }
    }

    /// A request arrives `at` this time: is it let through, or how long until one will be?
    pub fn admit(&mut self, at: Duration) -> Result<(), Duration> {
        let now = at.as_secs_f64();
        let wait = match self {
            Self::Bucket {
                rate,
                burst,
                tokens,
                at,
            } => {
                *tokens = (*tokens + (now - *at).max(0.0) * *rate).min(*burst);
                *at = now.max(*at);
                // A billionth less than a whole token is one: that is rounding.
                if *tokens > 1.0 - 1e-9 {
                    *tokens -= 1.0;
                    return Ok(());
                }
                (1.0 - *tokens) / *rate
            }
            Self::Falling {
                bucket,
                low,
                from,
                to,
                high,
            } => {
                let rate_now = if (*from..*to).contains(&now) {
                    *low
                } else {
                    *high
                };
                if let Self::Bucket { rate, .. } = &mut **bucket {
                    *rate = rate_now;
                }
                return bucket.admit(at);
            }
            Self::Fixed {
                count,
                window,
                used,
                number,
            } => {
                let current = (now / *window) as u64;
                if current != *number {
                    (*used, *number) = (0, current);
                }
                if *used < *count {
                    *used += 1;
                    return Ok(());
                }
                (current + 1) as f64 * *window - now
            }
            Self::Sliding { count, window, log } => {
                while log.front().is_some_and(|first| first + *window <= now) {
                    log.pop_front();
                }
                if log.len() < *count {
                    log.push_back(now);
                    return Ok(());
                }
                log[0] + *window - now
            }
        };
        Err(Duration::from_secs_f64(wait.max(0.0)))
    }
}
