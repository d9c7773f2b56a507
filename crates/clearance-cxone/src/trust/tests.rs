use clearance_core::TokenErrorKind;

use super::*;

fn trust(root: &'static str) -> Trust {
    Trust::in_line_with(&Uri::from_static(root))
}

#[test]
fn under_the_issuers_domain_or_nices() {
    let global = trust("https://cxone.niceincontact.com");
    for good in [
        "https://cxone.niceincontact.com/auth/token",
        "https://CXone.NiceInContact.com./auth/token",
        "https://api-na1.niceincontact.com",
        "https://api-na1.niceincontact.com:443/",
        "https://niceincontact.com",
        "https://api-c12.nice-incontact.com",
        "https://api.nicecxone-gov.com",
        "https://api.uk3.nicecxone-sov2.uk",
    ] {
        assert!(global.judge("it", good).is_ok(), "{good}");
    }
    for (bad, says) in [
        ("https://evil.test/auth/token", "neither under"),
        ("https://evilniceincontact.com/", "neither under"),
        ("https://niceincontact.com.evil.test/", "neither under"),
        (
            "https://cxone.niceincontact.com@evil.test/",
            "user information",
        ),
        (
            "https://user:pw-7@cxone.niceincontact.com/",
            "user information",
        ),
        ("https://com/", "neither under"),
        ("https://10.0.0.1/", "IP literal"),
        ("https://[2001:db8::1]/", "IP literal"),
        ("https://api-na1.niceincontact.com:8443/", "port of its own"),
        ("https://cxone.niceincontact.com:8443/", "port of its own"),
        ("http://cxone.niceincontact.com/auth/token", "plain http"),
        ("https://127.0.0.1/", "loopback"),
        ("http://localhost:8080/", "loopback"),
        ("https://[::1]/", "loopback"),
        ("/auth/token", "cannot be used"),
        ("https://cxone.niceincontact.com/#a", "fragment"),
        ("javascript:alert(1)", "cannot be used"),
        ("", "cannot be used"),
    ] {
        let error = global.judge("it", bad).unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Malformed);
        assert!(!error.is_retryable());
        let error = error.to_string();
        assert!(
            error.contains(says) && !error.contains("pw-7"),
            "{bad}: {error}"
        );
    }
}

#[test]
fn a_public_suffix_is_nobodys_domain() {
    let gateway = trust("https://cxone.example.co.uk");
    assert!(gateway.judge("it", "https://api.example.co.uk").is_ok());
    assert!(gateway.judge("it", "https://other.co.uk").is_err());
    let hosted = trust("https://me.github.io");
    assert!(hosted.judge("it", "https://you.github.io").is_err());
}

#[test]
fn an_ip_literal_has_no_domain() {
    let literal = trust("https://10.1.2.3:8443");
    assert!(literal.judge("it", "https://10.1.2.3:8443/token").is_ok());
    for bad in [
        "https://10.1.2.3/",
        "https://9.1.2.3:8443/",
        "https://x.2.3/",
        "https://2.3/",
    ] {
        assert!(literal.judge("it", bad).is_err(), "{bad}");
    }
}

#[test]
fn a_loopback_issuer_may_name_loopback_of_any_kind() {
    for root in [
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "https://[::1]:9",
    ] {
        for good in [
            "http://127.0.0.1:9999/t",
            "https://localhost/",
            "http://[::1]:7/",
        ] {
            assert!(trust(root).judge("it", good).is_ok(), "{root} {good}");
        }
        assert!(trust(root).judge("it", "https://evil.test").is_err());
        assert!(trust(root).judge("it", "http://10.0.0.1/").is_err());
    }
}

