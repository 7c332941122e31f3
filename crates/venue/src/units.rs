//! Number text straight to an instrument's integers, for the fast readers.
//!
//! A venue writes all prices of an instrument alike, and all quantities: so many digits behind the
//! point. Knowing that, the point need not be looked for, and the digits on both sides of it that
//! count (trailing zeros beyond the instrument's decimals do not) become one word. Where there are
//! lanes (`lanes.rs`), these words read what they leave:
//!
//! ```text
//! 63943.90  at one decimal:   the five bytes that end at the point, one byte behind it, one more
//!                             that must be '0'
//! word:  0 0 6 3 9 4 3 9      which the multiplications of `digits::value` turn into 639439
//! ```

use crate::cursor::{Cursor, Span};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Lanes, read_levels};
use tickhawk_market::{
    Change, Decimal, Price, Qty, Scale, Side,
    digits::{FIRST_BYTES, POW10, ZEROS, not_digits, value, word},
};

/// How prices and quantities of one instrument are written, and the integers they become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    pub(crate) price: Form,
    pub(crate) qty: Form,
    /// How long the last price was that no lane read.
    price_length: usize,
    /// How lanes read both, unless they cannot.
    #[cfg(target_arch = "x86_64")]
    pub(crate) lanes: Option<Lanes>,
}

/// Without lanes none can be read by them.
#[cfg(not(target_arch = "x86_64"))]
fn read_levels(_: &mut Units, _: &mut Cursor<'_>, _: Side, _: &mut Vec<Change>) -> bool {
    false
}

/// A number's units, and the decimals it is written with.
pub(crate) type Number = (i64, u8);

/// One kind of number: the decimals of its integers, and how it was written last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    decimals: u8,
    pub(crate) layout: &'static Layout,
}

/// Where the digits of a number are that is written in one form.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Decimals of the integers.
    decimals: usize,
    /// Bytes from the point on, itself included: none in a whole number.
    suffix: usize,
    /// Bytes behind the point that count, and those that must be zero.
    kept: u64,
    spare: u64,
    /// By which the bytes that count are moved to the end of their word.
    shift: u64,
}

/// By the decimals written, and those of the integers.
static LAYOUTS: [[Layout; 9]; 9] = {
    let mut table = [const { [const { Layout::new(0, 0) }; 9] }; 9];
    let mut written = 0;
    while written < 9 {
        let mut decimals = 0;
        while decimals < 9 {
            table[written][decimals] = Layout::new(written, decimals);
            decimals += 1;
        }
        written += 1;
    }
    table
};

/// Of numbers with more digits than one word holds, which are read the general way.
static NO_LAYOUT: Layout = Layout { suffix: usize::MAX / 2, ..Layout::new(0, 0) };

/// 256^n: moves a word's bytes up by n, or all of them away.
const UP: [u64; 9] = [1, 1 << 8, 1 << 16, 1 << 24, 1 << 32, 1 << 40, 1 << 48, 1 << 56, 0];

impl Default for Form {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Form {
    #[inline]
    fn new(written: u8, decimals: u8) -> Self {
        let row = LAYOUTS.get(usize::from(written));
        let layout = row.and_then(|row| row.get(usize::from(decimals)));
        Self { decimals, layout: layout.unwrap_or(&NO_LAYOUT) }
    }

    /// The number as an integer; `None` if it is no plain number, or one that the instrument's
    /// decimals cannot hold.
    #[inline(always)]
    pub(crate) fn read(&mut self, bytes: &[u8], span: Span) -> Option<i64> {
        match self.layout.read(bytes, span) {
            Some(units) => Some(units),
            None => self.read_otherwise(bytes, span),
        }
    }

    /// A number not written like the last one; the next one is taken to be written like it.
    #[inline(never)]
    fn read_otherwise(&mut self, bytes: &[u8], Span { start, end }: Span) -> Option<i64> {
        let first = bytes.get(start).filter(|first| first.is_ascii_digit())?;
        // Deletions are mostly so written, and say nothing of other quantities.
        if *first == b'0' && end == start + 1 {
            return Some(0);
        }
        let number = Decimal::parse_at(bytes, start, end).ok()?;
        let units = number.at(self.decimals)?;
        self.learn(number);
        Some(units)
    }

    /// Takes the next number to be written like this one.
    pub(crate) fn learn(&mut self, number: Decimal) {
        *self = Self::new(number.written_decimals, self.decimals);
    }
}

impl Layout {
    const fn new(written: usize, decimals: usize) -> Self {
        let kept = FIRST_BYTES[if written < decimals { written } else { decimals }];
        Self {
            decimals,
            suffix: if written == 0 { 0 } else { written + 1 },
            kept,
            spare: FIRST_BYTES[written] & !kept,
            shift: UP[8 - decimals],
        }
    }

    /// Decimals written.
    #[inline(always)]
    pub(crate) fn written(&self) -> u8 {
        self.suffix.saturating_sub(1) as u8
    }

