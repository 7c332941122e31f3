//! The two pure steps that hold all behaviour, and the two ways of calling them.
//!
//! [`MarketStage::step`] turns one input (a frame, a REST reply, a connection opened or closed,
//! time that passed) into book changes and at most one feature frame per instrument.
//! [`DecisionStage::step`] turns a feature frame into at most one signal. Live, replay, bench and
//! tests differ only in who calls them: [`Inline`] on one thread, or [`run_threaded`] on two pinned
//! threads with the ring between and a bounded queue to the writer.
//!
//! A venue may be heard over two *links*, two copies of its feed: books are kept by each, and one
//! stream of both is published, so that a connection may end without anyone noticing.
//! [`InstrumentReport::links`] tells what each gave. An [`Outcome`] is a frame and its signal as
//! words for a log, by which a run is held against its replay.
//!
//! Contract: in steady state a step allocates nothing, locks nothing and logs nothing; it reads
//! the clock only to stamp, and no output but those stamps depends on it. Time is the input's
//! receive time, which never runs backwards inside (it is clamped, and clamps are counted). New
//! instruments, growing decimals and everything that has gone wrong may allocate.
//!
//! An input may have been decoded before ([`Input::Decoded`]): a [`Compiler`] writes what a stage was
//! told of a recording, and a stage that is told the same does the same, with the same code.
//!
//! What it refuses to do: let a frame out of a book that is not Live, or that is crossed; let a
//! signal out before every feature of the model has been valid once in the epoch.
#![deny(unsafe_code)]

mod challenger;
mod compiler;
mod cores;
mod decision;
mod follow;
mod inline;
mod instrument;
mod io;
mod link;
mod market;
mod memory;
mod options;
mod outcome;
mod priority;
mod publish;
mod rehearsal;
mod silence;
mod threaded;

pub use challenger::{Agreement, Challenged, Challenger, Frames};
pub use compiler::{Compiler, OtherDecoding};
pub use cores::{CoreError, allowed_cores, give_way, pin_to_core, take_precedence};
pub use decision::{
    BreakerOptions, Choice, DecisionCounts, DecisionStage, Haste, Isolated, IsolatedError, Popped,
    Scored, Scorer, Swap, SwapError, Swaps, TierCounts, TierError, TierOptions,
};
pub use follow::Follower;
pub use inline::Inline;
pub use instrument::{InstrumentReport, TickSource};
pub use io::{Input, Listener, MarketSink, Notice, Observer, Record, Source, Want, WantKind};
pub use link::LinkReport;
pub use market::MarketStage;
pub use memory::{
    MemoryError, ReadyAllocator, lock_memory, may_lock_memory, may_use_huge_pages, prefault_blocks,
    use_small_pages,
};
pub use options::{MarketCounts, MarketOptions};
pub use outcome::{Conclusion, Difference, Outcome, OutcomeError};
pub use rehearsal::Rehearsals;
pub use silence::Silence;
pub use threaded::{Cores, ThreadedOptions, ThreadedOutcome, run_threaded};
