//! How many allocations does it cost to attach a token that is there, in libraries that do it too?

use allocation_counter::measure;
use benches::{figures::tell, load::Case};
use peers::{Peer, REQUESTS};

fn main() {
    for peer in Peer::ALL {
        let each = |with| {
            let mut calls = peer.calls(with);
            measure(|| calls.run(REQUESTS)).count_total as f64 / REQUESTS as f64
        };
        tell(
            "peers",
            peer,
            Case::COMMON,
            "allocations added",
            each(true) - each(false),
        );
    }
}
