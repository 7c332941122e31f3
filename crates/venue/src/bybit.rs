//! Bybit v5: linear, inverse and spot share one protocol.
//!
//! A book begins with a `snapshot` and goes on in `delta`s; a snapshot may come again at any time
//! and replaces the book (after a restart of the service with `u` = 1). `u` rises by one from
//! message to message of a topic; `seq`, the matching engine's number, never falls.
//! <https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook>
//! <https://bybit-exchange.github.io/docs/v5/websocket/public/trade>
//! <https://bybit-exchange.github.io/docs/v5/websocket/public/ticker>
//! <https://bybit-exchange.github.io/docs/v5/market/instrument>
//!
//! Of several depths of one symbol the deepest that has sent a snapshot is followed; messages of
//! the others are counted as unused. The depth of 1 sends nothing but snapshots. `orderbook.full`
//! (deltas upon a REST snapshot) and `orderbook.rpi` are not followed.

mod fast;
mod listing;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError, Sync,
    context::{Context, Facts, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, Decimal, InstrumentId, Request, Side, StaleCause, UnixNanos};

/// The Bybit protocol.
#[derive(Debug, Default)]
pub(crate) struct Bybit {
    feeds: Vec<Feed>,
}

/// One instrument's book topic, and its ticker as the deltas have left it.
#[derive(Debug, Default)]
struct Feed {
    /// Levels a side of the topic followed; 0 before its first snapshot.
    depth: u32,
    /// `u` of the last message applied.
    update_id: u64,
    /// `seq` of the last message applied.
    cross_sequence: u64,
    bid: Quote,
    ask: Quote,
}

/// One side of a ticker, field by field.
#[derive(Clone, Copy, Debug, Default)]
struct Quote {
    price: Option<Decimal>,
    qty: Option<Decimal>,
}

/// What every message of a topic, and every reply, may have.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    topic: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    ts: Option<Raw<'a>>,
    #[serde(borrow)]
    cts: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    op: Option<Raw<'a>>,
    #[serde(borrow)]
    ret_msg: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct OrderBook<'a> {
    #[serde(borrow)]
    s: Option<Raw<'a>>,
    #[serde(borrow)]
    b: Option<Raw<'a>>,
    #[serde(borrow)]
    a: Option<Raw<'a>>,
    #[serde(borrow)]
    u: Option<Raw<'a>>,
    #[serde(borrow)]
    seq: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct PublicTrade<'a> {
    #[serde(borrow, rename = "T")]
    traded_at: Option<Raw<'a>>,
    #[serde(borrow, rename = "s")]
    symbol: Option<Raw<'a>>,
    #[serde(borrow, rename = "S")]
    taker: Option<Raw<'a>>,
    #[serde(borrow)]
    v: Option<Raw<'a>>,
    #[serde(borrow)]
    p: Option<Raw<'a>>,
    #[serde(borrow, rename = "BT")]
    block: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Tickers<'a> {
    #[serde(borrow, rename = "bid1Price")]
    bid_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "bid1Size")]
    bid_qty: Option<Raw<'a>>,
    #[serde(borrow, rename = "ask1Price")]
    ask_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "ask1Size")]
    ask_qty: Option<Raw<'a>>,
}

/// What the rules make of a book message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Apply,
    AlreadyApplied,
    Gap,
    /// Of a topic that is not the one followed.
    NotFollowed,
}

impl Feed {
    fn snapshot_verdict(&self, live: bool, depth: u32, update_id: u64, sequence: u64) -> Verdict {
        if depth < self.depth {
            return Verdict::NotFollowed;
        }
        let same = update_id == self.update_id && sequence == self.cross_sequence;
        // Where every message is a snapshot, one that comes too late would set the book back.
        let late = depth == 1 && sequence < self.cross_sequence;
        if live && depth == self.depth && (same || late) {
            return Verdict::AlreadyApplied;
        }
        Verdict::Apply
    }

    /// A message of that topic's depth and of those numbers is applied.
    #[inline]
    fn applied(&mut self, depth: u32, update_id: u64, sequence: u64) {
        (self.depth, self.update_id, self.cross_sequence) = (depth, update_id, sequence);
    }

