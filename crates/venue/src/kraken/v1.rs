//! WebSocket v1: `[channel id, payload, (payload,) "channel name", "pair"]`.
//!
//! The payloads of a book message are `as`/`bs` (snapshot, without a checksum) or `a` and `b` (an
//! update of both sides comes as two payloads), with `c`, the checksum, in the last. Levels are
//! `[price, volume, time]`; a fourth item `"r"` marks one published again, which is a level like
//! any other. <https://docs.kraken.com/exchange/api-reference/spot-websocket-v1/book>

use super::{Kraken, Message, depth_holding, is_due};
use crate::{
    DecodeError, Sync,
    checked::{CheckedMessage, checksum_bits, not_negative},
    context::{Context, Facts, TradeTold},
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, InstrumentId, Side, UnixNanos};

/// Longest time a live trade message spans. One second: what one takes in happens at once, while
/// the last trades of a pair, sent when the channel begins, are seconds apart.
const LIVE_SPAN_NANOS: u64 = 1_000_000_000;

/// One payload of a book message.
#[derive(Clone, Copy, Default, Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "as")]
    ask_snapshot: Option<Raw<'a>>,
    #[serde(borrow, rename = "bs")]
    bid_snapshot: Option<Raw<'a>>,
    #[serde(borrow)]
    a: Option<Raw<'a>>,
    #[serde(borrow)]
    b: Option<Raw<'a>>,
    #[serde(borrow)]
    c: Option<Raw<'a>>,
}

impl Kraken {
    pub(super) fn v1_array(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
    ) -> Result<(), DecodeError> {
        // Reading it whole first refuses what stands behind the last bracket.
        let message: Raw<'_> = frame.read_all()?;
        let mut parts = [Raw("null"); 5];
        let mut count = 0;
        for item in frame.items(message) {
            let item = item?;
            if let Some(part) = parts.get_mut(count) {
                *part = item;
            }
            count += 1;
        }
        if !matches!(count, 4 | 5) {
            context.counts.unknown_types += 1;
            return Ok(());
        }
        let payloads = &parts[1..count - 2];
        let channel = frame.text(parts[count - 2])?;
        let pair = frame.text(parts[count - 1])?;
        let (name, depth) = match channel.split_once('-') {
            Some((name, depth)) => (name, depth.parse().ok()),
            None => (&*channel, None),
        };
        if !matches!(name, "book" | "trade" | "ticker" | "spread") {
            context.counts.unknown_types += 1;
            return Ok(());
        }
        let Some(id) = context.instrument(&pair) else { return Ok(()) };
        match name {
            "book" => self.v1_book(context, frame, message, id, payloads, depth),
            "trade" => self.v1_trades(context, frame, id, payloads[0]),
            "ticker" => ticker(context, frame, id, payloads[0]),
            _ => spread(context, frame, id, payloads[0]),
        }
    }

    /// Acknowledgements and notices. One matters: a trade channel begins with its history.
    pub(super) fn v1_event(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        event: Raw<'_>,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        if matches!(event.unquoted(), "heartbeat" | "pong") {
            context.heartbeat();
            return Ok(());
        }
        context.counts.control += 1;
        let is = |value: Option<Raw<'_>>, text| value.is_some_and(|value| value.unquoted() == text);
        if event.unquoted() == "subscriptionStatus"
            && is(message.channel_name, "trade")
            && is(message.status, "subscribed")
            && let Some(pair) = message.pair
            && let Some(id) = context.instruments.find_or_add(&frame.text(pair)?)
        {
            self.book(id).history_due = true;
        }
        Ok(())
    }

    fn v1_book(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        message: Raw<'_>,
        id: InstrumentId,
        payloads: &[Raw<'_>],
        depth: Option<u32>,
    ) -> Result<(), DecodeError> {
        let mut whole = Payload::default();
        for payload in payloads {
            whole = whole.with(frame, *payload)?;
        }
        let snapshot = whole.ask_snapshot.or(whole.bid_snapshot);
        let (kind, asks, bids) = match snapshot {
            Some(_) => (BookKind::Snapshot, whole.ask_snapshot, whole.bid_snapshot),
            None => (BookKind::Diff, whole.a, whole.b),
        };
        if asks.or(bids).is_none() {
            return frame.field(message, None, "a").map(|_| ());
        }
        context.instruments.get_mut(id).connection = Some(context.connection);
        if !is_due(context, id, kind) {
            return Ok(());
        }
        let book = self.book(id);
        if kind == BookKind::Diff && depth.is_some() && depth != book.depth {
            // Another subscription to the same book; the one that last sent a snapshot counts.
            context.counts.unwanted += 1;
            return Ok(());
        }
        let checksum = whole.c.map(|value| checksum_bits(&frame, value)).transpose()?;
        let mut message = CheckedMessage::new(context, &mut book.texts, id, kind);
        let mut exchange_at = None;
        for (side, levels) in [(Side::Ask, asks), (Side::Bid, bids)] {
            if let Some(levels) = levels {
                exchange_at = exchange_at.max(read_levels(&mut message, &frame, side, levels)?);
            }
        }
        if kind == BookKind::Snapshot {
            book.depth = depth.or_else(|| depth_holding(message.levels_max));
        }
        let depth = book.depth;
        message.finish(Facts { exchange_at, checksum, depth, ..Facts::default() });
        if kind == BookKind::Snapshot {
            context.set_sync(id, Sync::Live);
        }
        Ok(())
    }

    fn v1_trades(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        id: InstrumentId,
        trades: Raw<'_>,
    ) -> Result<(), DecodeError> {
        let book = self.book(id);
        if book.history_due && spans_history(frame, trades)? {
            book.history_due = false;
            return Ok(());
        }
        for trade in frame.items(trades) {
            let [price, qty, at, side] = frame.tuple(trade?)?;
            not_negative(&frame, qty)?;
            let taker = match side.unquoted() {
                "b" => Side::Bid,
                "s" => Side::Ask,
                _ => {
                    context.counts.unknown_values += 1;
                    continue;
                }
            };
            let exchange_at = Some(seconds(frame, at)?);
            context.trade(&frame, id, TradeTold { id: None, price, qty, taker, exchange_at })?;
        }
        book.history_due = false;
        Ok(())
    }
}

