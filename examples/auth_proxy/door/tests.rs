//! Which hosts, keys and paths are let in.

use super::*;

const RIGHT: &str = "0123456789abcdef";

fn judge(names: Names, target: &str, fields: &[(&str, &str)]) -> Result<(), Refused> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let key = Some(Secret::from(RIGHT));
    Door { names, key }.judge(&Method::GET, &target.parse().unwrap(), &headers)
}

#[test]
fn a_host_is_ours_by_name_address_and_port() {
    let with = |names, host| judge(names, "/", &[("host", host), ("x-auth-proxy-key", RIGHT)]);
    for host in [
        "127.0.0.1:81",
        "localhost:81",
        "LocalHost:81",
        "[::1]:81",
        "127.9.9.9:81",
    ] {
        assert_eq!(with(Names::Loopback(81), host), Ok(()), "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.0.0.1:80",
        "evil.example:81",
        "localhost.evil.example:81",
        "localhost.:81",
        "127.0.0.1.evil.example:81",
        "evil.example@127.0.0.1:81",
        "10.0.0.1:81",
        "0.0.0.0:81",
        "[::]:81",
        "",
    ] {
        assert_eq!(
            with(Names::Loopback(81), host),
            Err(Refused::Host),
            "{host}"
        );
    }
    assert_eq!(with(Names::Loopback(80), "127.0.0.1"), Ok(()));
    assert_eq!(with(Names::Addresses(81), "10.0.0.1:81"), Ok(()));
    assert_eq!(
        with(Names::Addresses(81), "evil.example:81"),
        Err(Refused::Host)
    );
    let twice = [
        ("host", "localhost:81"),
        ("host", "localhost:81"),
        ("x-auth-proxy-key", RIGHT),
    ];
    assert_eq!(judge(Names::Loopback(81), "/", &twice), Err(Refused::Host));
}

#[test]
fn a_key_is_right_in_whole_and_once() {
    assert_eq!(
        judge(Names::Any, "/", &[("x-auth-proxy-key", RIGHT)]),
        Ok(())
    );
    for wrong in [
        "",
        "0123456789abcde",
        "0123456789abcdeF",
        "0123456789abcdef0",
    ] {
        let judged = judge(Names::Any, "/", &[("x-auth-proxy-key", wrong)]);
        assert_eq!(judged, Err(Refused::Keyless), "{wrong}");
    }
    let twice = [("x-auth-proxy-key", RIGHT), ("x-auth-proxy-key", RIGHT)];
    assert_eq!(judge(Names::Any, "/", &twice), Err(Refused::Keyless));
}

#[test]
fn a_path_means_what_it_says() {
    let with = |target| judge(Names::Any, target, &[("x-auth-proxy-key", RIGHT)]);
    for target in [
        "/",
        "/a/b?q=http://x/../y",
        "/@evil.example",
        "/a%2Fb",
        "/a;b=c/d%3B..",
        "/...",
        "/a//b",
        "/.well-known/x",
    ] {
        assert_eq!(with(target), Ok(()), "{target}");
    }
    for target in [
        "//evil.example/",
        "/\\evil.example",
        "/%5Cevil.example",
        "/..",
        "/a/../../b",
        "/a/%2e%2E/b",
        "/.",
        "http://evil.example/",
        "evil.example:443",
        "*",
    ] {
        assert_eq!(with(target), Err(Refused::Target), "{target}");
    }
}

/// nginx and others decode `%2F` before they resolve dot segments; servlet containers take `;x` off a segment first.
#[test]
fn no_dot_segment_hides_behind_an_encoded_slash_or_a_parameter() {
    for target in [
        "/..%2Fadmin",
        "/a%2f..%2F..%2fadmin",
        "/%2e%2e%2fadmin",
        "/a%2F.",
        "/%2Fevil.example",
        "/..;/admin",
        "/a/..;x=1/../b",
        "/%2e%2E%3Bx/admin",
        "/.;/admin",
    ] {
        let judged = judge(Names::Any, target, &[("x-auth-proxy-key", RIGHT)]);
        assert_eq!(judged, Err(Refused::Target), "{target}");
    }
}
