//! Tokens that differ in their audience, or do not.

use std::mem;

use super::*;

/// Of two clones one still sends the older token.
#[tokio::test(start_paused = true)]
async fn of_a_changed_audience_all_hosts_are_met_anew_and_an_older_token_changes_nothing() {
    let mut old = Bench::met();
    assert!(old.replied(HOSTS[0], &dated(120)));
    let slot = old.meet(HOSTS[1]);
    old.audience = (2, Audience::origins([HOSTS[1], HOSTS[0]]).unwrap());
    let new = old;
    assert_eq!(new.meet(HOSTS[0]), slot, "that was the other's");
    assert_eq!(new.names(), [HOSTS[0]]);
    assert_eq!(new.clocks.now_at(&new.host(HOSTS[0])), None);

    let mut old = new;
    let audience = mem::replace(&mut old.audience, (1, Audience::origins(HOSTS).unwrap()));
    for host in HOSTS {
        assert!(!old.replied(host, &dated(300)));
    }
    assert_eq!(old.names(), [HOSTS[0]]);

    let mut new = old;
    new.audience = audience;
    assert!(new.replied(HOSTS[0], &dated(120)));
    assert!(new.replied(HOSTS[1], &dated(120)));
    assert_eq!(new.names(), [HOSTS[1], HOSTS[0]]);
    let skew = new.clocks.skew_of(&new.host(HOSTS[0])).unwrap();
    assert_eq!(skew.to_string(), "+120.50 s ± 0.50 s, server ahead");
}

#[tokio::test(start_paused = true)]
async fn a_newer_token_with_the_same_audience_changes_nothing() {
    let mut bench = Bench::met();
    bench.replied(HOSTS[0], &dated(120));
    bench.audience.0 = 2;
    assert!(!bench.replied(HOSTS[0], &dated(120)), "told already");
    bench.audience.0 = 1;
    assert!(bench.replied(HOSTS[0], &dated(121)), "it is still sent");
    assert_eq!(bench.names(), HOSTS);
}
