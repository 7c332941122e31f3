//! A form, written step by step.

use crate::{
    about::{About, Decoding, Named, SourceFile, Totals},
    changes::Changes,
    item::counts_mut,
    layout::{
        BLOCK_WORDS, END, HEAD_WORDS, ItemHead, MAGIC, ORDER, STEP_HEAD_WORDS, TRAILER_WORDS,
        VERSION, WORD_BYTES, book, tag, trade, want,
    },
    step::{InputKind, StepHead},
};
use std::{
    collections::BTreeSet,
    io::{self, Write},
};
use tickhawk_market::{
    BookKind, BookUpdate, ConnectionId, InstrumentId, Request, Scale, Side, StaleCause, Trade,
    UnixNanos, Update, Updates,
};
use tickhawk_venue::Counts;

const HEAD: [u64; HEAD_WORDS] = [MAGIC, ORDER, VERSION, 0];

/// Inputs between two steps that tell what was counted.
const COUNTED_INPUTS: u32 = 1 << 16;

/// Writes a form to `out`, forwards. Between [`Writer::begin`] and [`Writer::end`] of each input its
/// items are told, in order; they are held until its end. What is only counted is held longer: most
/// messages of many feeds are tickers, and reading each would take longer than all the rest.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// The step at hand; empty between two.
    step: Vec<u64>,
    head: StepHead,
    /// The latest receive time so far.
    at: UnixNanos,
    /// Connections that closed and brought nothing since.
    closed: BTreeSet<ConnectionId>,
    counted: Counted,
    /// The connection that what is told next is of.
    source: ConnectionId,
    sums: Sums,
    instruments: Vec<Instrument>,
    totals: Totals,
}

#[derive(Debug)]
struct Instrument {
    named: Named,
    scale: Scale,
    /// Tickers not yet told.
    tickers: u64,
}

/// What was counted and not yet told.
#[derive(Debug, Default)]
struct Counted {
    inputs: u32,
    clamped: u32,
    counts: Counts,
}

/// The sums of the blocks.
#[derive(Debug, Default)]
struct Sums {
    done: Vec<u64>,
    hasher: crc32fast::Hasher,
    data_words: usize,
}

impl Sums {
    fn add(&mut self, mut words: &[u64]) {
        while !words.is_empty() {
            let room = BLOCK_WORDS - self.data_words % BLOCK_WORDS;
            let (now, later) = words.split_at(room.min(words.len()));
            self.hasher.update(bytemuck::cast_slice(now));
            self.data_words += now.len();
            if self.data_words.is_multiple_of(BLOCK_WORDS) {
                self.end_block();
            }
            words = later;
        }
    }

    fn end_block(&mut self) {
        let hasher = std::mem::take(&mut self.hasher);
        self.done.push(hasher.finalize().into());
    }

    fn finish(mut self) -> Vec<u64> {
        if !self.data_words.is_multiple_of(BLOCK_WORDS) {
            self.end_block();
        }
        self.done
    }
}

