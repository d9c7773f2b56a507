//! All faults, and what is promised of each.

use crate::{
    fault_table::{
        ASSUMED, ATTEMPT, Column, HOUR, LONG_ATTEMPT, Row, given_up, handed_up, ignored,
        not_before_an_hour, not_retried, retried, taken, throttled, throttled_unread, timed_out,
        timed_out_by_default, waited_out, waited_out_alone, waited_out_unasked, waited_out_unread,
    },
    faults::{self as f, Fault, Flaw},
};

const NO_TOKENS: Column = Column::Nonsense("an API hands out no tokens");
/// hyper-util's error, or hyper's where the head had come.
const CLIENT: &str = "client error";
const BODY: &str = "error reading a body";

/// All faults.
#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    let row = |name, fault, token, api| Row { name, fault, attempt: ATTEMPT, token, api };
    let by_default = |row| Row { attempt: LONG_ATTEMPT, ..row };
    let unknown = Fault::Certificate(Flaw::UnknownAuthority);
    let other = Fault::Certificate(Flaw::OtherName);
    let expired = Fault::Certificate(Flaw::Expired);
    let failed = || retried("the exchange failed");
    let no_object = || retried("not a JSON object (the content type is application/json)");
    let certificate = || not_retried("its certificate is not accepted");
    vec![
        row("connection refused", Fault::Refused, failed(), handed_up(CLIENT)),
        row("reset at once", f::RESET_AT_ONCE, failed(), handed_up(CLIENT)),
        row("closed before the headers", f::CLOSED, failed(), handed_up(CLIENT)),
        row("reset before the headers", f::RESET_BEFORE_HEAD, failed(), handed_up(CLIENT)),
        row("reset in the headers", f::RESET_IN_HEAD, failed(), handed_up(CLIENT)),
        row("reset after the headers", f::RESET_AFTER_HEAD, failed(), handed_up(BODY)),
        row("reset in the body", f::RESET_IN_BODY, failed(), handed_up(BODY)),
        row("cut in the body", f::CUT, failed(), handed_up(BODY)),
        row("hangs when accepted", f::HANG_AT_ACCEPT, timed_out(), given_up("request timed out")),
        row("hangs after the request", f::HANG_BEFORE_HEAD, timed_out(), given_up("request timed out")),
        by_default(row("hangs, 7 s an attempt", f::HANG_BEFORE_HEAD, timed_out_by_default(), given_up("request timed out"))),
        row("hangs in the headers", f::HANG_IN_HEAD, timed_out(), given_up("request timed out")),
        row("hangs in the body", f::HANG_IN_BODY, timed_out(), given_up("the caller waits no longer")),
        row("trickles", f::TRICKLE, timed_out(), given_up("request timed out")),
        row("trickles in the body", f::TRICKLE_IN_BODY, timed_out(), given_up("the caller waits no longer")),
        row("certificate of an unknown authority", unknown, certificate(), handed_up("UnknownIssuer")),
        row("certificate for another name", other, certificate(), handed_up("not valid for name")),
        row("certificate run out", expired, certificate(), handed_up("certificate expired")),
        row("no HTTP", f::NOT_HTTP, failed(), handed_up(CLIENT)),
        row("100 MB of headers", f::ENDLESS_HEAD, failed(), handed_up(CLIENT)),
        row("100 MB of body", f::ENDLESS_BODY, retried("longer than 64 KiB"), handed_up("more than 128 KiB")),
        row("500", f::S500, retried("status 500"), handed_up("status 500")),
        row("502", f::S502, retried("status 502"), handed_up("status 502")),
        row("503", f::S503, retried("status 503"), handed_up("status 503")),
        row("503 with Retry-After", f::S503_WAIT, throttled(1, "status 503"), waited_out_alone()),
        row("429", f::S429, throttled(5, "status 429"), waited_out_unasked()),
        row("429 with Retry-After", f::S429_WAIT, throttled(1, "status 429"), waited_out()),
        row("429 till a second later by its clock", f::S429_DATE, throttled(1, "status 429"), waited_out()),
        row("429 with Retry-After, hangs in its body", f::S429_HANGS, throttled_unread(), waited_out_unread()),
        row("429 till tomorrow", f::S429_DAY, not_before_an_hour("(asked to wait 86400 s)"), handed_up("status 429")),
        row("400, rate limit exceeded", f::THROTTLE_400, throttled(5, "rate limit exceeded"),
            Column::Nonsense("only the login host says it so")),
        row("307 elsewhere", f::REDIRECT, not_retried("which is not followed"), handed_up("status 307")),
        row("malformed", f::MALFORMED, no_object(), handed_up(r#"status 200 {"entities": ["#)),
        row("HTML", f::HTML_PAGE, retried("the content type is text/html"), handed_up("status 200 <!DOCTYPE html>")),
        row("empty", f::EMPTY, no_object(), handed_up("status 200 nothing")),
        row("other content type", f::OTHER_TYPE, taken(HOUR), ignored()),
        row("gzip, not asked for", f::GZIP, no_object(), handed_up("status 200 gzip")),
        row("no `expires_in`", f::NO_EXPIRY, taken(ASSUMED), NO_TOKENS),
        row("`expires_in` as a text", f::STRING_EXPIRY, taken(HOUR), NO_TOKENS),
        row("`expires_in` 0", f::ZERO_EXPIRY, taken(ASSUMED), NO_TOKENS),
        row("`expires_in` -1", f::NEGATIVE_EXPIRY, retried("`expires_in` is -1 s"), NO_TOKENS),
        row("`expires_in` 99999999999", f::ABSURD_EXPIRY, retried("which is no lifetime of a token"), NO_TOKENS),
        row("`token_type` mac", f::OTHER_TOKEN_TYPE, retried("the token type is `mac` and not `Bearer`"), NO_TOKENS),
        row("no `token_type`", f::NO_TOKEN_TYPE, retried("there is no `token_type`"), NO_TOKENS),
        row("token with CR LF", f::LINE_BREAK, retried("cannot stand in a header"), NO_TOKENS),
        row("token not in ASCII", f::NON_ASCII, retried("cannot stand in a header"), NO_TOKENS),
        row("token of 64 KiB", f::HUGE_TOKEN, retried("longer than 64 KiB"), NO_TOKENS),
        row("token of 60 KiB", f::LONG_TOKEN, taken(HOUR), NO_TOKENS),
        row("no Date", f::NO_DATE, taken(HOUR), ignored()),
        row("Date is garbage", f::GARBAGE_DATE, taken(HOUR), ignored()),
        row("Date of 1970", f::DATE_1970, taken(HOUR), ignored()),
        row("Date of 2099", f::DATE_2099, taken(HOUR), ignored()),
    ]
}
