//! OKX v5.
//!
//! Book channels: `books` and `books-l2-tbt` (400 levels), `books50-l2-tbt` (50): a snapshot, then
//! updates whose `prevSeqId` is the `seqId` before them. A message with `seqId == prevSeqId` says
//! that nothing changed; after maintenance a `seqId` may be smaller than its `prevSeqId`, and the
//! ones after go on from it. `books5` sends a snapshot each time. Of several channels of one
//! instrument the deepest is kept to, the one seen first among equals; `bbo-tbt` is a ticker.
//! <https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel>
//!
//! `checksum` is the signed CRC-32 of the best 25 levels in their exact text (see
//! [`crate::checksum`]). Messages of 2022 and before carry it and no ids; since June 2026 it is
//! always 0, and the ids are what is left.
//! <https://www.okx.com/help/okx-order-book-channels-checksum-field-deprecation>

mod fast;
mod feed;
mod listing;
#[cfg(test)]
mod tests;
mod ticker;

use crate::{
    DecodeError, Sync,
    checked::{CheckedMessage, checksum_bits, not_negative},
    context::{Context, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use feed::{Channel, Feed, Ids, Verdict};
use serde::Deserialize;
use tickhawk_market::{BookKind, InstrumentId, Level, Request, Scale, Side, StaleCause};

/// The OKX protocol.
#[derive(Debug, Default)]
pub(crate) struct Okx {
    feeds: Vec<Feed>,
    /// A diff came with neither ids nor a checksum: a lost one would not show.
    unguarded: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    arg: Option<Argument<'a>>,
    #[serde(borrow)]
    action: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

/// What was subscribed to.
#[derive(Clone, Copy, Deserialize)]
struct Argument<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "instId")]
    instrument: Option<Raw<'a>>,
}

/// Every field of every channel's items.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    ts: Option<Raw<'a>>,
    #[serde(borrow)]
    checksum: Option<Raw<'a>>,
    #[serde(borrow, rename = "seqId")]
    id: Option<Raw<'a>>,
    #[serde(borrow, rename = "prevSeqId")]
    previous_id: Option<Raw<'a>>,
    #[serde(borrow)]
    px: Option<Raw<'a>>,
    #[serde(borrow)]
    sz: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow, rename = "tradeId")]
    trade_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "bidPx")]
    bid: Option<Raw<'a>>,
    #[serde(borrow, rename = "bidSz")]
    bid_qty: Option<Raw<'a>>,
    #[serde(borrow, rename = "askPx")]
    ask: Option<Raw<'a>>,
    #[serde(borrow, rename = "askSz")]
    ask_qty: Option<Raw<'a>>,
}

impl Okx {
    #[inline]
    fn feed(&mut self, id: InstrumentId) -> &mut Feed {
        if self.feeds.len() <= id.index() {
            self.feeds.resize_with(id.index() + 1, Feed::default);
        }
        &mut self.feeds[id.index()]
    }

    /// An acknowledgement, error or notice. One matters: a channel we kept to may have ended.
    #[cold]
    fn event(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        event: Raw<'_>,
        arg: Option<Argument<'_>>,
    ) -> Result<(), DecodeError> {
        context.counts.control += 1;
        if event.unquoted() != "unsubscribe" {
            return Ok(());
        }
        if let Some(Argument { channel: Some(channel), instrument: Some(symbol) }) = arg
            && let Some(id) = context.instruments.find(&frame.text(symbol)?)
        {
            let channel = Channel::named(channel.unquoted());
            let feed = self.feed(id);
            if channel.is_some() && feed.channel == channel {
                feed.channel = None;
            }
        }
        Ok(())
    }

    fn book(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        id: InstrumentId,
        channel: Channel,
        kind: BookKind,
    ) -> Result<(), DecodeError> {
        let item: Item<'_> = frame.read(raw)?;
        let bids = frame.field(raw, item.bids, "bids")?;
        let asks = frame.field(raw, item.asks, "asks")?;
        let ids = Ids {
            previous: item.previous_id.map(|value| frame.signed(value)).transpose()?,
            id: item.id.map(|value| frame.signed(value)).transpose()?,
            at: frame.millis(item.ts)?,
        };
        let checksum = item.checksum.map(|value| checksum_bits(&frame, value)).transpose()?;
        let sync = context.sync(id);
        let feed = self.feed(id);
        if !feed.keeps_to(channel, kind, sync) {
            context.counts.unwanted += 1;
            return Ok(());
        }
        context.instruments.get_mut(id).connection = Some(context.connection);
        let verdict = match kind {
            BookKind::Snapshot if sync == Sync::Live && feed.is_past(channel, ids) => {
                Verdict::AlreadyApplied
            }
            BookKind::Snapshot => Verdict::Apply,
            BookKind::Diff if !sync.passes_diffs() => {
                if sync == Sync::Empty {
                    // Snapshots come first on this venue: this one was lost.
                    context.request(Request::Resubscribe(id));
                }
                context.syncing(id);
                return Ok(());
            }
            BookKind::Diff => ids.verdict(feed.last),
        };
        match verdict {
            Verdict::Apply => {}
            Verdict::AlreadyApplied => {
                context.counts.duplicates += 1;
                return Ok(());
            }
            Verdict::Gap => {
                context.stale(id, StaleCause::Sequence, Request::Resubscribe(id));
                return Ok(());
            }
        }
        let mut message = CheckedMessage::new(context, &mut feed.texts, id, kind);
        message.tuples(&frame, Side::Ask, asks)?;
        message.tuples(&frame, Side::Bid, bids)?;
        message.finish(ids.facts(checksum));
        feed.applied(channel, ids);
        if kind == BookKind::Snapshot {
            context.set_sync(id, Sync::Live);
        }
        self.unguarded |= kind == BookKind::Diff && ids.previous.is_none();
        Ok(())
    }

