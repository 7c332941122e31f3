//! The book a receiver has who missed nothing.

use crate::market::Market;
use std::collections::{BTreeMap, BTreeSet};
use tickhawk_market::Side;

/// A level and its whole quantity, in ticks and lots; zero lots delete it.
pub(crate) type TickLots = (i64, i64);

/// What one message says of one book, each side by rising price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) bids: Vec<TickLots>,
    pub(crate) asks: Vec<TickLots>,
}

impl Cut {
    pub(crate) fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }
}

/// The receiver's book as of the last message about it, and what has changed since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    touched: BTreeSet<(Side, i64)>,
    /// Whether the receiver has the book at all.
    pub(crate) live: bool,
}

impl Published {
    pub(crate) fn side(&self, side: Side) -> &BTreeMap<i64, i64> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i64, i64> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    /// Best price first.
    pub(crate) fn best_first(&self, side: Side) -> Box<dyn Iterator<Item = TickLots> + '_> {
        let levels = self.side(side).iter().map(|(&ticks, &lots)| (ticks, lots));
        match side {
            Side::Bid => Box::new(levels.rev()),
            Side::Ask => Box::new(levels),
        }
    }

    pub(crate) fn touch(&mut self, touched: &[(Side, i64)]) {
        self.touched.extend(touched);
    }

    pub(crate) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    pub(crate) fn forget_touched(&mut self) {
        self.touched.clear();
    }

    /// Replaces the book by the best `depth` levels a side of the true one.
    pub(crate) fn load(&mut self, market: &Market, symbol: usize, depth: usize) {
        for side in [Side::Bid, Side::Ask] {
            let rungs = market.ladder(symbol, side).best_first().take(depth);
            *self.side_mut(side) = rungs.map(|rung| (rung.ticks, rung.lots)).collect();
        }
    }

    /// Every level touched since the last cut, as it is now.
    pub(crate) fn cut_touched(&mut self, market: &Market, symbol: usize) -> Cut {
        let mut cut = Cut::default();
        for (side, ticks) in std::mem::take(&mut self.touched) {
            let lots = market.ladder(symbol, side).lots_at(ticks);
            match side {
                Side::Bid => cut.bids.push((ticks, lots)),
                Side::Ask => cut.asks.push((ticks, lots)),
            }
        }
        cut
    }

    pub(crate) fn apply(&mut self, cut: &Cut) {
        for (side, levels) in [(Side::Bid, &cut.bids), (Side::Ask, &cut.asks)] {
            for &(ticks, lots) in levels {
                if lots == 0 {
                    self.side_mut(side).remove(&ticks);
                } else {
                    self.side_mut(side).insert(ticks, lots);
                }
            }
        }
    }

    /// The difference between the book and the best `depth` levels a side of the true one, which it
    /// then is. Levels pushed out of the window, but still in the true book, are deleted where the
    /// venue does so, and left to the receiver to drop where it does not.
    pub(crate) fn cut_window(
        &mut self,
        market: &Market,
        symbol: usize,
        depth: usize,
        deletes_pushed_out: bool,
    ) -> Cut {
        let before = std::mem::take(self);
        self.live = before.live;
        self.load(market, symbol, depth);
        let mut cut = Cut::default();
        for (side, levels) in [(Side::Bid, &mut cut.bids), (Side::Ask, &mut cut.asks)] {
            let (old, new) = (before.side(side), self.side(side));
            for &ticks in old.keys().filter(|ticks| !new.contains_key(ticks)) {
                if deletes_pushed_out || market.ladder(symbol, side).lots_at(ticks) == 0 {
                    levels.push((ticks, 0));
                }
            }
            for (&ticks, &lots) in new {
                if old.get(&ticks) != Some(&lots) {
                    levels.push((ticks, lots));
                }
            }
            levels.sort_unstable();
        }
        cut
    }
}
