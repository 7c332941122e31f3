//! Recordings to the decoded form, by the market stage itself.

use crate::{Input, MarketOptions, MarketSink, MarketStage, Record, Silence, Want, WantKind};
use std::io::{self, Write};
use tickhawk_decoded::{About, Decoding, SourceFile, Writer};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{ConnectionId, InstrumentId, MonoNanos, Request, Updates};
use tickhawk_venue::{Counts, DecodeError};

/// Takes inputs through a market stage, and writes what it was told of each. The stage's own findings
/// (a checksum that is not the book's, a lasting cross) change what a decoder says next, so a decoder
/// alone would not do. No silence is judged, as in replays.
pub struct Compiler<W> {
    market: MarketStage,
    options: MarketOptions,
    writer: Writer<W>,
    heard: Heard,
    /// What the decoders had counted before the input at hand.
    counts: Counts,
}

/// What the stage tells while it takes an input.
#[derive(Default)]
struct Heard {
    symbols: Vec<String>,
    /// What became of the checksums of the updates to come.
    matches: Vec<bool>,
}

struct Tap<'a, W, S> {
    options: &'a MarketOptions,
    writer: &'a mut Writer<W>,
    heard: &'a mut Heard,
    sink: &'a mut S,
}

impl<W: Write> Compiler<W> {
    /// Begins a form. Of the options, ticks say no more than how many decimals prices carry.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(options: MarketOptions, out: W) -> io::Result<Self> {
        let options = MarketOptions { silence: Silence::default(), ..options };
        // Nothing is made of features; a plan has at least one.
        let plan = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default());
        let plan = plan.expect("the name is a feature's");
        Ok(Self {
            market: MarketStage::new(options.clone(), plan, Clock::still()),
            options,
            writer: Writer::new(out)?,
            heard: Heard::default(),
            counts: Counts::default(),
        })
    }

    /// Takes one input. `sink` hears what could not be read.
    ///
    /// # Errors
    /// If the form cannot be written.
    ///
    /// # Panics
    /// If the input was decoded before.
    pub fn step(&mut self, record: &Record<'_>, sink: &mut impl MarketSink) -> io::Result<()> {
        let Record { connection, received_at, input } = *record;
        assert!(!matches!(input, Input::Decoded(_)), "what is compiled is not decoded yet");
        let Self { market, options, writer, heard, counts } = self;
        writer.begin(input.kind(), connection, received_at);
        let mut tap = Tap { options, writer, heard, sink };
        market.step(connection, received_at, MonoNanos::default(), input, &mut tap);
        let before = std::mem::replace(counts, market.decoder_counts());
        writer.counts(*counts - before);
        writer.end()
    }

    /// The stage, for what it counted.
    pub fn market(&self) -> &MarketStage {
        &self.market
    }

    /// Ends the form, which was made of these recordings: what it says of itself, its size in bytes,
    /// and where it was written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self, sources: Vec<SourceFile>) -> io::Result<(About, u64, W)> {
        let decoding = self.options.decoding();
        self.writer.finish(self.options.venue.slug(), decoding, sources)
    }
}

impl<W: Write, S: MarketSink> MarketSink for Tap<'_, W, S> {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        self.heard.symbols.push(symbol.to_owned());
        self.writer.named(symbol, self.options.price_decimals_of(symbol));
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.writer.malformed();
        self.sink.malformed(connection, error);
    }

    fn checked(&mut self, _id: InstrumentId, matches: bool) {
        self.heard.matches.push(matches);
    }

    fn taken(&mut self, connection: ConnectionId, updates: &Updates) {
        self.writer.updates(connection, updates, &self.heard.matches);
        self.heard.matches.clear();
    }

    fn want(&mut self, want: Want) {
        let named = |symbol: &String| {
            let index = self.heard.symbols.iter().position(|name| name == symbol);
            InstrumentId(index.expect("the stage names what it wants") as u32)
        };
        let (request, channel) = match &want.kind {
            WantKind::Snapshot { symbol } => (Request::Snapshot(named(symbol)), None),
            WantKind::Resubscribe { symbol, channel } => {
                (Request::Resubscribe(named(symbol)), *channel)
            }
            WantKind::Reconnect { connection } => (Request::Reconnect(*connection), None),
            WantKind::GiveUp { connection, channel } => {
                (Request::GiveUp(*connection, *channel), None)
            }
        };
        self.writer.want(want.link, request, channel);
    }
}

