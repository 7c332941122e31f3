//! A level's price and quantity at once, sixteen bytes each, for processors with AVX2.
//!
//! A venue writes all prices of an instrument with as many decimals, and all quantities. Then a
//! number's length tells where each of its digits is, counted from its last byte: one subtraction
//! makes digits of the text and nothing of the point, one more finds what is no such number, one
//! shuffle drops the point and the zeros that do not count, and three multiplications of pairs make
//! integers of what is left. Where a level is not written like the one before it, its points are
//! looked for: some venues write each number as short as it can be.
//! What this does not read, [`Units::read_pairs`] reads by words, the scalar twin.
//!
//! The numbers of a frame's head ([`Head`]) are made the same way, two at once: where their digits are
//! is known beforehand.

mod forms;

pub(crate) use forms::Lanes;

use crate::{
    cursor::{Cursor, Span},
    heads::{Beginning, DIGITS, Head, READ},
    units::{Number, Units},
};
use forms::{Forms, Row, WHOLE_MAX};
use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_prefetch, _mm256_and_si256,
    _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_movemask_epi8, _mm256_packus_epi32,
    _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_shuffle_epi8,
    _mm256_sub_epi8, _mm256_subs_epu8, _mm256_testz_si256,
};
use tickhawk_market::{Change, Price, Qty, Side};

/// There is one only where the processor has what lanes take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here(());

impl Here {
    pub(crate) fn new() -> Option<Self> {
        // Every processor that has the first has the others.
        let are_here = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt");
        are_here.then_some(Self(()))
    }
}

/// Cache lines of a frame that are fetched while its head is compared: those behind it.
const LINES: std::ops::Range<usize> = 3..16;

