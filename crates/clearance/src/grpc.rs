//! What gRPC says in the fields of a request and of a reply without messages ("Trailers-Only"), over HTTP/2 or as gRPC-Web.
//!
//! A status that comes in trailers, after messages, is out of reach: the reply has been handed up by then.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header::CONTENT_TYPE};
use tokio::time::Instant;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The statuses that the layers act on.
#[cfg(feature = "rate-limit-backoff")]
pub(crate) const RESOURCE_EXHAUSTED: u32 = 8;
#[cfg(feature = "rate-limit-backoff")]
pub(crate) const UNAVAILABLE: u32 = 14;
#[cfg(any(feature = "skew-auth", feature = "rate-limit-backoff"))]
pub(crate) const UNAUTHENTICATED: u32 = 16;

/// The status of a reply without messages. `None`: it has messages, or is not gRPC.
#[cfg(any(feature = "skew-auth", feature = "rate-limit-backoff"))]
#[inline]
pub(crate) fn status(headers: &HeaderMap) -> Option<u32> {
    if !is_spoken(headers) {
        return None;
    }
    number(headers.get("grpc-status")?)
}

/// By the content type, that of gRPC-Web included.
#[inline]
fn is_spoken(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// How long the server wants a retry to wait. Negative or illegible: it does not want one (gRFC A6).
#[cfg(feature = "rate-limit-backoff")]
pub(crate) fn pushback(headers: &HeaderMap) -> Option<Duration> {
    let millis = headers.get("grpc-retry-pushback-ms")?;
    number(millis).map(|millis| Duration::from_millis(millis.into()))
}

/// When nobody waits for the reply any more, where the request says so. The field is looked for over HTTP/2, and of other
/// requests where they are of gRPC-Web.
pub(crate) fn deadline<B>(request: &Request<B>) -> Option<Instant> {
    let may_be_web = || *request.method() == Method::POST && is_spoken(request.headers());
    if request.version() != Version::HTTP_2 && !may_be_web() {
        return None;
    }
    Instant::now().checked_add(timeout(request.headers())?)
}

/// Tells the server what is left of the time until the deadline.
pub(crate) fn tell_deadline(headers: &mut HeaderMap, deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        headers.insert(TIMEOUT, written(left));
    }
}

/// Up to eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_legal =
        (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| is_legal)?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// In the finest unit that fits, rounded down. A time that is over is the shortest that can be said.
fn written(timeout: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let (nanos, mut count, mut unit) = (timeout.as_nanos(), timeout.as_nanos(), 'n');
    for (length, coarser) in [
        (1_000, 'u'),
        (1_000_000, 'm'),
        (1_000_000_000, 'S'),
        (60_000_000_000, 'M'),
        (3_600_000_000_000, 'H'),
    ] {
        if count <= MOST {
            break;
        }
        (count, unit) = (nanos / length, coarser);
    }
    let text = format!("{}{unit}", count.clamp(1, MOST));
    HeaderValue::from_str(&text).expect("digits and a letter")
}

