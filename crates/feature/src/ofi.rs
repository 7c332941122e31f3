//! Order flow imbalance (Cont, Kukanov, Stoikov 2014), one level or several summed.

use crate::book::Top;
use tickhawk_market::{Level, Price, Qty};

/// Which levels a flow is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowLevels {
    /// One level, counted from 1.
    One(usize),
    /// Levels 1 to this one.
    UpTo(usize),
}

/// What the newest book message changed at every level.
#[derive(Clone, Debug)]
pub(crate) struct Flows {
    levels: Box<[FlowLevel]>,
}

/// One level, the best one first.
#[derive(Clone, Copy, Debug)]
struct FlowLevel {
    bid: Level,
    ask: Level,
    /// In quantity units, from the message before.
    flow: i128,
}

impl Flows {
    /// Flows of the levels that these series read.
    pub(crate) fn new(series: impl Iterator<Item = FlowLevels>) -> Self {
        let deepest = series.map(|levels| match levels {
            FlowLevels::One(level) | FlowLevels::UpTo(level) => level,
        });
        let none = Level { price: Price::new(0), qty: Qty::new(0) };
        let none = FlowLevel { bid: none, ask: none, flow: 0 };
        Self { levels: vec![none; deepest.max().unwrap_or(0)].into() }
    }

    /// Takes a message: the change to it from the one before. The first one's flows are of no worth.
    #[inline]
    pub(crate) fn take(&mut self, top: &Top) {
        for (index, level) in self.levels.iter_mut().enumerate() {
            let (bid, ask) = top.at(index);
            let flow = bid_flow(level.bid, bid) - ask_flow(level.ask, ask);
            *level = FlowLevel { bid, ask, flow };
        }
    }

    /// The flow of one level, or of several together; `None` beyond 2^63 - 1 units.
    #[inline]
    pub(crate) fn of(&self, levels: FlowLevels) -> Option<i64> {
        let units = match levels {
            FlowLevels::One(level) => self.levels[level - 1].flow,
            FlowLevels::UpTo(levels) => self.levels[..levels].iter().map(|level| level.flow).sum(),
        };
        i64::try_from(units).ok().filter(|units| *units != i64::MIN)
    }
}

/// 1{b >= b'} qb - 1{b <= b'} qb'.
#[inline]
fn bid_flow(old: Level, new: Level) -> i128 {
    flow_if(new.price >= old.price, new) - flow_if(new.price <= old.price, old)
}

/// 1{a <= a'} qa - 1{a >= a'} qa'.
#[inline]
fn ask_flow(old: Level, new: Level) -> i128 {
    flow_if(new.price <= old.price, new) - flow_if(new.price >= old.price, old)
}

#[inline]
fn flow_if(counts: bool, level: Level) -> i128 {
    i128::from(if counts { level.qty.units() } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price: i64, qty: i64) -> Level {
        Level { price: Price::new(price), qty: Qty::new(qty) }
    }

    #[track_caller]
    fn check(old: Level, new: Level, bid: i128, ask: i128) {
        assert_eq!((bid_flow(old, new), ask_flow(old, new)), (bid, ask));
    }

    #[test]
    fn contributions_by_case() {
        check(level(100, 5), level(100, 8), 3, 3);
        check(level(100, 5), level(101, 2), 2, -5);
        check(level(100, 5), level(99, 9), -5, 9);
    }

    #[test]
    fn a_level_that_is_not_there_has_the_worst_price() {
        let (no_bid, no_ask) = Top::new(1).at(0);
        for (old, new, flow) in [(no_bid, level(99, 9), 9), (level(100, 5), no_bid, -5)] {
            assert_eq!(bid_flow(old, new), flow);
        }
        for (old, new, flow) in [(no_ask, level(99, 9), 9), (level(100, 5), no_ask, -5)] {
            assert_eq!(ask_flow(old, new), flow);
        }
        assert_eq!((bid_flow(no_bid, no_bid), ask_flow(no_ask, no_ask)), (0, 0));
    }
}
