//! Coinbase Advanced Trade.
//!
//! One `sequence_num` counts every message of a connection, whatever its channel, heartbeats and
//! acknowledgements included, from 0 up. A number left out may have been any product's book: all
//! books of the connection are Stale. A message without a number (an `error`) stands outside.
//! Each event of an `l2_data` message is one book message, its quantities absolute.
//! <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels>
//! <https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/websocket/level2>
//! <https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/advanced-trade-asyncapi.json>
//!
//! The documents do not say whose side `market_trades` tells. It is the maker's, as on Coinbase
//! Exchange: of 46 recorded trades at the ticker's best bid or ask, all 30 `SELL` were at the ask
//! and all 16 `BUY` at the bid. The exchange's time of a book message is the greatest `event_time`
//! of its levels, else the message's own.

mod fast;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError, Sync,
    coinbase_product::{self, Listings},
    connection_sequence::{ConnectionSequence, Place},
    context::{Context, Facts, Message as BookMessage, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, Side, StaleCause, UnixNanos};

/// The Coinbase Advanced Trade protocol.
#[derive(Debug, Default)]
pub(crate) struct Coinbase {
    /// Counts from 0.
    sequence: ConnectionSequence,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    sequence_num: Option<Raw<'a>>,
    #[serde(borrow)]
    events: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
}

/// Every field of every event used.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    updates: Option<Raw<'a>>,
    #[serde(borrow)]
    trades: Option<Raw<'a>>,
    #[serde(borrow)]
    tickers: Option<Raw<'a>>,
    #[serde(borrow)]
    products: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct LevelUpdate<'a> {
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    event_time: Option<Raw<'a>>,
    #[serde(borrow)]
    price_level: Option<Raw<'a>>,
    #[serde(borrow)]
    new_quantity: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct MarketTrade<'a> {
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid_quantity: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask_quantity: Option<Raw<'a>>,
}

impl Coinbase {
    fn message(
        context: &mut Context<'_>,
        frame: Frame<'_>,
        message: &Message<'_>,
        sequence: Option<u64>,
    ) -> Result<(), DecodeError> {
        let handle = match message.channel.map(Raw::unquoted) {
            Some("l2_data") => book_event,
            Some("market_trades") => market_trades,
            Some("ticker" | "ticker_batch") => tickers,
            Some("status") => status,
            Some("heartbeats") => {
                context.heartbeat();
                return Ok(());
            }
            Some("subscriptions") => {
                context.counts.control += 1;
                return Ok(());
            }
            None if message.kind.is_some() => {
                context.counts.control += 1;
                return Ok(());
            }
            _ => {
                context.counts.unknown_types += 1;
                return Ok(());
            }
        };
        for event in frame.items(frame.field(frame.whole(), message.events, "events")?) {
            let raw = event?;
            handle(context, frame, message, raw, frame.read(raw)?, sequence)?;
        }
        Ok(())
    }
}

fn book_event(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    message: &Message<'_>,
    raw: Raw<'_>,
    event: Event<'_>,
    sequence: Option<u64>,
) -> Result<(), DecodeError> {
    let kind_text = frame.field(raw, event.kind, "type")?;
    let kind = match kind_text.unquoted() {
        "snapshot" => BookKind::Snapshot,
        "update" => BookKind::Diff,
        _ => return Err(frame.error(kind_text, "neither a snapshot nor an update")),
    };
    let symbol = frame.text(frame.field(raw, event.product_id, "product_id")?)?;
    let Some(id) = context.instrument(&symbol) else { return Ok(()) };
    if kind == BookKind::Diff && !context.sync(id).passes_diffs() {
        context.syncing(id);
        return Ok(());
    }
    let updates = frame.field(raw, event.updates, "updates")?;
    let sent_at = context.time_text(message.timestamp);
    let mut changed_at = ChangedAt::default();
    let mut book = context.message(id);
    for update in frame.items(updates) {
        level(&mut book, frame, update?, &mut changed_at)?;
    }
    let exchange_at = changed_at.greatest().or(sent_at);
    book.finish(kind, Facts { exchange_at, sequence, ..Facts::default() });
    if kind == BookKind::Snapshot {
        context.set_sync(id, Sync::Live);
    }
    Ok(())
}

/// The greatest time of a message's levels, beside the text it was last read from: they mostly
/// share one.
#[derive(Default)]
struct ChangedAt<'f>(Option<(UnixNanos, &'f [u8])>);

impl<'f> ChangedAt<'f> {
    #[inline]
    fn note(&mut self, text: &'f [u8]) {
        if self.0.is_none_or(|(_, last)| last != text)
            && let Some(at) = UnixNanos::parse_rfc3339(text).filter(|at| at.nanos() > 0)
        {
            let greatest = self.0.map_or(at, |(before, _)| before.max(at));
            self.0 = Some((greatest, text));
        }
    }

    /// The text that was last read as a time.
    fn last(&self) -> Option<&'f [u8]> {
        self.0.map(|(_, text)| text)
    }

    fn greatest(&self) -> Option<UnixNanos> {
        self.0.map(|(at, _)| at)
    }
}

