//! What a request may cost over a service that answers at once, and how large its future may be.

use super::{
    Bound::{Is, Most},
    Row,
};
use crate::{
    figures::Figures,
    load::Case,
    sides::Side::{self, Auth, OnceStack, ReplayStack, RetryStatic, Stack},
};

pub(super) fn each_request(figures: &Figures) -> [Row; 9] {
    let common = Case::COMMON;
    let token = |token| Case { token, ..common };
    let divided = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let net = |side, case| figures.net(side, case);
    let over_retry = |case| divided(net(ReplayStack, case), net(RetryStatic, case));
    [
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
    ]
}

pub(super) fn sizes(figures: &Figures) -> [Row; 4] {
    let size = |side: Side, inner| {
        figures.of(
            "allocations",
            side.name(),
            inner,
            "size of the future, B over inner",
        )
    };
    let (inline, boxed) = ("inner future inline", "inner future boxed");
    [
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
    ]
}
