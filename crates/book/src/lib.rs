//! One instrument's whole order book: every level, exact, bounded, allocation-free to apply.
//!
//! Contract: [`Book::new`] reserves all memory the book will ever use; after it only
//! [`Book::set_scale`] may allocate. Nothing blocks, reads a clock, logs, or fails:
//! [`Book::apply`] returns an outcome, never an error. A side holds up to
//! [`BookLimits::levels_per_side`] levels; more make the book Stale and the worst go. A change
//! costs O(1) near the touch and O(log levels) far from it; moving the window after the best price
//! carries at most 1,024 levels out of it a message. Whole-book work is left to snapshots, new
//! ticks and decimals, a tick that many changes contradict ([`Book::set_tick`]), and a best price
//! that stays out of the window's reach for 64 messages.
//!
//! ```text
//! price ->  window: 65,536 slots, one per tick, around the best price; bitmaps find the best
//!      \->  far book: sorted chunks; also whatever lies between ticks
//! ```
//!
//! Which of the two holds a price follows from the price alone, so neither is searched in vain,
//! and reading best first merges them.
//!
//! ```
//! use tickhawk_book::{Applied, Book, BookLimits};
//! use tickhawk_market::{
//!     BookKind, BookState, BookUpdate, Change, InstrumentId, Level, Price, Qty, Side,
//! };
//!
//! let change = |side, price, qty| Change { side, price: Price::new(price), qty: Qty::new(qty) };
//! let update = |kind| BookUpdate {
//!     instrument: InstrumentId(0),
//!     kind,
//!     changes: 0..0,
//!     exchange_at: None,
//!     sequence: None,
//!     checksum: None,
//!     depth: None,
//! };
//!
//! let mut book = Book::new(BookLimits::default());
//! let snapshot = [
//!     change(Side::Bid, 639_439, 7),
//!     change(Side::Bid, 10_000, 500),
//!     change(Side::Ask, 639_440, 2),
//! ];
//! assert_eq!(book.apply(&update(BookKind::Snapshot), &snapshot), Applied::NewEpoch);
//! assert_eq!((book.state(), book.epoch()), (BookState::Live, 1));
//!
//! let taken = [change(Side::Bid, 639_439, 0)];
//! assert_eq!(book.apply(&update(BookKind::Diff), &taken), Applied::Changed);
//! let mut top = [Level::default(); 10];
//! assert_eq!(book.top(Side::Bid, &mut top), 1);
//! assert_eq!(top[0].price, Price::new(10_000));
//! ```
//!
//! What it refuses to do: judge. Sequences, checksums, silence and how long a cross may last are
//! the venue's and the engine's business; they tell the book with [`Book::mark_stale`]. A crossed
//! book is held as sent, a negative quantity too.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod book;
mod far;
mod grid;
mod ladder;
mod levels;
mod outcome;
mod rescale;
mod window;

pub use book::{Book, BookLimits};
pub use levels::Levels;
pub use outcome::{Applied, BookCounters, Rescaled};
