//! When a tier that fails is left alone for a while.
//!
//! ```text
//!             failures in a row, or too many late of the last 64
//!   Closed ---------------------------------------------------> Open
//!     ^                                                        |  pause_ns
//!     | so many good probes in a row                           v
//!     +------------------------------------------------- HalfOpen
//!                               any other outcome: Open again
//! ```
//!
//! It opens at most once a pause, so a tier never comes and goes faster than that.

use tickhawk_market::MonoNanos;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Failures in a row (errors, numbers that are not finite) that open it, 1 or more.
    pub failures_max: u32,
    /// Late answers among the last 64 that it bears, 0 to 64.
    pub late_max: u32,
    /// How long it stays open, in nanoseconds.
    pub pause_ns: u64,
    /// Good answers in a row that close it again, 1 or more.
    pub probes: u32,
}

impl Default for BreakerOptions {
    /// Three failures, a quarter of answers late, a second, three probes.
    fn default() -> Self {
        Self { failures_max: 3, late_max: 16, pause_ns: 1_000_000_000, probes: 3 }
    }
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Good,
    Late,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: MonoNanos },
    HalfOpen { good: u32 },
}

/// One tier's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Breaker {
    options: BreakerOptions,
    state: State,
    failures: u32,
    /// Of the last 64 runs, a bit for each that was late.
    late: u64,
    opened: u64,
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions) -> Self {
        Self { options, state: State::Closed, failures: 0, late: 0, opened: 0 }
    }

    /// Whether the tier may be tried now.
    #[inline]
    pub(super) fn allows(&mut self, now: MonoNanos) -> bool {
        if let State::Open { until } = self.state {
            if now < until {
                return false;
            }
            self.state = State::HalfOpen { good: 0 };
        }
        true
    }

    /// Takes note of a run that ended at `now`.
    #[inline]
    pub(super) fn observe(&mut self, run: Run, now: MonoNanos) {
        self.failures = if run == Run::Failed { self.failures + 1 } else { 0 };
        self.late = self.late << 1 | u64::from(run == Run::Late);
        match self.state {
            State::Closed => {
                let failing = self.failures >= self.options.failures_max;
                if failing || self.late.count_ones() > self.options.late_max {
                    self.open(now);
                }
            }
            State::HalfOpen { good } if run == Run::Good => {
                let good = good + 1;
                self.state = State::HalfOpen { good };
                if good >= self.options.probes {
                    self.close();
                }
            }
            State::HalfOpen { .. } | State::Open { .. } => self.open(now),
        }
    }

    /// Times it opened.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// Forgets what was: another model stands there now.
    pub(super) fn close(&mut self) {
        (self.state, self.failures, self.late) = (State::Closed, 0, 0);
    }

    #[cold]
    fn open(&mut self, now: MonoNanos) {
        let until = MonoNanos::new(now.nanos().saturating_add(self.options.pause_ns));
        self.state = State::Open { until };
        self.opened += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPTIONS: BreakerOptions =
        BreakerOptions { failures_max: 2, late_max: 3, pause_ns: 100, probes: 2 };

    fn at(ns: u64) -> MonoNanos {
        MonoNanos::new(ns)
    }

    #[test]
    fn failures_in_a_row_open_it_and_probes_close_it() {
        let mut breaker = Breaker::new(OPTIONS);
        for run in [Run::Failed, Run::Good, Run::Failed] {
            breaker.observe(run, at(10));
            assert!(breaker.allows(at(10)));
        }
        breaker.observe(Run::Failed, at(20));
        assert!(!breaker.allows(at(119)));
        assert!(breaker.allows(at(120)), "half open");
        breaker.observe(Run::Good, at(121));
        assert!(breaker.allows(at(122)));
        breaker.observe(Run::Failed, at(123));
        assert!(!breaker.allows(at(222)), "a probe failed");
        for now in [223, 224] {
            assert!(breaker.allows(at(now)));
            breaker.observe(Run::Good, at(now));
        }
        breaker.observe(Run::Failed, at(225));
        assert!(breaker.allows(at(226)), "closed: one failure is borne again");
        assert_eq!(breaker.opened(), 2);
    }

    #[test]
    fn late_answers_open_it_by_their_share() {
        let mut breaker = Breaker::new(OPTIONS);
        for late in 1..=4 {
            for _ in 0..10 {
                breaker.observe(Run::Good, at(1));
            }
            assert!(breaker.allows(at(1)), "{} late were borne", late - 1);
            breaker.observe(Run::Late, at(1));
        }
        assert!(!breaker.allows(at(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whatever happens, two openings are a pause apart at least, and a tier is tried again.
        #[test]
        fn it_never_opens_twice_within_a_pause(
            steps in prop::collection::vec((0u64..60, 0u8..3), 1..200),
        ) {
            let mut breaker = Breaker::new(OPTIONS);
            let (mut now, mut last_opened) = (1_000, None);
            for (passed, run) in steps {
                now += passed;
                let allowed = breaker.allows(at(now));
                prop_assert!(allowed || last_opened.is_some_and(|opened| now < opened + 100));
                if allowed {
                    let before = breaker.opened();
                    let run = [Run::Good, Run::Late, Run::Failed][usize::from(run)];
                    breaker.observe(run, at(now));
                    if breaker.opened() > before {
                        prop_assert!(last_opened.is_none_or(|opened| now >= opened + 100));
                        last_opened = Some(now);
                    }
                }
            }
        }
    }
}
