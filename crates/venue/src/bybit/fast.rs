//! Deltas by their bytes, as Bybit lays them out:
//!
//! ```text
//! {"topic":"orderbook.200.BTCUSDT","type":"delta","ts":1,"data":{"s":"BTCUSDT",
//!  "b":[["1","1"],…],"a":[…],"u":1,"seq":1},"cts":1}
//! ```

use super::{Bybit, Verdict, facts};
use crate::{context::Context, cursor::Cursor, protocol::Fast};
use tickhawk_market::{BookKind, Side};

impl Bybit {
    /// A delta in its place of the topic followed.
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"{\"topic\":\"orderbook.")?;
        let depth = u32::try_from(cursor.unsigned()?).ok()?;
        cursor.expect(b".")?;
        let symbol = cursor.text()?;
        let id = context.instruments.find_text(symbol)?;
        cursor.expect(b",\"type\":\"delta\",\"ts\":")?;
        cursor.unsigned()?;
        cursor.expect(b",\"data\":{\"s\":\"")?;
        if cursor.text()? != symbol || !context.sync(id).passes_diffs() {
            return None;
        }
        let mut book = context.message_in_units(id)?;
        cursor.expect(b",\"b\":")?;
        book.read_pairs(&mut cursor, Side::Bid)?;
        cursor.expect(b",\"a\":")?;
        book.read_pairs(&mut cursor, Side::Ask)?;
        cursor.expect(b",\"u\":")?;
        let update_id = cursor.unsigned()?;
        cursor.expect(b",\"seq\":")?;
        let sequence = cursor.unsigned()?;
        cursor.expect(b"},\"cts\":")?;
        let exchange_at = cursor.millis()?;
        cursor.expect(b"}")?;
        cursor.end()?;
        let feed = self.feed(id);
        if feed.delta_verdict(depth, update_id, sequence) != Verdict::Apply {
            return None;
        }
        feed.applied(depth, update_id, sequence);
        book.finish(BookKind::Diff, facts(Some(exchange_at), update_id));
        Some(Ok(()))
    }
}
