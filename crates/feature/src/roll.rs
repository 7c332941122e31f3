//! Roll's spread (1984): 2 sqrt(-cov) of successive changes of the trade price.

use crate::measure::float;
use crate::pairs::Pair;
use crate::rolling::Rolling;
use crate::window::{Now, Window};

/// Pairs of successive changes an estimate needs.
pub(crate) const MIN_PAIRS: u64 = 10;

/// Price changes stay below 2^42 units (43,980 at 8 decimals), so that sums over 2^20 pairs times
/// their count fit an `i128`. A pair with a larger change is left out.
pub(crate) const CHANGE_BITS: u32 = 42;

/// One trade: when, which, at what price.
#[derive(Clone, Copy, Debug)]
struct Print {
    at: u64,
    index: u64,
    price: i64,
}

/// Pairs of successive changes; each takes three trades and is as old as the oldest of them.
#[derive(Clone, Debug)]
pub(crate) struct Roll {
    pairs: Rolling<Pair>,
    last: [Option<Print>; 2],
}

impl Roll {
    pub(crate) fn new(windows: &[Window], capacity: usize) -> Self {
        Self { pairs: Rolling::new(windows, capacity), last: [None; 2] }
    }

    #[inline]
    pub(crate) fn on_trade(&mut self, now: Now, price: i64) {
        self.pairs.expire(now);
        if let [Some(oldest), Some(middle)] = self.last {
            let earlier = i128::from(middle.price) - i128::from(oldest.price);
            let later = i128::from(price) - i128::from(middle.price);
            if let Some(pair) = Pair::within(earlier, later, CHANGE_BITS) {
                self.pairs.push(oldest.at, oldest.index, pair);
                // The oldest of the three trades may have left a window already.
                self.pairs.expire(now);
            }
        }
        self.last = [self.last[1], Some(Print { at: now.at, index: now.index, price })];
    }

    #[inline]
    pub(crate) fn expire(&mut self, now: Now) {
        self.pairs.expire(now);
    }

    pub(crate) fn touch(&self) {
        self.pairs.touch();
    }

    /// The estimate in price units; `None` for few pairs or a covariance that is not negative.
    pub(crate) fn spread(&self, window: usize) -> Option<f64> {
        let count = self.pairs.count(window);
        if count < MIN_PAIRS {
            return None;
        }
        let covariance = self.pairs.sum(window).scaled_covariance(count);
        (covariance < 0).then(|| 2.0 * float(-covariance).sqrt() / count as f64)
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.pairs.overflows()
    }

    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        self.last = [None; 2];
    }

    /// A window with a change that outgrows [`CHANGE_BITS`] begins anew.
    #[cold]
    pub(crate) fn rescale(&mut self, price: i64) {
        let factor = i128::from(price);
        let grow = |pair: Pair| {
            Pair::within(i128::from(pair.x) * factor, i128::from(pair.y) * factor, CHANGE_BITS)
        };
        let prints_fit = self.last.iter_mut().flatten().all(|print| {
            let grown = print.price.checked_mul(price);
            print.price = grown.unwrap_or(print.price);
            grown.is_some()
        });
        if !prints_fit || !self.pairs.rescale(grow) {
            self.clear();
        }
    }
}
