//! Kraken spot, WebSocket v2: JSON numbers at the pair's full precision, no sequence, a CRC32 over
//! the best ten levels with every book message.
//!
//! The receiver cuts its book to the subscribed depth itself: a level pushed out of the window is
//! not deleted on the wire. One message may say two things of one level; the later one holds.

use super::{MILLISECOND, SECOND, Timer, Venue, Wire, quoted};
use crate::checksum;
use crate::market::{Event, Market};
use crate::published::{Published, TickLots};
use crate::text::{change_percent, fixed, rfc3339};
use crate::{MarketConfig, SymbolSpec};
use tickhawk_market::Side;

/// Levels a side of the book subscription.
const DEPTH: usize = 100;
const CHANNELS: [&str; 3] = ["book", "ticker", "trade"];

pub(crate) struct Kraken {
    trade_ids: Vec<u64>,
    /// Whether a book message is already due.
    due: Vec<bool>,
    streaming: bool,
    pings: u64,
}

fn price(spec: &SymbolSpec, ticks: i64) -> String {
    fixed(spec.price_units(ticks), spec.price_decimals, spec.price_decimals)
}

fn qty(spec: &SymbolSpec, lots: i64) -> String {
    fixed(spec.qty_units(lots), spec.qty_decimals, spec.qty_decimals)
}

