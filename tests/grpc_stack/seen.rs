//! What is remembered of a request: its token, its deadline, its messages.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// What stood behind `Bearer `; empty if there was nothing.
    pub(crate) token: String,
    /// What stood in `grpc-timeout`.
    pub(crate) timeout: Option<Duration>,
    /// What stood in `x-tenant`, a field of the caller's own.
    pub(crate) tenant: Option<String>,
    /// The messages, encoded.
    pub(crate) messages: Vec<Vec<u8>>,
}

impl Seen {
    pub(crate) fn new(metadata: &MetadataMap) -> Self {
        let field = |name| metadata.get(name).and_then(|value| value.to_str().ok());
        let token = field("authorization").and_then(|value| value.strip_prefix("Bearer "));
        Self {
            at: Instant::now(),
            token: token.unwrap_or_default().to_owned(),
            timeout: field("grpc-timeout").map(timeout_of),
            tenant: field("x-tenant").map(str::to_owned),
            messages: Vec::new(),
        }
    }
}

/// At most eight digits and a unit.
fn timeout_of(text: &str) -> Duration {
    let (digits, unit) = text.split_at(text.len() - 1);
    assert!((1..=8).contains(&digits.len()), "{text}");
    let count: u64 = digits.parse().unwrap();
    match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => panic!("{text}"),
    }
}
