//! A source of tokens by client credentials, and an issuer that answers by script.

mod asked;
mod jwt_times;
mod shown;

use super::*;
use crate::testing::{Canned, answer, assert_silent};

const URL: &str = "https://login.test/oauth/token?tenant=7";
const TOKEN: &str = r#"{"access_token": "t0k", "token_type": "bearer", "expires_in": 60}"#;
/// Spelt differently in each form in which it is sent.
const SECRET: &str = "s3 cr=t/";

fn source() -> ClientCredentials {
    let audience = Audience::origin("https://api.test").unwrap();
    ClientCredentials::new(URL, "my app", SECRET, audience).unwrap()
}
