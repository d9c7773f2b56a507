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
}
