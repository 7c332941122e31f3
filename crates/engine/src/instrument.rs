//! What the market stage keeps of one instrument.

use std::num::NonZeroU64;
use tickhawk_book::{Book, BookCounters, BookLimits};
use tickhawk_feature::{FeaturePlan, FeatureState};
use tickhawk_market::{BookState, Decimal, Level, Scale, Side, StaleCause, UnixNanos};

/// Where an instrument's tick came from. A tick from the config stands over the venue's metadata,
/// and that over the model's contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TickSource {
    /// Nobody said: features counted in ticks are unavailable.
    #[default]
    Unknown,
    /// The model's contract.
    Contract,
    /// The venue's metadata.
    Metadata,
    /// The config or a flag.
    Config,
}

/// One instrument: its book, its features and where its frames stand.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub(crate) book: Book,
    pub(crate) features: FeatureState,
    pub(crate) scale: Scale,
    pub(crate) tick_size: Option<Decimal>,
    pub(crate) tick_source: TickSource,
    /// Frames made so far; the next frame's number.
    pub(crate) frame_count: u64,
    /// The epoch of the last frame made; 0 before the first.
    pub(crate) frame_epoch: u32,
    /// Receive time of the snapshot that began the epoch.
    pub(crate) live_since: UnixNanos,
    /// Book messages in a row after which the book was crossed.
    pub(crate) crossed_messages: u32,
    /// Whether a book message of the input at hand changed it.
    pub(crate) touched: bool,
    pub(crate) exchange_at: Option<UnixNanos>,
    pub(crate) sequence: Option<u64>,
    pub(crate) counts: InstrumentCounts,
}

/// What happened to one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InstrumentCounts {
    pub(crate) gaps: u64,
    pub(crate) checksum_ok: u64,
    pub(crate) checksum_bad: u64,
    pub(crate) stale: u64,
    pub(crate) trades: u64,
    pub(crate) tickers: u64,
    pub(crate) withheld_crossed: u64,
}

/// One instrument as reports tell of it.
#[derive(Clone, Debug)]
pub struct InstrumentReport {
    /// The venue's own symbol.
    pub symbol: String,
    /// The book's state at the end.
    pub state: BookState,
    /// Why, if it is Stale.
    pub stale_cause: Option<StaleCause>,
    /// Snapshots lived through.
    pub epoch: u32,
    /// The book's own counters.
    pub book: BookCounters,
    /// Times it went Stale because the venue's sequence broke.
    pub gaps: u64,
    /// Times it went Stale, whatever the cause.
    pub stale: u64,
    /// Messages whose checksum matched the book.
    pub checksum_ok: u64,
    /// Messages whose checksum did not.
    pub checksum_bad: u64,
    /// Trades seen.
    pub trades: u64,
    /// Tickers seen.
    pub tickers: u64,
    /// Feature frames made.
    pub frames: u64,
    /// Inputs that made no frame because the book was crossed.
    pub withheld_crossed: u64,
    /// Levels a side, bids first.
    pub levels: [usize; 2],
    /// The decimals of its integers.
    pub scale: Scale,
    /// The tick in use.
    pub tick_size: Option<Decimal>,
    /// Who said so.
    pub tick_source: TickSource,
    /// Events that time windows had to drop early because their rings were full.
    pub window_overflows: u64,
}

impl Instrument {
    #[cold]
    pub(crate) fn new(plan: &FeaturePlan, limits: BookLimits) -> Self {
        let scale = Scale::default();
        Self {
            book: Book::new(limits),
            features: FeatureState::new(plan, scale, None),
            scale,
            tick_size: None,
            tick_source: TickSource::Unknown,
            frame_count: 0,
            frame_epoch: 0,
            live_since: UnixNanos::default(),
            crossed_messages: 0,
            touched: false,
            exchange_at: None,
            sequence: None,
            counts: InstrumentCounts::default(),
        }
    }

    /// Takes a tick, unless one from a better source is there.
    #[cold]
    pub(crate) fn set_tick(&mut self, tick_size: Decimal, source: TickSource) {
        if source >= self.tick_source && tick_size.mantissa > 0 {
            self.tick_size = Some(tick_size);
            self.tick_source = source;
            self.apply_tick();
        }
    }

    /// Takes on more decimals; the book says if its numbers no longer fit.
    #[cold]
    pub(crate) fn set_scale(&mut self, scale: Scale) {
        self.scale = scale;
        self.book.set_scale(scale);
        if !self.features.set_scale(scale) {
            self.book.mark_stale(StaleCause::Overflow);
        }
        self.apply_tick();
    }

    fn apply_tick(&mut self) {
        let units = self.tick_size.and_then(|tick| tick.at(self.scale.price_decimals));
        if let Some(units) = units {
            self.book.set_tick(NonZeroU64::new(units.unsigned_abs()));
            self.features.set_tick(Some(units));
        }
    }

    /// (best bid + best ask) / 2 in the quote currency; `None` if a side is empty.
    pub(crate) fn mid(&self) -> Option<f64> {
        let price = |level: Level| level.price.units() as f64;
        let sum = price(self.book.best(Side::Bid)?) + price(self.book.best(Side::Ask)?);
        Some(sum / 2.0 / 10f64.powi(i32::from(self.scale.price_decimals)))
    }

    pub(crate) fn report(&self, symbol: &str) -> InstrumentReport {
        InstrumentReport {
            symbol: symbol.to_owned(),
            state: self.book.state(),
            stale_cause: self.book.stale_cause(),
            epoch: self.book.epoch(),
            book: self.book.counters(),
            gaps: self.counts.gaps,
            stale: self.counts.stale,
            checksum_ok: self.counts.checksum_ok,
            checksum_bad: self.counts.checksum_bad,
            trades: self.counts.trades,
            tickers: self.counts.tickers,
            frames: self.frame_count,
            withheld_crossed: self.counts.withheld_crossed,
            levels: [self.book.level_count(Side::Bid), self.book.level_count(Side::Ask)],
            scale: self.scale,
            tick_size: self.tick_size,
            tick_source: self.tick_source,
            window_overflows: self.features.overflows(),
        }
    }
}
