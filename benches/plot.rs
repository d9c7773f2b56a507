//! Bars, as SVG.

use std::fmt::Write;

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// How long it is.
    pub value: f64,
    /// Whether it is one of ours, which has a colour of its own.
    pub ours: bool,
}

const ROW: f64 = 22.0;
const LABELS: f64 = 210.0;
const BARS: f64 = 420.0;
const WIDTH: f64 = LABELS + BARS + 80.0;

/// A chart of horizontal bars, the longest as wide as there is room for.
#[must_use]
pub fn bars(title: &str, bars: &[Bar]) -> String {
    let most = bars.iter().fold(1e-9, |most: f64, bar| most.max(bar.value));
    let height = 34.0 + ROW * bars.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"18\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    for (nth, bar) in bars.iter().enumerate() {
        let top = 28.0 + ROW * nth as f64;
        let (middle, length) = (top + 14.0, BARS * bar.value.max(0.0) / most);
        let fill = if bar.ours { "#2a6fdb" } else { "#a8b0bb" };
        let (label, left, end) = (escaped(&bar.label), LABELS - 8.0, LABELS + length + 5.0);
        writeln!(
            svg,
            "<text x=\"{left}\" y=\"{middle}\" text-anchor=\"end\">{label}</text>\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{length:.1}\" height=\"18\" fill=\"{fill}\"/>\
             <text x=\"{end:.1}\" y=\"{middle}\">{:.2}</text>",
            bar.value
        )
        .expect("a string");
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