/// As [`Head::read_by_words`].
#[inline(always)]
pub(crate) fn read_head<T: Copy>(_: Here, head: &Head<T>, bytes: &[u8]) -> Option<Beginning<T>> {
    // SAFETY: there is a `Here` only where the processor has what the function is compiled for.
    unsafe { read_head_here(head, bytes) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_head_here<T: Copy>(head: &Head<T>, bytes: &[u8]) -> Option<Beginning<T>> {
    for line in bytes.chunks(64).take(LINES.end).skip(LINES.start) {
        _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
    }
    head.read_with(bytes, |texts: [&[u8; DIGITS]; READ], own: [&[u8; DIGITS]; READ]| {
        let two = |at: usize| {
            let values = values(pair([texts[at], texts[at + 1]]));
            integers(_mm256_and_si256(values, pair([own[at], own[at + 1]])))
        };
        let [[first, second], [third, fourth]] = [two(0), two(2)];
        [first, second, third, fourth]
    })
}

/// A price and a quantity; `None` without lanes, and of what the general path must look at: among
/// them numbers whose sixteen bytes would begin before the frame.
#[inline]
pub(crate) fn read_two(units: &Units, bytes: &[u8], price: Span, qty: Span) -> Option<[Number; 2]> {
    let forms = units.lanes?.forms;
    let text = |span: Span| bytes.get(span.end.wrapping_sub(16)..)?.first_chunk();
    let length = |span: Span| span.end.wrapping_sub(span.start);
    let (text, length) = ([text(price)?, text(qty)?], [length(price), length(qty)]);
    // SAFETY: who holds forms was told that the processor has what the function is compiled for.
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
    let [price, qty] = numbers(&Form::new(rows(forms, whole, length)?), text, length)?;
    let written = |which: usize| (length[which] - whole[which]).saturating_sub(1) as u8;
    Some([(price, written(0)), (qty, written(1))])
}

/// Reads levels from the price at the cursor on. Leaves the cursor at the first price that the
/// general path must look at, or past the end of the array and says so. Reads none without lanes.
#[inline]
pub(crate) fn read_levels(
    units: &mut Units,
    cursor: &mut Cursor<'_>,
    side: Side,
    changes: &mut Vec<Change>,
) -> bool {
    // SAFETY: as above.
    units
        .lanes
        .as_mut()
        .is_some_and(|lanes| unsafe { read_levels_here(lanes, cursor, side, changes) })
}

/// Bytes looked at before a price, so that what ends with it can be loaded whole; from it on, for
/// the quote that ends its quantity; and for what follows that.
const BEFORE: usize = 16;
const LEVEL: usize = 32;
const WINDOW: usize = BEFORE + LEVEL + 8;

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_levels_here(
    lanes: &mut Lanes,
    cursor: &mut Cursor<'_>,
    side: Side,
    changes: &mut Vec<Change>,
) -> bool {
    let bytes = cursor.bytes;
    let (at, is_done) = walk(lanes, bytes, cursor.at, side, changes);
    cursor.at = at;
    // The frame's last levels have no whole window: they get one of their own.
    let rest = at.checked_sub(BEFORE).and_then(|from| bytes.get(from..));
    let Some(rest) = rest.filter(|rest| !is_done && rest.len() < WINDOW) else { return is_done };
    let mut padded = [0; 2 * WINDOW];
    padded[..rest.len()].copy_from_slice(rest);
    let (at, is_done) = walk(lanes, &padded, BEFORE, side, changes);
    cursor.at += at - BEFORE;
    is_done
}

/// Level after level from that price on, as long as they have whole windows: up to which price, or
/// the end of the array if it came so far.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn walk(
    lanes: &mut Lanes,
    bytes: &[u8],
    mut at: usize,
    side: Side,
    changes: &mut Vec<Change>,
) -> (usize, bool) {
    let mut form = Form::new(lanes.last);
    let last = bytes.len().checked_sub(WINDOW - BEFORE).filter(|_| at >= BEFORE);
    while last.is_some_and(|last| at <= last) {
        // SAFETY: there are so many bytes before and behind.
        let window = unsafe { &*bytes.as_ptr().add(at).sub(BEFORE).cast::<[u8; WINDOW]>() };
        let Some(length) = lengths(window) else { break };
        let end = length[0].wrapping_add(length[1]).wrapping_add(3);
        let text = [tail(window, length[0]), tail(window, end)];
        let [price, qty] = match numbers(&form, text, length) {
            Some(numbers) => numbers,
            None => {
                let Some(rows) = rows_here(lanes.forms, window, length) else { break };
                form = Form::new(rows);
                let Some(numbers) = numbers(&form, text, length) else { break };
                lanes.last = rows;
                numbers
            }
        };
        let rest: [u8; 4] = *behind(window, end);
        let is_next = rest == *b"],[\"";
        if !is_next && rest[..2] != *b"]]" {
            break;
        }
        changes.push(Change { side, price: Price::new(price), qty: Qty::new(qty) });
        if !is_next {
            return (at + end + 3, true);
        }
        at = at.wrapping_add(end).wrapping_add(5);
    }
    (at, false)
}

/// How long the price is that begins behind the first bytes of the window, and the quantity that
/// follows it.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn lengths(window: &[u8; WINDOW]) -> Option<[usize; 2]> {
    let quotes = marks(load(window[BEFORE..].first_chunk()?), b'"');
    // The quotes that end the price, begin the quantity and end it.
    let third = quotes & quotes.wrapping_sub(1);
    let third = third & third.wrapping_sub(1);
    let (price_end, qty_end) = (quotes.trailing_zeros() as usize, third.trailing_zeros() as usize);
    let is_pair = third != 0 && *behind(window, price_end) == *b",\"";
    is_pair.then(|| [price_end, qty_end.wrapping_sub(price_end + 3)])
}

