//! Kraken Futures, WebSocket v1.
//!
//! `book_snapshot` replaces a product's book; each `book` message changes one level, and its `seq`
//! is one more than that of the product's message before. A message whose `seq` and `timestamp`
//! both are not past the book's was applied before; anything else out of place is a gap. There is
//! no checksum. <https://docs.kraken.com/exchange/api-reference/futures-websocket/book>
//! <https://docs.kraken.com/exchange/api-reference/futures-websocket/trade>

mod fast;
mod listing;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError, Sync,
    checked::{Entry, LastTrade, not_negative},
    context::{Context, Facts, Message as BookMessage, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, InstrumentId, Request, Side, StaleCause, UnixNanos};

/// The Kraken Futures protocol.
#[derive(Debug, Default)]
pub(crate) struct KrakenFutures {
    feeds: Vec<Feed>,
}

/// One product's messages.
#[derive(Clone, Copy, Debug, Default)]
struct Feed {
    /// `seq` and `timestamp` of the last book message applied.
    last_seq: u64,
    last_at: Option<UnixNanos>,
    last_trade: LastTrade,
}

/// Every field of every message used, values as text until the type is known.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    feed: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    seq: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    qty: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    bid: Option<Raw<'a>>,
    #[serde(borrow)]
    bid_size: Option<Raw<'a>>,
    #[serde(borrow)]
    ask: Option<Raw<'a>>,
    #[serde(borrow)]
    ask_size: Option<Raw<'a>>,
}

impl Feed {
    #[inline]
    fn is_next(&self, seq: u64) -> bool {
        self.last_seq.checked_add(1) == Some(seq)
    }

    /// Hands a diff over that is in its place.
    #[inline]
    fn finish_diff(&mut self, book: BookMessage<'_>, seq: u64, exchange_at: Option<UnixNanos>) {
        let facts = Facts { exchange_at, sequence: Some(seq), ..Facts::default() };
        book.finish(BookKind::Diff, facts);
        (self.last_seq, self.last_at) = (seq, exchange_at);
    }
}

impl KrakenFutures {
    #[inline]
    fn feed(&mut self, id: InstrumentId) -> &mut Feed {
        if self.feeds.len() <= id.index() {
            self.feeds.resize_with(id.index() + 1, Feed::default);
        }
        &mut self.feeds[id.index()]
    }

    fn snapshot(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        id: InstrumentId,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let raw = frame.whole();
        let seq = frame.unsigned(frame.field(raw, message.seq, "seq")?)?;
        let exchange_at = frame.millis(message.timestamp)?;
        let bids = frame.field(raw, message.bids, "bids")?;
        let asks = frame.field(raw, message.asks, "asks")?;
        let feed = self.feed(id);
        if context.sync(id) == Sync::Live && seq < feed.last_seq && exchange_at <= feed.last_at {
            // An old one again: the book is past it, and whole.
            context.counts.duplicates += 1;
            return Ok(());
        }
        let mut book = context.message(id);
        for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
            for level in frame.items(levels) {
                let Entry { price, qty } = frame.read(level?)?;
                not_negative(&frame, qty)?;
                book.level(&frame, side, price, qty)?;
            }
        }
        let facts = Facts { exchange_at, sequence: Some(seq), ..Facts::default() };
        book.finish(BookKind::Snapshot, facts);
        context.set_sync(id, Sync::Live);
        (feed.last_seq, feed.last_at) = (seq, exchange_at);
        Ok(())
    }

    fn diff(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        id: InstrumentId,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let raw = frame.whole();
        let seq = frame.unsigned(frame.field(raw, message.seq, "seq")?)?;
        let exchange_at = frame.millis(message.timestamp)?;
        let side = frame.field(raw, message.side, "side")?;
        let price = frame.field(raw, message.price, "price")?;
        let qty = frame.field(raw, message.qty, "qty")?;
        let side = match side.unquoted() {
            "buy" => Side::Bid,
            "sell" => Side::Ask,
            // Skipped, it would be missing from the book.
            _ => return Err(frame.error(side, "a side that is neither buy nor sell")),
        };
        not_negative(&frame, qty)?;
        context.instruments.get_mut(id).connection = Some(context.connection);
        if !context.sync(id).passes_diffs() {
            if context.sync(id) == Sync::Empty {
                // Snapshots come first on this venue: this one was lost.
                context.request(Request::Resubscribe(id));
            }
            context.syncing(id);
            return Ok(());
        }
        let feed = self.feed(id);
        if !feed.is_next(seq) {
            if seq <= feed.last_seq && exchange_at <= feed.last_at {
                context.counts.duplicates += 1;
            } else {
                context.stale(id, StaleCause::Sequence, Request::Resubscribe(id));
            }
            return Ok(());
        }
        let mut book = context.message(id);
        book.level(&frame, side, price, qty)?;
        feed.finish_diff(book, seq, exchange_at);
        Ok(())
    }

    fn trade(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        id: InstrumentId,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let raw = frame.whole();
        match message.kind.map(Raw::unquoted) {
            None | Some("fill" | "liquidation") => {}
            // Struck outside the book, at prices that may be far off it.
            Some("block" | "termination" | "assignment") => {
                context.counts.off_market_trades += 1;
                return Ok(());
            }
            Some(_) => context.counts.unknown_values += 1,
        }
        let taker = match frame.field(raw, message.side, "side")?.unquoted() {
            "buy" => Side::Bid,
            "sell" => Side::Ask,
            _ => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        let price = frame.field(raw, message.price, "price")?;
        let qty = frame.field(raw, message.qty, "qty")?;
        not_negative(&frame, qty)?;
        let exchange_at = frame.millis(message.time.or(message.timestamp))?;
        let number = message.seq.map(|value| frame.unsigned(value)).transpose()?;
        if number.is_some_and(|number| self.feed(id).last_trade.is_repeat(number)) {
            context.counts.duplicates += 1;
            return Ok(());
        }
        // Its `seq` counts the messages of a subscription, not the venue's trades.
        context.trade(&frame, id, TradeTold { id: None, price, qty, taker, exchange_at })
    }
}

