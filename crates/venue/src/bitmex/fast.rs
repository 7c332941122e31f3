//! Rows of `orderBookL2` by their bytes, as BitMEX lays them out:
//!
//! ```text
//! {"table":"orderBookL2","action":"insert","data":[
//!  {"symbol":"XBTUSD","id":1,"side":"Buy","size":1,"price":1.5},…]}
//! ```
//!
//! An update had no price until 2023, a delete no size; newer rows end in `timestamp` and
//! `transactTime`. All rows are read before the first is applied, since what a row does to the
//! book's ids cannot be taken back.

use super::{
    Bitmex,
    book::{Action, Told, end},
};
use crate::{context::Context, cursor::Cursor, protocol::Fast};
use tickhawk_market::{Decimal, InstrumentId, Request, Scale, Side, UnixNanos};

impl Bitmex {
    /// Changes of one book that is whole.
    #[inline(always)]
    pub(super) fn fast_frame(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        let mut cursor = Cursor::new(bytes);
        cursor.expect(b"{\"table\":\"orderBookL2")?;
        cursor.skip(b"_25");
        cursor.expect(b"\",\"action\":\"")?;
        let action = if cursor.skip(b"update") {
            Action::Update
        } else if cursor.skip(b"insert") {
            Action::Insert
        } else {
            cursor.expect(b"delete")?;
            Action::Delete
        };
        cursor.expect(b"\",\"data\":[")?;
        self.rows.clear();
        let (id, exchange_at) = read_rows(context, &mut cursor, action, &mut self.rows)?;
        cursor.expect(b"]}")?;
        cursor.end()?;
        Some(self.apply_rows(context, id, action, exchange_at))
    }

    /// All rows of one book message, in order.
    #[inline(always)]
    fn apply_rows(
        &mut self,
        context: &mut Context<'_>,
        id: InstrumentId,
        action: Action,
        exchange_at: Option<UnixNanos>,
    ) -> Fast {
        let rows = std::mem::take(&mut self.rows);
        let book = &mut self.tables(id).book;
        let mut message = context.message(id);
        let mut result = Ok(None);
        for row in &rows {
            result = book.apply(action, row, &mut message);
            if !matches!(result, Ok(None)) {
                break;
            }
        }
        self.rows = rows;
        if let Some(cause) = end(message, action, result?, exchange_at) {
            context.stale(id, cause, Request::Resubscribe(id));
        }
        Ok(())
    }
}

/// Every row; all must be of one instrument.
#[inline(always)]
fn read_rows(
    context: &Context<'_>,
    cursor: &mut Cursor<'_>,
    action: Action,
    rows: &mut Vec<Told>,
) -> Option<(InstrumentId, Option<UnixNanos>)> {
    let mut exchange_at = None;
    let mut first: Option<(InstrumentId, Scale, &[u8])> = None;
    loop {
        let offset = cursor.at;
        cursor.expect(b"{\"symbol\":\"")?;
        let symbol = cursor.text()?;
        let (id, scale) = match first {
            Some((id, scale, name)) if name == symbol => (id, scale),
            Some(_) => return None,
            None => {
                let id = context.instruments.find_text(symbol)?;
                if !context.sync(id).passes_diffs() {
                    return None;
                }
                let scale = context.instruments.get(id).scale?;
                first = Some((id, scale, symbol));
                (id, scale)
            }
        };
        let row = read_row(cursor, action, offset, scale, &mut exchange_at)?;
        rows.push(row);
        if !cursor.skip(b",") {
            return Some((id, exchange_at));
        }
    }
}

/// What follows a row's symbol.
#[inline(always)]
fn read_row(
    cursor: &mut Cursor<'_>,
    action: Action,
    offset: usize,
    scale: Scale,
    exchange_at: &mut Option<UnixNanos>,
) -> Option<Told> {
    cursor.expect(b",\"id\":")?;
    let id = cursor.unsigned()?;
    let side = if cursor.skip(b",\"side\":\"Buy\"") {
        Side::Bid
    } else {
        cursor.expect(b",\"side\":\"Sell\"")?;
        Side::Ask
    };
    let within =
        |number: Decimal, decimals_max: u8| (number.decimals <= decimals_max).then_some(number);
    let size = match action {
        Action::Delete => None,
        _ => {
            cursor.expect(b",\"size\":")?;
            Some(within(cursor.decimal()?, scale.qty_decimals).filter(|size| size.mantissa >= 0)?)
        }
    };
    let price = match cursor.skip(b",\"price\":") {
        true => Some(within(cursor.decimal()?, scale.price_decimals)?),
        false => None,
    };
    let mut time = None;
    if cursor.skip(b",\"timestamp\":\"") {
        time = UnixNanos::parse_rfc3339(cursor.text()?);
    }
    if cursor.skip(b",\"transactTime\":\"") {
        time = UnixNanos::parse_rfc3339(cursor.text()?);
    }
    cursor.expect(b"}")?;
    *exchange_at = (*exchange_at).max(time);
    Some(Told { offset, key: (id, side), price, qty: size })
}
