//! Tickhawk.
fn main() {}
