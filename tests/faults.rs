//! What an answer is in bytes, and what can be done to it on its way.

use std::time::{Duration, SystemTime};

use self::Act::{Flood, Hang, Read, Reset, Send, Trickle};

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Token,
    Api,
}

/// One thing that a server does with a connection. When there is no more to do it is closed in order.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The request is read to its end.
    Read,
    Send(Vec<u8>),
    /// A byte every tenth of a second.
    Trickle(Vec<u8>),
    /// This over and over, 100 MB of it.
    Flood(Vec<u8>),
    /// Nothing more is done until the client has gone.
    Hang,
    /// Cut by a reset, as soon as what was sent is there.
    Reset,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    UnknownAuthority,
    OtherName,
    Expired,
}

/// How a fault comes about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nobody listens at the port.
    Refused,
    Certificate(Flaw),
    /// Done to the good answer.
    Acts(fn(Answer) -> Vec<Act>),
}

/// An answer, good until it is changed.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: &'static str,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What a good API says. Long enough to be cut, and to trickle for longer than anybody waits.
pub(crate) const USERS: &str = r#"{"entities": [{"id": "1", "name": "Ada"}, {"id": "2", "name": "Bo"}, {"id": "3", "name": "Cy"}]}"#;

const HTML: &str = "<!DOCTYPE html><html><body>Please sign in</body></html>";

// ===== impl Answer =====

impl Answer {
    /// The `nth` token, good for an hour.
    pub(crate) fn token(nth: usize) -> Self {
        Self::json(
            "200 OK",
            &format!(
                r#"{{"access_token": "token-{nth}", "token_type": "bearer", "expires_in": 3600}}"#
            ),
        )
    }

    pub(crate) fn json(status: &'static str, body: &str) -> Self {
        let now = httpdate::fmt_http_date(SystemTime::now());
        let fields = vec![
            ("Date", now),
            ("Content-Type", "application/json".to_owned()),
            ("Content-Length", body.len().to_string()),
            // A connection is one request: what becomes of idle ones is the pool's matter.
            ("Connection", "close".to_owned()),
        ];
        Self {
            status,
            fields,
            body: body.into(),
        }
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| *field != name);
        self
    }

    fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        let mut answer = self.without(name);
        answer.fields.push((name, value.into()));
        answer
    }

    fn saying(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut answer = self.with("Content-Length", body.len().to_string());
        answer.body = body;
        answer
    }

    /// With `new` where `old` was in the body.
    fn replacing(self, old: &str, new: &str) -> Self {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        assert!(body.contains(old), "no {old} in {body}");
        self.saying(body.replacen(old, new, 1))
    }

    fn head(&self) -> Vec<u8> {
        let fields = self.fields.iter();
        let fields: String = fields
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("HTTP/1.1 {}\r\n{fields}\r\n", self.status).into()
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    fn half_head(&self) -> Vec<u8> {
        let head = self.head();
        head[..head.len() / 2].to_vec()
    }

    fn half_body(&self) -> Vec<u8> {
        let body = &self.body;
        [self.head(), body[..body.len() / 2].to_vec()].concat()
    }

    /// Sent as it is.
    pub(crate) fn sent(self) -> Vec<Act> {
        vec![Read, Send(self.bytes())]
    }
}

// ===== Faults of the connection =====

