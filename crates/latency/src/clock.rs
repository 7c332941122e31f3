//! The monotonic clock, and what it costs to look at it.

use std::hint::black_box;
use std::sync::OnceLock;

use serde::Serialize;
use tickhawk_market::MonoNanos;

/// The counter value all clocks of this process count from, so that they agree.
static ORIGIN: OnceLock<u64> = OnceLock::new();

/// The process's monotonic clock: the processor's time-stamp counter where it is invariant,
/// otherwise the system's. Clones and further clocks agree with each other.
#[derive(Clone, Debug)]
pub struct Clock {
    source: quanta::Clock,
    origin: u64,
    is_still: bool,
}

impl Clock {
    /// The first one in a process calibrates the counter, which takes up to 200 ms.
    #[expect(clippy::new_without_default, reason = "calibrating is nothing to do by default")]
    pub fn new() -> Self {
        let source = quanta::Clock::new();
        let origin = *ORIGIN.get_or_init(|| source.raw());
        Self { source, origin, is_still: false }
    }

    /// A clock that stands at nothing and is never read: what stamping costs is what a run with
    /// this one saves.
    pub fn still() -> Self {
        Self { is_still: true, ..Self::new() }
    }

    /// Whether it is a [`Clock::still`], by which nothing is worth recording.
    #[inline]
    pub fn is_still(&self) -> bool {
        self.is_still
    }

    /// Nanoseconds since the first clock of this process was made. The read does not hold up the
    /// instructions around it, so a stamp may be off by a few nanoseconds of overlap.
    #[inline]
    pub fn now(&self) -> MonoNanos {
        if self.is_still {
            return MonoNanos::new(0);
        }
        MonoNanos::new(self.source.delta_as_nanos(self.origin, self.source.raw()))
    }
}

/// What the clock adds to each measurement, to be printed beside every result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClockCheck {
    /// Nanoseconds one read takes: the median over batches of reads.
    pub read_ns: f64,
    /// The smallest step seen between two reads in a row, in nanoseconds. The counter moves in
    /// steps no larger than this; `None` if it never moved.
    pub resolution_ns: Option<u64>,
}

/// Reads in a batch: long against the clock's step, short against a scheduler's slice.
const BATCH_READS: u64 = 1_000;
/// Batches: odd, so that the median is one of them. All together take a few milliseconds.
const BATCHES: usize = 101;

impl ClockCheck {
    /// Reads the clock some hundred thousand times, for a few milliseconds.
    pub fn measure(clock: &Clock) -> Self {
        Self::measure_with(|| clock.now())
    }

    fn measure_with(mut now: impl FnMut() -> MonoNanos) -> Self {
        let mut batch_ns = [0; BATCHES];
        for batch in &mut batch_ns {
            let first = now();
            for _ in 1..BATCH_READS {
                black_box(now());
            }
            *batch = (now() - first).nanos();
        }
        batch_ns.sort_unstable();

        let mut resolution_ns: Option<u64> = None;
        let mut last = now();
        for _ in 0..BATCH_READS * BATCHES as u64 {
            let next = now();
            if let Some(step @ 1..) = next.nanos().checked_sub(last.nanos()) {
                resolution_ns = Some(resolution_ns.map_or(step, |smallest| smallest.min(step)));
            }
            last = next;
        }
        Self { read_ns: batch_ns[BATCHES / 2] as f64 / BATCH_READS as f64, resolution_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_and_never_run_backwards() {
        let (first, second) = (Clock::new(), Clock::new());
        let third = first.clone();
        let mut last = MonoNanos::new(0);
        for turn in 0..30_000 {
            let now = [&first, &second, &third][turn % 3].now();
            assert!(now >= last);
            last = now;
        }
        assert!(last > MonoNanos::new(0), "it moves");
    }

    #[test]
    fn check_finds_cost_and_resolution() {
        // A read takes 25 ns, and the counter moves in steps of 20 ns.
        let mut elapsed_ns = 0;
        let check = ClockCheck::measure_with(|| {
            elapsed_ns += 25;
            MonoNanos::new(elapsed_ns / 20 * 20)
        });
        assert!((check.read_ns - 25.0).abs() <= 0.02, "{check:?}");
        assert_eq!(check.resolution_ns, Some(20));
    }

    #[test]
    fn one_slow_batch_does_not_move_the_cost() {
        let (mut elapsed_ns, mut reads) = (0, 0);
        let check = ClockCheck::measure_with(|| {
            reads += 1;
            elapsed_ns += if reads == 500 { 50_000_000 } else { 30 };
            MonoNanos::new(elapsed_ns)
        });
        assert_eq!(check, ClockCheck { read_ns: 30.0, resolution_ns: Some(30) });
    }

    #[test]
    fn a_clock_that_stands_still_has_no_resolution() {
        let check = ClockCheck::measure_with(|| MonoNanos::new(5));
        assert_eq!(check, ClockCheck { read_ns: 0.0, resolution_ns: None });
    }
}
