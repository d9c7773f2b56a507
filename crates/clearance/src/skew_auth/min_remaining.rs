//! A wish of one request.

use std::time::Duration;

/// In the extensions of a request: its token must live at least this much longer. For long streams, whose server may cut
/// them off when their token ends.
///
/// The token is renewed for it only in the second half of its life: a wish that no token can fulfil is not repeated at
/// the issuer with each request.
///
/// ```
/// use std::time::Duration;
/// use clearance::skew_auth::MinRemaining;
///
/// let mut request = http::Request::get("https://api.example.com/stream").body(()).unwrap();
/// request.extensions_mut().insert(MinRemaining(Duration::from_secs(600)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinRemaining(pub Duration);
