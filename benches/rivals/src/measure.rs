//! What the harness measures: subjects, made of closures.

use std::ops::Range;
use tickhawk_harness::{Beside, Estimate, Subject};

/// A subject made of a state, how it begins and how it takes an item.
pub struct Player<S, N, T> {
    state: Option<S>,
    new: N,
    take: T,
}

impl<S, N: Fn() -> S, T: Fn(&mut S, usize)> Player<S, N, T> {
    /// Not yet begun.
    pub fn new(new: N, take: T) -> Self {
        Self { state: None, new, take }
    }
}

impl<S, N: Fn() -> S, T: Fn(&mut S, usize)> Subject for Player<S, N, T> {
    fn restart(&mut self) {
        self.state = Some((self.new)());
    }

    fn take(&mut self, items: Range<usize>) {
        let state = self.state.as_mut().expect("it has begun");
        items.for_each(|item| (self.take)(state, item));
        std::hint::black_box(state);
    }
}

/// Pairs that were not measured by a course: whole passes, hops.
pub fn in_pairs(first_ns: Vec<f64>, second_ns: Vec<f64>) -> Beside {
    Beside { first_ns, second_ns, dropped: 0, is_disturbed: false }
}

/// The median of what is never empty here.
pub fn median(values: &[f64]) -> f64 {
    tickhawk_harness::median(values).expect("something was measured")
}

/// The median with its interval, of what is never empty here.
pub fn estimate(values: &[f64]) -> Estimate {
    Estimate::of(values).expect("something was measured")
}
