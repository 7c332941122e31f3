//! Kyle's lambda: how far the mid moves with signed volume.
//!
//! Time is cut into intervals of one second, [k - 1, k) seconds since the Unix epoch. An interval's
//! x is the volume bought minus sold in it, its y the change of the mid over it. Quiet intervals
//! are observations too, (0, 0), and cost nothing: only their number enters.

use crate::measure::Growth;
use crate::pairs::Pair;
use crate::rolling::Rolling;
use crate::window::{Now, Window};

/// The length of an interval: 1 s.
pub(crate) const INTERVAL_NANOS: u64 = 1_000_000_000;

/// Intervals a slope needs.
pub(crate) const MIN_INTERVALS: u64 = 10;

/// Members of a pair stay below 2^46, so that sums over 2^17 intervals (36 hours, and a window is
/// at most a day) times their count fit an `i128`. An interval beyond it begins the window anew.
pub(crate) const PAIR_BITS: u32 = 46;

/// The intervals of every lambda window.
#[derive(Clone, Debug)]
pub(crate) struct Kyle {
    pairs: Rolling<Pair>,
    doubled_mid: Option<i64>,
    /// The mid at the newest interval boundary.
    sampled: i64,
    /// Volume bought minus sold since then.
    signed_volume: i128,
    /// The boundary at which the first interval of the window begins.
    since: Option<u64>,
    /// The next boundary.
    next: u64,
    /// By window, as of the newest boundary: only there it changes.
    slopes: Vec<Option<f64>>,
}

impl Kyle {
    pub(crate) fn new(windows: &[Window]) -> Self {
        Self {
            pairs: Rolling::on_grid(windows, INTERVAL_NANOS),
            doubled_mid: None,
            sampled: 0,
            signed_volume: 0,
            since: None,
            next: 0,
            slopes: vec![None; windows.len()],
        }
    }

    /// Closes every interval that ends by `at`.
    #[inline]
    pub(crate) fn advance(&mut self, at: u64) {
        let newest = at / INTERVAL_NANOS;
        if newest < self.next {
            return;
        }
        if let Some(doubled_mid) = self.doubled_mid {
            self.close(doubled_mid);
        }
        self.next = newest + 1;
        self.pairs.expire(Now { at: newest * INTERVAL_NANOS, index: 0 });
        self.fit();
    }

    /// Fits a slope to every window as of the newest boundary.
    fn fit(&mut self) {
        let newest = self.next.checked_sub(1);
        let closed = self.since.and_then(|since| newest?.checked_sub(since));
        for (window, slope) in self.slopes.iter_mut().enumerate() {
            let longest = self.pairs.window(window).nanos() / INTERVAL_NANOS;
            let intervals = closed.map_or(0, |closed| closed.min(longest));
            let is_enough = intervals >= MIN_INTERVALS;
            *slope = is_enough.then(|| self.pairs.sum(window).slope(intervals)).flatten();
        }
    }

    fn close(&mut self, doubled_mid: i64) {
        let moved = i128::from(doubled_mid) - i128::from(self.sampled);
        match Pair::within(self.signed_volume, moved, PAIR_BITS) {
            Some(pair) if self.since.is_some() => {
                if (pair.x, pair.y) != (0, 0) {
                    let at = self.next * INTERVAL_NANOS;
                    self.pairs.expire(Now { at, index: 0 });
                    self.pairs.push(at, 0, pair);
                }
            }
            _ => {
                self.pairs.clear();
                self.since = Some(self.next);
            }
        }
        self.sampled = doubled_mid;
        self.signed_volume = 0;
    }

    /// Takes a mid that differs from the one before.
    #[inline]
    pub(crate) fn on_mid(&mut self, at: u64, doubled_mid: i64) {
        self.advance(at);
        self.doubled_mid = Some(doubled_mid);
    }

    /// Takes a trade: its quantity, negative if the taker sold.
    #[inline]
    pub(crate) fn on_trade(&mut self, at: u64, signed_qty: i64) {
        self.advance(at);
        self.signed_volume += i128::from(signed_qty);
    }

    /// Doubled price units per quantity unit. Call [`advance`](Self::advance) first.
    #[inline]
    pub(crate) fn slope(&self, window: usize) -> Option<f64> {
        self.slopes[window]
    }

    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        self.slopes.fill(None);
        self.signed_volume = 0;
        (self.doubled_mid, self.since) = (None, None);
    }

    /// Begins every window anew at the next boundary: trades may have been missed until `at`.
    #[cold]
    pub(crate) fn restart_trades(&mut self, at: u64) {
        self.advance(at);
        let doubled_mid = self.doubled_mid;
        self.clear();
        self.doubled_mid = doubled_mid;
    }

    /// A window with an interval that outgrows [`PAIR_BITS`] begins anew, as all do if a mid does not
    /// fit.
    #[cold]
    pub(crate) fn rescale(&mut self, growth: Growth) {
        let (price, qty) = (i128::from(growth.price), i128::from(growth.qty));
        let grow = |pair: Pair| {
            Pair::within(i128::from(pair.x) * qty, i128::from(pair.y) * price, PAIR_BITS)
        };
        let grown = |mid: i64| mid.checked_mul(growth.price);
        self.doubled_mid = self.doubled_mid.and_then(grown);
        match grown(self.sampled) {
            Some(sampled) if self.pairs.rescale(grow) => {
                self.sampled = sampled;
                self.signed_volume = self.signed_volume.saturating_mul(qty);
                self.fit();
            }
            _ => {
                let doubled_mid = self.doubled_mid;
                self.clear();
                self.doubled_mid = doubled_mid;
            }
        }
    }
}
