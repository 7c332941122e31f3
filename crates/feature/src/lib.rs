//! Features of order books and trades, by name, and the frame in which they cross to inference.
//!
//! Contract: [`FeatureState`] takes all its memory in `new` and allocates nothing after; it reads no
//! clock, takes no lock, starts no thread and returns no error. Time is the receive time of what
//! comes in. An event costs the same however long the windows are: sums run in exact integers, so
//! they never drift, and nothing is ever added up again. Look-ups move a cursor forward: amortised,
//! a step an event. What is read is a function of what came in, bit for bit, on every machine:
//! floating point is used only to read values off the sums, `exp` and `log1p` come from the `libm`
//! crate instead of the platform.
//!
//! ```
//! use tickhawk_feature::{FeaturePlan, FeatureState, PlanOptions};
//! use tickhawk_market::{Level, Price, Qty, Scale, UnixNanos};
//!
//! let plan = FeaturePlan::compile(&["obi_2", "spread_ticks", "ofi_1@1s"], PlanOptions::default())?;
//! let scale = Scale { price_decimals: 1, qty_decimals: 3 };
//! let mut state = FeatureState::new(&plan, scale, Some(1));
//!
//! let level = |price, qty| Level { price: Price::new(price), qty: Qty::new(qty) };
//! let (bids, asks) = ([level(1000, 300), level(999, 300)], [level(1002, 100), level(1003, 100)]);
//! let now = UnixNanos::new(1_700_000_000_000_000_000);
//! state.on_book(now, &bids, &asks);
//!
//! let (mut values, mut valid) = ([0.0; 3], [0; 2]);
//! state.fill(now, &mut values, &mut valid);
//! assert_eq!(values, [0.5, 2.0, 0.0]);
//! assert_eq!(valid[0], 0b011, "a flow over one second needs a second");
//! # Ok::<(), tickhawk_feature::FeatureError>(())
//! ```
//!
//! [`catalogue`] defines every feature. What the crate refuses: to know the book type (it is handed
//! the best levels), to give a value where the definition has none (it is 0 with its bit cleared,
//! never NaN), to guess a tick size, and two spellings of one feature.
#![forbid(unsafe_code)]

mod book;
mod book_history;
pub mod catalogue;
mod ema;
mod error;
mod flow;
mod frame;
mod grammar;
mod kyle;
mod measure;
mod microprice;
mod microprice_fit;
mod mid;
pub mod naive;
mod nearest;
mod ofi;
mod pairs;
mod plan;
mod roll;
mod rolling;
mod rows;
mod span;
mod state;
mod trade_history;
mod valid;
mod volatility;
mod vpin;
mod window;
mod wiring;
mod zscore;

pub use book::MAX_DEPTH;
pub use error::{FeatureError, NameProblem};
pub use frame::{FRAME_WORDS, FeatureFrame, FrameSource, HEADER_WORDS};
pub use microprice::{IMBALANCE_BUCKETS, Microprice, Observation, SPREADS};
pub use microprice_fit::MicropriceFit;
pub use plan::{FeaturePlan, MAX_FEATURES, PlanOptions, default_features};
pub use state::FeatureState;
pub use valid::{ValidMask, Warmup, all_valid};
pub use vpin::VpinOptions;
