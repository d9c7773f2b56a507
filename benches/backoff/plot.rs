//! Sends over time, as an SVG.

use std::fmt::Write;

use crate::server::Seen;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 180.0;
const MARGIN: f64 = 40.0;
/// A column is so many seconds.
const BIN: f64 = 0.5;

/// Requests a second that were let through, and on top of them those that were refused.
pub fn plot(title: &str, seen: &Seen, seconds: f64, limit: f64) -> String {
    let bins = (seconds / BIN).ceil() as usize;
    let count = |times: &[f64]| {
        let mut counts = vec![0.0; bins];
        for at in times {
            if let Some(bin) = counts.get_mut((at / BIN) as usize) {
                *bin += 1.0 / BIN;
            }
        }
        counts
    };
    let (passed, refused) = (count(&seen.passed), count(&seen.refused));
    let sums = passed.iter().zip(&refused).map(|(one, other)| one + other);
    let top = sums.fold(2.0 * limit, f64::max);
    let x = |at: f64| MARGIN + at / seconds * (WIDTH - 2.0 * MARGIN);
    let y = |rate: f64| HEIGHT - MARGIN - rate / top * (HEIGHT - 2.0 * MARGIN);
    let mut svg = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        writeln!(svg, "{text}").expect("a string takes all");
    };
    line(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">"#
    ));
    line(format_args!(
        r#"<rect width="100%" height="100%" fill="white"/>"#
    ));
    line(format_args!(r#"<text x="{MARGIN}" y="20">{title}</text>"#));
    let column = x(BIN) - x(0.0) - 0.5;
    for (bin, (passed, refused)) in passed.iter().zip(&refused).enumerate() {
        let left = x(bin as f64 * BIN);
        for (from, to, colour) in [(0.0, *passed, "#4a8"), (*passed, passed + refused, "#d43")] {
            let height = y(from) - y(to);
            if height > 0.0 {
                line(format_args!(
                    r#"<rect x="{left:.1}" y="{:.1}" width="{column:.1}" height="{height:.1}" fill="{colour}"/>"#,
                    y(to)
                ));
            }
        }
    }
    let (left, right, level) = (x(0.0), x(seconds), y(limit));
    line(format_args!(
        r##"<path d="M{left} {level:.1}H{right}" stroke="#333" stroke-dasharray="4 3"/>"##
    ));
    line(format_args!(
        r#"<text x="{:.1}" y="{:.1}">{limit}/s</text>"#,
        right + 4.0,
        level + 4.0
    ));
    for tenth in 0..=6 {
        let at = seconds * f64::from(tenth) / 6.0;
        line(format_args!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{at:.0} s</text>"#,
            x(at),
            HEIGHT - MARGIN + 16.0
        ));
    }
    line(format_args!("</svg>"));
    svg
}
