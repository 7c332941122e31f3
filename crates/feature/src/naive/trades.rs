//! Definitions on trades.

use super::NaiveState;
use crate::roll::{CHANGE_BITS, MIN_PAIRS};
use crate::window::Window;
use tickhawk_market::{Side, Trade};

impl NaiveState {
    /// Where the window's trades begin.
    fn first_trade(&self, window: Window) -> usize {
        match window {
            Window::Time { nanos } => self.trades.partition_point(|(at, _)| at + nanos <= self.at),
            Window::Updates { count } | Window::Trades { count } => {
                self.trades.len().saturating_sub(count as usize)
            }
        }
    }

    fn recent_trades(&self, window: Window) -> &[(u64, Trade)] {
        let most = self.trades.len().saturating_sub(self.options.window_capacity);
        &self.trades[self.first_trade(window).max(most)..]
    }

    fn trades_are_whole(&self, window: Window) -> bool {
        match window {
            Window::Time { nanos } => {
                self.trades.first().is_some_and(|(at, _)| at + nanos <= self.at)
            }
            Window::Updates { count } | Window::Trades { count } => {
                self.trades.len() >= count as usize
            }
        }
    }

    /// Quantity units bought and sold.
    fn volumes(&self, window: Window) -> (i128, i128) {
        let taken = |side: Side| {
            let trades = self.recent_trades(window).iter().filter(|(_, t)| t.taker == side);
            trades.map(|(_, trade)| i128::from(trade.qty.units())).sum()
        };
        (taken(Side::Bid), taken(Side::Ask))
    }

    pub(super) fn trade_imbalance(&self, window: Window) -> Option<f64> {
        let (bought, sold) = self.volumes(window);
        let enough = matches!(window, Window::Time { .. }) || self.trades_are_whole(window);
        (enough && bought + sold > 0).then(|| (bought - sold) as f64 / (bought + sold) as f64)
    }

    pub(super) fn trade_count(&self, window: Window) -> Option<f64> {
        self.trades_are_whole(window).then(|| self.recent_trades(window).len() as f64)
    }

    pub(super) fn trade_volume(&self, window: Window) -> Option<f64> {
        let (bought, sold) = self.volumes(window);
        let base_unit = 10f64.powi(i32::from(self.scale.qty_decimals));
        self.trades_are_whole(window).then(|| (bought + sold) as f64 / base_unit)
    }

    pub(super) fn roll_spread(&self, window: Window) -> Option<f64> {
        let prices: Vec<i128> = self.trades[self.first_trade(window)..]
            .iter()
            .map(|(_, trade)| i128::from(trade.price.units()))
            .collect();
        let limit = 1i128 << CHANGE_BITS;
        let pairs: Vec<(i128, i128)> = prices
            .windows(3)
            .map(|three| (three[1] - three[0], three[2] - three[1]))
            .filter(|(earlier, later)| earlier.abs() < limit && later.abs() < limit)
            .collect();
        let pairs = &pairs[pairs.len().saturating_sub(self.options.window_capacity)..];
        let n = pairs.len() as i128;
        if n < i128::from(MIN_PAIRS) {
            return None;
        }
        let products: i128 = pairs.iter().map(|(earlier, later)| earlier * later).sum();
        let earlier: i128 = pairs.iter().map(|(earlier, _)| earlier).sum();
        let later: i128 = pairs.iter().map(|(_, later)| later).sum();
        let covariance = n * products - earlier * later;
        let quote_unit = 10f64.powi(i32::from(self.scale.price_decimals));
        let spread = || 2.0 * (-covariance as f64).sqrt() / n as f64 / quote_unit;
        (covariance < 0).then(spread)
    }

    /// Every trade poured into buckets anew.
    pub(super) fn vpin(&self) -> Option<f64> {
        let options = self.options.vpin?;
        let decimals = self.scale.qty_decimals.max(options.bucket.decimals);
        let finer = |from: u8| 10i128.pow(u32::from(decimals - from));
        let bucket = i128::from(options.bucket.mantissa) * finer(options.bucket.decimals);
        let (mut level, mut signed, mut imbalances) = (0, 0, Vec::new());
        for (_, trade) in &self.trades {
            let mut rest = i128::from(trade.qty.units()) * finer(self.scale.qty_decimals);
            while rest > 0 {
                let poured = rest.min(bucket - level);
                level += poured;
                signed += if trade.taker == Side::Bid { poured } else { -poured };
                rest -= poured;
                if level == bucket {
                    imbalances.push(i128::abs(signed));
                    (level, signed) = (0, 0);
                }
            }
        }
        let n = options.buckets as usize;
        let newest = &imbalances[imbalances.len().checked_sub(n)?..];
        let sum: i128 = newest.iter().sum();
        Some(sum as f64 / (n as f64 * bucket as f64))
    }
}
