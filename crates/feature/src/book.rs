//! Features of the book as it stands: functions of the best levels and nothing else.

use crate::measure::{Growth, Measure, float};
use core::ops::Sub;
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
            Self::BidPriceOffsetTicks { level } => top.price_offset(top.bids(), level, measure),
            Self::AskPriceOffsetTicks { level } => top.price_offset(top.asks(), level, measure),
            Self::BidDepth { .. }
            | Self::AskDepth { .. }
            | Self::BidQty { .. }
            | Self::AskQty { .. } => Some(measure.qty(self.qty_units(top, measure)?)),
        }
    }

    /// The exact quantity units of a feature that is a quantity; `None` also if it is not one.
    pub(crate) fn qty_units(self, top: &Top, measure: &Measure) -> Option<i128> {
        match self {
            Self::BidDepth { ticks } => top.bids.within(ticks, measure.tick?),
            Self::AskDepth { ticks } => top.asks.within(ticks, measure.tick?),
            Self::BidQty { level } => Some(i128::from(top.bids().get(level - 1)?.qty.units())),
            Self::AskQty { level } => Some(i128::from(top.asks().get(level - 1)?.qty.units())),
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

/// The best levels of the newest book message, at most the plan's depth.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    bids: TopSide,
    asks: TopSide,
}

/// One side of it.
#[derive(Clone, Debug)]
struct TopSide {
    /// Best first.
    levels: Vec<Level>,
    /// What the levels up to each one hold together, in quantity units; 0 before the first.
    cumulated: Vec<i128>,
    depth: usize,
}

impl TopSide {
    fn new(depth: usize) -> Self {
        let mut cumulated = Vec::with_capacity(depth + 1);
        cumulated.push(0);
        Self { levels: Vec::with_capacity(depth), cumulated, depth }
    }

    #[inline]
    fn set(&mut self, levels: &[Level]) {
        self.levels.clear();
        self.levels.extend_from_slice(&levels[..levels.len().min(self.depth)]);
        self.cumulate();
    }

    #[inline]
    fn cumulate(&mut self) {
        self.cumulated.truncate(1);
        let mut total = 0;
        self.cumulated.extend(self.levels.iter().map(|level| {
            total += i128::from(level.qty.units());
            total
        }));
    }

    fn rescale(&mut self, growth: Growth) -> bool {
        for level in &mut self.levels {
            let price = level.price.units().checked_mul(growth.price);
            let qty = level.qty.units().checked_mul(growth.qty);
            let (Some(price), Some(qty)) = (price, qty) else { return false };
            *level = Level { price: Price::new(price), qty: Qty::new(qty) };
        }
        self.cumulate();
        true
    }

    /// What the best so many levels hold together.
    #[inline]
    fn total(&self, levels: usize) -> i128 {
        self.cumulated[levels.min(self.levels.len())]
    }

    /// The quantity within `ticks` of the side's best price.
    #[inline]
    fn within(&self, ticks: usize, tick: i64) -> Option<i128> {
        let best = self.levels.first()?.price.units();
        let reach = tick.saturating_mul(ticks as i64);
        let near = best.saturating_sub(reach)..=best.saturating_add(reach);
        let is_near = |level: &&Level| near.contains(&level.price.units());
        Some(self.total(self.levels.iter().take_while(is_near).count()))
    }
}

impl Top {
    pub(crate) fn new(depth: usize) -> Self {
        Self { bids: TopSide::new(depth), asks: TopSide::new(depth) }
    }

    /// Takes the new levels, ignoring those beyond the plan's depth.
    #[inline]
    pub(crate) fn set(&mut self, bids: &[Level], asks: &[Level]) {
        self.bids.set(bids);
        self.asks.set(asks);
    }

    pub(crate) fn clear(&mut self) {
        self.set(&[], &[]);
    }

    /// The bids, best first.
    #[inline]
    pub(crate) fn bids(&self) -> &[Level] {
        &self.bids.levels
    }

    /// The asks, best first.
    #[inline]
    pub(crate) fn asks(&self) -> &[Level] {
        &self.asks.levels
    }

    /// Multiplies every level up; `false` if one does not fit.
    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, growth: Growth) -> bool {
        self.bids.rescale(growth) && self.asks.rescale(growth)
    }

    /// Best bid and best ask, if both sides have one.
    #[inline]
    pub(crate) fn touch(&self) -> Option<(Level, Level)> {
        Some((*self.bids().first()?, *self.asks().first()?))
    }

    /// Twice the mid, which is an integer: best bid plus best ask.
    #[inline]
    pub(crate) fn doubled_mid(&self) -> Option<i128> {
        let (bid, ask) = self.touch()?;
        Some(i128::from(bid.price.units()) + i128::from(ask.price.units()))
    }

    fn imbalance(&self, levels: usize) -> Option<f64> {
        self.touch()?;
        let (bid, ask) = (self.bids.total(levels), self.asks.total(levels));
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
        let bid = self.bids.slope(levels, doubled_mid, tick)?;
        let ask = self.asks.slope(levels, doubled_mid, tick)?;
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

/// Prices below this in magnitude have doubled distances that fit an `i64`, as all real ones do.
const NARROW: u64 = 1 << 60;

impl TopSide {
    /// One side's slope: see `book_slope_K` in the catalogue.
    fn slope(&self, levels: usize, doubled_mid: i128, tick: i64) -> Option<f64> {
        let near = &self.levels[..self.levels.len().min(levels)];
        let is_narrow = |level: &Level| level.price.units().unsigned_abs() < NARROW;
        // Prices are in order, so the first and the last one bound all.
        let are_narrow = is_narrow(near.first()?) && is_narrow(near.last()?);
        let held = self.total(near.len());
        let sum = match (i64::try_from(doubled_mid), i64::try_from(held)) {
            (Ok(mid), Ok(_)) if are_narrow && mid.unsigned_abs() < 2 * NARROW => {
                self.slope_sum(near, |price| (2 * price - mid).abs(), |held| held as i64 as f64)
            }
            _ => self.slope_sum(near, |price| (2 * i128::from(price) - doubled_mid).abs(), float),
        };
        Some(sum? * float(2 * i128::from(tick)) / near.len() as f64)
    }

    /// The sum over levels of relative growth per doubled unit of price. Divides once a level. Levels
    /// that hold less than nothing have no slope, so that none holds more than all together.
    #[inline(always)]
    fn slope_sum<D>(
        &self,
        near: &[Level],
        doubled_distance: impl Fn(i64) -> D,
        float_of_held: impl Fn(i128) -> f64,
    ) -> Option<f64>
    where
        D: Copy + Default + PartialOrd + Sub<Output = D> + Into<i128>,
    {
        let (mut sum, mut distance) = (0.0, D::default());
        for (level, cumulated) in near.iter().zip(&self.cumulated) {
            let qty = level.qty.units();
            let reached = doubled_distance(level.price.units());
            let step = reached - distance;
            if step <= D::default() || qty <= 0 {
                return None;
            }
            // The first level rises from nothing: its growth counts as one.
            let before = if *cumulated == 0 { i128::from(qty) } else { *cumulated };
            sum += qty as f64 / (float_of_held(before) * float(step.into()));
            distance = reached;
        }
        Some(sum)
    }
}
