//! Until when a token is handed out without a look at the cache.

use super::*;

/// The token that needs no thought now.
fn fresh_now(fresh: &mut Fresh, shared: &Shared) -> Option<u64> {
    fresh.token(shared.clocks().local()).map(|token| token.id)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_published_until_it_is_refused() {
    let (shared, _) = shared([Gives(token("one")), Gives(token("two"))]);
    let mut fresh = Fresh::new(shared.clone());
    assert!(fresh_now(&mut fresh, &shared).is_none());
    grant(&shared).await.unwrap();
    assert_eq!(fresh_now(&mut fresh, &shared), Some(1));

    shared.accepted(Instant::now(), 1, slot(), None);
    let refused = shared.refused(refusal(1));
    assert!(fresh_now(&mut fresh, &shared).is_none(), "it was revoked");
    refused.settled().await.unwrap();
    assert_eq!(fresh_now(&mut fresh, &shared), Some(2));
    shared.refused(refusal(1)).settled().await.unwrap();
    assert!(
        fresh_now(&mut fresh, &shared).is_some(),
        "a late refusal of the old one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_published_token_is_fresh_until_its_soft_margin_by_both_clocks() {
    let wall = TokioWallClock::starting_at(WALL + 9999 * SECOND);
    let (_, source) = shared([Gives(token("one"))]);
    let shared = by_clock(source, wall.clone());
    let mut fresh = Fresh::new(shared.clone());
    let life = grant(&shared).await.unwrap().token.life;
    let left = life.soft - Instant::now();
    advance(left - Duration::from_millis(1)).await;
    assert!(fresh_now(&mut fresh, &shared).is_some());
    wall.step(7200.0);
    assert!(
        fresh_now(&mut fresh, &shared).is_none(),
        "over by the wall clock"
    );
    wall.step(-7200.0);
    assert!(fresh_now(&mut fresh, &shared).is_some());
    advance(Duration::from_millis(1)).await;
    assert!(fresh_now(&mut fresh, &shared).is_none());
}
