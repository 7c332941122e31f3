//! One instrument's features: what came in, and what can be read off it.

use crate::book::Top;
use crate::book_history::BookHistory;
use crate::frame::FeatureFrame;
use crate::measure::{Growth, Measure};
use crate::plan::FeaturePlan;
use crate::trade_history::TradeHistory;
use crate::valid::ValidMask;
use crate::wiring::{Slot, Wiring};
use tickhawk_market::{Level, Scale, Side, Trade, UnixNanos};

/// The running features of one instrument. All memory is taken in [`new`](Self::new).
#[derive(Clone, Debug)]
pub struct FeatureState {
    slots: Vec<Slot>,
    measure: Measure,
    /// The latest receive time seen; an earlier one counts as this.
    at: u64,
    top: Top,
    books: BookHistory,
    trades: TradeHistory,
}

impl FeatureState {
    /// Nothing seen yet. `tick` is one price step in price units of `scale`; unknown or not
    /// positive, the features in ticks have no value.
    pub fn new(plan: &FeaturePlan, scale: Scale, tick: Option<i64>) -> Self {
        let wiring = Wiring::of(plan);
        Self {
            measure: Measure::new(scale, tick, plan.options.microprice.clone()),
            at: 0,
            top: Top::new(plan.depth()),
            books: BookHistory::new(&wiring, plan.options.window_capacity),
            trades: TradeHistory::new(&wiring, &plan.options, scale),
            slots: wiring.slots,
        }
    }

    /// Takes a book message: the best levels of each side after it, best first, at least the
    /// plan's depth of them where the book has as many. Sides may be empty, the book crossed. What is
    /// too large ends a side early: see the [catalogue](crate::catalogue).
    #[inline(never)]
    pub fn on_book(&mut self, at: UnixNanos, bids: &[Level], asks: &[Level]) {
        debug_assert!(bids.is_sorted_by(|a, b| a.price > b.price), "bids come best first");
        debug_assert!(asks.is_sorted_by(|a, b| a.price < b.price), "asks come best first");
        let at = self.clamp(at);
        self.books.on_book(at, &mut self.top, bids, asks, &self.measure);
    }

    /// Takes a trade.
    #[inline]
    pub fn on_trade(&mut self, at: UnixNanos, trade: &Trade) {
        debug_assert!(trade.qty.units() >= 0, "the side says who took");
        let at = self.clamp(at);
        self.trades.on_trade(at, trade);
        let sign = if trade.taker == Side::Bid { 1 } else { -1 };
        self.books.on_trade(at, sign * trade.qty.units());
    }

    #[inline]
    fn clamp(&mut self, at: UnixNanos) -> u64 {
        self.at = self.at.max(at.nanos());
        self.at
    }

    /// Begins a new epoch of the book: forgets the book and all that is made of earlier ones. Trade
    /// features go on, since a trade needs no other to be right.
    #[cold]
    pub fn restart(&mut self) {
        self.top.clear();
        self.books.clear();
    }

    /// Forgets the trades, and the Kyle windows with them: for when some may have been missed.
    #[cold]
    pub fn restart_trades(&mut self) {
        self.trades.clear();
        self.books.restart_trades(self.at);
    }

    /// Takes new decimals and multiplies all that is held up. If a level or a trade does not fit, or
    /// decimals shrink, everything is forgotten and the answer is `false`; a past flow or value that does
    /// not fit is one that its message did not have.
    #[cold]
    pub fn set_scale(&mut self, scale: Scale) -> bool {
        let growth = Growth::between(self.measure.scale(), scale);
        self.measure.set_scale(scale);
        let Some(growth) = growth else {
            self.measure.set_tick(None);
            return self.forget(scale);
        };
        let tick = self.measure.tick().and_then(|tick| tick.checked_mul(growth.price));
        self.measure.set_tick(tick);
        if self.top.rescale(growth) && self.trades.rescale(growth, scale.qty_decimals) {
            self.books.rescale(growth, &self.top);
            return true;
        }
        self.forget(scale)
    }

    fn forget(&mut self, scale: Scale) -> bool {
        self.restart();
        self.restart_trades();
        self.trades.set_qty_decimals(scale.qty_decimals);
        false
    }

    /// Takes the tick size in price units of the present scale. If it differs, z-scores of values
    /// in ticks begin anew.
    #[cold]
    pub fn set_tick(&mut self, tick: Option<i64>) {
        let before = self.measure.tick();
        self.measure.set_tick(tick);
        if self.measure.tick() != before {
            self.books.forget_ticks();
        }
    }

    /// The decimals in force.
    pub fn scale(&self) -> Scale {
        self.measure.scale()
    }

    /// The tick size in price units, if known.
    pub fn tick(&self) -> Option<i64> {
        self.measure.tick()
    }

