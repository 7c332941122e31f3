//! The slow reference: every feature computed from its definition, over all that ever came in, each
//! time it is asked for.
//!
//! For tests, here and over real recordings: feed a [`NaiveState`] and a
//! [`FeatureState`](crate::FeatureState) the same and hold [`NaiveState::fill_f64`] against
//! [`FeatureState::fill_f64`](crate::FeatureState::fill_f64) with [`disagreement`]. It allocates,
//! its memory grows with the recording, and a fill costs as much as the windows are long: sample
//! the fills on long recordings.
//!
//! It leaves out one thing: how the fast side behaves when decimals grow so far that what it holds
//! outgrows the limits of exact sums.

mod book;
mod mids;
mod trades;

use crate::book::{BookFeature, PRICE_END, Top};
use crate::grammar::Feature;
use crate::measure::{Growth, Measure};
use crate::ofi::FlowLevels;
use crate::plan::{FeaturePlan, PlanOptions};
use crate::valid::ValidMask;
use crate::window::Window;
use crate::zscore::{MIN_PAST_VALUES, READING_MAX, quanta};
use mids::MidChange;
use tickhawk_market::{Level, Price, Qty, Scale, Trade, UnixNanos};

/// One book message.
#[derive(Clone, Debug)]
struct Book {
    at: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// All that one instrument's features are made of, and nothing computed from it ahead of time.
#[derive(Clone, Debug)]
pub struct NaiveState {
    features: Vec<Feature>,
    options: PlanOptions,
    depth: usize,
    scale: Scale,
    tick: Option<i64>,
    at: u64,
    /// Messages of this epoch.
    books: Vec<Book>,
    /// The mid where it changed, in this epoch.
    mids: Vec<MidChange>,
    trades: Vec<(u64, Trade)>,
    /// From which book on the present tick size held.
    tick_from: usize,
    /// From when on both mids and trades are known without a gap.
    pairs_since: Option<u64>,
}

impl NaiveState {
    /// As [`FeatureState::new`](crate::FeatureState::new).
    pub fn new(plan: &FeaturePlan, scale: Scale, tick: Option<i64>) -> Self {
        Self {
            features: plan.features.clone(),
            options: plan.options.clone(),
            depth: plan.depth(),
            scale,
            tick: tick.filter(|tick| *tick > 0),
            at: 0,
            books: Vec::new(),
            mids: Vec::new(),
            trades: Vec::new(),
            tick_from: 0,
            pairs_since: None,
        }
    }

    /// As [`FeatureState::on_book`](crate::FeatureState::on_book).
    pub fn on_book(&mut self, at: UnixNanos, bids: &[Level], asks: &[Level]) {
        self.at = self.at.max(at.nanos());
        let top = |side: &[Level]| {
            let mut held = 0;
            let levels = side.iter().take(self.depth).copied().take_while(|level| {
                held += i128::from(level.qty.units());
                let fits = held <= i128::from(i64::MAX);
                level.qty.units() > 0 && fits && level.price.units().unsigned_abs() < PRICE_END
            });
            levels.collect::<Vec<_>>()
        };
        self.books.push(Book { at: self.at, bids: top(bids), asks: top(asks) });
        let doubled_mid = self.books.last().and_then(book::doubled_mid);
        let last = self.mids.last().map(|change| change.doubled_mid);
        if let Some(doubled_mid) = doubled_mid.filter(|mid| Some(*mid) != last) {
            let update = self.books.len();
            self.mids.push(MidChange { at: self.at, update, doubled_mid });
            self.pairs_since.get_or_insert(self.at);
        }
    }

    /// As [`FeatureState::on_trade`](crate::FeatureState::on_trade).
    pub fn on_trade(&mut self, at: UnixNanos, trade: &Trade) {
        self.at = self.at.max(at.nanos());
        self.trades.push((self.at, *trade));
    }

    /// As [`FeatureState::restart`](crate::FeatureState::restart).
    pub fn restart(&mut self) {
        self.books.clear();
        self.mids.clear();
        self.tick_from = 0;
        self.pairs_since = None;
    }

    /// As [`FeatureState::restart_trades`](crate::FeatureState::restart_trades).
    pub fn restart_trades(&mut self) {
        self.trades.clear();
        self.pairs_since = self.pairs_since.map(|_| self.at);
    }

    /// As [`FeatureState::set_tick`](crate::FeatureState::set_tick).
    pub fn set_tick(&mut self, tick: Option<i64>) {
        let tick = tick.filter(|tick| *tick > 0);
        if tick != self.tick {
            self.tick = tick;
            self.tick_from = self.books.len();
        }
    }

