//! The hiccup meter: what the machine does to a thread that does nothing.

use std::hint::{black_box, spin_loop};
use tickhawk_latency::{Clock, LatencyHistogram};
use tickhawk_market::MonoNanos;

/// An empty loop of a length in turns, since a loop that looked at the clock would end on time
/// whatever befell it.
pub(super) struct Spin {
    turns: u64,
}

impl Spin {
    /// One that takes about `length_ns`.
    pub(super) fn calibrated(clock: &Clock, length_ns: u64) -> Self {
        const TURNS: u64 = 10_000;
        let fastest_ns = (0..50).map(|_| {
            let began = clock.now();
            Self { turns: TURNS }.run();
            (clock.now() - began).nanos()
        });
        let fastest_ns = fastest_ns.min().unwrap_or(1).max(1) as u64;
        Self { turns: (length_ns * TURNS / fastest_ns).max(1) }
    }

    fn run(&self) {
        for turn in 0..self.turns {
            black_box(turn);
        }
    }

    /// Runs it every `gap_ns` for so long, each counted from when it was to begin.
    pub(super) fn meter(
        &self,
        clock: &Clock,
        gap_ns: u64,
        turn_ns: u64,
        hiccups: &mut LatencyHistogram,
    ) {
        let began = clock.now();
        let mut intended = began;
        while intended.nanos() - began.nanos() < turn_ns {
            while clock.now() < intended {
                spin_loop();
            }
            self.run();
            let now = clock.now();
            hiccups.record(now - intended);
            let next = match gap_ns {
                0 => now.nanos(),
                gap_ns => intended.nanos() + gap_ns,
            };
            intended = MonoNanos::new(next);
        }
    }
}
