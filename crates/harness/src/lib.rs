//! What each step costs, beside what else could be used; and what a user would see.
//!
//! A harness that is to be believed must not flatter: recorded input, inflated in memory; steps
//! under 100 ns timed in batches, since many clocks move in steps of 10 ns; two implementations
//! always side by side, in short blocks in random order, pairs dropped in which either was
//! interrupted; medians with intervals; results checked equal before anything is timed; latencies
//! counted from the moment a message was to be sent, so that a stall is charged to all it delays.
//!
//! Contract: it pins the calling thread, spins, and takes memory as it likes. It measures; it judges
//! nothing but whether a [`Goal`] is met, and fails on nothing but input that cannot be measured.
//! There is one implementation of each measurement, which `tickhawk bench`, `cargo bench` and the
//! comparison with rivals share.
#![deny(unsafe_code)]

mod allocations;
mod base;
mod beside;
mod book;
pub mod callgrind;
mod cold;
mod decode;
mod decoded;
mod error;
mod features;
pub mod handoff;
pub mod host;
mod html;
mod inference;
pub mod loopback;
mod markdown;
mod memory;
mod messages;
mod pipeline;
pub mod probe;
mod recorded;
mod regression;
mod report;
mod row;
mod statistics;
mod update;

pub use allocations::{CountingAllocator, allocations};
pub use beside::{Beside, Course, PAIRS_MIN, Subject, Timing};
pub use decoded::{DecodedReplay, Passed};
pub use error::HarnessError;
pub use loopback::{LoopbackOptions, LoopbackReport};
pub use pipeline::{Loop, PipelineOptions, PipelineReport};
pub use recorded::Recorded;
pub use regression::{Change, Regression, compare};
pub use report::{Report, Results};
pub use row::{Bound, Goal, Row};
pub use statistics::{Estimate, median};

use tickhawk_latency::Clock;

/// What is measured on.
#[derive(Debug)]
pub struct Bench<'a> {
    /// Recordings; the first one stands for all where one is enough.
    pub recordings: &'a [Recorded],
    /// The clock.
    pub clock: Clock,
    /// Two cores to pin to, where the host has them.
    pub cores: Option<[usize; 2]>,
    /// Pairs of blocks a comparison rests on.
    pub pairs: usize,
    /// How the pipeline is run.
    pub pipeline: PipelineOptions,
    /// How the loopback is measured; without it, it is left out.
    pub loopback: Option<LoopbackOptions>,
    /// The model, as a file.
    pub model: tickhawk_inference::ModelFile,
    /// How to run the probe in a process of its own, on the first recording.
    pub prober: Option<callgrind::Prober>,
}

impl Bench<'_> {
    fn first(&self) -> &Recorded {
        &self.recordings[0]
    }
}

/// A stretch of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes to updates.
    Decode,
    /// Levels into a book.
    Book,
    /// Updates to features.
    Features,
    /// Cache lines of an instrument.
    Memory,
    /// A frame from core to core.
    Handoff,
    /// Features to scores.
    Inference,
    /// Bytes to signals, as they come in time.
    Pipeline,
    /// A server's write to the signal, over a socket.
    Loopback,
    /// Bytes to signals, as fast as they go.
    Replay,
}

impl Stage {
    /// All of them, in the order of the data.
    pub const ALL: [Self; 9] = [
        Self::Decode,
        Self::Book,
        Self::Features,
        Self::Memory,
        Self::Handoff,
        Self::Inference,
        Self::Pipeline,
        Self::Loopback,
        Self::Replay,
    ];

    /// The word commands use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Book => "book",
            Self::Features => "features",
            Self::Memory => "memory",
            Self::Handoff => "handoff",
            Self::Inference => "inference",
            Self::Pipeline => "pipeline",
            Self::Loopback => "loopback",
            Self::Replay => "replay",
        }
    }

    /// Measures the harness itself: what every other row holds besides.
    pub fn base(bench: &Bench<'_>, results: &mut Results) {
        base::run(bench, results);
    }

    /// Measures it.
    ///
    /// # Errors
    /// If the input cannot be measured on.
    pub fn run(self, bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
        match self {
            Self::Decode => {
                decode::run(bench, results)?;
                update::run(bench, results)
            }
            Self::Book => book::run(bench, results),
            Self::Features => features::run(bench, results),
            Self::Memory => memory::run(bench, results),
            Self::Handoff => handoff::run(bench, results),
            Self::Inference => inference::run(bench, results),
            Self::Pipeline => pipeline::run(bench, results),
            Self::Loopback => loopback::run(bench, results),
            Self::Replay => pipeline::replay(bench, results),
        }
    }
}