/// How a level is written that is not like the last one; the next one is taken to be written like
/// it.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline(never)]
fn rows_here(
    forms: [&'static Forms; 2],
    window: &[u8; WINDOW],
    length: [usize; 2],
) -> Option<[&'static Row; 2]> {
    let points = marks(load(window[BEFORE..].first_chunk()?), b'.');
    let price_whole = (points.trailing_zeros() as usize).min(length[0]);
    let qty_points = u64::from(points) >> (length[0] + 3);
    let qty_whole = (qty_points.trailing_zeros() as usize).min(length[1]);
    rows(forms, [price_whole, qty_whole], length)
}

/// How two numbers are written of those lengths, so many bytes of which are before the point: at
/// least one, if they are numbers.
#[inline]
fn rows(
    forms: [&'static Forms; 2],
    whole: [usize; 2],
    length: [usize; 2],
) -> Option<[&'static Row; 2]> {
    if (whole[0].wrapping_sub(1) | whole[1].wrapping_sub(1)) >= WHOLE_MAX {
        return None;
    }
    let row = |which: usize| forms[which].0.get(length[which].wrapping_sub(whole[which]));
    Some([row(0)?, row(1)?])
}

/// Sixteen bytes that end there, counted from the price on.
#[inline(always)]
fn tail(window: &[u8; WINDOW], end: usize) -> &[u8; 16] {
    debug_assert!(end < LEVEL);
    // SAFETY: so many bytes are before any place of the level's.
    unsafe { &*window.as_ptr().add(end).cast() }
}

/// What follows the byte there, counted from the price on.
#[inline(always)]
fn behind<const N: usize>(window: &[u8; WINDOW], at: usize) -> &[u8; N] {
    const { assert!(N < WINDOW - BEFORE - LEVEL) };
    debug_assert!(at < LEVEL);
    // SAFETY: so many bytes are behind any place of the level's.
    unsafe { &*window.as_ptr().add(BEFORE + at + 1).cast() }
}

/// Two rows, and what their bytes are worth nothing as.
struct Form {
    rows: [&'static Row; 2],
    nothing: __m256i,
}

impl Form {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    #[inline]
    fn new(rows: [&'static Row; 2]) -> Self {
        Self { rows, nothing: pair([&rows[0].nothing, &rows[1].nothing]) }
    }
}

/// The numbers that end the two texts, of those lengths, if they are written so. Before what is
/// shorter than its row tells, there must be a quote.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn numbers(form: &Form, text: [&[u8; 16]; 2], length: [usize; 2]) -> Option<[i64; 2]> {
    if length[0] | length[1] >= 16 {
        return None;
    }
    let (price, qty) = (&form.rows[0].places[length[0] % 16], &form.rows[1].places[length[1] % 16]);
    let values = _mm256_sub_epi8(pair(text), form.nothing);
    let wrong = _mm256_subs_epu8(values, pair([&price.most, &qty.most]));
    if _mm256_testz_si256(wrong, wrong) == 0 {
        return None;
    }
    let digits = _mm256_shuffle_epi8(values, pair([&price.picked, &qty.picked]));
    let [price, qty] = integers(digits);
    Some([price.cast_signed(), qty.cast_signed()])
}

/// What each byte is worth as a digit.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn values(text: __m256i) -> __m256i {
    _mm256_sub_epi8(text, _mm256_set1_epi8(b'0'.cast_signed()))
}

/// The two numbers of sixteen digits each.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn integers(digits: __m256i) -> [u64; 2] {
    // Ten times a digit and its neighbour, a hundred times a pair and its neighbour, and so on.
    let twos = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    let fours = _mm256_madd_epi16(twos, _mm256_set1_epi32(0x0001_0064));
    let fours = _mm256_packus_epi32(fours, fours);
    let eights = _mm256_madd_epi16(fours, _mm256_set1_epi32(0x0001_2710));
    let join = |eights: i64| {
        let eights = eights.cast_unsigned();
        (eights & 0xffff_ffff).wrapping_mul(100_000_000).wrapping_add(eights >> 32)
    };
    let first = _mm_cvtsi128_si64(_mm256_castsi256_si128(eights));
    let second = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(eights));
    [join(first), join(second)]
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
            // Mostly with so many decimals, among them lone zeros and one digit less.
            let text = |text: &String| match (like, text.len() % 8) {
                (true, 0) => "0".to_owned(),
                (true, length) => {
                    let fraction = fraction.saturating_sub(usize::from(length == 7));
                    let digits = text.replace(['.', '"'], "7");
                    format!("{}.{digits:0<fraction$.fraction$}", text.len())
                }
                (false, _) => text.clone(),
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
