//! What is kept of a run: the best prices after each book message, and each signal.

mod recorder;

pub use recorder::{Recorder, RecorderOptions};

use serde::{Deserialize, Serialize};
use tickhawk_feature::Microprice;
use tickhawk_market::{Decimal, Level, Scale, StaleCause, UnixNanos};
use tickhawk_signal::{Decision, Tier};

/// Best bid and ask after one book message, in the instrument's integers. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Receive time of the message. Never runs backwards within an instrument.
    pub received_at: UnixNanos,
    /// The best bid; its price is at or below the ask's.
    pub bid: Level,
    /// The best ask.
    pub ask: Level,
}

const _: () = assert!(size_of::<Quote>() == 40);

/// Why a stretch of quotes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Break {
    /// A new epoch began.
    Epoch,
    /// The book went stale.
    Stale,
    /// The recording itself was silent for longer than is believed.
    Gap,
    /// The recording ended.
    End,
}

impl Break {
    /// All of them, in the order reports have them.
    pub const ALL: [Self; 4] = [Self::Epoch, Self::Stale, Self::Gap, Self::End];
}

/// A stretch over which the book was whole: prices within it may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Index of its first quote.
    pub first: u32,
    /// Index past its last quote.
    pub end: u32,
    /// The first nanosecond of which the book is not known any more.
    pub until: UnixNanos,
    /// What ended it.
    pub cause: Break,
}

/// A signal, and what stood beside it when it was made. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Index of the quote that the signal was made from.
    pub quote: u32,
    /// Index of the segment that quote is of.
    pub segment: u32,
    /// The model's score: p_up - p_down, or its one value.
    pub score: f32,
    /// Probabilities of down, flat and up, where the model gives classes.
    pub probabilities: Option<[f32; 3]>,
    /// The yardstick, a feature of the same frame, where it has a value.
    pub yardstick: Option<f32>,
    /// What the policy made of the score.
    pub decision: Decision,
    /// What the same policy makes of the yardstick.
    pub yardstick_decision: Decision,
    /// Who answered.
    pub tier: Tier,
}

/// What is kept of one instrument.
#[derive(Clone, Debug, Default)]
pub struct InstrumentTape {
    /// The venue's own symbol.
    pub symbol: String,
    /// Decimals of the integers.
    pub scale: Scale,
    /// One price step, where it is known.
    pub tick_size: Option<Decimal>,
    /// Best prices by book message.
    pub quotes: Vec<Quote>,
    /// Stretches of them, in order. None overlap; every quote is in one.
    pub segments: Vec<Segment>,
    /// Signals by time.
    pub rows: Vec<Row>,
    /// Book messages that left no quote because the book was crossed.
    pub crossed: u64,
    /// Book messages that left no quote because a side was empty.
    pub one_sided: u64,
}

/// What is kept of a run.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// By the ids of the run.
    pub instruments: Vec<InstrumentTape>,
    /// Quotes of all of them.
    pub quotes: u64,
    /// Receive time of the first input, if there was one.
    pub first_at: Option<UnixNanos>,
    /// Receive time of the last input.
    pub last_at: UnixNanos,
}

/// A run that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// The recording has more book messages than may be kept: judge fewer instruments or a shorter
    /// recording, or allow more (40 bytes each, and as much again for its signal).
    #[error("the recording has more than {quotes_max} book messages, which is as many as are kept")]
    TooLong {
        /// The limit.
        quotes_max: u64,
    },
    /// Prices and quantities do not fit 64 bits with the decimals that came later: judge the parts
    /// of the recording before and after by themselves.
    #[error("{symbol}: prices so far do not fit the decimals that the venue now writes")]
    Overflow {
        /// Whose.
        symbol: String,
    },
}

/// Which price a return is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceKind {
    /// (bid + ask) / 2.
    Mid,
    /// (bid quantity * ask + ask quantity * bid) / (bid quantity + ask quantity).
    WeightedMid,
    /// Stoikov's micro-price (2018) by the table of the run's config.
    Microprice,
}

impl PriceKind {
    /// The word outputs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mid => "mid",
            Self::WeightedMid => "weighted_mid",
            Self::Microprice => "microprice",
        }
    }
}

/// The micro-price of a run: its table, and one tick of the instrument in price units.
#[derive(Clone, Copy, Debug)]
pub struct Micro<'a> {
    /// The fitted table.
    pub table: &'a Microprice,
    /// One tick in price units, above 0.
    pub tick_units: i64,
}

impl Quote {
    /// (bid + ask) / 2 in price units.
    #[inline]
    pub fn mid(&self) -> f64 {
        (self.bid.price.units() as f64 + self.ask.price.units() as f64) / 2.0
    }

    /// The price in price units; `None` if it is not defined here.
    #[inline]
    pub fn price(&self, kind: PriceKind, micro: Option<Micro<'_>>) -> Option<f64> {
        match kind {
            PriceKind::Mid => Some(self.mid()),
            PriceKind::WeightedMid => {
                let (bid, ask) = (self.bid.price.units() as f64, self.ask.price.units() as f64);
                let (bid_qty, ask_qty) = (self.bid.qty.units() as f64, self.ask.qty.units() as f64);
                let both = bid_qty + ask_qty;
                (both > 0.0).then(|| (bid_qty * ask + ask_qty * bid) / both)
            }
            PriceKind::Microprice => {
                let Micro { table, tick_units } = micro?;
                let offset = table.offset_ticks_of(self.bid, self.ask, tick_units)?;
                Some(self.mid() + offset * tick_units as f64)
            }
        }
    }
}

impl InstrumentTape {
    /// Receive time of the input that made the row's signal.
    pub fn at(&self, row: &Row) -> u64 {
        self.quotes[row.quote as usize].received_at.nanos()
    }

    /// The quote that stands at that time, the last one received until then; `from` is a quote of the
    /// segment that was received no later. `None` if the segment does not reach that far.
    pub fn standing_at(&self, segment: &Segment, from: u32, at_ns: u64) -> Option<u32> {
        if at_ns >= segment.until.nanos() {
            return None;
        }
        let later = &self.quotes[from as usize..segment.end as usize];
        // Most horizons are short: look near before looking far.
        let mut reach = 16;
        while reach < later.len() && later[reach - 1].received_at.nanos() <= at_ns {
            reach *= 2;
        }
        let near = &later[..reach.min(later.len())];
        let past = near.partition_point(|quote| quote.received_at.nanos() <= at_ns);
        Some(from + past.saturating_sub(1) as u32)
    }

    /// One tick in price units, where it is a whole number of them.
    pub fn tick_units(&self) -> Option<i64> {
        self.tick_size.and_then(|tick| tick.at(self.scale.price_decimals)).filter(|tick| *tick > 0)
    }

    /// Nanoseconds over which the book was whole.
    pub fn covered_ns(&self) -> u64 {
        let spans = self.segments.iter().map(|segment| {
            let first = self.quotes[segment.first as usize].received_at.nanos();
            segment.until.nanos().saturating_sub(first)
        });
        spans.sum()
    }
}

/// The word for why a book went stale is the run's; to labels all causes are one.
impl From<StaleCause> for Break {
    fn from(_cause: StaleCause) -> Self {
        Self::Stale
    }
}
