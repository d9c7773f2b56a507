//! The refresh in flight: up to three attempts within 15 s, in a task of its own.

use std::{sync::Arc, time::Duration};

use clearance_core::{Token, TokenError, TokenErrorKind, TokenSource};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, info_span};

use super::{Order, REFRESH_DEADLINE, Shared, Ticket};
use crate::sync::Handle;

/// How long a throttled source is left alone between two attempts if it does not say.
const THROTTLED: Duration = Duration::from_secs(5);

/// Between two attempts there is always this much.
const SHORTEST: Duration = Duration::from_millis(100);

/// Starts a refresh. Needs a tokio runtime, and says so where there is none.
pub(super) fn spawn(shared: Arc<Shared>, order: Order) {
    let seat = Seat {
        shared,
        ticket: order.ticket,
        ended: false,
    };
    match Handle::try_current() {
        Ok(runtime) => {
            let span = info_span!("token_refresh", cause = ?order.cause);
            runtime.spawn(run(seat, order).instrument(span));
        }
        Err(_) => seat
            .slipped("tokens are refreshed in a tokio task: make this call within a tokio runtime"),
    }
}

async fn run(seat: Seat, order: Order) {
    let Some(deadline) = seat.shared.refresh_begins(seat.ticket) else {
        return;
    };
    let mut failure = None;
    let attempts = attempts(&seat.shared, order.attempts, deadline, &mut failure);
    let outcome = timeout_at(deadline, attempts).await.unwrap_or_else(|_| {
        // What an earlier attempt met names who does not answer, and why.
        Err(failure.unwrap_or_else(|| {
            TokenError::unavailable(format!(
                "the source gave no answer within {} s",
                REFRESH_DEADLINE.as_secs()
            ))
        }))
    });
    seat.end(outcome);
}

/// The token, and when it was asked for. `failure` is what the attempt before met.
async fn attempts(
    shared: &Shared,
    allowed: u32,
    deadline: Instant,
    failure: &mut Option<TokenError>,
) -> Result<(Token, Instant), TokenError> {
    let mut attempt = 1;
    loop {
        let asked = Instant::now();
        let error = match shared.source().fetch().await {
            Ok(token) => return Ok((token, asked)),
            Err(error) => error,
        };
        let pause = match error.kind() {
            TokenErrorKind::Throttled { retry_after } => {
                retry_after.unwrap_or(THROTTLED).max(SHORTEST)
            }
            // 100 to 300 ms, then 200 to 600 ms: a restarting issuer is not met by everyone at once.
            _ => {
                Duration::from_millis(100 * u64::from(attempt)).mul_f64(1.0 + 2.0 * fastrand::f64())
            }
        };
        if attempt >= allowed
            || !error.is_retryable()
            || deadline.saturating_duration_since(Instant::now()) <= pause
        {
            return Err(error);
        }
        tracing::debug!(attempt, %error, pause_ms = pause.as_millis() as u64, "token request failed, trying again");
        *failure = Some(error);
        sleep(pause).await;
        attempt += 1;
    }
}

/// The one place for a refresh. However its task ends (done, panicked, aborted, its runtime gone), the place is freed.
struct Seat {
    shared: Arc<Shared>,
    ticket: Ticket,
    ended: bool,
}

impl Seat {
    fn end(mut self, outcome: Result<(Token, Instant), TokenError>) {
        // Asks the source for its audience: should that panic, the seat is freed by `drop`.
        self.shared.refresh_ended(self.ticket, outcome);
        self.ended = true;
    }

    fn slipped(mut self, message: &str) {
        self.ended = true;
        self.shared
            .refresh_slipped(self.ticket, TokenError::unavailable(message));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if std::thread::panicking() {
            let error = TokenError::unavailable("the token source panicked: see the panic message");
            self.shared.refresh_slipped(self.ticket, error);
        } else {
            self.shared.refresh_vanished(self.ticket);
        }
    }
}
