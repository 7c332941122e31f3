//! OKX v5: `books` of 400 levels every 100 ms, chained by `prevSeqId`, with a signed CRC32.

use super::{MILLISECOND, SECOND, Timer, Venue, Wire, middle_ns};
use crate::checksum;
use crate::market::{Event, Market};
use crate::published::TickLots;
use crate::text::shortest;
use crate::{MarketConfig, SymbolSpec};
use tickhawk_market::Side;

/// Levels a side of the `books` channel.
const DEPTH: usize = 400;
const CADENCE_NS: u64 = 100 * MILLISECOND;
/// A book in which nothing happens for this long is repeated empty.
const IDLE_NS: u64 = 60 * SECOND;
const CHANNELS: [&str; 3] = ["tickers", "trades", "books"];

#[derive(Clone, Debug)]
struct Stream {
    sequence: u64,
    trade_id: u64,
    sent_ns: u64,
    ticker: String,
    restart: bool,
}

pub(crate) struct Okx {
    streams: Vec<Stream>,
    checksums: bool,
    rare_events: bool,
    streaming: bool,
    connection: String,
}

fn price(spec: &SymbolSpec, ticks: i64) -> String {
    shortest(spec.price_units(ticks), spec.price_decimals)
}

fn qty(spec: &SymbolSpec, lots: i64) -> String {
    shortest(spec.qty_units(lots), spec.qty_decimals)
}

impl Okx {
    pub(crate) fn new(config: &MarketConfig, wire: &mut Wire) -> Self {
        let stream = |_: &SymbolSpec| Stream {
            sequence: 1_000_000_000 + wire.chance.below(90_000_000_000),
            trade_id: 100_000_000 + wire.chance.below(900_000_000),
            sent_ns: 0,
            ticker: String::new(),
            restart: false,
        };
        Self {
            streams: config.symbols.iter().map(stream).collect(),
            checksums: config.okx_checksum,
            rare_events: config.rare_events,
            streaming: false,
            connection: String::new(),
        }
    }

    fn checksum(&self, spec: &SymbolSpec, wire: &Wire, symbol: usize) -> i32 {
        if !self.checksums {
            return 0;
        }
        let best = |side| -> Vec<(String, String)> {
            let best = wire.books[symbol].best_first(side).take(25);
            best.map(|(ticks, lots)| (price(spec, ticks), qty(spec, lots))).collect()
        };
        checksum::okx(&best(Side::Ask), &best(Side::Bid))
    }

