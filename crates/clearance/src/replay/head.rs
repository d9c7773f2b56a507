//! A compact copy of a request's head.
//!
//! Cloning a `HeaderMap` costs two allocations and one more for every value that was made at run time. A replay is rare and
//! the copy is made for every request, so the fields are copied into one piece of memory instead, and taken apart only
//! when they are needed.

use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, request::Parts};

/// Where the first layer that keeps a request's head puts it, for the next one to share.
#[derive(Debug, Default)]
pub struct Seat(OnceLock<Head>);

/// A request's method, address, version and fields as they were. Its extensions cannot be compared, so they are not in it.
pub(super) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    fields: usize,
    /// For each field: its lengths, and then name and value.
    text: Text,
}

/// So much is kept in place, without an allocation: a dozen ordinary fields.
const IN_PLACE: usize = 512;

#[expect(
    clippy::large_enum_variant,
    reason = "to box the larger one is what it avoids"
)]
enum Text {
    InPlace([u8; IN_PLACE]),
    Longer(Vec<u8>),
}

/// The lengths before a field: two bytes of the name's, which `http` bounds to 64 KiB, and eight of the value's.
const LENGTHS: usize = 10;
/// In the length of a value: it is sensitive.
const SENSITIVE: u64 = 1 << 63;

// ===== impl Seat =====

impl Seat {
    /// Keeps `head`. `false`: another one is kept here, as one that a layer in between has changed.
    pub(super) fn keep(&self, head: &Parts) -> bool {
        let mut is_new = false;
        let kept = self.0.get_or_init(|| {
            is_new = true;
            Head::of(head)
        });
        is_new || kept.is_of(head)
    }

    pub(super) fn get(&self) -> Option<&Head> {
        self.0.get()
    }
}

// ===== impl Head =====

impl Head {
    pub(super) fn of(head: &Parts) -> Self {
        let size = head.headers.iter().map(size_of_field).sum();
        let mut text = if size <= IN_PLACE {
            Text::InPlace([0; IN_PLACE])
        } else {
            Text::Longer(vec![0; size])
        };
        let mut rest = text.as_mut();
        for (name, value) in &head.headers {
            let (lengths, after) = rest.split_at_mut(LENGTHS);
            lengths.copy_from_slice(&lengths_of(name, value));
            let (to, after) = after.split_at_mut(name.as_str().len());
            to.copy_from_slice(name.as_str().as_bytes());
            let (to, after) = after.split_at_mut(value.len());
            to.copy_from_slice(value.as_bytes());
            rest = after;
        }
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            fields: head.headers.len(),
            text,
        }
    }

    /// Whether this is a copy of `head`.
    pub(super) fn is_of(&self, head: &Parts) -> bool {
        self.method == head.method
            && self.version == head.version
            && self.fields == head.headers.len()
            && self.uri == head.uri
            && self.has(&head.headers)
    }

    fn has(&self, headers: &HeaderMap) -> bool {
        let mut rest = self.text.as_ref();
        headers.iter().all(|(name, value)| {
            let mut next = |expected: &[u8]| {
                let (here, after) = rest.split_at_checked(expected.len())?;
                rest = after;
                (here == expected).then_some(())
            };
            next(&lengths_of(name, value))
                .and_then(|()| next(name.as_str().as_bytes()))
                .and_then(|()| next(value.as_bytes()))
                .is_some()
        })
    }

    /// The head once more, without extensions.
    pub(super) fn parts(&self) -> Parts {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = self.method.clone();
        head.uri = self.uri.clone();
        head.version = self.version;
        head.headers = self.headers();
        head
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.fields);
        // The values share one allocation.
        let mut rest = Bytes::copy_from_slice(self.text.as_ref());
        for _ in 0..self.fields {
            let lengths = rest.split_to(LENGTHS);
            let (name, value) = lengths.split_at(2);
            let name = u16::from_be_bytes(name.try_into().expect("two bytes"));
            let value = u64::from_be_bytes(value.try_into().expect("eight bytes"));
            let name = HeaderName::from_bytes(&rest.split_to(name.into())).expect("it was a name");
            let text = rest.split_to((value & !SENSITIVE) as usize);
            let mut text = HeaderValue::from_maybe_shared(text).expect("it was a value");
            text.set_sensitive(value & SENSITIVE != 0);
            headers.append(name, text);
        }
        headers
    }
}

fn size_of_field((name, value): (&HeaderName, &HeaderValue)) -> usize {
    LENGTHS + name.as_str().len() + value.len()
}

fn lengths_of(name: &HeaderName, value: &HeaderValue) -> [u8; LENGTHS] {
    let sensitive = if value.is_sensitive() { SENSITIVE } else { 0 };
    let [a, b] = (name.as_str().len() as u16).to_be_bytes();
    let [c, d, e, f, g, h, i, j] = (value.len() as u64 | sensitive).to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j]
}

// ===== impl Text =====

impl Text {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::InPlace(text) => text,
            Self::Longer(text) => text,
        }
    }

    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::InPlace(text) => text,
            Self::Longer(text) => text,
        }
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fields may be secrets, and so may a query.
        f.debug_struct("Head")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn head(fields: &[(String, Vec<u8>, bool)]) -> Parts {
        let (mut head, ()) = Request::put("https://api.example.com/a?b=c")
            .body(())
            .unwrap()
            .into_parts();
        for (name, value, sensitive) in fields {
            let mut value = HeaderValue::from_bytes(value).unwrap();
            value.set_sensitive(*sensitive);
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            head.headers.append(name, value);
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
            prop_assert!(copy.is_of(&head));
            let again = copy.parts();
            prop_assert_eq!(&again.headers, &head.headers);
            prop_assert_eq!((&again.method, &again.uri, again.version), (&head.method, &head.uri, head.version));
            for (one, other) in again.headers.values().zip(head.headers.values()) {
                prop_assert_eq!(one.is_sensitive(), other.is_sensitive());
            }
        }

        #[test]
        fn heads_that_differ_are_told_apart(one in fields(), other in fields()) {
            let (one, other) = (head(&one), head(&other));
            let same = one.headers.iter().map(|(name, value)| (name, value, value.is_sensitive()))
                .eq(other.headers.iter().map(|(name, value)| (name, value, value.is_sensitive())));
            prop_assert_eq!(Head::of(&one).is_of(&other), same);
        }
    }

    #[test]
    fn each_part_is_compared() {
        let copied = head(&[("accept".to_owned(), b"a".to_vec(), false)]);
        let copy = Head::of(&copied);
        let changes: [fn(&mut Parts); 5] = [
            |head| head.method = Method::POST,
            |head| head.uri = Uri::from_static("https://api.example.com/a?b=d"),
            |head| head.version = Version::HTTP_2,
            |head| {
                head.headers
                    .extend([(http::header::TE, HeaderValue::from_static("1"))]);
            },
            |head| head.headers.get_mut("accept").unwrap().set_sensitive(true),
        ];
        for (nth, change) in changes.into_iter().enumerate() {
            let mut changed = copied.clone();
            change(&mut changed);
            assert!(!copy.is_of(&changed), "change {nth}");
        }
        assert!(copy.is_of(&copied));
    }
}
