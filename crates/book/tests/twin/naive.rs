//! A book of a few lines that is obviously right.

use std::collections::BTreeMap;

use tickhawk_book::{Applied, BookCounters, Rescaled};
use tickhawk_market::{BookKind, BookState, Change, Level, Price, Qty, Scale, Side, StaleCause};

pub struct Twin {
    sides: [BTreeMap<i64, i64>; 2],
    pub limit: usize,
    pub state: BookState,
    pub stale_cause: Option<StaleCause>,
    pub epoch: u32,
    pub scale: Scale,
    pub counters: BookCounters,
}

impl Twin {
    pub fn new(limit: usize) -> Self {
        Self {
            sides: [BTreeMap::new(), BTreeMap::new()],
            limit,
            state: BookState::Empty,
            stale_cause: None,
            epoch: 0,
            scale: Scale::default(),
            counters: BookCounters::default(),
        }
    }

    pub fn apply(&mut self, kind: BookKind, depth: Option<u32>, changes: &[Change]) -> Applied {
        if kind == BookKind::Snapshot {
            self.sides.iter_mut().for_each(BTreeMap::clear);
            self.counters.snapshots_applied += 1;
        } else if self.counters.snapshots_applied == 0 {
            self.counters.ignored_diffs += 1;
            return Applied::Ignored;
        }
        let mut fits = true;
        for change in changes {
            self.set(change);
            fits &= self.cut(self.limit);
        }
        if let Some(depth) = depth {
            self.cut(depth as usize);
        }
        self.counters.applied_book_messages += 1;
        if self.bid_minus_ask().is_some_and(|gap| gap > 0) {
            self.counters.crossed_after_apply += 1;
        }
        self.conclude(kind, fits)
    }

    fn conclude(&mut self, kind: BookKind, fits: bool) -> Applied {
        let snapshot = kind == BookKind::Snapshot;
        if !fits && (snapshot || self.state != BookState::Stale) {
            self.state = BookState::Stale;
            self.stale_cause = Some(StaleCause::TooManyLevels);
            return Applied::WentStale(StaleCause::TooManyLevels);
        }
        if snapshot {
            self.state = BookState::Live;
            self.stale_cause = None;
            self.epoch += 1;
            return Applied::NewEpoch;
        }
        if self.state == BookState::Live { Applied::Changed } else { Applied::ChangedNotLive }
    }

    pub fn mark_syncing(&mut self) {
        (self.state, self.stale_cause) = (BookState::Syncing, None);
    }

    pub fn mark_stale(&mut self, cause: StaleCause) -> bool {
        if self.state == BookState::Stale {
            return false;
        }
        (self.state, self.stale_cause) = (BookState::Stale, Some(cause));
        true
    }

    pub fn set_scale(&mut self, scale: Scale) -> Rescaled {
        let old = std::mem::replace(&mut self.scale, scale);
        if scale == old {
            return Rescaled::Unchanged;
        }
        if scale.price_decimals < old.price_decimals || scale.qty_decimals < old.qty_decimals {
            self.scale = old;
            return Rescaled::Refused;
        }
        let price_factor = 10i128.pow(u32::from(scale.price_decimals - old.price_decimals));
        let qty_factor = 10i128.pow(u32::from(scale.qty_decimals - old.qty_decimals));
        let grown = |units: i64, factor: i128| i64::try_from(i128::from(units) * factor).ok();
        let mut fits = true;
        for side in &mut self.sides {
            let levels = std::mem::take(side);
            for (price, qty) in levels {
                match (grown(price, price_factor), grown(qty, qty_factor)) {
                    (Some(price), Some(qty)) => _ = side.insert(price, qty),
                    _ => fits = false,
                }
            }
        }
        if fits {
            return Rescaled::Grown;
        }
        self.sides.iter_mut().for_each(BTreeMap::clear);
        self.mark_stale(StaleCause::Overflow);
        Rescaled::Overflowed
    }

    pub fn levels(&self, side: Side) -> Vec<Level> {
        let level = |(&price, &qty)| Level { price: Price::new(price), qty: Qty::new(qty) };
        let ascending = self.sides[side as usize].iter().map(level);
        if side == Side::Bid { ascending.rev().collect() } else { ascending.collect() }
    }

    pub fn all_levels(&self) -> Vec<Change> {
        let side = |side| {
            let levels = self.levels(side).into_iter();
            levels.map(move |Level { price, qty }| Change { side, price, qty })
        };
        side(Side::Bid).chain(side(Side::Ask)).collect()
    }

    pub fn qty_at(&self, side: Side, price: Price) -> Option<Qty> {
        self.sides[side as usize].get(&price.units()).map(|&qty| Qty::new(qty))
    }

    pub fn bid_minus_ask(&self) -> Option<i128> {
        let [bids, asks] = &self.sides;
        Some(i128::from(*bids.keys().next_back()?) - i128::from(*asks.keys().next()?))
    }

    fn set(&mut self, change: &Change) {
        let side = &mut self.sides[change.side as usize];
        match (change.price.units(), change.qty.units()) {
            (price, 0) => _ = side.remove(&price),
            (price, qty) => _ = side.insert(price, qty),
        }
    }

    /// Drops the worst of each side down to `depth` levels; whether there was nothing to drop.
    fn cut(&mut self, depth: usize) -> bool {
        let [bids, asks] = &mut self.sides;
        let fits = bids.len() <= depth && asks.len() <= depth;
        while bids.len() > depth {
            bids.pop_first();
        }
        while asks.len() > depth {
            asks.pop_last();
        }
        fits
    }
}
