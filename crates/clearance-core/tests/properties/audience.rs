//! Where a token may go, judged anew by another URL parser: the one of browsers (and of reqwest), which reads an address
//! otherwise wherever that can be done.

use clearance_core::{Audience, Withheld};
use http::{HeaderMap, HeaderValue, Method, Uri, header::HOST};
use proptest::{prelude::*, sample::select};
use url::{Host, Url};

const OURS: [&str; 8] = [
    "https://api.example.com",
    "https://api.example.com:8443",
    "https://xn--bcher-kva.example",
    "https://10.0.0.1",
    "https://[2001:db8::1]",
    "http://127.0.0.1:8080",
    "http://localhost",
    "http://[::1]:80",
];

/// Over plain `http` to other machines.
const OPEN: [&str; 4] = [
    "http://api.example.com",
    "http://10.0.0.1:8080",
    "http://[2001:db8::1]",
    "http://localhost.evil.test",
];

const HOSTS: [&str; 46] = [
    "api.example.com",
    "API.Example.COM",
    "api.example.com.",
    "api.example.com..",
    "api..example.com",
    "xapi.example.com",
    "api.example.com.evil.test",
    "api.example.com%2eevil.test",
    "api.example.com%00.evil.test",
    "api%2eexample%2ecom",
    "api.example.com;evil.test",
    "api.example.com,evil.test",
    "api.example.com\\evil.test",
    "api.example.com evil.test",
    "\u{ff41}pi.example.com",
    "api\u{3002}example\u{3002}com",
    "evil.test",
    "evil.test#api.example.com",
    "evil.test?api.example.com",
    "evil.test/api.example.com",
    "b\u{fc}cher.example",
    "B\u{dc}CHER.example",
    "xn--bcher-kva.example",
    "XN--BCHER-KVA.EXAMPLE.",
    "xn--bcher-kva.example.evil.test",
    "10.0.0.1",
    "10.0.1",
    "10.1",
    "0xa.0.0.1",
    "012.0.0.1",
    "167772161",
    "10.0.0.1.",
    "10.0.0.1.evil.test",
    "[2001:db8::1]",
    "[2001:DB8:0::1]",
    "[2001:db8::2]",
    "[2001:db8::1%25eth0]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "127.0.0.1",
    "127.1",
    "localhost",
    "LocalHost.",
    "localhost.evil.test",
    "",
];

const PORTS: [&str; 14] = [
    "", "", "", ":", ":443", ":80", ":8443", ":8080", ":0443", ":65979", ":99999", ":+443", ":-1",
    ":443:80",
];

fn authority() -> impl Strategy<Value = String> {
    let user = select(vec![
        "",
        "",
        "",
        "",
        "user@",
        "u:p@",
        "api.example.com@",
        "api.example.com:443@",
        "@",
        "a@b@",
        "%40@",
    ]);
    let host = prop_oneof![
        8 => select(HOSTS.to_vec()).prop_map(str::to_owned),
        1 => "[a-z0-9A-Z.:@%_~\\[\\]-]{0,12}",
    ];
    (user, host, select(PORTS.to_vec()))
        .prop_map(|(user, host, port)| format!("{user}{host}{port}"))
}

fn tail() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "/",
        "/x?y",
        "?q",
        "#f",
        "/@evil.test",
        "//evil.test/",
        "/\\evil.test",
        "\\@evil.test",
        "/..//",
    ])
}

fn judge(audience: &Audience, uri: &Uri) -> Result<(), Withheld> {
    audience
        .admits(&Method::GET, uri, &HeaderMap::new())
        .map(drop)
}

