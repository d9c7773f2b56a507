//! What an auth layer tells of a refused token, and what a retrying layer waits for.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use clearance_core::TokenError;

/// In the extensions of a reply whose token was refused: a handle to what is done about it.
///
/// The refresh is already under way when the reply is handed up. [`settled`](Self::settled) ends when it is known
/// whether sending the request again is worth it. [`SkewAuthLayer`](crate::SkewAuthLayer) writes it and
/// [`Retry401Layer`](crate::Retry401Layer) reads it; another auth layer can speak it through the constructors.
///
/// ```
/// use clearance::{RefusalReason, TokenRefused};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert!(TokenRefused::replay().settled().await.is_ok());
///
/// let refused = TokenRefused::refused(RefusalReason::InsufficientScope);
/// assert!(matches!(refused.settled().await, Err(RefusalReason::InsufficientScope)));
/// assert!(refused.advice().contains("scope"));
///
/// let refused = TokenRefused::when("asking the vault", || async { Ok(()) });
/// assert!(refused.settled().await.is_ok());
/// # });
/// ```
#[derive(Clone)]
pub struct TokenRefused(Arc<Kind>);

enum Kind {
    Known(Result<(), RefusalReason>),
    When {
        advice: String,
        settle: Box<dyn Fn() -> BoxFuture + Send + Sync>,
    },
}

type BoxFuture = Pin<Box<dyn Future<Output = Result<(), RefusalReason>> + Send>>;

/// Why sending a refused request again is of no use. In the extensions of a reply that was returned for that reason.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The request went out without a token of the layer: with the caller's own, or to another origin.
    NotAttached,
    /// The server wants a scope that the token does not have (`insufficient_scope`, RFC 6750 §3.1).
    InsufficientScope,
    /// The server's challenge names other schemes than `Bearer` (RFC 9110 §11.6.1).
    OtherScheme,
    /// A newer token was refused as well, or may not be asked for yet.
    RefusedAgain,
    /// The server's clock is so far behind the issuer's that tokens are from the future there, and waiting would take
    /// too long.
    TooYoung {
        /// By how much the server is behind.
        behind: Duration,
    },
    /// This route refuses every token, while others accept them.
    RouteRefuses,
    /// Refusals have forced too many refreshes of late.
    HeldOff,
    /// No other token could be had.
    RefreshFailed(TokenError),
    /// It was not known in time whether another token would do.
    Undecided,
}

/// Ends when it is known whether a replay is worth sending. Made by [`TokenRefused::settled`].
pub struct Settled(Settling);

enum Settling {
    Known(Option<Result<(), RefusalReason>>),
    Waiting(BoxFuture),
}

// ===== impl TokenRefused =====

impl TokenRefused {
    /// A replay is worth sending at once.
    #[must_use]
    pub fn replay() -> Self {
        Self(Arc::new(Kind::Known(Ok(()))))
    }

    /// A replay is of no use.
    #[must_use]
    pub fn refused(reason: RefusalReason) -> Self {
        Self(Arc::new(Kind::Known(Err(reason))))
    }

    /// A replay is worth sending when the future that `settle` makes ends well; `advice` says what is under way.
    pub fn when<F, Fut>(advice: impl Into<String>, settle: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), RefusalReason>> + Send + 'static,
    {
        let settle = Box::new(move || Box::pin(settle()) as BoxFuture);
        Self(Arc::new(Kind::When {
            advice: advice.into(),
            settle,
        }))
    }

    /// Ends in `Ok` when a replay is worth sending, or in the reason why it is not.
    #[must_use]
    pub fn settled(&self) -> Settled {
        Settled(match &*self.0 {
            Kind::Known(result) => Settling::Known(Some(result.clone())),
            Kind::When { settle, .. } => Settling::Waiting(settle()),
        })
    }

    /// The reason, where it was known from the beginning.
    #[cfg(feature = "retry-401")]
    pub(crate) fn known_reason(&self) -> Option<RefusalReason> {
        match &*self.0 {
            Kind::Known(result) => result.clone().err(),
            Kind::When { .. } => None,
        }
    }

    /// What happened when the reply came, in a sentence for people.
    #[must_use]
    pub fn advice(&self) -> String {
        match &*self.0 {
            Kind::Known(Ok(())) => "a newer token is there: send the request again".to_owned(),
            Kind::Known(Err(reason)) => reason.to_string(),
            Kind::When { advice, .. } => advice.clone(),
        }
    }
}

impl fmt::Debug for TokenRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenRefused").field(&self.advice()).finish()
    }
}

// ===== impl RefusalReason =====

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAttached => "the refused request carried no token of this layer: check its address and its own Authorization field",
            Self::InsufficientScope => "the token lacks a scope that this request needs: grant it to the client",
            Self::OtherScheme => "the server does not take bearer tokens here: check the address",
            Self::RefusedAgain => "new tokens are refused as well: check the client's roles, the address and the clocks",
            Self::RouteRefuses => "this route refuses every token while others accept them: check its path and the client's permissions",
            Self::TooYoung { behind } => {
                let behind = behind.as_secs();
                return write!(
                    f,
                    "new tokens are refused; the server's clock is {behind} s behind the issuer's, so to it they may be from \
                     the future: have the clocks of both set, and check the client's roles"
                );
            }
            Self::HeldOff => "refusals forced too many refreshes: some route refuses every token, or tokens are revoked in a row",
            Self::RefreshFailed(error) => return write!(f, "no other token could be had: {error}"),
            Self::Undecided => "no other token came in time",
        })
    }
}

impl std::error::Error for RefusalReason {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::RefreshFailed(error) => Some(error),
            _ => None,
        }
    }
}

// ===== impl Settled =====

impl Future for Settled {
    type Output = Result<(), RefusalReason>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            // Polled once more after its end it says the safe thing.
            Settling::Known(result) => result.take().unwrap_or(Err(RefusalReason::Undecided)),
            Settling::Waiting(future) => ready!(future.as_mut().poll(cx)),
        };
        self.0 = Settling::Known(None);
        Poll::Ready(result)
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(clearance_model))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_asks_once_more_after_the_end_is_told_that_nothing_is_known() {
        for refused in [
            TokenRefused::replay(),
            TokenRefused::when("asking", || async { Ok(()) }),
        ] {
            let mut settled = refused.settled();
            assert!((&mut settled).await.is_ok());
            assert!(matches!(settled.await, Err(RefusalReason::Undecided)));
        }
    }
}