    /// As [`FeatureState::set_scale`](crate::FeatureState::set_scale), for decimals that grow and
    /// integers that fit.
    ///
    /// # Panics
    /// If decimals shrink or an integer does not fit.
    pub fn set_scale(&mut self, scale: Scale) {
        let growth = Growth::between(self.scale, scale).expect("decimals only grow");
        let price = |units: i64| units.checked_mul(growth.price).expect("prices fit");
        let qty = |units: i64| units.checked_mul(growth.qty).expect("quantities fit");
        for level in self.books.iter_mut().flat_map(|b| b.bids.iter_mut().chain(&mut b.asks)) {
            level.price = Price::new(price(level.price.units()));
            level.qty = Qty::new(qty(level.qty.units()));
        }
        for (_, trade) in &mut self.trades {
            trade.price = Price::new(price(trade.price.units()));
            trade.qty = Qty::new(qty(trade.qty.units()));
        }
        self.mids.iter_mut().for_each(|mid| mid.doubled_mid *= i128::from(growth.price));
        self.tick = self.tick.map(price);
        self.scale = scale;
    }

    /// As [`FeatureState::fill_f64`](crate::FeatureState::fill_f64).
    ///
    /// # Panics
    /// If `values` is not as long as the plan.
    pub fn fill_f64(&mut self, at: UnixNanos, values: &mut [f64], valid: &mut ValidMask) {
        assert_eq!(values.len(), self.features.len(), "one value a feature");
        self.at = self.at.max(at.nanos());
        *valid = [0; 2];
        for (index, feature) in self.features.iter().enumerate() {
            let value = self.value(*feature).filter(|value| value.is_finite());
            values[index] = value.unwrap_or(0.0);
            valid[index / 64] |= u64::from(value.is_some()) << (index % 64);
        }
    }

    fn value(&self, feature: Feature) -> Option<f64> {
        match feature {
            Feature::Book(feature) => self.book_value(feature, self.books.last()?),
            Feature::ZScore { base, window } => self.zscore(base, window),
            Feature::Ofi { levels, window } => self.ofi(levels, window),
            Feature::UpdateRate { window } => {
                let seconds = self.whole_seconds(self.books.first()?.at, window)?;
                let horizon = self.at - window.nanos();
                let recent = self.books.iter().rev().take_while(|book| book.at > horizon);
                Some(recent.count().min(self.options.window_capacity) as f64 / seconds)
            }
            Feature::MidReturn { window } => self.mid_return(window),
            Feature::RealisedVol { window } => self.realised_vol(window),
            Feature::EmaMidOffsetTicks { tau_nanos } => self.ema_mid_offset_ticks(tau_nanos),
            Feature::KyleLambda { window } => self.kyle_lambda(window),
            Feature::TradeImbalance { window } => self.trade_imbalance(window),
            Feature::TradeCount { window } => self.trade_count(window),
            Feature::TradeVolume { window } => self.trade_volume(window),
            Feature::TradeRate { window } => Some(self.trade_count(window)? / window.seconds()),
            Feature::RollSpread { window } => self.roll_spread(window),
            Feature::Vpin => self.vpin(),
        }
    }

    fn measure(&self) -> Measure {
        Measure::new(self.scale, self.tick, self.options.microprice.clone())
    }

    /// The window's length in seconds if all of it lies at or after `since`.
    fn whole_seconds(&self, since: u64, window: Window) -> Option<f64> {
        (since + window.nanos() <= self.at).then(|| window.seconds())
    }

    fn ofi(&self, levels: FlowLevels, window: Window) -> Option<f64> {
        let flows = self.books.windows(2).rev();
        let flow = |pair: &[Book]| match levels {
            FlowLevels::One(level) => book::flow(&pair[0], &pair[1], level),
            FlowLevels::UpTo(levels) => {
                (1..=levels).map(|level| book::flow(&pair[0], &pair[1], level)).sum::<i128>()
            }
        };
        let (recent, most): (Vec<_>, _) = match window {
            Window::Time { nanos } => {
                self.whole_seconds(self.books.first()?.at, window)?;
                let recent = flows.take_while(|pair| pair[1].at > self.at - nanos);
                (recent.collect(), self.options.window_capacity)
            }
            Window::Updates { count } | Window::Trades { count } => {
                if self.books.len() <= count as usize {
                    return None;
                }
                (flows.collect(), count as usize)
            }
        };
        let fits = |flow: i128| (flow.abs() <= i128::from(i64::MAX)).then_some(flow);
        let flows = recent.into_iter().take(most).map(|pair| fits(flow(pair)));
        Some(self.measure().qty(flows.sum::<Option<i128>>()?))
    }

