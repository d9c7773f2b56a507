//! A token source that plays a script.

use std::{
    collections::VecDeque,
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clearance_core::{Audience, Token, TokenError, TokenSource};

/// A token source that plays a script and counts how often it is asked. Its clones are the same source.
///
/// Each fetch plays one [`Step`]; the last one repeats for ever. The script can be changed while it plays: an issuer
/// that is down for a while is `source.set([Step::Fail(..)])`, then `source.set([Step::Fresh])`.
///
/// ```
/// use clearance_core::{TokenError, TokenSource};
/// use clearance_test::{ScriptedSource, Step};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
///
/// let source = ScriptedSource::new(["stale", "fresh"]);
/// assert_eq!(source.fetch().await?.header(), "Bearer stale");
/// assert_eq!(source.fetch().await?.header(), "Bearer fresh");
/// assert_eq!(source.fetch().await?.header(), "Bearer fresh");
///
/// source.set([Step::Fail(TokenError::unavailable("down")), Step::Fresh]);
/// assert!(source.fetch().await.is_err());
/// assert_eq!(source.fetch().await?.header(), "Bearer token-1");
/// assert_eq!(source.fetches(), 5);
/// # Ok::<(), TokenError>(()) }).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct ScriptedSource {
    play: Arc<Mutex<Play>>,
    lifetime: Duration,
    delay: Duration,
    audience: Audience,
}

/// What a [`ScriptedSource`] does when it is asked once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Hands out a token with this text and the source's lifetime.
    Token(String),
    /// Hands out a token that was not there before: `token-1`, `token-2` and so on.
    Fresh,
    /// Hands out this very token, with the lifetime and the times that it has.
    Made(Token),
    /// Fails.
    Fail(TokenError),
    /// Never answers.
    Hang,
    /// Panics.
    Panic,
    /// Does the other step after this long.
    Late(Duration, Box<Self>),
}

struct Play {
    ahead: VecDeque<Step>,
    last: Step,
    fetches: usize,
    minted: usize,
}

// ===== impl ScriptedSource =====

impl ScriptedSource {
    /// A source of tokens with these texts, in this order; the last one repeats.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::script(texts.into_iter().map(|text| Step::Token(text.into())))
    }

    /// A source that never hands out the same token twice: `token-1`, `token-2` and so on.
    pub fn counting() -> Self {
        Self::script([Step::Fresh])
    }

    /// A source that plays these steps, in this order; the last one repeats.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn script(steps: impl IntoIterator<Item = Step>) -> Self {
        let ahead: VecDeque<_> = steps.into_iter().collect();
        let last = ahead.back().expect("a script has a step").clone();
        let play = Play {
            ahead,
            last,
            fetches: 0,
            minted: 0,
        };
        Self {
            play: Arc::new(Mutex::new(play)),
            lifetime: Duration::from_secs(3_600),
            delay: Duration::ZERO,
            audience: Audience::any(),
        }
    }

    /// How long the tokens live; an hour if not set.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How long each fetch takes, on tokio's clock; no time at all if not set.
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Where the tokens may be sent; anywhere if not set.
    pub fn with_audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// How many fetches have begun.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.play().fetches
    }

    /// Puts a step behind those that are still to be played.
    pub fn push(&self, step: Step) {
        self.play().ahead.push_back(step);
    }

    /// Plays these steps from the next fetch on, in place of what is left; the last one repeats. None at all: the
    /// step that was played last goes on.
    pub fn set(&self, steps: impl IntoIterator<Item = Step>) {
        let steps = steps.into_iter().collect();
        self.play().ahead = steps;
    }

    fn play(&self) -> MutexGuard<'_, Play> {
        self.play.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mint(&self, text: &str) -> Result<Token, TokenError> {
        Ok(Token::bearer(text)?.with_lifetime(self.lifetime))
    }
}

impl TokenSource for ScriptedSource {
    async fn fetch(&self) -> Result<Token, TokenError> {
        let mut step = self.play().next();
        if !self.delay.is_zero() {
            // Otherwise a runtime without a timer does as well.
            tokio::time::sleep(self.delay).await;
        }
        while let Step::Late(delay, then) = step {
            tokio::time::sleep(delay).await;
            step = *then;
        }
        match step {
            Step::Token(text) => self.mint(&text),
            Step::Fresh => {
                let text = self.play().fresh();
                self.mint(&text)
            }
            Step::Made(token) => Ok(token),
            Step::Fail(error) => Err(error),
            Step::Hang | Step::Late(..) => pending().await,
            Step::Panic => panic!("the script of this source says: panic"),
        }
    }

    fn audience(&self) -> Option<Audience> {
        Some(self.audience.clone())
    }
}

impl fmt::Debug for ScriptedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedSource")
            .field("fetches", &self.fetches())
            .finish_non_exhaustive()
    }
}

// ===== impl Step =====

impl Step {
    /// A token with this text.
    pub fn token(text: impl Into<String>) -> Self {
        Self::Token(text.into())
    }

    /// This step, so much later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::Late(delay, Box::new(self))
    }
}

// ===== impl Play =====

impl Play {
    fn next(&mut self) -> Step {
        self.fetches += 1;
        if let Some(step) = self.ahead.pop_front() {
            self.last = step;
        }
        self.last.clone()
    }

    fn fresh(&mut self) -> String {
        self.minted += 1;
        format!("token-{}", self.minted)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    async fn text(source: &ScriptedSource) -> String {
        let token = source.fetch().await.unwrap();
        token.header().to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_pushed_step_follows_the_one_that_repeated() {
        let source = ScriptedSource::new(["a"]);
        let same = source.clone();
        assert_eq!(text(&source).await, "Bearer a");
        assert_eq!(text(&source).await, "Bearer a");
        same.push(Step::token("b"));
        assert_eq!(text(&source).await, "Bearer b");
        same.set([]);
        assert_eq!(text(&source).await, "Bearer b");
        assert_eq!(source.fetches(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn delays_run_on_tokios_clock_and_a_hang_has_no_end() {
        let steps = [Step::Fresh.after(Duration::from_secs(7)), Step::Hang];
        let source = ScriptedSource::script(steps)
            .with_delay(Duration::from_secs(3))
            .with_lifetime(Duration::from_secs(20));
        let begun = Instant::now();
        let token = source.fetch().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert_eq!(token.lifetime(), Some(Duration::from_secs(20)));
        let hung = timeout(Duration::from_secs(86_400), source.fetch()).await;
        assert!(hung.is_err());
        assert_eq!(source.fetches(), 2);
    }

    #[tokio::test]
    async fn a_panic_spoils_nothing() {
        let source = ScriptedSource::script([Step::Panic, Step::Fresh]);
        let same = source.clone();
        let task = tokio::spawn(async move { same.fetch().await });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(text(&source).await, "Bearer token-1");
    }
}
