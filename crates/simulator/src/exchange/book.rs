//! A book as the texts a venue wrote, and its digest.

use std::collections::BTreeMap;
use std::ops::Bound;
use tickhawk_market::{Decimal, MAX_DECIMALS, Side};

/// Most levels a side. More than any venue has; those beyond are not taken.
const LEVELS_LIMIT: usize = 1 << 20;

/// One level, in the venue's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextLevel {
    /// The price as it was written last.
    pub(crate) price: String,
    /// The quantity as it was written last.
    pub(crate) qty: String,
    /// What else the venue says of the level (a count of orders, an id, a time), in whatever form
    /// its desk likes to keep it; no part of the digest.
    pub(crate) note: String,
    digest: u64,
}

/// One instrument's book, every number as the venue wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextBook {
    bids: BTreeMap<i128, TextLevel>,
    asks: BTreeMap<i128, TextLevel>,
    digest: u64,
    /// Whether a snapshot has come, and every change since.
    pub(crate) live: bool,
}

impl TextBook {
    /// Empties the book, which is not live until whoever fills it says so.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i128, TextLevel> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    /// Sets the quantity at a price; zero takes the level away. Text that is no number we can hold
    /// changes nothing.
    pub(crate) fn set(&mut self, side: Side, price: &str, qty: &str, note: &str) {
        let (Some(key), Some(amount)) = (exact(price), exact(qty)) else { return };
        if amount == 0 {
            if let Some(gone) = self.side_mut(side).remove(&key) {
                self.digest = self.digest.wrapping_sub(gone.digest);
            }
            return;
        }
        let levels = self.side_mut(side);
        if levels.len() >= LEVELS_LIMIT && !levels.contains_key(&key) {
            return;
        }
        let level = levels.entry(key).or_default();
        let before = level.digest;
        let digest = mix(side == Side::Bid, key, amount);
        level.digest = digest;
        for (kept, new) in
            [(&mut level.price, price), (&mut level.qty, qty), (&mut level.note, note)]
        {
            kept.clear();
            kept.push_str(new);
        }
        self.digest = self.digest.wrapping_sub(before).wrapping_add(digest);
    }

    /// Takes the level at a price away.
    pub(crate) fn remove(&mut self, side: Side, price: &str) {
        self.set(side, price, "0", "");
    }

    /// Keeps the best `depth` levels a side.
    pub(crate) fn truncate(&mut self, depth: usize) {
        while self.bids.len() > depth {
            let Some((_, gone)) = self.bids.pop_first() else { break };
            self.digest = self.digest.wrapping_sub(gone.digest);
        }
        while self.asks.len() > depth {
            let Some((_, gone)) = self.asks.pop_last() else { break };
            self.digest = self.digest.wrapping_sub(gone.digest);
        }
    }

    /// The level at a price.
    pub(crate) fn level(&self, side: Side, price: &str) -> Option<&TextLevel> {
        let key = exact(price)?;
        match side {
            Side::Bid => self.bids.get(&key),
            Side::Ask => self.asks.get(&key),
        }
    }

    /// The levels of a side, best first.
    pub(crate) fn best_first(&self, side: Side) -> Box<dyn Iterator<Item = &TextLevel> + '_> {
        match side {
            Side::Bid => Box::new(self.bids.values().rev()),
            Side::Ask => Box::new(self.asks.values()),
        }
    }

    /// The price of the level of that rank, the best being 0, in units of 10^-18.
    pub(crate) fn price_at(&self, side: Side, rank: usize) -> Option<i128> {
        let found = match side {
            Side::Bid => self.bids.keys().rev().nth(rank),
            Side::Ask => self.asks.keys().nth(rank),
        };
        found.copied()
    }

    /// The levels of a side beyond a price, best first, with their own prices.
    pub(crate) fn beyond(
        &self,
        side: Side,
        price: i128,
    ) -> Box<dyn Iterator<Item = (i128, &TextLevel)> + '_> {
        let keyed = |(key, level): (&i128, _)| (*key, level);
        match side {
            Side::Bid => Box::new(self.bids.range(..price).rev().map(keyed)),
            Side::Ask => {
                let after = (Bound::Excluded(price), Bound::Unbounded);
                Box::new(self.asks.range(after).map(keyed))
            }
        }
    }

    /// Price and quantity texts of a side, best first.
    pub(crate) fn texts(&self, side: Side) -> Vec<(String, String)> {
        self.best_first(side).map(|level| (level.price.clone(), level.qty.clone())).collect()
    }

    /// The best `limit` levels of a side as `["price","qty"],..`, best first.
    pub(crate) fn json_pairs(&self, side: Side, limit: usize) -> String {
        let level = |level: &TextLevel| format!(r#"["{}","{}"]"#, level.price, level.qty);
        self.best_first(side).take(limit).map(level).collect::<Vec<_>>().join(",")
    }

    /// The sum of [`level_digest`] over the levels.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }
}

/// A number in units of 10^-18.
pub(crate) fn exact(text: &str) -> Option<i128> {
    let decimal = Decimal::parse(text.as_bytes()).ok()?;
    let raise = 10i128.pow(u32::from(MAX_DECIMALS.checked_sub(decimal.decimals)?));
    Some(i128::from(decimal.mantissa) * raise)
}

/// Digest of one level of a book. Price and quantity count by their value, so `1.50`, `1.5` and
/// `15e-1` are the same; text that is no number of at most 18 decimals and 64 bits counts as zero.
///
/// The wrapping sum over the levels of a book tells whether two books are the same, whatever the
/// order in which they were built.
pub fn level_digest(is_bid: bool, price: &str, qty: &str) -> u64 {
    mix(is_bid, exact(price).unwrap_or(0), exact(qty).unwrap_or(0))
}

/// The finaliser of SplitMix64 over the words, one after the other.
fn mix(is_bid: bool, price: i128, qty: i128) -> u64 {
    let halves = |number: i128| [number as u64, (number >> 64) as u64];
    let mut state = if is_bid { 0x9e37_79b9_7f4a_7c15 } else { 0xd1b5_4a32_d192_ed03 };
    for word in halves(price).into_iter().chain(halves(qty)) {
        state = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_and_the_digest_follows() {
        let mut book = TextBook::default();
        book.set(Side::Bid, "99.50", "1.0", "a");
        book.set(Side::Bid, "100", "2e-8", "");
        book.set(Side::Ask, "101.0", "7", "");
        book.set(Side::Bid, "99.5", "3", "b");
        book.set(Side::Ask, "not a number", "7", "");
        book.remove(Side::Ask, "55");
        assert_eq!(
            book.texts(Side::Bid),
            [("100".into(), "2e-8".into()), ("99.5".to_owned(), "3".to_owned())]
        );
        let sum = level_digest(true, "99.500", "3.0")
            .wrapping_add(level_digest(true, "1e2", "0.00000002"))
            .wrapping_add(level_digest(false, "101", "7"));
        assert_eq!(book.digest(), sum);
        assert_eq!(book.level(Side::Bid, "99.50").map(|level| level.note.as_str()), Some("b"));

        book.truncate(1);
        assert_eq!(book.texts(Side::Bid).len(), 1);
        book.remove(Side::Bid, "100.0");
        book.set(Side::Ask, "101", "0.00", "");
        assert_eq!(book.digest(), 0);
    }

    #[test]
    fn sides_and_values_differ() {
        let digests = [
            level_digest(true, "1", "2"),
            level_digest(false, "1", "2"),
            level_digest(true, "2", "1"),
            level_digest(true, "1", "3"),
            level_digest(true, "1000000000", "2"),
        ];
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest));
        }
    }
}
