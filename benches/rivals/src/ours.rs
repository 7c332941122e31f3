//! Tickhawk itself: one book message at a time, and the whole engine.

use crate::{
    outcome::Outcome,
    recording::{BookMessage, CONNECTION, Received, Recording},
};
use anyhow::{Result, ensure};
use std::{io::Write, path::Path};
use tickhawk_book::{Book, BookLimits};
use tickhawk_engine::{
    DecisionStage, Inline, Listener, MarketOptions, MarketStage, Notice, Record,
};
use tickhawk_feature::FeaturePlan;
use tickhawk_inference::{Engine, Model, RuntimeOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{Level, Scale, Side, Update, Updates};
use tickhawk_signal::{Policy, Signal, SignalLine};
use tickhawk_venue::{Decoder, Limits, Venue};

/// Decoder and book; OBI(5) after each message.
pub struct OurUpdate {
    decoder: Decoder,
    updates: Updates,
    book: Book,
    top: [Level; 5],
    outcome: Outcome,
    scale: Scale,
}

impl OurUpdate {
    /// A book that has its snapshot.
    pub fn new(recording: &Recording) -> Result<Self> {
        let mut this = Self {
            decoder: Decoder::new(Venue::BinanceFutures, None, Limits::default()),
            updates: Updates::new(),
            book: Book::new(BookLimits::default()),
            top: [Level::default(); 5],
            outcome: Outcome::default(),
            scale: Scale::default(),
        };
        for received in &recording.received {
            let Received::Reply { url, body, .. } = received else { continue };
            this.updates.clear();
            let reply = (CONNECTION, Some(url.as_str()), Some(200), &body[..]);
            this.decoder.rest_reply(reply.0, reply.1, reply.2, reply.3, &mut this.updates)?;
            this.take_updates();
        }
        Ok(this)
    }

    /// One frame.
    #[inline]
    pub fn on_message(&mut self, frame: &[u8]) -> Result<()> {
        self.updates.clear();
        self.decoder.frame(CONNECTION, frame, &mut self.updates)?;
        self.take_updates();
        Ok(())
    }

    #[inline]
    fn take_updates(&mut self) {
        let Self { updates, book, top, outcome, scale, .. } = self;
        for update in &updates.updates {
            match update {
                Update::Scale { scale: grown, .. } => {
                    *scale = *grown;
                    book.set_scale(*grown);
                }
                Update::Book(message) => {
                    book.apply(message, updates.changes_of(message));
                    let [bid, ask] = [Side::Bid, Side::Ask].map(|side| {
                        let count = book.top(side, top);
                        top[..count].iter().map(|level| level.qty.units()).sum::<i64>() as f64
                    });
                    outcome.add(bid, ask);
                }
                _ => {}
            }
        }
    }

    /// Where the book stands.
    pub fn outcome(&self) -> Outcome {
        let [bid, ask] = [Side::Bid, Side::Ask].map(|side| best(&self.book, side, self.scale));
        Outcome { bid, ask, ..self.outcome }
    }
}

/// Price and quantity of a side's best level.
pub fn best(book: &Book, side: Side, scale: Scale) -> [f64; 2] {
    let best = book.best(side).unwrap_or_default();
    let real = |units: i64, decimals: u8| units as f64 / 10f64.powi(i32::from(decimals));
    [real(best.price.units(), scale.price_decimals), real(best.qty.units(), scale.qty_decimals)]
}

/// The book alone, from decoded messages.
pub struct OurLevels {
    book: Book,
}

impl OurLevels {
    /// A book that has its snapshot, the first of the messages.
    pub fn new(scale: Scale, snapshot: &BookMessage) -> Self {
        let mut book = Book::new(BookLimits::default());
        book.set_scale(scale);
        book.apply(&snapshot.0, &snapshot.1);
        Self { book }
    }

    /// One diff.
    #[inline]
    pub fn on_message(&mut self, message: &BookMessage) {
        self.book.apply(&message.0, &message.1);
    }

    /// The book.
    pub fn book(&self) -> &Book {
        &self.book
    }
}

/// The whole engine on one thread, with its model; signals become lines.
pub struct OurEngine<W> {
    inline: Inline,
    lines: Lines<W>,
}

impl<W: Write> OurEngine<W> {
    /// Both stages, as `tickhawk replay` makes them.
    pub fn new(model: &Path, out: W) -> Result<Self> {
        let model = Model::load(model, &native())?;
        let contract = model.contract();
        let plan = FeaturePlan::compile(contract.features(), Default::default())?;
        let tick_size = contract.tick_size();
        let schema = contract.schema().to_string();
        let options = MarketOptions {
            contract_tick_size: tick_size,
            ..MarketOptions::new(Venue::BinanceFutures)
        };
        let clock = Clock::new();
        let market = MarketStage::new(options, plan, clock.clone());
        let policy = Policy::new(crate::ENTER, crate::EXIT)?;
        let lines =
            Lines { out, line: Vec::new(), symbols: Vec::new(), scores: Scores::default(), schema };
        Ok(Self { inline: Inline::new(market, DecisionStage::new(model, policy, clock)), lines })
    }

    /// One thing received.
    #[inline]
    pub fn on_received(&mut self, received: &Received) {
        let (received_at, input) = received.input();
        let record = Record { connection: CONNECTION, received_at, input };
        self.inline.step(&record, &mut self.lines, &mut ());
    }

    /// What the signals came to.
    pub fn scores(&self) -> Scores {
        self.lines.scores
    }
}

/// Signals, counted and added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scores {
    /// How many.
    pub signals: u64,
    /// Their scores' sum.
    pub score_sum: f64,
    /// How many are not flat.
    pub not_flat: u64,
}

impl Scores {
    /// Fails unless the other has as many signals, and scores that differ by rounding alone.
    pub fn check(&self, name: &str, other: &Self) -> Result<()> {
        ensure!(self.signals == other.signals, "{name} has {other:?}, not {self:?}");
        let apart = (self.score_sum - other.score_sum).abs() / self.signals.max(1) as f64;
        ensure!(apart <= 1e-6, "{name} has {other:?}, not {self:?}");
        let decisions_apart = self.not_flat.abs_diff(other.not_flat);
        ensure!(decisions_apart * 1000 <= self.signals, "{name} has {other:?}, not {self:?}");
        Ok(())
    }
}

struct Lines<W> {
    out: W,
    line: Vec<u8>,
    symbols: Vec<String>,
    scores: Scores,
    schema: String,
}

impl<W: Write> Listener for Lines<W> {
    fn signal(&mut self, signal: &Signal) {
        self.scores.signals += 1;
        self.scores.score_sum += f64::from(signal.score);
        self.scores.not_flat += u64::from(signal.decision != tickhawk_signal::Decision::Flat);
        let symbol = self.symbols.get(signal.instrument.index()).map_or("?", String::as_str);
        let names = ("binance-futures", symbol, "mlp", "1", self.schema.as_str());
        let line = SignalLine::new(signal, names.0, names.1, names.2, names.3, names.4);
        line.write(&mut self.line, &mut self.out).expect("a sink takes all");
    }

    fn notice(&mut self, notice: Notice) {
        if let Notice::Instrument { symbol, .. } = notice {
            self.symbols.push(symbol);
        }
    }
}

/// Without ONNX Runtime: the process has one environment of it, and that is the rival's.
pub fn native() -> RuntimeOptions {
    RuntimeOptions { engine: Engine::Native, ..RuntimeOptions::default() }
}
