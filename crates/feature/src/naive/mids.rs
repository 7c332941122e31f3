//! Definitions on the mid as it moved.

use super::NaiveState;
use crate::kyle::{INTERVAL_NANOS, MIN_INTERVALS, PAIR_BITS};
use crate::pairs::Pair;
use crate::volatility::{GRID_NANOS, RETURN_MAX};
use crate::window::Window;
use tickhawk_market::Side;

/// A mid that differs from the one before: when, after how many messages, bid plus ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct MidChange {
    pub(super) at: u64,
    pub(super) update: usize,
    pub(super) doubled_mid: i128,
}

impl NaiveState {
    fn mid_now(&self) -> Option<i128> {
        super::book::doubled_mid(self.books.last()?)
    }

    /// The mid in force just before a time.
    fn mid_before(&self, at: u64) -> Option<i128> {
        let later = self.mids.partition_point(|change| change.at < at);
        Some(self.mids[later.checked_sub(1)?].doubled_mid)
    }

    pub(super) fn mid_return(&self, window: Window) -> Option<f64> {
        let held = &self.mids[self.mids.len().saturating_sub(self.options.window_capacity)..];
        let past = held.iter().rev().find(|change| match window {
            Window::Time { nanos } => change.at + nanos <= self.at,
            Window::Updates { count } | Window::Trades { count } => {
                change.update + count as usize <= self.books.len()
            }
        });
        log_return(past?.doubled_mid, self.mid_now()?)
    }

    pub(super) fn realised_vol(&self, window: Window) -> Option<f64> {
        let newest = self.at / GRID_NANOS;
        let oldest = newest.checked_sub(window.nanos() / GRID_NANOS)?;
        let mut sum = 0.0;
        for point in oldest + 1..=newest {
            let old = self.mid_before((point - 1) * GRID_NANOS)?;
            let moved = log_return(old, self.mid_before(point * GRID_NANOS)?)?;
            sum += moved.clamp(-RETURN_MAX, RETURN_MAX).powi(2);
        }
        Some(sum.sqrt())
    }

    #[expect(clippy::disallowed_methods, reason = "the reference uses another exp on purpose")]
    pub(super) fn ema_mid_offset_ticks(&self, tau_nanos: u64) -> Option<f64> {
        self.mid_now()?;
        if self.mids.first()?.at + tau_nanos > self.at {
            return None;
        }
        let mut offset = 0.0;
        for pair in self.mids.windows(2).rev() {
            let ages = (self.at - pair[1].at) as f64 / tau_nanos as f64;
            if ages > 60.0 {
                break;
            }
            offset += (pair[1].doubled_mid - pair[0].doubled_mid) as f64 * (-ages).exp();
        }
        Some(offset / (2 * i128::from(self.tick?)) as f64)
    }

    pub(super) fn kyle_lambda(&self, window: Window) -> Option<f64> {
        let newest = self.at / INTERVAL_NANOS;
        let since = self.pairs_since? / INTERVAL_NANOS + 1;
        let oldest = newest.saturating_sub(window.nanos() / INTERVAL_NANOS).max(since);
        let mut pairs = Vec::new();
        for end in (oldest + 1..=newest).rev() {
            let volume = self.signed_volume((end - 1) * INTERVAL_NANOS, end * INTERVAL_NANOS);
            let old = self.mid_before((end - 1) * INTERVAL_NANOS)?;
            let moved = self.mid_before(end * INTERVAL_NANOS)? - old;
            match Pair::within(volume, moved, PAIR_BITS) {
                Some(_) => pairs.push((volume, moved)),
                None => break,
            }
        }
        let n = pairs.len() as i128;
        if n < i128::from(MIN_INTERVALS) {
            return None;
        }
        let sum = |part: fn(&(i128, i128)) -> i128| pairs.iter().map(part).sum::<i128>();
        let (x, y) = (sum(|pair| pair.0), sum(|pair| pair.1));
        let (xx, xy) = (sum(|pair| pair.0 * pair.0), sum(|pair| pair.0 * pair.1));
        let (covariance, variance) = (n * xy - x * y, n * xx - x * x);
        let base_unit = 10f64.powi(i32::from(self.scale.qty_decimals));
        let doubled_tick = (2 * i128::from(self.tick?)) as f64;
        (variance > 0).then(|| covariance as f64 / variance as f64 * base_unit / doubled_tick)
    }

    /// Quantity units bought minus sold in `[from, until)`.
    fn signed_volume(&self, from: u64, until: u64) -> i128 {
        let first = self.trades.partition_point(|(at, _)| *at < from);
        let inside = self.trades[first..].iter().take_while(|(at, _)| *at < until);
        let signed = inside.map(|(_, trade)| match trade.taker {
            Side::Bid => i128::from(trade.qty.units()),
            Side::Ask => -i128::from(trade.qty.units()),
        });
        signed.sum()
    }
}

#[expect(clippy::disallowed_methods, reason = "the reference uses another logarithm on purpose")]
fn log_return(old: i128, new: i128) -> Option<f64> {
    (old > 0 && new > 0).then(|| ((new - old) as f64 / old as f64).ln_1p())
}
