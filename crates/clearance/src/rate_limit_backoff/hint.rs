//! What the `RateLimit` and `RateLimit-Policy` fields say (draft-ietf-httpapi-ratelimit-headers).

use std::{collections::HashSet, time::Duration};

use http::HeaderMap;

/// What is told of a longer time is a quota's and no rate: to be spread over a day, or waited out for hours, nothing of it
/// is meant.
const LONGEST: f64 = 60.0;

/// What a server tells of its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hint {
    /// Calls a second.
    pub(super) rate: Option<f64>,
    /// Calls a second for so long: what is left of a window.
    pub(super) rest: Option<(f64, Duration)>,
    /// None are left for so long.
    pub(super) empty_for: Option<Duration>,
}

/// The tightest of all that the fields say, if they say anything.
pub(super) fn hint(headers: &HeaderMap) -> Option<Hint> {
    let mut hint = Hint::default();
    // A policy may count something else than requests, and then what is left of it is something else, too.
    let mut others = HashSet::new();
    for (name, policy) in items(headers, "ratelimit-policy") {
        let mut units = policy.clone().filter(|(key, _)| *key == "qu");
        if units.any(|(_, unit)| unit.trim_matches('"') != "requests") {
            others.insert(name);
        } else if let Some((rate, _)) = rate(policy, "q", "w").filter(|(rate, _)| *rate > 0.0) {
            hint.rate = Some(hint.rate.map_or(rate, |other| other.min(rate)));
        }
    }
    for (name, limit) in items(headers, "ratelimit") {
        if others.contains(name) {
            continue;
        }
        if let Some((rate, time)) = rate(limit, "r", "t") {
            if rate == 0.0 {
                hint.empty_for = hint.empty_for.max(Some(time));
            } else if hint.rest.is_none_or(|(other, _)| rate < other) {
                hint.rest = Some((rate, time));
            }
        }
    }
    (hint != Hint::default()).then_some(hint)
}

/// So many calls in so many seconds: calls a second, and for how long.
fn rate<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    calls: &str,
    seconds: &str,
) -> Option<(f64, Duration)> {
    let (calls, seconds) = (
        number(parameters.clone(), calls)?,
        number(parameters, seconds)?,
    );
    let is_rate = seconds > 0.0 && seconds <= LONGEST;
    is_rate.then(|| (calls / seconds, Duration::from_secs_f64(seconds)))
}

/// The members of a list (RFC 9651 §3.1), each with its parameters, where none of them is quoted with a comma or semicolon.
fn items<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl Iterator<Item = (&'a str, impl Iterator<Item = (&'a str, &'a str)> + Clone)> {
    let lines = headers.get_all(name).into_iter();
    let lines = lines.filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|member| {
        let mut parts = member.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let parameters = parts.filter_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            Some((key.trim(), value.trim()))
        });
        (name, parameters)
    })
}

/// A parameter that is a whole number and not negative.
fn number<'a>(mut parameters: impl Iterator<Item = (&'a str, &'a str)>, key: &str) -> Option<f64> {
    let (_, value) = parameters.find(|(name, _)| *name == key)?;
    let whole: u32 = value.parse().ok()?;
    Some(f64::from(whole))
}

#[cfg(test)]
mod tests;
