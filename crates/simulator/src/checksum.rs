//! The checksums venues put beside their books.

use crc32fast::Hasher;

/// Kraken: the best ten asks, then the best ten bids, each as price text and quantity text without
/// point and leading zeros.
pub(crate) fn kraken<'a>(
    asks: impl Iterator<Item = &'a (String, String)>,
    bids: impl Iterator<Item = &'a (String, String)>,
) -> u32 {
    let mut hasher = Hasher::new();
    for (price, qty) in asks.take(10).chain(bids.take(10)) {
        for text in [price, qty] {
            let digits = text.replace('.', "");
            hasher.update(digits.trim_start_matches('0').as_bytes());
        }
    }
    hasher.finalize()
}

/// OKX: the best 25 levels as `bid:qty:ask:qty` in turns, joined by colons; a signed number.
pub(crate) fn okx(asks: &[(String, String)], bids: &[(String, String)]) -> i32 {
    let mut texts: Vec<&str> = Vec::with_capacity(100);
    for rank in 0..25 {
        for (price, qty) in [bids.get(rank), asks.get(rank)].into_iter().flatten() {
            texts.extend([price.as_str(), qty.as_str()]);
        }
    }
    crc32fast::hash(texts.join(":").as_bytes()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Vec<(String, String)> {
        let pair = |pair: &str| {
            let (price, qty) = pair.split_once(' ').unwrap();
            (price.to_owned(), qty.to_owned())
        };
        text.split(", ").map(pair).collect()
    }

    /// The worked example of Kraken's guide to the WebSocket v2 book checksum.
    #[test]
    fn kraken_guide_example() {
        let asks = levels(
            "45285.2 0.00100000, 45286.4 1.54571953, 45286.6 1.54571109, 45289.6 1.54560911, \
             45290.2 0.15890660, 45291.8 1.54553491, 45294.7 0.04454749, 45296.1 0.35380000, \
             45297.5 0.09945542, 45299.5 0.18772827",
        );
        let bids = levels(
            "45283.5 0.10000000, 45283.4 1.54582015, 45282.1 0.10000000, 45281.0 0.10000000, \
             45280.3 1.54592586, 45279.0 0.07990000, 45277.6 0.03310103, 45277.5 0.30000000, \
             45277.3 1.54602737, 45276.6 0.15445238",
        );
        assert_eq!(kraken(asks.iter(), bids.iter()), 3_310_070_434);
    }

    /// The example of OKX's documentation: two bids and one ask make
    /// `3366.1:7:3366.8:9:3366:6`.
    #[test]
    fn okx_takes_turns_and_then_the_longer_side() {
        let (bids, asks) = (levels("3366.1 7, 3366 6"), levels("3366.8 9"));
        let expected = crc32fast::hash(b"3366.1:7:3366.8:9:3366:6") as i32;
        assert_eq!(okx(&asks, &bids), expected);
    }
}