    fn trade(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        id: InstrumentId,
        all: bool,
    ) -> Result<(), DecodeError> {
        let item: Item<'_> = frame.read(raw)?;
        let taker = match frame.field(raw, item.side, "side")?.unquoted() {
            "buy" => Side::Bid,
            "sell" => Side::Ask,
            _ => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        let price = frame.field(raw, item.px, "px")?;
        let qty = frame.field(raw, item.sz, "sz")?;
        not_negative(&frame, qty)?;
        let exchange_at = frame.millis(item.ts)?;
        // Ids are numbers as far as anyone has seen; one that is not tells nothing.
        let number = item.trade_id.and_then(Raw::number);
        let feed = self.feed(id);
        feed.all_trades |= all;
        if feed.all_trades && !all {
            // The same trades again, taken together by price.
            return Ok(());
        }
        if number.is_some_and(|number| feed.last_trade.is_repeat(number)) {
            context.counts.duplicates += 1;
            return Ok(());
        }
        context.trade(&frame, id, TradeTold { id: number, price, qty, taker, exchange_at })
    }
}

impl Protocol for Okx {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        match frame.whole().0 {
            "pong" => {
                context.heartbeat();
                return Ok(());
            }
            "ping" => {
                context.counts.control += 1;
                return Ok(());
            }
            _ => {}
        }
        let message: Message<'_> = frame.read_all()?;
        if let Some(event) = message.event {
            return self.event(context, frame, event, message.arg);
        }
        let channel = message.arg.and_then(|arg| arg.channel).map_or("", Raw::unquoted);
        let book = Channel::named(channel);
        if book.is_none()
            && !matches!(channel, "bbo-tbt" | "tickers" | "trades" | "trades-all" | "instruments")
        {
            context.counts.unknown_types += 1;
            return Ok(());
        }
        let data = frame.field(frame.whole(), message.data, "data")?;
        if channel == "instruments" {
            return listing::instruments(context, frame, data);
        }
        let symbol = message.arg.and_then(|arg| arg.instrument);
        let symbol = frame.text(frame.field(frame.whole(), symbol, "instId")?)?;
        let Some(id) = context.instrument(&symbol) else { return Ok(()) };
        let kind = match (book, message.action.map(Raw::unquoted)) {
            (None | Some(Channel::Books5), _) | (_, Some("snapshot")) => BookKind::Snapshot,
            (_, Some("update")) => BookKind::Diff,
            (_, None) => return frame.field(frame.whole(), None, "action").map(|_| ()),
            (_, Some(_)) => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        for raw in frame.items(data) {
            let raw = raw?;
            match (book, channel) {
                (Some(book), _) => self.book(context, frame, raw, id, book, kind)?,
                (None, "trades") => self.trade(context, frame, raw, id, false)?,
                (None, "trades-all") => self.trade(context, frame, raw, id, true)?,
                (None, "bbo-tbt") => ticker::best(context, frame, raw, id)?,
                (None, _) => ticker::ticker(context, frame, raw, id)?,
            }
        }
        Ok(())
    }

    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        url: Option<&str>,
        _status: Option<u16>,
    ) -> Result<(), DecodeError> {
        let message: Message<'_> = frame.read_all()?;
        match message.data {
            Some(data) if url.is_none_or(|url| url.contains("/public/instruments")) => {
                listing::instruments(context, frame, data)
            }
            _ => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }

    /// Whatever channel comes first on a new connection is kept to.
    fn connection_reset(&mut self, context: &mut Context<'_>) {
        for (id, instrument) in context.instruments.iter() {
            if instrument.connection == Some(context.connection)
                && let Some(feed) = self.feeds.get_mut(id.index())
            {
                feed.channel = None;
            }
        }
    }

    fn checksum_levels(&self) -> usize {
        25
    }

    fn checksum_matches(
        &mut self,
        instrument: InstrumentId,
        scale: Scale,
        checksum: u32,
        bids: &[Level],
        asks: &[Level],
    ) -> bool {
        self.feed(instrument).texts.okx(scale, bids, asks) == checksum
    }

    /// The next update's `prevSeqId` shows that one was lost. Updates of 2022 have none, and their
    /// checksum covers the best 25 levels only.
    fn loses_silently(&self) -> bool {
        self.unguarded
    }
}
