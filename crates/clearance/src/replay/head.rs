//! A compact copy of a request's head.
//!
//! Cloning a `HeaderMap` costs two allocations and one more for every value that was made at run time. A replay is rare and
//! the copy is made for every request, so the fields are copied into one piece of memory instead, and taken apart only
//! when they are needed.

use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    request::Parts,
    uri::{Authority, PathAndQuery},
};

/// Where the first layer that keeps a request's head puts it, for the next one to share.
#[derive(Debug, Default)]
pub struct Seat(OnceLock<Head>);

/// A request's method, address, version and fields as they were. Its extensions cannot be compared, so they are not in it.
pub(super) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    fields: usize,
    /// A field may have several values.
    names: usize,
    /// For each field: its lengths, and then name and value.
    text: Text,
}

/// So much is kept in place, without an allocation: a dozen ordinary fields.
const IN_PLACE: usize = 512;

struct Text {
    length: usize,
    in_place: [u8; IN_PLACE],
    /// All of it, if it is too long to be kept in place.
    longer: Vec<u8>,
}

/// The lengths of a field: its value's, its name's (which `http` bounds to 64 KiB), and whether it is sensitive.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lengths(u64);

// ===== impl Seat =====

impl Seat {
    /// Keeps `head`. `false`: another one is kept here, as one that a layer in between has changed.
    pub(super) fn keep<B>(&self, head: &Request<B>) -> bool {
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
    pub(super) fn of<B>(head: &Request<B>) -> Self {
        let mut text = Text::new();
        for (name, value) in head.headers() {
            text.push(&Lengths::of(name, value).0.to_ne_bytes());
            text.push(name.as_str().as_bytes());
            text.push(value.as_bytes());
        }
        Self {
            method: head.method().clone(),
            uri: head.uri().clone(),
            version: head.version(),
            fields: head.headers().len(),
            names: head.headers().keys_len(),
            text,
        }
    }

    /// Whether this is a copy of `head`.
    pub(super) fn is_of<B>(&self, head: &Request<B>) -> bool {
        self.method == head.method()
            && self.version == head.version()
            && self.fields == head.headers().len()
            && is_written_alike(&self.uri, head.uri())
            && self.has(head.headers())
    }

    fn has(&self, headers: &HeaderMap) -> bool {
        let mut rest = self.text.as_slice();
        headers.iter().all(|(name, value)| {
            let lengths = Lengths::of(name, value);
            if split(&mut rest, Lengths::SIZE) != lengths.0.to_ne_bytes() {
                return false;
            }
            split(&mut rest, lengths.name()) == name.as_str().as_bytes()
                && split(&mut rest, lengths.value()) == value.as_bytes()
        })
    }

    /// The head once more, without extensions.
    pub(super) fn parts(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.method.clone();
        head.uri = self.uri.clone();
        head.version = self.version;
        head.headers = self.headers();
        head
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.names);
        // The values share one allocation.
        let mut rest = Bytes::copy_from_slice(self.text.as_slice());
        for _ in 0..self.fields {
            let lengths = rest.split_to(Lengths::SIZE);
            let lengths = lengths.as_ref().try_into().expect("so many were taken");
            let lengths = Lengths(u64::from_ne_bytes(lengths));
            let name = rest.split_to(lengths.name());
            // Which takes all that a request of HTTP/2 may have, unlike `from_bytes`.
            let name = HeaderName::from_lowercase(&name).expect("it was a name");
            let value = rest.split_to(lengths.value());
            let mut value = HeaderValue::from_maybe_shared(value).expect("it was a value");
            value.set_sensitive(lengths.is_sensitive());
            headers.append(name, value);
        }
        headers
    }
}

/// The texts, and not what they stand for: that is a comparison without case, and takes as long as all the rest.
fn is_written_alike(one: &Uri, other: &Uri) -> bool {
    one.path_and_query().map(PathAndQuery::as_str)
        == other.path_and_query().map(PathAndQuery::as_str)
        && one.authority().map(Authority::as_str) == other.authority().map(Authority::as_str)
        && one.scheme_str() == other.scheme_str()
}

/// Takes the first bytes off `rest`: all there are, if that is less.
fn split<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (first, others) = rest.split_at(length.min(rest.len()));
    *rest = others;
    first
}

// ===== impl Text =====

impl Text {
    fn new() -> Self {
        Self {
            length: 0,
            in_place: [0; IN_PLACE],
            longer: Vec::new(),
        }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.in_place.get_mut(self.length..end) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.push_longer(bytes),
        }
        self.length = end;
    }

    #[cold]
    fn push_longer(&mut self, bytes: &[u8]) {
        if self.longer.is_empty() {
            self.longer.reserve(4 * IN_PLACE);
            self.longer.extend_from_slice(&self.in_place[..self.length]);
        }
        self.longer.extend_from_slice(bytes);
    }

    fn as_slice(&self) -> &[u8] {
        match self.length {
            ..=IN_PLACE => &self.in_place[..self.length],
            _ => &self.longer,
        }
    }
}

// ===== impl Lengths =====

impl Lengths {
    const SIZE: usize = 8;

    fn of(name: &HeaderName, value: &HeaderValue) -> Self {
        let (name, sensitive) = (name.as_str().len() as u64, u64::from(value.is_sensitive()));
        Self((value.len() as u64) << 17 | name << 1 | sensitive)
    }

    fn name(self) -> usize {
        usize::from((self.0 >> 1) as u16)
    }

    fn value(self) -> usize {
        (self.0 >> 17) as usize
    }

    fn is_sensitive(self) -> bool {
        self.0 & 1 != 0
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
            prop_assert_eq!(Head::of(&one).is_of(&other), same);
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
    fn each_part_is_compared() {
        let copied = head(&[("accept".to_owned(), b"a".to_vec(), false)]);
        let copy = Head::of(&copied);
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
}