    fn delta_verdict(&self, depth: u32, update_id: u64, sequence: u64) -> Verdict {
        if depth != self.depth {
            Verdict::NotFollowed
        } else if Some(update_id) == self.update_id.checked_add(1)
            && sequence >= self.cross_sequence
        {
            Verdict::Apply
        } else if update_id <= self.update_id && sequence <= self.cross_sequence {
            Verdict::AlreadyApplied
        } else {
            Verdict::Gap
        }
    }
}

/// What is told of a book message beside its levels.
#[inline]
fn facts(exchange_at: Option<UnixNanos>, update_id: u64) -> Facts {
    Facts { exchange_at, sequence: Some(update_id), ..Facts::default() }
}

impl Bybit {
    #[inline]
    fn feed(&mut self, id: InstrumentId) -> &mut Feed {
        if self.feeds.len() <= id.index() {
            self.feeds.resize_with(id.index() + 1, Feed::default);
        }
        &mut self.feeds[id.index()]
    }

    fn order_book(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        envelope: &Envelope<'_>,
        topic: &str,
    ) -> Result<(), DecodeError> {
        let parsed =
            topic.split_once('.').and_then(|(depth, s)| Some((depth.parse::<u32>().ok()?, s)));
        let Some((depth, symbol)) = parsed.filter(|(depth, _)| *depth > 0) else {
            context.counts.unknown_types += 1;
            return Ok(());
        };
        let raw = frame.field(frame.whole(), envelope.data, "data")?;
        let book: OrderBook<'_> = frame.read(raw)?;
        if let Some(named) = book.s
            && frame.text(named)? != symbol
        {
            return Err(frame.error(named, "another symbol than the topic's"));
        }
        let update_id = frame.unsigned(frame.field(raw, book.u, "u")?)?;
        let sequence = book.seq.map_or(Ok(0), |value| frame.unsigned(value))?;
        let kind_text = frame.field(frame.whole(), envelope.kind, "type")?;
        let kind = match kind_text.unquoted() {
            "snapshot" => BookKind::Snapshot,
            "delta" => BookKind::Diff,
            _ => return Err(frame.error(kind_text, "neither a snapshot nor a delta")),
        };
        let Some(id) = context.instrument(symbol) else { return Ok(()) };
        let sync = context.sync(id);
        let feed = self.feed(id);
        let verdict = match kind {
            BookKind::Snapshot => {
                feed.snapshot_verdict(sync == Sync::Live, depth, update_id, sequence)
            }
            BookKind::Diff if !sync.passes_diffs() => {
                context.syncing(id);
                return Ok(());
            }
            BookKind::Diff => feed.delta_verdict(depth, update_id, sequence),
        };
        match verdict {
            Verdict::Apply => {
                let exchange_at = frame.millis(envelope.cts.or(envelope.ts))?;
                let mut message = context.message(id);
                message.levels(&frame, Side::Bid, frame.field(raw, book.b, "b")?)?;
                message.levels(&frame, Side::Ask, frame.field(raw, book.a, "a")?)?;
                message.finish(kind, facts(exchange_at, update_id));
                if kind == BookKind::Snapshot {
                    context.set_sync(id, Sync::Live);
                }
                self.feed(id).applied(depth, update_id, sequence);
            }
            Verdict::AlreadyApplied => context.counts.duplicates += 1,
            Verdict::Gap => {
                context.stale(id, StaleCause::Sequence, Request::Resubscribe(id));
            }
            Verdict::NotFollowed => context.counts.unknown_types += 1,
        }
        Ok(())
    }

