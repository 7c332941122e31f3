//! Bybit v5 linear: `orderbook.200` every 100 ms, numbered by `u`, snapshots in mid-stream.

use super::{MILLISECOND, SECOND, Timer, Venue, Wire, middle_ns, pairs, quoted};
use crate::market::{Event, Market};
use crate::published::TickLots;
use crate::text::fixed;
use crate::{MarketConfig, SymbolSpec};
use tickhawk_market::Side;

/// Levels a side of the order book topic.
const DEPTH: usize = 200;
const CADENCE_NS: u64 = 100 * MILLISECOND;
const TOPICS: [&str; 4] = ["tickers", "orderbook.200", "publicTrade", "kline.1"];

#[derive(Clone, Debug)]
struct Stream {
    update_id: u64,
    /// Counts everything that happens to the symbol, over all topics.
    sequence: u64,
    last: i64,
    tick_direction: &'static str,
    /// Bid pair, ask pair and last price as last sent.
    ticker: [String; 3],
}

pub(crate) struct Bybit {
    streams: Vec<Stream>,
    rare_events: bool,
    streaming: bool,
    connection: String,
}

fn price(spec: &SymbolSpec, ticks: i64) -> String {
    fixed(spec.price_units(ticks), spec.price_decimals, spec.price_decimals)
}

/// A deletion is a bare `0`.
fn qty(spec: &SymbolSpec, lots: i64) -> String {
    match lots {
        0 => "0".to_owned(),
        _ => fixed(spec.qty_units(lots), spec.qty_decimals, spec.qty_decimals),
    }
}

impl Bybit {
    pub(crate) fn new(config: &MarketConfig, wire: &mut Wire) -> Self {
        let stream = |_: &SymbolSpec| Stream {
            update_id: 1_000_000 + wire.chance.below(90_000_000),
            sequence: 100_000_000_000 + wire.chance.below(900_000_000_000),
            last: 0,
            tick_direction: "ZeroPlusTick",
            ticker: Default::default(),
        };
        Self {
            streams: config.symbols.iter().map(stream).collect(),
            rare_events: config.rare_events,
            streaming: false,
            connection: String::new(),
        }
    }

    fn book(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let stream = &mut self.streams[symbol];
        let levels = |levels: &mut dyn Iterator<Item = TickLots>| {
            pairs(levels.map(|(ticks, lots)| (price(spec, ticks), qty(spec, lots))))
        };
        let (kind, bids, asks) = if wire.books[symbol].live {
            let cut = wire.books[symbol].cut_window(market, symbol, DEPTH, true);
            if cut.is_empty() {
                return;
            }
            stream.update_id += 1;
            let (mut bids, mut asks) = (cut.bids.into_iter().rev(), cut.asks.into_iter());
            ("delta", levels(&mut bids), levels(&mut asks))
        } else {
            let book = &mut wire.books[symbol];
            book.load(market, symbol, DEPTH);
            book.live = true;
            let (bids, asks) = (&mut book.best_first(Side::Bid), &mut book.best_first(Side::Ask));
            ("snapshot", levels(bids), levels(asks))
        };
        wire.applied.push(symbol);
        let (name, update_id, sequence) = (&spec.symbol, stream.update_id, stream.sequence);
        let ms = wire.now_ms();
        let matched_ms = ms - wire.chance.below(9);
        wire.frame(format!(
            r#"{{"topic":"orderbook.200.{name}","type":"{kind}","ts":{ms},"data":{{"s":"{name}","b":{bids},"a":{asks},"u":{update_id},"seq":{sequence}}},"cts":{matched_ms}}}"#
        ));
    }

