//! An API behind its issuer that refuses tokens for good for a while: when does it accept calls again?

use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use clearance::{Audience, Token, token_source_fn};
use tokio::time::Instant;

use crate::support::{Api, MINUTE, SECOND, Verdict, calls_at, stack};

/// Calls for ten minutes, while from `bad.start` on what was minted before `bad.end` is refused. When the last of them
/// began that was refused.
async fn last_refused(behind: u32, bad: Range<u32>, dated: bool) -> Duration {
    let (epoch, start) = (
        SystemTime::UNIX_EPOCH + 1_800_000_000 * SECOND,
        Instant::now(),
    );
    let born: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let minted = born.clone();
    let audience = Audience::origin("https://api.example.com").unwrap();
    let source = token_source_fn(audience, move || {
        let (mut born, now) = (minted.lock().unwrap(), start.elapsed());
        let token = Token::bearer(&born.len().to_string());
        born.push(now);
        let issued_at = epoch + now;
        let stamped = |it: Token| it.with_lifetime(600 * MINUTE).with_issued_at(issued_at);
        std::future::ready(token.map(stamped))
    });
    let api = Api::new(move |seen, _| {
        let nth: usize = seen.token.parse().unwrap();
        let (at, now) = (born.lock().unwrap()[nth], start.elapsed());
        let revoked = now >= bad.start * SECOND && at < bad.end * SECOND;
        let young = now < at + behind * SECOND;
        let verdict = Verdict::from(if revoked || young { 401 } else { 200 });
        let date = httpdate::fmt_http_date(epoch + now - behind * SECOND);
        if dated {
            verdict.with("date", date)
        } else {
            verdict
        }
    });
    let (_, stack) = stack(source, api.service());
    let calls = calls_at(1, 10 * MINUTE, &stack).await;
    let refused = calls.iter().filter(|call| call.status() != Some(200));
    let last = refused.map(|call| call.began).max();
    last.unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_first_token_that_is_revoked_while_it_ripens_is_replaced() {
    let last = last_refused(3, 2..3, true).await;
    assert!(last < 90 * SECOND, "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn after_twenty_seconds_of_bad_tokens_good_ones_may_ripen() {
    for behind in [0, 1, 2, 3, 10] {
        for dated in [true, false] {
            let last = last_refused(behind, 60..80, dated).await;
            assert!(last < 3 * MINUTE, "{behind} s behind, {dated}: {last:?}");
        }
    }
}
