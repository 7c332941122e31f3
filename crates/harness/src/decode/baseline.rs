//! What a careful user of sonic-rs would write for each venue: a typed, borrowed parse of the book
//! message (`&str` fields, levels as `[&str; 2]`, nothing copied) and integer conversion of the
//! texts to known decimals. No sequence rules, no instruments, no checksums, no times.

mod kraken;

use serde::Deserialize;
use tickhawk_venue::Venue;

/// What one book message came to.
#[derive(Default)]
pub(super) struct Levels {
    /// Bid or not, price and quantity in units of the decimals below.
    pub(super) levels: Vec<(bool, i64, i64)>,
    pub(super) price_decimals: u8,
    pub(super) qty_decimals: u8,
    /// The ids of the message, combined so that none of them is optimised away.
    pub(super) ids: u64,
}

/// Decodes one live book frame; `None` if it is no book diff of that venue.
pub(super) fn decode(venue: Venue, frame: &[u8], out: &mut Levels) -> Option<()> {
    out.levels.clear();
    match venue {
        Venue::Binance | Venue::BinanceUs | Venue::BinanceFutures | Venue::BinanceDelivery => {
            binance(frame, out)
        }
        Venue::Bybit | Venue::BybitSpot => bybit(frame, out),
        Venue::Okx => okx(frame, out),
        Venue::Coinbase => coinbase(frame, out),
        Venue::CoinbaseExchange => coinbase_exchange(frame, out),
        Venue::Kraken if frame.starts_with(b"[") => kraken::v1(frame, out),
        Venue::Kraken => kraken::v2(frame, out),
        Venue::KrakenFutures => kraken::futures(frame, out),
        Venue::Bitmex => bitmex(frame, out),
        Venue::Bitfinex => bitfinex(frame, out),
    }
}

/// Number text to an integer of `decimals` decimals.
#[inline]
fn units(text: &str, decimals: u8) -> Option<i64> {
    let (mut units, mut left, mut seen_point) = (0i64, decimals, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if !seen_point => units = units * 10 + i64::from(byte - b'0'),
            b'0'..=b'9' if left > 0 => {
                units = units * 10 + i64::from(byte - b'0');
                left -= 1;
            }
            b'0' => {}
            b'.' if !seen_point => seen_point = true,
            _ => return None,
        }
    }
    for _ in 0..left {
        units *= 10;
    }
    Some(units)
}

/// A JSON number to an integer of `decimals` decimals.
#[inline]
fn number(value: f64, decimals: u8) -> i64 {
    const POW: [f64; 19] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18,
    ];
    (value * POW[usize::from(decimals)]).round() as i64
}

impl Levels {
    #[inline]
    fn text(&mut self, bid: bool, price: &str, qty: &str) -> Option<()> {
        let level = (bid, units(price, self.price_decimals)?, units(qty, self.qty_decimals)?);
        self.levels.push(level);
        Some(())
    }

    #[inline]
    fn number(&mut self, bid: bool, price: f64, qty: f64) {
        let level = (bid, number(price, self.price_decimals), number(qty, self.qty_decimals));
        self.levels.push(level);
    }

    #[inline]
    fn pairs(&mut self, bid: bool, pairs: &[[&str; 2]]) -> Option<()> {
        pairs.iter().try_for_each(|[price, qty]| self.text(bid, price, qty))
    }
}

#[derive(Deserialize)]
struct BinanceWrapped<'a> {
    #[serde(borrow)]
    stream: &'a str,
    #[serde(borrow)]
    data: BinanceDepth<'a>,
}

#[derive(Deserialize)]
struct BinanceDepth<'a> {
    e: &'a str,
    #[serde(rename = "E")]
    event_at: u64,
    s: &'a str,
    #[serde(rename = "U")]
    first_id: u64,
    #[serde(rename = "u")]
    final_id: u64,
    pu: Option<u64>,
    #[serde(borrow)]
    b: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    a: Vec<[&'a str; 2]>,
}

fn binance(frame: &[u8], out: &mut Levels) -> Option<()> {
    let depth: BinanceDepth<'_> = if frame.starts_with(b"{\"stream\"") {
        let wrapped: BinanceWrapped<'_> = sonic_rs::from_slice(frame).ok()?;
        out.ids = wrapped.stream.len() as u64;
        wrapped.data
    } else {
        sonic_rs::from_slice(frame).ok()?
    };
    if depth.e != "depthUpdate" {
        return None;
    }
    out.ids = depth.event_at ^ depth.first_id ^ depth.final_id ^ depth.pu.unwrap_or(0);
    out.ids ^= depth.s.len() as u64;
    out.pairs(true, &depth.b)?;
    out.pairs(false, &depth.a)
}

#[derive(Deserialize)]
struct BybitMessage<'a> {
    topic: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    ts: u64,
    #[serde(borrow)]
    data: BybitBook<'a>,
    cts: u64,
}

#[derive(Deserialize)]
struct BybitBook<'a> {
    s: &'a str,
    #[serde(borrow)]
    b: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    a: Vec<[&'a str; 2]>,
    u: u64,
    seq: u64,
}

