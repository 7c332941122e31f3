//! barter-data: its Binance messages, its transformer with the sequence rules, its order book.

use crate::outcome::Outcome;
use anyhow::{Result, anyhow};
use barter_data::{
    books::{Level, OrderBook},
    event::MarketEvent,
    exchange::binance::{
        book::l2::BinanceOrderBookL2Snapshot,
        futures::l2::{BinanceFuturesOrderBookL2Update, BinanceFuturesUsdOrderBooksL2Transformer},
    },
    subscription::{Map, book::OrderBookEvent},
    transformer::ExchangeTransformer,
};
use barter_instrument::exchange::ExchangeId;
use barter_integration::{Transformer, subscription::SubscriptionId};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// What a user's loop over barter-data's stream does with a book.
pub struct Update {
    transformer: BinanceFuturesUsdOrderBooksL2Transformer<u32>,
    book: OrderBook,
    outcome: Outcome,
}

impl Update {
    /// A book that has its snapshot.
    pub fn new(symbol: &str, snapshot: &str) -> Result<Self> {
        let snapshot: BinanceOrderBookL2Snapshot = serde_json::from_str(snapshot)?;
        let id = SubscriptionId::from(format!("@depth@100ms|{symbol}"));
        let event = MarketEvent::from((ExchangeId::BinanceFuturesUsd, 0u32, snapshot));
        let (sender, _) = tokio::sync::mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let map = Map([(id, 0u32)].into_iter().collect());
        let events = std::slice::from_ref(&event);
        let transformer = BinanceFuturesUsdOrderBooksL2Transformer::init(map, events, sender);
        let transformer = runtime.block_on(transformer)?;
        let mut this =
            Self { transformer, book: OrderBook::default(), outcome: Outcome::default() };
        this.take(&event.kind);
        Ok(this)
    }

    /// One frame of the raw stream, the one barter-data subscribes to.
    #[inline]
    pub fn on_message(&mut self, frame: &str) -> Result<()> {
        let update: BinanceFuturesOrderBookL2Update = serde_json::from_str(frame)?;
        for event in self.transformer.transform(update) {
            let event = event.map_err(|error| anyhow!("{error}"))?;
            self.take(&event.kind);
        }
        Ok(())
    }

    fn take(&mut self, event: &OrderBookEvent) {
        self.book.update(event);
        let (bids, asks) = (self.book.bids().levels(), self.book.asks().levels());
        self.outcome.add(depth(bids), depth(asks));
    }

    /// Where the book stands.
    pub fn outcome(&self) -> Outcome {
        let pair = |level: Option<&Level>| {
            level.map_or([0.0; 2], |level| [real(level.price), real(level.amount)])
        };
        let (bid, ask) = (pair(self.book.bids().best()), pair(self.book.asks().best()));
        Outcome { bid, ask, ..self.outcome }
    }
}

fn depth(levels: &[Level]) -> f64 {
    real(levels.iter().take(5).map(|level| level.amount).sum())
}

fn real(decimal: Decimal) -> f64 {
    decimal.to_f64().unwrap_or(f64::NAN)
}