    /// (bid + ask) / 2 in quote units, if both sides have a level.
    #[inline]
    pub fn mid(&self) -> Option<f64> {
        Some(self.top.doubled_mid()? as f64 / self.measure.price_one() / 2.0)
    }

    /// Events that dropped out of a window before their time because its ring was full, over all
    /// windows. It only grows.
    pub fn overflows(&self) -> u64 {
        self.books.overflows() + self.trades.overflows()
    }

    /// How many features there are.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// Writes every feature as of `at`, in the plan's order: an unavailable one as 0 with its bit
    /// of `valid` cleared. A value is never NaN or infinite.
    ///
    /// # Panics
    /// If `values` is not as long as the plan.
    #[inline]
    pub fn fill(&mut self, at: UnixNanos, values: &mut [f32], valid: &mut ValidMask) {
        assert_eq!(values.len(), self.slots.len(), "one value a feature");
        self.each(at, values, |value| value as f32);
        let largest =
            values.iter().fold(0, |largest: u32, value| largest.max(value.abs().to_bits()));
        *valid = match largest < f32::INFINITY.to_bits() {
            true => all_valid(values.len()),
            false => settle(values, f32::is_finite),
        };
    }

    /// As [`fill`](Self::fill), before rounding to single precision: for tests and references.
    ///
    /// # Panics
    /// If `values` is not as long as the plan.
    pub fn fill_f64(&mut self, at: UnixNanos, values: &mut [f64], valid: &mut ValidMask) {
        assert_eq!(values.len(), self.slots.len(), "one value a feature");
        self.each(at, values, |value| value);
        *valid = settle(values, f64::is_finite);
    }

    /// Fills the features and validity mask of a frame made for as many features.
    #[inline(never)]
    pub fn fill_frame(&mut self, at: UnixNanos, frame: &mut FeatureFrame) {
        let (values, valid) = frame.parts_mut();
        self.fill(at, values, valid);
    }

    /// Fills them as of the latest event once more, which changes nothing, and looks at what the next
    /// event will need: all of it is in the caches then.
    pub fn look_again(&mut self, frame: &mut FeatureFrame) {
        self.books.touch();
        self.trades.touch();
        self.fill_frame(UnixNanos::new(self.at), frame);
    }

    /// Every feature's value in turn, NaN where it has none.
    #[inline]
    fn each<T>(&mut self, at: UnixNanos, values: &mut [T], rounded: impl Fn(f64) -> T) {
        let at = self.clamp(at);
        self.books.advance(at);
        self.trades.advance(at);
        for (&slot, value) in self.slots.iter().zip(values) {
            *value = rounded(self.value(slot, at).unwrap_or(f64::NAN));
        }
    }

    #[inline(always)]
    fn value(&self, slot: Slot, at: u64) -> Option<f64> {
        let Self { measure, top, books, trades, .. } = self;
        match slot {
            Slot::Book(feature) => feature.value(top, measure),
            Slot::ZScore(place) => books.zscore(place),
            Slot::Ofi(place) => Some(measure.qty(books.ofi_units(place, at)?)),
            Slot::UpdateRate { window } => books.update_rate(window, at),
            Slot::MidReturn { window } => books.mid_return(window, at, top),
            Slot::RealisedVol { window } => books.realised_vol(window, at),
            Slot::EmaMidOffsetTicks { ema } => {
                Some(books.ema_deviation(ema, at, top)? / measure.doubled_tick())
            }
            Slot::KyleLambda { window } => {
                let slope = books.kyle_slope(window)?;
                Some(slope * measure.qty_one() / measure.doubled_tick())
            }
            Slot::TradeImbalance { window } => trades.imbalance(window, at),
            Slot::TradeCount { window } => trades.count(window, at),
            Slot::TradeVolume { window } => Some(measure.qty(trades.volume_units(window, at)?)),
            Slot::TradeRate { window } => trades.rate(window, at),
            Slot::RollSpread { window } => Some(trades.roll_spread(window)? / measure.price_one()),
            Slot::Vpin => trades.vpin(),
        }
    }
}

/// The mask of so many values that are all available.
#[inline]
fn all_valid(count: usize) -> ValidMask {
    let bits = |count: usize| u64::MAX.checked_shr(64 - count.min(64) as u32).unwrap_or(0);
    [bits(count), bits(count.saturating_sub(64))]
}

/// Puts 0 in the place of what is no number, and says where there is one.
fn settle<T: Copy + Default>(values: &mut [T], is_finite: impl Fn(T) -> bool) -> ValidMask {
    let mut valid = [0; 2];
    for (bits, values) in valid.iter_mut().zip(values.chunks_mut(64)) {
        for value in values.iter_mut().rev() {
            let is_valid = is_finite(*value);
            *bits = *bits << 1 | u64::from(is_valid);
            *value = if is_valid { *value } else { T::default() };
        }
    }
    valid
}
