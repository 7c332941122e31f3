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
    #[inline(always)]
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
    #[inline]
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
    /// Best first, as many as the plan reads; those that are not there are [`TopSide::worst`].
    levels: Box<[Level]>,
    /// What the levels before each one hold together, in quantity units, and last what all do.
    cumulated: Box<[i128]>,
    /// Levels that are there.
    count: usize,
    worst: Level,
}

impl TopSide {
    /// A side without a level, one of which that is missing has the worst price and no quantity.
    fn new(depth: usize, worst: i64) -> Self {
        let worst = Level { price: Price::new(worst), qty: Qty::new(0) };
        Self {
            levels: vec![worst; depth].into(),
            cumulated: vec![0; depth + 1].into(),
            count: 0,
            worst,
        }
    }

    #[inline]
    fn there(&self) -> &[Level] {
        &self.levels[..self.count]
    }

    #[inline]
    fn set(&mut self, levels: &[Level]) {
        self.count = levels.len().min(self.levels.len());
        let (there, beyond) = self.levels.split_at_mut(self.count);
        let (cumulated, cumulated_beyond) = self.cumulated[1..].split_at_mut(self.count);
        let mut total = 0i128;
        for ((to, total_to), level) in there.iter_mut().zip(cumulated).zip(levels) {
            *to = *level;
            total = total.wrapping_add(i128::from(level.qty.units()));
            *total_to = total;
        }
        beyond.fill(self.worst);
        cumulated_beyond.fill(total);
    }

    fn rescale(&mut self, growth: Growth) -> bool {
        let mut total = 0i128;
        for (level, total_to) in self.levels[..self.count].iter_mut().zip(&mut self.cumulated[1..])
        {
            let price = level.price.units().checked_mul(growth.price);
            let qty = level.qty.units().checked_mul(growth.qty);
            let (Some(price), Some(qty)) = (price, qty) else { return false };
            *level = Level { price: Price::new(price), qty: Qty::new(qty) };
            total += i128::from(qty);
            *total_to = total;
        }
        self.cumulated[self.count + 1..].fill(total);
        true
    }

    /// What the best so many levels hold together, of at most as many as the plan reads.
    #[inline]
    fn total(&self, levels: usize) -> i128 {
        self.cumulated[levels]
    }

    #[inline]
    fn count_where(&self, counts: impl Fn(Price) -> bool) -> usize {
        self.levels.iter().fold(0usize, |n, level| n.wrapping_add(usize::from(counts(level.price))))
    }

    /// The quantity within `ticks` of the side's best price.
    #[inline]
    fn within(&self, ticks: usize, tick: i64) -> Option<i128> {
        let best = self.there().first()?.price;
        let reach = tick.saturating_mul(ticks as i64);
        // Levels are in order: none that is near comes after one that is not.
        let count = if self.worst.price < best {
            let furthest = Price::new(best.units().saturating_sub(reach));
            self.count_where(|price| price >= furthest)
        } else {
            let furthest = Price::new(best.units().saturating_add(reach));
            self.count_where(|price| price <= furthest)
        };
        Some(self.total(count))
    }
}

impl Top {
    pub(crate) fn new(depth: usize) -> Self {
        Self { bids: TopSide::new(depth, i64::MIN), asks: TopSide::new(depth, i64::MAX) }
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
        self.bids.there()
    }

    /// The asks, best first.
    #[inline]
    pub(crate) fn asks(&self) -> &[Level] {
        self.asks.there()
    }

    /// One bid and one ask, counted from 0 and in the plan's depth; one that is not there has the
    /// worst price and no quantity.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> (Level, Level) {
        (self.bids.levels[index], self.asks.levels[index])
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

    #[inline]
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
        let (bid, ask) = self.touch()?;
        let spread = distance(ask.price, bid.price);
        if spread <= 0 {
            return None;
        }
        // Twice the distance of the best levels from the mid.
        let first = 1.0 / float(spread);
        let bid = self.bids.slope(levels, first)?;
        let ask = self.asks.slope(levels, first)?;
        Some((bid + ask) / 2.0 * float(2 * i128::from(tick)))
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

/// Prices below this in magnitude have distances that fit an `i64`, as all real ones do.
const NARROW: u64 = 1 << 62;

impl TopSide {
    /// One side's slope per doubled unit of price, given what its best level adds to the sum: see
    /// `book_slope_K` in the catalogue.
    #[inline]
    fn slope(&self, levels: usize, first: f64) -> Option<f64> {
        let near = &self.levels[..self.count.min(levels)];
        let is_narrow = |level: &Level| level.price.units().unsigned_abs() < NARROW;
        // Prices are in order, so the first and the last one bound all.
        let are_narrow = is_narrow(near.first()?) && is_narrow(near.last()?);
        let rest = match i64::try_from(self.total(near.len())) {
            Ok(_) if are_narrow => self.slope_beyond_best(
                near,
                |held| held as i64 as f64,
                |from, to| to.wrapping_sub(from) as f64,
            ),
            _ => {
                let step = |from, to| float(i128::from(to) - i128::from(from));
                self.slope_beyond_best(near, float, step)
            }
        };
        Some((first + rest? / 2.0) / near.len() as f64)
    }

    /// The sum over the levels after the best one of relative growth per unit of price. Levels that
    /// hold nothing have no slope, so that none holds more than all together.
    #[inline(always)]
    fn slope_beyond_best(
        &self,
        near: &[Level],
        float_of_held: impl Fn(i128) -> f64,
        float_of_step: impl Fn(i64, i64) -> f64,
    ) -> Option<f64> {
        let (best, beyond) = near.split_first()?;
        let (mut sum, mut last) = (0.0, best.price.units());
        // Its sign is that of the smallest quantity less one.
        let mut sign = best.qty.units().wrapping_sub(1);
        for (level, held) in beyond.iter().zip(&self.cumulated[1..]) {
            let (price, qty) = (level.price.units(), level.qty.units());
            sum += qty as f64 / (float_of_held(*held) * float_of_step(last, price));
            sign |= qty.wrapping_sub(1);
            last = price;
        }
        // Steps are down or up, all of them.
        (sign >= 0).then_some(sum.abs())
    }
}
