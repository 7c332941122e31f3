//! A level's price and quantity at once, sixteen bytes each, for processors with AVX2.
//!
//! Read backwards from its last byte, a number laid out as a [`Layout`] says has every digit in a
//! known place, so one shuffle drops the point and the zeros that do not count; the digits before
//! the number's first byte are masked away, and three multiplications of pairs make integers of
//! what is left. [`Units::read_pairs_by_words`] is the scalar twin, and reads whatever this does
//! not.

use crate::{
    cursor::{Cursor, Span},
    units::{Layout, Units},
};
use std::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_loadu_si128,
    _mm_madd_epi16, _mm_maddubs_epi16, _mm_movemask_epi8, _mm_packus_epi32, _mm_set1_epi8,
    _mm_set1_epi16, _mm_set1_epi32, _mm_shuffle_epi8, _mm_sub_epi8, _mm_subs_epu8, _mm_testz_si128,
    _mm_xor_si128,
};
use tickhawk_market::{Change, Price, Qty, Side};

/// Where the digits of a number are that is written in one form, counted in the sixteen bytes that
/// end with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    /// Which byte goes to each place, the digits that count moving to the end; 0x80 for none.
    picked: [u8; 16],
    /// Bytes that are no digits that count, and what they must be: the point and zeros.
    skipped: [u8; 16],
    expected: [u8; 16],
}

/// Masks of the last bytes, by their count.
const LAST_BYTES: [[u8; 16]; 17] = {
    let mut table = [[0; 16]; 17];
    let mut count = 1;
    while count < 17 {
        table[count] = table[count - 1];
        table[count][16 - count] = 0xff;
        count += 1;
    }
    table
};

impl Lanes {
    /// Of numbers that show so many decimals, as integers of so many; both at most eight.
    pub(crate) const fn new(written: usize, decimals: usize) -> Self {
        let (mut picked, mut skipped, mut expected) = ([0x80; 16], [0; 16], [0; 16]);
        let kept = if written < decimals { written } else { decimals };
        let point = if written == 0 { 16 } else { 15 - written };
        let mut place = 0;
        while place < kept {
            picked[16 - decimals + place] = (point + 1 + place) as u8;
            place += 1;
        }
        let mut place = 0;
        while place < point && place < 16 - decimals {
            picked[15 - decimals - place] = (point - 1 - place) as u8;
            place += 1;
        }
        if written > 0 {
            (skipped[point], expected[point]) = (0xff, b'.');
            let mut place = point + 1 + kept;
            while place < 16 {
                (skipped[place], expected[place]) = (0xff, b'0');
                place += 1;
            }
        }
        Self { picked, skipped, expected }
    }
}

/// Whether this processor can.
#[inline(always)]
pub(crate) fn are_here() -> bool {
    // Every processor that has the first has the others; asking is a look at one word.
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
}

/// Reads levels from the price at the cursor on, as long as they are written as the last ones
/// were. Leaves the cursor at the first price that is not, or past the end of the array and says
/// so. Reads none without AVX2.
#[inline]
pub(crate) fn read_levels(
    units: &mut Units,
    cursor: &mut Cursor<'_>,
    side: Side,
    changes: &mut Vec<Change>,
) -> bool {
    // SAFETY: the processor was just found to have what the function is compiled for.
    are_here() && unsafe { read_levels_here(units, cursor, side, changes) }
}

/// Bytes of a frame looked at for one level: sixteen before its price, so that what ends with the
/// price can be loaded whole, and more than most levels have. The frame's last ones, where fewer
/// follow.
const WINDOW: usize = 64;

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn read_levels_here(
    units: &mut Units,
    cursor: &mut Cursor<'_>,
    side: Side,
    changes: &mut Vec<Change>,
) -> bool {
    let bytes = cursor.bytes;
    let Some(last_base) = bytes.len().checked_sub(WINDOW) else { return false };
    loop {
        let base = cursor.at.saturating_sub(16).min(last_base);
        let Some(window) = bytes.get(base..).and_then(<[u8]>::first_chunk) else { return false };
        let start = cursor.at.wrapping_sub(base);
        let Some((level, after)) = level(units, window, start) else { return false };
        let is_last = match rest(window, after) {
            rest if rest & 0xff_ffff_ffff == NEXT => false,
            rest if rest & 0xff_ffff == END => true,
            _ => return false,
        };
        changes.push(Change { side, price: level.0, qty: level.1 });
        if is_last {
            cursor.at = base + after + 3;
            return true;
        }
        cursor.at = base + after + 5;
    }
}

/// A quantity of `0` and its closing quote, the first byte lowest.
const ZERO: u64 = u64::from_le_bytes(*b"0\"\0\0\0\0\0\0");

/// `"],["` and `"]]`, the first byte lowest: what follows a level.
const NEXT: u64 = u64::from_le_bytes(*b"\"],[\"\0\0\0");
const END: u64 = u64::from_le_bytes(*b"\"]]\0\0\0\0\0");

