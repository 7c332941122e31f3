//! A level's price and quantity at once, sixteen bytes each, for processors with AVX2.
//!
//! Read backwards from its last byte, a number with so many decimals has every digit in a known
//! place, so one shuffle drops the point and the zeros that do not count; the digits before the
//! number's first byte are masked away, and three multiplications of pairs make integers of what is
//! left. Where the point is, is looked for: some venues write each number as short as it can be.
//! [`Units::read_pairs_by_words`] is the scalar twin, and reads whatever this does not.

use crate::{
    cursor::{Cursor, Span},
    units::{Number, Units},
};
use std::arch::x86_64::{
    __m256i, _mm_cvtsi128_si64, _mm_loadu_si128, _mm256_and_si256, _mm256_castsi256_si128,
    _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packus_epi32,
    _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_shuffle_epi8,
    _mm256_sub_epi8, _mm256_subs_epu8, _mm256_testz_si256,
};
use tickhawk_market::{Change, Price, Qty, Scale, Side};

/// Where the digits of a number are, counted in the sixteen bytes that end with it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
struct Lanes {
    /// Which byte goes to each place, the digits that count moving to the end; 0x80 for none.
    picked: [u8; 16],
    /// Digits that do not count, and so must be zero. The point too, where no digit follows it.
    spare: [u8; 16],
}

/// Most digits before the point.
const WHOLE_MAX: usize = 8;

/// How numbers become integers of one count of decimals: by the bytes from the point on, itself
/// included, and by those before it.
#[derive(Debug)]
pub(crate) struct Forms([[Lanes; WHOLE_MAX]; 16]);

/// By the decimals of the integers.
static FORMS: [Forms; 9] = {
    let mut table =
        [const { Forms([const { [const { Lanes::new(0, 0, 0) }; WHOLE_MAX] }; 16]) }; 9];
    let mut decimals = 0;
    while decimals < 9 {
        let mut behind = 0;
        while behind < 16 {
            let mut whole = 0;
            while whole < WHOLE_MAX {
                table[decimals].0[behind][whole] = Lanes::new(whole + 1, behind, decimals);
                whole += 1;
            }
            behind += 1;
        }
        decimals += 1;
    }
    table
};

impl Forms {
    /// Those of prices and of quantities; `None` of more decimals than fit.
    pub(crate) fn of(scale: Scale) -> Option<[&'static Self; 2]> {
        let of = |decimals: u8| FORMS.get(usize::from(decimals));
        Some([of(scale.price_decimals)?, of(scale.qty_decimals)?])
    }
}

impl Lanes {
    /// Of numbers with so many bytes before the point, and so many from it on, itself included, as
    /// integers of so many decimals.
    const fn new(whole: usize, behind: usize, decimals: usize) -> Self {
        let (mut picked, mut spare) = ([0x80; 16], [0; 16]);
        let point = 16 - behind;
        let written = behind.saturating_sub(1);
        let kept = if written < decimals { written } else { decimals };
        let mut place = 0;
        while place < kept {
            picked[16 - decimals + place] = (point + 1 + place) as u8;
            place += 1;
        }
        let mut place = 0;
        while place < point && place < whole {
            picked[15 - decimals - place] = (point - 1 - place) as u8;
            place += 1;
        }
        let mut place = if behind == 1 { point } else { point + 1 + kept };
        while behind > 0 && place < 16 {
            spare[place] = 0xff;
            place += 1;
        }
        Self { picked, spare }
    }
}

/// Whether this processor can.
#[inline(always)]
pub(crate) fn are_here() -> bool {
    // Every processor that has the first has the others; asking is a look at one word.
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("lzcnt")
}

