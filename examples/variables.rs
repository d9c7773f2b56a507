//! Settings from the environment.

use crate::problem::Problem;

/// The value of this variable. `None`: it is not set, or empty, which says the same.
pub(crate) fn setting(name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    variable(name).filter(|value| !value.trim().is_empty())
}

/// The values of these variables. `None`: none of them is set, and the simulated platform is meant.
pub(crate) fn settings<const N: usize>(
    names: [&str; N],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<[String; N]>, Problem> {
    let values = names.map(|name| setting(name, &variable));
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let missing = names
        .iter()
        .zip(&values)
        .filter(|(_, value)| value.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(Some(values.map(Option::unwrap_or_default)));
    }
    Err(Problem::new(format!(
        "not set: {}; set all of {}, or none to see the simulated platform",
        missing.join(", "),
        names.join(", ")
    )))
}
