//! Where a token may go.

mod refused;
mod slots;
mod written;

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
