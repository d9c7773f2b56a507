//! The layer.

use tower_layer::Layer;

use super::Retry401;

/// Sends a refused request once more, when that is worth it. See the [module](super).
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Retry401Layer {
    idempotent_only: bool,
}

impl Retry401Layer {
    /// Replays requests of every method.
    pub const fn new() -> Self {
        Self {
            idempotent_only: false,
        }
    }

    /// Replays only what may be done twice: idempotent methods (RFC 9110 §9.2.2) and requests with an `Idempotency-Key`.
    /// For a server that refuses a request half-way through its work.
    pub const fn idempotent_only(mut self) -> Self {
        self.idempotent_only = true;
        self
    }
}

impl<S: Clone> Layer<S> for Retry401Layer {
    type Service = Retry401<S>;

    fn layer(&self, inner: S) -> Retry401<S> {
        Retry401::new(inner, self.idempotent_only)
    }
}