pub(crate) const RESET_AT_ONCE: Fault = Fault::Acts(|_| vec![Reset]);
pub(crate) const CLOSED: Fault = Fault::Acts(|_| vec![Read]);
pub(crate) const RESET_BEFORE_HEAD: Fault = Fault::Acts(|_| vec![Read, Reset]);
pub(crate) const RESET_IN_HEAD: Fault = Fault::Acts(|it| vec![Read, Send(it.half_head()), Reset]);
pub(crate) const RESET_AFTER_HEAD: Fault = Fault::Acts(|it| vec![Read, Send(it.head()), Reset]);
pub(crate) const RESET_IN_BODY: Fault = Fault::Acts(|it| vec![Read, Send(it.half_body()), Reset]);
pub(crate) const CUT: Fault = Fault::Acts(|it| vec![Read, Send(it.half_body())]);
pub(crate) const HANG_AT_ACCEPT: Fault = Fault::Acts(|_| vec![Hang]);
pub(crate) const HANG_BEFORE_HEAD: Fault = Fault::Acts(|_| vec![Read, Hang]);
pub(crate) const HANG_IN_HEAD: Fault = Fault::Acts(|it| vec![Read, Send(it.half_head()), Hang]);
pub(crate) const HANG_IN_BODY: Fault = Fault::Acts(|it| vec![Read, Send(it.half_body()), Hang]);
pub(crate) const TRICKLE: Fault = Fault::Acts(|it| vec![Read, Trickle(it.bytes())]);
pub(crate) const TRICKLE_IN_BODY: Fault =
    Fault::Acts(|it| vec![Read, Send(it.head()), Trickle(it.body)]);

// ===== Answers that are none =====

pub(crate) const NOT_HTTP: Fault =
    Fault::Acts(|_| vec![Read, Send(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())]);
pub(crate) const ENDLESS_HEAD: Fault = Fault::Acts(|it| {
    let mut beginning = it.head();
    beginning.truncate(beginning.len() - 2);
    vec![
        Read,
        Send(beginning),
        Flood(b"X-Padding: x\r\n".repeat(1000)),
    ]
});
pub(crate) const ENDLESS_BODY: Fault = Fault::Acts(|it| {
    // Of untold length, so that nobody can know beforehand.
    let head = it.without("Content-Length").head();
    vec![Read, Send(head), Flood(b" ".repeat(64 * 1024))]
});
pub(crate) const MALFORMED: Fault = Fault::Acts(|it| {
    let half = it.body[..it.body.len() / 2].to_vec();
    it.saying(half).sent()
});
pub(crate) const HTML_PAGE: Fault =
    Fault::Acts(|it| it.saying(HTML).with("Content-Type", "text/html").sent());
