//! Which addresses credentials may go to.

use clearance_oauth::check;
use proptest::{prelude::*, sample::select};
use url::{Host, Url};

proptest! {
    /// An address for credentials, read by the parser that browsers and reqwest use.
    #[test]
    fn credentials_go_over_tls_or_stay_on_this_machine(
        scheme in select(vec!["https", "http", "HTTP", "ftp"]),
        user in select(vec!["", "", "u@", "u:p@", "localhost@"]),
        host in prop_oneof![
            select(vec![
                "login.test", "localhost", "localhost.", "LOCALHOST", "127.0.0.1", "127.1", "127.0.0.1.evil.test",
                "[::1]", "[::2]", "10.0.0.1", "localhost.evil.test", "0.0.0.0", "b\u{fc}cher.test", "evil.test\\",
            ]).prop_map(str::to_owned),
            "[a-zA-Z0-9.%_~-]{0,10}",
        ],
        port in select(vec!["", ":", ":8443", ":0", ":99999", ":x"]),
        tail in select(vec!["", "/", "/a?b", "/#f", "#", "?q", "/\\evil.test", "\\@evil.test"]),
    ) {
        let text = format!("{scheme}://{user}{host}{port}{tail}");
        let Ok(uri) = check::url("it", &text) else { return Ok(()) };
        // The other parser knows names that are none, such as 10.0.0.999.
        let Ok(url) = Url::parse(&text) else { return Ok(()) };
        prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None), "{}", text);
        let is_here = match url.host().unwrap() {
            Host::Domain(name) => name.trim_end_matches('.') == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && is_here), "{text}");
        prop_assert_eq!(Url::parse(&uri.to_string()).unwrap(), url);
    }
}
