//! Fills a tape while a run goes on.

use super::{Break, InstrumentTape, Quote, Row, Segment, Tape, TapeError};
use crate::lookahead::Decided;
use tickhawk_book::Book;
use tickhawk_engine::{Follower, MarketSink, Scored};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{
    BookState, BookUpdate, InstrumentId, Level, Price, Qty, Scale, Side, StaleCause, UnixNanos,
};
use tickhawk_signal::{Decision, Policy};

/// What a recorder keeps, and how much.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// Quotes kept at most, over all instruments: at most 2^31. A signal more is kept a quote at most.
    pub quotes_max: u64,
    /// Silence of the whole recording, in nanoseconds, after which what was known is no longer
    /// believed.
    pub gap_ns: u64,
    /// Signals received before this are not kept; their quotes are.
    pub from: UnixNanos,
    /// Signals received at or after this are not kept.
    pub until: UnixNanos,
    /// Index in the plan of the feature that is the yardstick.
    pub yardstick: usize,
    /// The policy that decides on the yardstick.
    pub policy: Policy,
    /// Whether every frame and its signal are kept as one number, for [`crate::lookahead`].
    pub keep_decided: bool,
}

/// Follows a run and keeps what is judged of it. [`Recorder::begin`] is called before each record.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    tape: Tape,
    states: Vec<State>,
    now: UnixNanos,
    /// Number of the record at hand, from 1.
    record: u64,
    failure: Option<TapeError>,
    decided: Vec<Decided>,
}

/// Where one instrument stands.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Whether its last segment is still going on.
    is_open: bool,
    /// The record that left the last quote, and the first one it left.
    record: u64,
    first_of_record: usize,
    /// What the policy holds by the yardstick.
    held: Decision,
}

impl Recorder {
    /// An empty one.
    ///
    /// # Panics
    /// If more than 2^31 quotes may be kept.
    pub fn new(options: RecorderOptions) -> Self {
        assert!(options.quotes_max <= 1 << 31, "quotes are counted in 32 bits");
        Self {
            options,
            tape: Tape::default(),
            states: Vec::new(),
            now: UnixNanos::default(),
            record: 0,
            failure: None,
            decided: Vec::new(),
        }
    }

    /// A record received at that time goes through the stages next.
    ///
    /// # Errors
    /// If what came before could not be kept.
    pub fn begin(&mut self, received_at: UnixNanos) -> Result<(), TapeError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.record += 1;
        if self.tape.first_at.is_none() {
            self.tape.first_at = Some(received_at);
            self.now = received_at;
        }
        let before = self.now;
        self.now = before.max(received_at);
        if self.now.nanos() - before.nanos() > self.options.gap_ns {
            let until = UnixNanos::new(before.nanos().saturating_add(1));
            (0..self.states.len()).for_each(|index| self.close(index, until, Break::Gap));
        }
        self.tape.last_at = self.now;
        Ok(())
    }

    /// Records so far.
    pub fn records(&self) -> u64 {
        self.record
    }

    /// What was kept, and what was decided where that was wanted.
    ///
    /// # Errors
    /// If not all could be kept.
    pub fn finish(mut self) -> Result<(Tape, Vec<Decided>), TapeError> {
        let until = UnixNanos::new(self.now.nanos().saturating_add(1));
        (0..self.states.len()).for_each(|index| self.close(index, until, Break::End));
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok((self.tape, self.decided)),
        }
    }

    /// Ends the segment that goes on, if one does.
    fn close(&mut self, index: usize, until: UnixNanos, cause: Break) {
        let (state, tape) = (&mut self.states[index], &mut self.tape.instruments[index]);
        if !std::mem::take(&mut state.is_open) {
            return;
        }
        if let Some(segment) = tape.segments.last_mut() {
            (segment.end, segment.until, segment.cause) = (tape.quotes.len() as u32, until, cause);
            if segment.first == segment.end {
                tape.segments.pop();
            }
        }
    }

    /// What this record told of a book that it then proved wrong was not known of it.
    fn forget_record(&mut self, index: usize) {
        let (state, tape) = (&self.states[index], &mut self.tape.instruments[index]);
        if state.is_open && state.record == self.record {
            let first = tape.segments.last().map_or(0, |segment| segment.first as usize);
            let keep = state.first_of_record.max(first);
            self.tape.quotes -= (tape.quotes.len() - keep) as u64;
            tape.quotes.truncate(keep);
        }
    }

    fn push(&mut self, index: usize, quote: Quote) {
        if self.tape.quotes >= self.options.quotes_max {
            let quotes_max = self.options.quotes_max;
            self.failure.get_or_insert(TapeError::TooLong { quotes_max });
            return;
        }
        self.tape.quotes += 1;
        let (state, tape) = (&mut self.states[index], &mut self.tape.instruments[index]);
        if state.record != self.record {
            (state.record, state.first_of_record) = (self.record, tape.quotes.len());
        }
        if !state.is_open {
            state.is_open = true;
            let first = tape.quotes.len() as u32;
            let until = UnixNanos::new(u64::MAX);
            tape.segments.push(Segment { first, end: u32::MAX, until, cause: Break::End });
        }
        tape.quotes.push(quote);
    }
}

