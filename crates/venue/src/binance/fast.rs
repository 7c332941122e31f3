//! Diffs, best bids and asks, and trades by their bytes, as Binance lays them out:
//!
//! ```text
//! {"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":1,"pu":1,"b":[["1","1"],…],"a":[…]}
//! {"e":"bookTicker","u":1,"s":"BTCUSDT","b":"1","B":"1","a":"1","A":"1","T":1,"E":1}
//! {"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true}
//! {"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}
//! ```
//!
//! each also as `{"stream":"…","data":…}`. Spot has no `T` and `pu` in a diff, and no `e`, `T` and
//! `E` in a ticker; COIN-M names the pair (`ps`) after the symbol.

use super::{Binance, Diff, Verdict, feed::Ids};
use crate::{
    Sync,
    context::Context,
    cursor::{Cursor, Span},
    heads::{NUMBERS, READ},
    protocol::Fast,
};
use tickhawk_market::{BookKind, InstrumentId, Side, Trade};

/// What a diff says up to its levels, or a ticker up to its bid, beside its numbers: `E`, `U`, `u`,
/// `pu` and `T`, or `u`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FrameHead {
    id: InstrumentId,
    is_wrapped: bool,
    is_ticker: bool,
    /// A diff's: whether it has a `pu`.
    has_previous: bool,
    /// A ticker's: whether `T` and `E` follow.
    is_timed: bool,
}

