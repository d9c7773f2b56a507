//! What replies tell of the clocks of an issuer and of its hosts, on paused time.

mod audiences;

use clearance_core::clock::parse_http_date;
use clearance_test::TokioWallClock;
use http::{HeaderValue, header::DATE};
use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// What all clocks show at first.
fn start() -> SystemTime {
    parse_http_date("Sun, 06 Nov 1994 08:00:00 GMT").unwrap()
}

/// A date that many seconds after the start.
fn dated(seconds: u64) -> HeaderMap {
    let (minute, second) = (seconds / 60, seconds % 60);
    let date = format!("Sun, 06 Nov 1994 08:{minute:02}:{second:02} GMT");
    HeaderMap::from_iter([(DATE, HeaderValue::try_from(date).unwrap())])
}

struct Bench {
    clocks: ServerClocks,
    wall: TokioWallClock,
    /// Of the token that is sent, with its number.
    audience: (u64, Audience),
}

const HOSTS: [&str; 2] = ["https://one.example.com", "https://two.example.com"];

impl Bench {
    fn new() -> Self {
        let wall = TokioWallClock::starting_at(start());
        Self {
            clocks: ServerClocks::new(Arc::new(wall.clone())),
            wall,
            audience: (1, Audience::origins(HOSTS).unwrap()),
        }
    }

    fn met() -> Self {
        let bench = Self::new();
        for host in HOSTS {
            bench.meet(host);
        }
        bench
    }

    fn meet(&self, host: &str) -> OriginSlot {
        let request = Request::get(host).body(()).unwrap();
        let (token, audience) = &self.audience;
        let slot = audience
            .admits(request.method(), request.uri(), request.headers())
            .unwrap();
        if !self.clocks.has_met(slot, *token) {
            self.clocks.meet(slot, *token, audience, &request);
        }
        slot
    }

    /// A reply at once.
    fn replied(&self, host: &str, headers: &HeaderMap) -> bool {
        self.clocks
            .replied(self.meet(host), self.audience.0, headers, Instant::now())
    }

    fn host(&self, host: &str) -> Arc<Host> {
        self.clocks.named(host).unwrap()
    }

    /// The names of all that were called.
    fn names(&self) -> Vec<String> {
        let hosts = self.clocks.hosts();
        hosts.map(|(_, host)| host.name().to_owned()).collect()
    }

    /// An answer of the issuer, at once, whose stamp is that many seconds after the start.
    fn issued(&self, seconds: u64) {
        let now = Instant::now();
        let stamp = start() + Duration::from_secs(seconds);
        let seen = Observation::new(stamp, SECOND, now.into_std(), now.into_std());
        self.clocks.issued(&[seen], now);
    }

