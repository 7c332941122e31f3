//! A synthetic market that speaks like real venues, for tests, benchmarks and demonstrations.
//!
//! Contract: the same seed and configuration give the same bytes on every platform. All of it is
//! integer arithmetic on a ChaCha generator; there is no floating point, no clock, no I/O, no
//! thread, and no container whose order depends on the process. A [`Recording`] computes one
//! message at a time, so memory stays at the size of the books; it allocates freely.
//!
//! [`Market`] is the truth: per instrument a limit order book driven by order arrivals, cancels and
//! bursts of market orders, with drift regimes that the imbalance of the book runs weakly ahead of.
//! [`Recording`] is that truth as a venue would publish it ([`WireFormat`]), with sequence numbers,
//! checksums, heartbeats, acknowledgements, late snapshots and latency, and with an oracle: the
//! book that whoever missed nothing must have after each message.
//!
//! ```
//! use tickhawk_simulator::{MarketConfig, MessageKind, Recording, WireFormat};
//!
//! let format = WireFormat::from_slug("bybit")?;
//! let mut config = MarketConfig::new(format.symbols(), 42);
//! config.duration_ns = 1_000_000_000;
//!
//! let mut recording = Recording::new(format, &config)?;
//! let mut book_messages = 0;
//! while let Some(message) = recording.next() {
//!     if let MessageKind::Frame(text) = &message.kind {
//!         assert!(text.starts_with('{'));
//!     }
//!     for &symbol in recording.changed_by_last_message() {
//!         let (bids, asks) = recording.oracle_after_last_message(symbol).unwrap();
//!         assert!(bids[0].price < asks[0].price);
//!         book_messages += 1;
//!     }
//! }
//! assert!(book_messages > 10);
//! # Ok::<(), tickhawk_simulator::SimulatorError>(())
//! ```
//!
//! [`Exchange`] is the venue's side of live conversations: it plays a [`Recording`], or what was once
//! recorded from a real venue, to clients that come and go, answers them in the venue's words, and
//! knows the true book. [`Faults`] is what may lie between it and them.
//!
//! What it refuses to do: break its own rules. Lost, doubled, reordered or mangled messages are the
//! business of whoever reads the recording, or of [`Faults`]; [`Recording::resync`] and
//! [`Recording::reconnect`] answer such a reader as the venue would. It also is no model of a real
//! market: nothing learnt from it says anything about prices.
#![forbid(unsafe_code)]

mod chance;
mod checksum;
mod config;
mod error;
mod exchange;
mod faults;
mod flow;
mod ladder;
mod market;
mod message;
mod pace;
mod playback;
mod published;
mod recording;
mod text;
mod wire;
mod wire_format;

pub use config::{MarketConfig, SymbolSpec};
pub use error::SimulatorError;
pub use exchange::{
    ClientId, Exchange, LOOK_AHEAD_RECORDS, Output, RestId, TapeKind, TapeRecord, TextLevels,
    level_digest,
};
pub use faults::{Effect, FaultKind, FaultLine, FaultPlan, Faults, RestEffect, Welcome};
pub use market::{Levels, Market};
pub use message::{Message, MessageKind};
pub use pace::Pace;
pub use playback::{Cue, Playback, Truths};
pub use recording::Recording;
pub use wire_format::WireFormat;
