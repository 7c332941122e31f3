//! Bitfinex v2.
//!
//! A `subscribed` event gives each subscription a channel id; data comes as `[id, payload, …]`. A
//! book begins with an array of levels and goes on one `[price, count, amount]` a message: the sign
//! of the amount is the side, its size the quantity, and a count of 0 deletes.
//! <https://docs.bitfinex.com/docs/ws-general>
//! <https://docs.bitfinex.com/reference/ws-public-books>
//! <https://docs.bitfinex.com/reference/ws-public-trades>
//! <https://docs.bitfinex.com/reference/ws-public-ticker>
//!
//! With flag 65536 acknowledged (`conf`), every array message of the connection carries one number
//! more than the one before, whatever its channel: heartbeats, `te`, `tu` and `cs` too; events carry
//! none. It stands after the payload (flag 32768 puts a time after it). A number left out may have
//! been any book of the connection. Without the flag nothing shows a loss.
//!
//! A trade comes twice, as `te` at once and as `tu` with its id: the first is taken. An array of
//! trades is history. Raw books (`R0`) are lists of orders and are not followed, nor are funding
//! symbols. Checksums (flag 131072) are messages of their own and are counted as control.

mod channel;
mod fast;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError, Sync,
    connection_sequence::{ConnectionSequence, Place},
    context::{Context, Facts, Message, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use channel::{Channel, Channels, Kind};
use serde::Deserialize;
use tickhawk_market::{
    BookKind, ConnectionId, Decimal, InstrumentId, Request, Side, StaleCause, Update,
};

/// The flag that numbers messages.
const FLAG_SEQUENCE: u64 = 65_536;

/// The Bitfinex protocol.
#[derive(Debug)]
pub(crate) struct Bitfinex {
    connections: Vec<Connection>,
    sequence: ConnectionSequence,
}

impl Default for Bitfinex {
    fn default() -> Self {
        Self { connections: Vec::new(), sequence: ConnectionSequence::starting_at(1) }
    }
}

#[derive(Debug, Default)]
struct Connection {
    sequenced: bool,
    channels: Channels,
}

/// Every field of every event used.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    flags: Option<Raw<'a>>,
    #[serde(borrow)]
    code: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "chanId")]
    channel_id: Option<Raw<'a>>,
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    prec: Option<Raw<'a>>,
}

/// One array message, taken apart.
struct Parts<'a> {
    channel_id: u64,
    payload: Raw<'a>,
    /// What stands after a payload that is a word (`te`, `tu`, `cs`).
    body: Option<Raw<'a>>,
    sequence: Option<Raw<'a>>,
}

impl<'a> Parts<'a> {
    fn read(frame: Frame<'a>, array: Raw<'a>) -> Result<Self, DecodeError> {
        let mut items = frame.items(array);
        let mut next = || items.next().transpose();
        let missing = |field| DecodeError::Missing { field, offset: 0 };
        let channel_id = frame.unsigned(next()?.ok_or(missing("chanId"))?)?;
        let payload = next()?.ok_or(missing("payload"))?;
        let has_body = payload.is_string() && payload.unquoted() != "hb";
        let body = if has_body { next()? } else { None };
        Ok(Self { channel_id, payload, body, sequence: next()? })
    }
}