fn levels(spec: &SymbolSpec, levels: &[TickLots]) -> String {
    let level = |&(ticks, lots): &TickLots| {
        format!(r#"{{"price":{},"qty":{}}}"#, price(spec, ticks), qty(spec, lots))
    };
    let texts: Vec<String> = levels.iter().map(level).collect();
    format!("[{}]", texts.join(","))
}

fn checksum_of(spec: &SymbolSpec, book: &Published) -> u32 {
    let best = |side| -> Vec<(String, String)> {
        let best = book.best_first(side).take(10);
        best.map(|(ticks, lots)| (price(spec, ticks), qty(spec, lots))).collect()
    };
    checksum::kraken(best(Side::Ask).iter(), best(Side::Bid).iter())
}

impl Kraken {
    pub(crate) fn new(config: &MarketConfig, wire: &mut Wire) -> Self {
        let count = config.symbols.len();
        Self {
            trade_ids: (0..count).map(|_| 1_000_000 + wire.chance.below(90_000_000)).collect(),
            due: vec![false; count],
            streaming: false,
            pings: 0,
        }
    }

    fn snapshot(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        wire.books[symbol].load(market, symbol, DEPTH);
        wire.books[symbol].live = true;
        wire.applied.push(symbol);
        let book = &wire.books[symbol];
        let side = |side| levels(spec, &book.best_first(side).collect::<Vec<_>>());
        let (bids, asks) = (side(Side::Bid), side(Side::Ask));
        let (checksum, at) = (checksum_of(spec, book), rfc3339(wire.now_ns, 6));
        wire.frame(format!(
            r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"{}","bids":{bids},"asks":{asks},"checksum":{checksum},"timestamp":"{at}"}}]}}"#,
            spec.symbol
        ));
    }

    fn update(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let mut cut = wire.books[symbol].cut_window(market, symbol, DEPTH, false);
        if cut.is_empty() {
            return;
        }
        for side in [&mut cut.bids, &mut cut.asks] {
            if !side.is_empty() && wire.chance.permille(40) {
                let index = wire.chance.below(side.len() as u64) as usize;
                let (ticks, lots) = side[index];
                side.insert(index, (ticks, lots + spec.order_lots));
            }
        }
        wire.applied.push(symbol);
        let (bids, asks) = (levels(spec, &cut.bids), levels(spec, &cut.asks));
        let checksum = checksum_of(spec, &wire.books[symbol]);
        let (name, at) = (&spec.symbol, rfc3339(wire.now_ns, 6));
        wire.frame(format!(
            r#"{{"channel":"book","type":"update","data":[{{"symbol":"{name}","bids":{bids},"asks":{asks},"checksum":{checksum},"timestamp":"{at}"}}]}}"#
        ));
    }

    fn trades(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let spec = &market.symbols()[event.symbol];
        let (side, kind) = match (event.taker, wire.chance.permille(600)) {
            (Side::Bid, true) => ("buy", "market"),
            (Side::Bid, false) => ("buy", "limit"),
            (Side::Ask, true) => ("sell", "market"),
            (Side::Ask, false) => ("sell", "limit"),
        };
        let at = rfc3339(wire.now_ns, 6);
        let mut texts = Vec::new();
        for fill in &event.fills {
            self.trade_ids[event.symbol] += 1;
            texts.push(format!(
                r#"{{"symbol":"{}","side":"{side}","price":{},"qty":{},"ord_type":"{kind}","trade_id":{},"timestamp":"{at}"}}"#,
                spec.symbol,
                price(spec, fill.ticks),
                qty(spec, fill.lots),
                self.trade_ids[event.symbol]
            ));
        }
        wire.frame(format!(
            r#"{{"channel":"trade","type":"update","data":[{}]}}"#,
            texts.join(",")
        ));
    }

    fn ticker(&self, wire: &mut Wire, market: &Market, symbol: usize, kind: &str) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let bid = market.ladder(symbol, Side::Bid).best();
        let ask = market.ladder(symbol, Side::Ask).best();
        wire.frame(format!(
            r#"{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{}","bid":{},"bid_qty":{},"ask":{},"ask_qty":{},"last":{},"volume":{},"vwap":{},"low":{},"high":{},"change":{},"change_pct":{},"timestamp":"{}"}}]}}"#,
            spec.symbol,
            price(spec, bid.ticks),
            qty(spec, bid.lots),
            price(spec, ask.ticks),
            qty(spec, ask.lots),
            price(spec, tape.last),
            qty(spec, tape.volume()),
            price(spec, tape.average()),
            price(spec, tape.low),
            price(spec, tape.high),
            price(spec, tape.last - tape.open),
            change_percent(tape.last, tape.open),
            rfc3339(wire.now_ns, 6)
        ));
    }

    fn instrument(&self, wire: &mut Wire, market: &Market, kind: &str) {
        let pair = |spec: &SymbolSpec| {
            let (base, quote) = spec.symbol.split_once('/').unwrap_or((&spec.symbol, "USD"));
            let (tick, lot) = (price(spec, 1), qty(spec, 1));
            format!(
                r#"{{"symbol":"{}","base":"{base}","quote":"{quote}","status":"online","qty_precision":{},"qty_increment":{lot},"price_precision":{},"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.50,"tick_size":{tick},"price_increment":{tick},"qty_min":{lot}}}"#,
                spec.symbol, spec.qty_decimals, spec.price_decimals
            )
        };
        let pairs: Vec<String> = market.symbols().iter().map(pair).collect();
        let assets = match kind {
            "snapshot" => {
                r#"{"id":"USD","status":"enabled","precision":4,"precision_display":2,"borrowable":true,"collateral_value":1.00,"margin_rate":0.025000}"#
            }
            _ => "",
        };
        wire.frame(format!(
            r#"{{"channel":"instrument","type":"{kind}","data":{{"assets":[{assets}],"pairs":[{}]}}}}"#,
            pairs.join(",")
        ));
    }

    fn acknowledge(&self, wire: &mut Wire, method: &str, channel: &str, symbol: &str) {
        let depth = match channel {
            "book" => format!(r#""depth":{DEPTH},"#),
            _ => String::new(),
        };
        let snapshot = channel != "trade";
        let (arrived, left) = (rfc3339(wire.now_ns, 6), rfc3339(wire.now_ns + 41_000, 6));
        wire.frame(format!(
            r#"{{"method":"{method}","result":{{"channel":"{channel}",{depth}"snapshot":{snapshot},"symbol":"{symbol}"}},"success":true,"time_in":"{arrived}","time_out":"{left}"}}"#
        ));
    }

    fn step(&mut self, wire: &mut Wire, market: &Market, step: u8) {
        if step == 0 {
            let id = wire.chance.bits();
            wire.frame(format!(
                r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"online","api_version":"v2","connection_id":{id}}}]}}"#
            ));
            wire.sent(r#"{"method":"subscribe","params":{"channel":"instrument"}}"#);
            let symbols = quoted(market, str::to_owned);
            for channel in CHANNELS {
                let depth = match channel {
                    "book" => format!(r#","depth":{DEPTH}"#),
                    _ => String::new(),
                };
                wire.sent(&format!(
                    r#"{{"method":"subscribe","params":{{"channel":"{channel}","symbol":[{symbols}]{depth},"snapshot":{}}}}}"#,
                    channel != "trade"
                ));
            }
            wire.after(35 * MILLISECOND, Timer::Step(1));
            return;
        }
        let (arrived, left) = (rfc3339(wire.now_ns, 6), rfc3339(wire.now_ns + 41_000, 6));
        wire.frame(format!(
            r#"{{"method":"subscribe","result":{{"channel":"instrument","snapshot":true}},"success":true,"time_in":"{arrived}","time_out":"{left}"}}"#
        ));
        self.instrument(wire, market, "snapshot");
        for channel in CHANNELS {
            for spec in market.symbols() {
                self.acknowledge(wire, "subscribe", channel, &spec.symbol);
            }
        }
        for symbol in 0..market.symbols().len() {
            self.ticker(wire, market, symbol, "snapshot");
            wire.after((5 + symbol as u64) * MILLISECOND, Timer::Book(symbol));
            self.due[symbol] = true;
        }
        self.streaming = true;
        wire.after(SECOND, Timer::Beat);
        wire.after(30 * SECOND, Timer::Ping);
        wire.after(20 * SECOND, Timer::Extra(0));
    }
}

