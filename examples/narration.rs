//! Tells in plain lines what the layers do while they do it: a `tracing` layer, which is how an application sees them too.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry::Registry,
};

/// Says who did what, and how long after the start. Its clones are the same narrator.
#[derive(Clone)]
pub(crate) struct Narrator {
    started: Instant,
    print: Arc<dyn Fn(String) + Send + Sync>,
}

impl Narrator {
    /// One that hands each line to `print`.
    pub(crate) fn new(print: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self {
            started: Instant::now(),
            print: Arc::new(print),
        }
    }

    /// What makes the events of the layers reach it.
    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        Registry::default().with(self.clone())
    }

    /// Says that `who` did `what`.
    pub(crate) fn say(&self, who: &str, what: impl fmt::Display) {
        let elapsed = self.started.elapsed().as_secs_f64();
        let line = format!("{elapsed:>6.2} s  {who:<16}  {what}");
        // Names and reasons come from servers, and a terminal obeys control characters.
        (self.print)(line.replace(char::is_control, " "));
    }
}

impl<S: Subscriber> Layer<S> for Narrator {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        // `clearance::…` and the crates beside it; not what HTTP and TLS libraries have to say.
        if !metadata.target().starts_with("clearance") {
            return;
        }
        let mut told = Told::default();
        event.record(&mut told);
        let who = layer_of(metadata.target());
        if let Some(sentence) = told.sentence(*metadata.level()) {
            self.say(who, sentence);
        }
    }
}

/// The layer that an event is from, by the module that logged it.
fn layer_of(target: &str) -> &'static str {
    if target.contains("retry_401") {
        "Retry401"
    } else if target.contains("rate_limit_backoff") {
        "RateLimitBackoff"
    } else {
        "SkewAuth"
    }
}

/// An event's message and fields.
#[derive(Default)]
struct Told {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Told {
    /// The event in words, if it is of interest here: what is known below, and every warning.
    fn sentence(&self, level: Level) -> Option<String> {
        let time = |name| seconds(Duration::from_millis(self.number(name)));
        Some(match self.message.as_str() {
            "token refreshed" => format!(
                "token fetched, good for {}",
                lifetime(self.number("lifetime_s"))
            ),
            "token refused" => format!("met a 401; {}", self.text("advice")),
            "request replayed after a refusal" => {
                "sends the request again, with the new token".to_owned()
            }
            "held" if self.text("status").is_empty() => {
                format!("holds this call too, for {}", time("wait_ms"))
            }
            "held" => format!(
                "met a {}; holds all calls for {}",
                self.text("status"),
                time("wait_ms")
            ),
            "retried" => format!("sends the request again, {} later", time("wait_ms")),
            "token request failed, trying again" => {
                format!(
                    "tries again in {}; {}",
                    time("pause_ms"),
                    self.text("error")
                )
            }
            // The caller gets the reason.
            "token refresh failed" => "no token came".to_owned(),
            message if level <= Level::WARN => {
                let fields = self
                    .fields
                    .iter()
                    .map(|(name, value)| format!(", {name} {value}"));
                format!("{message}{}", fields.collect::<String>())
            }
            _ => return None,
        })
    }

    fn text(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| *field == name);
        field.map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_default()
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields.push((name, format!("{value:?}"))),
        }
    }
}

/// `2.00 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// `24 h`, `60 min`, `90 s`.
fn lifetime(seconds: u64) -> String {
    match seconds {
        7_200.. => format!("{} h", seconds / 3_600),
        120.. => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}
