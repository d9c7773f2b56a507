//! The token that needs no thought, as each service sees it.

use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwapOption, Cache};
use tokio::time::Instant;

use super::{CachedToken, Shared};

/// What a service looks at for each request: a copy of what is published, and whether it still is that.
#[derive(Clone)]
pub(crate) struct Fresh(Cache<Published, Option<Arc<CachedToken>>>);

#[derive(Clone)]
struct Published(Arc<Shared>);

impl Fresh {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Cache::new(Published(shared)))
    }

    /// A token that needs no thought: one atomic load and the clocks.
    pub(crate) fn token(&mut self) -> Option<(&Arc<CachedToken>, Instant)> {
        let token = self.0.load().as_ref()?;
        Some((token, token.sent_fresh()?))
    }
}

impl Deref for Published {
    type Target = ArcSwapOption<CachedToken>;

    fn deref(&self) -> &Self::Target {
        &self.0.published
    }
}
