//! Book updates by their bytes, as Kraken lays them out:
//!
//! ```text
//! [336,{"a":[["1","1","1.5"],…]},{"b":[["1","1","1.5","r"],…],"c":"1"},"book-10","XBT/USD"]
//! {"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1.0,"qty":1.0},…],
//!  "asks":[…],"checksum":1,"timestamp":"…Z"}]}
//! ```
//!
//! Version 1 names the pair at the very end, and an update of one side is one payload.

use super::Kraken;
use crate::{
    checked::{CheckedMessage, checksum_of},
    context::{Context, Facts},
    cursor::Cursor,
    protocol::Fast,
};
use tickhawk_market::{BookKind, Side, UnixNanos, digits::POW10};

impl Kraken {
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        match bytes.first()? {
            b'[' => self.fast_v1(context, bytes),
            _ => self.fast_v2(context, bytes),
        }
    }

    /// An update of a book that is whole, of the depth followed.
    #[inline(always)]
    fn fast_v1(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let body = bytes.strip_suffix(b"\"]")?;
        let quote = body.iter().rposition(|byte| *byte == b'"')?;
        let pair = &body[quote + 1..];
        let id = context.instruments.find_text(pair)?;
        if !context.sync(id).passes_diffs() {
            return None;
        }
        let connection = context.connection;
        let book = self.book(id);
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"[")?;
        cursor.unsigned()?;
        let mut message = CheckedMessage::in_units(context, &mut book.texts, id, BookKind::Diff)?;
        let mut exchange_at = None;
        let mut is_last = false;
        if cursor.skip(b",{\"a\":") {
            read_v1_levels(&mut message, &mut cursor, Side::Ask, &mut exchange_at)?;
            is_last = !cursor.skip(b"},{\"b\":");
        } else {
            cursor.expect(b",{\"b\":")?;
        }
        if !is_last {
            read_v1_levels(&mut message, &mut cursor, Side::Bid, &mut exchange_at)?;
        }
        cursor.expect(b",\"c\":\"")?;
        let checksum = checksum_of(cursor.signed()?)?;
        cursor.expect(b"\"},\"book-")?;
        let depth = u32::try_from(cursor.unsigned()?).ok()?;
        cursor.expect(b"\",\"")?;
        if book.depth != Some(depth) || cursor.text()? != pair {
            return None;
        }
        cursor.expect(b"]")?;
        cursor.end()?;
        let facts =
            Facts { exchange_at, checksum: Some(checksum), depth: book.depth, ..Facts::default() };
        message.finish(facts);
        context.instruments.get_mut(id).connection = Some(connection);
        Some(Ok(()))
    }

    /// An update of one book that is whole.
    #[inline(always)]
    fn fast_v2(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"{\"channel\":\"book\",\"type\":\"update\",\"data\":[{\"symbol\":\"")?;
        let id = context.instruments.find_text(cursor.text()?)?;
        if !context.sync(id).passes_diffs() {
            return None;
        }
        cursor.expect(b",\"bids\":[")?;
        let connection = context.connection;
        let metadata = context.instruments.get(id).metadata;
        let book = self.book(id);
        book.texts.declare(metadata.price_decimals, metadata.qty_decimals);
        let mut message = CheckedMessage::in_units(context, &mut book.texts, id, BookKind::Diff)?;
        // Asks go first in the message and last in the text.
        let mut bids = cursor;
        cursor.pass(b']')?;
        let bids_end = cursor.at;
        cursor.expect(b",\"asks\":[")?;
        read_v2_levels(&mut message, &mut cursor, Side::Ask)?;
        read_v2_levels(&mut message, &mut bids, Side::Bid)?;
        if bids.at != bids_end {
            return None;
        }
        cursor.expect(b",\"checksum\":")?;
        let checksum = checksum_of(cursor.signed()?)?;
        cursor.expect(b",\"timestamp\":\"")?;
        let exchange_at = Some(UnixNanos::parse_rfc3339(cursor.text()?)?);
        cursor.expect(b"}]}")?;
        cursor.end()?;
        let facts =
            Facts { exchange_at, checksum: Some(checksum), depth: book.depth, ..Facts::default() };
        message.finish(facts);
        context.instruments.get_mut(id).connection = Some(connection);
        Some(Ok(()))
    }
}

/// Every `["price","volume","time"]`, and the greatest of their times.
#[inline(never)]
fn read_v1_levels(
    message: &mut CheckedMessage<'_>,
    cursor: &mut Cursor<'_>,
    side: Side,
    greatest: &mut Option<UnixNanos>,
) -> Option<()> {
    let mut length = 0;
    cursor.tuples(&mut length, |cursor, price| {
        cursor.expect(b",\"")?;
        let qty = cursor.quoted()?;
        cursor.expect(b",\"")?;
        let at = seconds(cursor)?;
        cursor.expect(b"\"")?;
        // Published again.
        cursor.skip(b",\"r\"");
        *greatest = (*greatest).max(Some(at));
        message.read(cursor.bytes, side, price, qty)
    })
}

/// A time such as `1618678123.481570`, seconds since the epoch.
#[inline(always)]
fn seconds(cursor: &mut Cursor<'_>) -> Option<UnixNanos> {
    let seconds = cursor.unsigned()?;
    cursor.expect(b".")?;
    let (value, count) = cursor.fraction()?;
    // Past the year 2255 the general path's integers end.
    (seconds < 9_000_000_000)
        .then(|| UnixNanos::new(seconds * 1_000_000_000 + value * POW10[9 - count] as u64))
}

/// Every `{"price":1.0,"qty":1.0}` up to the closing bracket, which is passed.
#[inline(never)]
fn read_v2_levels(
    message: &mut CheckedMessage<'_>,
    cursor: &mut Cursor<'_>,
    side: Side,
) -> Option<()> {
    if cursor.skip(b"]") {
        return Some(());
    }
    loop {
        cursor.expect(b"{\"price\":")?;
        let price = cursor.number()?;
        cursor.expect(b",\"qty\":")?;
        let qty = cursor.number()?;
        cursor.expect(b"}")?;
        message.read(cursor.bytes, side, price, qty)?;
        if !cursor.skip(b",") {
            return cursor.expect(b"]");
        }
    }
}
