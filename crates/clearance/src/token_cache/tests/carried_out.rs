//! What is decided is carried out: refreshes in tasks of their own, waiters woken, what is published kept up to date.

mod attempts;
mod broken_off;
mod lifetimes;
mod published;
mod routes;
mod waiters;

use std::{collections::VecDeque, future::pending, sync::Mutex};

use clearance_core::{AnyTokenSource, Token, TokenSource};
use clearance_test::TokioWallClock;
use tokio::time::{advance, sleep};

use super::*;

/// What the source does when it is asked, one after the other; after that it never answers.
enum Step {
    Gives(Token),
    /// Gives it after a while.
    Late(Duration, Token),
    Fails(TokenError),
    Panics,
}
use Step::{Fails, Gives, Late, Panics};

/// A source that remembers when it was asked.
#[derive(Default)]
struct Source {
    steps: Mutex<VecDeque<Step>>,
    asked: Mutex<Vec<Instant>>,
}

impl Source {
    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

impl TokenSource for Source {
    async fn fetch(&self) -> Result<Token, TokenError> {
        self.asked.lock().unwrap().push(Instant::now());
        let step = self.steps.lock().unwrap().pop_front();
        match step {
            Some(Gives(token)) => Ok(token),
            Some(Late(after, token)) => {
                sleep(after).await;
                Ok(token)
            }
            Some(Fails(error)) => Err(error),
            Some(Panics) => panic!("a bug of the source"),
            None => pending().await,
        }
    }

    fn audience(&self) -> Option<Audience> {
        Some(Audience::any())
    }
}

fn token(text: &str) -> Token {
    Token::bearer(text).unwrap().with_lifetime(3600 * SECOND)
}

/// The shared state, and its source. The wall clock keeps pace with tokio's time.
fn shared(steps: impl IntoIterator<Item = Step>) -> (Arc<Shared>, Arc<Source>) {
    let source = Arc::new(Source {
        steps: Mutex::new(steps.into_iter().collect()),
        ..Source::default()
    });
    let wall = TokioWallClock::starting_at(WALL + 9999 * SECOND);
    (by_clock(source.clone(), wall), source)
}

fn by_clock(source: Arc<Source>, wall: TokioWallClock) -> Arc<Shared> {
    let mut shared = Shared::new(AnyTokenSource::new(source));
    shared.set_wall_clock(Arc::new(wall));
    Arc::new(shared)
}

async fn grant(shared: &Arc<Shared>) -> Result<Grant, TokenError> {
    let granted = shared.clone().grant(Duration::ZERO, Waiting::default());
    granted.await.0
}

fn try_grant(shared: &Arc<Shared>) -> Option<Result<Grant, TokenError>> {
    shared.try_grant(Duration::ZERO, &mut Waiting::default())
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_shown_has_a_token_in_it() {
    let (shared, _) = shared([Gives(token("s3cret"))]);
    let granted = grant(&shared).await.unwrap();
    let minted = minted(HeaderValue::from_static("s3cret"), Instant::now(), SECOND);
    for (shown, named) in [
        (format!("{shared:?}"), "Shared { source"),
        (format!("{granted:?}"), "CachedToken { id: 1"),
        (format!("{minted:?}"), "Minted { lifetime: 1s"),
    ] {
        assert!(shown.contains(named), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