fn bybit(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: BybitMessage<'_> = sonic_rs::from_slice(frame).ok()?;
    if !message.topic.starts_with("orderbook.") || message.kind != "delta" {
        return None;
    }
    let book = &message.data;
    out.ids = message.ts ^ message.cts ^ book.u ^ book.seq ^ book.s.len() as u64;
    out.pairs(true, &book.b)?;
    out.pairs(false, &book.a)
}

#[derive(Deserialize)]
struct OkxMessage<'a> {
    #[serde(borrow)]
    arg: OkxArgument<'a>,
    action: &'a str,
    #[serde(borrow)]
    data: Vec<OkxBook<'a>>,
}

#[derive(Deserialize)]
struct OkxArgument<'a> {
    channel: &'a str,
    #[serde(rename = "instId")]
    instrument: &'a str,
}

#[derive(Deserialize)]
struct OkxBook<'a> {
    #[serde(borrow)]
    asks: Vec<[&'a str; 4]>,
    #[serde(borrow)]
    bids: Vec<[&'a str; 4]>,
    ts: &'a str,
    checksum: i64,
    #[serde(rename = "seqId")]
    id: Option<i64>,
    #[serde(rename = "prevSeqId")]
    previous_id: Option<i64>,
}

fn okx(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: OkxMessage<'_> = sonic_rs::from_slice(frame).ok()?;
    if message.action != "update" || !message.arg.channel.starts_with("books") {
        return None;
    }
    for book in &message.data {
        out.ids = units(book.ts, 0)? as u64 ^ book.checksum as u64;
        out.ids ^= (book.id.unwrap_or(0) ^ book.previous_id.unwrap_or(0)) as u64;
        out.ids ^= message.arg.instrument.len() as u64;
        for (bid, side) in [(false, &book.asks), (true, &book.bids)] {
            for [price, qty, _, _] in side {
                out.text(bid, price, qty)?;
            }
        }
    }
    Some(())
}

#[derive(Deserialize)]
struct CoinbaseMessage<'a> {
    channel: &'a str,
    timestamp: &'a str,
    sequence_num: u64,
    #[serde(borrow)]
    events: Vec<CoinbaseEvent<'a>>,
}

#[derive(Deserialize)]
struct CoinbaseEvent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: &'a str,
    #[serde(borrow)]
    updates: Vec<CoinbaseLevel<'a>>,
}

#[derive(Deserialize)]
struct CoinbaseLevel<'a> {
    side: &'a str,
    event_time: &'a str,
    price_level: &'a str,
    new_quantity: &'a str,
}

fn coinbase(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: CoinbaseMessage<'_> = sonic_rs::from_slice(frame).ok()?;
    if message.channel != "l2_data" {
        return None;
    }
    out.ids = message.sequence_num ^ message.timestamp.len() as u64;
    for event in &message.events {
        if event.kind != "update" {
            return None;
        }
        out.ids ^= event.product_id.len() as u64;
        for level in &event.updates {
            out.ids ^= level.event_time.len() as u64;
            out.text(level.side == "bid", level.price_level, level.new_quantity)?;
        }
    }
    Some(())
}

#[derive(Deserialize)]
struct CoinbaseExchangeMessage<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: &'a str,
    #[serde(borrow)]
    changes: Vec<[&'a str; 3]>,
    time: &'a str,
}

fn coinbase_exchange(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: CoinbaseExchangeMessage<'_> = sonic_rs::from_slice(frame).ok()?;
    if message.kind != "l2update" {
        return None;
    }
    out.ids = (message.product_id.len() ^ message.time.len()) as u64;
    for [side, price, qty] in &message.changes {
        out.text(*side == "buy", price, qty)?;
    }
    Some(())
}

#[derive(Deserialize)]
struct BitmexMessage<'a> {
    table: &'a str,
    action: &'a str,
    #[serde(borrow)]
    data: Vec<BitmexRow<'a>>,
}

#[derive(Deserialize)]
struct BitmexRow<'a> {
    symbol: &'a str,
    id: u64,
    side: &'a str,
    size: Option<f64>,
    price: Option<f64>,
}

/// Updates and deletes name no price (it belongs to the id): told as 0 here.
fn bitmex(frame: &[u8], out: &mut Levels) -> Option<()> {
    let message: BitmexMessage<'_> = sonic_rs::from_slice(frame).ok()?;
    if !message.table.starts_with("orderBookL2") || message.action == "partial" {
        return None;
    }
    for row in &message.data {
        out.ids ^= row.id ^ row.symbol.len() as u64;
        out.number(row.side == "Buy", row.price.unwrap_or(0.0), row.size.unwrap_or(0.0));
    }
    Some(())
}

fn bitfinex(frame: &[u8], out: &mut Levels) -> Option<()> {
    type Diff = (u64, (f64, u64, f64), u64);
    let (channel, (price, count, amount), sequence): Diff = sonic_rs::from_slice(frame).ok()?;
    out.ids = channel ^ sequence;
    out.number(amount > 0.0, price, if count == 0 { 0.0 } else { amount.abs() });
    Some(())
}
