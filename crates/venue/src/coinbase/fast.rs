//! Book updates by their bytes, as Coinbase Advanced Trade lays them out:
//!
//! ```text
//! {"channel":"l2_data","timestamp":"…Z","sequence_num":1,"events":[
//!  {"type":"update","product_id":"BTC-USD","updates":[
//!   {"side":"bid","event_time":"…Z","price_level":"1","new_quantity":"1"},…]},…]}
//! ```

use super::{ChangedAt, Coinbase};
use crate::{
    connection_sequence::Place,
    context::{Context, Facts},
    cursor::Cursor,
    protocol::Fast,
};
use tickhawk_market::{BookKind, Side, UnixNanos};

impl Coinbase {
    /// A message in its place of the connection, of books that are whole.
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"{\"channel\":\"l2_data\",\"timestamp\":\"")?;
        let sent_at = UnixNanos::parse_rfc3339(cursor.text()?)?;
        cursor.expect(b",\"sequence_num\":")?;
        let number = cursor.unsigned()?;
        cursor.expect(b",\"events\":[")?;
        loop {
            book_event(context, &mut cursor, sent_at, number)?;
            if !cursor.skip(b",") {
                break;
            }
        }
        cursor.expect(b"]}")?;
        cursor.end()?;
        if self.sequence.place(context.connection, number) != Place::Next {
            return None;
        }
        self.sequence.accept(context.connection, number);
        Some(Ok(()))
    }
}

#[inline(always)]
fn book_event(
    context: &mut Context<'_>,
    cursor: &mut Cursor<'_>,
    sent_at: UnixNanos,
    sequence: u64,
) -> Option<()> {
    cursor.expect(b"{\"type\":\"update\",\"product_id\":\"")?;
    let id = context.instruments.find_text(cursor.text()?)?;
    if !context.sync(id).passes_diffs() {
        return None;
    }
    cursor.expect(b",\"updates\":[")?;
    let mut book = context.message_in_units(id)?;
    let mut changed_at = ChangedAt::default();
    loop {
        cursor.expect(b"{\"side\":\"")?;
        let side = if cursor.skip(b"bid\"") {
            Side::Bid
        } else {
            cursor.expect(b"offer\"")?;
            Side::Ask
        };
        cursor.expect(b",\"event_time\":\"")?;
        if !changed_at.last().is_some_and(|last| cursor.skip_quoted(last)) {
            changed_at.note(cursor.text()?);
        }
        cursor.expect(b",\"price_level\":\"")?;
        let price = cursor.quoted()?;
        cursor.expect(b",\"new_quantity\":\"")?;
        let qty = cursor.quoted()?;
        book.read(cursor.bytes, side, price, qty)?;
        if !cursor.skip(b"},") {
            break;
        }
    }
    cursor.expect(b"}]}")?;
    let exchange_at = changed_at.greatest().or(Some(sent_at));
    book.finish(
        BookKind::Diff,
        Facts { exchange_at, sequence: Some(sequence), ..Facts::default() },
    );
    Some(())
}
