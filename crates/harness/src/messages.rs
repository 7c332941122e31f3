//! The decoded book messages of one instrument, for the steps behind the decoder.

use crate::{HarnessError, Recorded, decode::decode};
use tickhawk_book::{Applied, Book, BookLimits};
use tickhawk_market::{
    BookState, BookUpdate, Change, InstrumentId, Level, Scale, Side, Trade, UnixNanos, Update,
    Updates,
};
use tickhawk_venue::{Decoder, Limits};

/// Fewer messages than this say nothing.
const MESSAGES_MIN: usize = 500;

/// One instrument's messages from its first snapshot on.
pub(crate) struct Messages {
    pub(crate) scale: Scale,
    pub(crate) events: Vec<Event>,
}

/// What one message said.
pub(crate) struct Event {
    pub(crate) at: UnixNanos,
    pub(crate) what: What,
}

pub(crate) enum What {
    Book(BookUpdate, Vec<Change>),
    Trade(Trade),
}

impl Messages {
    /// Of the recording's busiest instrument. Decimals that grow on the way are taken from the end,
    /// so that none of the measured steps has to grow.
    pub(crate) fn new(recorded: &Recorded) -> Result<Self, HarnessError> {
        let Some((symbol, scale)) = busiest(recorded) else {
            return Err(Self::too_few(recorded, 0));
        };
        let mut decoder = Decoder::new(recorded.venue, None, Limits::default());
        let mut out = Updates::new();
        // Named before any message is, so that the first one comes in these decimals too.
        let named = decoder.name(&symbol, &mut out);
        let id = named.expect("a decoder without a list takes every instrument");
        decoder.raise_scale(id, scale);
        let mut events = Vec::new();
        for index in 0..recorded.len() {
            out.clear();
            let record = recorded.record(index, 0);
            decode(&mut decoder, record, &mut out);
            for update in &out.updates {
                let what = match update {
                    Update::Book(book) if book.instrument == id => {
                        What::Book(book.clone(), out.changes_of(book).to_vec())
                    }
                    Update::Trade(trade) if trade.instrument == id => What::Trade(*trade),
                    _ => continue,
                };
                events.push(Event { at: record.received_at, what });
            }
        }
        let books = events.iter().filter(|event| matches!(event.what, What::Book(..))).count();
        match books >= MESSAGES_MIN {
            true => Ok(Self { scale, events }),
            false => Err(Self::too_few(recorded, books)),
        }
    }

    fn too_few(recorded: &Recorded, found: usize) -> HarnessError {
        HarnessError::TooShort { name: recorded.name.clone(), found, needed: MESSAGES_MIN }
    }

    /// The book messages alone.
    pub(crate) fn books(&self) -> impl Iterator<Item = (UnixNanos, &BookUpdate, &[Change])> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Book(update, changes) => Some((event.at, update, &changes[..])),
            What::Trade(_) => None,
        })
    }

    /// A book with these decimals.
    pub(crate) fn book(&self) -> Book {
        let mut book = Book::new(BookLimits::default());
        book.set_scale(self.scale);
        book
    }

    /// The best levels of both sides after each event, best first.
    pub(crate) fn tops(&self, depth: usize) -> Vec<[Vec<Level>; 2]> {
        let mut book = self.book();
        let mut tops = Vec::with_capacity(self.events.len());
        for event in &self.events {
            if let What::Book(update, changes) = &event.what {
                let applied = book.apply(update, changes);
                debug_assert!(applied != Applied::Ignored || book.state() != BookState::Live);
            }
            tops.push([Side::Bid, Side::Ask].map(|side| book.levels(side).take(depth).collect()));
        }
        tops
    }
}

/// The instrument with the most book messages, and its decimals at the end.
fn busiest(recorded: &Recorded) -> Option<(String, Scale)> {
    let mut decoder = Decoder::new(recorded.venue, None, Limits::default());
    let mut out = Updates::new();
    let mut messages: Vec<u64> = Vec::new();
    for index in 0..recorded.len() {
        out.clear();
        decode(&mut decoder, recorded.record(index, 0), &mut out);
        for update in &out.updates {
            let Update::Book(book) = update else { continue };
            let at = book.instrument.index();
            messages.resize(messages.len().max(at + 1), 0);
            messages[at] += 1;
        }
    }
    let busiest = (0..messages.len()).max_by_key(|at| messages[*at])?;
    let instrument = decoder.instruments().get(InstrumentId(busiest as u32));
    Some((instrument.symbol.clone(), instrument.scale.unwrap_or_default()))
}
