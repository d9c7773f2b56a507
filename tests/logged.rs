//! What this thread tells to `tracing`, as text.
//!
//! One subscriber for the whole process, and not one for each test: where a thread that has no subscriber of its own is
//! the first to pass an event, `tracing` may remember that nobody wants that event.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{cell::RefCell, io, sync::Once};

use tracing_subscriber::{
    Layer,
    filter::dynamic_filter_fn,
    fmt::{self, format::FmtSpan},
    prelude::*,
};

thread_local! {
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Events and new spans of this thread, at every level, until it is dropped.
pub(crate) struct Logged(());

impl Logged {
    pub(crate) fn begin() -> Self {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            let lines = fmt::layer()
                .with_ansi(false)
                .with_span_events(FmtSpan::NEW)
                .with_writer(|| ThisThread);
            let logs = dynamic_filter_fn(|_, _| LOG.with_borrow(Option::is_some));
            let subscriber = tracing_subscriber::registry().with(lines.with_filter(logs));
            tracing::subscriber::set_global_default(subscriber).unwrap();
            tracing::callsite::rebuild_interest_cache();
        });
        LOG.set(Some(Vec::new()));
        Self(())
    }

    pub(crate) fn text(&self) -> String {
        LOG.with_borrow(|log| String::from_utf8(log.clone().unwrap()).unwrap())
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        LOG.set(None);
    }
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.as_mut().unwrap().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
