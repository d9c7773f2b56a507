//! A compact copy of a request's head.
//!
//! Cloning a `HeaderMap` costs two allocations and one more for every value that was made at run time. A replay is rare and
//! the copy is made for every request, so the fields are copied into one piece of memory instead, and taken apart only
//! when they are needed.

use std::{fmt, sync::Arc};

use bytes::{Buf, Bytes};
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, request::Parts,
};
use tokio::time::Instant;

use crate::grpc;

/// A request as it was, but for its body.
#[derive(Default)]
pub(crate) struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
    /// Of a gRPC call: when nobody waits for its reply any more.
    deadline: Option<Instant>,
    fields: Fields,
}

/// For each field: its lengths, and then name and value.
struct Fields {
    number: usize,
    /// A field may have several values.
    names: usize,
    /// Of what is kept in place.
    length: usize,
    in_place: [u8; IN_PLACE],
    /// All of them, if they are too long to be kept in place.
    longer: Vec<u8>,
}

/// So much is kept in place: a score of ordinary fields. All in all it is a kibibyte, beyond which allocators are slower.
const IN_PLACE: usize = 816;
/// What is allocated at first for more.
const LONGER: usize = 1000;

/// A field, as it is written: the lengths, name and value.
struct Field<'a> {
    lengths: Lengths,
    name: &'a [u8],
    value: &'a [u8],
}

/// In 15 bits the value's length, in 16 the name's (which `http` bounds to that), and whether the value is sensitive.
#[derive(Clone, Copy)]
struct Lengths(u32);

// ===== impl Head =====

impl Head {
    pub(super) fn of<B>(request: &Request<B>) -> Arc<Self> {
        let mut shared = Arc::<Self>::default();
        // Filled where it stays, since it is long.
        let head = Arc::get_mut(&mut shared).expect("nobody else has it yet");
        head.method.clone_from(request.method());
        head.uri.clone_from(request.uri());
        head.version = request.version();
        head.extensions.clone_from(request.extensions());
        head.deadline = grpc::deadline(request);
        head.fields.keep(request.headers());
        shared
    }

    #[cfg(feature = "rate-limit-backoff")]
    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The same once more.
    pub(super) fn parts(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.method.clone();
        head.uri = self.uri.clone();
        head.version = self.version;
        head.extensions = self.extensions.clone();
        head.headers = self.fields.again();
        head
    }
}

// ===== impl Fields =====

impl Fields {
    fn keep(&mut self, headers: &HeaderMap) {
        self.number = headers.len();
        self.names = headers.keys_len();
        let mut room = &mut self.in_place[..];
        for (nth, field) in headers.iter().map(Field::of).enumerate() {
            let left = room.len();
            let Some((place, rest)) = room.split_at_mut_checked(field.length()) else {
                return self.keep_longer(headers, nth, IN_PLACE - left);
            };
            field.write_to(place);
            room = rest;
        }
        self.length = IN_PLACE - room.len();
    }

    /// All of them, of which some are written in place.
    #[cold]
    fn keep_longer(&mut self, headers: &HeaderMap, written: usize, length: usize) {
        self.longer.reserve(LONGER);
        self.longer.extend_from_slice(&self.in_place[..length]);
        for field in headers.iter().skip(written).map(Field::of) {
            field.append_to(&mut self.longer);
        }
    }

    fn as_slice(&self) -> &[u8] {
        if self.longer.is_empty() {
            &self.in_place[..self.length]
        } else {
            &self.longer
        }
    }

    fn again(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.names);
        // The values share one allocation.
        let mut rest = Bytes::copy_from_slice(self.as_slice());
        for _ in 0..self.number {
            let lengths = Lengths(rest.get_u32_ne());
            let length = match lengths.value() {
                Lengths::LONG => rest.get_u64_ne() as usize,
                length => length,
            };
            let name = rest.split_to(lengths.name());
            // Which takes all that a request of HTTP/2 may have, unlike `from_bytes`.
            let name = HeaderName::from_lowercase(&name).expect("it was a name");
            let value = rest.split_to(length);
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

// ===== impl Field =====

impl<'a> Field<'a> {
    #[inline(always)] // Called, it would be a fifth of what keeping a field costs.
    fn of((name, value): (&'a HeaderName, &'a HeaderValue)) -> Self {
        let name = name.as_str().as_bytes();
        Self {
            lengths: Lengths::of(name, value),
            name,
            value: value.as_bytes(),
        }
    }

    fn length(&self) -> usize {
        Lengths::SIZE + self.name.len() + self.value.len()
    }

    /// `place` is as long as this is, and so no long value is written there.
    fn write_to(&self, place: &mut [u8]) {
        let (first, rest) = place.split_at_mut(Lengths::SIZE);
        first.copy_from_slice(&self.lengths.0.to_ne_bytes());
        let (first, rest) = rest.split_at_mut(self.name.len());
        first.copy_from_slice(self.name);
        rest.copy_from_slice(self.value);
    }

    fn append_to(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(&self.lengths.0.to_ne_bytes());
        if self.lengths.value() == Lengths::LONG {
            text.extend_from_slice(&(self.value.len() as u64).to_ne_bytes());
        }
        text.extend_from_slice(self.name);
        text.extend_from_slice(self.value);
    }
}

// ===== impl Lengths =====

impl Lengths {
    const SIZE: usize = size_of::<Self>();
    /// Of a value that is as long or longer: its length is told after these.
    const LONG: usize = 0x7fff;

    fn of(name: &[u8], value: &HeaderValue) -> Self {
        let (name, sensitive) = (name.len() as u32, u32::from(value.is_sensitive()));
        let value = value.len().min(Self::LONG) as u32;
        Self(value << 17 | name << 1 | sensitive)
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
mod tests;