pub(crate) const EMPTY: Fault = Fault::Acts(|it| it.saying("").sent());
pub(crate) const OTHER_TYPE: Fault = Fault::Acts(|it| it.with("Content-Type", "text/plain").sent());
pub(crate) const GZIP: Fault = Fault::Acts(|it| {
    // {"access_token": "token-1", "token_type": "bearer", "expires_in": 3600}
    const PACKED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJLNN-.\x8e/\xc9\xcfN\xcdS\xb2RP\x023t\r\x95t\xa0\xcc\xf8\x92\xca\x82T\x90DRjbQj\x11H<\xb5\xa2 \xb3(\xb58>\x13\xa4\xc1\xd8\xcc\xc0\xa0\x16\x00NL\x08\x89G\x00\x00\x00";
    it.saying(PACKED).with("Content-Encoding", "gzip").sent()
});

// ===== Statuses =====

/// An error as Genesys Cloud writes it.
fn trouble(status: &'static str) -> Answer {
    let code = status.split(' ').next().unwrap_or_default();
    Answer::json(
        status,
        &format!(r#"{{"code": "it.happens", "status": {code}}}"#),
    )
}

/// By its own clock, which is decades off: in a second.
fn in_a_second_on_a_clock_far_off(it: Answer) -> Vec<Act> {
    it.with("Date", "Thu, 01 Jan 2099 00:00:00 GMT")
        .with("Retry-After", "Thu, 01 Jan 2099 00:00:01 GMT")
        .sent()
}

pub(crate) const S500: Fault = Fault::Acts(|_| trouble("500 Internal Server Error").sent());
pub(crate) const S502: Fault = Fault::Acts(|_| {
    let page = Answer::json("502 Bad Gateway", HTML);
    page.with("Content-Type", "text/html").sent()
});
pub(crate) const S503: Fault = Fault::Acts(|_| trouble("503 Service Unavailable").sent());
pub(crate) const S503_WAIT: Fault = Fault::Acts(|_| {
    let busy = trouble("503 Service Unavailable");
    busy.with("Retry-After", "1").sent()
});
pub(crate) const S429: Fault = Fault::Acts(|_| trouble("429 Too Many Requests").sent());
pub(crate) const S429_WAIT: Fault = Fault::Acts(|_| {
    let limited = trouble("429 Too Many Requests");
    limited.with("Retry-After", "1").sent()
});
pub(crate) const S429_DATE: Fault =
    Fault::Acts(|_| in_a_second_on_a_clock_far_off(trouble("429 Too Many Requests")));
/// Longer than anybody waits, and longer than is believed.
pub(crate) const S429_DAY: Fault = Fault::Acts(|_| {
    let limited = trouble("429 Too Many Requests");
    limited.with("Retry-After", "86400").sent()
});
pub(crate) const S429_HANGS: Fault = Fault::Acts(|_| {
    let limited = trouble("429 Too Many Requests").with("Retry-After", "1");
    vec![Read, Send(limited.half_body()), Hang]
});
pub(crate) const THROTTLE_400: Fault = Fault::Acts(|_| {
    let text = "rate limit exceeded; try again later";
    Answer::json(
        "400 Bad Request",
        &format!(
            r#"{{"error": "invalid_request", "description": "{text}", "error_description": "{text}"}}"#
        ),
    )
    .sent()
});
pub(crate) const REDIRECT: Fault = Fault::Acts(|_| {
    // Followed, this would be sent the credentials. To the same server, so that it can tell.
    trouble("307 Temporary Redirect")
        .with("Location", "/elsewhere")
        .sent()
});

// ===== Tokens =====

pub(crate) const NO_EXPIRY: Fault =
    Fault::Acts(|it| it.replacing(r#", "expires_in": 3600"#, "").sent());
pub(crate) const STRING_EXPIRY: Fault = Fault::Acts(|it| it.replacing("3600", r#""3600""#).sent());
pub(crate) const ZERO_EXPIRY: Fault = Fault::Acts(|it| it.replacing("3600", "0").sent());
pub(crate) const NEGATIVE_EXPIRY: Fault = Fault::Acts(|it| it.replacing("3600", "-1").sent());
pub(crate) const ABSURD_EXPIRY: Fault =
    Fault::Acts(|it| it.replacing("3600", "99999999999").sent());
pub(crate) const OTHER_TOKEN_TYPE: Fault = Fault::Acts(|it| it.replacing("bearer", "mac").sent());
pub(crate) const NO_TOKEN_TYPE: Fault =
    Fault::Acts(|it| it.replacing(r#""token_type": "bearer", "#, "").sent());
pub(crate) const LINE_BREAK: Fault =
    Fault::Acts(|it| it.replacing("token-", r"token-\r\nX-Admin: 1").sent());
pub(crate) const NON_ASCII: Fault = Fault::Acts(|it| it.replacing("token-", "tökén-").sent());
pub(crate) const HUGE_TOKEN: Fault = Fault::Acts(|it| long_token(it, 64 * 1024));
/// As long as an answer allows it to be.
pub(crate) const LONG_TOKEN: Fault = Fault::Acts(|it| long_token(it, 60 * 1024));

fn long_token(it: Answer, length: usize) -> Vec<Act> {
    let text = format!("token-{}", "x".repeat(length));
    it.replacing("token-", &text).sent()
}

// ===== Clocks =====

pub(crate) const NO_DATE: Fault = Fault::Acts(|it| it.without("Date").sent());
pub(crate) const GARBAGE_DATE: Fault = Fault::Acts(|it| it.with("Date", "yesterday").sent());
pub(crate) const DATE_1970: Fault =
    Fault::Acts(|it| it.with("Date", "Thu, 01 Jan 1970 00:00:00 GMT").sent());
pub(crate) const DATE_2099: Fault =
    Fault::Acts(|it| it.with("Date", "Thu, 01 Jan 2099 00:00:00 GMT").sent());

/// Between two bytes of a trickle.
pub(crate) const DRIP: Duration = Duration::from_millis(100);
/// How much is flooded.
pub(crate) const FLOOD: usize = 100_000_000;
