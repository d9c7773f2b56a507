//! What the layers shall cost at most, and whether they do.

use crate::{
    figures::Figure,
    load::Case,
    sides::Side::{self, Auth, OnceStack, ReplayStack, RetryStatic, Stack},
};

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

/// The figures of one run.
#[derive(Debug)]
pub struct Figures(pub Vec<Figure>);

impl Figures {
    /// One of them.
    #[must_use]
    pub fn of(&self, bench: &str, side: &str, case: &str, measure: &str) -> Option<f64> {
        let is = |figure: &&Figure| {
            (&*figure.bench, &*figure.side) == (bench, side)
                && (&*figure.case, &*figure.measure) == (case, measure)
        };
        self.0.iter().find(is).map(|figure| figure.value)
    }

    /// Net instructions as a multiple of a fixed header's.
    #[must_use]
    pub fn ratio(&self, side: Side, case: Case) -> Option<f64> {
        self.of(
            "instructions",
            side.name(),
            &case.to_string(),
            "net / static header",
        )
    }

    /// Net instructions.
    #[must_use]
    pub fn net(&self, side: Side, case: Case) -> Option<f64> {
        self.of(
            "instructions",
            side.name(),
            &case.to_string(),
            "net instructions",
        )
    }

    /// Allocations added.
    #[must_use]
    pub fn allocations(&self, side: Side, case: Case) -> Option<f64> {
        self.of(
            "allocations",
            side.name(),
            &case.to_string(),
            "allocations added",
        )
    }

    fn contention(&self, side: Side, tasks: usize, measure: &str) -> Option<f64> {
        self.of(
            "contention",
            side.name(),
            &format!("{tasks} tasks"),
            measure,
        )
    }
}

/// All goals.
#[must_use]
pub fn goals(figures: &Figures) -> Vec<Goal> {
    use Bound::{Is, Least, Most};
    let common = Case::COMMON;
    let token = |token| Case { token, ..common };
    let divided = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let net = |side, case| figures.net(side, case);
    let over_retry = |case| divided(net(ReplayStack, case), net(RetryStatic, case));
    let rate = |side, tasks| figures.contention(side, tasks, "requests/s / static header");
    let scaling = |side| figures.contention(side, 64, "requests/s over 1 task");
    let refresh = |case, measure| figures.of("refresh", "SkewAuth", case, measure);
    let herd = |side, measure| figures.of("refresh", side, "10000 tasks", measure);
    let wire = |side: Side| {
        figures.of(
            "loopback",
            side.name(),
            "64 connections",
            "over static header, %",
        )
    };
    let size = |side: Side, inner| {
        figures.of(
            "allocations",
            side.name(),
            inner,
            "size of the future, B over inner",
        )
    };
    let (inline, boxed) = ("inner future inline", "inner future boxed");
    let during = "64 tasks, during refreshes";
    let all = "64 tasks, all the time";
    let rows = [
        (
            1,
            "auth layer, net instructions / static header",
            "1.30",
            Most(1.5),
            figures.ratio(Auth, common),
        ),
        (
            1,
            "auth layer, allocations added",
            "0",
            Is(0.0),
            figures.allocations(Auth, common),
        ),
        (
            2,
            "its cost with a 4 KiB token / with 64 B",
            "1.00",
            Most(1.01),
            divided(net(Auth, token(4096)), net(Auth, token(64))),
        ),
        (
            3,
            "whole stack¹ / tower `Retry` + static header, instructions",
            "0.78",
            Most(0.80),
            over_retry(common),
        ),
        (
            3,
            "whole stack¹, allocations added",
            "1",
            Most(1.0),
            figures.allocations(ReplayStack, common),
        ),
        (
            4,
            "the same with 20 headers built per request, instructions",
            "0.30",
            Most(0.33),
            over_retry(Case::BUILT),
        ),
        (
            4,
            "the same with 20 headers built per request, allocations",
            "1",
            Most(1.0),
            figures.allocations(ReplayStack, Case::BUILT),
        ),
        (
            5,
            "whole stack on a request that can't be replayed, net / static header",
            "1.41",
            Most(2.2),
            figures.ratio(OnceStack, common),
        ),
        (
            5,
            "the same, allocations added",
            "0",
            Is(0.0),
            figures.allocations(OnceStack, common),
        ),
        (
            6,
            "throughput at 64 tasks / static header: auth",
            "0.92",
            Least(0.88),
            rate(Auth, 64),
        ),
        (
            6,
            "throughput at 512 tasks / static header: auth",
            "0.92",
            Least(0.88),
            rate(Auth, 512),
        ),
        (
            6,
            "throughput at 64 tasks / static header: whole stack¹",
            "0.62",
            Least(0.60),
            rate(ReplayStack, 64),
        ),
        (
            6,
            "throughput at 512 tasks / static header: whole stack¹",
            "0.62",
            Least(0.60),
            rate(ReplayStack, 512),
        ),
        (
            7,
            "64 tasks over 1 task, two workers: auth",
            "1.9",
            Least(1.6),
            scaling(Auth),
        ),
        (
            7,
            "64 tasks over 1 task, two workers: whole stack¹",
            "1.9",
            Least(1.6),
            scaling(ReplayStack),
        ),
        (
            8,
            "requests over 50 ms, refreshes of 200 ms",
            "0",
            Is(0.0),
            refresh(all, "requests over 50 ms"),
        ),
        (
            8,
            "p99.9 during refreshes, µs",
            "13",
            Most(1_000.0),
            refresh(during, "latency p99.9, µs"),
        ),
        (
            9,
            "herd on an expired token, 10 000 tasks: fetches",
            "1",
            Is(1.0),
            herd("expired token", "fetches, most of the rounds"),
        ),
        (
            9,
            "herd on an expired token, time / one fetch",
            "1.08",
            Most(1.25),
            herd("expired token", "time / one fetch"),
        ),
        (
            10,
            "herd of refusals, 10 000 tasks: refreshes",
            "1",
            Is(1.0),
            herd("refused token", "fetches, most of the rounds"),
        ),
        (
            10,
            "herd of refusals, time / one fetch",
            "1.44",
            Most(1.5),
            herd("refused token", "time / one fetch"),
        ),
        (
            11,
            "loopback, instructions over static header, %: auth",
            "+0.13",
            Most(0.5),
            wire(Auth),
        ),
        (
            11,
            "loopback, instructions over static header, %: whole stack¹",
            "+3.5",
            Most(4.0),
            wire(ReplayStack),
        ),
        (
            12,
            "size of the future over the inner one, B: auth",
            "+32",
            Most(32.0),
            size(Auth, inline),
        ),
        (
            12,
            "size of the future, B: whole stack¹, inner future inline",
            "+24 to +200",
            Most(160.0),
            size(ReplayStack, inline),
        ),
        (
            12,
            "size of the future, B: whole stack¹, inner future boxed",
            "+24 to +200",
            Most(160.0),
            size(ReplayStack, boxed),
        ),
        (
            12,
            "size of the future, B: whole stack without `ReplayBodyLayer`, inner inline",
            "+24 to +200",
            Most(160.0),
            size(Stack, inline),
        ),
    ];
    let goal = |(number, measure, sketch, bound, measured)| Goal {
        number,
        measure,
        sketch,
        bound,
        measured,
    };
    rows.into_iter().map(goal).collect()
}