impl<W: Write> Writer<W> {
    /// Begins a form.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(bytemuck::cast_slice(&HEAD))?;
        let (kind, connection) = (InputKind::Opened, ConnectionId(0));
        Ok(Self {
            out,
            step: Vec::with_capacity(4_096),
            head: StepHead { kind, has_book: false, connection, words: 0 },
            at: UnixNanos::default(),
            closed: BTreeSet::new(),
            counted: Counted::default(),
            source: connection,
            sums: Sums::default(),
            instruments: Vec::new(),
            totals: Totals::default(),
        })
    }

    /// Begins an input.
    pub fn begin(&mut self, kind: InputKind, connection: ConnectionId, received_at: UnixNanos) {
        self.counted.inputs += 1;
        self.counted.clamped += u32::from(received_at < self.at);
        self.at = self.at.max(received_at);
        self.step.clear();
        self.step.extend([0, self.at.nanos()]);
        self.head = StepHead { kind, has_book: false, connection, words: 0 };
        self.source = connection;
        self.totals.records += 1;
    }

    /// An instrument was named; its prices are to carry so many decimals at least.
    pub fn named(&mut self, symbol: &str, price_decimals_min: u8) {
        let named =
            Named { symbol: symbol.to_owned(), price_decimals_min, price_decimals_first: None };
        self.item(tag::NAMED, 0, 0, self.instruments.len() as u32);
        self.instruments.push(Instrument { named, scale: Scale::default(), tickers: 0 });
    }

    /// The input could not be read.
    pub fn malformed(&mut self) {
        self.item(tag::MALFORMED, 0, 0, 0);
    }

    /// The input, or a part of it that is of this connection, became these updates; `matches` says
    /// of each book message with a checksum whether it was the book's.
    ///
    /// # Panics
    /// If there are fewer of those than such messages.
    pub fn updates(&mut self, connection: ConnectionId, updates: &Updates, matches: &[bool]) {
        let counts_only = |update: &Update| matches!(update, Update::Ticker(_));
        if connection != self.source && !updates.updates.iter().all(counts_only) {
            self.source = connection;
            self.item(tag::SOURCE, 0, connection.0, 0);
        }
        let mut matches = matches.iter();
        for update in &updates.updates {
            match update {
                Update::Book(message) => {
                    let checked = message.checksum.map(|_| {
                        *matches.next().expect("every checksum was held against the book")
                    });
                    self.book(message, updates, checked);
                }
                Update::Trade(trade) => self.trade(trade),
                Update::Ticker(ticker) => {
                    self.totals.updates += 1;
                    self.instruments[ticker.instrument.index()].tickers += 1;
                }
                Update::Scale { instrument, scale } => self.scale(*instrument, *scale),
                Update::Metadata { instrument, metadata } => {
                    // The rest of it no book and no feature rests on.
                    let Some(tick) = metadata.tick_size else { continue };
                    let low = u16::from(tick.decimals) | u16::from(tick.written_decimals) << 8;
                    self.item(tag::TICK, 0, low, instrument.0);
                    self.step.push(tick.mantissa.cast_unsigned());
                }
                Update::Syncing(id) => self.item(tag::SYNCING, 0, 0, id.0),
                Update::Stale { instrument, cause } => self.stale(*instrument, *cause),
            }
        }
    }

    /// Something was needed from outside, by this link.
    pub fn want(&mut self, link: u16, request: Request, channel: Option<u64>) {
        let (kind, high) = match request {
            Request::Snapshot(id) => (want::SNAPSHOT, id.0),
            Request::Resubscribe(id) => (want::RESUBSCRIBE, id.0),
            Request::Reconnect(connection) => (want::RECONNECT, connection.0.into()),
            Request::GiveUp(connection, _) => (want::GIVE_UP, connection.0.into()),
        };
        let channel = match request {
            Request::GiveUp(_, channel) => Some(channel),
            _ => channel,
        };
        let flags = kind | if channel.is_some() { want::CHANNEL } else { 0 };
        self.item(tag::WANT, flags, link, high);
        self.step.extend(channel);
    }

    /// What the decoders counted of the input.
    pub fn counts(&mut self, counts: Counts) {
        self.counted.counts += counts;
    }

    /// Ends the input.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        if self.counted.inputs >= COUNTED_INPUTS {
            self.tell_counted();
        }
        let StepHead { kind, connection, .. } = self.head;
        let begins_or_ends = match kind {
            InputKind::Opened => {
                self.closed.remove(&connection);
                true
            }
            InputKind::Closed => {
                self.closed.insert(connection);
                true
            }
            // One that was thought closed is not.
            InputKind::Frame => self.closed.remove(&connection),
            _ => false,
        };
        if begins_or_ends || self.step.len() > STEP_HEAD_WORDS {
            return self.write_step();
        }
        Ok(())
    }

    fn write_step(&mut self) -> io::Result<()> {
        self.totals.steps += 1;
        let words = u32::try_from(self.step.len());
        self.head.words = words.map_err(|_| io::Error::other("an input is longer than 32 GiB"))?;
        self.step[0] = self.head.word();
        self.sums.add(&self.step);
        self.out.write_all(bytemuck::cast_slice(&self.step))
    }

    /// Ends the form. What it holds, its size in bytes, and where it was written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(
        mut self,
        venue: &str,
        decoding: Decoding,
        sources: Vec<SourceFile>,
    ) -> io::Result<(About, u64, W)> {
        self.tell_last()?;
        let Self { mut out, instruments, totals, sums, .. } = self;
        let about = About {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            venue: venue.to_owned(),
            decoding,
            instruments: instruments.into_iter().map(|instrument| instrument.named).collect(),
            sources,
            totals,
        };
        let text = sonic_rs::to_vec(&about).map_err(io::Error::other)?;
        let data_words = sums.data_words;
        let mut behind = sums.finish();
        let begin = behind.len();
        behind.resize(begin + text.len().div_ceil(WORD_BYTES), 0);
        let room: &mut [u8] = bytemuck::cast_slice_mut(&mut behind[begin..]);
        room[..text.len()].copy_from_slice(&text);
        behind.extend([data_words as u64, text.len() as u64]);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(bytemuck::cast_slice(&HEAD));
        hasher.update(bytemuck::cast_slice(&behind));
        behind.extend([hasher.finalize().into(), END]);
        debug_assert!(behind.len() >= TRAILER_WORDS);
        out.write_all(bytemuck::cast_slice(&behind))?;
        let words = HEAD_WORDS + data_words + behind.len();
        Ok((about, (words * WORD_BYTES) as u64, out))
    }

    /// A last step for what was counted, as if time had passed.
    fn tell_last(&mut self) -> io::Result<()> {
        self.step.clear();
        self.step.extend([0, self.at.nanos()]);
        let (kind, connection) = (InputKind::Timer, ConnectionId(0));
        self.head = StepHead { kind, has_book: false, connection, words: 0 };
        self.tell_counted();
        if self.step.len() > STEP_HEAD_WORDS { self.write_step() } else { Ok(()) }
    }

    /// Adds to the step what was counted and not told.
    fn tell_counted(&mut self) {
        let Counted { clamped, mut counts, .. } = std::mem::take(&mut self.counted);
        while counts != Counts::default() {
            let at = self.step.len();
            self.step.push(0);
            let mut which = 0;
            for (index, count) in counts_mut(&mut counts).into_iter().enumerate() {
                let told = (*count).min(u32::MAX.into());
                if told != 0 {
                    which |= 1 << index;
                    self.step.push(told);
                    *count -= told;
                }
            }
            self.step[at] = ItemHead { tag: tag::COUNTS, flags: 0, low: which, high: 0 }.word();
        }
        if clamped != 0 {
            self.item(tag::CLAMPED, 0, 0, clamped);
        }
        for index in 0..self.instruments.len() {
            let mut tickers = std::mem::take(&mut self.instruments[index].tickers);
            while tickers != 0 {
                let told = tickers.min(u32::MAX.into());
                tickers -= told;
                self.item(tag::TICKERS, 0, 0, index as u32);
                self.step.push(told);
            }
        }
    }

    fn item(&mut self, tag: u8, flags: u8, low: u16, high: u32) {
        debug_assert!(self.step.len() >= STEP_HEAD_WORDS, "a step was begun");
        self.step.push(ItemHead { tag, flags, low, high }.word());
    }

    fn book(&mut self, message: &BookUpdate, updates: &Updates, checked: Option<bool>) {
        let changes = updates.changes_of(message);
        self.totals.updates += 1;
        self.totals.levels += changes.len() as u64;
        self.note_scale(message.instrument);
        self.head.has_book = true;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(message.kind == BookKind::Snapshot, book::SNAPSHOT)
            | flag(message.exchange_at.is_some(), book::EXCHANGE_AT)
            | flag(message.sequence.is_some(), book::SEQUENCE)
            | flag(checked.is_some(), book::CHECKED)
            | flag(checked == Some(true), book::MATCHES)
            | flag(message.depth.is_some(), book::DEPTH);
        let at = self.step.len();
        let depth = u64::from(message.depth.unwrap_or_default());
        self.step.extend([0, changes.len() as u64 | depth << 32]);
        self.step.extend(message.exchange_at.map(UnixNanos::nanos));
        self.step.extend(message.sequence);
        let wide = flag(Changes::write(changes, &mut self.step), book::WIDE);
        let high = message.instrument.0;
        self.step[at] = ItemHead { tag: tag::BOOK, flags: flags | wide, low: 0, high }.word();
    }

    fn trade(&mut self, trade: &Trade) {
        self.totals.updates += 1;
        self.totals.trades += 1;
        self.note_scale(trade.instrument);
        let Trade { instrument, price, qty, taker, exchange_at, id } = trade;
        let mut flags = if *taker == Side::Ask { trade::SOLD } else { 0 };
        flags |= if exchange_at.is_some() { trade::EXCHANGE_AT } else { 0 };
        flags |= if id.is_some() { trade::ID } else { 0 };
        self.item(tag::TRADE, flags, 0, instrument.0);
        self.step.extend([price.units(), qty.units()].map(i64::cast_unsigned));
        self.step.extend(exchange_at.map(UnixNanos::nanos));
        self.step.extend(*id);
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        let low = u16::from(scale.price_decimals) | u16::from(scale.qty_decimals) << 8;
        self.item(tag::SCALE, 0, low, id.0);
        let own = &mut self.instruments[id.index()].scale;
        // With two links one may tell of fewer decimals than the other did.
        own.price_decimals = own.price_decimals.max(scale.price_decimals);
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.item(tag::STALE, 0, cause as u16, id.0);
    }

    /// The instrument's first numbers are those with the decimals of now.
    fn note_scale(&mut self, id: InstrumentId) {
        let Instrument { named, scale, .. } = &mut self.instruments[id.index()];
        named.price_decimals_first.get_or_insert(scale.price_decimals);
    }
}