    fn book(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let snapshot = !wire.books[symbol].live;
        let stream = &mut self.streams[symbol];
        let cut = if snapshot {
            let book = &mut wire.books[symbol];
            book.load(market, symbol, DEPTH);
            book.live = true;
            let side = |side: Side| book.side(side).iter().map(|(&t, &l)| (t, l)).collect();
            crate::published::Cut { bids: side(Side::Bid), asks: side(Side::Ask) }
        } else {
            wire.books[symbol].cut_window(market, symbol, DEPTH, true)
        };
        if cut.is_empty() && wire.now_ns - stream.sent_ns < IDLE_NS {
            return;
        }
        stream.sent_ns = wire.now_ns;
        let previous = stream.sequence;
        if stream.restart {
            // Maintenance: the venue's ids start over, and this message still names the old one.
            stream.restart = false;
            stream.sequence = 1 + wire.chance.below(1_000);
        } else if !cut.is_empty() {
            stream.sequence += 1 + wire.chance.below(60);
        }
        let (sequence, action) = (stream.sequence, if snapshot { "snapshot" } else { "update" });
        let previous = if snapshot { "-1".to_owned() } else { previous.to_string() };
        wire.applied.push(symbol);
        let level = |side: Side, &(ticks, lots): &TickLots| {
            let orders = market.ladder(symbol, side).best_first().find(|rung| rung.ticks == ticks);
            let orders = if lots == 0 { 0 } else { orders.map_or(1, |rung| rung.orders) };
            format!(r#"["{}","{}","0","{orders}"]"#, price(spec, ticks), qty(spec, lots))
        };
        let bids: Vec<String> = cut.bids.iter().rev().map(|at| level(Side::Bid, at)).collect();
        let asks: Vec<String> = cut.asks.iter().map(|at| level(Side::Ask, at)).collect();
        let checksum = self.checksum(spec, wire, symbol);
        wire.frame(format!(
            r#"{{"arg":{{"channel":"books","instId":"{}"}},"action":"{action}","data":[{{"asks":[{}],"bids":[{}],"ts":"{}","checksum":{checksum},"seqId":{sequence},"prevSeqId":{previous}}}]}}"#,
            spec.symbol,
            asks.join(","),
            bids.join(","),
            wire.now_ms()
        ));
    }

    fn ticker(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let bid = market.ladder(symbol, Side::Bid).best();
        let ask = market.ladder(symbol, Side::Ask).best();
        let kind = if spec.symbol.ends_with("SWAP") { "SWAP" } else { "SPOT" };
        let (open, volume) = (price(spec, tape.open), qty(spec, tape.volume()));
        let ticker = format!(
            r#""instType":"{kind}","instId":"{}","last":"{}","lastSz":"{}","askPx":"{}","askSz":"{}","bidPx":"{}","bidSz":"{}","open24h":"{open}","high24h":"{}","low24h":"{}","sodUtc0":"{open}","sodUtc8":"{open}","volCcy24h":"{volume}","vol24h":"{volume}""#,
            spec.symbol,
            price(spec, tape.last),
            qty(spec, tape.last_lots),
            price(spec, ask.ticks),
            qty(spec, ask.lots),
            price(spec, bid.ticks),
            qty(spec, bid.lots),
            price(spec, tape.high),
            price(spec, tape.low)
        );
        if ticker == self.streams[symbol].ticker {
            return;
        }
        wire.frame(format!(
            r#"{{"arg":{{"channel":"tickers","instId":"{}"}},"data":[{{{ticker},"ts":"{}"}}]}}"#,
            spec.symbol,
            wire.now_ms()
        ));
        self.streams[symbol].ticker = ticker;
    }

    fn trades(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let spec = &market.symbols()[event.symbol];
        let side = if event.taker == Side::Bid { "buy" } else { "sell" };
        for fill in &event.fills {
            let stream = &mut self.streams[event.symbol];
            stream.trade_id += 1;
            let (id, sequence) = (stream.trade_id, stream.sequence);
            let (name, ms) = (&spec.symbol, wire.now_ms());
            wire.frame(format!(
                r#"{{"arg":{{"channel":"trades","instId":"{name}"}},"data":[{{"instId":"{name}","tradeId":"{id}","px":"{}","sz":"{}","side":"{side}","ts":"{ms}","count":"1","source":"0","seqId":{sequence}}}]}}"#,
                price(spec, fill.ticks),
                qty(spec, fill.lots)
            ));
        }
    }

    fn acknowledge(&self, wire: &mut Wire, event: &str, channel: &str, symbol: &str) {
        let connection = &self.connection;
        wire.frame(format!(
            r#"{{"event":"{event}","arg":{{"channel":"{channel}","instId":"{symbol}"}},"connId":"{connection}"}}"#
        ));
    }

    fn subscribed(&mut self, wire: &mut Wire, market: &Market) {
        for channel in CHANNELS {
            for spec in market.symbols() {
                self.acknowledge(wire, "subscribe", channel, &spec.symbol);
            }
            let connection = &self.connection;
            wire.frame(format!(
                r#"{{"event":"channel-conn-count","channel":"{channel}","connCount":"1","connId":"{connection}"}}"#
            ));
        }
        for symbol in 0..market.symbols().len() {
            let phase_ns = MILLISECOND + wire.chance.below(CADENCE_NS);
            wire.after(phase_ns, Timer::Book(symbol));
            wire.after(phase_ns / 2, Timer::Ticker(symbol));
            if self.rare_events && wire.now_ns - wire.start_ns < SECOND {
                wire.after(middle_ns(wire, 40, symbol), Timer::Rare(symbol));
            }
        }
        self.streaming = true;
        wire.after(25 * SECOND, Timer::Ping);
    }
}

/// `{"op":"subscribe","args":[...]}` for channels and symbols.
fn request(op: &str, channels: &[&str], symbols: &[SymbolSpec]) -> String {
    let mut args = Vec::new();
    for channel in channels {
        for spec in symbols {
            args.push(format!(r#"{{"channel":"{channel}","instId":"{}"}}"#, spec.symbol));
        }
    }
    format!(r#"{{"op":"{op}","args":[{}]}}"#, args.join(","))
}

impl Venue for Okx {
    fn open(&mut self, wire: &mut Wire, market: &Market) {
        self.streaming = false;
        self.connection = format!("{:08x}", wire.chance.below(1 << 32));
        for stream in &mut self.streams {
            stream.ticker.clear();
        }
        wire.opened("wss://ws.okx.com:8443/ws/v5/public");
        wire.sent(&request("subscribe", &CHANNELS, market.symbols()));
        wire.after(120 * MILLISECOND, Timer::Step(0));
    }

    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        if self.streaming {
            self.trades(wire, market, event);
        }
    }

    fn on_timer(&mut self, wire: &mut Wire, market: &Market, timer: Timer) {
        match timer {
            Timer::Step(_) => self.subscribed(wire, market),
            Timer::Book(symbol) => {
                self.book(wire, market, symbol);
                wire.after(CADENCE_NS, Timer::Book(symbol));
            }
            Timer::Ticker(symbol) => {
                self.ticker(wire, market, symbol);
                wire.after(CADENCE_NS, Timer::Ticker(symbol));
            }
            Timer::Resubscribed(symbol) => {
                for event in ["unsubscribe", "subscribe"] {
                    self.acknowledge(wire, event, "books", &market.symbols()[symbol].symbol);
                }
                wire.after(MILLISECOND, Timer::Book(symbol));
            }
            Timer::Ping => {
                wire.sent("ping");
                wire.after(7 * MILLISECOND, Timer::Pong);
                wire.after(25 * SECOND, Timer::Ping);
            }
            Timer::Pong => wire.frame("pong".to_owned()),
            Timer::Rare(symbol) => self.streams[symbol].restart = true,
            _ => {}
        }
    }

    fn resync(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        if !self.streaming {
            return;
        }
        let spec = &market.symbols()[symbol..=symbol];
        wire.sent(&request("unsubscribe", &["books"], spec));
        wire.sent(&request("subscribe", &["books"], spec));
        wire.cancel(Timer::Book(symbol));
        wire.cancel(Timer::Resubscribed(symbol));
        wire.books[symbol].live = false;
        wire.after(60 * MILLISECOND, Timer::Resubscribed(symbol));
    }
}
