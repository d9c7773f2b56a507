//! Every fault that a hostile world has for us, at the token endpoint and at the API, once, three times and for ever, on
//! real sockets: what was promised of it, and what came of it.
//!
//! ```text
//! cargo test -p tests --test fault_matrix -- --nocapture
//! ```
//!
//! prints what was measured beside what is promised. In each cell a server of faults, which shapes its bytes and resets
//! itself, stands at one place and a good server at the other. 64 callers call together over `Retry401`,
//! `RateLimitBackoff`, `SkewAuth`, a `Timeout` of the application and hyper-util's client, with no token yet. The source is
//! `GenesysCloud` (once, for ever) or `ClientCredentials` (three times).
//!
//! Each number of the table is a bound; three of them stand for once · three times · for ever. The promises are those of
//! the design and of the crates' documentation:
//!
//! * **Calls lost** do not end with the good answer, the calls that find out whether the fault is over included.
//! * **Token requests** are counted at the server, up to the first one that brings a good token. A refresh makes up to
//!   three attempts. One that fails is remembered for the time **held off**, which then doubles unless the issuer named it:
//!   who calls meanwhile is told so at once, and asks for nothing: where the fault lasts for ever, 64 more do. After it one
//!   of 64 tries, once, and the others are told at once; that is waited for where 192 calls are lost.
//! * **API sends** are counted at the server while the 64 call. No fault at the API costs a token request.
//! * **Seconds** until the last of the 64 knows. A token request may take 2 s and the API 3 s here, and where a limit lasts
//!   for ever, calls wait for 3 s in all. What a machine may add is not in the table.
//!   **No sooner**: a server is left alone for as long as it asked, and an attempt has its time.
//! * **Told** is in the error of every lost call, or else how long the token lives. A reply of the API that is none of
//!   our business is handed up untouched: it is quoted.
//!
//! Of every cell it is promised besides that nothing hangs; that the next call gets through when the fault and its
//! hold-off are over, and those after it; that nothing is sent without its credentials, to another path, or to a server
//! whose certificate is not accepted; that of 100 MB no more than a few are taken; that no error tells a secret.
//!
//! The layers do not send again what an API did not answer, or answered with 500 or 502: it may have been executed. These
//! calls are lost as promised, one for each fault, each with the client's own error or the server's own answer.
//!
//! | fault | at | calls lost | token requests | API sends | seconds | no sooner | held off | told |
//! |---|---|---|---|---|---|---|---|---|
//! | connection refused | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | connection refused | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | reset at once | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | reset at once | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | closed before the headers | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | closed before the headers | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | reset before the headers | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | reset before the headers | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | reset in the headers | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | reset in the headers | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | reset after the headers | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | reset after the headers | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | error reading a body |
//! | reset in the body | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | reset in the body | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | error reading a body |
//! | cut in the body | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | cut in the body | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | error reading a body |
//! | hangs when accepted | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2.3 · 6.9 · 6.9 | 2 · 6 · 6 | 1 s | no answer within 2s |
//! | hangs when accepted | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | request timed out |
//! | hangs after the request | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2.3 · 6.9 · 6.9 | 2 · 6 · 6 | 1 s | no answer within 2s |
//! | hangs after the request | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | request timed out |
//! | hangs, 7 s an attempt | token | 0 · 64 · 128 | 2 · 4 · 4 |  | 7.3 · 15 · 15 | 7 · 14 · 14 | 1 s | oauth/token: no answer within 7s |
//! | hangs, 7 s an attempt | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | request timed out |
//! | hangs in the headers | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2.3 · 6.9 · 6.9 | 2 · 6 · 6 | 1 s | no answer within 2s |
//! | hangs in the headers | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | request timed out |
//! | hangs in the body | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2.3 · 6.9 · 6.9 | 2 · 6 · 6 | 1 s | no answer within 2s |
//! | hangs in the body | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | the caller waits no longer |
//! | trickles | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2.3 · 6.9 · 6.9 | 2 · 6 · 6 | 1 s | no answer within 2s |
//! | trickles | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | request timed out |
//! | trickles in the body | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2.3 · 6.9 · 6.9 | 2 · 6 · 6 | 1 s | no answer within 2s |
//! | trickles in the body | API | 1 · 3 · 64 | 1 | 64 | 3 |  |  | the caller waits no longer |
//! | certificate of an unknown authority | token | 64 · 66 · 192 | 2 · 4 · 3 |  | 0 |  | 1 s | its certificate is not accepted |
//! | certificate of an unknown authority | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | UnknownIssuer |
//! | certificate for another name | token | 64 · 66 · 192 | 2 · 4 · 3 |  | 0 |  | 1 s | its certificate is not accepted |
//! | certificate for another name | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | not valid for name |
//! | certificate run out | token | 64 · 66 · 192 | 2 · 4 · 3 |  | 0 |  | 1 s | its certificate is not accepted |
//! | certificate run out | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | certificate expired |
//! | no HTTP | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | no HTTP | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | 100 MB of headers | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the exchange failed |
//! | 100 MB of headers | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | client error |
//! | 100 MB of body | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | longer than 64 KiB |
//! | 100 MB of body | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | more than 128 KiB |
//! | 500 | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | status 500 |
//! | 500 | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 500 |
//! | 502 | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | status 502 |
//! | 502 | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 502 |
//! | 503 | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | status 503 |
//! | 503 | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 503 |
//! | 503 with Retry-After | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 1 · 2 · 2 | 1 · 2 · 2 | 1 s | status 503 |
//! | 503 with Retry-After | API | 0 · 0 · 64 | 1 | 65 · 67 · 192 | 1 · 1 · 3 | 1 · 1 · 2 |  | status 503 |
//! | 429 | token | 0 · 64 · 128 | 2 · 4 · 4 |  | 5 · 10 · 10 | 5 · 10 · 10 | 5 s | status 429 |
//! | 429 | API | 0 · 0 · 64 | 1 | 65 · 67 · 109 | 1.2 · 1.2 · 3 | 0.5 · 0.5 · 0 |  | status 429 or is rate limited |
//! | 429 with Retry-After | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 1 · 2 · 2 | 1 · 2 · 2 | 1 s | status 429 |
//! | 429 with Retry-After | API | 0 · 0 · 64 | 1 | 65 · 67 · 109 | 1.2 · 1.2 · 3 | 1 · 1 · 0 |  | status 429 or is rate limited |
//! | 429 till a second later by its clock | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 1 · 2 · 2 | 1 · 2 · 2 | 1 s | status 429 |
//! | 429 till a second later by its clock | API | 0 · 0 · 64 | 1 | 65 · 67 · 109 | 1.2 · 1.2 · 3 | 1 · 1 · 0 |  | status 429 or is rate limited |
//! | 429 with Retry-After, hangs in its body | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 2 · 5 · 5 | 1 · 2 · 2 | 1 s | status 429 (asked to wait 1 s) |
//! | 429 with Retry-After, hangs in its body | API | 0 · 0 · 64 | 1 | 65 · 67 · 109 | 2.2 · 2.2 · 6 | 1 · 1 · 0 |  | the caller waits no longer or is rate limited |
//! | 429 till tomorrow | token | 64 · 66 · 128 | 2 · 4 · 2 |  | 0 |  | 3600 s | (asked to wait 86400 s) |
//! | 429 till tomorrow | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 429 |
//! | 400, rate limit exceeded | token | 0 · 64 · 128 | 2 · 4 · 4 |  | 5 · 10 · 10 | 5 · 10 · 10 | 5 s | rate limit exceeded |
//! | 400, rate limit exceeded | API | only the login host says it so | | | | | | |
//! | 307 elsewhere | token | 64 · 66 · 192 | 2 · 4 · 3 |  | 0 |  | 1 s | which is not followed |
//! | 307 elsewhere | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 307 |
//! | malformed | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | not a JSON object (the content type is application/json) |
//! | malformed | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 200 {"entities": [ |
//! | HTML | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the content type is text/html |
//! | HTML | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 200 <!DOCTYPE html> |
//! | empty | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | not a JSON object (the content type is application/json) |
//! | empty | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 200 nothing |
//! | other content type | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | other content type | API | 0 | 1 | 64 | 0 |  |  | lives 60 min |
//! | gzip, not asked for | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | not a JSON object (the content type is application/json) |
//! | gzip, not asked for | API | 1 · 3 · 64 | 1 | 64 | 0 |  |  | status 200 gzip |
//! | no `expires_in` | token | 0 | 1 |  | 0 |  |  | lives 5 min |
//! | no `expires_in` | API | an API hands out no tokens | | | | | | |
//! | `expires_in` as a text | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | `expires_in` as a text | API | an API hands out no tokens | | | | | | |
//! | `expires_in` 0 | token | 0 | 1 |  | 0 |  |  | lives 5 min |
//! | `expires_in` 0 | API | an API hands out no tokens | | | | | | |
//! | `expires_in` -1 | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | `expires_in` is -1 s |
//! | `expires_in` -1 | API | an API hands out no tokens | | | | | | |
//! | `expires_in` 99999999999 | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | which is no lifetime of a token |
//! | `expires_in` 99999999999 | API | an API hands out no tokens | | | | | | |
//! | `token_type` mac | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | the token type is `mac` and not `Bearer` |
//! | `token_type` mac | API | an API hands out no tokens | | | | | | |
//! | no `token_type` | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | there is no `token_type` |
//! | no `token_type` | API | an API hands out no tokens | | | | | | |
//! | token with CR LF | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | cannot stand in a header |
//! | token with CR LF | API | an API hands out no tokens | | | | | | |
//! | token not in ASCII | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | cannot stand in a header |
//! | token not in ASCII | API | an API hands out no tokens | | | | | | |
//! | token of 64 KiB | token | 0 · 64 · 192 | 2 · 4 · 5 |  | 0.3 · 0.9 · 0.9 |  | 1 s | longer than 64 KiB |
//! | token of 64 KiB | API | an API hands out no tokens | | | | | | |
//! | token of 60 KiB | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | token of 60 KiB | API | an API hands out no tokens | | | | | | |
//! | no Date | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | no Date | API | 0 | 1 | 64 | 0 |  |  | lives 60 min |
//! | Date is garbage | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | Date is garbage | API | 0 | 1 | 64 | 0 |  |  | lives 60 min |
//! | Date of 1970 | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | Date of 1970 | API | 0 | 1 | 64 | 0 |  |  | lives 60 min |
//! | Date of 2099 | token | 0 | 1 |  | 0 |  |  | lives 60 min |
//! | Date of 2099 | API | 0 | 1 | 64 | 0 |  |  | lives 60 min |
#![allow(clippy::unwrap_used, reason = "test code")]

