//! What 64 tasks and more may wait for: each other, the token that is being renewed, and the wire.

use super::{
    Bound::{Is, Least, Most},
    Row,
};
use crate::{
    figures::Figures,
    sides::Side::{self, Auth, ReplayStack},
};

pub(super) fn many_tasks(figures: &Figures) -> [Row; 14] {
    let contention = |side: Side, tasks: usize, measure| {
        let tasks = format!("{tasks} tasks");
        figures.of("contention", side.name(), &tasks, measure)
    };
    let rate = |side, tasks| contention(side, tasks, "requests/s / static header");
    let scaling = |side| contention(side, 64, "requests/s over 1 task");
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
    let during = "64 tasks, during refreshes";
    let all = "64 tasks, all the time";
    [
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
    ]
}
