//! The libraries that attach a cached token too.

use std::fs;

use benches::figures::{Figure, Figures};

use crate::{
    here,
    table::{names, table},
};

pub(crate) fn peers(figures: &Figures) -> String {
    let mut sides: Vec<String> = Vec::new();
    for figure in figures.0.iter().filter(|figure| figure.bench == "peers") {
        if !sides.contains(&figure.side) {
            sides.push(figure.side.clone());
        }
    }
    if sides.is_empty() {
        return "\n## Peers\n\nNot run: see `benches/peers`.\n".to_owned();
    }
    let columns = names([
        "net instructions",
        "net / static header",
        "allocations added",
    ]);
    let table = table(
        "cached token to header",
        &sides,
        &columns,
        |side, measure| {
            let is = |figure: &&Figure| {
                figure.side == side && figure.measure == measure && figure.bench == "peers"
            };
            figures.0.iter().find(is).map(|figure| figure.value)
        },
    );
    let note = fs::read_to_string(here("peers/README.md")).unwrap_or_default();
    let note = note.split_once("\n## ").map_or("", |(_, rest)| rest);
    let note = note.split_once('\n').map_or("", |(_, rest)| rest);
    format!(
        "\n## Peers\n\n![peers](plots/peers.svg)\n{table}\n{}\n",
        note.trim()
    )
}
