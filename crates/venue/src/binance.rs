//! Binance spot, Binance.US, USD-M and COIN-M futures.
//!
//! The book is a REST snapshot plus the diff stream, in the steps of the venue's "How to manage a
//! local order book correctly": diffs that come before the snapshot are buffered; those it already
//! holds are dropped; the first one applied must bridge its `lastUpdateId`; from then on each must
//! follow the one before (spot: `U == u' + 1`; futures: `pu == u'`).
//! <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>

mod fast;
mod feed;
mod listing;
mod message;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError, Sync,
    client::text::unescaped,
    context::{Context, Facts, TradeTold},
    heads::Heads,
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use fast::FrameHead;
use feed::{Diff, Feed, Verdict};
use message::Message;
use std::borrow::Cow;
use tickhawk_market::{BookKind, ConnectionId, InstrumentId, Request, Side, StaleCause};

/// The Binance protocols.
#[derive(Debug, Default)]
pub(crate) struct Binance {
    futures: bool,
    feeds: Vec<Feed>,
    /// The instrument last seen on each connection: whose snapshot a bare body in a collector's
    /// recording is.
    last_seen: Vec<Option<InstrumentId>>,
    /// A bare body that came before any message of its connection.
    unclaimed: Option<(ConnectionId, Vec<u8>)>,
    /// How diffs and tickers begin.
    heads: Heads<FrameHead>,
}

impl Binance {
    pub(crate) fn spot() -> Self {
        Self::new(false)
    }

    pub(crate) fn futures() -> Self {
        Self::new(true)
    }

    fn new(futures: bool) -> Self {
        Self { futures, ..Self::default() }
    }

