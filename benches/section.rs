//! A section of `README.md`: the benchmarks that fill it do not all run together.

/// What the benchmark `backoff` fills.
pub const BACKOFF: &str = "## Under a rate limit";

/// The section under `heading`, up to the next one.
#[must_use]
pub fn of<'a>(readme: &'a str, heading: &str) -> Option<&'a str> {
    let from = readme.find(&format!("{heading}\n"))?;
    let rest = &readme[from..];
    Some(rest.find("\n## ").map_or(rest, |next| &rest[..next]))
}

/// `readme` with `text` under `heading`, in place of what was there, or at the end.
#[must_use]
pub fn put(readme: &str, heading: &str, text: &str) -> String {
    let section = format!("{heading}\n\n{}\n", text.trim());
    match of(readme, heading) {
        Some(old) => readme.replace(old, &section),
        None => format!("{}\n\n{section}", readme.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_others_stay() {
        let text = "# Title\n\n## One\n\nfirst\n\n## Two\n\nsecond\n";
        assert_eq!(of(text, "## One"), Some("## One\n\nfirst\n"));
        assert_eq!(of(text, "## Three"), None);
        let changed = put(text, "## One", "new");
        assert_eq!(changed, "# Title\n\n## One\n\nnew\n\n## Two\n\nsecond\n");
        assert_eq!(
            put(&changed, "## Two", "last"),
            "# Title\n\n## One\n\nnew\n\n## Two\n\nlast\n"
        );
        assert_eq!(
            put("# Title\n", "## One", "new"),
            "# Title\n\n## One\n\nnew\n"
        );
    }
}