impl Bitfinex {
    fn connection(&mut self, context: &Context<'_>) -> &mut Connection {
        let index = usize::from(context.connection.0);
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, Connection::default);
        }
        &mut self.connections[index]
    }

    /// The id of the channel that the instrument's book comes by on that connection.
    pub(crate) fn book_channel(&self, id: InstrumentId, connection: ConnectionId) -> Option<u64> {
        self.connections.get(usize::from(connection.0))?.channels.book_of(id)
    }

    fn event(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let event: Event<'_> = frame.read_all()?;
        match event.event.map(Raw::unquoted) {
            Some("conf") => {
                let flags = event.flags.map_or(Ok(0), |flags| frame.unsigned(flags))?;
                let sequenced = flags & FLAG_SEQUENCE != 0;
                self.connection(context).sequenced = sequenced;
                if !sequenced {
                    self.sequence.reset(context.connection);
                }
            }
            Some("subscribed") => self.subscribed(context, frame, &event)?,
            Some("unsubscribed") => self.unsubscribed(context, frame, &event)?,
            // 20051: the server stops or restarts; 20060 and 20061: maintenance begins, is over.
            Some("info")
                if matches!(event.code.map(|c| c.0), Some("20051" | "20060" | "20061")) =>
            {
                context.request(Request::Reconnect(context.connection));
            }
            Some("pong") => {
                context.heartbeat();
                return Ok(());
            }
            Some("info" | "error" | "auth") => {}
            _ => {
                context.counts.unknown_types += 1;
                return Ok(());
            }
        }
        context.counts.control += 1;
        Ok(())
    }

    fn subscribed(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        event: &Event<'_>,
    ) -> Result<(), DecodeError> {
        let raw = frame.whole();
        let id = frame.unsigned(frame.field(raw, event.channel_id, "chanId")?)?;
        let symbol = event.symbol.map_or("", Raw::unquoted);
        let precision = event.prec.map_or("", Raw::unquoted);
        let kind = match event.channel.map(Raw::unquoted) {
            _ if !symbol.starts_with('t') => None,
            Some("book") => channel::precision(precision).map(Kind::Book),
            Some("trades") => Some(Kind::Trades),
            Some("ticker") => Some(Kind::Ticker),
            _ => None,
        };
        let instrument = match kind {
            Some(_) => context.instrument(symbol),
            None => None,
        };
        if kind.is_some() && instrument.is_none() {
            // Asked for and taken back before the venue had answered.
            context.request(Request::GiveUp(context.connection, id));
        }
        let known = Channel { id, kind, instrument };
        if !self.connection(context).channels.add(known) {
            context.counts.unwanted += 1;
        }
        Ok(())
    }

    /// What the channel fed is fed no more. Nothing is asked for: whoever unsubscribed knows.
    fn unsubscribed(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        event: &Event<'_>,
    ) -> Result<(), DecodeError> {
        let id = frame.unsigned(frame.field(frame.whole(), event.channel_id, "chanId")?)?;
        let Some(instrument) = self.connection(context).channels.remove(id) else { return Ok(()) };
        if context.sync(instrument).passes_diffs() {
            context.set_sync(instrument, Sync::Stale);
            context.counts.stale_otherwise += 1;
            let cause = StaleCause::Closed;
            context.out.updates.push(Update::Stale { instrument, cause });
        }
        Ok(())
    }

    /// One array message whose number is in its place.
    fn data(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        parts: &Parts<'_>,
        sequence: Option<u64>,
    ) -> Result<(), DecodeError> {
        match parts.payload.unquoted() {
            "hb" => {
                context.heartbeat();
                return Ok(());
            }
            "cs" => {
                context.counts.control += 1;
                return Ok(());
            }
            _ => {}
        }
        let channel = self.connection(context).channels.find(parts.channel_id);
        match channel {
            Some(Channel { kind: Some(Kind::Book(precision)), instrument: Some(id), .. }) => {
                self.book(context, frame, parts, (id, precision), sequence)
            }
            Some(Channel { kind: Some(Kind::Trades), instrument: Some(id), .. }) => {
                trade(context, frame, parts, id)
            }
            Some(Channel { kind: Some(Kind::Ticker), instrument: Some(id), .. }) => {
                ticker(context, frame, parts, id)
            }
            Some(Channel { kind: Some(_), instrument: None, .. }) => {
                context.counts.unwanted += 1;
                Ok(())
            }
            _ => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }

    fn book(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        parts: &Parts<'_>,
        (id, precision): (InstrumentId, u8),
        sequence: Option<u64>,
    ) -> Result<(), DecodeError> {
        if !parts.payload.is_array() {
            return Err(frame.error(parts.payload, "not a book message"));
        }
        let mut items = frame.items(parts.payload);
        let first = items.next().transpose()?;
        let snapshot = first.is_none_or(Raw::is_array);
        let channels = &mut self.connection(context).channels;
        if snapshot && !channels.may_feed(id, parts.channel_id, precision)
            || !snapshot && !channels.feeds(id, parts.channel_id)
        {
            // Not followed, or its snapshot has not come yet.
            match channels.is_fed(id) {
                true => context.counts.unknown_types += 1,
                false => context.syncing(id),
            }
            return Ok(());
        }
        if !snapshot && !context.sync(id).passes_diffs() {
            context.syncing(id);
            return Ok(());
        }
        let mut message = context.message(id);
        if snapshot {
            for level in first.map(Ok).into_iter().chain(items) {
                book_level(frame, &mut message, level?)?;
            }
        } else {
            book_level(frame, &mut message, parts.payload)?;
        }
        let kind = if snapshot { BookKind::Snapshot } else { BookKind::Diff };
        message.finish(kind, Facts { sequence, ..Facts::default() });
        if snapshot {
            context.set_sync(id, Sync::Live);
            self.connection(context).channels.feed(id, parts.channel_id);
        }
        Ok(())
    }
}

