//! Sessions as each venue would send them, one message after another in its place.

use crate::Venue;
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) is_bid: bool,
    pub(super) price: String,
    pub(super) qty: String,
}

/// Mostly plain numbers; some of forms that only the general path reads, some that none does.
pub(super) fn level() -> impl Strategy<Value = Level> {
    let number = prop_oneof![
        12 => (0u32..200_000, 0u32..1_000).prop_map(|(a, b)| format!("{a}.{b}")),
        6 => (0u32..200_000, 0u32..100).prop_map(|(a, b)| format!("{a}.{b:02}")),
        4 => (0u32..100, 0u32..100_000).prop_map(|(a, b)| format!("{a}.{b:05}000")),
        4 => (0u32..100_000).prop_map(|a| a.to_string()),
        2 => Just("0".to_owned()),
        1 => Just("0.00000000".to_owned()),
        1 => Just("1.5e-7".to_owned()),
        1 => Just("123456789.123456789".to_owned()),
        1 => Just("99999999999999999999".to_owned()),
        1 => Just("-3.5".to_owned()),
        1 => Just("-0".to_owned()),
        1 => Just("007".to_owned()),
        1 => Just("x".to_owned()),
        1 => Just(String::new())
    ];
    (any::<bool>(), number.clone(), number).prop_map(|(is_bid, price, qty)| Level {
        is_bid,
        price,
        qty,
    })
}

/// One venue's session of one instrument, and how far it is.
pub(super) struct Session {
    venue: Venue,
    variant: u8,
    n: u64,
    /// BitMEX: rows that are there.
    rows: u64,
}

impl Session {
    pub(super) fn new(venue: Venue, variant: u8) -> Self {
        Self { venue, variant, n: 100, rows: 1 }
    }

    fn is_kraken_v1(&self) -> bool {
        self.variant.is_multiple_of(2)
    }

    /// What makes the book whole.
    pub(super) fn begin(&mut self) -> Vec<String> {
        let frames: &[&str] = match self.venue {
            Venue::Binance | Venue::BinanceUs | Venue::BinanceFutures | Venue::BinanceDelivery => {
                &[
                    r#"{"lastUpdateId":100,"symbol":"ABC-USD","bids":[["100.55","2.125"]],"asks":[["112.5","3"]]}"#,
                ]
            }
            Venue::Bybit | Venue::BybitSpot => &[
                r#"{"topic":"orderbook.200.ABC-USD","type":"snapshot","ts":5,"data":{"s":"ABC-USD","b":[["100.55","2.125"]],"a":[["112.5","3"]],"u":100,"seq":100},"cts":4}"#,
            ],
            Venue::Okx => &[
                r#"{"arg":{"channel":"books","instId":"ABC-USD"},"action":"snapshot","data":[{"asks":[["112.5","3","0","1"]],"bids":[["100.55","2.125","0","1"]],"ts":"5","checksum":7,"seqId":100,"prevSeqId":-1}]}"#,
            ],
            Venue::Coinbase => &[
                r#"{"channel":"l2_data","timestamp":"2026-08-09T21:05:49.29Z","sequence_num":100,"events":[{"type":"snapshot","product_id":"ABC-USD","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"100.55","new_quantity":"2.125"}]}]}"#,
            ],
            Venue::CoinbaseExchange => &[
                r#"{"type":"snapshot","product_id":"ABC-USD","asks":[["112.5","3"]],"bids":[["100.55","2.125"]],"time":"2021-04-17T16:43:37.129299Z"}"#,
            ],
            Venue::Kraken if self.is_kraken_v1() => &[
                r#"[336,{"as":[["112.50000","3.00000000","5.000002"]],"bs":[["100.55000","2.12500000","4.5"]]},"book-25","ABC-USD"]"#,
            ],
            Venue::Kraken => &[
                r#"{"channel":"book","type":"snapshot","data":[{"symbol":"ABC-USD","bids":[{"price":100.55,"qty":2.125}],"asks":[{"price":112.5,"qty":3.0}],"checksum":7,"timestamp":"2026-08-09T21:05:49.267517Z"}]}"#,
            ],
            Venue::KrakenFutures => &[
                r#"{"feed":"book_snapshot","product_id":"ABC-USD","timestamp":5,"seq":100,"bids":[{"price":100.55,"qty":2.125}],"asks":[{"price":112.5,"qty":3.0}]}"#,
            ],
            Venue::Bitmex => &[
                r#"{"table":"orderBookL2","action":"partial","data":[{"symbol":"ABC-USD","id":0,"side":"Buy","size":2.125,"price":100.55}]}"#,
            ],
            Venue::Bitfinex => &[
                r#"{"event":"conf","status":"OK","flags":65536}"#,
                r#"{"event":"subscribed","channel":"book","chanId":17,"symbol":"tABC-USD","prec":"P0","freq":"F0","len":"25"}"#,
                r#"[17,[[100.55,1,2.125],[112.5,1,-3]],100]"#,
            ],
        };
        frames.iter().map(|frame| (*frame).to_owned()).collect()
    }

