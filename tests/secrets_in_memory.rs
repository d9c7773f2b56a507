//! Configured secrets are overwritten when they are dropped: looked for in this process's own memory, as a debugger or a
//! core dump would show it.
//!
//! Only where the allocator leaves freed memory as it is can that be seen, which the test shows first. Not overwritten is
//! what was made of a secret to be sent: header values, form bodies, the buffers of a client. That is said in the docs of
//! `Secret`, and how much of it remains is printed here and not judged.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{fs, hint::black_box, io::BufRead, os::unix::fs::FileExt};

use bytes::Bytes;
use clearance::{Audience, Secret, TokenSource};
use clearance_core::Redactor;
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, CxoneRegional, Environment};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::{ClientAuthentication, ClientCredentials, TokenEndpoint, TokenRequest};
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;

/// Freed memory of other sizes finds other users.
const LENGTHS: [usize; 3] = [512, 3_000, 40_000];
/// An allocator writes into the beginning of what is freed.
const LOOKED_FOR: std::ops::Range<usize> = 128..160;

/// A secret that stands nowhere in memory as it is, unless somebody asks for it.
struct Hidden {
    mask: u8,
    masked: Vec<u8>,
}

impl Hidden {
    fn new(length: usize) -> Self {
        // Letters and digits stay printable under any of these.
        let mask = 0x80;
        // Signs that are encoded before and behind, so that encoded texts grow in steps.
        let masked = (0..length).map(|at| {
            let is_sign = at % 50 == 7 && !LOOKED_FOR.contains(&at);
            let sign = if is_sign {
                '+'
            } else {
                fastrand::alphanumeric()
            };
            sign as u8 ^ mask
        });
        Self {
            mask,
            masked: masked.collect(),
        }
    }

    fn text(&self) -> String {
        let length = self.masked.len();
        let mut text = String::with_capacity(length);
        text.extend(self.masked.iter().map(|byte| char::from(byte ^ self.mask)));
        assert_eq!(text.capacity(), length, "it was not moved");
        text
    }

    /// How often it is in the writable memory of this process.
    fn copies(&self) -> usize {
        const CHUNK: usize = 1 << 20;
        let looked_for = &self.masked[LOOKED_FOR];
        let memory = fs::File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0; CHUNK];
        let own = chunk.as_ptr().addr()..chunk.as_ptr().addr() + CHUNK;
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut copies = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let [mut at, to] = [from, to].map(|hex| usize::from_str_radix(hex, 16).unwrap());
            while at < to {
                let length = CHUNK.min(to - at);
                let Ok(read) = memory.read_at(&mut chunk[..length], at as u64) else {
                    break;
                };
                copies += starts(&chunk[..read], looked_for, self.mask)
                    .filter(|start| !own.contains(&(at + start)))
                    .count();
                if read < length || read <= LOOKED_FOR.end {
                    break;
                }
                // One that lies across the border is found in the next chunk.
                at += read - if at + read < to { LOOKED_FOR.len() } else { 0 };
            }
        }
        copies
    }
}

/// Where in `memory` it begins.
fn starts(memory: &[u8], masked: &[u8], mask: u8) -> impl Iterator<Item = usize> {
    let mut rest = memory;
    std::iter::from_fn(move || {
        loop {
            // By the library's own search for a byte, which is fast in a debug build, too.
            rest.skip_until(masked[0] ^ mask).unwrap();
            let start = memory.len() - rest.len() - 1;
            let found = memory.get(start..start + masked.len())?;
            if std::iter::zip(found, masked).all(|(byte, masked)| byte ^ mask == *masked) {
                return Some(start);
            }
        }
    })
}

/// How many copies there are while what `make` makes of a secret lives, and after it was dropped.
fn copies_of<T>(make: impl Fn(String) -> T) -> (usize, usize) {
    let counts = LENGTHS.map(|length| {
        let hidden = Hidden::new(length);
        let made = black_box(make(hidden.text()));
        let alive = hidden.copies();
        drop(made);
        (alive, hidden.copies())
    });
    let least = counts.map(|(alive, _)| alive).into_iter().min();
    (
        least.unwrap(),
        counts.map(|(_, dropped)| dropped).iter().sum(),
    )
}

