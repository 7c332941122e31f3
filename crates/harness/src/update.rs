//! `decode`, the whole of an update: bytes to book to OBI(5), beside merely validating the bytes.

use crate::{Bench, Course, Goal, HarnessError, Recorded, Results, Subject, decode::decode};
use std::{collections::BTreeMap, hint::black_box, ops::Range};
use tickhawk_book::{Book, BookLimits};
use tickhawk_engine::MarketOptions;
use tickhawk_market::{BookState, InstrumentId, Level, Side, Update, Updates};
use tickhawk_venue::{Decoder, Limits};

/// Messages in a block.
const BLOCK: usize = 96;
/// Messages that are not timed: the book is still being filled.
const LEAD_IN: usize = 64;

pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let recorded = bench.first();
    let options = MarketOptions::new(recorded.venue);
    let framing = recorded.framing(&options, &bench.clock, LEAD_IN);
    let (name, found) = (recorded.name.clone(), framing.len());
    if found < 4 * BLOCK {
        return Err(HarnessError::TooShort { name, found, needed: 4 * BLOCK });
    }
    let first = framing[0];
    let mut timed = vec![false; recorded.len()];
    framing.iter().for_each(|index| timed[*index] = true);
    let course = Course {
        items: recorded.len(),
        lead_in: first,
        block: BLOCK,
        pairs: bench.pairs,
        timed: &timed,
    };
    let mut books = Books::new(recorded);
    let mut validator = Validator { recorded };
    let name = |what: &str| format!("update/{}/{what}", recorded.venue);
    let names = [name("tickhawk"), name("sonic-rs-validates")];
    let ratio = results.beside(course, names, ("message", 1.0), &mut books, &mut validator);
    let what = "decode, book and OBI(5) of a message, over sonic-rs validating its bytes";
    results.goals.push(Goal::at_most("update-vs-validate", ratio, 1.5, what));
    Ok(())
}

/// Decoder and books without anything around them, and the sum of OBI(5) over all messages.
struct Books<'a> {
    recorded: &'a Recorded,
    decoder: Decoder,
    out: Updates,
    books: BTreeMap<InstrumentId, Book>,
    obi_sum: f64,
}

impl<'a> Books<'a> {
    fn new(recorded: &'a Recorded) -> Self {
        Self {
            recorded,
            decoder: Decoder::new(recorded.venue, None, Limits::default()),
            out: Updates::new(),
            books: BTreeMap::new(),
            obi_sum: 0.0,
        }
    }

    #[inline]
    fn updates(&mut self) {
        for update in &self.out.updates {
            match update {
                Update::Book(message) => {
                    let Some(book) = self.books.get_mut(&message.instrument) else { continue };
                    book.apply(message, self.out.changes_of(message));
                    if book.state() == BookState::Live {
                        self.obi_sum += obi_5(book);
                    }
                }
                Update::Scale { instrument, scale } => {
                    let book = self.books.entry(*instrument);
                    book.or_insert_with(|| Book::new(BookLimits::default())).set_scale(*scale);
                }
                _ => {}
            }
        }
    }
}

fn obi_5(book: &Book) -> f64 {
    let [bids, asks] = [Side::Bid, Side::Ask].map(|side| {
        let mut levels = [Level::default(); 5];
        let count = book.top(side, &mut levels);
        levels[..count].iter().map(|level| level.qty.units()).sum::<i64>()
    });
    match bids + asks {
        0 => 0.0,
        both => (bids - asks) as f64 / both as f64,
    }
}

impl Subject for Books<'_> {
    fn restart(&mut self) {
        self.decoder = Decoder::new(self.recorded.venue, None, Limits::default());
        self.books.clear();
        self.obi_sum = 0.0;
    }

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            self.out.clear();
            decode(&mut self.decoder, self.recorded.record(item, 0), &mut self.out);
            self.updates();
        }
        black_box(self.obi_sum);
    }
}

struct Validator<'a> {
    recorded: &'a Recorded,
}

impl Subject for Validator<'_> {
    fn restart(&mut self) {}

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            let Some(bytes) = self.recorded.frame(item) else { continue };
            drop(black_box(sonic_rs::from_slice::<serde::de::IgnoredAny>(bytes)));
        }
    }
}
