//! An independent reader of every venue's messages: its own book, its own sequence rules, its own
//! checksums over the exact text. It panics at the first thing a careful reader would refuse.

mod venues;

use sonic_rs::LazyValue;
use std::collections::{BTreeMap, BTreeSet};
use tickhawk_market::{Decimal, Level, Price, Qty};
use tickhawk_simulator::{Levels, Message, MessageKind, SymbolSpec, WireFormat};

/// One side by price, with price and quantity as the venue wrote them.
type SideTexts = BTreeMap<i64, (String, String)>;

#[derive(Default)]
pub struct Book {
    bids: SideTexts,
    asks: SideTexts,
    live: bool,
    sequence: i64,
    cross_sequence: i64,
    bridged: bool,
    buffered: Vec<String>,
}

/// What the reader has counted.
#[derive(Default, Debug)]
pub struct Tally {
    pub frames: usize,
    pub book_messages: usize,
    pub snapshots: usize,
    pub checksums: usize,
    pub stale_diffs: usize,
    pub trades: usize,
    /// Trades on the taker's side of the reader's mid price, and on the other.
    pub sides: (usize, usize),
    pub tops_compared: usize,
    pub kinds: BTreeMap<String, usize>,
}

pub struct Reader {
    format: WireFormat,
    specs: Vec<SymbolSpec>,
    books: Vec<Book>,
    next_sequence_num: i64,
    /// Bitfinex: channel and symbol by channel id.
    channels: BTreeMap<i64, (String, usize)>,
    /// Binance: the top by update id, until a diff ends there.
    tops: BTreeMap<(usize, i64), [String; 4]>,
    pub tally: Tally,
    received_ns: u64,
}

fn get<'a>(json: &'a str, path: &[&str]) -> Option<LazyValue<'a>> {
    sonic_rs::get(json, path).ok()
}

/// The raw text at a path, without quotes.
pub fn text(json: &str, path: &[&str]) -> Option<String> {
    get(json, path).map(|value| value.as_raw_str().trim_matches('"').to_owned())
}

fn need(json: &str, path: &[&str]) -> String {
    text(json, path).unwrap_or_else(|| panic!("no {path:?} in {json:.200}"))
}

fn int(json: &str, path: &[&str]) -> i64 {
    need(json, path).parse().unwrap_or_else(|_| panic!("{path:?} is no integer in {json:.200}"))
}

fn items(json: &str) -> Vec<String> {
    let items = sonic_rs::to_array_iter(json);
    items.map(|item| item.unwrap().as_raw_str().to_owned()).collect()
}

impl Reader {
    pub fn new(format: WireFormat, specs: &[SymbolSpec]) -> Self {
        Self {
            format,
            specs: specs.to_vec(),
            books: specs.iter().map(|_| Book::default()).collect(),
            next_sequence_num: 0,
            channels: BTreeMap::new(),
            tops: BTreeMap::new(),
            tally: Tally::default(),
            received_ns: 0,
        }
    }

    fn index(&self, symbol: &str) -> usize {
        let found = self.specs.iter().position(|spec| spec.symbol == symbol);
        found.unwrap_or_else(|| panic!("unknown symbol {symbol}"))
    }

    /// The book, if the reader has one.
    pub fn book(&self, symbol: usize) -> Option<(Levels, Levels)> {
        let (book, spec) = (&self.books[symbol], &self.specs[symbol]);
        let level = |(&price, (_, qty)): (&i64, &(String, String))| Level {
            price: Price::new(price),
            qty: Qty::new(Decimal::parse(qty.as_bytes()).unwrap().at(spec.qty_decimals).unwrap()),
        };
        let bids = book.bids.iter().rev().map(level).collect();
        book.live.then(|| (bids, book.asks.iter().map(level).collect()))
    }

    /// The reader lost track of a book and waits for a snapshot.
    pub fn forget(&mut self, symbol: usize) {
        self.books[symbol] = Book::default();
    }

