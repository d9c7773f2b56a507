//! A body that is still being sent when the refusal comes, or fails: does the replay take it over, who hears of the error?

use std::io;

use bytes::Bytes;

use crate::{
    CONTENT,
    api::{Api, When},
    bounded, hash,
    tls::{Authority, BoxError, HOST, Protocol, Streamed, in_full},
    upload,
};

/// A body of which the second half comes only when the request was refused and sent again.
async fn a_replay_takes_over(protocol: Protocol, status: u16, second_half: io::Result<Bytes>) {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    let first_half = CONTENT.slice(..20_000);
    for is_known in [true, false] {
        let case = format!("{protocol:?}, {status}, known: {is_known}");
        let mut seen = Api::start(&identity, status, When::Early).await;
        let (parts, body) = Streamed::new(is_known.then_some(40_000));
        let call = upload(&authority, protocol, &seen.server, body);

        let feed = async {
            parts.send(Ok(first_half.clone())).await.unwrap();
            bounded(seen.arrived.wait_for(|arrived| *arrived == 2))
                .await
                .unwrap();
            // What comes now is read by the second sending.
            let second_half = match &second_half {
                Ok(data) => Ok(data.clone()),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            parts.send(second_half).await.unwrap();
            drop(parts);
        };
        let (outcome, ()) = tokio::join!(call, feed);
        let records = seen.records().await;
        let [one, other] = &records[..] else {
            panic!("{case}: {records:?}");
        };
        match &second_half {
            Ok(second_half) => {
                assert_eq!(outcome.unwrap().status(), 200, "{case}");
                let sent = hash(&[&first_half[..], &second_half[..]].concat());
                let (first, second) = if one.is_accepted {
                    (other, one)
                } else {
                    (one, other)
                };
                assert!(second.is_accepted, "{case}");
                assert_eq!(second.hash, Some(sent), "{case}");
                // It is cut off, unless it gets to look only when all is kept.
                let cut_off = first.hash.is_none_or(|hash| hash == sent);
                assert!(cut_off, "{case}: it was cut off and looked whole");
            }
            Err(error) => {
                assert_fails(&outcome.unwrap_err(), error, protocol);
                assert_eq!((one.hash, other.hash), (None, None), "{case}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_takes_over_a_body_that_is_still_being_sent() {
    for protocol in Protocol::BOTH {
        for status in [401, 429] {
            a_replay_takes_over(protocol, status, Ok(CONTENT.slice(20_000..40_000))).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_fails_under_its_replay_fails_the_call() {
    for protocol in Protocol::BOTH {
        for status in [401, 429] {
            let error = io::Error::other("the disk is gone");
            a_replay_takes_over(protocol, status, Err(error)).await;
        }
    }
}

/// hyper tells the body's own error over HTTP/1.1; over h2 it resets the stream and keeps the reason to itself.
fn assert_fails(failure: &BoxError, error: &io::Error, protocol: Protocol) {
    let said = in_full(failure.as_ref());
    let reason = match protocol {
        Protocol::Http1 => &format!("error from user's Body stream: {error}"),
        Protocol::Http2 => "stream error sent by user: unexpected internal error encountered",
    };
    assert!(said.ends_with(reason), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_fails_is_sent_once_and_its_error_reaches_the_caller() {
    let authority = Authority::new();
    let identity = authority.issue(HOST);
    for protocol in Protocol::BOTH {
        for (size, is_known) in [
            (10_000, true),
            (10_000, false),
            (200_000, true),
            (200_000, false),
        ] {
            let case = format!("{protocol:?}, after {size} bytes, known: {is_known}");
            // It would take the body, had it ever arrived.
            let mut seen = Api::start(&identity, 200, When::Late).await;
            let (parts, body) = Streamed::new(is_known.then_some(300_000));
            let call = upload(&authority, protocol, &seen.server, body);
            let feed = async {
                for part in CONTENT.slice(..size).chunks(5_000) {
                    parts.send(Ok(Bytes::copy_from_slice(part))).await.unwrap();
                }
                // So that there is a request that could be sent again.
                bounded(seen.arrived.wait_for(|arrived| *arrived == 1))
                    .await
                    .unwrap();
                let error = io::Error::other("the disk is gone");
                parts.send(Err(error)).await.unwrap();
            };
            let (outcome, ()) = tokio::join!(call, feed);
            let error = io::Error::other("the disk is gone");
            assert_fails(&outcome.unwrap_err(), &error, protocol);
            let records = seen.records().await;
            assert_eq!(records.len(), 1, "{case}: {records:?}");
            assert_eq!(records[0].hash, None, "{case}");
        }
    }
}
