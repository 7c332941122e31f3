//! WebSocket v2: `{"channel", "type", "data": […]}`, numbers as JSON numbers.
//!
//! Each item of a book message's `data` is one symbol's book message. Checksums go over the text
//! of the numbers as the venue wrote them, or, where the `instrument` channel has told the pair's
//! `price_precision` and `qty_precision`, as padded to those.
//! The depth is the one subscribed to; where neither our request nor its acknowledgement is at
//! hand, the smallest one on offer that holds the snapshot.
//! <https://docs.kraken.com/api/docs/websocket-v2/book>
//! <https://docs.kraken.com/api/docs/websocket-v2/instrument>

use super::{Kraken, Message, depth_holding, is_due, listing};
use crate::{
    DecodeError, Sync,
    checked::{CheckedMessage, checksum_bits, not_negative},
    context::{Context, Facts, TradeTold},
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, InstrumentId, Side, UnixNanos};

/// Every field of every channel's items.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow)]
    checksum: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    qty: Option<Raw<'a>>,
    #[serde(borrow)]
    trade_id: Option<Raw<'a>>,
    #[serde(borrow)]
    bid: Option<Raw<'a>>,
    #[serde(borrow)]
    bid_qty: Option<Raw<'a>>,
    #[serde(borrow)]
    ask: Option<Raw<'a>>,
    #[serde(borrow)]
    ask_qty: Option<Raw<'a>>,
}

/// What was subscribed to: the request's `params`, or the acknowledgement's `result`.
#[derive(Deserialize)]
struct Subscription<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    depth: Option<Raw<'a>>,
}

impl Kraken {
    pub(super) fn v2_message(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        channel: Raw<'_>,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let channel = channel.unquoted();
        match channel {
            "book" | "trade" | "ticker" | "instrument" => {}
            "heartbeat" => {
                context.heartbeat();
                return Ok(());
            }
            "status" => {
                context.counts.control += 1;
                return Ok(());
            }
            _ => {
                context.counts.unknown_types += 1;
                return Ok(());
            }
        }
        let data = frame.field(frame.whole(), message.data, "data")?;
        let kind = match frame.field(frame.whole(), message.kind, "type")?.unquoted() {
            "snapshot" => BookKind::Snapshot,
            "update" => BookKind::Diff,
            _ => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        if channel == "instrument" {
            return listing::pairs(context, frame, data);
        }
        for raw in frame.items(data) {
            let raw = raw?;
            let item: Item<'_> = frame.read(raw)?;
            let symbol = frame.text(frame.field(raw, item.symbol, "symbol")?)?;
            let Some(id) = context.instrument(&symbol) else { continue };
            match channel {
                "book" => self.v2_book(context, frame, raw, id, kind, &item)?,
                "ticker" => ticker(context, frame, raw, id, &item)?,
                // The snapshot of the trade channel is history.
                _ if kind == BookKind::Snapshot => {}
                _ => self.v2_trade(context, frame, raw, id, &item)?,
            }
        }
        Ok(())
    }

    fn v2_book(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        id: InstrumentId,
        kind: BookKind,
        item: &Item<'_>,
    ) -> Result<(), DecodeError> {
        context.instruments.get_mut(id).connection = Some(context.connection);
        if !is_due(context, id, kind) {
            return Ok(());
        }
        let bids = frame.field(raw, item.bids, "bids")?;
        let asks = frame.field(raw, item.asks, "asks")?;
        let checksum = item.checksum.map(|value| checksum_bits(&frame, value)).transpose()?;
        let exchange_at = item.timestamp.map(|value| time(frame, value)).transpose()?;
        let metadata = context.instruments.get(id).metadata;
        let book = self.book(id);
        book.texts.declare(metadata.price_decimals, metadata.qty_decimals);
        let mut message = CheckedMessage::new(context, &mut book.texts, id, kind);
        message.entries(&frame, Side::Ask, asks)?;
        message.entries(&frame, Side::Bid, bids)?;
        if kind == BookKind::Snapshot {
            let held = depth_holding(message.levels_max);
            // Larger than what we know of: it answers another subscription.
            let subscribed = book.subscribed_depth.filter(|depth| Some(*depth) >= held);
            book.depth = subscribed.or(held);
        }
        let depth = book.depth;
        message.finish(Facts { exchange_at, checksum, depth, ..Facts::default() });
        if kind == BookKind::Snapshot {
            context.set_sync(id, Sync::Live);
        }
        Ok(())
    }

    fn v2_trade(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        id: InstrumentId,
        item: &Item<'_>,
    ) -> Result<(), DecodeError> {
        let taker = match frame.field(raw, item.side, "side")?.unquoted() {
            "buy" => Side::Bid,
            "sell" => Side::Ask,
            _ => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        let price = frame.field(raw, item.price, "price")?;
        let qty = frame.field(raw, item.qty, "qty")?;
        not_negative(&frame, qty)?;
        let exchange_at = item.timestamp.map(|value| time(frame, value)).transpose()?;
        let number = item.trade_id.map(|value| frame.unsigned(value)).transpose()?;
        if number.is_some_and(|number| self.book(id).last_trade.is_repeat(number)) {
            context.counts.duplicates += 1;
            return Ok(());
        }
        context.trade(&frame, id, TradeTold { id: number, price, qty, taker, exchange_at })
    }

    /// Notes the depth of a book subscription, ours as sent or as acknowledged.
    #[cold]
    pub(super) fn v2_subscription(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        method: Option<Raw<'_>>,
        subscription: Option<Raw<'_>>,
    ) -> Result<(), DecodeError> {
        let Some(subscription) = subscription else { return Ok(()) };
        if method.is_none_or(|method| method.unquoted() != "subscribe") {
            return Ok(());
        }
        let Subscription { channel, symbol, depth } = frame.read(subscription)?;
        let (Some(channel), Some(symbol)) = (channel, symbol) else { return Ok(()) };
        if channel.unquoted() != "book" {
            return Ok(());
        }
        let depth = match depth {
            Some(depth) => u32::try_from(frame.unsigned(depth)?).ok(),
            None => Some(10),
        };
        let mut note = |symbol: Raw<'_>| -> Result<(), DecodeError> {
            if let Some(id) = context.instruments.find_or_add(&frame.text(symbol)?) {
                self.book(id).subscribed_depth = depth;
            }
            Ok(())
        };
        if !symbol.is_array() {
            return note(symbol);
        }
        frame.items(symbol).try_for_each(|symbol| note(symbol?))
    }
}

fn ticker<'f>(
    context: &mut Context<'_>,
    frame: Frame<'f>,
    raw: Raw<'f>,
    id: InstrumentId,
    item: &Item<'f>,
) -> Result<(), DecodeError> {
    let side = |price: Option<Raw<'f>>, qty: Option<Raw<'f>>| match (price, qty) {
        (Some(price), Some(qty)) if !price.is_null() => Some((price, qty)),
        _ => None,
    };
    let (bid, ask) = (side(item.bid, item.bid_qty), side(item.ask, item.ask_qty));
    if bid.or(ask).is_none() {
        return frame.field(raw, None, "bid").map(|_| ());
    }
    for (_, qty) in [bid, ask].into_iter().flatten() {
        not_negative(&frame, qty)?;
    }
    context.ticker(&frame, id, bid, ask, None)
}

fn time<'f>(frame: Frame<'f>, value: Raw<'f>) -> Result<UnixNanos, DecodeError> {
    let time = UnixNanos::parse_rfc3339(value.unquoted().as_bytes());
    time.ok_or_else(|| frame.error(value, "not a time in UTC"))
}