    #[inline(always)]
    pub(crate) fn read(&self, bytes: &[u8], Span { start, end }: Span) -> Option<i64> {
        let point = end.wrapping_sub(self.suffix);
        let whole = point.wrapping_sub(start);
        if whole.wrapping_sub(1) >= 8 || (self.suffix != 0 && bytes.get(point) != Some(&b'.')) {
            return None;
        }
        let front = (word(bytes, start) ^ ZEROS) & FIRST_BYTES[whole];
        let behind = word(bytes, point + 1) ^ ZEROS;
        if behind & self.spare != 0 {
            return None;
        }
        let behind = (behind & self.kept).wrapping_mul(self.shift);
        let places = whole + self.decimals;
        if places <= 8 {
            let digits = front.wrapping_mul(UP[8 - places]) | behind;
            return (not_digits(digits) == 0).then(|| value(digits).cast_signed());
        }
        let front = front.wrapping_mul(UP[8 - whole]);
        if not_digits(front) | not_digits(behind) != 0 {
            return None;
        }
        let one = POW10[self.decimals].cast_unsigned();
        Some(value(front).wrapping_mul(one).wrapping_add(value(behind)).cast_signed())
    }
}

impl Default for Units {
    fn default() -> Self {
        Self {
            price: Form::default(),
            qty: Form::default(),
            price_length: 0,
            #[cfg(target_arch = "x86_64")]
            lanes: Lanes::of(Scale::default()),
        }
    }
}

impl Units {
    /// Makes them those of that scale, keeping what was learned of another.
    #[inline(always)]
    pub(crate) fn fit(&mut self, scale: Scale) {
        if self.price.decimals != scale.price_decimals || self.qty.decimals != scale.qty_decimals {
            self.price = Form::new(scale.price_decimals, scale.price_decimals);
            self.qty = Form::new(scale.qty_decimals, scale.qty_decimals);
            #[cfg(target_arch = "x86_64")]
            {
                self.lanes = Lanes::of(scale);
            }
        }
    }

    /// A price and a quantity, each with the decimals it is written with, as lanes read them.
    #[inline(always)]
    pub(crate) fn read_two(&self, bytes: &[u8], price: Span, qty: Span) -> Option<[Number; 2]> {
        #[cfg(target_arch = "x86_64")]
        return crate::lanes::read_two(self, bytes, price, qty);
        #[cfg(not(target_arch = "x86_64"))]
        return None;
    }

    /// Every `["price","qty"]` of a JSON array at the cursor.
    #[inline(never)]
    pub(crate) fn read_pairs(
        &mut self,
        cursor: &mut Cursor<'_>,
        side: Side,
        changes: &mut Vec<Change>,
    ) -> Option<()> {
        self.walk_pairs(cursor, side, changes, read_levels)
    }

    /// The same with what every processor has.
    #[cfg(test)]
    pub(crate) fn read_pairs_by_words(
        &mut self,
        cursor: &mut Cursor<'_>,
        side: Side,
        changes: &mut Vec<Change>,
    ) -> Option<()> {
        self.walk_pairs(cursor, side, changes, |_, _, _, _| false)
    }

    /// `many` reads as many levels as it can from a price on, up to another one, or to the end of
    /// the array: then it says so.
    #[inline(always)]
    fn walk_pairs(
        &mut self,
        cursor: &mut Cursor<'_>,
        side: Side,
        changes: &mut Vec<Change>,
        many: impl Fn(&mut Self, &mut Cursor<'_>, Side, &mut Vec<Change>) -> bool,
    ) -> Option<()> {
        if !cursor.skip(b"[[\"") {
            return cursor.expect(b"[]");
        }
        loop {
            if many(self, cursor, side, changes) {
                return Some(());
            }
            let mut length = self.price_length;
            let price = cursor.quoted_like(&mut length)?;
            self.price_length = length;
            cursor.expect(b",\"")?;
            let qty = cursor.quoted()?;
            let price = Price::new(self.price.read(cursor.bytes, price)?);
            let qty = Qty::new(self.qty.read(cursor.bytes, qty)?);
            changes.push(Change { side, price, qty });
            if !cursor.skip(b"],[\"") {
                return cursor.expect(b"]]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = String> {
        let digits = |counts| proptest::collection::vec(prop_oneof![Just(0u8), 0u8..10], counts);
        let text = |digits: Vec<u8>| -> String {
            digits.iter().map(|digit| char::from(b'0' + digit)).collect()
        };
        let odd = prop_oneof![
            Just("1e3".to_owned()),
            Just("-1".to_owned()),
            Just("+1".to_owned()),
            Just("1.".to_owned()),
            Just(".5".to_owned()),
            Just("1.2.3".to_owned()),
            Just("12:4".to_owned()),
            Just("1/3.50".to_owned()),
            Just(String::new())
        ];
        let plain =
            (digits(1..11), digits(0..11)).prop_map(move |(whole, fraction)| {
                match fraction.is_empty() {
                    true => text(whole),
                    false => format!("{}.{}", text(whole), text(fraction)),
                }
            });
        prop_oneof![9 => plain, 1 => odd]
    }

    proptest! {
        /// Whatever was read before, a number is read as the general path reads it.
        #[test]
        fn agrees_with_decimals(
            texts in proptest::collection::vec(text(), 1..12),
            decimals in 0u8..12,
            behind in 0usize..20,
        ) {
            let mut form = Form::new(decimals, decimals);
            for text in texts {
                let frame = format!("\"{text}\"{}", "]".repeat(behind));
                let span = Span { start: 1, end: 1 + text.len() };
                let expected = Decimal::parse(text.as_bytes()).ok();
                let expected = expected.and_then(|number| number.at(decimals));
                let signed = text.starts_with(['-', '+']);
                prop_assert_eq!(
                    form.read(frame.as_bytes(), span),
                    expected.filter(|_| !signed),
                    "{} at {}", text, decimals
                );
            }
        }
    }
}