#[test]
fn the_caller_may_vouch_for_a_host() {
    let mut trust = trust("https://cxone.niceincontact.com");
    trust.extend("Gateway.Example.com").unwrap();
    trust.extend("10.0.0.5:8443").unwrap();
    for good in ["https://gateway.example.com/t", "https://10.0.0.5:8443/t"] {
        assert!(trust.judge("it", good).is_ok(), "{good}");
    }
    for bad in [
        "https://sub.gateway.example.com",
        "https://example.com",
        "https://gateway.example.com:8443",
        "http://gateway.example.com",
        "https://10.0.0.5",
    ] {
        assert!(trust.judge("it", bad).is_err(), "{bad}");
    }
    trust.extend("localhost:8080").unwrap();
    let error = trust.judge("it", "https://localhost:8080/").unwrap_err();
    assert!(!error.to_string().contains("say trust"), "{error}");
    for wrong in [
        "",
        "https://gateway.example.com",
        "a/b",
        "a b",
        "me@host",
        "host:99999",
    ] {
        assert!(trust.extend(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_error_says_what_to_say() {
    let error = trust("https://cxone.niceincontact.com")
        .judge("token_endpoint", "https://gateway.example.com:8443/secret")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unusable token answer: `token_endpoint` is on gateway.example.com:8443, which has a port of its own; \
         if that is right, say trust_endpoint_host(\"gateway.example.com:8443\")"
    );
}

mod every {
    use proptest::{prelude::*, sample::select};
    use url::{Host, Url};

    use super::*;

    fn labels() -> impl Strategy<Value = String> {
        "([a-z]([a-z0-9-]{0,6}[a-z0-9])?\\.){0,3}"
    }

    /// The same name to every server: upper case by the bits of `case`, perhaps a dot at its end.
    fn respelled(name: &str, case: u32, dot: bool) -> String {
        let letters = name.chars().zip(0_u32..);
        let letters = letters.map(|(c, nth)| match case >> (nth % 32) & 1 {
            1 => c.to_ascii_uppercase(),
            _ => c,
        });
        letters.chain(dot.then_some('.')).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn host_of_nice_is_believed_however_it_is_spelled(
            labels in labels(),
            domain in select(NICE.to_vec()),
            case in any::<u32>(),
            dot in any::<bool>(),
            port in select(vec!["", ":", ":443", ":00443"]),
            path in "(/[a-z]{0,3}){0,2}",
        ) {
            let host = respelled(&format!("{labels}{domain}"), case, dot);
            let url = format!("https://{host}{port}{path}");
            let judged = trust("https://login.example.com").judge("it", &url);
            prop_assert!(judged.is_ok(), "{judged:?}");
        }

        /// The suffixes are written here, and not looked up: what may be registered under them is one label.
        #[test]
        fn host_under_the_issuers_domain_is_believed_and_its_neighbours_are_not(
            name in "zq[a-z]{3,8}",
            neighbour in "zr[a-z]{3,8}",
            labels in labels(),
            suffix in select(vec!["com", "de", "co.uk", "com.au", "github.io", "co.jp", "test"]),
        ) {
            let issuer = format!("https://login.{name}.{suffix}:8443").parse().unwrap();
            let trust = Trust::in_line_with(&issuer);
            let judge = |host: String| trust.judge("it", &format!("https://{host}/t"));
            let ours = judge(format!("{labels}{name}.{suffix}"));
            prop_assert!(ours.is_ok(), "{ours:?}");
            for other in [
                format!("{labels}{neighbour}.{suffix}"),
                format!("x{name}.{suffix}"),
                format!("{name}.{suffix}.{neighbour}.com"),
                format!("{name}.{suffix}{neighbour}"),
                format!("{neighbour}-{name}.{suffix}"),
                suffix.to_owned(),
            ] {
                prop_assert!(judge(other.clone()).is_err(), "{other}");
            }
        }

        /// Whom a caller vouches for is that host and no other, by the reading of another parser.
        #[test]
        fn host_that_was_vouched_for_is_believed_exactly(
            named in select(vec!["gateway.test", "gateway.test:8443", "10.0.0.5", "[2001:db8::1]:9"]),
            scheme in select(vec!["https", "http"]),
            host in select(vec![
                "gateway.test", "Gateway.TEST.", "a.gateway.test", "gateway.test.evil.test", "xgateway.test", "10.0.0.5",
                "10.0.5", "[2001:db8::1]", "[2001:DB8::1]", "[2001:db8:0::1]", "gateway.test@evil.test", "evil.test",
            ]),
            port in select(vec!["", ":443", ":8443", ":9", ":08443", ":80"]),
        ) {
            let mut trust = trust("https://cxone.niceincontact.com");
            trust.extend(named).unwrap();
            let text = format!("{scheme}://{host}{port}/t");
            let named = Url::parse(&format!("https://{named}")).unwrap();
            let is_named = Url::parse(&text).is_ok_and(|url| {
                let name = |url: &Url| match url.host().unwrap() {
                    Host::Domain(name) => name.trim_end_matches('.').to_owned(),
                    other => other.to_string(),
                };
                url.scheme() == "https" && name(&url) == name(&named)
                    && url.port_or_known_default() == named.port_or_known_default() && url.username().is_empty()
            });
            match trust.judge("it", &text) {
                Ok(_) => prop_assert!(is_named, "{text} is not {named}"),
                // An address of another spelling of its numbers is not compared.
                Err(_) => prop_assert!(!is_named || host.contains("10.0.5") || host.contains(":0::"), "{text} is {named}"),
            }
        }
    }
}