/// Scheme, host and port as the other parser has them. A name with a dot at its end is the name without.
fn origin_of(text: &str) -> Option<(String, Host<String>, u16)> {
    let url = Url::parse(text).ok()?;
    let host = match url.host()? {
        Host::Domain(name) => Host::Domain(name.strip_suffix('.').unwrap_or(name).to_owned()),
        other => other.to_owned(),
    };
    Some((url.scheme().to_owned(), host, url.port_or_known_default()?))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// `text` in another spelling of the same: the case of its letters by the bits of `case`.
fn respelled(text: &str, case: u64) -> String {
    let flip = |(nth, c): (usize, char)| match case >> (nth % 64) & 1 {
        1 => c.to_ascii_uppercase(),
        _ => c,
    };
    text.chars().enumerate().map(flip).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_admitted_goes_to_the_origin_by_any_reading(
        ours in select(OURS.to_vec()),
        scheme in select(vec!["https", "https", "http", "HTTPS", "ftp", "wss"]),
        authority in authority(),
        tail in tail(),
    ) {
        let text = format!("{scheme}://{authority}{tail}");
        let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
        if judge(&Audience::origin(ours).unwrap(), &uri).is_ok() {
            let origin = origin_of(&text);
            prop_assert!(origin.is_some(), "{text} is no address at all");
            prop_assert_eq!(origin, origin_of(ours), "{} is not {}", text, ours);
        }
        if uri.scheme_str() == Some("http") && judge(&Audience::any(), &uri).is_ok() {
            let origin = origin_of(&text);
            prop_assert!(origin.is_some_and(|(_, host, _)| is_loopback(&host)), "{text} is another machine");
        }
    }

    #[test]
    fn so_does_what_is_admitted_by_its_host_field(ours in select(OURS.to_vec()), authority in authority()) {
        let Ok(value) = HeaderValue::from_bytes(authority.as_bytes()) else { return Ok(()) };
        let headers = HeaderMap::from_iter([(HOST, value)]);
        let audience = Audience::origin(ours).unwrap();
        if audience.admits(&Method::GET, &Uri::from_static("/x"), &headers).is_ok() {
            let (scheme, ..) = origin_of(ours).unwrap();
            prop_assert_eq!(origin_of(&format!("{scheme}://{authority}")), origin_of(ours), "{}", authority);
        }
    }

    #[test]
    fn a_host_field_says_what_an_address_says_over_https_or_else_over_http(
        ours in proptest::collection::vec(select([&OURS[..], &OPEN[..]].concat()), 1..4),
        authority in authority(),
        insecure in any::<bool>(),
    ) {
        let Ok(value) = HeaderValue::from_bytes(authority.as_bytes()) else { return Ok(()) };
        let addresses = ["https", "http"].map(|scheme| format!("{scheme}://{authority}/x").parse::<Uri>());
        let [Ok(https), Ok(http)] = addresses else { return Ok(()) };
        // Of an address that is cut short by a `/`, a field is none.
        prop_assume!(https.path() == "/x");
        let audience = Audience::origins(ours.iter().copied()).unwrap();
        let audience = if insecure { audience.insecure_plain_http() } else { audience };
        let judge = |uri: &Uri, headers: HeaderMap| audience.admits(&Method::GET, uri, &headers);
        let none = HeaderMap::new;
        prop_assert_eq!(
            judge(&Uri::from_static("/x"), HeaderMap::from_iter([(HOST, value)])),
            judge(&https, none()).or_else(|_| judge(&http, none())),
            "{} in {}", authority, audience
        );
    }

    #[test]
    fn the_origin_is_admitted_in_every_spelling(
        ours in select(OURS.to_vec()),
        case in any::<u64>(),
        user in select(vec!["", "", "me@", "me:too@"]),
        dot in any::<bool>(),
        port in 0..4_usize,
        path in "(/[a-z]{0,3}){0,2}(\\?[a-z=]{0,3})?",
    ) {
        let (scheme, host, port_number) = origin_of(ours).unwrap();
        let dot = if dot && matches!(host, Host::Domain(_)) { "." } else { "" };
        let is_default = matches!((scheme.as_str(), port_number), ("https", 443) | ("http", 80));
        let port = match port {
            0 if is_default => String::new(),
            1 if is_default => ":".to_owned(),
            2 => format!(":0{port_number}"),
            _ => format!(":{port_number}"),
        };
        let host = respelled(&host.to_string(), case);
        let scheme = respelled(&scheme, case >> 32);
        let uri: Uri = format!("{scheme}://{user}{host}{dot}{port}{path}").parse().unwrap();
        prop_assert_eq!(judge(&Audience::origin(ours).unwrap(), &uri), Ok(()), "{}", uri);
        let origins = Audience::origins(OURS).unwrap();
        let slot = |uri: &Uri| origins.admits(&Method::GET, uri, &HeaderMap::new());
        prop_assert_eq!(slot(&uri), slot(&ours.parse().unwrap()), "one origin, one slot");
    }

    #[test]
    fn an_origin_is_read_as_others_read_it_and_written_alike(
        scheme in select(vec!["https", "http", "HTTPS", "ftp"]),
        authority in authority(),
        tail in tail(),
    ) {
        let text = format!("{scheme}://{authority}{tail}");
        let Ok(audience) = Audience::origin(&text) else { return Ok(()) };
        let written = audience.to_string();
        prop_assert_eq!(&Audience::origin(&written).unwrap(), &audience);
        prop_assert!(text.is_ascii(), "{text}");
        prop_assert!(written.len() <= text.len() && written == written.to_ascii_lowercase(), "{written}");
        // The other one knows names that are none, such as 10.0.0.999.
        if let Some(origin) = origin_of(&text) {
            let url = Url::parse(&text).unwrap();
            prop_assert!(url.username().is_empty() && url.password().is_none(), "{text}");
            prop_assert_eq!(origin_of(&written), Some(origin), "{} is not {}", written, text);
        }
    }
}
