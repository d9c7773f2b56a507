//! What the layers shall cost at most, and whether they do.

mod many_tasks;
mod overhead;

use crate::figures::Figures;

/// A bound on a figure.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At most so much.
    Most(f64),
    /// At least so much.
    Least(f64),
    /// This and nothing else.
    Is(f64),
}

/// One figure that shall be within a bound.
#[derive(Clone, Debug)]
pub struct Goal {
    /// Its number.
    pub number: u8,
    /// What is measured.
    pub measure: &'static str,
    /// What a sketch of the design had.
    pub sketch: &'static str,
    /// What is wanted.
    pub bound: Bound,
    /// What it is, if it was measured.
    pub measured: Option<f64>,
}

impl Goal {
    /// Whether it is met; `None` if it was not measured.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        self.measured.map(|value| match self.bound {
            Bound::Most(most) => value <= most,
            Bound::Least(least) => value >= least,
            Bound::Is(is) => value == is,
        })
    }
}

/// Number, measure, sketch, bound and figure of a [`Goal`].
type Row = (u8, &'static str, &'static str, Bound, Option<f64>);

/// All goals.
#[must_use]
pub fn goals(figures: &Figures) -> Vec<Goal> {
    let goal = |(number, measure, sketch, bound, measured): Row| Goal {
        number,
        measure,
        sketch,
        bound,
        measured,
    };
    overhead::each_request(figures)
        .into_iter()
        .chain(many_tasks::many_tasks(figures))
        .chain(overhead::sizes(figures))
        .map(goal)
        .collect()
}
