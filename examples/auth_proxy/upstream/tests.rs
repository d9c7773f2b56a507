//! Where requests go, and where redirects lead.

use super::*;

#[test]
fn an_address_with_a_query_is_refused_and_not_shown() {
    for base in ["https://api.example.com/?key=s3cr3t", "/s3cr3t", "s3cr3t"] {
        let problem = Upstream::new(base).unwrap_err().to_string();
        assert!(!problem.contains("s3cr3t"), "{problem}");
    }
}

#[test]
fn no_target_changes_the_host() {
    let upstream = Upstream::new("https://api.example.com:8443/base/").unwrap();
    for target in [
        "/",
        "/@evil.example/",
        "/:80@evil.example/x",
        "//evil.example/",
        "/a?b=//evil.example",
        "/\\evil.example",
    ] {
        let address = upstream.address(&target.parse().unwrap()).unwrap();
        assert_eq!(
            address.authority().unwrap(),
            "api.example.com:8443",
            "{target}"
        );
        assert_eq!(address.scheme_str(), Some("https"));
        let path = address.path_and_query().unwrap().as_str();
        assert_eq!(path, format!("/base{target}"));
    }
}

/// A `Location` as the proxy tells it to a caller of `/`.
fn told(base: &str, location: &'static str) -> String {
    told_to(base, "/", location)
}

/// The same to a caller of that target.
fn told_to(base: &str, target: &'static str, location: &'static str) -> String {
    let upstream = Upstream::new(base).unwrap();
    let asked = upstream.address(&Uri::from_static(target)).unwrap();
    let reply = http::Response::builder().header("location", location);
    let (mut head, ()) = reply.body(()).unwrap().into_parts();
    crate::hops::homeward(&mut head, &upstream, &asked);
    head.headers["location"].to_str().unwrap().to_owned()
}

#[test]
fn a_location_below_the_base_becomes_a_path() {
    for (base, location, path) in [
        (
            "https://api.example.com/base",
            "https://api.example.com/base/a?b",
            "/a?b",
        ),
        (
            "https://api.example.com/base",
            "https://api.example.com/base",
            "/",
        ),
        (
            "https://api.example.com/base",
            "https://api.example.com/base?b",
            "/?b",
        ),
        ("https://api.example.com/base", "/base/a", "/a"),
        ("https://api.example.com", "https://api.example.com/a", "/a"),
        ("https://api.example.com", "/a b", "/a%20b"),
    ] {
        assert_eq!(told(base, location), path, "{base} {location}");
    }
}

#[test]
fn a_location_at_the_api_becomes_a_path_however_it_is_written() {
    for (base, location) in [
        ("https://api.example.com", "https://API.example.com/a"),
        ("https://api.example.com", "https://api.example.com:443/a"),
        ("https://api.example.com", "https://api.example.com./a"),
        ("https://api.example.com", "HTTPS://api.example.com/a"),
        ("https://api.example.com", "//api.example.com/a"),
        ("https://API.example.com:443/", "https://api.example.com/a"),
        ("http://127.0.0.1:80", "http://127.0.0.1/a"),
    ] {
        assert_eq!(told(base, location), "/a", "{base} {location}");
    }
    let with_fragment = told("https://api.example.com/", "https://api.example.com#f");
    assert_eq!(with_fragment, "/#f");
}

/// `/login` is not `/base/login`, which is what a caller gets who follows it at the proxy.
#[test]
fn a_location_beside_the_base_is_told_with_its_host() {
    let told = |location| told("https://api.example.com/base", location);
    for (location, whole) in [
        ("/login?a=/base", "https://api.example.com/login?a=/base"),
        ("/basement", "https://api.example.com/basement"),
        ("/", "https://api.example.com/"),
        // The caller speaks http to the proxy, and would go there with that.
        ("//evil.example/base", "https://evil.example/base"),
    ] {
        assert_eq!(told(location), whole);
    }
}

#[test]
fn a_location_elsewhere_is_left_as_it_is() {
    for location in [
        "https://evil.example/base/a",
        "https://api.example.com/other",
        "https://api.example.com/base//evil.example",
        "https://api.example.com.evil.example/base/a",
        "https://api.example.com@evil.example/base/a",
        "https://user@api.example.com/base/a",
        "https://api.example.com:8443/base/a",
        "http://api.example.com/base/a",
        "https://evil.example",
        "https://evil.example/a b|c/../d",
        "mailto:a@api.example.com",
    ] {
        let told = told("https://api.example.com/base", location);
        assert_eq!(told, location);
    }
}

#[test]
fn a_location_relative_to_the_request_is_resolved() {
    for (target, location, resolved) in [
        ("/a/b", "c", "/a/c"),
        ("/a/b", "../c", "/c"),
        ("/a/b", "/base/c/../d", "/d"),
        ("/a/b", "?c", "/a/b?c"),
        ("/a/b?c", "", "/a/b?c"),
        ("/", "a", "/a"),
        ("/a", "../c", "https://api.example.com/c"),
        ("/a", "/base/../c", "https://api.example.com/c"),
        ("/a", "/base/%2e%2e/c", "https://api.example.com/c"),
        ("/a", "..\\c", "https://api.example.com/c"),
    ] {
        let told = told_to("https://api.example.com/base", target, location);
        assert_eq!(told, resolved, "{target} {location}");
    }
}

/// To user agents (WHATWG) a backslash is a slash, and a tab is nothing.
#[test]
fn no_path_leads_a_caller_to_another_host() {
    for (base, location) in [
        (
            "https://api.example.com",
            "https://api.example.com/\\evil.example",
        ),
        (
            "https://api.example.com",
            "https://api.example.com/.//evil.example",
        ),
        ("https://api.example.com/base", "/base/\\evil.example"),
        ("https://api.example.com/base", "/base/a/..//evil.example"),
        (
            "https://api.example.com/base",
            "https://api.example.com/base/\t/evil.example",
        ),
    ] {
        let told = told(base, location);
        assert!(
            told.starts_with("https://api.example.com/"),
            "{base} {location:?}: {told:?}"
        );
    }
}
