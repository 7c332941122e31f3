//! A book message on its way to the output: levels first, then what kind it was.

use crate::{
    DecodeError,
    cursor::{Cursor, Span},
    json::{Frame, Raw},
    units::{Number, Units},
};
use tickhawk_market::{
    BookKind, BookUpdate, Change, Decimal, InstrumentId, Price, Qty, Scale, Side, UnixNanos,
    Update, Updates,
};

/// A book message being written: levels first, then what kind it was.
pub(crate) struct Message<'a> {
    pub(super) scale: &'a mut Option<Scale>,
    pub(super) price_decimals_min: u8,
    pub(super) units: &'a mut Units,
    pub(super) out: &'a mut Updates,
    pub(super) id: InstrumentId,
    pub(super) first_change: u32,
}

/// What a finished book message says beside its levels.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) exchange_at: Option<UnixNanos>,
    pub(crate) sequence: Option<u64>,
    pub(crate) checksum: Option<u32>,
    pub(crate) depth: Option<u32>,
}

impl Message<'_> {
    /// One level from its two texts.
    #[inline]
    pub(crate) fn level<'f>(
        &mut self,
        frame: &Frame<'f>,
        side: Side,
        price: Raw<'f>,
        qty: Raw<'f>,
    ) -> Result<(), DecodeError> {
        let (price_decimal, qty_decimal) = (frame.decimal(price)?, frame.decimal(qty)?);
        if qty_decimal.mantissa < 0 {
            return Err(frame.error(qty, "a negative quantity"));
        }
        self.change(side, price_decimal, qty_decimal).ok_or_else(|| DecodeError::OutOfRange {
            offset: frame.offset_of(price.unquoted().as_bytes()),
        })
    }

    /// One level from two exact numbers; `None` if it does not fit the instrument's integers.
    #[inline]
    pub(crate) fn change(&mut self, side: Side, price: Decimal, qty: Decimal) -> Option<()> {
        let scale = match *self.scale {
            Some(scale)
                if price.decimals <= scale.price_decimals && qty.decimals <= scale.qty_decimals =>
            {
                scale
            }
            _ => self.grow(price, qty)?,
        };
        self.out.changes.push(Change {
            side,
            price: Price::new(price.at(scale.price_decimals)?),
            qty: Qty::new(qty.at(scale.qty_decimals)?),
        });
        Some(())
    }

    /// As [`Message::change`], but `None` where it would take on more decimals.
    #[inline]
    pub(crate) fn change_as_it_is(
        &mut self,
        side: Side,
        price: Decimal,
        qty: Decimal,
    ) -> Option<()> {
        let scale = (*self.scale)?;
        let price = Price::new(price.at(scale.price_decimals)?);
        let qty = Qty::new(qty.at(scale.qty_decimals)?);
        self.out.changes.push(Change { side, price, qty });
        Some(())
    }

    /// A level's numbers, if neither is padded on the left, and lanes can read them or both are
    /// written as the last ones were.
    #[inline(always)]
    pub(crate) fn read_plain(&self, bytes: &[u8], price: Span, qty: Span) -> Option<[Number; 2]> {
        let padded = |span: Span| {
            let second = bytes.get(span.start + 1).is_some_and(u8::is_ascii_digit);
            bytes.get(span.start) == Some(&b'0') && second
        };
        if padded(price) || padded(qty) {
            return None;
        }
        if let Some(numbers) = self.units.read_two(bytes, price, qty) {
            return Some(numbers);
        }
        let form = &self.units.price.layout;
        let price = (form.read(bytes, price)?, form.written());
        // Deletions are mostly so written, however other quantities are.
        let is_zero = qty.end == qty.start + 1 && bytes.get(qty.start) == Some(&b'0');
        let form = &self.units.qty.layout;
        let qty = if is_zero { 0 } else { form.read(bytes, qty)? };
        Some([price, (qty, form.written())])
    }

    /// Takes the next numbers to be written like these.
    pub(crate) fn learn(&mut self, price: Decimal, qty: Decimal) {
        self.units.price.learn(price);
        if qty.mantissa != 0 {
            self.units.qty.learn(qty);
        }
    }

    /// One level in the instrument's units.
    #[inline(always)]
    pub(crate) fn push(&mut self, side: Side, price: i64, qty: i64) {
        let (price, qty) = (Price::new(price), Qty::new(qty));
        self.out.changes.push(Change { side, price, qty });
    }

    /// One level from its two texts; `None` if it takes the general path to read them.
    #[inline(always)]
    pub(crate) fn read(&mut self, bytes: &[u8], side: Side, price: Span, qty: Span) -> Option<()> {
        let (price, qty) = match self.units.read_two(bytes, price, qty) {
            Some([price, qty]) => (price.0, qty.0),
            None => (self.units.price.read(bytes, price)?, self.units.qty.read(bytes, qty)?),
        };
        self.push(side, price, qty);
        Some(())
    }

    /// Every `["price","qty"]` of a JSON array at the cursor.
    #[inline]
    pub(crate) fn read_pairs(&mut self, cursor: &mut Cursor<'_>, side: Side) -> Option<()> {
        self.units.read_pairs(cursor, side, &mut self.out.changes)
    }

    /// Takes on more decimals, for all that follows and for this message's levels so far.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, price: Decimal, qty: Decimal) -> Option<Scale> {
        let old = self.scale.unwrap_or_default();
        let scale = Scale {
            price_decimals: old.price_decimals.max(price.decimals).max(self.price_decimals_min),
            qty_decimals: old.qty_decimals.max(qty.decimals),
        };
        let price_factor =
            10i64.checked_pow(u32::from(scale.price_decimals - old.price_decimals))?;
        let qty_factor = 10i64.checked_pow(u32::from(scale.qty_decimals - old.qty_decimals))?;
        for change in &mut self.out.changes[self.first_change as usize..] {
            change.price = Price::new(change.price.units().checked_mul(price_factor)?);
            change.qty = Qty::new(change.qty.units().checked_mul(qty_factor)?);
        }
        *self.scale = Some(scale);
        self.out.updates.push(Update::Scale { instrument: self.id, scale });
        Some(scale)
    }

    /// Every `[price, qty, …]` of a JSON array.
    pub(crate) fn levels<'f>(
        &mut self,
        frame: &Frame<'f>,
        side: Side,
        levels: Raw<'f>,
    ) -> Result<(), DecodeError> {
        for level in frame.items(levels) {
            let [price, qty] = frame.tuple(level?)?;
            self.level(frame, side, price, qty)?;
        }
        Ok(())
    }

    /// Forgets the message's levels.
    pub(crate) fn take_back(self) {
        self.out.changes.truncate(self.first_change as usize);
    }

    /// Hands the message over.
    #[inline]
    pub(crate) fn finish(self, kind: BookKind, facts: Facts) {
        let changes = self.first_change..self.out.next_change();
        self.out.updates.push(Update::Book(BookUpdate {
            instrument: self.id,
            kind,
            changes,
            exchange_at: facts.exchange_at,
            sequence: facts.sequence,
            checksum: facts.checksum,
            depth: facts.depth,
        }));
    }
}
