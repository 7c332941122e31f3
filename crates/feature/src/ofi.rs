//! Order flow imbalance (Cont, Kukanov, Stoikov 2014), one level or several summed.

use crate::book::Top;
use crate::measure::Growth;
use crate::rolling::Rolling;
use crate::window::{Now, Window};
use tickhawk_market::Level;

/// Which levels a flow is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowLevels {
    /// One level, counted from 1.
    One(usize),
    /// Levels 1 to this one.
    UpTo(usize),
}

/// What one book message changed at every level, in quantity units.
#[derive(Clone, Debug)]
pub(crate) struct Flows {
    /// By level, the best one first.
    at: Vec<i128>,
    /// Levels read by any series.
    depth: usize,
}

impl Flows {
    /// Flows of the levels that these series read.
    pub(crate) fn new<'a>(series: impl Iterator<Item = &'a FlowLevels>) -> Self {
        let deepest = series.map(|levels| match levels {
            FlowLevels::One(level) | FlowLevels::UpTo(level) => *level,
        });
        let depth = deepest.max().unwrap_or(0);
        Self { at: Vec::with_capacity(depth), depth }
    }

    /// Takes the change from the message before, `old`, to this one.
    #[inline]
    pub(crate) fn set(&mut self, old: &Top, bids: &[Level], asks: &[Level]) {
        self.at.clear();
        self.at.extend((0..self.depth).map(|index| {
            bid_flow(old.bids().get(index), bids.get(index))
                - ask_flow(old.asks().get(index), asks.get(index))
        }));
    }

    #[inline]
    fn of(&self, levels: FlowLevels) -> i128 {
        match levels {
            FlowLevels::One(level) => self.at[level - 1],
            FlowLevels::UpTo(levels) => self.at[..levels].iter().sum(),
        }
    }
}

/// A series of flow contributions, one a book message.
#[derive(Clone, Debug)]
pub(crate) struct Ofi {
    levels: FlowLevels,
    rolling: Rolling<i128>,
}

impl Ofi {
    pub(crate) fn new(levels: FlowLevels, windows: &[Window], capacity: usize) -> Self {
        Self { levels, rolling: Rolling::new(windows, capacity) }
    }

    /// Takes the flows of message number `now.index` after the epoch's first.
    #[inline]
    pub(crate) fn on_book(&mut self, now: Now, flows: &Flows) {
        self.rolling.expire(now);
        self.rolling.push(now.at, now.index, flows.of(self.levels));
    }

    #[inline]
    pub(crate) fn expire(&mut self, now: Now) {
        self.rolling.expire(now);
    }

    pub(crate) fn touch(&self) {
        self.rolling.touch();
    }

    /// The summed flow in quantity units.
    pub(crate) fn units(&self, window: usize) -> i128 {
        self.rolling.sum(window)
    }

    pub(crate) fn window(&self, window: usize) -> Window {
        self.rolling.window(window)
    }

    pub(crate) fn count(&self, window: usize) -> u64 {
        self.rolling.count(window)
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.rolling.overflows()
    }

    pub(crate) fn clear(&mut self) {
        self.rolling.clear();
    }

    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, growth: Growth) -> bool {
        // Flows are at most 2^64 a level in magnitude; beyond 2^100 running sums could not fit.
        let qty = i128::from(growth.qty);
        self.rolling.rescale(|flow| flow.checked_mul(qty).filter(|grown| grown.abs() < 1 << 100))
    }
}

/// 1{b >= b'} qb - 1{b <= b'} qb'. A missing level is an infinitely low bid of no quantity.
#[inline]
fn bid_flow(old: Option<&Level>, new: Option<&Level>) -> i128 {
    match (old, new) {
        (None, None) => 0,
        (None, Some(new)) => qty(new),
        (Some(old), None) => -qty(old),
        (Some(old), Some(new)) => {
            (if new.price >= old.price { qty(new) } else { 0 })
                - (if new.price <= old.price { qty(old) } else { 0 })
        }
    }
}

/// 1{a <= a'} qa - 1{a >= a'} qa'. A missing level is an infinitely high ask of no quantity.
#[inline]
fn ask_flow(old: Option<&Level>, new: Option<&Level>) -> i128 {
    match (old, new) {
        (None, None) => 0,
        (None, Some(new)) => qty(new),
        (Some(old), None) => -qty(old),
        (Some(old), Some(new)) => {
            (if new.price <= old.price { qty(new) } else { 0 })
                - (if new.price >= old.price { qty(old) } else { 0 })
        }
    }
}

#[inline]
fn qty(level: &Level) -> i128 {
    i128::from(level.qty.units())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickhawk_market::{Price, Qty};

    fn level(price: i64, qty: i64) -> Level {
        Level { price: Price::new(price), qty: Qty::new(qty) }
    }

    #[track_caller]
    fn check(old: Option<Level>, new: Option<Level>, bid: i128, ask: i128) {
        assert_eq!((bid_flow(old.as_ref(), new.as_ref())), bid);
        assert_eq!((ask_flow(old.as_ref(), new.as_ref())), ask);
    }

    #[test]
    fn contributions_by_case() {
        check(Some(level(100, 5)), Some(level(100, 8)), 3, 3);
        check(Some(level(100, 5)), Some(level(101, 2)), 2, -5);
        check(Some(level(100, 5)), Some(level(99, 9)), -5, 9);
        check(None, Some(level(99, 9)), 9, 9);
        check(Some(level(100, 5)), None, -5, -5);
        check(None, None, 0, 0);
    }
}
