//! Realised volatility on a grid of time.
//!
//! Grid points are the multiples of [`GRID_NANOS`] since the Unix epoch. The mid sampled at a point
//! is the one in force as that nanosecond arrives. Only returns other than zero are kept, so a gap
//! of any length costs one step.

use crate::measure::float;
use crate::mid::log_return;
use crate::rolling::Rolling;
use crate::window::{Now, Window};

/// The step of the grid: 100 ms.
pub(crate) const GRID_NANOS: u64 = 100_000_000;

/// 2^100: squared returns are summed as multiples of 2^-100. The square of a return of 1e-8 keeps
/// 47 bits.
const QUANTA: f64 = (1u128 << 100) as f64;

/// The largest return, so that sums of squares fit: a price e^32 times as high.
pub(crate) const RETURN_MAX: f64 = 32.0;

/// The squared returns of every realised-volatility window.
#[derive(Clone, Debug)]
pub(crate) struct Volatility {
    squares: Rolling<i128>,
    /// The mid in force now.
    doubled_mid: Option<i64>,
    /// The mid at the newest sampled grid point.
    sampled: i64,
    /// The first grid point of the unbroken run of positive mids that lasts until now.
    since: Option<u64>,
    /// The next grid point to sample.
    next: u64,
}

impl Volatility {
    pub(crate) fn new(windows: &[Window]) -> Self {
        Self {
            squares: Rolling::on_grid(windows, GRID_NANOS),
            doubled_mid: None,
            sampled: 0,
            since: None,
            next: 0,
        }
    }

    /// Samples every grid point up to `at`.
    #[inline]
    pub(crate) fn advance(&mut self, at: u64) {
        let newest = at / GRID_NANOS;
        if newest < self.next {
            return;
        }
        if let Some(doubled_mid) = self.doubled_mid {
            self.sample(doubled_mid);
        }
        self.next = newest + 1;
        self.squares.expire(Now { at: newest * GRID_NANOS, index: 0 });
    }

    fn sample(&mut self, doubled_mid: i64) {
        if doubled_mid <= 0 {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(self.next);
        } else if let Some(square) = square_quanta(self.sampled, doubled_mid) {
            let at = self.next * GRID_NANOS;
            self.squares.expire(Now { at, index: 0 });
            self.squares.push(at, 0, square);
        }
        self.sampled = doubled_mid;
    }

    /// Takes a mid that differs from the one before.
    #[inline]
    pub(crate) fn on_mid(&mut self, at: u64, doubled_mid: i64) {
        self.advance(at);
        self.doubled_mid = Some(doubled_mid);
    }

    /// Call [`advance`](Self::advance) first.
    pub(crate) fn value(&self, window: usize, at: u64) -> Option<f64> {
        let steps = self.squares.window(window).nanos() / GRID_NANOS;
        let first = (at / GRID_NANOS).checked_sub(steps)?;
        let known = self.since? <= first;
        known.then(|| (float(self.squares.sum(window)) / QUANTA).sqrt())
    }

    pub(crate) fn clear(&mut self) {
        self.squares.clear();
        (self.doubled_mid, self.since) = (None, None);
    }

    /// What does not fit is 0, of which no return is made.
    #[cold]
    pub(crate) fn rescale(&mut self, price: i64) {
        self.doubled_mid = self.doubled_mid.map(|mid| mid.checked_mul(price).unwrap_or(0));
        self.sampled = self.sampled.checked_mul(price).unwrap_or(0);
    }
}

/// The square of the log return in quanta; `None` if it is nothing.
fn square_quanta(old: i64, new: i64) -> Option<i128> {
    let log_return = log_return(old, new)?.clamp(-RETURN_MAX, RETURN_MAX);
    (log_return != 0.0).then_some((log_return * log_return * QUANTA) as i128)
}
