//! A compact copy of a request's head.
//!
//! Cloning a `HeaderMap` costs two allocations and one more for every value that was made at run time. A replay is rare and
//! the copy is made for every request, so the fields are copied into one piece of memory instead, and taken apart only
//! when they are needed.

use std::{
    fmt, ptr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    request::Parts,
    uri::{Authority, PathAndQuery},
};
use tokio::time::Instant;

use crate::grpc;

/// Where the first layer that keeps a request's head puts it, for the next one to share.
#[derive(Debug, Default)]
pub struct Seat(Mutex<Head>);

/// A request's method, address, version and fields as they were. Its extensions cannot be compared, so they are not in it.
#[derive(Default)]
pub(super) struct Head {
    /// `None`: nothing is kept yet.
    line: Option<Line>,
    fields: Fields,
}

/// All but the fields.
struct Line {
    method: Method,
    uri: Uri,
    version: Version,
    /// Of a gRPC call: when nobody waits for its reply any more.
    deadline: Option<Instant>,
}

/// For each field: its lengths, and then name and value.
struct Fields {
    number: usize,
    /// A field may have several values.
    names: usize,
    length: usize,
    in_place: [u8; IN_PLACE],
    /// All of them, if they are too long to be kept in place.
    longer: Vec<u8>,
}

/// So much is kept in place, without an allocation: a dozen ordinary fields.
const IN_PLACE: usize = 512;
/// So much later than the outermost layer another one may keep the same head.
const LATER: Duration = Duration::from_millis(5);
/// What is allocated at first for more: beyond a kibibyte allocators take much longer.
const LONGER: usize = 1000;

/// The lengths of a field: its value's, its name's (which `http` bounds to 64 KiB), and whether it is sensitive.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lengths(u64);

// ===== impl Seat =====

impl Seat {
    /// Keeps `head`. `false`: another one is kept here, as one that a layer in between has changed, or that of an earlier
    /// attempt, whose deadline is not this one's.
    pub(super) fn keep<B>(&self, head: &Request<B>) -> bool {
        let mut kept = self.lock();
        if kept.is_kept() {
            return kept.is_of(head);
        }
        kept.keep(head);
        true
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Head> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Head =====

impl Head {
    /// Filled where it is, since it is long.
    pub(super) fn keep<B>(&mut self, head: &Request<B>) {
        self.line = Some(Line {
            method: head.method().clone(),
            uri: head.uri().clone(),
            version: head.version(),
            deadline: grpc::deadline(head),
        });
        self.fields.keep(head.headers());
    }

    pub(super) fn is_kept(&self) -> bool {
        self.line.is_some()
    }

    /// Whether this is a copy of `head`.
    fn is_of<B>(&self, head: &Request<B>) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_of(head))
            && self.fields.are(head.headers())
            && self.deadline().is_none_or(|kept| {
                grpc::deadline(head)
                    .is_some_and(|deadline| deadline.saturating_duration_since(kept) <= LATER)
            })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.line.as_ref()?.deadline
    }

    /// The head once more, without extensions.
    pub(super) fn parts(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        if let Some(line) = &self.line {
            head.method = line.method.clone();
            head.uri = line.uri.clone();
            head.version = line.version;
            head.headers = self.fields.again();
        }
        head
    }
}

impl Line {
    fn is_of<B>(&self, head: &Request<B>) -> bool {
        self.method == *head.method()
            && self.version == head.version()
            && is_written_alike(&self.uri, head.uri())
    }
}

/// The texts, and not what they stand for: that is a comparison without case, and takes as long as all the rest. A text
/// in the same place is the same one, since the copy has a share in it.
fn is_written_alike(one: &Uri, other: &Uri) -> bool {
    let same = |one: Option<&str>, other: Option<&str>| match (one, other) {
        (Some(one), Some(other)) => ptr::eq(one, other) || one == other,
        (one, other) => one == other,
    };
    let paths = [one, other].map(|uri| uri.path_and_query().map(PathAndQuery::as_str));
    let authorities = [one, other].map(|uri| uri.authority().map(Authority::as_str));
    same(paths[0], paths[1])
        && same(authorities[0], authorities[1])
        && one.scheme() == other.scheme()
}

// ===== impl Fields =====

impl Fields {
    fn keep(&mut self, headers: &HeaderMap) {
        self.number = headers.len();
        self.names = headers.keys_len();
        for (name, value) in headers {
            let name = name.as_str();
            self.push(Lengths::of(name, value), name, value.as_bytes());
        }
    }

    fn push(&mut self, lengths: Lengths, name: &str, value: &[u8]) {
        let end = self.length + Lengths::SIZE + name.len() + value.len();
        match self.in_place.get_mut(self.length..end) {
            Some(room) => {
                let (first, room) = room.split_at_mut(Lengths::SIZE);
                first.copy_from_slice(&lengths.0.to_ne_bytes());
                let (first, room) = room.split_at_mut(name.len());
                first.copy_from_slice(name.as_bytes());
                room.copy_from_slice(value);
            }
            None => self.push_longer(lengths, name, value),
        }
        self.length = end;
    }

    fn push_longer(&mut self, lengths: Lengths, name: &str, value: &[u8]) {
        if self.longer.is_empty() {
            self.longer.reserve(LONGER);
            self.longer.extend_from_slice(&self.in_place[..self.length]);
        }
        self.longer.extend_from_slice(&lengths.0.to_ne_bytes());
        self.longer.extend_from_slice(name.as_bytes());
        self.longer.extend_from_slice(value);
    }

    fn as_slice(&self) -> &[u8] {
        match self.length {
            ..=IN_PLACE => &self.in_place[..self.length],
            _ => &self.longer,
        }
    }

    /// Whether these are copies of `headers`.
    fn are(&self, headers: &HeaderMap) -> bool {
        let mut rest = self.as_slice();
        self.number == headers.len()
            && headers.iter().all(|(name, value)| {
                let name = name.as_str();
                let lengths = Lengths::of(name, value);
                if split(&mut rest, Lengths::SIZE) != lengths.0.to_ne_bytes() {
                    return false;
                }
                split(&mut rest, lengths.name()) == name.as_bytes()
                    && split(&mut rest, lengths.value()) == value.as_bytes()
            })
    }

    fn again(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.names);
        // The values share one allocation.
        let mut rest = Bytes::copy_from_slice(self.as_slice());
        for _ in 0..self.number {
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

impl Default for Fields {
    fn default() -> Self {
        Self {
            number: 0,
            names: 0,
            length: 0,
            in_place: [0; IN_PLACE],
            longer: Vec::new(),
        }
    }
}

/// Takes the first bytes off `rest`: all there are, if that is less.
fn split<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (first, others) = rest.split_at(length.min(rest.len()));
    *rest = others;
    first
}

// ===== impl Lengths =====

impl Lengths {
    const SIZE: usize = 8;

    fn of(name: &str, value: &HeaderValue) -> Self {
        let (name, sensitive) = (name.len() as u64, u64::from(value.is_sensitive()));
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
            .field("method", &self.line.as_ref().map(|line| &line.method))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
