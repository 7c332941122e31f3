//! Orders, and what becomes of them.

use serde::{Deserialize, Serialize};
use tickhawk_market::Side;

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderSide {
    /// Quantity comes, money goes.
    Buy,
    /// Money comes, quantity goes.
    Sell,
}

impl OrderSide {
    /// 1 for a buy, -1 for a sell.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// The other way.
    pub(crate) const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The side of the book on which such an order rests.
    pub(crate) const fn rests_on(self) -> Side {
        match self {
            Self::Buy => Side::Bid,
            Self::Sell => Side::Ask,
        }
    }

    /// 0 for a buy, 1 for a sell.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Whether an order at `price` can trade with one at `other` on the other side.
    pub(crate) const fn reaches(self, price: i64, other: i64) -> bool {
        match self {
            Self::Buy => price >= other,
            Self::Sell => price <= other,
        }
    }
}

/// How long an order waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Takes what the book has up to its price, and the rest is gone.
    ImmediateOrCancel,
    /// Rests until it is filled or cancelled; refused if it would take.
    PostOnly,
}

/// Why an order was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPurpose {
    /// To come to the position that the signal asks for.
    Target,
    /// To be there for others.
    Quote,
    /// To be out after the loss limit.
    LossLimit,
}

/// Why there was a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillReason {
    /// The order took this level of the recorded book.
    Took,
    /// A trade at the order's price came through the queue before it.
    Queue,
    /// A trade happened at a worse price than the order's.
    TradedThrough,
    /// The best price of the other side reached the order's.
    TouchReached,
}

/// Which fee a fill pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// The order rested.
    Maker,
    /// The order took.
    Taker,
}

/// How an order ended at the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// All of it.
    Filled,
    /// What the book did not have up to its price is gone.
    Expired,
    /// As was asked.
    Cancelled,
    /// It was to rest, and would have taken: the touch had moved when it arrived.
    WouldTake,
    /// The recording had no whole book when it arrived.
    NoBook,
}

/// An order as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Its place in the report's list.
    pub number: u64,
    pub side: OrderSide,
    pub price: i64,
    pub qty: i64,
    pub time_in_force: TimeInForce,
    pub purpose: OrderPurpose,
}

/// What goes to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    New(Order),
    Cancel(u64),
}

/// Something that happened to an order at the exchange: a fill, its end, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub order: Order,
    pub fill: Option<Execution>,
    pub end: Option<OrderEnd>,
}

/// A fill as the exchange sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    pub price: i64,
    pub qty: i64,
    pub liquidity: Liquidity,
    pub reason: FillReason,
}

/// One order of a run, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Counted from 0 in the order of sending.
    pub number: u64,
    /// When the policy sent it, ns since the epoch, by receive time.
    pub sent_at_ns: u64,
    /// When it meets the book, ns since the epoch.
    pub arrives_at_ns: u64,
    /// Which way.
    pub side: OrderSide,
    /// Its limit, in price units.
    pub price_units: i64,
    /// How much, in quantity units.
    pub qty_units: i64,
    /// How long it waits.
    pub time_in_force: TimeInForce,
    /// Why it was sent.
    pub purpose: OrderPurpose,
    /// When the policy asked for its cancelling, ns since the epoch.
    pub cancel_sent_at_ns: Option<u64>,
    /// How much of it was filled, in quantity units.
    pub filled_qty_units: i64,
    /// How it ended; `None` if it had not by the end of the run.
    pub end: Option<OrderEnd>,
    /// When it ended at the exchange, ns since the epoch.
    pub ended_at_ns: Option<u64>,
}

/// One fill of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// The number of its order.
    pub order: u64,
    /// When it happened at the exchange, ns since the epoch.
    pub at_ns: u64,
    /// When the policy knows of it, ns since the epoch.
    pub known_at_ns: u64,
    /// Which way.
    pub side: OrderSide,
    /// At what price, in price units.
    pub price_units: i64,
    /// How much, in quantity units.
    pub qty_units: i64,
    /// The price in the quote currency.
    pub price: f64,
    /// The quantity in the base asset.
    pub qty: f64,
    /// Which fee it paid.
    pub liquidity: Liquidity,
    /// Why it happened.
    pub reason: FillReason,
    /// What it paid, in the quote currency; negative is a rebate.
    pub fee: f64,
    /// The mid at the exchange before what caused the fill, in the quote currency.
    pub mid: f64,
    /// The position after it, in quantity units.
    pub position_units: i64,
    /// (mid after the horizon - price) in ticks, times -1 for a sell: positive if the trade was a good
    /// one. One for each of [`TradeConfig::horizons_ns`](super::TradeConfig::horizons_ns); `None` if
    /// the run ended before.
    pub markouts_ticks: Vec<Option<f64>>,
}