    /// The next book message; now and then a trade or a ticker.
    pub(super) fn message(&mut self, levels: &[Level], kind: u8) -> String {
        let before = self.n;
        self.n += 1;
        let (n, seldom) = (self.n, kind >= 224);
        let side = |is_bid: bool, text: &dyn Fn(&Level) -> String| -> String {
            let side = levels.iter().filter(|level| level.is_bid == is_bid);
            side.map(text).collect::<Vec<_>>().join(",")
        };
        let sides = |text: &dyn Fn(&Level) -> String| (side(true, text), side(false, text));
        let all = |text: &dyn Fn(&Level) -> String| -> String {
            levels.iter().map(text).collect::<Vec<_>>().join(",")
        };
        let one = levels.first().cloned().unwrap_or(Level {
            is_bid: true,
            price: "100.5".to_owned(),
            qty: "1.5".to_owned(),
        });
        let Level { price, qty, .. } = &one;
        let pair = |level: &Level| format!(r#"["{}","{}"]"#, level.price, level.qty);
        match self.venue {
            Venue::Binance | Venue::BinanceUs | Venue::BinanceFutures | Venue::BinanceDelivery => {
                let futures = matches!(self.venue, Venue::BinanceFutures | Venue::BinanceDelivery);
                if seldom {
                    self.n = before;
                }
                let (bids, asks) = sides(&pair);
                // The first diff must reach back to the snapshot on futures, follow it on spot.
                let (first, traded, previous) = match futures {
                    true => (before, r#""T":4,"#, format!(r#""pu":{before},"#)),
                    false => (n, "", String::new()),
                };
                let second = r#""ps":"ABC","#;
                let second = if self.venue == Venue::BinanceDelivery { second } else { "" };
                let data = match (seldom, kind.is_multiple_of(2), futures) {
                    (false, _, _) => format!(
                        r#"{{"e":"depthUpdate","E":1721347043742,{traded}"s":"ABC-USD",{second}"U":{first},"u":{n},{previous}"b":[{bids}],"a":[{asks}]}}"#
                    ),
                    (true, true, true) => format!(
                        r#"{{"e":"trade","E":6,"T":5,"s":"ABC-USD","t":{n},"p":"{price}","q":"{qty}","X":"MARKET","m":true}}"#
                    ),
                    (true, true, false) => format!(
                        r#"{{"e":"trade","E":6,"s":"ABC-USD","t":{n},"p":"{price}","q":"{qty}","T":5,"m":false,"M":true}}"#
                    ),
                    (true, false, true) => format!(
                        r#"{{"e":"bookTicker","u":{n},"s":"ABC-USD","b":"{price}","B":"{qty}","a":"112.5","A":"3","T":5,"E":6}}"#
                    ),
                    (true, false, false) => format!(
                        r#"{{"u":{n},"s":"ABC-USD","b":"{price}","B":"{qty}","a":"112.5","A":"3"}}"#
                    ),
                };
                match self.variant.is_multiple_of(2) {
                    true => format!(r#"{{"stream":"abc-usd@depth","data":{data}}}"#),
                    false => data,
                }
            }
            Venue::Bybit | Venue::BybitSpot => {
                let (bids, asks) = sides(&pair);
                format!(
                    r#"{{"topic":"orderbook.200.ABC-USD","type":"delta","ts":1786310818230,"data":{{"s":"ABC-USD","b":[{bids}],"a":[{asks}],"u":{n},"seq":{n}}},"cts":1786310818229}}"#
                )
            }
            Venue::Okx => {
                let tuple =
                    |level: &Level| format!(r#"["{}","{}","0","2"]"#, level.price, level.qty);
                let (bids, asks) = sides(&tuple);
                let ids = match self.variant % 3 {
                    0 => format!(r#","seqId":{n},"prevSeqId":{before}"#),
                    1 => format!(r#","prevSeqId":{before},"seqId":{n}"#),
                    _ => String::new(),
                };
                format!(
                    r#"{{"arg":{{"channel":"books","instId":"ABC-USD"}},"action":"update","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"1652459227416","checksum":-141576481{ids}}}]}}"#
                )
            }
            Venue::Coinbase => {
                let updates = all(&|level| {
                    let side = if level.is_bid { "bid" } else { "offer" };
                    format!(
                        r#"{{"side":"{side}","event_time":"2026-08-09T21:05:49.267517Z","price_level":"{}","new_quantity":"{}"}}"#,
                        level.price, level.qty
                    )
                });
                let event =
                    format!(r#"{{"type":"update","product_id":"ABC-USD","updates":[{updates}]}}"#);
                let events = if kind % 5 == 4 { format!("{event},{event}") } else { event };
                format!(
                    r#"{{"channel":"l2_data","timestamp":"2026-08-09T21:05:49.290672035Z","sequence_num":{n},"events":[{events}]}}"#
                )
            }
            Venue::CoinbaseExchange => {
                let changes = all(&|level| {
                    let side = if level.is_bid { "buy" } else { "sell" };
                    format!(r#"["{side}","{}","{}"]"#, level.price, level.qty)
                });
                format!(
                    r#"{{"type":"l2update","product_id":"ABC-USD","changes":[{changes}],"time":"2021-04-17T16:43:37.129299Z"}}"#
                )
            }
            Venue::Kraken if self.is_kraken_v1() => {
                let tuple = |level: &Level| {
                    let again = if kind % 3 == 1 { r#","r""# } else { "" };
                    format!(r#"["{}","{}","1618678134.187685"{again}]"#, level.price, level.qty)
                };
                let (bids, asks) = sides(&tuple);
                let checksum = r#","c":"3439673764""#;
                let payloads = match (bids.is_empty(), asks.is_empty()) {
                    (true, _) => format!(r#"{{"a":[{asks}]{checksum}}}"#),
                    (false, true) => format!(r#"{{"b":[{bids}]{checksum}}}"#),
                    (false, false) => format!(r#"{{"a":[{asks}]}},{{"b":[{bids}]{checksum}}}"#),
                };
                format!(r#"[336,{payloads},"book-25","ABC-USD"]"#)
            }
            Venue::Kraken => {
                let entry =
                    |level: &Level| format!(r#"{{"price":{},"qty":{}}}"#, level.price, level.qty);
                let (bids, asks) = sides(&entry);
                format!(
                    r#"{{"channel":"book","type":"update","data":[{{"symbol":"ABC-USD","bids":[{bids}],"asks":[{asks}],"checksum":3310070434,"timestamp":"2026-08-09T21:05:49.267517Z"}}]}}"#
                )
            }
            Venue::KrakenFutures => {
                let side = if one.is_bid { "buy" } else { "sell" };
                format!(
                    r#"{{"feed":"book","product_id":"ABC-USD","side":"{side}","seq":{n},"price":{price},"qty":{qty},"timestamp":1626994927885}}"#
                )
            }
            Venue::Bitmex => self.bitmex(&one, kind),
            Venue::Bitfinex => {
                let sign = if one.is_bid { "" } else { "-" };
                let count = kind % 3;
                format!("[17,[{price},{count},{sign}{qty}],{n}]")
            }
        }
    }

    /// Rows that come, change and go; now and then one that is not there, or not at that price.
    fn bitmex(&mut self, level: &Level, kind: u8) -> String {
        let Level { price, qty, .. } = level;
        let (action, id, rest) = match kind % 4 {
            0 | 1 => {
                self.rows += 1;
                ("insert", self.rows, format!(r#","size":{qty},"price":{price}"#))
            }
            2 => ("update", self.rows, format!(r#","size":{qty}"#)),
            _ => {
                self.rows = (self.rows - 1).max(1);
                ("delete", self.rows + 1, String::new())
            }
        };
        let times = match self.variant % 2 {
            0 => "",
            _ => {
                r#","timestamp":"2023-05-01T00:00:00.000Z","transactTime":"2023-05-01T00:00:00.001Z""#
            }
        };
        let row = format!(r#"{{"symbol":"ABC-USD","id":{id},"side":"Buy"{rest}{times}}}"#);
        let rows = if kind % 7 == 6 { format!("{row},{row}") } else { row };
        format!(r#"{{"table":"orderBookL2","action":"{action}","data":[{rows}]}}"#)
    }
}
