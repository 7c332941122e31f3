//! What the harness itself takes.

use crate::{Bench, Results, Row, Subject};
use std::{hint::black_box, ops::Range};
use tickhawk_latency::ClockCheck;

/// Samples of a row.
const SAMPLES: usize = 1_001;
/// Items of a block.
const BLOCK: usize = 96;

/// A read of the clock, and an item of a block that does nothing.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) {
    let clock = &bench.clock;
    let reads = (0..31).map(|_| ClockCheck::measure(clock).read_ns).collect();
    results.rows.push(Row::new("base/clock-read/tickhawk", "read", 1_000, reads));
    let mut idle = Idle;
    let subject: &mut dyn Subject = black_box(&mut idle);
    let samples = (0..SAMPLES).map(|_| {
        let began = clock.now();
        subject.take(0..BLOCK);
        (clock.now() - began).nanos() as f64 / BLOCK as f64
    });
    results.rows.push(Row::new(
        "base/empty-item/tickhawk",
        "item",
        BLOCK as u64,
        samples.collect(),
    ));
}

struct Idle;

impl Subject for Idle {
    fn restart(&mut self) {}

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            black_box(item);
        }
    }
}
