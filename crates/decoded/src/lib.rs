//! The decoded form of recordings: what decoders concluded from every input, in one file that is
//! read where it lies, so that a replay skips the JSON.
//!
//! A form is a sequence of [`Step`]s in order, one for each input that did more than to be counted; a
//! step is a receive time, a connection and [`Item`]s: book messages, trades, decimals, books gone
//! wrong, whatever the market stage was told. What is only counted is told now and then. It is what came of decoder *and* stage together: whether a checksum was the book's has been
//! found out, so no decoder is needed to read it, and none is asked. What a form says of itself
//! ([`About`]) names all that decided how it was decoded.
//!
//! Contract: [`Reader`] maps the file, and [`Reader::next_step`] allocates nothing and copies
//! nothing: levels are made of the file's words as they are taken. Of every 256 KiB a CRC-32 is held
//! against the one that was written, when they are first reached. Whatever a file holds, reading it
//! ends with an error or with steps, and never panics; lengths, kinds and instruments are checked
//! before a step is given. [`Writer`] writes forwards, and holds one step. No clock, no thread, no
//! lock. Unsafe code in `map.rs` alone.
//!
//! ```
//! use tickhawk_decoded::{Decoding, InputKind, Item, Reader, Writer};
//! use tickhawk_market::{ConnectionId, UnixNanos};
//!
//! let mut writer = Writer::new(Vec::new()).unwrap();
//! writer.begin(InputKind::Frame, ConnectionId(0), UnixNanos::new(1_893_456_000_000_000_000));
//! writer.named("BTCUSDT", 1);
//! writer.end().unwrap();
//! let decoding = Decoding {
//!     symbols: None,
//!     links: 1,
//!     shares_ids: true,
//!     levels_per_side: 131_072,
//!     crossed_messages: 1,
//!     frame_bytes: 16 << 20,
//!     instruments_max: 4_096,
//!     buffered_bytes: 4 << 20,
//! };
//! let (about, bytes, form) = writer.finish("binance", decoding, Vec::new()).unwrap();
//! assert_eq!((about.totals.records, bytes), (1, form.len() as u64));
//!
//! let mut reader = Reader::in_memory("a form", &form).unwrap();
//! let step = reader.next_step().unwrap().unwrap();
//! assert!(matches!(step.items().next(), Some(Item::Named(_, "BTCUSDT"))));
//! assert!(reader.next_step().unwrap().is_none());
//! ```
//!
//! What it refuses to do: read a form of another version or byte order, guess what damaged bytes
//! were, merge forms, judge silence (a form is made as replays run, without).
#![deny(unsafe_code)]

mod about;
mod changes;
mod error;
mod item;
mod layout;
mod map;
mod reader;
mod step;
mod writer;

pub use about::{About, Decoding, Named, SourceFile, Totals};
pub use changes::Changes;
pub use error::FormError;
pub use item::{Item, Items};
pub use layout::VERSION;
pub use reader::Reader;
pub use step::{InputKind, Step};
pub use writer::Writer;
