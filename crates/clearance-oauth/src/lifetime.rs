//! How long a token lives, in the words of the answer that carried it.

use std::time::Duration;

use clearance_core::TokenError;
use serde_json::Value;

use crate::document::number;

/// What is assumed where an answer does not say (RFC 6749 §5.1 only recommends to).
pub(crate) const ASSUMED: Duration = Duration::from_secs(5 * 60);

/// Ten years. Whoever says more has meant milliseconds or an absolute time.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_652 * 86_400 + 43_200);

/// What `expires_in` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    Known(Duration),
    /// Not told.
    Missing,
    /// 0: either "I do not say", or an old token on its last second.
    Zero,
}

impl Lifetime {
    /// Reads a number of seconds, whole or not, perhaps written as a text.
    pub(crate) fn read(expires_in: Option<&Value>) -> Result<Self, TokenError> {
        let Some(value) = expires_in else {
            return Ok(Self::Missing);
        };
        let seconds = number(value)
            .ok_or_else(|| TokenError::malformed("`expires_in` is not a number of seconds"))?;
        if seconds == 0.0 {
            return Ok(Self::Zero);
        }
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|lifetime| !lifetime.is_zero() && *lifetime <= LONGEST)
            .map(Self::Known)
            .ok_or_else(|| {
                TokenError::malformed(format!(
                    "`expires_in` is {seconds} s, which is no lifetime of a token"
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use clearance_core::TokenErrorKind;

    use super::*;

    #[test]
    fn seconds_are_read_in_every_spelling() {
        let known = |seconds| Ok(Lifetime::Known(Duration::from_secs_f64(seconds)));
        let malformed = Err(TokenErrorKind::Malformed);
        for (json, expected) in [
            ("3600", known(3600.0)),
            ("\"3600\"", known(3600.0)),
            ("\" 3600 \"", known(3600.0)),
            ("3600.0", known(3600.0)),
            ("0.5", known(0.5)),
            ("3599.9", known(3599.9)),
            ("38880000", known(38_880_000.0)),
            ("0", Ok(Lifetime::Zero)),
            ("\"0\"", Ok(Lifetime::Zero)),
            ("-0.0", Ok(Lifetime::Zero)),
            ("-1", malformed),
            ("\"-1\"", malformed),
            ("1e-300", malformed),
            ("315576001", malformed),
            ("1e300", malformed),
            ("18446744073709551615", malformed),
            ("\"NaN\"", malformed),
            ("\"inf\"", malformed),
            ("\"\"", malformed),
            ("\"an hour\"", malformed),
            ("true", malformed),
            ("[3600]", malformed),
            ("{}", malformed),
        ] {
            let value = serde_json::from_str(json).unwrap();
            let read = Lifetime::read(Some(&value)).map_err(|error| error.kind());
            assert_eq!(read, expected, "{json}");
        }
        assert_eq!(Lifetime::read(None).unwrap(), Lifetime::Missing);
    }
}
