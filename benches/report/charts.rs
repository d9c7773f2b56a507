//! The plots, and what is in each.

use benches::{
    figures::Figures,
    load::Case,
    plot::{Bar, bars},
    sides::Side,
    wire,
};

use crate::many_tasks::RIVALS;

/// The name of each plot's file, and the plot.
pub(crate) fn charts(figures: &Figures) -> Vec<(&'static str, String)> {
    let case = Case::COMMON.to_string();
    let chart = |sides: &[Side], value: &dyn Fn(Side) -> Option<f64>| -> Vec<Bar> {
        let bar = |side: &Side| {
            let value = value(*side)?;
            Some(Bar {
                label: side.to_string(),
                value,
                ours: side.is_ours(),
            })
        };
        sides.iter().filter_map(bar).collect()
    };
    let overhead = chart(&Side::ALL[1..], &|side| figures.ratio(side, Case::COMMON));
    let contention = chart(&Side::ALL, &|side| {
        figures.of(
            "contention",
            side.name(),
            "64 tasks",
            "requests/s / static header",
        )
    });
    let mut loopback = chart(&wire::SIDES[2..], &|side| {
        figures.of(
            "loopback",
            side.name(),
            "64 connections",
            "over static header, %",
        )
    });
    for rival in RIVALS {
        if let Some(value) =
            figures.of("loopback", rival, "64 connections", "over static header, %")
        {
            loopback.push(Bar {
                label: rival.to_owned(),
                value,
                ours: false,
            });
        }
    }
    let peers = figures
        .0
        .iter()
        .filter(|figure| figure.bench == "peers" && figure.measure == "net / static header");
    let peers = peers.map(|figure| Bar {
        label: figure.side.clone(),
        value: figure.value,
        ours: figure.side == Side::Auth.name(),
    });
    vec![
        (
            "overhead.svg",
            bars(
                &format!("Net instructions / static header: {case}"),
                &overhead,
            ),
        ),
        (
            "contention.svg",
            bars(
                "Throughput / static header: 64 tasks on 2 workers (times)",
                &contention,
            ),
        ),
        (
            "loopback.svg",
            bars(
                "Instructions over a static header, %: 64 connections to a hyper server",
                &loopback,
            ),
        ),
        (
            "peers.svg",
            bars(
                "Net instructions / static header: a cached token is attached",
                &peers.collect::<Vec<_>>(),
            ),
        ),
    ]
}