    fn set(&mut self, symbol: usize, bid: bool, price: String, qty: String) {
        let spec = &self.specs[symbol];
        let parsed = Decimal::parse(price.as_bytes()).unwrap();
        let key = parsed.at(spec.price_decimals).expect("no finer than the symbol's decimals");
        assert_eq!(key % spec.tick, 0, "{price} is between ticks");
        let parsed = Decimal::parse(qty.as_bytes()).unwrap().at(spec.qty_decimals).unwrap();
        assert_eq!(parsed % spec.lot, 0, "{qty} is between lots");
        let book = &mut self.books[symbol];
        let side = if bid { &mut book.bids } else { &mut book.asks };
        if parsed == 0 {
            side.remove(&key);
        } else {
            side.insert(key, (price, qty));
        }
    }

    /// Levels that are arrays beginning with price and quantity.
    fn set_pairs(&mut self, symbol: usize, bid: bool, json: &str) {
        for item in items(json) {
            let pair = items(&item);
            let plain = |text: &str| text.trim_matches('"').to_owned();
            self.set(symbol, bid, plain(&pair[0]), plain(&pair[1]));
        }
    }

    fn clear(&mut self, symbol: usize) {
        let book = &mut self.books[symbol];
        book.bids.clear();
        book.asks.clear();
        book.live = true;
        self.tally.snapshots += 1;
    }

    /// Takes one message; says whose books changed.
    pub fn read(&mut self, message: &Message) -> Vec<usize> {
        let received_ns = message.received_at.nanos();
        assert!(received_ns >= self.received_ns, "receive time runs backwards");
        self.received_ns = received_ns;
        let changed = match &message.kind {
            MessageKind::Opened { url } => {
                assert!(url.starts_with("wss://"));
                self.next_sequence_num = 0;
                BTreeSet::new()
            }
            MessageKind::Closed => {
                self.books.iter_mut().for_each(|book| *book = Book::default());
                BTreeSet::new()
            }
            MessageKind::Sent(text) => {
                assert!(text == "ping" || sonic_rs::from_str::<sonic_rs::Value>(text).is_ok());
                BTreeSet::new()
            }
            MessageKind::RestReply { url, status, body } => {
                assert_eq!(*status, 200);
                sonic_rs::from_str::<sonic_rs::Value>(body).expect("JSON");
                self.rest(url, body)
            }
            MessageKind::Frame(text) => self.frame(text),
        };
        for &symbol in &changed {
            let book = &self.books[symbol];
            let (bid, ask) = (book.bids.last_key_value(), book.asks.first_key_value());
            let (bid, ask) = (bid.expect("bids").0, ask.expect("asks").0);
            assert!(bid < ask, "crossed: {bid} and {ask}");
            self.tally.book_messages += 1;
        }
        changed.into_iter().collect()
    }

    fn frame(&mut self, frame: &str) -> BTreeSet<usize> {
        self.tally.frames += 1;
        if frame == "pong" {
            assert_eq!(self.format, WireFormat::Okx);
            return BTreeSet::new();
        }
        sonic_rs::from_str::<sonic_rs::Value>(frame).expect("JSON");
        match self.format {
            WireFormat::Binance | WireFormat::BinanceFutures => self.binance(frame),
            WireFormat::Kraken => self.kraken(frame),
            WireFormat::Okx => self.okx(frame),
            WireFormat::Bybit => self.bybit(frame),
            WireFormat::Coinbase => self.coinbase(frame),
            WireFormat::Bitfinex => self.bitfinex(frame),
        }
    }

    /// `taker` is what the venue calls a taker who bought.
    fn trade(&mut self, symbol: usize, json: &str, [price, side]: [&str; 2], taker: &str) {
        self.traded(symbol, &need(json, &[price]), need(json, &[side]) == taker);
    }

    fn traded(&mut self, symbol: usize, price: &str, taker_bought: bool) {
        self.tally.trades += 1;
        let book = &self.books[symbol];
        let (Some(bid), Some(ask)) = (book.bids.last_key_value(), book.asks.first_key_value())
        else {
            return;
        };
        let price = Decimal::parse(price.as_bytes()).unwrap();
        let above = price.at(self.specs[symbol].price_decimals).unwrap() * 2 > bid.0 + ask.0;
        if above == taker_bought {
            self.tally.sides.0 += 1;
        } else {
            self.tally.sides.1 += 1;
        }
    }

    fn count(&mut self, kind: &str) {
        *self.tally.kinds.entry(kind.to_owned()).or_default() += 1;
    }
}
