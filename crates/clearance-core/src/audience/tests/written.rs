//! However an address is written, it is judged as it is without shortcuts.

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
