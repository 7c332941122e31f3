//! Book changes by their bytes, as Kraken Futures lays them out:
//!
//! ```text
//! {"feed":"book","product_id":"PI_XBTUSD","side":"buy","seq":1,"price":1.0,"qty":1.0,"timestamp":1}
//! ```

use super::KrakenFutures;
use crate::{context::Context, cursor::Cursor, protocol::Fast};
use tickhawk_market::Side;

impl KrakenFutures {
    /// A change in its place of a book that is whole.
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"{\"feed\":\"book\",\"product_id\":\"")?;
        let id = context.instruments.find_text(cursor.text()?)?;
        let side = if cursor.skip(b",\"side\":\"buy\"") {
            Side::Bid
        } else {
            cursor.expect(b",\"side\":\"sell\"")?;
            Side::Ask
        };
        cursor.expect(b",\"seq\":")?;
        let seq = cursor.unsigned()?;
        cursor.expect(b",\"price\":")?;
        let price = cursor.number()?;
        cursor.expect(b",\"qty\":")?;
        let qty = cursor.number()?;
        cursor.expect(b",\"timestamp\":")?;
        let exchange_at = Some(cursor.millis()?);
        cursor.expect(b"}")?;
        cursor.end()?;
        let feed = self.feed(id);
        if !context.sync(id).passes_diffs() || !feed.is_next(seq) {
            return None;
        }
        let mut book = context.message_in_units(id)?;
        book.read(bytes, side, price, qty)?;
        feed.finish_diff(book, seq, exchange_at);
        context.instruments.get_mut(id).connection = Some(context.connection);
        Some(Ok(()))
    }
}
