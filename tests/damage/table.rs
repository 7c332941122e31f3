//! What each venue can tell of a damage.

use tickhawk_market::StaleCause::{self, Checksum, Malformed, Sequence};

/// What was done to one message, or to two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// It is missing.
    Dropped,
    /// It comes twice in a row.
    Doubled,
    /// It changes places with the next message of the same book.
    Swapped,
    /// It changes places with the very next frame, which is not of the same book.
    Overtaken,
    /// It ends early, at any byte.
    Cut,
    /// Any one of its digits is another.
    Digit,
    /// A digit of a number that says where it belongs is another.
    Number,
    /// A digit of the book's checksum is another.
    Sum,
}

/// What a venue's rules make of a damage.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "the reasons are for whoever reads the table or the test's output")]
pub enum Tells {
    /// Nothing is lost: every frame comes, and the books end as they would have.
    Harmless,
    /// The message's own book stops at once, for that reason. All others go on.
    StopsItsBook(StaleCause),
    /// Every book of the connection stops at once, for that reason.
    StopsAll(StaleCause),
    /// What stops, and whether at once, depends on what was hit, but no frame leaves a book that
    /// is wrong in its best levels, this many a side.
    NeverWrong(usize),
    /// The message's own book may be wrong, out of date, until its next message at the latest.
    /// After that it is right in its best levels, this many a side, or Stale.
    Late(usize, &'static str),
    /// Wrong frames come, until a later message happens to show it, or for ever.
    NotTold(&'static str),
}

use Damage::*;
use Tells::*;

/// A number of levels a side: the whole book.
pub const ALL: usize = usize::MAX;

pub const LEVEL: &str = "a level is what the message says it is";
pub const NO_NUMBER: &str = "messages have no number and the book no checksum";

/// What venues of one protocol can tell: their slugs, and a row for each damage. One that is not
/// listed cannot be done to their messages.
pub type Venues = (&'static [&'static str], &'static [(Damage, Tells)]);

/// What each venue can tell.
pub const TABLE: &[Venues] = &[
    // `U` and `u`, with `pu` on futures, chain the diffs of an instrument.
    (
        &["binance", "binance-us", "binance-futures", "binance-delivery"],
        &[
            (Dropped, StopsItsBook(Sequence)),
            (Doubled, Harmless),
            (Swapped, StopsItsBook(Sequence)),
            (Overtaken, Harmless),
            (Cut, StopsItsBook(Sequence)),
            (Digit, NotTold(LEVEL)),
            (Number, NeverWrong(ALL)),
        ],
    ),
    // `u` rises by one in a topic; `seq` never falls.
    (
        &["bybit", "bybit-spot"],
        &[
            (Dropped, StopsItsBook(Sequence)),
            (Doubled, Harmless),
            (Swapped, StopsItsBook(Sequence)),
            (Overtaken, Harmless),
            (Cut, StopsItsBook(Sequence)),
            (Digit, NotTold(LEVEL)),
            (Number, NeverWrong(ALL)),
        ],
    ),
    // Without ids, as in 2022: a checksum of the best 25 levels of each side.
    (
        &["okx"],
        &[
            (Dropped, NeverWrong(25)),
            (Doubled, Harmless),
            (Swapped, Late(25, "the older message brings a checksum that fits what it undoes")),
            (Overtaken, Harmless),
            (Cut, StopsAll(Malformed)),
            (Digit, NeverWrong(25)),
            (Sum, StopsItsBook(Checksum)),
        ],
    ),
    // `sequence_num` rises by one over all channels of the connection.
    (
        &["coinbase"],
        &[
            (Dropped, StopsAll(Sequence)),
            (Doubled, Harmless),
            (Swapped, StopsAll(Sequence)),
            (Overtaken, StopsAll(Sequence)),
            (Cut, StopsAll(Sequence)),
            (Digit, NotTold(LEVEL)),
            (Number, StopsAll(Sequence)),
        ],
    ),
    (
        &["coinbase-exchange"],
        &[
            (Dropped, NotTold(NO_NUMBER)),
            (Doubled, Harmless),
            (Swapped, NotTold(NO_NUMBER)),
            (Overtaken, Harmless),
            (Cut, StopsAll(Malformed)),
            (Digit, NotTold(LEVEL)),
        ],
    ),
    // Version 1: a checksum of the best ten levels of each side.
    (
        &["kraken"],
        &[
            (Dropped, NeverWrong(10)),
            (Doubled, Harmless),
            (Swapped, Late(10, "the older message brings a checksum that fits what it undoes")),
            (Overtaken, Harmless),
            (Cut, StopsAll(Malformed)),
            (Digit, NeverWrong(10)),
            (Sum, StopsItsBook(Checksum)),
        ],
    ),
    // `seq` rises by one in a product.
    (
        &["kraken-futures"],
        &[
            (Dropped, StopsItsBook(Sequence)),
            (Doubled, Harmless),
            (Swapped, StopsItsBook(Sequence)),
            (Overtaken, Harmless),
            (Cut, StopsItsBook(Sequence)),
            (Digit, NotTold(LEVEL)),
            (Number, NeverWrong(ALL)),
        ],
    ),
    // Only an update or delete of an id that is not there proves a loss; a delete that comes twice
    // is one.
    (
        &["bitmex"],
        &[
            (Dropped, NotTold(NO_NUMBER)),
            (Doubled, NeverWrong(ALL)),
            (Swapped, NotTold(NO_NUMBER)),
            (Overtaken, Harmless),
            (Cut, StopsAll(Malformed)),
            (Digit, NotTold(LEVEL)),
        ],
    ),
    // The last element rises by one over all channels of the connection.
    (
        &["bitfinex"],
        &[
            (Dropped, StopsAll(Sequence)),
            (Doubled, Harmless),
            (Swapped, StopsAll(Sequence)),
            (Overtaken, StopsAll(Sequence)),
            (Cut, StopsAll(Sequence)),
            (Digit, NotTold(LEVEL)),
            (Number, StopsAll(Sequence)),
        ],
    ),
];
