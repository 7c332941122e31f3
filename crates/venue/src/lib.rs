//! Exchange messages to market updates: decoding, sequence rules, checksums, and what to ask for
//! when they break.
//!
//! Contract: pure. Bytes go in, [`Updates`] come out; no rule of any venue needs a time; no I/O, no clock, no
//! threads, no locks. A frame in steady state allocates nothing beyond the growth of `Updates` to
//! the largest message seen (text with JSON escapes, new instruments, buffering before a snapshot
//! and metadata do allocate). Hostile input gets a [`DecodeError`] with the byte offset, never a
//! panic, and memory stays bounded: frames by [`Limits::frame_bytes`], instruments by
//! [`Limits::instruments`], buffered diffs by [`Limits::buffered_bytes`].
//!
//! ```
//! use tickhawk_market::{ConnectionId, Update, Updates};
//! use tickhawk_venue::{Decoder, Limits, Venue};
//!
//! let mut decoder = Decoder::new(Venue::BinanceFutures, None, Limits::default());
//! let mut out = Updates::new();
//! let frame = br#"{"e":"trade","E":2,"T":1,"s":"BTCUSDT","t":7,"p":"63943.90","q":"0.003","m":true}"#;
//! decoder.frame(ConnectionId(0), frame, &mut out).unwrap();
//! assert!(matches!(out.updates.last(), Some(Update::Trade(_))));
//! ```
//!
//! It also has the other half of the talk, what a client says to a venue: [`Dialect`] has the
//! texts and paths, [`Terms`] the addresses and limits.
//!
//! Frames laid out as their venue lays them out are read by their bytes (`fast.rs` of each venue,
//! with `heads`, `cursor`, `units` and `lanes`); all others by sonic-rs, which decides what is an error.
//!
//! What it refuses to do: guess. A message that breaks the venue's sequence is not applied, a
//! message of an unknown type is counted and skipped, a number that is not exact is an error.
#![deny(unsafe_code)]

#[cfg(test)]
mod agreement;
mod binance;
mod bitfinex;
mod bitmex;
mod bybit;
mod checked;
mod checksum;
mod client;
mod coinbase;
mod coinbase_exchange;
mod coinbase_product;
mod connection_sequence;
mod context;
mod cursor;
mod decoder;
mod error;
mod heads;
mod instrument;
mod json;
mod kraken;
mod kraken_futures;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a loop for processors with AVX2, chosen at run time")]
mod lanes;
mod limits;
mod okx;
mod protocol;
#[cfg(test)]
mod said;
mod symbols;
mod units;
mod venue;

pub use client::{Dialect, Ping, Route, Terms};
pub use context::Counts;
pub use decoder::Decoder;
pub use error::DecodeError;
pub use instrument::{Instrument, Instruments, Sync};
pub use limits::Limits;
pub use venue::{UnknownVenue, Venue};

pub use tickhawk_market::Updates;
