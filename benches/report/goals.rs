//! The goals, and which of them are met.

use std::fmt::Write;

use benches::{
    figures::Figures,
    goals::{self, Bound, Goal},
    sides::Side,
};

use crate::table::number_of;

const FOOTNOTE: &str = "\n¹ With `ReplayBodyLayer` outermost. Both retrying layers share one copy of the request's head, with a bare `Clone` body \
as well (*whole stack* in the tables below). Extensions are cloned with it, which is free while there are none.\n";

/// Of designs that are gone.
const MISSED: &str = include_str!("missed.md");

pub(crate) fn goals(figures: &Figures) -> String {
    let mut text =
        "\n## Goals\n\n| # | measure | sketch | goal | measured | |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for goal in &goals::goals(figures) {
        let Goal {
            number,
            measure,
            sketch,
            bound,
            measured,
        } = goal;
        let bound = match bound {
            Bound::Most(most) => format!("≤ {most}"),
            Bound::Least(least) => format!("≥ {least}"),
            Bound::Is(is) => format!("{is}"),
        };
        let met = match goal.is_met() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let measured = measured.map_or_else(|| "–".to_owned(), number_of);
        writeln!(
            text,
            "| {number} | {measure} | {sketch} | {bound} | {measured} | {met} |"
        )
        .expect("a string");
    }
    text += FOOTNOTE;
    let measure = "requests/s over 1 task";
    if let Some(own) = figures.of("contention", Side::Static.name(), "64 tasks", measure) {
        writeln!(
            text,
            "\nTo goal 7: the static header alone went up by {} from 1 to 64 tasks in this run, which is what the machine gave.",
            number_of(own)
        )
        .expect("a string");
    }
    text + MISSED
}
