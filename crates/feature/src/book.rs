//! Features of the book as it stands: functions of the best levels and nothing else.

use crate::measure::{Growth, Measure};
use tickhawk_market::{Level, Price, Qty};

/// The most levels a side any feature reads.
pub const MAX_DEPTH: usize = 50;

/// Prices are below this many units in magnitude, so that what is made of two fits an `i64`.
pub(crate) const PRICE_END: u64 = 1 << 61;

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

    /// Its value; `None` or no number where the definition has none.
    #[inline(always)]
    pub(crate) fn value(self, top: &Top, measure: &Measure) -> Option<f64> {
        match self {
            Self::Obi { levels } => top.imbalance(levels),
            Self::SpreadTicks => Some(top.spread()? as f64 / measure.tick_units()),
            Self::WeightedMidOffsetTicks => top.weighted_mid_offset_ticks(measure),
            Self::MicropriceOffsetTicks => {
                let (bid, ask) = top.touch()?;
                measure.microprice.as_ref()?.offset_ticks_of(bid, ask, measure.tick()?)
            }
            Self::BookSlope { levels } => top.slope(levels, measure),
            Self::BidPriceOffsetTicks { level } => top.price_offset(top.bids(), level, measure),
            Self::AskPriceOffsetTicks { level } => top.price_offset(top.asks(), level, measure),
            Self::BidDepth { .. }
            | Self::AskDepth { .. }
            | Self::BidQty { .. }
            | Self::AskQty { .. } => Some(self.qty_units(top, measure)? as f64 / measure.qty_one()),
        }
    }

    /// The exact quantity units of a feature that is a quantity; `None` also if it is not one.
    #[inline(always)]
    pub(crate) fn qty_units(self, top: &Top, measure: &Measure) -> Option<i64> {
        match self {
            Self::BidDepth { ticks } => top.bids.within(ticks, measure.tick()?),
            Self::AskDepth { ticks } => top.asks.within(ticks, measure.tick()?),
            Self::BidQty { level } => Some(top.bids().get(level - 1)?.qty.units()),
            Self::AskQty { level } => Some(top.asks().get(level - 1)?.qty.units()),
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

/// One side of it. It ends before a level without quantity, one at [`PRICE_END`] or beyond, and one
/// with which it would hold more than an `i64`.
#[derive(Clone, Debug)]
struct TopSide {
    /// Best first, as many as the plan reads; those that are not there are [`TopSide::worst`].
    levels: Box<[Level]>,
    /// What the levels before each one hold together, in quantity units, and last what all do.
    held: Box<[i64]>,
    /// Levels that are there.
    count: usize,
    worst: Level,
}

impl TopSide {
    /// A side without a level, one of which that is missing has the worst price and no quantity.
    fn new(depth: usize, worst: i64) -> Self {
        let worst = Level { price: Price::new(worst), qty: Qty::new(0) };
        Self { levels: vec![worst; depth].into(), held: vec![0; depth + 1].into(), count: 0, worst }
    }

    #[inline]
    fn there(&self) -> &[Level] {
        &self.levels[..self.count]
    }

    #[inline]
    fn set(&mut self, levels: &[Level]) {
        let levels = &levels[..levels.len().min(self.levels.len())];
        if !self.take(levels) {
            self.take_sound(levels);
        }
    }

    /// Takes these levels; `false` if one of them may not be there.
    #[inline]
    fn take(&mut self, levels: &[Level]) -> bool {
        self.count = levels.len();
        let (there, beyond) = self.levels.split_at_mut(self.count);
        let (held, held_beyond) = self.held[1..].split_at_mut(self.count);
        let (mut total, mut odd) = (0i64, 0);
        for ((to, total_to), level) in there.iter_mut().zip(held).zip(levels) {
            let qty = level.qty.units();
            total = total.wrapping_add(qty);
            // Negative where a level holds nothing, or all together more than fits.
            odd |= qty.wrapping_sub(1) | total;
            (*to, *total_to) = (*level, total);
        }
        beyond.fill(self.worst);
        held_beyond.fill(total);
        // Prices are in order, so the first and the last one bound all.
        odd >= 0 && levels.first().is_none_or(is_near) && levels.last().is_none_or(is_near)
    }

    /// Takes those before the first that may not be there.
    #[cold]
    fn take_sound(&mut self, levels: &[Level]) {
        let mut total = Some(0i64);
        let is_sound = |level: &&Level| {
            total = total.and_then(|total| total.checked_add(level.qty.units()));
            level.qty.units() > 0 && total.is_some() && is_near(level)
        };
        self.take(&levels[..levels.iter().take_while(is_sound).count()]);
    }

    /// Multiplies every level up; `false` if one is no longer there then.
    fn rescale(&mut self, growth: Growth) -> bool {
        let count = self.count;
        let mut grown = [self.worst; MAX_DEPTH];
        for (to, level) in grown.iter_mut().zip(&self.levels[..count]) {
            let price = level.price.units().checked_mul(growth.price);
            let qty = level.qty.units().checked_mul(growth.qty);
            let (Some(price), Some(qty)) = (price, qty) else { return false };
            *to = Level { price: Price::new(price), qty: Qty::new(qty) };
        }
        self.set(&grown[..count]);
        self.count == count
    }

    /// The quantity within `ticks` of the side's best price.
    #[inline]
    fn within(&self, ticks: usize, tick: i64) -> Option<i64> {
        let best = self.there().first()?.price;
        let reach = tick.saturating_mul(ticks as i64);
        // Levels are in order: none that is near comes after one that is not.
        let count = if self.worst.price < best {
            let furthest = Price::new(best.units().saturating_sub(reach));
            self.there().partition_point(|level| level.price >= furthest)
        } else {
            let furthest = Price::new(best.units().saturating_add(reach));
            self.there().partition_point(|level| level.price <= furthest)
        };
        Some(self.held[count])
    }

    /// One side's slope per doubled unit of price, given what its best level adds to the sum: see
    /// `book_slope_K` in the catalogue.
    #[inline]
    fn slope(&self, levels: usize, first: f64) -> Option<f64> {
        let near = &self.levels[..self.count.min(levels)];
        let (best, beyond) = near.split_first()?;
        let (mut sum, mut last) = (0.0, best.price.units());
        for (level, held) in beyond.iter().zip(&self.held[1..]) {
            let price = level.price.units();
            let step = price.wrapping_sub(last);
            sum += level.qty.units() as f64 / (*held as f64 * step as f64);
            last = price;
        }
        // Steps are down or up, all of them.
        Some((first + sum.abs() / 2.0) / near.len() as f64)
    }
}

#[inline]
fn is_near(level: &Level) -> bool {
    level.price.units().unsigned_abs() < PRICE_END
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
    pub(crate) fn doubled_mid(&self) -> Option<i64> {
        let (bid, ask) = self.touch()?;
        Some(bid.price.units() + ask.price.units())
    }

    /// Best ask less best bid.
    #[inline]
    fn spread(&self) -> Option<i64> {
        let (bid, ask) = self.touch()?;
        Some(ask.price.units() - bid.price.units())
    }

    #[inline]
    fn imbalance(&self, levels: usize) -> Option<f64> {
        self.touch()?;
        let (bid, ask) = (self.bids.held[levels], self.asks.held[levels]);
        Some((bid - ask) as f64 / sum(bid, ask))
    }

    /// (qb a + qa b) / (qb + qa) - (a + b) / 2 = (a - b)(qb - qa) / (2 (qb + qa)).
    #[inline]
    fn weighted_mid_offset_ticks(&self, measure: &Measure) -> Option<f64> {
        let spread = self.spread()? as f64;
        let (bid, ask) = (self.bids.held[1], self.asks.held[1]);
        Some(spread * (bid - ask) as f64 / (sum(bid, ask) * measure.doubled_tick()))
    }

    #[inline]
    fn slope(&self, levels: usize, measure: &Measure) -> Option<f64> {
        let spread = self.spread().filter(|spread| *spread > 0)?;
        // Twice the distance of the best levels from the mid.
        let first = 1.0 / spread as f64;
        let bid = self.bids.slope(levels, first)?;
        let ask = self.asks.slope(levels, first)?;
        Some((bid + ask) / 2.0 * measure.doubled_tick())
    }

    #[inline]
    fn price_offset(&self, side: &[Level], level: usize, measure: &Measure) -> Option<f64> {
        let price = side.get(level - 1)?.price.units();
        Some((2 * price - self.doubled_mid()?) as f64 / measure.doubled_tick())
    }
}

/// What two sides hold together.
#[inline]
fn sum(bid: i64, ask: i64) -> f64 {
    (bid as u64 + ask as u64) as f64
}