    fn ticker(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let (tape, name) = (market.tape(symbol), &spec.symbol);
        let bid = market.ladder(symbol, Side::Bid).best();
        let ask = market.ladder(symbol, Side::Ask).best();
        let last = price(spec, tape.last);
        let now = [
            format!(
                r#""bid1Price":"{}","bid1Size":"{}""#,
                price(spec, bid.ticks),
                qty(spec, bid.lots)
            ),
            format!(
                r#""ask1Price":"{}","ask1Size":"{}""#,
                price(spec, ask.ticks),
                qty(spec, ask.lots)
            ),
            format!(r#""lastPrice":"{last}""#),
        ];
        let stream = &mut self.streams[symbol];
        let first = stream.ticker[0].is_empty();
        let changed: Vec<&str> = (0..3)
            .filter(|&field| now[field] != stream.ticker[field])
            .map(|field| now[field].as_str())
            .collect();
        if changed.is_empty() {
            return;
        }
        let (kind, rest) = match first {
            false => ("delta", String::new()),
            true => {
                let (open, high) = (price(spec, tape.open), price(spec, tape.high));
                let (low, volume) = (price(spec, tape.low), qty(spec, tape.volume()));
                let rest = format!(
                    r#","prevPrice24h":"{open}","highPrice24h":"{high}","lowPrice24h":"{low}","prevPrice1h":"{open}","markPrice":"{last}","indexPrice":"{last}","volume24h":"{volume}","fundingRate":"0.0001","fundingIntervalHour":"8","tickDirection":"{}","preOpenPrice":"""#,
                    stream.tick_direction
                );
                ("snapshot", rest)
            }
        };
        let (changed, sequence, ms) = (changed.join(","), stream.sequence, wire.now_ms());
        wire.frame(format!(
            r#"{{"topic":"tickers.{name}","type":"{kind}","data":{{"symbol":"{name}",{changed}{rest}}},"cs":{sequence},"ts":{ms}}}"#
        ));
        stream.ticker = now;
    }

    fn trades(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let spec = &market.symbols()[event.symbol];
        let side = if event.taker == Side::Bid { "Buy" } else { "Sell" };
        let (name, ms) = (&spec.symbol, wire.now_ms());
        let mut texts = Vec::new();
        for fill in &event.fills {
            let stream = &mut self.streams[event.symbol];
            stream.tick_direction = match fill.ticks.cmp(&stream.last) {
                std::cmp::Ordering::Greater => "PlusTick",
                std::cmp::Ordering::Less => "MinusTick",
                std::cmp::Ordering::Equal if stream.tick_direction.ends_with("PlusTick") => {
                    "ZeroPlusTick"
                }
                std::cmp::Ordering::Equal => "ZeroMinusTick",
            };
            stream.last = fill.ticks;
            let (direction, id) = (stream.tick_direction, wire.chance.uuid());
            texts.push(format!(
                r#"{{"T":{ms},"s":"{name}","S":"{side}","v":"{}","p":"{}","L":"{direction}","i":"{id}","BT":false,"RPI":false,"seq":{}}}"#,
                qty(spec, fill.lots),
                price(spec, fill.ticks),
                stream.sequence
            ));
        }
        wire.frame(format!(
            r#"{{"topic":"publicTrade.{name}","type":"snapshot","ts":{ms},"data":[{}]}}"#,
            texts.join(",")
        ));
    }

    fn kline(&self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let (name, tape, ms) = (&spec.symbol, market.tape(symbol), wire.now_ms());
        let start_ms = ms / 60_000 * 60_000;
        let volume = qty(spec, tape.volume());
        wire.frame(format!(
            r#"{{"topic":"kline.1.{name}","data":[{{"start":{start_ms},"end":{},"interval":"1","open":"{}","close":"{}","high":"{}","low":"{}","volume":"{volume}","turnover":"{volume}","confirm":false,"timestamp":{ms}}}],"ts":{ms},"type":"snapshot"}}"#,
            start_ms + 59_999,
            price(spec, tape.open),
            price(spec, tape.last),
            price(spec, tape.high),
            price(spec, tape.low)
        ));
    }

    fn acknowledge(&self, wire: &mut Wire, op: &str, message: &str) {
        let connection = &self.connection;
        wire.frame(format!(
            r#"{{"success":true,"ret_msg":"{message}","conn_id":"{connection}","req_id":"","op":"{op}"}}"#
        ));
    }

    fn subscribed(&mut self, wire: &mut Wire, market: &Market) {
        for _ in TOPICS {
            self.acknowledge(wire, "subscribe", "");
        }
        for symbol in 0..market.symbols().len() {
            let phase_ns = MILLISECOND + wire.chance.below(CADENCE_NS);
            wire.after(phase_ns, Timer::Book(symbol));
            wire.after(phase_ns / 2, Timer::Ticker(symbol));
            wire.after(SECOND + phase_ns, Timer::Extra(symbol));
            if self.rare_events && wire.now_ns - wire.start_ns < SECOND {
                wire.after(middle_ns(wire, 60, symbol), Timer::Rare(symbol));
            }
        }
        self.streaming = true;
        wire.after(20 * SECOND, Timer::Ping);
    }
}

impl Venue for Bybit {
    fn open(&mut self, wire: &mut Wire, market: &Market) {
        self.streaming = false;
        self.connection =
            format!("sim{:017x}-{:04x}", wire.chance.bits(), wire.chance.below(65_536));
        for stream in &mut self.streams {
            stream.ticker = Default::default();
        }
        wire.opened("wss://stream.bybit.com/v5/public/linear");
        for topic in TOPICS {
            let args = quoted(market, |symbol| format!("{topic}.{symbol}"));
            wire.sent(&format!(r#"{{"op":"subscribe","args":[{args}]}}"#));
        }
        wire.after(150 * MILLISECOND, Timer::Step(0));
    }

    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        self.streams[event.symbol].sequence += 1 + wire.chance.below(4);
        if self.streaming && !event.fills.is_empty() {
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
                self.acknowledge(wire, "unsubscribe", "");
                self.acknowledge(wire, "subscribe", "");
                wire.after(MILLISECOND, Timer::Book(symbol));
            }
            Timer::Extra(symbol) => {
                self.kline(wire, market, symbol);
                wire.after(SECOND, Timer::Extra(symbol));
            }
            Timer::Ping => {
                wire.sent(r#"{"op":"ping"}"#);
                wire.after(7 * MILLISECOND, Timer::Pong);
                wire.after(20 * SECOND, Timer::Ping);
            }
            Timer::Pong => self.acknowledge(wire, "ping", "pong"),
            Timer::Rare(symbol) => {
                // The venue's service restarted: a new snapshot, counted from one.
                self.streams[symbol].update_id = 1;
                wire.books[symbol].live = false;
            }
            _ => {}
        }
    }

    fn resync(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        if !self.streaming {
            return;
        }
        let name = &market.symbols()[symbol].symbol;
        for op in ["unsubscribe", "subscribe"] {
            wire.sent(&format!(r#"{{"op":"{op}","args":["orderbook.200.{name}"]}}"#));
        }
        wire.cancel(Timer::Book(symbol));
        wire.cancel(Timer::Resubscribed(symbol));
        wire.books[symbol].live = false;
        wire.after(60 * MILLISECOND, Timer::Resubscribed(symbol));
    }
}