#[cfg(any(feature = "skew-auth", feature = "rate-limit-backoff"))]
fn number(value: &HeaderValue) -> Option<u32> {
    let digits = value.to_str().ok()?;
    let is_legal = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_legal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn a_status_is_that_of_a_grpc_reply_without_messages() {
        for (kind, code, is) in [
            ("application/grpc", "16", Some(16)),
            ("application/grpc+proto", "0", Some(0)),
            ("application/grpc-web+proto", "8", Some(8)),
            ("application/json", "16", None),
            ("application/grpc", "-1", None),
            ("application/grpc", "+7", None),
            ("application/grpc", "", None),
        ] {
            let headers = fields(&[("content-type", kind), ("grpc-status", code)]);
            assert_eq!(status(&headers), is, "{kind} {code}");
        }
        assert_eq!(status(&fields(&[("grpc-status", "16")])), None);
        assert_eq!(
            status(&fields(&[("content-type", "application/grpc")])),
            None
        );
    }

    #[test]
    fn a_push_back_is_a_count_of_milliseconds() {
        for (text, is) in [
            ("1500", Some(1500)),
            ("0", Some(0)),
            ("-1", None),
            ("soon", None),
            ("1.5", None),
        ] {
            let headers = fields(&[("grpc-retry-pushback-ms", text)]);
            assert_eq!(pushback(&headers), is.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        for (text, nanos) in [
            ("1H", Some(3_600_000_000_000)),
            ("2M", Some(120_000_000_000)),
            ("3S", Some(3_000_000_000)),
            ("4m", Some(4_000_000)),
            ("5u", Some(5_000)),
            ("6n", Some(6)),
            ("99999999H", Some(99_999_999 * 3_600_000_000_000)),
            ("100000000S", None),
            ("S", None),
            ("", None),
            ("+1S", None),
            ("1s", None),
            ("1 S", None),
        ] {
            let read = timeout(&fields(&[("grpc-timeout", text)]));
            assert_eq!(read.map(|read| read.as_nanos()), nanos, "{text}");
        }
        assert_eq!(timeout(&fields(&[("grpc-timeout", "1é")])), None);
    }

    fn request(version: Version, timeout: &str) -> Request<()> {
        let request = Request::post("/").version(version);
        request.header(TIMEOUT, timeout).body(()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_that_of_an_http_2_request_or_of_grpc_web() {
        let in_a_second = Instant::now() + Duration::from_secs(1);
        assert_eq!(deadline(&request(Version::HTTP_2, "1S")), Some(in_a_second));
        assert_eq!(deadline(&request(Version::HTTP_2, "soon")), None);
        assert_eq!(deadline(&request(Version::HTTP_11, "1S")), None);
        assert!(deadline(&request(Version::HTTP_2, "99999999H")).is_some());
        for (method, kind, is) in [
            (Method::POST, "application/grpc-web+proto", true),
            (Method::POST, "application/grpc-web-text", true),
            (Method::POST, "application/json", false),
            (Method::GET, "application/grpc-web+proto", false),
        ] {
            let mut web = request(Version::HTTP_11, "1S");
            let name = method.to_string();
            *web.method_mut() = method;
            web.headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(deadline(&web), is.then_some(in_a_second), "{name} {kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_is_what_is_left() {
        let mut headers = fields(&[("grpc-timeout", "10S")]);
        tell_deadline(&mut headers, None);
        assert_eq!(headers[TIMEOUT], "10S");
        let deadline = Instant::now() + Duration::from_secs(10);
        tokio::time::advance(Duration::from_millis(2500)).await;
        tell_deadline(&mut headers, Some(deadline));
        assert_eq!(headers[TIMEOUT], "7500000u");
        tokio::time::advance(Duration::from_secs(60)).await;
        tell_deadline(&mut headers, Some(deadline));
        assert_eq!(headers[TIMEOUT], "1n");
    }

    proptest! {
        #[test]
        fn a_timeout_is_its_count_of_its_unit(
            count in 0_u64..100_000_000,
            zeros in 0_usize..9,
            (unit, nanos) in proptest::sample::select(vec![
                ("n", 1_u128), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000),
                ("H", 3_600_000_000_000),
            ]),
        ) {
            let digits = format!("{}{count}", "0".repeat(zeros));
            let read = timeout(&fields(&[("grpc-timeout", &format!("{digits}{unit}"))]));
            let is_legal = digits.len() <= 8;
            let expected = is_legal.then_some(u128::from(count) * nanos);
            prop_assert_eq!(read.map(|read| read.as_nanos()), expected, "{}{}", digits, unit);
        }

        #[test]
        fn numbers_of_servers_are_read_or_left_alone(
            number in prop_oneof![any::<i64>(), -100..100_000_i64],
            text in "[ -~]{0,12}",
        ) {
            let pushback = |text: &str| pushback(&fields(&[("grpc-retry-pushback-ms", text)]));
            let status = |text: &str| {
                status(&fields(&[("content-type", "application/grpc"), ("grpc-status", text)]))
            };
            let small = u32::try_from(number).ok();
            prop_assert_eq!(pushback(&number.to_string()), small.map(|ms| Duration::from_millis(ms.into())));
            prop_assert_eq!(status(&number.to_string()), small);
            let signed = format!("+{number}");
            prop_assert_eq!((pushback(&signed), status(&signed)), (None, None));
            let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            prop_assert!(is_number || (pushback(&text).is_none() && status(&text).is_none()), "{text}");
            let is_timeout = text.len() > 1 && text[..text.len() - 1].chars().all(|c| c.is_ascii_digit());
            prop_assert!(is_timeout || timeout(&fields(&[("grpc-timeout", &text)])).is_none(), "{text}");
        }

        #[test]
        fn what_is_written_is_never_longer_and_hardly_shorter(nanos in any::<u64>()) {
            let left = Duration::from_nanos(nanos);
            let headers = HeaderMap::from_iter([(TIMEOUT, written(left))]);
            let told = timeout(&headers).unwrap();
            prop_assert!(told <= left.max(Duration::from_nanos(1)));
            // Of hours there may be no finer unit left.
            let lost = left.saturating_sub(told);
            prop_assert!(lost <= left / 100_000 || lost < Duration::from_secs(3600) && left.as_secs() > 99_999_999);
        }
    }
}
