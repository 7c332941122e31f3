//! nautilus-model's order book, fed as its Binance adapter feeds it.
//!
//! The adapter is a crate of its own with a hundred more behind it (arrow among them), so its part is
//! written anew here: the same fields by serde_json, numbers through `f64`, a delta a level.

use crate::{outcome::Outcome, recording::Recording};
use anyhow::{Result, bail};
use nautilus_model::{
    data::{BookOrder, OrderBookDelta, OrderBookDeltas},
    enums::{BookAction, BookType, OrderSide, RecordFlag},
    identifiers::InstrumentId,
    orderbook::{BookLevel, OrderBook},
    types::{Price, Quantity},
};
use serde::Deserialize;

/// How a frame becomes a message.
#[derive(Clone, Copy, PartialEq)]
pub enum Parse {
    /// As the adapter's WebSocket handler does: a `Value`, then `from_value` of a clone of it.
    AsAdapter,
    /// At once.
    Typed,
}

/// `depthUpdate`, with what the adapter reads of it.
#[derive(Deserialize)]
struct DepthUpdate {
    #[serde(rename = "e")]
    event: String,
    #[serde(rename = "T")]
    time_ms: u64,
    #[serde(rename = "u")]
    last_id: u64,
    #[serde(rename = "pu")]
    previous_id: u64,
    #[serde(rename = "b")]
    bids: Vec<[String; 2]>,
    #[serde(rename = "a")]
    asks: Vec<[String; 2]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    last_update_id: u64,
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

/// One instrument's deltas and book.
pub struct Update {
    parse: Parse,
    id: InstrumentId,
    /// Decimals of prices and quantities.
    precision: (u8, u8),
    book: OrderBook,
    last_id: Option<u64>,
    outcome: Outcome,
}

impl Update {
    /// A book that has its snapshot.
    pub fn new(parse: Parse, recording: &Recording) -> Result<Self> {
        let snapshot: Snapshot = serde_json::from_str(&recording.snapshot)?;
        let id = InstrumentId::from(format!("{}-PERP.BINANCE", recording.symbol).as_str());
        let book = OrderBook::new(id, BookType::L2_MBP);
        let decimals =
            |step: f64| (0..9).find(|n| step * 10f64.powi(*n) > 0.999).unwrap_or(9) as u8;
        let precision = (decimals(recording.tick_size), decimals(recording.lot_size));
        let outcome = Outcome::default();
        let mut this = Self { parse, id, precision, book, last_id: None, outcome };
        this.take(&DepthUpdate {
            event: "depthUpdate".into(),
            time_ms: 0,
            last_id: snapshot.last_update_id,
            previous_id: snapshot.last_update_id,
            bids: snapshot.bids,
            asks: snapshot.asks,
        })?;
        // The first diff overlaps the snapshot; those after it follow one another.
        this.last_id = None;
        Ok(this)
    }

    /// One frame of the raw stream, the one the adapter subscribes to.
    #[inline]
    pub fn on_message(&mut self, frame: &[u8]) -> Result<()> {
        let message: DepthUpdate = match self.parse {
            Parse::Typed => serde_json::from_slice(frame)?,
            Parse::AsAdapter => {
                let json: serde_json::Value = serde_json::from_slice(frame)?;
                serde_json::from_value(json.clone())?
            }
        };
        if message.event == "depthUpdate" { self.take(&message) } else { Ok(()) }
    }

    fn take(&mut self, message: &DepthUpdate) -> Result<()> {
        if self.last_id.is_some_and(|last| last != message.previous_id) {
            bail!("a gap before {}", message.last_id);
        }
        self.last_id = Some(message.last_id);
        let deltas = self.deltas(message)?;
        self.book.apply_deltas(&deltas)?;
        self.outcome.add(depth(self.book.bids(Some(5))), depth(self.book.asks(Some(5))));
        Ok(())
    }

    fn deltas(&self, message: &DepthUpdate) -> Result<OrderBookDeltas> {
        let DepthUpdate { time_ms, last_id, bids, asks, .. } = message;
        let mut deltas = Vec::with_capacity(bids.len() + asks.len());
        let (price_precision, size_precision) = self.precision;
        for (side, levels) in [(OrderSide::Buy, bids), (OrderSide::Sell, asks)] {
            for [price, size] in levels {
                let (price, size): (f64, f64) = (price.parse()?, size.parse()?);
                let action = if size == 0.0 { BookAction::Delete } else { BookAction::Update };
                let price = Price::new(price, price_precision);
                let size = Quantity::new(size, size_precision);
                let order = BookOrder::new(side, price, size, 0);
                let at = (time_ms * 1_000_000).into();
                deltas.push(OrderBookDelta::new(self.id, action, order, 0, *last_id, at, at));
            }
        }
        if let Some(last) = deltas.last_mut() {
            last.flags = RecordFlag::F_LAST as u8;
        }
        Ok(OrderBookDeltas::new(self.id, deltas))
    }

    /// Where the book stands.
    pub fn outcome(&self) -> Outcome {
        let pair = |price: Option<Price>, qty: Option<Quantity>| {
            [price.map_or(0.0, |price| price.as_f64()), qty.map_or(0.0, |qty| qty.as_f64())]
        };
        let bid = pair(self.book.best_bid_price(), self.book.best_bid_size());
        let ask = pair(self.book.best_ask_price(), self.book.best_ask_size());
        Outcome { bid, ask, ..self.outcome }
    }
}

fn depth<'a>(levels: impl Iterator<Item = &'a BookLevel>) -> f64 {
    levels.map(BookLevel::size).sum()
}
