use http::HeaderValue;

use super::*;

fn judge(audience: &Audience, uri: &str) -> Result<OriginSlot, Withheld> {
    audience.admits(&Method::GET, &uri.parse().unwrap(), &HeaderMap::new())
}

fn with_host(audience: &Audience, host: &str) -> Result<OriginSlot, Withheld> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    audience.admits(&Method::GET, &"/path".parse().unwrap(), &headers)
}

#[test]
fn origins_are_compared_by_what_tells_servers_apart() {
    let audience = Audience::origin("https://api.example.com").unwrap();
    for same in [
        "https://api.example.com/",
        "HTTPS://API.EXAMPLE.COM:443/a?b",
        "https://api.example.com.",
        "https://user@api.example.com:/",
    ] {
        assert!(judge(&audience, same).is_ok(), "{same}");
    }
    for other in [
        "https://api.example.com:8443/",
        "http://api.example.com/",
        "http://api.example.com:443/",
        "https://api.example.com..",
        "https://api.example.com.evil.com/",
        "https://xapi.example.com/",
        // Found by a property test.
        "https://api.example.com:+443/",
        "https://api.example.com:@evil.com/",
        "https://api.example.com@evil.com/",
        "ftp://api.example.com/",
        "api.example.com:443",
    ] {
        assert_eq!(
            judge(&audience, other),
            Err(Withheld::OtherOrigin),
            "{other}"
        );
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    for loopback in [
        "http://127.0.0.1:80/",
        "http://127.9.9.9/",
        "http://[::1]:8080/",
        "http://localhost/",
        "http://LocalHost:1/",
    ] {
        assert!(judge(&Audience::any(), loopback).is_ok(), "{loopback}");
    }
    for open in [
        "http://example.com/",
        "http://localhost.example.com/",
        "http://foo.localhost/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
    ] {
        assert_eq!(
            judge(&Audience::any(), open),
            Err(Withheld::PlainHttp),
            "{open}"
        );
        assert!(judge(&Audience::any().insecure_plain_http(), open).is_ok());
    }
}

#[test]
fn without_an_authority_the_host_field_is_judged() {
    let audience = Audience::origin("https://api.example.com").unwrap();
    assert!(with_host(&audience, "api.example.com").is_ok());
    assert!(with_host(&audience, "API.example.com:443").is_ok());
    assert_eq!(with_host(&audience, "evil.com"), Err(Withheld::OtherOrigin));
    assert_eq!(
        with_host(&audience, "api.example.com:80"),
        Err(Withheld::OtherOrigin)
    );
    assert_eq!(with_host(&audience, ""), Err(Withheld::OtherOrigin));
    assert_eq!(judge(&audience, "/path"), Err(Withheld::Unaddressed));
    assert!(judge(&audience.or_unaddressed(), "/path").is_ok());
    assert!(judge(&Audience::any(), "/path").is_ok());
}

#[test]
fn plain_http_is_for_loopback_only_where_the_host_field_is_judged_too() {
    let open = Audience::origin("http://internal.example.com").unwrap();
    for host in ["internal.example.com", "internal.example.com:80"] {
        assert_eq!(with_host(&open, host), Err(Withheld::PlainHttp), "{host}");
    }
    assert!(with_host(&open.insecure_plain_http(), "internal.example.com").is_ok());
    let loopback = Audience::origin("http://localhost").unwrap();
    assert!(with_host(&loopback, "localhost").is_ok());
    let both = Audience::origins(["http://api.example.com", "https://api.example.com"]);
    let slot = with_host(&both.unwrap(), "api.example.com");
    assert_eq!(slot.unwrap().index(), 1, "the one that is safe");
}

#[test]
fn two_host_fields_are_nobodys() {
    let mut headers = HeaderMap::new();
    headers.append(HOST, HeaderValue::from_static("api.example.com"));
    headers.append(HOST, HeaderValue::from_static("evil.com"));
    let judged = Audience::any().admits(&Method::GET, &"/".parse().unwrap(), &headers);
    assert_eq!(judged, Err(Withheld::OtherOrigin));
}

#[test]
fn connect_and_trace_never_carry_the_token() {
    for method in [Method::CONNECT, Method::TRACE] {
        let judged = Audience::any().admits(
            &method,
            &"https://api.example.com/".parse().unwrap(),
            &HeaderMap::new(),
        );
        assert_eq!(judged, Err(Withheld::Method));
    }
}

#[test]
fn what_is_not_an_origin_is_refused_with_the_reason() {
    for (text, reason) in [
        ("api.example.com", "https://"),
        ("https://", "not a URL"),
        ("https://api.example.com/v2", "no path"),
        ("https://user:hunter2@api.example.com", "user information"),
        ("https://bücher.example", "xn--"),
        ("https://api.example.com:99999", "port"),
        // Found by property tests: the second was shown as `https://api.example.com.`, another host.
        ("https://api.example.com:+443", "port"),
        ("https://api.example.com..", "no host"),
        ("ftp://api.example.com", "https://"),
    ] {
        let error = Audience::origin(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_slot_tells_its_listed_origin_unless_it_is_shared() {
    let written = ["https://API.example.com.:443/", "http://[::1]:8080"];
    let audience = Audience::origins(written).unwrap().or_unaddressed();
    let listed = |slot| audience.listed(slot).map(|uri| uri.to_string());
    let slots = ["api.example.com", "[::1]:8080"].map(|host| with_host(&audience, host).unwrap());
    let shown = ["https://api.example.com/", "http://[::1]:8080/"].map(|uri| Some(uri.to_owned()));
    assert_eq!(slots.map(listed), shown);
    assert_eq!(listed(OriginSlot::nth(2)), None);
    assert_eq!(listed(judge(&audience, "/path").unwrap()), None);

    let many: Vec<_> = (0..65).map(|n| format!("https://a{n}.test")).collect();
    let audience = Audience::origins(many.iter().map(String::as_str)).unwrap();
    let is_listed = |n: usize| {
        audience
            .listed(judge(&audience, &many[n]).unwrap())
            .is_some()
    };
    assert_eq!([62, 63, 64].map(is_listed), [true, false, false]);
    let any = Audience::any();
    assert_eq!(any.listed(judge(&any, &many[0]).unwrap()), None);
}

#[test]
fn slots_tell_the_listed_origins_apart() {
    let names: Vec<String> = (0..100)
        .map(|n| format!("https://api{n}.example.com"))
        .collect();
    let audience = Audience::origins(names.iter().map(String::as_str)).unwrap();
    for (n, name) in names.iter().enumerate() {
        assert_eq!(judge(&audience, name).unwrap().index(), n.min(63));
    }
    assert_eq!(
        judge(&Audience::any(), "https://A.example"),
        judge(&Audience::any(), "https://a.example.:443/x")
    );
}

mod written {
    use proptest::prelude::*;

    use super::super::*;

    /// What `admits` decides of a URI with an authority, without the shortcut.
    fn read(audience: &Audience, method: &Method, uri: &Uri) -> Result<OriginSlot, Withheld> {
        if matches!(*method, Method::CONNECT | Method::TRACE) {
            return Err(Withheld::Method);
        }
        let scheme = Scheme::of(uri).ok_or(Withheld::OtherOrigin)?;
        audience.admits_address(Address::new(Some(scheme), uri.authority().unwrap()))
    }

    fn url() -> impl Strategy<Value = String> {
        let scheme = proptest::sample::select(&["http", "https", "HTTPS", "ftp"][..]);
        let user = proptest::sample::select(&["", "", "", "", "u:p@", "api.example.com@"][..]);
        const HOSTS: [&str; 10] = [
            "api.example.com",
            "API.example.com",
            "api.example.com.",
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "[::1]",
            "[::2]",
            "evil.com",
            "localhost.evil.com",
        ];
        let host = proptest::sample::select(&HOSTS[..]);
        const PORTS: [&str; 9] = ["", "", "", ":", ":443", ":80", ":8443", ":0443", ":99999"];
        let port = proptest::sample::select(&PORTS[..]);
        (scheme, user, host, port).prop_map(|(s, u, h, p)| format!("{s}://{u}{h}{p}"))
    }

    const METHODS: [Method; 3] = [Method::GET, Method::CONNECT, Method::TRACE];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn an_address_is_judged_alike_however_it_is_written(
            origins in proptest::collection::vec(url(), 1..4),
            to in url(),
            plain in any::<bool>(),
            method in proptest::sample::select(METHODS.to_vec()),
        ) {
            let audience = Audience::origins(origins.iter().map(String::as_str));
            let uri = format!("{to}/x?y").parse::<Uri>();
            let (Ok(mut audience), Ok(uri)) = (audience, uri) else { return Ok(()) };
            audience.plain_http = plain;
            let judged = audience.admits(&method, &uri, &HeaderMap::new());
            prop_assert_eq!(judged, read(&audience, &method, &uri));
        }
    }
}

#[test]
fn an_address_that_is_no_origin_is_shown_without_password_and_query() {
    for (text, shown) in [
        (
            "https://api.example.com/v2?key=s3cret",
            "https://api.example.com/v2",
        ),
        (
            "https://api.example.com/v2#s3cret",
            "https://api.example.com/v2",
        ),
        (
            "https://user:s3cret@api.example.com/v2?key=s3cret",
            "api.example.com/v2",
        ),
        ("https://api.example.com?mail=me@s3cret", "…"),
        ("https://user:s3c?ret@api.example.com", "…"),
    ] {
        let error = Audience::origin(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{shown}` is")), "{error}");
        assert!(!error.contains("s3c"), "{error}");
    }
}

#[test]
fn an_address_without_a_scheme_is_shown_and_told_how_to_begin() {
    for (uri, shown) in [
        ("api.example.com", "api.example.com"),
        ("me:s3cret@api.example.com:8443", "api.example.com:8443"),
        ("/v2?key=s3cret", "/v2"),
    ] {
        let error = Audience::origin_of(&uri.parse().unwrap())
            .unwrap_err()
            .to_string();
        let begin = "begin it with https:// (or http:// for loopback)";
        assert_eq!(error, format!("`{shown}` is not an origin: {begin}"));
    }
}
