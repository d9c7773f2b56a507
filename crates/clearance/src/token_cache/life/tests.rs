//! Where the moments of a life are, by example.

mod every;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn life(lifetime: f64, jitter: f64, took: Duration) -> (Instant, Life) {
    let requested = Instant::now();
    let margins = Margins {
        jitter,
        ..Margins::default()
    };
    (
        requested,
        margins.life(
            requested,
            requested + took,
            Duration::from_secs_f64(lifetime),
            took,
        ),
    )
}

#[test]
fn margins_follow_the_lifetime() {
    for (lifetime, soft, hard) in [
        (2.0, 0.4, 0.2),
        (20.0, 4.0, 2.0),
        (300.0, 60.0, 30.0),
        (3600.0, 300.0, 30.0),
        (172_800.0, 300.0, 30.0),
    ] {
        let (start, life) = life(lifetime, 0.0, Duration::ZERO);
        let end = start + Duration::from_secs_f64(lifetime);
        let near = |at: Instant, margin: f64| ((end - at).as_secs_f64() - margin).abs() < 1e-6;
        assert!(
            near(life.soft, soft) && near(life.hard, hard),
            "{lifetime}: {life:?}"
        );
        assert_eq!(life.deadline, end);
    }
}

#[test]
fn jitter_is_earlier_only_and_bounded() {
    for lifetime in [2.0, 5.0, 300.0, 86_400.0] {
        let (start, plain) = life(lifetime, 0.0, Duration::ZERO);
        let (other, jittered) = life(lifetime, 1.0, Duration::ZERO);
        let (plain, jittered) = (plain.soft - start, jittered.soft - other);
        assert!(jittered < plain, "{lifetime}");
        assert!(
            jittered.as_secs_f64() >= 0.78 * lifetime - 1e-6,
            "{lifetime}: {jittered:?}"
        );
        assert!(plain - jittered <= Duration::from_secs(150));
    }
}

#[test]
fn a_slow_issuer_is_asked_earlier_but_not_before_half_of_the_life() {
    let (start, life_300) = life(300.0, 0.0, 40 * SECOND);
    assert_eq!(life_300.soft - start, 220 * SECOND);
    let (start, life_20) = life(20.0, 0.0, 15 * SECOND);
    assert_eq!(life_20.soft - start, 10 * SECOND);
}

#[test]
fn what_arrives_at_its_end_is_usable_for_a_moment() {
    let (start, life) = life(5.0, 0.0, 9 * SECOND);
    assert_eq!(life.hard - start, 10 * SECOND);
    assert!(
        life.soft <= life.hard && life.hard <= life.last_call && life.last_call <= life.deadline
    );
}

#[test]
fn the_moments_are_in_order_whatever_the_numbers() {
    for lifetime in [0.0, 0.001, 1.0, 59.0, 1e6, 1e18] {
        for took in [0, 1, 14, 1000] {
            let (_, life) = life(lifetime, 0.7, took * SECOND);
            assert!(
                life.soft <= life.hard
                    && life.hard <= life.last_call
                    && life.last_call <= life.deadline
            );
        }
    }
    let wild = Margins {
        soft: Some(Duration::MAX),
        hard: Some(Duration::MAX),
        jitter: 9.0,
    };
    let now = Instant::now();
    let life = wild.life(now, now, 10 * SECOND, Duration::MAX);
    assert!(life.soft <= life.hard && life.hard <= life.deadline);
}

#[test]
fn a_life_without_an_end_is_ten_years() {
    let now = Instant::now();
    let life = Margins::default().life(now, now, Duration::MAX, Duration::ZERO);
    assert_eq!(life.deadline - now, 10 * 365 * 24 * 3600 * SECOND);
}