    /// Linear and inverse tickers: a snapshot, then deltas of the fields that changed. Spot's have
    /// no bid and ask.
    fn ticker(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        envelope: &Envelope<'_>,
        symbol: &str,
    ) -> Result<(), DecodeError> {
        let tickers: Tickers<'_> =
            frame.read(frame.field(frame.whole(), envelope.data, "data")?)?;
        let sides = [
            (tickers.bid_price, tickers.bid_qty, Side::Bid),
            (tickers.ask_price, tickers.ask_qty, Side::Ask),
        ];
        if sides.iter().all(|(price, qty, _)| price.is_none() && qty.is_none()) {
            return Ok(());
        }
        let Some(id) = context.instrument(symbol) else { return Ok(()) };
        let feed = self.feed(id);
        if envelope.kind.map(Raw::unquoted) == Some("snapshot") {
            (feed.bid, feed.ask) = (Quote::default(), Quote::default());
        }
        for (price, qty, side) in sides {
            let quote = if side == Side::Bid { &mut feed.bid } else { &mut feed.ask };
            // An empty side is an empty text.
            let read = |value: Raw<'_>| match value.unquoted() {
                "" => Ok(None),
                _ => frame.decimal(value).map(Some),
            };
            quote.price = price.map_or(Ok(quote.price), read)?;
            quote.qty = qty.map_or(Ok(quote.qty), read)?;
            if let Some(text) = qty
                && quote.qty.is_some_and(|qty| qty.mantissa < 0)
            {
                return Err(frame.error(text, "a negative quantity"));
            }
        }
        let level = |quote: Quote| quote.price.zip(quote.qty);
        let (bid, ask) = (level(feed.bid), level(feed.ask));
        context
            .ticker_exact(id, bid, ask, None)
            .ok_or_else(|| DecodeError::OutOfRange { offset: frame.offset_of(symbol.as_bytes()) })
    }
}

/// Whether it answers a ping: public connections say `"op":"ping","ret_msg":"pong"`, others
/// `"op":"pong"`. <https://bybit-exchange.github.io/docs/v5/ws/connect>
fn is_pong(op: Raw<'_>, ret_msg: Option<Raw<'_>>) -> bool {
    let said = ret_msg.is_some_and(|text| text.unquoted() == "pong");
    op.unquoted() == "pong" || (op.unquoted() == "ping" && said)
}

/// Trades; `S` is the taker's side. Block trades are agreed off the book.
fn public_trades(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    envelope: &Envelope<'_>,
) -> Result<(), DecodeError> {
    for trade in frame.items(frame.field(frame.whole(), envelope.data, "data")?) {
        let raw = trade?;
        let trade: PublicTrade<'_> = frame.read(raw)?;
        let symbol = frame.text(frame.field(raw, trade.symbol, "s")?)?;
        let Some(id) = context.instrument(&symbol) else { continue };
        if trade.block.is_some_and(|block| block.0 == "true") {
            context.counts.off_market_trades += 1;
            continue;
        }
        let taker = match frame.field(raw, trade.taker, "S")?.unquoted() {
            "Buy" => Side::Bid,
            "Sell" => Side::Ask,
            _ => {
                context.counts.unknown_values += 1;
                continue;
            }
        };
        let price = frame.field(raw, trade.p, "p")?;
        let qty = frame.field(raw, trade.v, "v")?;
        let exchange_at = frame.millis(trade.traded_at.or(envelope.ts))?;
        // Their ids are no numbers.
        context.trade(&frame, id, TradeTold { id: None, price, qty, taker, exchange_at })?;
    }
    Ok(())
}

impl Protocol for Bybit {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let envelope: Envelope<'_> = frame.read_all()?;
        let Some(topic) = envelope.topic else {
            match envelope.op {
                Some(op) if is_pong(op, envelope.ret_msg) => context.heartbeat(),
                Some(_) => context.counts.control += 1,
                None => context.counts.unknown_types += 1,
            }
            return Ok(());
        };
        let topic = frame.text(topic)?;
        match topic.split_once('.') {
            Some(("orderbook", rest)) => self.order_book(context, frame, &envelope, rest),
            Some(("publicTrade", _)) => public_trades(context, frame, &envelope),
            Some(("tickers", symbol)) => self.ticker(context, frame, &envelope, symbol),
            _ => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }

    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        _url: Option<&str>,
        _status: Option<u16>,
    ) -> Result<(), DecodeError> {
        listing::instruments_info(context, frame)
    }

    fn connection_reset(&mut self, context: &mut Context<'_>) {
        context.stale_connection(StaleCause::Closed);
        for (feed, (_, instrument)) in self.feeds.iter_mut().zip(context.instruments.iter()) {
            if instrument.connection == Some(context.connection) {
                *feed = Feed::default();
            }
        }
    }

    /// The next message's `u` shows that one was lost.
    fn loses_silently(&self) -> bool {
        false
    }
}