impl Binance {
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        if let Some((head, numbers, at)) = self.heads.read(context.connection, bytes) {
            let cursor = Cursor { bytes, at };
            match head.is_ticker {
                true => self.fast_ticker(context, head, numbers[0], cursor)?,
                false => self.fast_diff(context, head, numbers, cursor)?,
            }
            return Some(Ok(()));
        }
        let mut cursor = Cursor::new(bytes);
        let is_wrapped = cursor.skip(b"{\"stream\":\"");
        if is_wrapped {
            cursor.text()?;
            cursor.expect(b",\"data\":")?;
        }
        let mut frame = FastFrame { cursor, is_wrapped };
        if frame.cursor.skip(b"{\"e\":\"depthUpdate\",\"E\":") {
            let (head, numbers) = self.fast_head(context, &mut frame)?;
            self.fast_diff(context, head, numbers, frame.cursor)?;
        } else if frame.cursor.skip(b"{\"e\":\"trade\",\"E\":") {
            self.fast_trade(context, &mut frame)?;
        } else {
            let (head, sequence) = self.fast_ticker_head(context, &mut frame)?;
            self.fast_ticker(context, head, sequence, frame.cursor)?;
        }
        Some(Ok(()))
    }

    /// A diff's head that is not like the one before, which the next one may be like.
    fn fast_head(
        &mut self,
        context: &Context<'_>,
        frame: &mut FastFrame<'_>,
    ) -> Option<(FrameHead, [u64; READ])> {
        let FastFrame { cursor, is_wrapped } = frame;
        let (mut numbers, mut places) = ([0; NUMBERS], [Span::default(); NUMBERS]);
        let mut number = |cursor: &mut Cursor<'_>, which: usize| {
            numbers[which] = cursor.unsigned_at(&mut places[which])?;
            Some(())
        };
        number(cursor, 0)?;
        if cursor.skip(b",\"T\":") {
            number(cursor, 4)?;
        }
        cursor.expect(b",\"s\":\"")?;
        let id = context.instruments.find_text(cursor.text()?)?;
        if cursor.skip(b",\"ps\":\"") {
            cursor.text()?;
        }
        cursor.expect(b",\"U\":")?;
        number(cursor, 1)?;
        cursor.expect(b",\"u\":")?;
        number(cursor, 2)?;
        let has_previous = cursor.skip(b",\"pu\":");
        if has_previous {
            number(cursor, 3)?;
        }
        cursor.expect(b",\"b\":")?;
        let is_wrapped = *is_wrapped;
        let head = FrameHead { id, is_wrapped, has_previous, ..FrameHead::default() };
        self.heads.learn(context.connection, cursor.bytes, cursor.at, &places, head);
        let [event_at, first_id, final_id, previous_id, _] = numbers;
        Some((head, [event_at, first_id, final_id, previous_id]))
    }

    /// A diff in its place of a book that is whole, from its bids on; every other one takes the
    /// general path.
    #[inline(always)]
    fn fast_diff(
        &mut self,
        context: &mut Context<'_>,
        head: FrameHead,
        numbers: [u64; READ],
        mut cursor: Cursor<'_>,
    ) -> Option<()> {
        let FrameHead { id, is_wrapped, has_previous, .. } = head;
        let [event_at, first_id, final_id, previous_id] = numbers;
        let event_at = crate::json::millis(event_at)?;
        let ids = Ids { first_id, final_id, previous_id: has_previous.then_some(previous_id) };
        if context.sync(id) != Sync::Live {
            return None;
        }
        let mut book = context.message_in_units(id)?;
        book.read_pairs(&mut cursor, Side::Bid)?;
        cursor.expect(b",\"a\":")?;
        book.read_pairs(&mut cursor, Side::Ask)?;
        FastFrame { cursor, is_wrapped }.end()?;
        let futures = self.futures;
        if self.feed(id).verdict(futures, &ids) != Verdict::Apply {
            return None;
        }
        book.finish(BookKind::Diff, Diff::facts(Some(event_at), &ids));
        context.instruments.get_mut(id).connection = Some(context.connection);
        self.saw(context, id);
        self.feed(id).applied(&ids);
        Some(())
    }

    /// As [`Binance::fast_head`], of a ticker.
    fn fast_ticker_head(
        &mut self,
        context: &Context<'_>,
        frame: &mut FastFrame<'_>,
    ) -> Option<(FrameHead, u64)> {
        let FastFrame { cursor, is_wrapped } = frame;
        let is_wrapped = *is_wrapped;
        let is_timed = !cursor.skip(b"{\"u\":");
        if is_timed {
            cursor.expect(b"{\"e\":\"bookTicker\",\"u\":")?;
        }
        let mut places = [Span::default(); NUMBERS];
        let sequence = cursor.unsigned_at(&mut places[0])?;
        cursor.expect(b",\"s\":\"")?;
        let id = context.instruments.find_text(cursor.text()?)?;
        if cursor.skip(b",\"ps\":\"") {
            cursor.text()?;
        }
        cursor.expect(b",\"b\":\"")?;
        let head = FrameHead { id, is_wrapped, is_ticker: true, is_timed, has_previous: false };
        // Where the number comes first, nothing before it tells streams apart.
        if is_wrapped || is_timed {
            self.heads.learn(context.connection, cursor.bytes, cursor.at, &places, head);
        }
        Some((head, sequence))
    }

    /// A ticker from its bid's price on.
    #[inline(always)]
    fn fast_ticker(
        &mut self,
        context: &mut Context<'_>,
        head: FrameHead,
        sequence: u64,
        mut cursor: Cursor<'_>,
    ) -> Option<()> {
        let FrameHead { id, is_wrapped, is_timed, .. } = head;
        let bid_price = cursor.quoted()?;
        cursor.expect(b",\"B\":\"")?;
        let bid = (bid_price, cursor.quoted()?);
        cursor.expect(b",\"a\":\"")?;
        let ask_price = cursor.quoted()?;
        cursor.expect(b",\"A\":\"")?;
        let ask = (ask_price, cursor.quoted()?);
        if is_timed {
            cursor.expect(b",\"T\":")?;
            cursor.unsigned()?;
            cursor.expect(b",\"E\":")?;
            cursor.unsigned()?;
        }
        let bytes = cursor.bytes;
        FastFrame { cursor, is_wrapped }.end()?;
        context.ticker_in_units(bytes, id, bid, ask, Some(sequence))?;
        self.saw(context, id);
        Some(())
    }

    fn fast_trade(&mut self, context: &mut Context<'_>, frame: &mut FastFrame<'_>) -> Option<()> {
        let FastFrame { cursor, .. } = frame;
        cursor.millis()?;
        let futures = cursor.skip(b",\"T\":");
        let traded_at = if futures { Some(cursor.millis()?) } else { None };
        cursor.expect(b",\"s\":\"")?;
        let instrument = context.instruments.find_text(cursor.text()?)?;
        cursor.expect(b",\"t\":")?;
        let number = cursor.unsigned()?;
        cursor.expect(b",\"p\":\"")?;
        let price = cursor.quoted()?;
        cursor.expect(b",\"q\":\"")?;
        let qty = cursor.quoted()?;
        let exchange_at = match traded_at {
            Some(at) => {
                cursor.expect(b",\"X\":\"MARKET\"")?;
                at
            }
            None => {
                // Until 2023 spot named both orders.
                if cursor.skip(b",\"b\":") {
                    cursor.unsigned()?;
                    cursor.expect(b",\"a\":")?;
                    cursor.unsigned()?;
                }
                cursor.expect(b",\"T\":")?;
                cursor.millis()?
            }
        };
        cursor.expect(b",\"m\":")?;
        let taker = if cursor.skip(b"true") {
            Side::Ask
        } else {
            cursor.expect(b"false")?;
            Side::Bid
        };
        if !futures {
            cursor.expect(b",\"M\":true")?;
        }
        let bytes = cursor.bytes;
        frame.end()?;
        context.trade_in_units(bytes, instrument, price, qty, |price, qty| Trade {
            instrument,
            price,
            qty,
            taker,
            id: Some(number),
            exchange_at: Some(exchange_at),
        })?;
        self.saw(context, instrument);
        self.feed(instrument).single_trades = true;
        Some(())
    }

    /// Notes the instrument as the last one of its connection.
    #[inline]
    pub(super) fn saw(&mut self, context: &Context<'_>, id: InstrumentId) {
        let connection = usize::from(context.connection.0);
        if self.last_seen.len() <= connection {
            self.last_seen.resize(connection + 1, None);
        }
        self.last_seen[connection] = Some(id);
    }
}

/// A message, in its wrapper or bare.
struct FastFrame<'a> {
    cursor: Cursor<'a>,
    is_wrapped: bool,
}

impl FastFrame<'_> {
    #[inline(always)]
    fn end(&mut self) -> Option<()> {
        self.cursor.expect(b"}")?;
        if self.is_wrapped {
            self.cursor.expect(b"}")?;
        }
        self.cursor.end()
    }
}