/// A price and a quantity; `None` without AVX2, and of what the general path must look at: among
/// them numbers whose sixteen bytes would begin before the frame.
#[inline]
pub(crate) fn read_two(units: &Units, bytes: &[u8], price: Span, qty: Span) -> Option<[Number; 2]> {
    if !are_here() {
        return None;
    }
    let text = |span: Span| bytes.get(span.end.wrapping_sub(16)..)?.first_chunk();
    let length = |span: Span| span.end.wrapping_sub(span.start);
    let (text, length) = ([text(price)?, text(qty)?], [length(price), length(qty)]);
    let forms = units.forms?;
    // SAFETY: the processor was just found to have what the function is compiled for.
    unsafe { read_two_here(forms, text, length) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_two_here(
    forms: [&'static Forms; 2],
    text: [&[u8; 16]; 2],
    length: [usize; 2],
) -> Option<[Number; 2]> {
    let points = marks(pair(text), b'.');
    // Bytes before the number's first point, or all of them.
    let whole = |points: u32, length: usize| {
        ((points >> (16 - length.min(16))).trailing_zeros() as usize).min(length)
    };
    let whole = [whole(points & 0xffff, length[0]), whole(points >> 16, length[1])];
    let [price, qty] = numbers::<false>(forms, text, whole, length)?;
    let written = |which: usize| (length[which] - whole[which]).saturating_sub(1) as u8;
    Some([(price, written(0)), (qty, written(1))])
}

/// Reads levels from the price at the cursor on. Leaves the cursor at the first price that the
/// general path must look at, or past the end of the array and says so. Reads none without AVX2.
#[inline]
pub(crate) fn read_levels(
    units: &Units,
    cursor: &mut Cursor<'_>,
    side: Side,
    changes: &mut Vec<Change>,
) -> bool {
    // SAFETY: as above.
    are_here() && unsafe { read_levels_here(units, cursor, side, changes) }
}

/// Bytes looked at before a price, so that what ends with it can be loaded whole; from it on, for
/// the quote that ends its quantity; and for what follows that.
const BEFORE: usize = 16;
const LEVEL: usize = 32;
const WINDOW: usize = BEFORE + LEVEL + 8;

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_levels_here(
    units: &Units,
    cursor: &mut Cursor<'_>,
    side: Side,
    changes: &mut Vec<Change>,
) -> bool {
    let Some(forms) = units.forms else { return false };
    let bytes = cursor.bytes;
    let (at, is_done) = walk(forms, bytes, cursor.at, side, changes);
    cursor.at = at;
    // The frame's last levels have no whole window: they get one of their own.
    let rest = at.checked_sub(BEFORE).and_then(|from| bytes.get(from..));
    let Some(rest) = rest.filter(|rest| !is_done && rest.len() < WINDOW) else { return is_done };
    let mut padded = [0; 2 * WINDOW];
    padded[..rest.len()].copy_from_slice(rest);
    let (at, is_done) = walk(forms, &padded, BEFORE, side, changes);
    cursor.at += at - BEFORE;
    is_done
}

/// `","`, `"],["` and `"]]`, the first byte lowest: what stands between a price and its quantity, and
/// what follows a level.
const BETWEEN: u64 = u64::from_le_bytes(*b"\",\"\0\0\0\0\0");
const NEXT: u64 = u64::from_le_bytes(*b"\"],[\"\0\0\0");
const END: u64 = u64::from_le_bytes(*b"\"]]\0\0\0\0\0");

/// Level after level from that price on, as long as they have whole windows: up to which price, or
/// the end of the array if it came so far.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn walk(
    forms: [&'static Forms; 2],
    bytes: &[u8],
    mut at: usize,
    side: Side,
    changes: &mut Vec<Change>,
) -> (usize, bool) {
    while at >= BEFORE && at + (WINDOW - BEFORE) <= bytes.len() {
        // SAFETY: there are so many bytes before and behind.
        let window = unsafe { &*bytes.as_ptr().add(at - BEFORE).cast::<[u8; WINDOW]>() };
        let Some(([price, qty], end)) = level(forms, window) else { break };
        let rest = word(window, end);
        let is_next = rest & 0xff_ffff_ffff == NEXT;
        if !is_next && rest & 0xff_ffff != END {
            break;
        }
        changes.push(Change { side, price: Price::new(price), qty: Qty::new(qty) });
        if !is_next {
            return (at + end + 3, true);
        }
        at += end + 5;
    }
    (at, false)
}

/// The level whose price begins behind the first bytes of the window, and where its quantity ends,
/// counted from there.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn level(forms: [&'static Forms; 2], window: &[u8; WINDOW]) -> Option<([i64; 2], usize)> {
    let bytes = load(window[BEFORE..].first_chunk()?);
    let (quotes, points) = (marks(bytes, b'"'), marks(bytes, b'.'));
    // The quotes that end the price, begin the quantity and end it.
    let third = quotes & quotes.wrapping_sub(1);
    let third = third & third.wrapping_sub(1);
    let (price_end, qty_end) = (quotes.trailing_zeros() as usize, third.trailing_zeros() as usize);
    if third == 0 || word(window, price_end) & 0xff_ffff != BETWEEN {
        return None;
    }
    let qty_points = (u64::from(points) >> price_end >> 3) as u32;
    let length = [price_end, qty_end.wrapping_sub(price_end + 3)];
    let price_whole = (points.trailing_zeros() as usize).min(length[0]);
    let qty_whole = (qty_points.trailing_zeros() as usize).min(length[1]);
    let text = [tail(window, price_end), tail(window, qty_end)];
    let numbers = numbers::<true>(forms, text, [price_whole, qty_whole], length)?;
    Some((numbers, qty_end))
}

/// Sixteen bytes that end there, counted from the price on.
#[inline(always)]
fn tail(window: &[u8; WINDOW], end: usize) -> &[u8; 16] {
    debug_assert!(end < LEVEL);
    // SAFETY: so many bytes are before any place of the level's.
    unsafe { &*window.as_ptr().add(end).cast() }
}

/// Eight bytes from there on, counted from the price on.
#[inline(always)]
fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    debug_assert!(at < LEVEL);
    // SAFETY: so many bytes are behind any place of the level's.
    u64::from_le_bytes(unsafe { *window.as_ptr().add(BEFORE + at).cast() })
}

/// The numbers that end the two texts, of those lengths, so many bytes of which are before the point.
/// An instance for levels in a row and one for single ones: what is called once is inlined.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn numbers<const IN_A_ROW: bool>(
    forms: [&'static Forms; 2],
    text: [&[u8; 16]; 2],
    whole: [usize; 2],
    length: [usize; 2],
) -> Option<[i64; 2]> {
    if (whole[0].wrapping_sub(1) | whole[1].wrapping_sub(1)) >= WHOLE_MAX
        || (length[0].wrapping_sub(1) | length[1].wrapping_sub(1)) >= 16
    {
        return None;
    }
    // At least one byte is before the point.
    let price = &forms[0].0[(length[0] - whole[0]) % 16][whole[0] - 1];
    let qty = &forms[1].0[(length[1] - whole[1]) % 16][whole[1] - 1];
    let values = _mm256_sub_epi8(pair(text), _mm256_set1_epi8(b'0'.cast_signed()));
    let digits = _mm256_shuffle_epi8(values, pair([&price.picked, &qty.picked]));
    let spare = _mm256_and_si256(values, pair([&price.spare, &qty.spare]));
    let wrong = _mm256_or_si256(spare, _mm256_subs_epu8(digits, _mm256_set1_epi8(9)));
    if _mm256_testz_si256(wrong, wrong) == 0 {
        return None;
    }
    // Ten times a digit and its neighbour, a hundred times a pair and its neighbour, and so on.
    let twos = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    let fours = _mm256_madd_epi16(twos, _mm256_set1_epi32(0x0001_0064));
    let fours = _mm256_packus_epi32(fours, fours);
    let eights = _mm256_madd_epi16(fours, _mm256_set1_epi32(0x0001_2710));
    let join = |eights: i64| {
        let eights = eights.cast_unsigned();
        let number = (eights & 0xffff_ffff).wrapping_mul(100_000_000).wrapping_add(eights >> 32);
        number.cast_signed()
    };
    let price = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights));
    let qty = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(eights));
    Some([join(price), join(qty)])
}

/// Which bytes are that one.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn marks(bytes: __m256i, byte: u8) -> u32 {
    let same = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
    _mm256_movemask_epi8(same).cast_unsigned()
}

/// The first one in the lower lane.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn pair([low, high]: [&[u8; 16]; 2]) -> __m256i {
    // SAFETY: sixteen bytes are readable behind a reference to as many; any alignment will do.
    let (low, high) =
        unsafe { (_mm_loadu_si128(low.as_ptr().cast()), _mm_loadu_si128(high.as_ptr().cast())) };
    _mm256_set_m128i(high, low)
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: as in `pair`.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
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