/// `[price, count, amount]`.
fn book_level(
    frame: Frame<'_>,
    message: &mut Message<'_>,
    level: Raw<'_>,
) -> Result<(), DecodeError> {
    let [price_text, count, amount_text] = frame.tuple(level)?;
    let (price, amount) = (frame.decimal(price_text)?, frame.decimal(amount_text)?);
    if amount.mantissa == 0 {
        return Err(frame.error(amount_text, "an amount without a side"));
    }
    let (side, qty) = signed(amount, frame.unsigned(count)?);
    message
        .change(side, price, qty)
        .ok_or_else(|| DecodeError::OutOfRange { offset: frame.offset_of(price_text.bytes()) })
}

/// Positive amounts are of buyers, negative ones of sellers; of no orders nothing is left.
fn signed(amount: Decimal, count: u64) -> (Side, Decimal) {
    let side = if amount.mantissa < 0 { Side::Ask } else { Side::Bid };
    let mantissa = amount.mantissa.saturating_abs();
    match count {
        0 => (side, Decimal { mantissa: 0, decimals: 0, ..amount }),
        _ => (side, Decimal { mantissa, ..amount }),
    }
}

/// `te` with `[id, time, amount, price]`; the sign of the amount is the taker's side.
fn trade(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    parts: &Parts<'_>,
    id: InstrumentId,
) -> Result<(), DecodeError> {
    match parts.payload.unquoted() {
        "te" => {}
        // The same trade again, or history.
        "tu" => return Ok(()),
        _ if parts.payload.is_array() => return Ok(()),
        _ => {
            context.counts.unknown_types += 1;
            return Ok(());
        }
    }
    let body = frame.field(frame.whole(), parts.body, "te")?;
    let [number, traded_at, amount, price] = frame.tuple(body)?;
    let exchange_at = frame.millis(Some(traded_at))?;
    let (taker, qty) = match amount.unquoted().strip_prefix('-') {
        Some(size) => (Side::Ask, Raw(size)),
        None => (Side::Bid, amount),
    };
    let told = TradeTold { id: number.number(), price, qty, taker, exchange_at };
    context.trade(&frame, id, told)
}

/// `[bid, bid size, ask, ask size, …]`; a side without orders is null.
fn ticker(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    parts: &Parts<'_>,
    id: InstrumentId,
) -> Result<(), DecodeError> {
    let [bid, bid_qty, ask, ask_qty] = frame.tuple(parts.payload)?;
    let side = |price: Raw<'_>, qty: Raw<'_>| !price.is_null() && !qty.is_null();
    let bid = side(bid, bid_qty).then_some((bid, bid_qty));
    let ask = side(ask, ask_qty).then_some((ask, ask_qty));
    context.ticker(&frame, id, bid, ask, None)
}

impl Protocol for Bitfinex {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let whole: Raw<'_> = frame.read_all()?;
        if !whole.is_array() {
            return self.event(context, frame);
        }
        let parts = Parts::read(frame, whole)?;
        if !self.connection(context).sequenced {
            return self.data(context, frame, &parts, None);
        }
        let number = frame.unsigned(frame.field(whole, parts.sequence, "sequence")?)?;
        match self.sequence.place(context.connection, number) {
            Place::Next => {}
            Place::Break => context.stale_connection(StaleCause::Sequence),
            Place::AlreadySeen => {
                context.counts.duplicates += 1;
                return Ok(());
            }
        }
        self.data(context, frame, &parts, Some(number))?;
        self.sequence.accept(context.connection, number);
        Ok(())
    }

    fn connection_reset(&mut self, context: &mut Context<'_>) {
        context.stale_connection(StaleCause::Closed);
        self.sequence.reset(context.connection);
        *self.connection(context) = Connection::default();
    }

    fn removed(&mut self, context: &mut Context<'_>, instrument: InstrumentId) {
        for (index, connection) in self.connections.iter_mut().enumerate() {
            for channel in connection.channels.let_go(instrument) {
                context.request(Request::GiveUp(ConnectionId(index as u16), channel));
            }
        }
    }

    /// On a numbered connection the next message shows that one was lost.
    fn loses_silently(&self) -> bool {
        self.connections
            .iter()
            .any(|connection| !connection.sequenced && !connection.channels.is_empty())
    }
}
