//! Book messages of venues that send a checksum over exact text: levels go into the message and
//! their texts beside it; both take hold together, when the message is whole.

use crate::{
    DecodeError,
    checksum::{Shown, Texts, Written},
    context::{Context, Facts, Message},
    cursor::Span,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, Decimal, InstrumentId, Side};

/// A book message being written, and the record of its texts.
pub(crate) struct CheckedMessage<'a> {
    message: Message<'a>,
    texts: &'a mut Texts,
    kind: BookKind,
    /// Levels of the side that has more of them.
    pub(crate) levels_max: usize,
}

impl<'a> CheckedMessage<'a> {
    pub(crate) fn new(
        context: &'a mut Context<'_>,
        texts: &'a mut Texts,
        id: InstrumentId,
        kind: BookKind,
    ) -> Self {
        texts.begin(kind);
        Self { message: context.message(id), texts, kind, levels_max: 0 }
    }

    /// As [`CheckedMessage::new`], for [`CheckedMessage::read`]; `None` before any number of the
    /// instrument was read the general way.
    #[inline(always)]
    pub(crate) fn in_units(
        context: &'a mut Context<'_>,
        texts: &'a mut Texts,
        id: InstrumentId,
        kind: BookKind,
    ) -> Option<Self> {
        texts.begin(kind);
        Some(Self { message: context.message_in_units(id)?, texts, kind, levels_max: 0 })
    }

    #[inline]
    pub(crate) fn level<'f>(
        &mut self,
        frame: &Frame<'f>,
        side: Side,
        price: Raw<'f>,
        qty: Raw<'f>,
    ) -> Result<(), DecodeError> {
        let written = |value: Raw<'f>| -> Result<Written<'f>, DecodeError> {
            let text = value.unquoted().as_bytes();
            Ok(Written { text, number: frame.decimal(value)? })
        };
        let (price_written, qty_written) = (written(price)?, written(qty)?);
        not_negative(frame, qty)?;
        self.texts.level(side, price_written, qty_written);
        self.message
            .change(side, price_written.number, qty_written.number)
            .ok_or_else(|| DecodeError::OutOfRange { offset: frame.offset_of(price_written.text) })
    }

    /// One level from its two texts; `None` if it takes the general path to read them.
    #[inline(always)]
    pub(crate) fn read(&mut self, bytes: &[u8], side: Side, price: Span, qty: Span) -> Option<()> {
        if let Some(numbers) = self.message.read_plain(bytes, price, qty) {
            let [(price_units, price_decimals), (qty_units, qty_decimals)] = numbers;
            let price_shown = Shown::plain(&bytes[price.start..price.end], price_decimals);
            let qty_shown = Shown::plain(&bytes[qty.start..qty.end], qty_decimals);
            // Asked again about one that it does not explain, the record says the same.
            if !self.texts.is_noted_plain(side, price_shown, qty_shown, qty_units == 0) {
                self.message.push(side, price_units, qty_units);
                return Some(());
            }
        }
        self.read_otherwise(bytes, side, price, qty)
    }

    #[inline(never)]
    fn read_otherwise(&mut self, bytes: &[u8], side: Side, price: Span, qty: Span) -> Option<()> {
        let written = |Span { start, end }: Span| {
            if !bytes.get(start).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let number = Decimal::parse_at(bytes, start, end).ok()?;
            Some(Written { text: &bytes[start..end], number })
        };
        let (price, qty) = (written(price)?, written(qty)?);
        self.texts.level(side, price, qty);
        self.message.learn(price.number, qty.number);
        self.message.change_as_it_is(side, price.number, qty.number)
    }

    /// Every `[price, qty, …]` of a JSON array.
    pub(crate) fn tuples<'f>(
        &mut self,
        frame: &Frame<'f>,
        side: Side,
        levels: Raw<'f>,
    ) -> Result<(), DecodeError> {
        let mut count = 0;
        for level in frame.items(levels) {
            let [price, qty] = frame.tuple(level?)?;
            self.level(frame, side, price, qty)?;
            count += 1;
        }
        self.levels_max = self.levels_max.max(count);
        Ok(())
    }

    /// Every `{"price": …, "qty": …}` of a JSON array.
    pub(crate) fn entries<'f>(
        &mut self,
        frame: &Frame<'f>,
        side: Side,
        levels: Raw<'f>,
    ) -> Result<(), DecodeError> {
        let mut count = 0;
        for level in frame.items(levels) {
            let Entry { price, qty } = frame.read(level?)?;
            self.level(frame, side, price, qty)?;
            count += 1;
        }
        self.levels_max = self.levels_max.max(count);
        Ok(())
    }

    /// Hands the message over, and its texts with it.
    pub(crate) fn finish(self, facts: Facts) {
        self.texts.commit(self.kind);
        self.message.finish(self.kind, facts);
    }
}

/// One level as an object.
#[derive(Deserialize)]
pub(crate) struct Entry<'a> {
    #[serde(borrow)]
    pub(crate) price: Raw<'a>,
    #[serde(borrow)]
    pub(crate) qty: Raw<'a>,
}

/// Quantities are absolute: one below zero is damage.
#[inline]
pub(crate) fn not_negative(frame: &Frame<'_>, qty: Raw<'_>) -> Result<(), DecodeError> {
    if qty.unquoted().starts_with('-') {
        return Err(frame.error(qty, "a negative quantity"));
    }
    Ok(())
}

/// A checksum is 32 bits, signed on some venues.
pub(crate) fn checksum_bits<'f>(frame: &Frame<'f>, value: Raw<'f>) -> Result<u32, DecodeError> {
    let number = frame.signed(value)?;
    checksum_of(number).ok_or_else(|| frame.error(value, "a checksum of more than 32 bits"))
}

/// The bits of a checksum that is told as a number.
#[inline]
pub(crate) fn checksum_of(number: i64) -> Option<u32> {
    let bits = u32::try_from(number).or_else(|_| i32::try_from(number).map(i32::cast_unsigned));
    bits.ok()
}

/// The number of an instrument's last trade, by which a doubled frame is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastTrade(Option<u64>);

impl LastTrade {
    /// Notes a trade; whether it came before. A number far below the last one is a venue that
    /// began to count anew.
    pub(crate) fn is_repeat(&mut self, number: u64) -> bool {
        let repeat = self.0.is_some_and(|last| number <= last && last - number < 10_000);
        if !repeat {
            self.0 = Some(number);
        }
        repeat
    }
}
