//! What the layers cost, measured beside others that do the same work: see `benches/README.md`.
//!
//! Here is what the benchmarks share: the sides that are compared ([`sides`]), what they are asked ([`load`]), a service
//! that answers at once ([`bare`]) and one in another process ([`wire`]), the counting of instructions
//! ([`callgrind`]), and what becomes of a figure ([`figures`]).

pub mod bare;
pub mod callgrind;
pub mod circumstances;
pub mod figures;
pub mod goals;
pub mod limits;
pub mod load;
pub mod plot;
#[cfg(feature = "rivals")]
pub mod rivals;
pub mod section;
pub mod sides;
pub mod textbook;
pub mod wire;
