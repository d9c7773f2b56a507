//! The vocabulary of [clearance]: what a third party needs to write a token source or a layer that speaks with the others.
//!
//! * [`TokenSource`] mints a [`Token`], or says in a [`TokenError`] why not;
//! * [`Audience`] says where the token may be sent;
//! * [`clock`] turns time stamps of servers into offsets with an error bar;
//! * [`retry_after`] reads for how long a server asks to be left alone;
//! * [`Secret`] and [`Redactor`] keep credentials out of logs and errors.
//!
//! A source of your own is a few lines:
//!
//! ```
//! use clearance_core::{Audience, Token, TokenSource, token_source_fn};
//!
//! let audience = Audience::origin("https://api.example.com")?;
//! let source = token_source_fn(audience, || async { Token::bearer("from-a-file") });
//!
//! assert_eq!(source.audience().unwrap().to_string(), "https://api.example.com");
//! # Ok::<(), clearance_core::InvalidOrigin>(())
//! ```
//!
//! Times are std's `Instant` and `SystemTime` in all signatures. An `Instant` always comes from tokio's clock, so that
//! paused time drives tests.
//!
//! [clearance]: https://docs.rs/clearance

mod audience;
pub mod clock;
mod error;
mod origin;
mod redact;
mod retry_after;
mod secret;
mod source;
mod token;
#[cfg(clearance_watch)]
mod watch;

pub use self::{
    audience::{Audience, InvalidOrigin, OriginSlot, Withheld},
    error::{TokenError, TokenErrorKind},
    redact::Redactor,
    retry_after::retry_after,
    secret::Secret,
    source::{AnyTokenSource, TokenSource, TokenSourceFn, token_source_fn},
    token::Token,
};
