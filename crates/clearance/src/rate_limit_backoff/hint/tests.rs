//! What is told of requests, in a minute at most, counts and nothing else.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

fn of(fields: &[(&'static str, &str)]) -> Option<Hint> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    hint(&headers)
}

#[test]
fn the_tightest_of_all_policies_counts() {
    let policies = r#""burst";q=100;w=1, "minute";q=600;w=60, "none";q=0;w=1"#;
    let hint = of(&[("ratelimit-policy", policies)]);
    assert_eq!(hint.unwrap().rate, Some(10.0));
    let both = of(&[
        ("ratelimit-policy", r#""default";q=100;w=10"#),
        ("ratelimit", r#""default";r=45;t=30, "other";r=9;t=3"#),
    ]);
    let expected = Hint {
        rate: Some(10.0),
        rest: Some((1.5, Duration::from_secs(30))),
        empty_for: None,
    };
    assert_eq!(both, Some(expected));
}

#[test]
fn what_counts_something_else_than_requests_says_nothing() {
    let policy = r#""b";q=9;w=1;qu="content-bytes""#;
    assert_eq!(of(&[("ratelimit-policy", policy)]), None);
    let rest = r#""b";r=0;t=50"#;
    assert_eq!(
        of(&[("ratelimit-policy", policy), ("ratelimit", rest)]),
        None
    );
    let requests = r#""b";q=9;w=1;qu="requests""#;
    let both = of(&[("ratelimit-policy", requests), ("ratelimit", rest)]).unwrap();
    assert_eq!(
        (both.rate, both.empty_for),
        (Some(9.0), Some(Duration::from_secs(50)))
    );
}

#[test]
fn a_quota_of_more_than_a_minute_is_no_rate() {
    for (name, value) in [
        ("ratelimit-policy", r#""day";q=10000;w=86400"#),
        ("ratelimit", r#""day";r=9990;t=61"#),
        ("ratelimit", r#""day";r=0;t=61"#),
    ] {
        assert_eq!(of(&[(name, value)]), None, "{value}");
    }
    let shorter = of(&[("ratelimit", r#""day";r=0;t=86400, "burst";r=0;t=7"#)]);
    assert_eq!(shorter.unwrap().empty_for, Some(Duration::from_secs(7)));
}

#[test]
fn none_left_is_a_pause() {
    let hint = of(&[
        ("ratelimit", r#""a";r=0;t=7"#),
        ("ratelimit", r#""b";r=9;t=3"#),
    ])
    .unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(
        (hint.empty_for, hint.rest),
        (Some(7 * second), Some((3.0, 3 * second)))
    );
}

#[test]
fn what_is_not_understood_says_nothing() {
    for value in [
        "",
        "5",
        r#""a""#,
        r#""a";r=x;t=3"#,
        r#""a";r=-1;t=3"#,
        r#""a";r=5;t=0"#,
        r#""a";r=5"#,
    ] {
        assert_eq!(of(&[("ratelimit", value)]), None, "{value}");
    }
    assert_eq!(of(&[("x-ratelimit-remaining", "0")]), None);
}

/// A member: its two numbers under their names, in either order, and perhaps the unit of its quota.
fn member(
    names: [&str; 2],
    (first, second): (u32, u32),
    unit: Option<&str>,
    backwards: bool,
) -> String {
    let mut parameters = vec![
        format!("{}={first}", names[0]),
        format!("{}={second}", names[1]),
    ];
    parameters.extend(unit.map(|unit| format!("qu=\"{unit}\"")));
    if backwards {
        parameters.reverse();
    }
    format!("\"name\" ; {}", parameters.join(" ;"))
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..100_u32, any::<u32>()]
}

proptest! {
    #[test]
    fn of_all_that_is_told_the_tightest_counts(
        policies in vec((count(), count(), option::of(select(vec!["requests", "content-bytes"]))), 0..4),
        limits in vec((count(), count()), 0..4),
        backwards in any::<bool>(),
        in_one_field in any::<bool>(),
    ) {
        let policy = |(q, w, unit): &(u32, u32, _)| member(["q", "w"], (*q, *w), *unit, backwards);
        let limit = |numbers: &(u32, u32)| member(["r", "t"], *numbers, None, backwards);
        let written = [
            ("ratelimit-policy", policies.iter().map(policy).collect::<Vec<_>>()),
            ("ratelimit", limits.iter().map(limit).collect()),
        ];
        let mut headers = HeaderMap::new();
        for (name, members) in written {
            let fields = if in_one_field { vec![members.join(" , ")] } else { members };
            for field in fields {
                headers.append(name, field.parse().unwrap());
            }
        }

        let of_requests = policies.iter().filter(|(.., unit)| *unit != Some("content-bytes"));
        let of_requests: Vec<_> = of_requests.map(|(q, w, _)| (*q, *w)).collect();
        // All have one name: what is left of it is of requests only if no policy says otherwise.
        let is_other = policies.len() > of_requests.len();
        let limits: Vec<_> = limits.into_iter().filter(|_| !is_other).collect();
        // Nothing, or any number in no time or in more than a minute, is no rate.
        let tightest = |told: &[(u32, u32)]| {
            let rates = told.iter().copied().filter(|(calls, seconds)| *calls > 0 && (1..=60).contains(seconds));
            // a/b < c/d where a·d < c·b: nothing is rounded.
            rates.min_by(|(a, b), (c, d)| {
                (u64::from(*a) * u64::from(*d)).cmp(&(u64::from(*c) * u64::from(*b)))
            })
        };
        let rate = |(calls, seconds)| f64::from(calls) / f64::from(seconds);
        let empty = limits.iter().filter(|(rest, reset)| *rest == 0 && (1..=60).contains(reset));
        let expected = Hint {
            rate: tightest(&of_requests).map(rate),
            rest: tightest(&limits).map(|told| (rate(told), Duration::from_secs(told.1.into()))),
            empty_for: empty.map(|(_, reset)| Duration::from_secs((*reset).into())).max(),
        };
        prop_assert_eq!(hint(&headers).unwrap_or_default(), expected, "{:?}", headers);
    }

    #[test]
    fn whatever_is_told_is_a_rate_and_a_time(
        fields in vec((select(vec!["ratelimit", "ratelimit-policy"]), "[ -~]{0,30}|[qwrt0-9=;, ]{0,30}"), 0..4),
    ) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if let Some(hint) = of(&fields) {
            prop_assert!(hint.rate.is_none_or(|rate| rate.is_finite() && rate > 0.0), "{hint:?}");
            prop_assert!(hint.rest.is_none_or(|(rate, _)| rate.is_finite() && rate > 0.0), "{hint:?}");
            prop_assert!(hint.empty_for.is_none_or(|time| time <= Duration::from_secs(60)));
        }
    }
}
