//! So many attempts in so long, and no more.

use std::collections::VecDeque;

/// A sliding window over the last attempts.
#[derive(Debug)]
pub(crate) struct Budget {
    count: usize,
    window_ns: u64,
    taken: VecDeque<u64>,
}

impl Budget {
    /// At most `count` in `window_ms`.
    pub(crate) fn new((count, window_ms): (u32, u64)) -> Self {
        let count = (count as usize).max(1);
        Self { count, window_ns: window_ms.saturating_mul(1_000_000), taken: VecDeque::new() }
    }

    /// Takes one attempt now, if there is one left.
    pub(crate) fn take(&mut self, now_ns: u64) -> bool {
        let window_ns = self.window_ns;
        let is_old = |at: &u64| now_ns.saturating_sub(*at) >= window_ns;
        while self.taken.front().is_some_and(is_old) {
            self.taken.pop_front();
        }
        let free = self.taken.len() < self.count;
        if free {
            self.taken.push_back(now_ns);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_allowed_in_any_window() {
        let mut budget = Budget::new((3, 1));
        let mut taken = Vec::new();
        for now_ns in (0..5_000_000).step_by(50_000) {
            if budget.take(now_ns) {
                taken.push(now_ns);
            }
        }
        assert_eq!(taken.len(), 15);
        assert!(taken.windows(4).all(|four| four[3] - four[0] >= 1_000_000));
    }
}
