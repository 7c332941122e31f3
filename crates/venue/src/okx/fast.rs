//! Book updates by their bytes, as OKX lays them out:
//!
//! ```text
//! {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[
//!  {"asks":[["1","1","0","1"],…],"bids":[…],"ts":"1","checksum":1,"seqId":1,"prevSeqId":1}]}
//! ```
//!
//! The ids may come in either order, and did not before 2023.

use super::{Channel, Ids, Okx, Verdict};
use crate::{
    checked::{CheckedMessage, checksum_of},
    context::Context,
    cursor::Cursor,
    protocol::Fast,
};
use tickhawk_market::{BookKind, Side};

impl Okx {
    /// An update in its place of the channel kept to.
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"{\"arg\":{\"channel\":\"")?;
        let channel = Channel::named(std::str::from_utf8(cursor.text()?).ok()?)?;
        cursor.expect(b",\"instId\":\"")?;
        let id = context.instruments.find_text(cursor.text()?)?;
        cursor.expect(b"},\"action\":\"update\",\"data\":[{\"asks\":")?;
        let sync = context.sync(id);
        let feed = self.feed(id);
        if !sync.passes_diffs() || !feed.keeps_to(channel, BookKind::Diff, sync) {
            return None;
        }
        let connection = context.connection;
        let mut message = CheckedMessage::in_units(context, &mut feed.texts, id, BookKind::Diff)?;
        read_levels(&mut message, &mut cursor, Side::Ask)?;
        cursor.expect(b",\"bids\":")?;
        read_levels(&mut message, &mut cursor, Side::Bid)?;
        cursor.expect(b",\"ts\":\"")?;
        let at = cursor.millis()?;
        cursor.expect(b"\",\"checksum\":")?;
        let checksum = checksum_of(cursor.signed()?)?;
        let mut ids = Ids { at: Some(at), ..Ids::default() };
        if cursor.skip(b",\"seqId\":") {
            ids.id = Some(cursor.signed()?);
            cursor.expect(b",\"prevSeqId\":")?;
            ids.previous = Some(cursor.signed()?);
        } else if cursor.skip(b",\"prevSeqId\":") {
            ids.previous = Some(cursor.signed()?);
            cursor.expect(b",\"seqId\":")?;
            ids.id = Some(cursor.signed()?);
        }
        cursor.expect(b"}]}")?;
        cursor.end()?;
        if ids.verdict(feed.last) != Verdict::Apply {
            return None;
        }
        message.finish(ids.facts(Some(checksum)));
        feed.applied(channel, ids);
        context.instruments.get_mut(id).connection = Some(connection);
        self.unguarded |= ids.previous.is_none();
        Some(Ok(()))
    }
}

/// Every `["price","qty","0","orders"]`.
#[inline(never)]
fn read_levels(
    message: &mut CheckedMessage<'_>,
    cursor: &mut Cursor<'_>,
    side: Side,
) -> Option<()> {
    let mut length = 0;
    cursor.tuples(&mut length, |cursor, price| {
        cursor.expect(b",\"")?;
        let qty = cursor.quoted()?;
        // Deprecated, and the count of orders.
        cursor.expect(b",\"0\",\"")?;
        cursor.unsigned()?;
        cursor.expect(b"\"")?;
        message.read(cursor.bytes, side, price, qty)
    })
}
