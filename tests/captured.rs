//! Everything that is told to `tracing` in this process.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code, of which each file uses a part"
)]

use std::{
    error::Error,
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*};

use crate::{sought, sources::CRATES};

/// All events and spans of this process, at every level, with all their fields.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<Line>>>);

/// One event, one span, or fields that a span got later.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) target: String,
    /// File and line, as in [`callsites`](crate::sources::callsites).
    pub(crate) callsite: String,
    pub(crate) text: String,
}

impl Line {
    pub(crate) fn is_ours(&self) -> bool {
        let root = self.target.split("::").next().unwrap_or_default();
        CRATES.iter().any(|name| name.replace('-', "_") == root)
    }
}

impl Captured {
    /// Captures from now on. Once a process.
    pub(crate) fn start() -> Self {
        let captured = Self::default();
        let subscriber = Registry::default().with(captured.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        captured
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap().clone()
    }

    fn add(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Text)) {
        let mut text = Text(format!("{} {}", metadata.target(), metadata.name()));
        record(&mut text);
        let (file, line) = (metadata.file().unwrap_or_default(), metadata.line());
        self.0.lock().unwrap().push(Line {
            target: metadata.target().to_owned(),
            callsite: format!("{file}:{}", line.unwrap_or_default()),
            text: text.0,
        });
    }
}

impl<S: Subscriber> Layer<S> for Captured {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.add(attributes.metadata(), |text| attributes.record(text));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut text = Text("record".to_owned());
        values.record(&mut text);
        // Which span it belongs to is of no matter: whoever adds a secret later is found all the same.
        self.0.lock().unwrap().push(Line {
            target: String::new(),
            callsite: String::new(),
            text: text.0,
        });
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.add(event.metadata(), |text| event.record(text));
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let _ = write!(self.0, " {field}={}", sought::all_of(value));
    }
}
