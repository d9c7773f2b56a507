//! What the `RateLimit` and `RateLimit-Policy` fields say (draft-ietf-httpapi-ratelimit-headers).

use std::time::Duration;

use http::HeaderMap;

/// What a server tells of its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hint {
    /// Calls a second.
    pub(super) rate: Option<f64>,
    /// None are left for so long.
    pub(super) empty_for: Option<Duration>,
}

/// The tightest of all that the fields say, if they say anything.
pub(super) fn hint(headers: &HeaderMap) -> Option<Hint> {
    let mut hint = Hint::default();
    let mut tighter = |rate: f64| {
        if rate > 0.0 && rate.is_finite() {
            hint.rate = Some(hint.rate.map_or(rate, |other| other.min(rate)));
        }
    };
    for policy in items(headers, "ratelimit-policy") {
        // A policy may count something else than requests.
        if policy
            .clone()
            .any(|(key, value)| key == "qu" && value.trim_matches('"') != "requests")
        {
            continue;
        }
        if let (Some(quota), Some(window)) = (number(policy.clone(), "q"), number(policy, "w")) {
            tighter(quota / window);
        }
    }
    let mut empty: Option<f64> = None;
    for limit in items(headers, "ratelimit") {
        if let (Some(rest), Some(reset)) = (number(limit.clone(), "r"), number(limit, "t")) {
            tighter(rest / reset);
            if rest == 0.0 {
                empty = Some(empty.map_or(reset, |other| other.max(reset)));
            }
        }
    }
    hint.empty_for = empty.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    (hint != Hint::default()).then_some(hint)
}

/// The parameters of each member of a list (RFC 9651 §3.1), where none of them is quoted with a comma or semicolon.
fn items<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = impl Iterator<Item = (&'a str, &'a str)> + Clone> {
    let lines = headers.get_all(name).into_iter();
    let lines = lines.filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|member| {
        let parameters = member.split(';').skip(1);
        parameters.filter_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            Some((key.trim(), value.trim()))
        })
    })
}

/// A parameter that is a whole number and not negative.
fn number<'a>(mut parameters: impl Iterator<Item = (&'a str, &'a str)>, key: &str) -> Option<f64> {
    let (_, value) = parameters.find(|(name, _)| *name == key)?;
    let whole: u32 = value.parse().ok()?;
    Some(f64::from(whole))
}

#[cfg(test)]
mod tests {
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
        let hint = of(&[("ratelimit-policy", r#""burst";q=100;w=1, "day";q=600;w=60"#)]);
        assert_eq!(hint.unwrap().rate, Some(10.0));
        let both = of(&[
            ("ratelimit-policy", r#""default";q=100;w=10"#),
            ("ratelimit", r#""default";r=50;t=30"#),
        ]);
        let rate = both.unwrap().rate.unwrap();
        assert!((rate - 50.0 / 30.0).abs() < 1e-9 && both.unwrap().empty_for.is_none());
        let bytes = of(&[("ratelimit-policy", r#""b";q=9;w=1;qu="content-bytes""#)]);
        assert_eq!(bytes, None);
    }

    #[test]
    fn none_left_is_a_pause() {
        let hint = of(&[
            ("ratelimit", r#""a";r=0;t=7"#),
            ("ratelimit", r#""b";r=9;t=3"#),
        ])
        .unwrap();
        assert_eq!(
            (hint.empty_for, hint.rate),
            (Some(Duration::from_secs(7)), Some(3.0))
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
            let told = of_requests.map(|(q, w, _)| (*q, *w)).chain(limits.iter().copied());
            // A rate of nothing, or of any number in no time, is no rate.
            let rates = told.filter(|(calls, seconds)| *calls > 0 && *seconds > 0);
            // a/b < c/d where a·d < c·b: nothing is rounded.
            let tightest = rates.min_by(|(a, b), (c, d)| {
                (u64::from(*a) * u64::from(*d)).cmp(&(u64::from(*c) * u64::from(*b)))
            });
            let empty = limits.iter().filter(|(rest, _)| *rest == 0).map(|(_, reset)| *reset).max();
            let expected = Hint {
                rate: tightest.map(|(calls, seconds)| f64::from(calls) / f64::from(seconds)),
                empty_for: empty.map(|seconds| Duration::from_secs(seconds.into())),
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
                prop_assert!(hint.empty_for.is_none_or(|time| time <= Duration::from_secs(u32::MAX.into())));
            }
        }
    }
}
