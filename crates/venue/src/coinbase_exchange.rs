//! Coinbase Exchange, the older feed: `level2`, `level2_batch` and `level2_50` have one form.
//!
//! A book begins with a `snapshot` and goes on in `l2update`s of absolute quantities. Neither has
//! a number, so nothing shows that one was lost but the book itself (`sequence` in `ticker`,
//! `match` and `heartbeat` counts the orders of the `full` channel). `side` of a match is the
//! maker's. A `last_match` is history.
//! <https://docs.cdp.coinbase.com/exchange/websocket-feed/channels>
//! <https://docs.cdp.coinbase.com/exchange/websocket-feed/overview>

mod fast;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError, Sync,
    coinbase::quote,
    coinbase_product::{self, Listings},
    context::{Context, Facts, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, Side, StaleCause};

/// The Coinbase Exchange protocol.
#[derive(Debug, Default)]
pub(crate) struct CoinbaseExchange {
    /// `trade_id` of each instrument's last match.
    last_trades: Vec<Option<u64>>,
}

/// Every field of every message used.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow)]
    changes: Option<Raw<'a>>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid_size: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask_size: Option<Raw<'a>>,
    #[serde(borrow)]
    products: Option<Raw<'a>>,
}

fn snapshot(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    message: &Message<'_>,
) -> Result<(), DecodeError> {
    let raw = frame.whole();
    let symbol = frame.text(frame.field(raw, message.product_id, "product_id")?)?;
    let Some(id) = context.instrument(&symbol) else { return Ok(()) };
    let exchange_at = context.time_text(message.time);
    let mut book = context.message(id);
    book.levels(&frame, Side::Bid, frame.field(raw, message.bids, "bids")?)?;
    book.levels(&frame, Side::Ask, frame.field(raw, message.asks, "asks")?)?;
    book.finish(BookKind::Snapshot, Facts { exchange_at, ..Facts::default() });
    context.set_sync(id, Sync::Live);
    Ok(())
}

fn update(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    message: &Message<'_>,
) -> Result<(), DecodeError> {
    let raw = frame.whole();
    let symbol = frame.text(frame.field(raw, message.product_id, "product_id")?)?;
    let Some(id) = context.instrument(&symbol) else { return Ok(()) };
    if !context.sync(id).passes_diffs() {
        context.syncing(id);
        return Ok(());
    }
    let exchange_at = context.time_text(message.time);
    let mut book = context.message(id);
    for change in frame.items(frame.field(raw, message.changes, "changes")?) {
        let [side_text, price, qty] = frame.tuple(change?)?;
        let side = match side_text.unquoted() {
            "buy" => Side::Bid,
            "sell" => Side::Ask,
            _ => return Err(frame.error(side_text, "neither buy nor sell")),
        };
        book.level(&frame, side, price, qty)?;
    }
    book.finish(BookKind::Diff, Facts { exchange_at, ..Facts::default() });
    Ok(())
}

fn ticker(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    message: &Message<'_>,
) -> Result<(), DecodeError> {
    if message.best_bid.is_none() && message.best_ask.is_none() {
        return Ok(());
    }
    let symbol = frame.text(frame.field(frame.whole(), message.product_id, "product_id")?)?;
    let Some(id) = context.instrument(&symbol) else { return Ok(()) };
    let bid = quote(message.best_bid, message.best_bid_size);
    let ask = quote(message.best_ask, message.best_ask_size);
    context.ticker(&frame, id, bid, ask, None)
}

impl CoinbaseExchange {
    fn trade(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let raw = frame.whole();
        let symbol = frame.text(frame.field(raw, message.product_id, "product_id")?)?;
        let Some(id) = context.instrument(&symbol) else { return Ok(()) };
        let trade_id = message.trade_id.map(|value| frame.unsigned(value)).transpose()?;
        if self.last_trades.len() <= id.index() {
            self.last_trades.resize(id.index() + 1, None);
        }
        if trade_id.is_some() && self.last_trades[id.index()] == trade_id {
            context.counts.duplicates += 1;
            return Ok(());
        }
        let taker = match frame.field(raw, message.side, "side")?.unquoted() {
            "buy" => Side::Ask,
            "sell" => Side::Bid,
            _ => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        let price = frame.field(raw, message.price, "price")?;
        let qty = frame.field(raw, message.size, "size")?;
        let exchange_at = context.time_text(message.time);
        context.trade(&frame, id, TradeTold { id: trade_id, price, qty, taker, exchange_at })?;
        self.last_trades[id.index()] = trade_id;
        Ok(())
    }
}

impl Protocol for CoinbaseExchange {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        fast::update(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let message: Message<'_> = frame.read_all()?;
        match message.kind.map(Raw::unquoted) {
            Some("l2update") => update(context, frame, &message),
            Some("snapshot") => snapshot(context, frame, &message),
            Some("match") => self.trade(context, frame, &message),
            Some("ticker") => ticker(context, frame, &message),
            Some("status") => match message.products {
                Some(products) => coinbase_product::products(context, &frame, products),
                None => Ok(()),
            },
            Some("heartbeat") => {
                context.heartbeat();
                Ok(())
            }
            // A `last_match` tells the trade before the subscription.
            Some("last_match" | "subscriptions" | "error") => {
                context.counts.control += 1;
                Ok(())
            }
            _ => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }

    /// `GET /products` and `GET /products/{product_id}`.
    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        _url: Option<&str>,
        status: Option<u16>,
    ) -> Result<(), DecodeError> {
        let body: Raw<'_> = frame.read_all()?;
        if status.is_some_and(|status| status != 200) {
            context.counts.unknown_types += 1;
            return Ok(());
        }
        if body.is_array() {
            return coinbase_product::products(context, &frame, body);
        }
        match frame.read::<Listings<'_>>(body)?.products {
            Some(products) => coinbase_product::products(context, &frame, products),
            None => coinbase_product::product(context, &frame, body),
        }
    }

    fn connection_reset(&mut self, context: &mut Context<'_>) {
        context.stale_connection(StaleCause::Closed);
        for (last, (_, instrument)) in self.last_trades.iter_mut().zip(context.instruments.iter()) {
            if instrument.connection.is_none_or(|its| its == context.connection) {
                *last = None;
            }
        }
    }

    /// Nothing that comes later shows that a message was lost.
    fn loses_silently(&self) -> bool {
        true
    }
}
