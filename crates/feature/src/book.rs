//! Features of the book as it stands: functions of the best levels and nothing else.

use crate::measure::{Growth, Measure, float};
use tickhawk_market::{Level, Price, Qty};

/// The most levels a side any feature reads.
pub const MAX_DEPTH: usize = 50;

/// A feature of one book, without history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookFeature {
    Obi { levels: usize },
    SpreadTicks,
    WeightedMidOffsetTicks,
    MicropriceOffsetTicks,
    BidDepth { ticks: usize },
    AskDepth { ticks: usize },
    BookSlope { levels: usize },
    BidPriceOffsetTicks { level: usize },
    AskPriceOffsetTicks { level: usize },
    BidQty { level: usize },
    AskQty { level: usize },
}

impl BookFeature {
    /// Levels a side it reads.
    pub(crate) fn depth(self) -> usize {
        match self {
            Self::SpreadTicks | Self::WeightedMidOffsetTicks | Self::MicropriceOffsetTicks => 1,
            // A correct tick leaves room for one level at the best price and one a tick beyond.
            Self::BidDepth { ticks } | Self::AskDepth { ticks } => ticks + 1,
            Self::Obi { levels } | Self::BookSlope { levels } => levels,
            Self::BidPriceOffsetTicks { level }
            | Self::AskPriceOffsetTicks { level }
            | Self::BidQty { level }
            | Self::AskQty { level } => level,
        }
    }

    /// Whether it is unavailable while the tick size is unknown.
    pub(crate) fn needs_tick(self) -> bool {
        !matches!(self, Self::Obi { .. } | Self::BidQty { .. } | Self::AskQty { .. })
    }

    /// Its value, or `None` where the definition has none.
    pub(crate) fn value(self, top: &Top, measure: &Measure) -> Option<f64> {
        match self {
            Self::Obi { levels } => top.imbalance(levels),
            Self::SpreadTicks => {
                let (bid, ask) = top.touch()?;
                Some(float(distance(ask.price, bid.price)) / measure.tick? as f64)
            }
            Self::WeightedMidOffsetTicks => top.weighted_mid_offset_ticks(measure.tick?),
            Self::MicropriceOffsetTicks => {
                let (bid, ask) = top.touch()?;
                measure.microprice.as_ref()?.offset_ticks_of(bid, ask, measure.tick?)
            }
            Self::BookSlope { levels } => top.slope(levels, measure.tick?),
            Self::BidPriceOffsetTicks { level } => top.price_offset(&top.bids, level, measure),
            Self::AskPriceOffsetTicks { level } => top.price_offset(&top.asks, level, measure),
            Self::BidDepth { .. }
            | Self::AskDepth { .. }
            | Self::BidQty { .. }
            | Self::AskQty { .. } => Some(measure.qty(self.qty_units(top, measure)?)),
        }
    }

    /// The exact quantity units of a feature that is a quantity; `None` also if it is not one.
    pub(crate) fn qty_units(self, top: &Top, measure: &Measure) -> Option<i128> {
        match self {
            Self::BidDepth { ticks } => within(&top.bids, ticks, measure.tick?),
            Self::AskDepth { ticks } => within(&top.asks, ticks, measure.tick?),
            Self::BidQty { level } => Some(i128::from(top.bids.get(level - 1)?.qty.units())),
            Self::AskQty { level } => Some(i128::from(top.asks.get(level - 1)?.qty.units())),
            _ => None,
        }
    }

    /// Whether it is a quantity, an exact integer of the instrument's own units.
    pub(crate) fn is_quantity(self) -> bool {
        matches!(
            self,
            Self::BidDepth { .. }
                | Self::AskDepth { .. }
                | Self::BidQty { .. }
                | Self::AskQty { .. }
        )
    }
}

/// The best levels of the newest book message, best first, at most the plan's depth.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
    depth: usize,
}

impl Top {
    pub(crate) fn new(depth: usize) -> Self {
        Self { bids: Vec::with_capacity(depth), asks: Vec::with_capacity(depth), depth }
    }

    /// Takes the new levels, ignoring those beyond the plan's depth.
    #[inline]
    pub(crate) fn set(&mut self, bids: &[Level], asks: &[Level]) {
        self.bids.clear();
        self.bids.extend_from_slice(&bids[..bids.len().min(self.depth)]);
        self.asks.clear();
        self.asks.extend_from_slice(&asks[..asks.len().min(self.depth)]);
    }

