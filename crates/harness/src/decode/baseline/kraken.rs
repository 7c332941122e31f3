//! Kraken's three formats.

use super::{Levels, units};
use serde::Deserialize;

#[derive(Deserialize)]
struct KrakenV1Payload<'a> {
    #[serde(borrow)]
    a: Option<Vec<KrakenV1Level<'a>>>,
    #[serde(borrow)]
    b: Option<Vec<KrakenV1Level<'a>>>,
    c: Option<&'a str>,
}

/// `[price, volume, time]`, with a fourth item where a level is published again.
struct KrakenV1Level<'a>([&'a str; 3]);

impl<'de: 'a, 'a> Deserialize<'de> for KrakenV1Level<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = [&'de str; 3];

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a level")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<Self::Value, A::Error> {
                let missing = || serde::de::Error::custom("too few items");
                let mut level = [""; 3];
                for slot in &mut level {
                    *slot = items.next_element()?.ok_or_else(missing)?;
                }
                while items.next_element::<&str>()?.is_some() {}
                Ok(level)
            }
        }
        deserializer.deserialize_seq(Visitor).map(Self)
    }
}

pub(super) fn v1(frame: &[u8], out: &mut Levels) -> Option<()> {
    type One<'a> = (u64, KrakenV1Payload<'a>, &'a str, &'a str);
    type Two<'a> = (u64, KrakenV1Payload<'a>, KrakenV1Payload<'a>, &'a str, &'a str);
    let mut payload = |payload: &KrakenV1Payload<'_>| {
        for (bid, side) in [(false, &payload.a), (true, &payload.b)] {
            for KrakenV1Level([price, qty, at]) in side.iter().flatten() {
                out.ids ^= at.len() as u64;
                out.text(bid, price, qty)?;
            }
        }
        out.ids ^= payload.c.map_or(Some(0), |c| units(c, 0))? as u64;
        Some(())
    };
    if let Ok((_, first, channel, _)) = sonic_rs::from_slice::<One<'_>>(frame) {
        payload(&first)?;
        return channel.starts_with("book").then_some(());
    }
    let (_, first, second, channel, _): Two<'_> = sonic_rs::from_slice(frame).ok()?;
    payload(&first)?;
    payload(&second)?;
    channel.starts_with("book").then_some(())
}

#[derive(Deserialize)]
struct KrakenV2Message<'a> {
    channel: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    data: Vec<KrakenV2Book<'a>>,
}

#[derive(Deserialize)]
struct KrakenV2Book<'a> {
    symbol: &'a str,
    bids: Vec<NumberLevel>,
    asks: Vec<NumberLevel>,
    checksum: u32,
    timestamp: Option<&'a str>,
}

#[derive(Deserialize)]
struct NumberLevel {
    price: f64,
    qty: f64,
}

pub(super) fn v2(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: KrakenV2Message<'_> = sonic_rs::from_slice(frame).ok()?;
    if message.channel != "book" || message.kind != "update" {
        return None;
    }
    for book in &message.data {
        out.ids = u64::from(book.checksum) ^ book.symbol.len() as u64;
        out.ids ^= book.timestamp.map_or(0, str::len) as u64;
        for (bid, side) in [(false, &book.asks), (true, &book.bids)] {
            for NumberLevel { price, qty } in side {
                out.number(bid, *price, *qty);
            }
        }
    }
    Some(())
}

#[derive(Deserialize)]
struct KrakenFuturesBook<'a> {
    feed: &'a str,
    product_id: &'a str,
    side: &'a str,
    seq: u64,
    price: f64,
    qty: f64,
    timestamp: u64,
}

pub(super) fn futures(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: KrakenFuturesBook<'_> = sonic_rs::from_slice(frame).ok()?;
    if message.feed != "book" {
        return None;
    }
    out.ids = message.seq ^ message.timestamp ^ message.product_id.len() as u64;
    out.number(message.side == "buy", message.price, message.qty);
    Some(())
}
