//! The two pure steps that hold all behaviour, and the two ways of calling them.
//!
//! [`MarketStage::step`] turns one input (a frame, a REST reply, a connection opened or closed)
//! into book changes and at most one feature frame per instrument. [`DecisionStage::step`] turns a
//! feature frame into at most one signal. Live, replay, bench and tests differ only in who calls
//! them: [`Inline`] on one thread, or [`run_threaded`] on two pinned threads with the ring between
//! and a bounded queue to the writer.
//!
//! Contract: in steady state a step allocates nothing, locks nothing and logs nothing; it reads
//! the clock only to stamp, and no output but those stamps depends on it. Time is the input's
//! receive time, which never runs backwards inside (it is clamped, and clamps are counted). New
//! instruments, growing decimals and everything that has gone wrong may allocate.
//!
//! What it refuses to do: let a frame out of a book that is not Live, or that is crossed; let a
//! signal out before every feature of the model has been valid once in the epoch.
#![forbid(unsafe_code)]

mod cores;
mod decision;
mod inline;
mod instrument;
mod io;
mod market;
mod options;
mod threaded;

pub use cores::{CoreError, pin_to_core};
pub use decision::{DecisionCounts, DecisionStage};
pub use inline::Inline;
pub use instrument::{InstrumentReport, TickSource};
pub use io::{Input, Listener, MarketSink, Notice, Record, Source};
pub use market::MarketStage;
pub use options::{MarketCounts, MarketOptions};
pub use threaded::{Cores, ThreadedOptions, ThreadedOutcome, run_threaded};
