//! Uploads of all sizes, with and without a known length: does each arrive whole, or come back refused?

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    CONTENT, Hash, KIB, Reply,
    api::{Api, Record, When},
    hash,
    tls::{Authority, BoxError, HOST, Protocol, in_full},
    upload,
};

/// What is kept of a body.
const KEPT: usize = 64 * KIB;

/// A body in frames of an odd size, that cannot be cloned.
struct Upload {
    rest: Bytes,
    is_known: bool,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = self.rest.len().min(10_007);
        Poll::Ready((next > 0).then(|| Ok(Frame::data(self.rest.split_to(next)))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_known {
            SizeHint::with_exact(self.rest.len() as u64)
        } else {
            SizeHint::new()
        }
    }
}

const SIZES: [usize; 6] = [0, 1, KEPT - 1, KEPT, KEPT + 1, 10 * KIB * KIB];

/// Uploads of all sizes, with and without a known length, each with one refusal in the way.
async fn uploads_arrive_whole_or_are_refused(protocol: Protocol, status: u16) {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    for size in SIZES {
        let content = CONTENT.slice(..size);
        let sent = hash(&content);
        for when in [When::Late, When::Early, When::Deaf] {
            for is_known in [true, false] {
                let case = format!("{size} bytes, known: {is_known}, refused {when:?}");
                let mut seen = Api::start(&identity, status, when).await;
                let body = Upload {
                    rest: content.clone(),
                    is_known,
                };
                let outcome = upload(&authority, protocol, &seen.server, body).await;
                let records = seen.records().await;
                let arrived = outcome_of(outcome, &records, &sent, status, &case);

                let fits = size <= KEPT;
                // Who closes a connection of HTTP/1.1 with unread data in it may take its own reply back.
                let may_be_cut = when == When::Deaf && protocol == Protocol::Http1;
                // How much had been sent when the reply came is a matter of chance.
                let may_fit = when != When::Late && !is_known;
                let expected = match arrived {
                    Some(true) => fits || may_fit,
                    Some(false) => !fits,
                    None => may_be_cut,
                };
                assert!(expected, "{case}: {arrived:?}");
            }
        }
    }
}

/// Whether the upload arrived whole (`true`), or its refusal came back (`false`); `None`: the connection broke.
fn outcome_of(
    outcome: Result<Reply, BoxError>,
    records: &[Record],
    sent: &Hash,
    status: u16,
    case: &str,
) -> Option<bool> {
    for hash in records.iter().filter_map(|record| record.hash) {
        assert_eq!(hash, *sent, "{case}: it arrived other than it was sent");
    }
    let accepted = records.iter().filter(|record| record.is_accepted).count();
    let arrived = match outcome {
        Ok(reply) if reply.status() == 200 => Some(true),
        Ok(reply) => {
            assert_eq!(reply.status(), status, "{case}");
            Some(false)
        }
        Err(error) => {
            println!("{case}: {}", in_full(error.as_ref()));
            None
        }
    };
    let expected = usize::from(arrived == Some(true));
    assert_eq!(accepted, expected, "{case}: {records:?}");
    arrived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1_uploads_refused_by_401_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http1, 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_1_uploads_refused_by_429_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http1, 429).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_h2_uploads_refused_by_401_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http2, 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_h2_uploads_refused_by_429_arrive_whole_or_are_refused() {
    uploads_arrive_whole_or_are_refused(Protocol::Http2, 429).await;
}
