//! Trading the signals of a recording: orders against the recorded book, with latency, queues, fees
//! and limits.
//!
//! Contract: pure and deterministic. Events go in by receive time, a [`TradeReport`] comes out; no
//! I/O, no clock, no threads. The same config and events give the same bytes. Prices, quantities and
//! money are integers until the report is written. Input that cannot be right is a [`TradeError`]
//! that names the place; nothing panics.
//!
//! ```text
//!              exchange's time                                own time
//!   message ---- book, queues, fills ---- feed latency ----> touch that the policy sees
//!                     ^       |                                     |
//!                     |       +------ response latency ----> fills that it knows
//!                     +-------------- entry latency <------- orders
//! ```
//!
//! Two clocks tick. A message that was received at r stood at the exchange at r less the feed
//! latency: there it changes the book and fills orders. The policy sees it at r, and learns of its
//! own fills a response latency after they happened. So an order meets the book as it stands when the
//! order arrives, and what the policy knows at t hangs on nothing that happened at the exchange after
//! t. Looking ahead is not guarded against; there is nothing to look at.
//!
//! What is assumed, and stands in every figure:
//!
//! - Orders leave no trace: the recorded book goes on as it was recorded, and quantity that was taken
//!   is there again for the next order. True for small orders only.
//! - A resting order is filled whole when a trade happens at a worse price than its own, or the other
//!   side's best price reaches it; at its own price, when [`QueueModel`] says that the trade came
//!   through the queue before it.
//! - Contracts are linear: one unit of quantity is one unit of the base asset, and profit is in the
//!   quote currency. No funding, no margin, no liquidation.
//! - What is held at the end is worth the last mid.
//!
//! ```
//! use tickhawk_backtest::trade::{TradeConfig, TradeSimulation};
//! use tickhawk_market::{Level, Price, Qty, Side, UnixNanos};
//! use tickhawk_signal::Decision;
//!
//! let level = |price, qty| [Level { price: Price::new(price), qty: Qty::new(qty) }];
//! let mut simulation = TradeSimulation::new(TradeConfig::default()).unwrap();
//! let ms = |ms: u64| UnixNanos::new(ms * 1_000_000);
//! simulation.levels(ms(1_000), level(99, 5), level(101, 5)).unwrap();
//! simulation.signal(ms(1_001), Decision::Long);
//! simulation.levels(ms(2_000), level(103, 5), level(105, 5)).unwrap();
//! simulation.trade(ms(2_100), Price::new(105), Qty::new(1), Side::Bid).unwrap();
//! let report = simulation.finish().unwrap();
//! // Bought at 101, now worth 104; the default fee is none.
//! assert_eq!((report.fills.len(), report.summary.pnl.total), (1, 3.0));
//! ```

mod account;
mod bootstrap;
mod config;
mod curve;
mod depth;
mod desk;
mod error;
mod exchange;
mod fees;
mod instrument;
mod latency;
mod order;
mod queue;
mod report;
mod simulation;
mod statistics;
mod summary;

pub use bootstrap::{Bootstrap, Resampled};
pub use config::{
    Latencies, Limits, MakerConfig, MakerFills, PolicyConfig, TakerConfig, TradeConfig,
};
pub use curve::EquityPoint;
pub use error::TradeError;
pub use fees::Fees;
pub use instrument::Instrument;
pub use latency::{LATENCY_NS_MAX, LatencyBin, LatencyModel, LatencyRow};
pub use order::{
    Fill, FillReason, Liquidity, OrderEnd, OrderPurpose, OrderRecord, OrderSide, TimeInForce,
};
pub use queue::{QueueBounds, QueueModel, QueuePosition};
pub use report::TradeReport;
pub use simulation::TradeSimulation;
pub use statistics::{mean, sharpe, sortino};
pub use summary::{Inventory, Markout, OrderCounts, Pnl, TradeSummary};
