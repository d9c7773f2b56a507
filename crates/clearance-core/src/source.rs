//! Where tokens come from.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use crate::{Audience, Token, TokenError};

/// Mints tokens. The layers cache, refresh and share what it mints; a source does none of that.
///
/// Write `async fn fetch(&self)`. A `Send` mistake is reported at the line that makes the future not `Send`. To choose
/// a source at run time, hold an [`AnyTokenSource`] (`Arc<dyn TokenSource>` does not compile).
///
/// ```
/// use std::time::Duration;
/// use clearance_core::{Audience, Token, TokenError, TokenSource};
///
/// struct Vault;
///
/// impl TokenSource for Vault {
///     async fn fetch(&self) -> Result<Token, TokenError> {
///         let text = read_from_vault().await.map_err(|e| TokenError::unavailable(e.to_string()))?;
///         Ok(Token::bearer(&text)?.with_lifetime(Duration::from_secs(600)))
///     }
///
///     fn audience(&self) -> Option<Audience> {
///         Audience::origin("https://api.example.com").ok()
///     }
/// }
/// # async fn read_from_vault() -> std::io::Result<String> { Ok("t0k3n".into()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(Vault.fetch().await?.header(), "Bearer t0k3n");
/// # Ok::<(), TokenError>(()) }).unwrap();
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// Mints a token. Called from a task of the layers' own; it may be dropped at any await. A layer and its clones never
    /// call it twice at once, but two layers that share a source (an [`Arc`] of it, an [`AnyTokenSource`]) may: each has a
    /// token of its own.
    fn fetch(&self) -> impl Future<Output = Result<Token, TokenError>> + Send;

    /// Where its tokens may be sent. `None` only while that is not known yet, before discovery; it is asked again after
    /// each [`fetch`](Self::fetch), and what is still unknown then is sent nowhere.
    fn audience(&self) -> Option<Audience>;
}

impl<T: TokenSource> TokenSource for Arc<T> {
    fn fetch(&self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        T::fetch(self)
    }

    fn audience(&self) -> Option<Audience> {
        T::audience(self)
    }
}

// ===== closures =====

/// A source made of an audience and a closure.
///
/// ```
/// use clearance_core::{Audience, Token, TokenSource, token_source_fn};
///
/// let key = "k3y".to_owned();
/// let source = token_source_fn(Audience::origin("https://api.example.com")?, move || {
///     let key = key.clone();
///     async move { Token::bearer(&key) }
/// });
/// assert!(source.audience().is_some());
/// # Ok::<(), clearance_core::InvalidOrigin>(())
/// ```
pub fn token_source_fn<F, Fut>(audience: Audience, fetch: F) -> TokenSourceFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Token, TokenError>> + Send,
{
    TokenSourceFn { audience, fetch }
}

/// The source that [`token_source_fn`] makes.
#[derive(Clone)]
pub struct TokenSourceFn<F> {
    audience: Audience,
    fetch: F,
}

impl<F, Fut> TokenSource for TokenSourceFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Token, TokenError>> + Send,
{
    fn fetch(&self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        (self.fetch)()
    }

    fn audience(&self) -> Option<Audience> {
        Some(self.audience.clone())
    }
}

impl<F> fmt::Debug for TokenSourceFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSourceFn")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

// ===== erased =====

/// A source whose type was forgotten: for choosing one at run time. Its clones are the same source.
///
/// ```
/// use clearance_core::{AnyTokenSource, Audience, Token, TokenSource, token_source_fn};
///
/// let audience = Audience::any();
/// let source = match std::env::var("STATIC_TOKEN") {
///     Ok(text) => AnyTokenSource::new(token_source_fn(audience, move || std::future::ready(Token::bearer(&text)))),
///     Err(_) => AnyTokenSource::new(token_source_fn(audience, || std::future::ready(Token::bearer("test")))),
/// };
/// assert!(source.audience().is_some());
/// ```
#[derive(Clone)]
pub struct AnyTokenSource(Arc<dyn Erased>);

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

trait Erased: Send + Sync {
    fn fetch(&self) -> BoxFuture<'_, Result<Token, TokenError>>;
    fn audience(&self) -> Option<Audience>;
}

impl<T: TokenSource> Erased for T {
    fn fetch(&self) -> BoxFuture<'_, Result<Token, TokenError>> {
        Box::pin(TokenSource::fetch(self))
    }

    fn audience(&self) -> Option<Audience> {
        TokenSource::audience(self)
    }
}

impl AnyTokenSource {
    /// Forgets the type of `source`.
    pub fn new(source: impl TokenSource) -> Self {
        Self(Arc::new(source))
    }
}

impl TokenSource for AnyTokenSource {
    fn fetch(&self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        self.0.fetch()
    }

    fn audience(&self) -> Option<Audience> {
        self.0.audience()
    }
}

impl fmt::Debug for AnyTokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyTokenSource")
            .field("audience", &self.0.audience())
            .finish_non_exhaustive()
    }
}