/// A form that was decoded in another way than a run would decode the recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the recording was compiled with {what} {compiled}, and this run has {asked}\n\
     hint: compile it again with the flags and the config of this run"
)]
pub struct OtherDecoding {
    /// What differs.
    pub what: String,
    /// What the form was made with.
    pub compiled: String,
    /// What the run has.
    pub asked: String,
}

impl MarketOptions {
    /// The options with what the form alone knows: its links, and its instruments where none are
    /// asked for by name.
    ///
    /// # Errors
    /// If the recording, read with these options, would have been decoded otherwise.
    pub fn for_form(self, about: &About) -> Result<Self, OtherDecoding> {
        let Decoding { symbols, links, shares_ids, .. } = &about.decoding;
        let options = Self {
            symbols: self.symbols.or_else(|| symbols.clone()),
            links: (*links).clamp(1, 2),
            shares_ids: *shares_ids,
            ..self
        };
        options.same_as(about).map(|()| options)
    }

    fn same_as(&self, about: &About) -> Result<(), OtherDecoding> {
        let (own, other) = (self.decoding(), &about.decoding);
        same("the venue", &about.venue, &self.venue.slug().to_owned())?;
        let names = |symbols: &Option<Vec<String>>| match symbols {
            Some(symbols) => symbols.join(","),
            None => "all".to_owned(),
        };
        same("the symbols", &names(&other.symbols), &names(&own.symbols))?;
        same("`levels_per_side`", &other.levels_per_side, &own.levels_per_side)?;
        same("`crossed_messages`", &other.crossed_messages, &own.crossed_messages)?;
        same("a limit of frame bytes of", &other.frame_bytes, &own.frame_bytes)?;
        same("a limit of instruments of", &other.instruments_max, &own.instruments_max)?;
        same("a limit of buffered bytes of", &other.buffered_bytes, &own.buffered_bytes)?;
        same("a number of links of", &other.links, &own.links)?;
        if about.instruments.len() > self.limits.instruments {
            let what = "a number of instruments of";
            same(what, &about.instruments.len(), &self.limits.instruments)?;
        }
        for named in &about.instruments {
            let asked = self.price_decimals_of(&named.symbol);
            if !named.is_alike(asked) {
                let what = format!("price decimals for the tick of {} of", named.symbol);
                same(&what, &named.price_decimals_min, &asked)?;
            }
        }
        Ok(())
    }

    /// What of the options decides how a recording is decoded, but for decimals.
    pub(crate) fn decoding(&self) -> Decoding {
        let symbols = self.symbols.clone().map(|mut symbols| {
            symbols.sort_unstable();
            symbols
        });
        Decoding {
            symbols,
            links: self.links,
            shares_ids: self.shares_ids,
            levels_per_side: self.book_limits.levels_per_side as u64,
            crossed_messages: self.crossed_messages(),
            frame_bytes: self.limits.frame_bytes as u64,
            instruments_max: self.limits.instruments as u64,
            buffered_bytes: self.limits.buffered_bytes as u64,
        }
    }
}

fn same<T: PartialEq + ToString>(what: &str, compiled: &T, asked: &T) -> Result<(), OtherDecoding> {
    if compiled == asked {
        return Ok(());
    }
    let [compiled, asked] = [compiled, asked].map(ToString::to_string);
    Err(OtherDecoding { what: what.to_owned(), compiled, asked })
}
