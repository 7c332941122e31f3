//! What a run leaves.

use super::{EquityPoint, Fill, OrderRecord, TradeConfig, TradeSummary};
use serde::{Deserialize, Serialize};

/// All of a run. Written out, the same config and events give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeReport {
    /// How it was traded.
    pub config: TradeConfig,
    /// The figures.
    pub summary: TradeSummary,
    /// Every order, by the time it was sent.
    pub orders: Vec<OrderRecord>,
    /// Every fill, by its time.
    pub fills: Vec<Fill>,
    /// The equity curve.
    pub equity: Vec<EquityPoint>,
}
