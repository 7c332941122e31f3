//! How to trade.

use super::{Bootstrap, Fees, Instrument, LatencyModel, QueueBounds, QueueModel, TradeError};
use serde::{Deserialize, Serialize};

/// All that a simulation hangs on beside its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradeConfig {
    /// What is traded.
    pub instrument: Instrument,
    /// How signals become orders.
    pub policy: PolicyConfig,
    /// How far it may go.
    pub limits: Limits,
    /// How far an order that takes may go beyond the best price of the other side, in ticks, 0 to
    /// 1,000,000. It fills level by level up to there.
    pub through_ticks: u32,
    /// How places in queues are estimated.
    pub queue: QueueModel,
    /// Whether those may come to less than nothing.
    pub queue_bounds: QueueBounds,
    /// Whether resting orders are filled in parts.
    pub maker_fills: MakerFills,
    /// What the venue takes.
    pub fees: Fees,
    /// How long things take.
    pub latency: Latencies,
    /// Levels a side that are looked at, 1 to 131,072: no order takes more of them, and an order that
    /// rests at a price beyond them is filled by no trade at its price.
    pub depth_levels: usize,
    /// Between two points of the equity curve, ns, at least 1,000. Points lie on its multiples since
    /// the epoch.
    pub sample_ns: u64,
    /// When each fill is judged, ns after it, up to 16, each up to a day.
    pub horizons_ns: Vec<u64>,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
    /// Of all that is drawn: latencies from histograms, and resamples.
    pub seed: u64,
}

/// How signals become orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PolicyConfig {
    /// Holds what the decision says, and crosses the spread for it: long is `position_lots`, short its
    /// negative, flat nothing. One order at a time, immediate or cancel. What was not filled is tried
    /// again when touch or signal have changed since it was sent.
    Taker(TakerConfig),
    /// Rests one order a side at the touch, or behind it; on a long decision the ask, on a short one
    /// the bid moves `skew_ticks` further away. An order whose price is not the wanted one any more is
    /// cancelled once the exchange has confirmed it, and replaced once that is confirmed too. Quotes from
    /// the first signal on.
    Maker(MakerConfig),
}

/// The taker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakerConfig {
    /// The most one order has, in lots, at least 1.
    pub order_lots: i64,
    /// What is held when long or short, in lots, at least 1.
    pub position_lots: i64,
}

/// The maker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakerConfig {
    /// What one order has, in lots, at least 1.
    pub order_lots: i64,
    /// How far behind the touch both orders rest, in ticks, 0 to 1,000,000.
    pub offset_ticks: u32,
    /// How much further the side that the signal warns of, in ticks, 0 to 1,000,000.
    pub skew_ticks: u32,
}

/// How far a policy may go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest position of either sign, in lots, at least 1. Orders are cut to it, so that it holds
    /// whatever is filled.
    pub position_lots: i64,
    /// Once the equity the policy knows of, at the mid it sees, has fallen to minus this, in the quote
    /// currency, above 0, it cancels, sells out by orders that take, and stops. `None` is no limit.
    pub loss: Option<f64>,
}

/// What a trade that comes through the queue fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MakerFills {
    /// As much of the order as came through (hftbacktest's `PartialFillExchange`).
    #[default]
    Partial,
    /// All of the order (hftbacktest's `NoPartialFillExchange`).
    Whole,
}

/// How long things take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// From the exchange's change of its book to its receipt.
    pub feed: LatencyModel,
    /// From the policy to the exchange, orders and cancels.
    pub entry: LatencyModel,
    /// From what happened to an order to the policy that knows.
    pub response: LatencyModel,
}

impl Default for TradeConfig {
    /// A taker of one lot without fees and latency, in whole numbers.
    fn default() -> Self {
        Self {
            instrument: Instrument::default(),
            policy: PolicyConfig::Taker(TakerConfig { order_lots: 1, position_lots: 1 }),
            limits: Limits { position_lots: 1, loss: None },
            through_ticks: 0,
            queue: QueueModel::default(),
            queue_bounds: QueueBounds::default(),
            maker_fills: MakerFills::default(),
            fees: Fees::default(),
            latency: Latencies {
                feed: LatencyModel::NONE,
                entry: LatencyModel::NONE,
                response: LatencyModel::NONE,
            },
            depth_levels: 100,
            sample_ns: 1_000_000_000,
            horizons_ns: vec![100_000_000, 1_000_000_000, 10_000_000_000],
            bootstrap: Bootstrap::default(),
            seed: 0,
        }
    }
}

impl TradeConfig {
    /// Whether everything is in its range.
    ///
    /// # Errors
    /// [`TradeError::Setting`] of the first that is not.
    pub fn validate(&self) -> Result<(), TradeError> {
        self.instrument.validate()?;
        self.queue.validate()?;
        self.fees.validate()?;
        self.bootstrap.validate()?;
        self.latency.feed.validate("latency.feed")?;
        self.latency.entry.validate("latency.entry")?;
        self.latency.response.validate("latency.response")?;
        match self.policy {
            PolicyConfig::Taker(taker) => {
                lots("policy.taker.order_lots", taker.order_lots, &self.instrument)?;
                lots("policy.taker.position_lots", taker.position_lots, &self.instrument)?;
            }
            PolicyConfig::Maker(maker) => {
                lots("policy.maker.order_lots", maker.order_lots, &self.instrument)?;
                ticks("policy.maker.offset_ticks", maker.offset_ticks)?;
                ticks("policy.maker.skew_ticks", maker.skew_ticks)?;
            }
        }
        lots("limits.position_lots", self.limits.position_lots, &self.instrument)?;
        ticks("through_ticks", self.through_ticks)?;
        let wrong = |key, found: String, wanted| Err(TradeError::Setting { key, found, wanted });
        if let Some(loss) = self.limits.loss {
            let fits = loss.is_finite() && self.instrument.money(loss).is_some();
            if !fits || loss <= 0.0 {
                return wrong("limits.loss", loss.to_string(), "an amount above 0");
            }
        }
        if !(1..=131_072).contains(&self.depth_levels) {
            return wrong("depth_levels", self.depth_levels.to_string(), "1 to 131072");
        }
        if self.sample_ns < 1_000 {
            return wrong("sample_ns", self.sample_ns.to_string(), "at least 1000");
        }
        if self.horizons_ns.len() > 16 {
            return wrong("horizons_ns", self.horizons_ns.len().to_string(), "up to 16 of them");
        }
        if let Some(horizon) = self.horizons_ns.iter().find(|ns| **ns > 86_400_000_000_000) {
            return wrong("horizons_ns", horizon.to_string(), "each up to a day");
        }
        Ok(())
    }
}

fn lots(key: &'static str, lots: i64, instrument: &Instrument) -> Result<(), TradeError> {
    if lots >= 1 && lots.checked_mul(instrument.lot_units).is_some_and(|qty| qty < 1 << 53) {
        return Ok(());
    }
    let wanted = "at least 1, and below 2^53 quantity units";
    Err(TradeError::Setting { key, found: lots.to_string(), wanted })
}

fn ticks(key: &'static str, ticks: u32) -> Result<(), TradeError> {
    if ticks <= 1_000_000 {
        return Ok(());
    }
    Err(TradeError::Setting { key, found: ticks.to_string(), wanted: "0 to 1000000" })
}