/// One level and its time.
fn level<'f>(
    book: &mut BookMessage<'_>,
    frame: Frame<'f>,
    raw: Raw<'f>,
    changed_at: &mut ChangedAt<'f>,
) -> Result<(), DecodeError> {
    let update: LevelUpdate<'_> = frame.read(raw)?;
    let side_text = frame.field(raw, update.side, "side")?;
    let side = match side_text.unquoted() {
        "bid" => Side::Bid,
        "offer" | "ask" => Side::Ask,
        _ => return Err(frame.error(side_text, "neither a bid nor an offer")),
    };
    let price = frame.field(raw, update.price_level, "price_level")?;
    let qty = frame.field(raw, update.new_quantity, "new_quantity")?;
    book.level(&frame, side, price, qty)?;
    changed_at.note(update.event_time.map_or("", Raw::unquoted).as_bytes());
    Ok(())
}

/// The side told is the maker's; a `snapshot` is history.
fn market_trades(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    _message: &Message<'_>,
    raw: Raw<'_>,
    event: Event<'_>,
    _sequence: Option<u64>,
) -> Result<(), DecodeError> {
    if event.kind.map(Raw::unquoted) == Some("snapshot") {
        return Ok(());
    }
    for trade in frame.items(frame.field(raw, event.trades, "trades")?) {
        let raw = trade?;
        let trade: MarketTrade<'_> = frame.read(raw)?;
        let symbol = frame.text(frame.field(raw, trade.product_id, "product_id")?)?;
        let Some(id) = context.instrument(&symbol) else { continue };
        let taker = match frame.field(raw, trade.side, "side")?.unquoted() {
            "BUY" => Side::Ask,
            "SELL" => Side::Bid,
            _ => {
                context.counts.unknown_values += 1;
                continue;
            }
        };
        let price = frame.field(raw, trade.price, "price")?;
        let qty = frame.field(raw, trade.size, "size")?;
        let exchange_at = context.time_text(trade.time);
        let number = trade.trade_id.and_then(Raw::number);
        context.trade(&frame, id, TradeTold { id: number, price, qty, taker, exchange_at })?;
    }
    Ok(())
}

/// `ticker_batch` may come without best bid and ask: it says nothing then.
fn tickers(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    _message: &Message<'_>,
    raw: Raw<'_>,
    event: Event<'_>,
    _sequence: Option<u64>,
) -> Result<(), DecodeError> {
    for ticker in frame.items(frame.field(raw, event.tickers, "tickers")?) {
        let raw = ticker?;
        let ticker: Ticker<'_> = frame.read(raw)?;
        if ticker.best_bid.is_none() && ticker.best_ask.is_none() {
            continue;
        }
        let symbol = frame.text(frame.field(raw, ticker.product_id, "product_id")?)?;
        let Some(id) = context.instrument(&symbol) else { continue };
        let bid = quote(ticker.best_bid, ticker.best_bid_quantity);
        let ask = quote(ticker.best_ask, ticker.best_ask_quantity);
        context.ticker(&frame, id, bid, ask, None)?;
    }
    Ok(())
}

/// One side of a ticker: none where the price is empty, a quantity of zero where none is told.
pub(crate) fn quote<'a>(
    price: Option<Raw<'a>>,
    qty: Option<Raw<'a>>,
) -> Option<(Raw<'a>, Raw<'a>)> {
    let price = price.filter(|price| !price.unquoted().is_empty())?;
    Some((price, qty.filter(|qty| !qty.unquoted().is_empty()).unwrap_or(Raw("0"))))
}

fn status(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    _message: &Message<'_>,
    _raw: Raw<'_>,
    event: Event<'_>,
    _sequence: Option<u64>,
) -> Result<(), DecodeError> {
    match event.products {
        Some(products) => coinbase_product::products(context, &frame, products),
        None => Ok(()),
    }
}

impl Protocol for Coinbase {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let message: Message<'_> = frame.read_all()?;
        let sequence = message.sequence_num.map(|number| frame.unsigned(number)).transpose()?;
        if let Some(number) = sequence {
            match self.sequence.place(context.connection, number) {
                Place::Next => {}
                Place::Break => context.stale_connection(StaleCause::Sequence),
                Place::AlreadySeen => {
                    context.counts.duplicates += 1;
                    return Ok(());
                }
            }
        }
        Self::message(context, frame, &message, sequence)?;
        if let Some(number) = sequence {
            self.sequence.accept(context.connection, number);
        }
        Ok(())
    }

    /// `GET …/market/products` and `GET …/market/products/{product_id}`.
    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        _url: Option<&str>,
        status: Option<u16>,
    ) -> Result<(), DecodeError> {
        let listings: Listings<'_> = frame.read_all()?;
        match listings.products {
            _ if status.is_some_and(|status| status != 200) => {
                context.counts.unknown_types += 1;
                Ok(())
            }
            Some(products) => coinbase_product::products(context, &frame, products),
            None => coinbase_product::product(context, &frame, frame.whole()),
        }
    }

    fn connection_reset(&mut self, context: &mut Context<'_>) {
        context.stale_connection(StaleCause::Closed);
        self.sequence.reset(context.connection);
    }

    /// The next message's number shows that one was lost.
    fn loses_silently(&self) -> bool {
        false
    }
}
