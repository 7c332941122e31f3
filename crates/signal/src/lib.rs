//! Scores to decisions, decisions to signals, signals to lines.
//!
//! Contract: [`Policy::decide`] and building a [`Signal`] allocate nothing, block on nothing and
//! read no clock. A [`Signal`] is `Copy` and crosses threads by value. [`SignalLine`] is the cold
//! end: what is written, key by key.
//!
//! ```
//! use tickhawk_signal::{Decision, Policy};
//!
//! let policy = Policy::new(0.4, 0.1).unwrap();
//! let mut held = Decision::Flat;
//! for (score, expected) in
//!     [(0.3, Decision::Flat), (0.5, Decision::Long), (0.2, Decision::Long), (0.0, Decision::Flat)]
//! {
//!     held = policy.decide(held, score);
//!     assert_eq!(held, expected);
//! }
//! ```
//!
//! What it refuses to do: decide from a score that is not finite; the model's stage never hands
//! one on.
#![forbid(unsafe_code)]

mod line;
mod policy;
mod tier;

pub use line::{LatencyLine, SignalLine};
pub use policy::{Decision, Policy, PolicyError};
pub use tier::{ModelId, Tier};

use tickhawk_latency::Stamps;
use tickhawk_market::{InstrumentId, UnixNanos};

/// What a model made of one frame, and where the frame came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal {
    /// Whose book.
    pub instrument: InstrumentId,
    /// The book's epoch: how many snapshots it has lived through.
    pub epoch: u32,
    /// The frame's number, counted per instrument from 0.
    pub number: u64,
    /// Receive time of the input that made the frame.
    pub received_at: UnixNanos,
    /// The exchange's time of it, where it gives one.
    pub exchange_at: Option<UnixNanos>,
    /// The venue's update id of the book scored, where it has one.
    pub sequence: Option<u64>,
    /// How long the book has been whole: receive time since the snapshot that began the epoch.
    pub book_age_ns: u64,
    /// (best bid + best ask) / 2 in the quote currency.
    pub mid: f64,
    /// p_up - p_down, or the model's one value.
    pub score: f32,
    /// Class probabilities down, flat, up, where the model gives classes.
    pub probabilities: Option<[f32; 3]>,
    /// What the policy makes of the score.
    pub decision: Decision,
    /// Whether windows, carried state and hysteresis began anew with this frame's run of frames:
    /// the first signal after frames were missed or an epoch began, or the first of a model whose
    /// carried state had to begin anew.
    pub restarted: bool,
    /// Which rung of the ladder answered.
    pub tier: Tier,
    /// Which model, by its number in the run.
    pub model: ModelId,
    /// Whether the score is the last one again, no input of the model having changed.
    pub repeated: bool,
    /// When each stage was done.
    pub stamps: Stamps,
}
