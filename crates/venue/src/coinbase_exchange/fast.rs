//! Book updates by their bytes, as Coinbase Exchange lays them out:
//!
//! ```text
//! {"type":"l2update","product_id":"BTC-USD","changes":[["buy","1","1"],…],"time":"…Z"}
//! ```

use crate::{
    context::{Context, Facts},
    cursor::Cursor,
    protocol::Fast,
};
use tickhawk_market::{BookKind, Side, UnixNanos};

/// An update of a book that is whole.
#[inline(always)]
pub(super) fn update(context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
    let mut cursor = Cursor::new(bytes);
    cursor.expect(b"{\"type\":\"l2update\",\"product_id\":\"")?;
    let id = context.instruments.find_text(cursor.text()?)?;
    if !context.sync(id).passes_diffs() {
        return None;
    }
    cursor.expect(b",\"changes\":[")?;
    let mut book = context.message_in_units(id)?;
    loop {
        let side = if cursor.skip(b"[\"buy\",\"") {
            Side::Bid
        } else {
            cursor.expect(b"[\"sell\",\"")?;
            Side::Ask
        };
        let price = cursor.quoted()?;
        cursor.expect(b",\"")?;
        let qty = cursor.quoted()?;
        book.read(cursor.bytes, side, price, qty)?;
        if !cursor.skip(b"],") {
            break;
        }
    }
    cursor.expect(b"]],\"time\":\"")?;
    let exchange_at = Some(UnixNanos::parse_rfc3339(cursor.text()?)?);
    cursor.expect(b"}")?;
    cursor.end()?;
    book.finish(BookKind::Diff, Facts { exchange_at, ..Facts::default() });
    Some(Ok(()))
}