    /// Whether people were told of a skew of this one.
    fn was_told(&self, name: &str, skew: Skew) -> bool {
        lock(&self.clocks.warned)
            .judge(&[(name.to_owned(), skew)])
            .is_none()
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_are_known_by_their_origin_from_the_first_request_on() {
    let bench = Bench::new();
    assert!(bench.clocks.named(HOSTS[1]).is_none());
    let slot = bench.meet("https://TWO.example.com:443/path");
    let slots: Vec<_> = bench.clocks.hosts().map(|(slot, _)| slot).collect();
    assert_eq!(slots, [slot.index()]);
    assert_eq!(bench.names(), [HOSTS[1]]);
    assert!(bench.clocks.named("https://two.example.com.").is_some());
    assert!(bench.clocks.named(HOSTS[0]).is_none());
    assert!(bench.clocks.named("no origin").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_date_tells_something_once() {
    let bench = Bench::met();
    assert!(!bench.replied(HOSTS[0], &HeaderMap::new()), "no date");
    let host = bench.host(HOSTS[0]);
    assert_eq!(bench.clocks.now_at(&host), None);
    assert!(bench.replied(HOSTS[0], &dated(120)));
    assert!(!bench.replied(HOSTS[0], &dated(120)), "the same date");
    let skew = bench.clocks.skew_of(&host).unwrap();
    assert_eq!(skew.to_string(), "+120.50 s ± 0.50 s, server ahead");
    assert_eq!(
        bench.clocks.now_at(&host),
        Some(start() + 120 * SECOND + 500 * MILLI)
    );
    assert!(bench.replied(HOSTS[1], &dated(120)), "another host");
    assert!(bench.clocks.skew_of(&bench.host(HOSTS[1])).is_some());

    let unreadable = HeaderMap::from_iter([(DATE, HeaderValue::from_static("today"))]);
    assert!(!bench.replied(HOSTS[0], &unreadable));
    let other_form = "Sun Nov  6 08:02:00 1994";
    let other_form = HeaderMap::from_iter([(DATE, HeaderValue::from_static(other_form))]);
    for _ in 0..2 {
        assert!(bench.replied(HOSTS[0], &other_form), "read each time");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_reply_with_a_date_bounds_the_clock_from_above() {
    let bench = Bench::new();
    sleep(5 * SECOND).await;
    bench.meet(HOSTS[0]);
    advance(SECOND / 10).await;
    assert!(bench.replied(HOSTS[0], &dated(125)));
    advance(SECOND / 2).await;
    assert!(!bench.replied(HOSTS[0], &dated(125)));
    // The second of the date began by 5.1 s and had not ended at 5.6 s.
    let host = bench.host(HOSTS[0]);
    let skew = bench.clocks.skew_of(&host).unwrap();
    assert_eq!(skew.to_string(), "+120.15 s ± 0.25 s, server ahead");
    advance(SECOND / 5).await;
    assert!(bench.replied(HOSTS[0], &dated(126)));
    let skew = bench.clocks.skew_of(&host).unwrap();
    assert_eq!(skew.to_string(), "+120.30 s ± 0.10 s, server ahead");
    // Of the new date nothing is known yet but that it was seen once.
    advance(SECOND / 2).await;
    let skew = bench.clocks.skew_of(&host).unwrap();
    assert_eq!(skew.to_string(), "+120.30 s ± 0.10 s, server ahead");
}

#[tokio::test(start_paused = true)]
async fn several_clocks_under_one_name_are_counted() {
    let bench = Bench::met();
    for second in 1..6 {
        bench.replied(HOSTS[0], &dated(100 + second));
        bench.replied(HOSTS[0], &dated(200 + second));
        advance(SECOND).await;
    }
    assert_eq!(bench.clocks.clocks_of(&bench.host(HOSTS[0])), 2);
    assert_eq!(bench.clocks.clocks_of(&bench.host(HOSTS[1])), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_issuer_says_tells_its_clock() {
    let bench = Bench::met();
    assert_eq!(bench.clocks.issuer_now(), None);
    assert_eq!(bench.clocks.issuer_skew(), None);
    bench.issued(60);
    let half = start() + 60 * SECOND + 500 * MILLI;
    assert_eq!(bench.clocks.issuer_now(), Some(half));
    let skew = bench.clocks.issuer_skew().unwrap();
    assert_eq!(skew.to_string(), "+60.50 s ± 0.50 s, server ahead");
}

#[tokio::test(start_paused = true)]
async fn a_host_ahead_of_the_issuer_counts_up_to_a_limit() {
    let bench = Bench::met();
    let minutes = |n: u32| n * 60 * SECOND;
    bench.replied(HOSTS[0], &dated(120));
    assert_eq!(
        bench.clocks.furthest_ahead(minutes(10)),
        Duration::ZERO,
        "nothing is known of the issuer"
    );
    assert!(
        !bench
            .clocks
            .is_disbelieved(&bench.host(HOSTS[0]), minutes(1))
    );

    bench.issued(0);
    bench.replied(HOSTS[1], &dated(300));
    // Both stamps may be off by a second.
    let (near, far) = (minutes(2) - SECOND, minutes(5) - SECOND);
    assert_eq!(bench.clocks.furthest_ahead(far + MILLI), far);
    assert_eq!(
        bench.clocks.furthest_ahead(far),
        near,
        "five minutes are disbelieved"
    );
    let is_disbelieved =
        |limit| HOSTS.map(|host| bench.clocks.is_disbelieved(&bench.host(host), limit));
    assert_eq!(is_disbelieved(far + MILLI), [false, false]);
    assert_eq!(is_disbelieved(far), [false, true]);
    assert_eq!(is_disbelieved(near), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_host_behind_the_issuer_or_in_step_shortens_nothing() {
    let bench = Bench::met();
    bench.issued(120);
    bench.replied(HOSTS[0], &dated(0));
    bench.replied(HOSTS[1], &dated(120));
    assert_eq!(bench.clocks.furthest_ahead(Duration::MAX), Duration::ZERO);
    assert!(!bench.clocks.is_disbelieved(&bench.host(HOSTS[0]), SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_sleep_of_the_machine_makes_all_clocks_unknown() {
    let bench = Bench::met();
    bench.issued(120);
    bench.replied(HOSTS[0], &dated(120));
    let host = bench.host(HOSTS[0]);
    let asked = Instant::now();
    advance(SECOND).await;
    bench.wall.step(3600.0);
    assert_eq!(bench.clocks.issuer_now(), None);
    assert_eq!(bench.clocks.now_at(&host), None);
    assert_eq!(bench.clocks.skew_of(&host), None);
    assert_eq!(bench.clocks.clocks_of(&host), 0);

    // What was under way then proves nothing.
    let slot = bench.meet(HOSTS[0]);
    assert!(!bench.clocks.replied(slot, 1, &dated(121), asked));
    advance(SECOND).await;
    assert!(bench.replied(HOSTS[0], &dated(122)));
    assert!(bench.clocks.now_at(&host).is_some());
}

#[tokio::test(start_paused = true)]
async fn people_are_told_when_a_reply_shows_that_a_clock_is_off() {
    let bench = Bench::met();
    bench.replied(HOSTS[0], &dated(300));
    let skew = bench.clocks.skew_of(&bench.host(HOSTS[0])).unwrap();
    assert!(bench.was_told(HOSTS[0], skew));
    assert!(!bench.was_told(HOSTS[1], skew));
}
