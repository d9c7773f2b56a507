//! The issuer that all tokens come from, and whether it is being asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clearance::{Audience, Token, TokenSource, token_source_fn};
use tokio::time::sleep;

use crate::FETCH;

/// An issuer that takes 200 ms, and its tokens are all different.
#[derive(Clone, Default)]
pub(crate) struct Issuer {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Issuer {
    pub(crate) fn source(&self, lifetime: Duration) -> impl TokenSource {
        let this = self.clone();
        let anywhere = Audience::origin("https://api.example.com").expect("an origin");
        token_source_fn(anywhere, move || {
            let this = this.clone();
            async move {
                let nth = this.begun.fetch_add(1, Ordering::SeqCst);
                // Even if it is given up.
                let _end = End(&this.ended);
                sleep(FETCH).await;
                Ok(Token::bearer(&format!("token-{nth}"))?.with_lifetime(lifetime))
            }
        })
    }

    pub(crate) fn fetches(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.fetches() != self.ended.load(Ordering::SeqCst)
    }
}

struct End<'a>(&'a AtomicUsize);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
