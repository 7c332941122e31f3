//! What the market stage keeps of one instrument, whatever link tells of it.

use crate::{LinkReport, publish::Published};
use tickhawk_book::{Book, BookCounters};
use tickhawk_feature::{FeaturePlan, FeatureState};
use tickhawk_market::{BookState, ConnectionId, Decimal, Level, Scale, Side, StaleCause};

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

/// One instrument: its features and where its frames stand. Its books belong to the links.
#[derive(Debug)]
pub(crate) struct Instrument {
    /// The venue's own symbol.
    pub(crate) symbol: String,
    pub(crate) features: FeatureState,
    pub(crate) scale: Scale,
    pub(crate) tick_size: Option<Decimal>,
    pub(crate) tick_source: TickSource,
    /// Frames made so far; the next frame's number.
    pub(crate) frame_count: u64,
    /// The epoch of the last frame made; 0 before the first.
    pub(crate) frame_epoch: u32,
    pub(crate) published: Published,
    /// Whether a book message of the input at hand changed what is published.
    pub(crate) touched: bool,
    pub(crate) trades: TradeRace,
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

/// Which of two links' trades count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TradeRace {
    /// The highest id before the input at hand, and with it: the trades of one message may come in
    /// any order.
    before_input: Option<u64>,
    highest: Option<u64>,
    input: u64,
    /// Who tells the trades that have no id.
    pub(crate) teller: Option<(usize, ConnectionId)>,
}

impl TradeRace {
    /// Whether the trade of that id has not been told yet; `input` numbers the inputs.
    pub(crate) fn is_first(&mut self, input: u64, id: u64) -> bool {
        if self.input != input {
            self.input = input;
            self.before_input = self.highest;
        }
        let first = self.before_input.is_none_or(|before| id > before);
        if first {
            self.highest = self.highest.max(Some(id));
        }
        first
    }
}

/// One instrument as reports tell of it.
#[derive(Clone, Debug)]
pub struct InstrumentReport {
    /// The venue's own symbol.
    pub symbol: String,
    /// The state at the end of what is published: Live if any link's book is.
    pub state: BookState,
    /// Why, if it is Stale.
    pub stale_cause: Option<StaleCause>,
    /// Times what is published began anew: with one link, snapshots lived through.
    pub epoch: u32,
    /// The counters of the leading link's book.
    pub book: BookCounters,
    /// Times a link's book went Stale because the venue's sequence broke.
    pub gaps: u64,
    /// Times it went Stale, whatever the cause: with two links, times that neither had a Live book
    /// any more.
    pub stale: u64,
    /// Messages whose checksum matched the book.
    pub checksum_ok: u64,
    /// Messages whose checksum did not.
    pub checksum_bad: u64,
    /// Trades taken.
    pub trades: u64,
    /// Tickers seen.
    pub tickers: u64,
    /// Feature frames made.
    pub frames: u64,
    /// Inputs that made no frame because the book was crossed.
    pub withheld_crossed: u64,
    /// Levels a side of the leading link's book, bids first.
    pub levels: [usize; 2],
    /// The decimals of its integers.
    pub scale: Scale,
    /// The tick in use.
    pub tick_size: Option<Decimal>,
    /// Who said so.
    pub tick_source: TickSource,
    /// Events that time windows had to drop early because their rings were full.
    pub window_overflows: u64,
    /// What each link gave to it.
    pub links: Vec<LinkReport>,
}

impl Instrument {
    #[cold]
    pub(crate) fn new(symbol: &str, plan: &FeaturePlan) -> Self {
        let scale = Scale::default();
        Self {
            symbol: symbol.to_owned(),
            features: FeatureState::new(plan, scale, None),
            scale,
            tick_size: None,
            tick_source: TickSource::Unknown,
            frame_count: 0,
            frame_epoch: 0,
            published: Published::default(),
            touched: false,
            trades: TradeRace::default(),
            counts: InstrumentCounts::default(),
        }
    }

    /// Takes a tick, unless one from a better source is there; whether it did.
    #[cold]
    pub(crate) fn take_tick(&mut self, tick_size: Decimal, source: TickSource) -> bool {
        let taken = source >= self.tick_source && tick_size.mantissa > 0;
        if taken {
            self.tick_size = Some(tick_size);
            self.tick_source = source;
        }
        taken
    }

    /// One tick in price units, where it is a whole number of them.
    pub(crate) fn tick_units(&self) -> Option<i64> {
        self.tick_size.and_then(|tick| tick.at(self.scale.price_decimals))
    }

    /// The report, by the leading link's book and what each link gave.
    pub(crate) fn report(&self, book: &Book, links: Vec<LinkReport>) -> InstrumentReport {
        InstrumentReport {
            symbol: self.symbol.clone(),
            state: book.state(),
            stale_cause: book.stale_cause(),
            epoch: self.published.epoch,
            book: book.counters(),
            gaps: self.counts.gaps,
            stale: self.counts.stale,
            checksum_ok: self.counts.checksum_ok,
            checksum_bad: self.counts.checksum_bad,
            trades: self.counts.trades,
            tickers: self.counts.tickers,
            frames: self.frame_count,
            withheld_crossed: self.counts.withheld_crossed,
            levels: [book.level_count(Side::Bid), book.level_count(Side::Ask)],
            scale: self.scale,
            tick_size: self.tick_size,
            tick_source: self.tick_source,
            window_overflows: self.features.overflows(),
            links,
        }
    }
}

/// (best bid + best ask) / 2 of a book in the quote currency; `None` if a side is empty.
pub(crate) fn mid(book: &Book, scale: Scale) -> Option<f64> {
    let price = |level: Level| level.price.units() as f64;
    let sum = price(book.best(Side::Bid)?) + price(book.best(Side::Ask)?);
    Some(sum / 2.0 / 10f64.powi(i32::from(scale.price_decimals)))
}
