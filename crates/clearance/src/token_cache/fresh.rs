//! The token that needs no thought, as each service sees it.

use std::{ops::Deref, sync::Arc};

use arc_swap::{ArcSwapOption, Cache};

use super::{CachedToken, Shared};
use crate::server_clocks::Sending;

/// What a service looks at for each request: a copy of what is published, and whether it still is that.
#[derive(Clone)]
pub(crate) struct Fresh(Cache<Published, Option<Arc<CachedToken>>>);

#[derive(Clone)]
struct Published(Arc<Shared>);

impl Fresh {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Cache::new(Published(shared)))
    }

    /// A token that needs no thought: one atomic load.
    #[inline(always)]
    pub(crate) fn token(&mut self, now: Sending) -> Option<&Arc<CachedToken>> {
        let token = self.0.load().as_ref()?;
        token.is_fresh(now).then_some(token)
    }
}

impl Deref for Published {
    type Target = ArcSwapOption<CachedToken>;

    fn deref(&self) -> &Self::Target {
        &self.0.published
    }
}
