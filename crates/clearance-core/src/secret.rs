//! Strings that must not be printed and do not outlive their use.

use std::fmt;

use zeroize::Zeroizing;

/// A configured secret: a client secret, an access key, a password.
///
/// `Debug` shows nothing of it and its memory is overwritten on drop. What was *made* of it is out of reach: a
/// header value, a form body or an HTTP client's buffers are freed, not overwritten.
///
/// ```
/// use clearance_core::Secret;
///
/// let secret = Secret::from("s3cr3t");
/// assert_eq!(secret.expose(), "s3cr3t");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself, under a name that is easy to find in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        #[cfg(clearance_watch)]
        crate::watch::secret(&text);
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn what_holds_the_text_overwrites_it() {
        fn overwrites(_: &impl ZeroizeOnDrop) {}
        let Secret(text) = Secret::from("s3cr3t");
        overwrites(&text);
    }
}
