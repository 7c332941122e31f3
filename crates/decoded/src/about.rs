//! What a form says of itself.

use serde::{Deserialize, Serialize};

/// What a form says of itself: whose messages it holds, how they were decoded, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version of the program that wrote it.
    pub program: String,
    /// The venue's slug.
    pub venue: String,
    /// What the decoder was told.
    pub decoding: Decoding,
    /// The instruments, by id.
    pub instruments: Vec<Named>,
    /// The recordings it was made of, in order.
    pub sources: Vec<SourceFile>,
    /// What it holds.
    pub totals: Totals,
}

/// What decides how a recording is decoded. Another value of any of it may give other updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decoding {
    /// The only instruments taken, sorted; `None` for all.
    pub symbols: Option<Vec<String>>,
    /// Copies of the feed the connections are spread over.
    pub links: u16,
    /// Whether update ids are the same on every connection.
    pub shares_ids: bool,
    /// Levels a side a book may hold.
    pub levels_per_side: u64,
    /// Book messages in a row a book may stay crossed.
    pub crossed_messages: u32,
    /// Bytes a frame may have.
    pub frame_bytes: u64,
    /// Instruments there may be.
    pub instruments_max: u64,
    /// Bytes of diffs that may wait for a snapshot.
    pub buffered_bytes: u64,
}

/// One instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The venue's own symbol.
    pub symbol: String,
    /// Decimals its prices were to carry at least when it was named: those of a tick known before.
    pub price_decimals_min: u8,
    /// Decimals they carried in its first book message or trade; `None` if none came.
    pub price_decimals_first: Option<u8>,
}

impl Named {
    /// Whether it would have been decoded alike had its prices been to carry at least so many
    /// decimals: as many as before, or no more than its first numbers had of themselves.
    pub fn is_alike(&self, price_decimals_min: u8) -> bool {
        let own = self.price_decimals_first.filter(|first| *first > self.price_decimals_min);
        price_decimals_min == self.price_decimals_min
            || own.is_some_and(|own| price_decimals_min <= own)
    }
}

/// A recording that a form was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// The file, as named.
    pub file: String,
    /// Its size.
    pub file_bytes: u64,
    /// SHA-256 of the file, lowercase hex.
    pub sha256: String,
}

/// How much a form holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Inputs it was made of.
    pub records: u64,
    /// Those of them that did more than to be counted.
    pub steps: u64,
    /// Book messages, trades and tickers.
    pub updates: u64,
    /// Changes of levels in the book messages.
    pub levels: u64,
    /// Trades.
    pub trades: u64,
}

#[cfg(test)]
mod tests {
    use super::Named;

    #[test]
    fn decimals_that_the_numbers_had_anyway_change_nothing() {
        let named = |price_decimals_min, price_decimals_first| Named {
            symbol: "A".into(),
            price_decimals_min,
            price_decimals_first,
        };
        let alike = |named: &Named| (0..5).map(|min| named.is_alike(min)).collect::<Vec<_>>();
        assert_eq!(alike(&named(0, Some(2))), [true, true, true, false, false]);
        assert_eq!(alike(&named(1, Some(2))), [true, true, true, false, false]);
        // What they had of themselves is not known.
        assert_eq!(alike(&named(2, Some(2))), [false, false, true, false, false]);
        assert_eq!(alike(&named(1, None)), [false, true, false, false, false]);
    }
}