    fn message(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        message: Message<'_>,
    ) -> Result<(), DecodeError> {
        match message.e.map(Raw::unquoted) {
            Some("depthUpdate") => self.depth_update(context, frame, raw, &message),
            Some("bookTicker") => self.book_ticker(context, frame, raw, &message),
            Some("trade") => self.trade(context, frame, raw, &message, true),
            Some("aggTrade") => self.trade(context, frame, raw, &message, false),
            // Spot's bookTicker names no event type.
            None if message.bid_qty.is_some() && message.final_id.is_some() => {
                self.book_ticker(context, frame, raw, &message)
            }
            // A collector's recording holds REST snapshots as lines of their own.
            None if message.last_update_id.is_some() && message.stream.is_none() => {
                self.bare_snapshot(context, frame, raw, &message)
            }
            None if message.id.is_some() || message.result.is_some() => {
                context.counts.control += 1;
                Ok(())
            }
            _ => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }

    /// The instrument a message names, noted as the last one of its connection.
    fn instrument(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        symbol: Option<Raw<'_>>,
    ) -> Result<Option<InstrumentId>, DecodeError> {
        let symbol = frame.text(frame.field(raw, symbol, "s")?)?;
        let Some(id) = context.instrument(&symbol) else { return Ok(None) };
        self.saw(context, id);
        Ok(Some(id))
    }

    #[inline]
    fn feed(&mut self, id: InstrumentId) -> &mut Feed {
        if self.feeds.len() <= id.index() {
            self.feeds.resize_with(id.index() + 1, Feed::default);
        }
        &mut self.feeds[id.index()]
    }

    fn depth_update(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let Some(id) = self.instrument(context, frame, raw, message.s)? else { return Ok(()) };
        let diff = Diff::read(frame, raw, message)?;
        context.instruments.get_mut(id).connection = Some(context.connection);
        match context.sync(id) {
            Sync::Live | Sync::Suspect => self.follow(context, frame, raw, id, &diff),
            Sync::Empty | Sync::Syncing | Sync::Stale => {
                // The first diff that waits: of the session, or since its connection opened anew.
                if self.feed(id).buffered.is_empty() {
                    context.request(Request::Snapshot(id));
                }
                context.syncing(id);
                self.buffer(context, id, raw);
                self.claim(context, id)
            }
        }
    }

    /// Applies a diff in its place, or finds that its place is not here.
    fn follow(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        id: InstrumentId,
        diff: &Diff<'_>,
    ) -> Result<(), DecodeError> {
        let futures = self.futures;
        match self.feed(id).verdict(futures, &diff.ids) {
            Verdict::Apply => {
                apply(context, frame, id, diff)?;
                self.feed(id).applied(&diff.ids);
                if context.sync(id) == Sync::Suspect {
                    self.buffer(context, id, raw);
                }
            }
            Verdict::AlreadyApplied => context.counts.duplicates += 1,
            Verdict::Gap => {
                context.stale(id, StaleCause::Sequence, Request::Snapshot(id));
                self.buffer(context, id, raw);
            }
        }
        Ok(())
    }

    /// Keeps a diff for the snapshot to come; the oldest go when there is no room.
    fn buffer(&mut self, context: &Context<'_>, id: InstrumentId, raw: Raw<'_>) {
        let limit = context.buffered_bytes_limit;
        let feed = self.feed(id);
        feed.buffered_bytes += raw.bytes().len();
        feed.buffered.push_back(raw.bytes().into());
        while feed.buffered_bytes > limit {
            let Some(oldest) = feed.buffered.pop_front() else { break };
            feed.buffered_bytes -= oldest.len();
        }
    }

    fn bare_snapshot(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let named = match message.symbol {
            Some(symbol) => context.instrument(&frame.text(symbol)?),
            None => self.last_seen.get(usize::from(context.connection.0)).copied().flatten(),
        };
        match named {
            Some(id) => self.snapshot(context, frame, raw, message, id),
            None => {
                self.unclaimed = Some((context.connection, raw.bytes().to_vec()));
                Ok(())
            }
        }
    }

    /// Gives a bare snapshot that came first to the first instrument of its connection.
    fn claim(&mut self, context: &mut Context<'_>, id: InstrumentId) -> Result<(), DecodeError> {
        let ours =
            |(connection, _): &mut (ConnectionId, Vec<u8>)| *connection == context.connection;
        let Some((_, body)) = self.unclaimed.take_if(ours) else { return Ok(()) };
        let frame = Frame::new(&body)?;
        let message = frame.read_all()?;
        self.snapshot(context, frame, frame.whole(), &message, id)
    }

    /// A snapshot and, right after it, the buffered diffs that it does not hold yet.
    fn snapshot(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        message: &Message<'_>,
        id: InstrumentId,
    ) -> Result<(), DecodeError> {
        let last_id =
            frame.unsigned(frame.field(raw, message.last_update_id, "lastUpdateId")?)?;
        let bids = frame.field(raw, message.bids, "bids")?;
        let asks = frame.field(raw, message.asks, "asks")?;
        let exchange_at = frame.millis(message.event_at)?;
        let futures = self.futures;
        let feed = self.feed(id);
        if context.sync(id) == Sync::Live && last_id <= feed.last_id {
            // A second reply to one request: the book is past it.
            context.counts.duplicates += 1;
            return Ok(());
        }
        if let Some(first) = feed.first_not_held(futures, last_id)? {
            let bridges = if futures { first <= last_id } else { first <= last_id + 1 };
            if !bridges {
                // Older than all we buffered: diffs between the two are lost.
                context.counts.duplicates += 1;
                context.request(Request::Snapshot(id));
                return Ok(());
            }
        }
        let mut book = context.message(id);
        book.levels(&frame, Side::Bid, bids)?;
        book.levels(&frame, Side::Ask, asks)?;
        let facts = Facts { exchange_at, sequence: Some(last_id), ..Facts::default() };
        book.finish(BookKind::Snapshot, facts);
        context.set_sync(id, Sync::Live);
        let feed = self.feed(id);
        feed.last_id = last_id;
        feed.bridging = true;
        feed.buffered_bytes = 0;
        for diff in std::mem::take(&mut feed.buffered) {
            self.replay_buffered(context, id, &diff)?;
        }
        Ok(())
    }

    fn replay_buffered(
        &mut self,
        context: &mut Context<'_>,
        id: InstrumentId,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        let frame = Frame::new(bytes)?;
        let raw = frame.whole();
        let diff = Diff::read(frame, raw, &frame.read_all()?)?;
        if context.sync(id) == Sync::Stale {
            self.buffer(context, id, raw);
            return Ok(());
        }
        self.follow(context, frame, raw, id, &diff)
    }

    fn book_ticker(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        message: &Message<'_>,
    ) -> Result<(), DecodeError> {
        let Some(id) = self.instrument(context, frame, raw, message.s)? else { return Ok(()) };
        let bid = (frame.field(raw, message.b, "b")?, frame.field(raw, message.bid_qty, "B")?);
        let ask = (frame.field(raw, message.a, "a")?, frame.field(raw, message.ask_qty, "A")?);
        let sequence = message.final_id.map(|value| frame.unsigned(value)).transpose()?;
        context.ticker(&frame, id, Some(bid), Some(ask), sequence)
    }

    fn trade(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        raw: Raw<'_>,
        message: &Message<'_>,
        single: bool,
    ) -> Result<(), DecodeError> {
        let Some(id) = self.instrument(context, frame, raw, message.s)? else { return Ok(()) };
        let feed = self.feed(id);
        feed.single_trades |= single;
        if feed.single_trades && !single {
            return Ok(());
        }
        // Futures say what kind of trade it was; the insurance fund's may be far off the market.
        if message.execution.is_some_and(|kind| kind.unquoted() != "MARKET") {
            context.counts.off_market_trades += 1;
            return Ok(());
        }
        let taker = match frame.field(raw, message.m, "m")?.0 {
            "true" => Side::Ask,
            "false" => Side::Bid,
            _ => {
                context.counts.unknown_values += 1;
                return Ok(());
            }
        };
        let price = frame.field(raw, message.p, "p")?;
        let qty = frame.field(raw, message.q, "q")?;
        let exchange_at = frame.millis(message.transacted_at.or(message.event_at))?;
        let number = if single { message.trade_id } else { message.a };
        let number = number.and_then(Raw::number);
        context.trade(&frame, id, TradeTold { id: number, price, qty, taker, exchange_at })
    }
}

impl Protocol for Binance {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let outer: Message<'_> = frame.read_all()?;
        match outer.data {
            Some(data) if outer.stream.is_some() => {
                let message = frame.read(data)?;
                self.message(context, frame, data, message)
            }
            _ => self.message(context, frame, frame.whole(), outer),
        }
    }

    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        url: Option<&str>,
        status: Option<u16>,
    ) -> Result<(), DecodeError> {
        let asked_for = url.and_then(|url| query_value(url, "symbol"));
        let failed = status.is_some_and(|status| !(200..300).contains(&status));
        let message: Message<'_> = match frame.read_all() {
            Ok(message) if !failed => message,
            other => {
                // Still awaited: ask again. Whoever fetches keeps the venue's pace.
                if let Some(id) = asked_for.and_then(|symbol| context.instruments.find(&symbol)) {
                    context.request(Request::Snapshot(id));
                }
                return other.map(|_| ());
            }
        };
        if let Some(symbols) = message.symbols {
            return listing::exchange_info(context, frame, symbols);
        }
        if message.last_update_id.is_none() {
            context.counts.unknown_types += 1;
            return Ok(());
        }
        match asked_for {
            Some(symbol) => {
                let Some(id) = context.instrument(&symbol) else { return Ok(()) };
                self.snapshot(context, frame, frame.whole(), &message, id)
            }
            None => self.bare_snapshot(context, frame, frame.whole(), &message),
        }
    }

    fn connection_reset(&mut self, context: &mut Context<'_>) {
        if let Some(last) = self.last_seen.get_mut(usize::from(context.connection.0)) {
            *last = None;
        }
        // What waits for a snapshot is no part of the stream that begins.
        for (feed, (_, instrument)) in self.feeds.iter_mut().zip(context.instruments.iter()) {
            if instrument.connection == Some(context.connection) {
                feed.buffered.clear();
                feed.buffered_bytes = 0;
            }
        }
    }

    fn removed(&mut self, _context: &mut Context<'_>, instrument: InstrumentId) {
        *self.feed(instrument) = Feed::default();
        // Some are of this instrument, which its symbol no longer leads to.
        self.heads = Heads::default();
        for last in &mut self.last_seen {
            last.take_if(|last| *last == instrument);
        }
    }

    fn resync(&self, instrument: InstrumentId) -> Request {
        Request::Snapshot(instrument)
    }

    /// The next diff's ids show that one was lost.
    fn loses_silently(&self) -> bool {
        false
    }
}

fn apply(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    id: InstrumentId,
    diff: &Diff<'_>,
) -> Result<(), DecodeError> {
    let mut book = context.message(id);
    book.levels(&frame, Side::Bid, diff.bids)?;
    book.levels(&frame, Side::Ask, diff.asks)?;
    book.finish(BookKind::Diff, Diff::facts(diff.event_at, &diff.ids));
    Ok(())
}

/// The value of `key` in a URL's query, as it was before it was percent-encoded.
fn query_value<'u>(url: &'u str, key: &str) -> Option<Cow<'u, str>> {
    let (_, query) = url.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    value.map(unescaped)
}