impl Venue for Kraken {
    fn open(&mut self, wire: &mut Wire, _market: &Market) {
        self.streaming = false;
        wire.opened("wss://ws.kraken.com/v2");
        wire.after(25 * MILLISECOND, Timer::Step(0));
    }

    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        if !self.streaming {
            return;
        }
        if !event.fills.is_empty() {
            self.trades(wire, market, event);
            self.ticker(wire, market, event.symbol, "update");
        }
        if !self.due[event.symbol] && wire.books[event.symbol].live {
            self.due[event.symbol] = true;
            let longest_ns = if wire.chance.permille(500) { MILLISECOND } else { 25 * MILLISECOND };
            let wait_ns = wire.chance.below(longest_ns);
            wire.after(wait_ns, Timer::Book(event.symbol));
        }
    }

    fn on_timer(&mut self, wire: &mut Wire, market: &Market, timer: Timer) {
        match timer {
            Timer::Step(step) => self.step(wire, market, step),
            Timer::Book(symbol) => {
                self.due[symbol] = false;
                match wire.books[symbol].live {
                    true => self.update(wire, market, symbol),
                    false => self.snapshot(wire, market, symbol),
                }
            }
            Timer::Resubscribed(symbol) => {
                for method in ["unsubscribe", "subscribe"] {
                    self.acknowledge(wire, method, "book", &market.symbols()[symbol].symbol);
                }
                self.due[symbol] = true;
                wire.after(2 * MILLISECOND, Timer::Book(symbol));
            }
            Timer::Beat => {
                wire.frame(r#"{"channel":"heartbeat"}"#.to_owned());
                wire.after(SECOND, Timer::Beat);
            }
            Timer::Ping => {
                self.pings += 1;
                wire.sent(&format!(r#"{{"method":"ping","req_id":{}}}"#, self.pings));
                wire.after(8 * MILLISECOND, Timer::Pong);
                wire.after(30 * SECOND, Timer::Ping);
            }
            Timer::Pong => {
                let (arrived, left) = (rfc3339(wire.now_ns, 6), rfc3339(wire.now_ns + 9_000, 6));
                wire.frame(format!(
                    r#"{{"method":"pong","req_id":{},"time_in":"{arrived}","time_out":"{left}"}}"#,
                    self.pings
                ));
            }
            Timer::Extra(_) => {
                self.instrument(wire, market, "update");
                wire.after(20 * SECOND, Timer::Extra(0));
            }
            _ => {}
        }
    }

    fn resync(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        if !self.streaming {
            return;
        }
        let name = &market.symbols()[symbol].symbol;
        for method in ["unsubscribe", "subscribe"] {
            wire.sent(&format!(
                r#"{{"method":"{method}","params":{{"channel":"book","symbol":["{name}"],"depth":{DEPTH}}}}}"#
            ));
        }
        wire.books[symbol].live = false;
        // A book message already due would turn into the snapshot before the answer.
        wire.cancel(Timer::Book(symbol));
        wire.cancel(Timer::Resubscribed(symbol));
        self.due[symbol] = true;
        wire.after(30 * MILLISECOND, Timer::Resubscribed(symbol));
    }
}
