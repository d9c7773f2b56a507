//! Whether a copy is the head that was kept, field for field.

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
        let copy = Head::of(&head);
        let again = copy.parts();
        prop_assert_eq!(&again.headers, head.headers());
        prop_assert_eq!((&again.method, &again.uri, again.version), (head.method(), head.uri(), head.version()));
        for (one, other) in again.headers.values().zip(head.headers().values()) {
            prop_assert_eq!(one.is_sensitive(), other.is_sensitive());
        }
    }
}

#[test]
fn all_names_and_numbers_of_fields_come_back() {
    let mut odd = head(&[]);
    // HTTP/2 lets it in.
    let name = HeaderName::from_lowercase(b"x\"y").unwrap();
    odd.headers_mut()
        .insert(name, HeaderValue::from_static("1"));
    assert_eq!(&Head::of(&odd).parts().headers, odd.headers());

    let mut many = head(&[]);
    for _ in 0..30_000 {
        many.headers_mut()
            .append("x-many", HeaderValue::from_static("1"));
    }
    assert_eq!(&Head::of(&many).parts().headers, many.headers());
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_shared_head_is_a_kibibyte() {
    // With the two numbers by which it is shared, and what an allocator adds.
    assert!(size_of::<Head>() + 3 * size_of::<usize>() <= 1040);
}

#[test]
fn values_of_every_length_come_back() {
    let long = |length| ("x-long".to_owned(), vec![b'v'; length], length % 2 == 0);
    let lengths = [0, 700, 32_766, 32_767, 32_768, 100_000, 1];
    let head = head(&lengths.map(long));
    let again = Head::of(&head).parts().headers;
    let values = |headers: &HeaderMap| {
        let values = headers.get_all("x-long").iter();
        values
            .map(|value| (value.clone(), value.is_sensitive()))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(head.headers()));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_grpc_call_is_kept() {
    let call = |version| {
        let call = Request::post("/").version(version);
        call.header("grpc-timeout", "3S").body(()).unwrap()
    };
    let deadline = Instant::now() + Duration::from_secs(3);
    for (version, is) in [(Version::HTTP_2, Some(deadline)), (Version::HTTP_11, None)] {
        assert_eq!(Head::of(&call(version)).deadline(), is, "{version:?}");
    }
}