#[test]
fn a_dropped_secret_is_overwritten() {
    let (alive, dropped) = copies_of(|text| text);
    assert!(
        alive >= 1 && dropped >= 1,
        "a plain text is found, dropped or not: {alive} {dropped}"
    );
    let id = "an-id";
    let mut left = Vec::new();
    let mut check = |name: &'static str, (alive, dropped): (usize, usize)| {
        println!("{name}: {alive} copies, {dropped} after its end");
        assert!(alive >= 1, "{name}: it holds its secret");
        if dropped > 0 {
            left.push((name, dropped));
        }
    };
    check("Secret", copies_of(Secret::from));
    check(
        "its clones",
        copies_of(|text| {
            let secret = Secret::from(text);
            (secret.clone(), secret)
        }),
    );
    check(
        "a borrowed text",
        copies_of(|text| {
            let text = Secret::from(text);
            Secret::from(text.expose())
        }),
    );
    check("Redactor", copies_of(|text| Redactor::new([text])));
    check(
        "ClientRegistration",
        copies_of(|text| ClientRegistration::new(id, text)),
    );
    check("AccessKey", copies_of(|text| AccessKey::new(id, text)));
    check(
        "TokenRequest, form",
        copies_of(|text| TokenRequest::form().secret("s", text)),
    );
    check(
        "TokenRequest, JSON",
        copies_of(|text| TokenRequest::json().secret("s", text)),
    );
    for how in [ClientAuthentication::Basic, ClientAuthentication::Body] {
        check(
            "TokenRequest, client",
            copies_of(|text| TokenRequest::form().client(how, id, &Secret::from(text))),
        );
    }
    let url = "https://login.example.com/token";
    check(
        "ClientCredentials",
        copies_of(|text| ClientCredentials::new(url, id, text, Audience::any()).unwrap()),
    );
    check(
        "a parameter of it",
        copies_of(|text| {
            let source = ClientCredentials::new(url, id, "s", Audience::any());
            source.unwrap().secret_parameter("assertion", text)
        }),
    );
    check(
        "GenesysCloud",
        copies_of(|text| GenesysCloud::new(Region::UsEast1, id, text).unwrap()),
    );
    check(
        "Cxone, the client",
        copies_of(|text| {
            let client = ClientRegistration::new(id, text);
            Cxone::new(Environment::ALL[0], client, AccessKey::new(id, "k")).unwrap()
        }),
    );
    check(
        "Cxone, the key",
        copies_of(|text| {
            let client = ClientRegistration::new(id, "s");
            Cxone::new(Environment::ALL[0], client, AccessKey::new(id, text)).unwrap()
        }),
    );
    check(
        "CxoneRegional",
        copies_of(|text| {
            CxoneRegional::new("na1", AccessKey::new(id, text), "https://api.example.com").unwrap()
        }),
    );
    assert!(left.is_empty(), "left in memory: {left:?}");
    sent();
}

/// What remains of a secret that was sent, which is not ours to overwrite.
fn sent() {
    let client = service_fn(|_: Request<Full<Bytes>>| async {
        let answer = r#"{"access_token": "t0k3n", "token_type": "bearer", "expires_in": 60}"#;
        Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(answer)))
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (_, basic) = copies_of(|text| {
        let source = ClientCredentials::new(
            "https://login.example.com/token",
            "an-id",
            text,
            Audience::any(),
        );
        let source = source.unwrap().with_client(client);
        runtime.block_on(source.fetch()).unwrap();
        source
    });
    let (_, form) = copies_of(|text| {
        let endpoint = TokenEndpoint::new("https://login.example.com/token", client).unwrap();
        let request = TokenRequest::form().secret("password", text);
        runtime.block_on(endpoint.ask(&request)).unwrap();
        (endpoint, request)
    });
    println!("sent by Basic: {basic} copies left; sent in a form: {form}");
}