mod fault_caller;
mod fault_cell;
mod fault_door;
mod fault_meter;
mod fault_play;
mod fault_rows;
mod fault_server;
mod fault_table;
mod fault_verdict;
mod faults;
mod tls;

use std::{cmp::Reverse, mem, sync::Arc};

use fault_door::Tls;
use fault_meter::Meter;
use fault_rows::rows;
use fault_table::{CALLERS, Column, Times, rendered};
use fault_verdict::{Cell, Measured, breaches, heading, line};
use faults::Place;
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

/// How many cells are under way at a time: at first, and where a machine that did not keep time spoilt them.
const ROUNDS: [usize; 5] = [48, 8, 2, 1, 1];

/// All cells.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for row in rows() {
        for (place, column) in [(Place::Token, row.token), (Place::Api, row.api)] {
            let Column::Promised(promises) = column else {
                continue;
            };
            for (times, promise) in Times::ALL.into_iter().zip(promises) {
                cells.push(Cell {
                    nth: cells.len(),
                    name: row.name,
                    fault: row.fault,
                    attempt: row.attempt,
                    place,
                    times,
                    promise,
                });
            }
        }
    }
    cells
}

/// Runs these cells, so many at a time. Tells of each what was measured, and whether the machine kept time.
async fn run(
    cells: Vec<Cell>,
    at_a_time: usize,
    meter: &Arc<Meter>,
) -> Vec<(Cell, Measured, bool)> {
    let room = Arc::new(Semaphore::new(at_a_time));
    let mut running = JoinSet::new();
    for cell in cells {
        let seat = room.clone().acquire_owned().await.unwrap();
        meter.has_time().await;
        let meter = meter.clone();
        running.spawn(async move {
            let began = Instant::now();
            let measured = cell.run().await;
            drop(seat);
            (cell, measured, !meter.was_late_since(began))
        });
    }
    running.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_as_promised() {
    Tls::get();
    let began = Instant::now();
    let meter = Arc::new(Meter::start(2));
    let mut left = cells();
    let count = left.len();
    let mut ended = Vec::new();
    for (round, at_a_time) in ROUNDS.into_iter().enumerate() {
        let is_last = round + 1 == ROUNDS.len();
        // Those that take longest begin first.
        left.sort_by_key(|cell| Reverse(cell.promise.within + cell.promise.hold_off));
        let measured = run(mem::take(&mut left), at_a_time, &meter).await;
        for (cell, measured, in_time) in measured {
            if !in_time && !is_last && !breaches(&cell, &measured).is_empty() {
                left.push(cell);
            } else {
                ended.push((cell, measured));
            }
        }
        if !left.is_empty() {
            println!(
                "{} cells once more, since this machine did not keep time",
                left.len()
            );
        }
    }
    ended.sort_by_key(|(cell, _)| cell.nth);

    println!("{}", heading());
    let mut broken = String::new();
    for (cell, measured) in &ended {
        println!("{}", line(cell, measured));
        for breach in breaches(cell, measured) {
            broken += &format!("{cell}: {breach}\n");
        }
    }
    println!(
        "{count} cells of {CALLERS} callers in {:.1?}",
        began.elapsed()
    );
    assert_eq!(ended.len(), count);
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn the_table_above_is_the_data() {
    let written = include_str!("fault_matrix.rs").lines();
    let written = written.filter_map(|line| line.strip_prefix("//! |"));
    let written: Vec<_> = written.map(|line| format!("|{line}")).collect();
    assert_eq!(written.join("\n"), rendered(), "\n{}", rendered());
}