    /// Readings are taken with the fast side's own function, since a different last bit before
    /// rounding could round otherwise; mean and deviation are two plain passes.
    fn zscore(&self, base: BookFeature, window: Window) -> Option<f64> {
        let measure = self.measure();
        let from = if base.needs_tick() { self.tick_from } else { 0 };
        let (newest, past) = self.books[from..].split_last()?;
        let reading = |book: &Book| {
            let mut top = Top::new(self.depth);
            top.set(&book.bids, &book.asks);
            let quantised = match base.qty_units(&top, &measure) {
                Some(units) => i128::from(units),
                None => (base.value(&top, &measure)? * quanta(base)).round_ties_even() as i128,
            };
            (quantised.abs() <= i128::from(READING_MAX)).then_some(quantised)
        };
        let newest = reading(newest)?;
        let horizon = |at: u64| match window {
            Window::Time { nanos } => at + nanos > self.at,
            Window::Updates { .. } | Window::Trades { .. } => true,
        };
        let most = match window {
            Window::Time { .. } => self.options.window_capacity - 1,
            Window::Updates { count } | Window::Trades { count } => count as usize,
        };
        let recent = past.iter().rev().take_while(|book| horizon(book.at));
        let readings: Vec<i128> = recent.take(most).filter_map(reading).collect();
        let all_equal = readings.windows(2).all(|pair| pair[0] == pair[1]);
        if readings.len() < MIN_PAST_VALUES as usize || all_equal {
            return None;
        }
        // Around the first reading, so that large values with small deviations keep their digits.
        let (n, first) = (readings.len() as f64, readings[0]);
        let shifted = |reading: i128| (reading - first) as f64;
        let mean = readings.iter().map(|r| shifted(*r)).sum::<f64>() / n;
        let squares = readings.iter().map(|r| (shifted(*r) - mean).powi(2)).sum::<f64>();
        Some((shifted(newest) - mean) / (squares / n).sqrt())
    }
}

/// The first feature on which two fills of one plan differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// Which feature.
    pub name: String,
    /// What the fast side says.
    pub fast: Option<f64>,
    /// What the reference says.
    pub naive: Option<f64>,
}

/// Holds a fast fill against the reference: validity and whatever rests on integers alone bit for
/// bit, the rest to 1e-12, absolute or relative, whichever is larger.
pub fn disagreement(
    plan: &FeaturePlan,
    fast: (&[f64], &ValidMask),
    naive: (&[f64], &ValidMask),
) -> Option<Disagreement> {
    let read = |(values, valid): (&[f64], &ValidMask), index: usize| {
        (valid[index / 64] >> (index % 64) & 1 == 1).then(|| values[index])
    };
    plan.features.iter().enumerate().find_map(|(index, feature)| {
        let (fast, naive) = (read(fast, index), read(naive, index));
        let agree = match (fast, naive) {
            (None, None) => true,
            (Some(fast), Some(naive)) if is_exact(*feature) => fast.to_bits() == naive.to_bits(),
            (Some(fast), Some(naive)) => (fast - naive).abs() <= 1e-12 * naive.abs().max(1.0),
            _ => false,
        };
        (!agree).then(|| Disagreement { name: plan.names()[index].clone(), fast, naive })
    })
}

/// Whether a value is integers, converted once.
fn is_exact(feature: Feature) -> bool {
    match feature {
        Feature::Book(feature) => {
            feature.is_quantity()
                || matches!(
                    feature,
                    BookFeature::Obi { .. }
                        | BookFeature::SpreadTicks
                        | BookFeature::MicropriceOffsetTicks
                        | BookFeature::BidPriceOffsetTicks { .. }
                        | BookFeature::AskPriceOffsetTicks { .. }
                )
        }
        Feature::Ofi { .. }
        | Feature::UpdateRate { .. }
        | Feature::TradeImbalance { .. }
        | Feature::TradeCount { .. }
        | Feature::TradeVolume { .. }
        | Feature::TradeRate { .. }
        | Feature::KyleLambda { .. }
        | Feature::RollSpread { .. }
        | Feature::Vpin => true,
        Feature::ZScore { .. }
        | Feature::MidReturn { .. }
        | Feature::RealisedVol { .. }
        | Feature::EmaMidOffsetTicks { .. } => false,
    }
}
