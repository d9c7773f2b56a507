//! When the routes of an origin are told apart, so that one that refuses does not void the token for all.

use clearance_core::OriginSlot;
use http::Uri;

use super::*;

#[tokio::test(start_paused = true)]
async fn routes_are_told_apart_for_five_minutes_after_a_refusal() {
    let (shared, _) = shared([Gives(token("one"))]);
    grant(&shared).await.unwrap();
    let (users, queues) = (
        "https://a/users".parse().unwrap(),
        "https://a/queues".parse().unwrap(),
    );
    let route = |uri: &Uri, slot: OriginSlot| shared.route_of(slot, uri);
    assert_eq!(route(&users, slot()), None, "nothing was refused");
    let _ = shared.refused(refusal(1));
    let (one, other) = (
        route(&users, slot()).unwrap(),
        route(&queues, slot()).unwrap(),
    );
    assert_ne!(one, other);
    let elsewhere = "https://b.example.com".parse().unwrap();
    let elsewhere = Audience::any().admits(&Method::GET, &elsewhere, &HeaderMap::new());
    assert_ne!(Some(one), route(&users, elsewhere.unwrap()));
    assert!(!shared.is_watched(one));

    let _ = shared.refused(Refusal {
        route: Some(one),
        ..refusal(1)
    });
    assert!(shared.is_watched(one) && !shared.is_watched(other));
    shared.accepted(Instant::now(), 1, slot(), Some(one));
    assert!(!shared.is_watched(one));
    advance(300 * SECOND - Duration::from_millis(1)).await;
    shared.not_refused(1);
    assert!(route(&users, slot()).is_some());
    advance(Duration::from_millis(1)).await;
    shared.not_refused(1);
    assert_eq!(route(&users, slot()), None);
}
