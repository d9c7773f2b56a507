//! Whether a copy is the head that was kept, field for field, and is told from every other.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn head(fields: &[(String, Vec<u8>, bool)]) -> Request<()> {
    let mut head = Request::put("https://api.example.com/a?b=c")
        .body(())
        .unwrap();
    for (name, value, sensitive) in fields {
        let mut value = HeaderValue::from_bytes(value).unwrap();
        value.set_sensitive(*sensitive);
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        head.headers_mut().append(name, value);
    }
    head
}

fn kept<B>(head: &Request<B>) -> Head {
    let mut copy = Head::default();
    copy.keep(head);
    copy
}

fn fields() -> impl Strategy<Value = Vec<(String, Vec<u8>, bool)>> {
    let name = prop_oneof![
        Just("accept".to_owned()),
        Just("x-trace".to_owned()),
        "[a-z][a-z0-9-]{0,40}"
    ];
    let value = proptest::collection::vec(32_u8..127, 0..120);
    proptest::collection::vec((name, value, any::<bool>()), 0..20)
}

proptest! {
    #[test]
    fn a_copy_is_exact(fields in fields()) {
        let head = head(&fields);
        let copy = kept(&head);
        prop_assert!(copy.is_of(&head));
        let again = copy.parts();
        prop_assert_eq!(&again.headers, head.headers());
        prop_assert_eq!((&again.method, &again.uri, again.version), (head.method(), head.uri(), head.version()));
        for (one, other) in again.headers.values().zip(head.headers().values()) {
            prop_assert_eq!(one.is_sensitive(), other.is_sensitive());
        }
    }

    #[test]
    fn heads_that_differ_are_told_apart(one in fields(), other in fields()) {
        let (one, other) = (head(&one), head(&other));
        let same = one.headers().iter().map(|(name, value)| (name, value, value.is_sensitive()))
            .eq(other.headers().iter().map(|(name, value)| (name, value, value.is_sensitive())));
        prop_assert_eq!(kept(&one).is_of(&other), same);
    }
}

#[test]
fn all_names_and_numbers_of_fields_come_back() {
    let mut odd = head(&[]);
    // HTTP/2 lets it in.
    let name = HeaderName::from_lowercase(b"x\"y").unwrap();
    odd.headers_mut()
        .insert(name, HeaderValue::from_static("1"));
    assert_eq!(&kept(&odd).parts().headers, odd.headers());

    let mut many = head(&[]);
    for _ in 0..30_000 {
        many.headers_mut()
            .append("x-many", HeaderValue::from_static("1"));
    }
    assert_eq!(&kept(&many).parts().headers, many.headers());
}

#[test]
fn each_part_is_compared() {
    let copied = head(&[("accept".to_owned(), b"a".to_vec(), false)]);
    let copy = kept(&copied);
    let changes: [fn(&mut Request<()>); 5] = [
        |head| *head.method_mut() = Method::POST,
        |head| *head.uri_mut() = Uri::from_static("https://api.example.com/a?b=d"),
        |head| *head.version_mut() = Version::HTTP_2,
        |head| {
            let added = [(http::header::TE, HeaderValue::from_static("1"))];
            head.headers_mut().extend(added);
        },
        |head| {
            let value = head.headers_mut().get_mut("accept");
            value.unwrap().set_sensitive(true);
        },
    ];
    for (nth, change) in changes.into_iter().enumerate() {
        let mut changed = copied.clone();
        change(&mut changed);
        assert!(!copy.is_of(&changed), "change {nth}");
    }
    assert!(copy.is_of(&copied));
}

#[test]
fn addresses_are_compared_as_they_are_written() {
    let addresses = [
        "/a?b=c",
        "/a",
        "api.example.com:443",
        "https://api.example.com/a",
        "http://api.example.com/a",
        "https://API.example.com/a",
        "https://api.example.com/A",
    ];
    for one in addresses {
        for other in addresses {
            // Each has a text of its own.
            let [copied, compared] = [one, other].map(|address| {
                let address = Uri::try_from(address.to_owned()).unwrap();
                Request::get(address).body(()).unwrap()
            });
            let same = kept(&copied).is_of(&compared);
            assert_eq!(same, one == other, "{one} {other}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_grpc_call_is_kept() {
    let call = |version| {
        let call = Request::post("/").version(version);
        call.header("grpc-timeout", "3S").body(()).unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(3);
    for (version, is) in [(Version::HTTP_2, Some(deadline)), (Version::HTTP_11, None)] {
        assert_eq!(kept(&call(version)).deadline(), is, "{version:?}");
    }
}
