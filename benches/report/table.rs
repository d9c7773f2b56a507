//! Tables of figures, in Markdown.

use std::fmt::Write;

pub(crate) fn number_of(value: f64) -> String {
    let digits = match value.abs() {
        value if value.fract() == 0.0 => 0,
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// A table with a row for each of `rows` and a column for each of `columns`.
pub(crate) fn table(
    corner: &str,
    rows: &[String],
    columns: &[String],
    cell: impl Fn(&str, &str) -> Option<f64>,
) -> String {
    let mut text = format!(
        "\n| {corner} | {} |\n|---{}|\n",
        columns.join(" | "),
        "|---".repeat(columns.len())
    );
    for row in rows {
        let cells: Vec<_> = columns.iter().map(|column| cell(row, column)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let cells = cells
            .into_iter()
            .map(|cell| cell.map_or_else(|| "–".to_owned(), number_of));
        writeln!(
            text,
            "| {row} | {} |",
            cells.collect::<Vec<_>>().join(" | ")
        )
        .expect("a string");
    }
    text
}

pub(crate) fn names<T: ToString>(of: impl IntoIterator<Item = T>) -> Vec<String> {
    of.into_iter().map(|name| name.to_string()).collect()
}
