//! Book changes by their bytes, as Bitfinex lays them out on a numbered connection:
//!
//! ```text
//! [232956,[0.0000253,2,-560.00497411],56]
//! ```

use super::{Bitfinex, Channel, Kind, signed};
use crate::{
    connection_sequence::Place,
    context::{Context, Facts},
    cursor::Cursor,
    protocol::Fast,
};
use tickhawk_market::BookKind;

impl Bitfinex {
    /// A change in its place of the connection, of a book that is whole.
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"[")?;
        let channel_id = cursor.unsigned()?;
        cursor.expect(b",[")?;
        let price = cursor.decimal()?;
        cursor.expect(b",")?;
        let count = cursor.unsigned()?;
        cursor.expect(b",")?;
        let amount = cursor.decimal()?;
        cursor.expect(b"],")?;
        let number = cursor.unsigned()?;
        cursor.expect(b"]")?;
        cursor.end()?;
        let connection = self.connections.get(usize::from(context.connection.0))?;
        let channel = connection.channels.find(channel_id)?;
        let Channel { kind: Some(Kind::Book(_)), instrument: Some(id), .. } = channel else {
            return None;
        };
        if !connection.sequenced
            || !connection.channels.feeds(id, channel_id)
            || !context.sync(id).passes_diffs()
            || self.sequence.place(context.connection, number) != Place::Next
        {
            return None;
        }
        if amount.mantissa == 0 {
            return None;
        }
        let (side, qty) = signed(amount, count);
        let mut message = context.message(id);
        message.change_as_it_is(side, price, qty)?;
        message.finish(BookKind::Diff, Facts { sequence: Some(number), ..Facts::default() });
        self.sequence.accept(context.connection, number);
        Some(Ok(()))
    }
}
