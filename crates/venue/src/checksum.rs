//! Book checksums over exact text: CRC-32 of the best levels as the venue writes them.
//!
//! A book holds integers, so the text a level came in must be found again. Nearly every feed
//! writes all prices of an instrument with at least so many decimals, and all quantities likewise:
//! Kraken pads to fixed decimals (least 5 writes `56218.30000`), OKX writes the shortest form
//! (least 0 writes `30244`). That one number is learned from the texts themselves, afresh with each
//! snapshot. A text that it does not explain is kept beside its level, exactly as it came.

mod crc;
#[cfg(test)]
mod tests;

use crc::Crc;
use std::collections::BTreeMap;
use tickhawk_market::{BookKind, Decimal, Level, Scale, Side};

/// Odd texts kept a side, the best levels first. 4,096: far past the 25 levels any checksum covers,
/// so that a text let go comes back to the top only after thousands of levels went.
const ODD_TEXTS_LIMIT: usize = 4096;

/// What of a number's text goes into the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Its digits without point and leading zeros: `0.00100000` counts as `100000`.
    Digits,
    /// All of it.
    Exact,
}

/// A number and the text it was read from.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) number: Decimal,
}

/// What a number's text shows of the form it is written in.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) text: &'a [u8],
    /// Decimals written.
    pub(crate) decimals: u8,
    /// Whether the number needs all of them.
    pub(crate) is_shortest: bool,
}

impl<'a> Shown<'a> {
    fn of(Written { text, number }: Written<'a>) -> Self {
        let is_shortest = number.written_decimals == number.decimals;
        Self { text, decimals: number.written_decimals, is_shortest }
    }

    /// Of a plain number's text.
    #[inline(always)]
    pub(crate) fn plain(text: &'a [u8], decimals: u8) -> Self {
        let is_shortest = decimals == 0 || text.last().is_some_and(|last| *last != b'0');
        Self { text, decimals, is_shortest }
    }
}

/// How one instrument's levels are written.
#[derive(Debug)]
pub(crate) struct Texts {
    style: Style,
    forms: Forms,
    /// As `forms`, while a message is read.
    draft: Forms,
    /// Odd texts by price times 10^18, for bids and asks.
    odd: [BTreeMap<i128, Odd>; 2],
    /// What the message being read does to `odd`; nothing in the usual case.
    pending: Vec<(Side, i128, Option<Odd>)>,
}

/// Both texts of a level of which at least one is odd.
#[derive(Debug)]
struct Odd {
    price: Box<[u8]>,
    qty: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Forms {
    price: Form,
    qty: Form,
}

/// The least decimals an instrument's prices, or quantities, are written with.
#[derive(Clone, Copy, Debug, Default)]
struct Form {
    /// By the venue's own word; then no text is odd.
    declared: Option<u8>,
    /// As a text with trailing zeros showed it.
    learned: Option<u8>,
    /// The fewest decimals of a text without trailing zeros: more cannot be the least.
    bound: Option<u8>,
}

impl Texts {
    pub(crate) fn new(style: Style) -> Self {
        let forms = Forms::default();
        Self { style, forms, draft: forms, odd: Default::default(), pending: Vec::new() }
    }

    /// What the venue says its texts are padded to; `None` where it says nothing.
    pub(crate) fn declare(&mut self, price_decimals: Option<u8>, qty_decimals: Option<u8>) {
        // More than 18 decimals cannot be a number we hold.
        self.forms.price.declared = price_decimals.filter(|decimals| *decimals <= 18);
        self.forms.qty.declared = qty_decimals.filter(|decimals| *decimals <= 18);
    }

    /// Begins a message; one that was begun and not committed is forgotten.
    pub(crate) fn begin(&mut self, kind: BookKind) {
        self.pending.clear();
        self.draft = self.forms;
        if kind == BookKind::Snapshot {
            self.draft.price = Form { declared: self.forms.price.declared, ..Form::default() };
            self.draft.qty = Form { declared: self.forms.qty.declared, ..Form::default() };
        }
    }

    /// One level of the message.
    #[inline]
    pub(crate) fn level(&mut self, side: Side, price: Written<'_>, qty: Written<'_>) {
        let usual = qty.number.mantissa == 0 || {
            let price = self.draft.price.explains(self.style, Shown::of(price));
            let qty = self.draft.qty.explains(self.style, Shown::of(qty));
            price && qty
        };
        if self.is_noted(side, usual) {
            self.note(side, price, qty, usual);
        }
    }

    /// Whether the level is one to be noted, of plain numbers (digits, and a point at most) that are
    /// not padded on the left. One that is not is taken, as [`Texts::level`] would.
    #[inline(always)]
    pub(crate) fn is_noted_plain(
        &mut self,
        side: Side,
        price: Shown<'_>,
        qty: Shown<'_>,
        is_deletion: bool,
    ) -> bool {
        let usual = is_deletion || {
            let price = self.draft.price.explains_plain(price);
            let qty = self.draft.qty.explains_plain(qty);
            price && qty
        };
        self.is_noted(side, usual)
    }