impl<'a> Payload<'a> {
    /// This and another payload of one message, as one.
    fn with(self, frame: Frame<'a>, other: Raw<'a>) -> Result<Self, DecodeError> {
        let twice = |one: Option<Raw<'a>>, two: Option<Raw<'a>>| match (one, two) {
            (Some(_), Some(two)) => Err(frame.error(two, "a field twice")),
            _ => Ok(one.or(two)),
        };
        let read: Self = frame.read(other)?;
        Ok(Self {
            ask_snapshot: twice(self.ask_snapshot, read.ask_snapshot)?,
            bid_snapshot: twice(self.bid_snapshot, read.bid_snapshot)?,
            a: twice(self.a, read.a)?,
            b: twice(self.b, read.b)?,
            c: twice(self.c, read.c)?,
        })
    }
}

/// Reads one side's levels; the greatest of their times.
fn read_levels<'f>(
    message: &mut CheckedMessage<'_>,
    frame: &Frame<'f>,
    side: Side,
    levels: Raw<'f>,
) -> Result<Option<UnixNanos>, DecodeError> {
    let mut greatest = None;
    let mut count = 0;
    for level in frame.items(levels) {
        let [price, qty, at] = frame.tuple(level?)?;
        message.level(frame, side, price, qty)?;
        greatest = greatest.max(Some(seconds(*frame, at)?));
        count += 1;
    }
    message.levels_max = message.levels_max.max(count);
    Ok(greatest)
}

/// A time such as `1618678123.481570`, seconds since the epoch.
fn seconds<'f>(frame: Frame<'f>, value: Raw<'f>) -> Result<UnixNanos, DecodeError> {
    let nanos = frame.decimal(value)?.at(9).and_then(|nanos| u64::try_from(nanos).ok());
    nanos.map(UnixNanos::new).ok_or_else(|| frame.error(value, "not a time in seconds"))
}

/// Whether a trade message is what a trade channel begins with, the last trades of the pair.
#[cold]
fn spans_history(frame: Frame<'_>, trades: Raw<'_>) -> Result<bool, DecodeError> {
    let (mut first, mut last) = (u64::MAX, 0);
    for trade in frame.items(trades) {
        let [_, _, at] = frame.tuple(trade?)?;
        let at = seconds(frame, at)?.nanos();
        (first, last) = (first.min(at), last.max(at));
    }
    Ok(last.saturating_sub(first) > LIVE_SPAN_NANOS)
}

/// `{"a": [price, whole lots, volume], "b": […], …}`.
fn ticker<'f>(
    context: &mut Context<'_>,
    frame: Frame<'f>,
    id: InstrumentId,
    payload: Raw<'f>,
) -> Result<(), DecodeError> {
    let payload: Payload<'_> = frame.read(payload)?;
    let side = |value: Option<Raw<'f>>, name| {
        let [price, _, volume] = frame.tuple(frame.field(frame.whole(), value, name)?)?;
        not_negative(&frame, volume)?;
        Ok::<_, DecodeError>((price, volume))
    };
    let (bid, ask) = (side(payload.b, "b")?, side(payload.a, "a")?);
    context.ticker(&frame, id, Some(bid), Some(ask), None)
}

/// `[bid, ask, time, bid volume, ask volume]`.
fn spread(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    id: InstrumentId,
    payload: Raw<'_>,
) -> Result<(), DecodeError> {
    let [bid, ask, _, bid_volume, ask_volume] = frame.tuple(payload)?;
    not_negative(&frame, bid_volume)?;
    not_negative(&frame, ask_volume)?;
    context.ticker(&frame, id, Some((bid, bid_volume)), Some((ask, ask_volume)), None)
}
