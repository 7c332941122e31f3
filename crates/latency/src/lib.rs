//! Where the time goes: the monotonic clock, the stamps an input collects on its way, a histogram
//! for each stage, and the report they add up to.
//!
//! Contract:
//! - allocates: in [`StageHistograms::new`] and in reports; [`Clock::now`] and
//!   [`StageHistograms::record`] never;
//! - blocks: the first [`Clock::new`] of the process calibrates for up to 200 ms; nothing else;
//! - threads: none of its own. Clocks are cloned to each thread and agree; each thread records into
//!   histograms of its own, which are merged afterwards;
//! - bounds: a value is 0 ns to 60 s at three significant digits. What lies outside is clamped and
//!   counted beside it, and the maximum is kept exactly.
//!
//! ```
//! use tickhawk_latency::{Clock, ClockCheck, LatencyReport, Stage, StageHistograms};
//!
//! let clock = Clock::new();
//! let mut histograms = StageHistograms::new();
//! let received_mono = clock.now();
//! let decoded_mono = clock.now();
//! histograms.record(Stage::Decode, decoded_mono - received_mono);
//!
//! let report = LatencyReport::new(&histograms, ClockCheck::measure(&clock));
//! assert_eq!(report.stages[0].sample_count, 1);
//! println!("{report}");
//! ```
//!
//! What it refuses to do: give the time of day (latency is the only use of this clock), give a mean
//! in a report, hide a value that did not fit, or print a high percentile without saying when it
//! rests on a handful of samples.
#![forbid(unsafe_code)]

mod clock;
mod hgrm;
mod histogram;
mod report;
mod stage;

pub use clock::{Clock, ClockCheck};
pub use histogram::{LatencyHistogram, Percentiles, StageHistograms, VALUE_MAX_NS};
pub use report::{LatencyReport, StageReport, Warning};
pub use stage::{Stage, Stamps};