impl MarketSink for Recorder {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        let symbol = symbol.to_owned();
        self.tape.instruments.push(InstrumentTape { symbol, ..Default::default() });
        self.states.push(State::default());
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        let tape = &mut self.tape.instruments[id.index()];
        if rescale(&mut tape.quotes, tape.scale, scale).is_none() {
            self.failure.get_or_insert(TapeError::Overflow { symbol: tape.symbol.clone() });
        }
        tape.scale = scale;
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        self.close(id.index(), at, Break::Epoch);
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        if book.state() != BookState::Live {
            return;
        }
        let index = update.instrument.index();
        let (Some(bid), Some(ask)) = (book.best(Side::Bid), book.best(Side::Ask)) else {
            self.tape.instruments[index].one_sided += 1;
            return;
        };
        if book.is_crossed() {
            self.tape.instruments[index].crossed += 1;
            return;
        }
        self.push(index, Quote { received_at: at, bid, ask });
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.forget_record(id.index());
        self.close(id.index(), self.now, cause.into());
    }
}

impl Follower for Recorder {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        if self.options.keep_decided {
            self.decided.push(Decided::new(self.record, frame, scored));
        }
        let index = frame.instrument().index();
        let state = &mut self.states[index];
        if frame.restarted() {
            state.held = Decision::Flat;
        }
        let at = self.options.yardstick;
        let is_valid = frame.valid()[at / 64] >> (at % 64) & 1 == 1;
        let yardstick = is_valid.then(|| frame.features()[at]);
        if let Some(value) = yardstick {
            state.held = self.options.policy.decide(state.held, value);
        }
        let tape = &mut self.tape.instruments[index];
        let wanted = self.options.from <= frame.received_at();
        let wanted = wanted && frame.received_at() < self.options.until;
        let Some(signal) = scored.signal.as_ref().filter(|_| wanted && state.is_open) else {
            return;
        };
        tape.rows.push(Row {
            quote: tape.quotes.len() as u32 - 1,
            segment: tape.segments.len() as u32 - 1,
            score: signal.score,
            probabilities: signal.probabilities,
            yardstick,
            decision: signal.decision,
            yardstick_decision: state.held,
            tier: signal.tier,
        });
    }
}

/// Multiplies all up to the decimals of `now`; `None` if they do not fit.
fn rescale(quotes: &mut [Quote], before: Scale, now: Scale) -> Option<()> {
    let factor = |before: u8, now: u8| 10i64.checked_pow(u32::from(now.checked_sub(before)?));
    if quotes.is_empty() {
        return Some(());
    }
    let price = factor(before.price_decimals, now.price_decimals)?;
    let qty = factor(before.qty_decimals, now.qty_decimals)?;
    let level = |level: Level| {
        Some(Level {
            price: Price::new(level.price.units().checked_mul(price)?),
            qty: Qty::new(level.qty.units().checked_mul(qty)?),
        })
    };
    for quote in quotes {
        (quote.bid, quote.ask) = (level(quote.bid)?, level(quote.ask)?);
    }
    Some(())
}
