//! The levels of a book message, in one word each where they fit, else in two.
//!
//! ```text
//! narrow   a word of the message: its base price
//!          a word a level: price - base (24 bits), quantity (40 bits), both signed
//! wide     two words a level: price, quantity
//! ```
//!
//! Quantities are never negative, so an ask's is stored as its complement, which always is. Any word
//! is a level, then, and none need be looked at before it is used. 24 bits are 80,000 dollars either
//! way at two decimals, 40 bits 5,000 coins at eight.

use tickhawk_market::{Change, Price, Qty, Side};

/// Bits of a narrow level's quantity.
const QTY_BITS: u32 = 40;

/// Prices of narrow messages are this close to the middle at most, so that none overflows.
const BASE_MAX: i64 = 1 << 62;

/// The changes of a book message, where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    words: &'a [u64],
    /// The base price of narrow levels; `None` if they are wide.
    base: Option<i64>,
}

impl<'a> Changes<'a> {
    /// The levels in these words, as one wrote them that had `count` of them; `None` if they are
    /// not all there, or no message has such.
    #[inline]
    pub(crate) fn split(
        words: &'a [u64],
        count: usize,
        wide: bool,
    ) -> Option<(Changes<'a>, &'a [u64])> {
        if wide {
            let (words, rest) = words.split_at_checked(count.checked_mul(2)?)?;
            return Some((Self { words, base: None }, rest));
        }
        let (base, words) = words.split_first()?;
        let base = base.cast_signed();
        if !(-BASE_MAX..=BASE_MAX).contains(&base) {
            return None;
        }
        let (words, rest) = words.split_at_checked(count)?;
        Some((Self { words, base: Some(base) }, rest))
    }

    /// Adds the words of these changes to `words`; whether they are wide.
    pub(crate) fn write(changes: &[Change], words: &mut Vec<u64>) -> bool {
        let base = changes.first().map_or(0, |change| change.price.units());
        let begin = words.len();
        words.push(base.cast_unsigned());
        let is_narrow = (-BASE_MAX..=BASE_MAX).contains(&base)
            && changes.iter().all(|change| match narrow(change, base) {
                Some(word) => {
                    words.push(word);
                    true
                }
                None => false,
            });
        if is_narrow {
            return false;
        }
        words.truncate(begin);
        for change in changes {
            words.extend([change.price.units(), signed_qty(change)].map(i64::cast_unsigned));
        }
        true
    }
}

fn signed_qty(change: &Change) -> i64 {
    let qty = change.qty.units();
    debug_assert!(qty >= 0, "decoders refuse negative quantities");
    if change.side == Side::Ask { !qty } else { qty }
}

fn narrow(change: &Change, base: i64) -> Option<u64> {
    let fits = |value: i64, bits: u32| (value << (64 - bits)) >> (64 - bits) == value;
    let qty = signed_qty(change);
    let price = change.price.units().checked_sub(base)?;
    let fit = fits(price, 64 - QTY_BITS) && fits(qty, QTY_BITS);
    let low = qty.cast_unsigned() & ((1 << QTY_BITS) - 1);
    fit.then(|| price.cast_unsigned() << QTY_BITS | low)
}

#[inline]
fn change(price: i64, qty: i64) -> Change {
    let side = if qty < 0 { Side::Ask } else { Side::Bid };
    // All ones for an ask.
    let complement = qty >> 63;
    Change { side, price: Price::new(price), qty: Qty::new(qty ^ complement) }
}

impl Iterator for Changes<'_> {
    type Item = Change;

    #[inline]
    fn next(&mut self) -> Option<Change> {
        if let Some(base) = self.base {
            let (word, rest) = self.words.split_first()?;
            self.words = rest;
            let word = word.cast_signed();
            let qty = (word << (64 - QTY_BITS)) >> (64 - QTY_BITS);
            return Some(change(base + (word >> QTY_BITS), qty));
        }
        let ([price, qty], rest) = self.words.split_first_chunk()?;
        self.words = rest;
        Some(change(price.cast_signed(), qty.cast_signed()))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = if self.base.is_some() { self.words.len() } else { self.words.len() / 2 };
        (count, Some(count))
    }
}

impl ExactSizeIterator for Changes<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of every size, the largest and the smallest among them.
    fn units() -> impl Strategy<Value = i64> {
        prop_oneof![
            4 => (any::<i64>(), 0..64u32).prop_map(|(number, shift)| number >> shift),
            1 => prop::sample::select(vec![i64::MIN, i64::MAX, 0, BASE_MAX, -BASE_MAX]),
        ]
    }

    fn some_change() -> impl Strategy<Value = Change> {
        (any::<bool>(), units(), units()).prop_map(|(bid, price, qty)| Change {
            side: if bid { Side::Bid } else { Side::Ask },
            price: Price::new(price),
            qty: Qty::new(qty ^ (qty >> 63)),
        })
    }

    #[track_caller]
    fn check(changes: &[Change], wide: bool) {
        let mut words = vec![17];
        assert_eq!(Changes::write(changes, &mut words), wide);
        words.push(19);
        let (read, rest) = Changes::split(&words[1..], changes.len(), wide).unwrap();
        assert_eq!((read.len(), rest), (changes.len(), &[19][..]));
        assert!(read.eq(changes.iter().copied()));
    }

    #[test]
    fn near_levels_take_a_word_each() {
        let near = |side, price, qty| Change { side, price: Price::new(price), qty: Qty::new(qty) };
        let most = (1 << 39) - 1;
        check(&[], false);
        check(&[near(Side::Bid, 6_394_390, 0), near(Side::Ask, 6_394_391, 0)], false);
        check(&[near(Side::Ask, -3, most), near(Side::Bid, -3 - (1 << 23), most)], false);
        check(&[near(Side::Ask, 5, most + 1)], true);
        check(&[near(Side::Bid, 0, 1), near(Side::Bid, 1 << 23, 1)], true);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(changes in prop::collection::vec(some_change(), 0..20)) {
            let mut words = Vec::new();
            let wide = Changes::write(&changes, &mut words);
            check(&changes, wide);
        }

        #[test]
        fn any_words_are_levels(
            words in prop::collection::vec(any::<u64>(), 0..20),
            count in 0..20usize,
            wide: bool,
        ) {
            if let Some((changes, _)) = Changes::split(&words, count, wide) {
                prop_assert_eq!(changes.len(), count);
                let mut read = changes;
                prop_assert!(read.all(|change| change.qty.units() >= 0));
                prop_assert_eq!(changes.count(), count);
            }
        }
    }
}