impl Protocol for KrakenFutures {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let message: Message<'_> = frame.read_all()?;
        let feed = match (message.event, message.feed) {
            (Some(_), _) => {
                context.counts.control += 1;
                return Ok(());
            }
            (None, feed) => feed.map_or("", Raw::unquoted),
        };
        match feed {
            "book" | "book_snapshot" | "trade" | "trade_snapshot" | "ticker" | "ticker_lite" => {}
            "heartbeat" => {
                context.heartbeat();
                return Ok(());
            }
            _ => {
                context.counts.unknown_types += 1;
                return Ok(());
            }
        }
        let product = frame.field(frame.whole(), message.product_id, "product_id")?;
        let Some(id) = context.instrument(&frame.text(product)?) else { return Ok(()) };
        match feed {
            "book" => self.diff(context, frame, id, &message),
            "book_snapshot" => self.snapshot(context, frame, id, &message),
            "trade" => self.trade(context, frame, id, &message),
            "trade_snapshot" => {
                // The last trades before we came: history. Numbers may begin anew with it.
                self.feed(id).last_trade = LastTrade::default();
                Ok(())
            }
            _ => ticker(context, frame, id, &message),
        }
    }

    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        _url: Option<&str>,
        _status: Option<u16>,
    ) -> Result<(), DecodeError> {
        listing::instruments(context, frame)
    }

    /// The product's next `seq` shows that one was lost.
    fn loses_silently(&self) -> bool {
        false
    }
}

/// `ticker` gives sizes, `ticker_lite` does not; an empty side is null or zero.
fn ticker<'f>(
    context: &mut Context<'_>,
    frame: Frame<'f>,
    id: InstrumentId,
    message: &Message<'f>,
) -> Result<(), DecodeError> {
    let side = |price: Option<Raw<'f>>, size: Option<Raw<'f>>| {
        let Some(price) = price.filter(|price| !price.is_null()) else { return Ok(None) };
        if frame.decimal(price)?.mantissa == 0 {
            return Ok(None);
        }
        let size = size.filter(|size| !size.is_null()).unwrap_or(Raw("0"));
        not_negative(&frame, size)?;
        Ok(Some((price, size)))
    };
    let bid = side(message.bid, message.bid_size)?;
    let ask = side(message.ask, message.ask_size)?;
    context.ticker(&frame, id, bid, ask, None)
}
