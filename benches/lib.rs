//! Benchmarks of the clearance layers: see the `[[bench]]` entries of this package.