    #[inline(always)]
    fn is_noted(&self, side: Side, usual: bool) -> bool {
        !usual || !self.pending.is_empty() || !self.odd[side as usize].is_empty()
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, side: Side, price: Written<'_>, qty: Written<'_>, usual: bool) {
        let odd = (!usual).then(|| Odd { price: price.text.into(), qty: qty.text.into() });
        let number = price.number;
        self.pending.push((side, key(number.mantissa, number.decimals), odd));
    }

    /// The message is whole: what it showed holds from here on.
    #[inline]
    pub(crate) fn commit(&mut self, kind: BookKind) {
        self.forms = self.draft;
        if kind == BookKind::Snapshot {
            self.odd.iter_mut().for_each(BTreeMap::clear);
        }
        if !self.pending.is_empty() {
            self.keep();
        }
    }

    #[cold]
    #[inline(never)]
    fn keep(&mut self) {
        for (side, key, odd) in self.pending.drain(..) {
            let texts = &mut self.odd[side as usize];
            match odd {
                Some(odd) => texts.insert(key, odd),
                None => texts.remove(&key),
            };
        }
        let [bids, asks] = &mut self.odd;
        while bids.len() > ODD_TEXTS_LIMIT {
            bids.pop_first();
        }
        while asks.len() > ODD_TEXTS_LIMIT {
            asks.pop_last();
        }
    }

    /// Kraken's checksum: up to ten asks, then up to ten bids, best first, price and quantity
    /// without a separator.
    pub(crate) fn kraken(&self, scale: Scale, bids: &[Level], asks: &[Level]) -> u32 {
        let mut crc = Crc::new();
        for (side, levels) in [(Side::Ask, asks), (Side::Bid, bids)] {
            for level in levels.iter().take(10) {
                self.write(&mut crc, scale, side, level);
            }
        }
        crc.finish()
    }

    /// OKX's checksum: best bid, best ask, second bid, second ask and so on to the 25th, a side
    /// that has run out left out, price and quantity and levels all separated by colons.
    pub(crate) fn okx(&self, scale: Scale, bids: &[Level], asks: &[Level]) -> u32 {
        let mut crc = Crc::new();
        for index in 0..25 {
            for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
                if let Some(level) = levels.get(index) {
                    self.write(&mut crc, scale, side, level);
                }
            }
        }
        crc.finish()
    }

    fn write(&self, crc: &mut Crc, scale: Scale, side: Side, level: &Level) {
        let (price, qty) = (level.price.units(), level.qty.units());
        let texts = &self.odd[side as usize];
        if !texts.is_empty()
            && let Some(odd) = texts.get(&key(price, scale.price_decimals))
        {
            crc.text(self.style, &odd.price, self.forms.price.least());
            crc.text(self.style, &odd.qty, self.forms.qty.least());
            return;
        }
        crc.number(self.style, price, scale.price_decimals, self.forms.price.least());
        crc.number(self.style, qty, scale.qty_decimals, self.forms.qty.least());
    }
}

impl Form {
    fn least(self) -> u8 {
        self.declared.or(self.learned).unwrap_or(0)
    }

    /// Whether the text is as this form has it, learning where there is still something to learn.
    #[inline]
    fn explains(&mut self, style: Style, shown: Shown<'_>) -> bool {
        if self.declared.is_some() {
            return true;
        }
        // Exponents and leading zeros: digits that the venue itself would have written plainly,
        // or text to be kept as it is.
        if !is_plain(shown) {
            return style == Style::Digits && !shown.text.starts_with(b"0");
        }
        self.explains_plain(shown)
    }

    #[inline(always)]
    fn explains_plain(&mut self, shown: Shown<'_>) -> bool {
        if self.declared.is_some() {
            return true;
        }
        let Shown { decimals, is_shortest, .. } = shown;
        match self.learned {
            Some(least) => decimals == least || (decimals > least && is_shortest),
            None if is_shortest => {
                self.bound = Some(self.bound.map_or(decimals, |bound| bound.min(decimals)));
                true
            }
            None => {
                let fits = self.bound.is_none_or(|bound| decimals <= bound);
                if fits {
                    self.learned = Some(decimals);
                }
                fits
            }
        }
    }
}

/// Whether text that was read as a number is neither in exponent form nor signed with a plus nor
/// padded on the left. One that shows decimals is in no exponent form.
#[inline]
fn is_plain(Shown { text, decimals, .. }: Shown<'_>) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let padded_or_signed = matches!(digits, [b'0', b'0'..=b'9', ..] | [b'+', ..]);
    let has_exponent = decimals == 0 && text.iter().any(|byte| matches!(byte, b'e' | b'E'));
    !padded_or_signed && !has_exponent
}

/// A price as an integer that does not change when decimals grow.
fn key(units: i64, decimals: u8) -> i128 {
    // |i64| times 10^18 is below 2^124.
    i128::from(units) * 10i128.pow(u32::from(18u8.saturating_sub(decimals)))
}