/// The level whose price begins there, and where its quantity ends.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn level(units: &mut Units, window: &[u8; WINDOW], start: usize) -> Option<((Price, Qty), usize)> {
    let parts = |end: usize| -> Option<bool> {
        let four = window.get(end..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*four) & 0xff_ffff == u32::from_le_bytes(*b"\",\"\0"))
    };
    // Guessed as long as the last one, so that what follows need not wait for the search.
    let mut price_end = start.wrapping_add(units.price_length);
    if !parts(price_end)? {
        price_end = quote_from(window, start)?;
        units.price_length = price_end - start;
        parts(price_end)?.then_some(())?;
    }
    let qty_start = price_end + 3;
    let qty_end = quote_from(window, qty_start)?;
    let price = digits(units.price.layout, window, Span { start, end: price_end })?;
    let qty = match rest(window, qty_start) & 0xffff == ZERO {
        // Deletions are mostly so written, however other quantities are.
        true => _mm_set1_epi8(0),
        false => digits(units.qty.layout, window, Span { start: qty_start, end: qty_end })?,
    };
    // Ten times a digit and its neighbour, a hundred times a pair and its neighbour, and so on.
    let hundreds = |digits| {
        let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
        _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064))
    };
    let fours = _mm_packus_epi32(hundreds(price), hundreds(qty));
    let eights = _mm_madd_epi16(fours, _mm_set1_epi32(0x0001_2710));
    let join = |eights: i64| {
        let eights = eights.cast_unsigned();
        let number = (eights & 0xffff_ffff).wrapping_mul(100_000_000).wrapping_add(eights >> 32);
        number.cast_signed()
    };
    let price = Price::new(join(_mm_cvtsi128_si64(eights)));
    let qty = Qty::new(join(_mm_extract_epi64::<1>(eights)));
    Some(((price, qty), qty_end))
}

/// The first quote of the sixteen bytes from there, or of as many as the window has.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn quote_from(window: &[u8; WINDOW], start: usize) -> Option<usize> {
    let from = start.min(WINDOW - 16);
    let bytes = load(window[from..].first_chunk()?);
    let marks = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed())));
    // At most sixteen places, of sixteen marks.
    let marks = marks.cast_unsigned() >> (start - from).min(16);
    (marks != 0).then(|| start + marks.trailing_zeros() as usize)
}

/// The eight bytes from there, or as many as the window has and zeros.
#[inline(always)]
fn rest(window: &[u8; WINDOW], start: usize) -> u64 {
    let from = start.min(WINDOW - 8);
    match window[from..].first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk) >> (8 * (start - from).min(7)),
        None => 0,
    }
}

/// The digits that count, as values, at the end of the sixteen.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn digits(layout: &Layout, window: &[u8; WINDOW], span: Span) -> Option<__m128i> {
    let count = layout.digits_of(span)?;
    let (text, lanes) =
        (load(window.get(span.end.wrapping_sub(16)..)?.first_chunk()?), &layout.lanes);
    let odd = _mm_xor_si128(text, load(&lanes.expected));
    if _mm_testz_si128(odd, load(&lanes.skipped)) == 0 {
        return None;
    }
    let values = _mm_sub_epi8(text, _mm_set1_epi8(b'0'.cast_signed()));
    let moved = _mm_shuffle_epi8(values, load(&lanes.picked));
    let digits = _mm_and_si128(moved, load(LAST_BYTES.get(count)?));
    let over = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    (_mm_testz_si128(over, over) == 1).then_some(digits)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn load(window: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen bytes are readable behind a reference to as many; any alignment will do.
    unsafe { _mm_loadu_si128(window.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickhawk_market::Scale;

    fn text() -> impl Strategy<Value = String> {
        let text = |digits: Vec<u8>| -> String {
            digits.iter().map(|digit| char::from(b'0' + digit)).collect()
        };
        let digits = |counts| proptest::collection::vec(prop_oneof![Just(0u8), 0u8..10], counts);
        let odd = prop::sample::select(vec!['0', '5', '.', '/', ':', '-', 'e', '"', '\u{7f}']);
        (digits(0..10), digits(0..10), any::<u8>(), odd).prop_map(move |(whole, rest, at, odd)| {
            let mut text = match rest.is_empty() {
                true => text(whole),
                false => format!("{}.{}", text(whole), text(rest)),
            };
            if at < 24 {
                text.insert(usize::from(at) % (text.len() + 1), odd);
            }
            text
        })
    }

    proptest! {
        /// Levels of every kind, at every distance from a frame's ends.
        #[test]
        fn the_twin_agrees(
            levels in proptest::collection::vec((text(), text()), 0..12),
            fraction in 0usize..9,
            like in any::<bool>(),
            price_decimals in 0u8..10,
            qty_decimals in 0u8..10,
            before in 0usize..40,
            behind in 0usize..80,
        ) {
            let text = |text: &String| match like {
                true => format!("{}.{:0<fraction$.fraction$}", text.len(), text.replace(['.', '"'], "7")),
                false => text.clone(),
            };
            let levels: Vec<_> = levels
                .iter()
                .map(|(price, qty)| format!("[\"{}\",\"{}\"]", text(price), text(qty)))
                .collect();
            let frame =
                format!("{}[{}]{}", " ".repeat(before), levels.join(","), "}".repeat(behind));
            let mut cursor = Cursor::new(frame.as_bytes());
            cursor.at = before;
            let mut units = Units::default();
            units.fit(Scale { price_decimals, qty_decimals });
            let (mut twin_units, mut twin_cursor) = (units, cursor);
            let (mut changes, mut twin_changes) = (Vec::new(), Vec::new());
            let read = units.read_pairs(&mut cursor, Side::Ask, &mut changes);
            let twin = &mut twin_units;
            let twin = twin.read_pairs_by_words(&mut twin_cursor, Side::Ask, &mut twin_changes);
            prop_assert_eq!(read, twin, "{}", frame);
            if read.is_some() {
                prop_assert_eq!(cursor.at, twin_cursor.at, "{}", frame);
                prop_assert_eq!(changes, twin_changes, "{}", frame);
            }
        }
    }
}
