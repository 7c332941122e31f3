//! What a competent reader of the feed would write first: sonic-rs into typed, borrowed messages,
//! and their texts to integers.

use serde::Deserialize;
use tickhawk_market::{Change, Price, Qty, Scale, Side};
use tickhawk_venue::{Decoder, Venue};

/// One venue's messages, read by sonic-rs.
pub(crate) struct Baseline {
    venue: Venue,
    out: Vec<Change>,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    data: Depth<'a>,
}

#[derive(Deserialize)]
struct Depth<'a> {
    s: &'a str,
    #[serde(rename = "E")]
    _event_at: u64,
    #[serde(rename = "U")]
    _first: u64,
    #[serde(rename = "u")]
    _last: u64,
    #[serde(borrow)]
    b: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    a: Vec<[&'a str; 2]>,
}

impl Baseline {
    pub(crate) fn new(venue: Venue) -> Self {
        Self { venue, out: Vec::with_capacity(4_096) }
    }

    pub(crate) fn knows(venue: Venue) -> bool {
        matches!(
            venue,
            Venue::Binance | Venue::BinanceUs | Venue::BinanceFutures | Venue::BinanceDelivery
        )
    }

    /// The levels of one book frame, in the decimals that the decoder has found.
    pub(crate) fn decode(&mut self, bytes: &[u8], decoder: &Decoder) -> &[Change] {
        self.out.clear();
        debug_assert!(Self::knows(self.venue));
        let depth = match bytes.starts_with(b"{\"stream\"") {
            true => sonic_rs::from_slice::<Wrapped<'_>>(bytes).map(|wrapped| wrapped.data),
            false => sonic_rs::from_slice::<Depth<'_>>(bytes),
        };
        let Ok(depth) = depth else { return &[] };
        let Some(id) = decoder.instruments().find(depth.s) else { return &[] };
        let scale = decoder.instruments().get(id).scale.unwrap_or_default();
        for (side, levels) in [(Side::Bid, &depth.b), (Side::Ask, &depth.a)] {
            for [price, qty] in levels {
                self.out.extend(change(side, price, qty, scale));
            }
        }
        &self.out
    }
}

fn change(side: Side, price: &str, qty: &str, scale: Scale) -> Option<Change> {
    let price = Price::new(integer(price, scale.price_decimals)?);
    Some(Change { side, price, qty: Qty::new(integer(qty, scale.qty_decimals)?) })
}

/// Plain decimal text as an integer of so many decimals.
fn integer(text: &str, decimals: u8) -> Option<i64> {
    let (mut value, mut left) = (0i64, None::<u8>);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                match &mut left {
                    Some(0) if byte == b'0' => continue,
                    Some(0) => return None,
                    Some(left) => *left -= 1,
                    None => {}
                }
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
            }
            b'.' if left.is_none() => left = Some(decimals),
            _ => return None,
        }
    }
    value.checked_mul(10i64.checked_pow(u32::from(left.unwrap_or(decimals)))?)
}