    pub(crate) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Multiplies every level up; `false` if one does not fit.
    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, growth: Growth) -> bool {
        for level in self.bids.iter_mut().chain(&mut self.asks) {
            let price = level.price.units().checked_mul(growth.price);
            let qty = level.qty.units().checked_mul(growth.qty);
            let (Some(price), Some(qty)) = (price, qty) else { return false };
            *level = Level { price: Price::new(price), qty: Qty::new(qty) };
        }
        true
    }

    /// Best bid and best ask, if both sides have one.
    #[inline]
    pub(crate) fn touch(&self) -> Option<(Level, Level)> {
        Some((*self.bids.first()?, *self.asks.first()?))
    }

    /// Twice the mid, which is an integer: best bid plus best ask.
    #[inline]
    pub(crate) fn doubled_mid(&self) -> Option<i128> {
        let (bid, ask) = self.touch()?;
        Some(i128::from(bid.price.units()) + i128::from(ask.price.units()))
    }

    fn imbalance(&self, levels: usize) -> Option<f64> {
        self.touch()?;
        let (bid, ask) = (total(&self.bids, levels), total(&self.asks, levels));
        (bid + ask > 0).then(|| float(bid - ask) / float(bid + ask))
    }

    /// (qb a + qa b) / (qb + qa) - (a + b) / 2 = (a - b)(qb - qa) / (2 (qb + qa)).
    fn weighted_mid_offset_ticks(&self, tick: i64) -> Option<f64> {
        let (bid, ask) = self.touch()?;
        let (bid_qty, ask_qty) = (i128::from(bid.qty.units()), i128::from(ask.qty.units()));
        let both = bid_qty + ask_qty;
        let spread = distance(ask.price, bid.price);
        let offset = || float(spread * (bid_qty - ask_qty)) / (float(2 * both) * tick as f64);
        (both > 0).then(offset)
    }

    fn slope(&self, levels: usize, tick: i64) -> Option<f64> {
        let doubled_mid = self.doubled_mid()?;
        let bid = side_slope(&self.bids, levels, doubled_mid, tick)?;
        let ask = side_slope(&self.asks, levels, doubled_mid, tick)?;
        Some((bid + ask) / 2.0)
    }

    fn price_offset(&self, side: &[Level], level: usize, measure: &Measure) -> Option<f64> {
        let price = side.get(level - 1)?.price.units();
        measure.ticks_of_doubled(2 * i128::from(price) - self.doubled_mid()?)
    }
}

/// `near - far`, which may not fit an `i64`.
#[inline]
fn distance(near: Price, far: Price) -> i128 {
    i128::from(near.units()) - i128::from(far.units())
}

#[inline]
fn total(side: &[Level], levels: usize) -> i128 {
    side.iter().take(levels).map(|level| i128::from(level.qty.units())).sum()
}

/// The quantity within `ticks` of the side's best price.
#[inline]
fn within(side: &[Level], ticks: usize, tick: i64) -> Option<i128> {
    let best = side.first()?.price.units();
    let reach = tick.saturating_mul(ticks as i64);
    let near = best.saturating_sub(reach)..=best.saturating_add(reach);
    let levels = side.iter().take_while(|level| near.contains(&level.price.units()));
    Some(levels.map(|level| i128::from(level.qty.units())).sum())
}

/// One side's slope: see `book_slope_K` in the catalogue. Divides once a level.
fn side_slope(side: &[Level], levels: usize, doubled_mid: i128, tick: i64) -> Option<f64> {
    let (mut per_doubled_unit, mut cumulated, mut doubled_distance) = (0.0, 0i128, 0i128);
    let near = &side[..side.len().min(levels)];
    for level in near {
        let reached = (2 * i128::from(level.price.units()) - doubled_mid).abs();
        let step = reached - doubled_distance;
        let qty = i128::from(level.qty.units());
        if step <= 0 || qty <= 0 {
            return None;
        }
        // The first level rises from nothing: its growth counts as one.
        let before = if cumulated == 0 { qty } else { cumulated };
        per_doubled_unit += float(qty) / (float(before) * float(step));
        cumulated += qty;
        doubled_distance = reached;
    }
    let slope = || per_doubled_unit * float(2 * i128::from(tick)) / near.len() as f64;
    (!near.is_empty()).then(slope)
}
