//! Coinbase Advanced Trade: whole books, one message per burst of changes, and one sequence over
//! all channels of the connection.
//!
//! `side` of a trade is the maker's: a buyer who takes the ask is a `SELL`.

use super::{MILLISECOND, SECOND, Timer, Venue, Wire, quoted};
use crate::market::{Event, Market};
use crate::published::TickLots;
use crate::text::{change_percent, rfc3339_trimmed, seconds, shortest};
use crate::{MarketConfig, SymbolSpec};
use tickhawk_market::Side;

const CHANNELS: [&str; 5] = ["market_trades", "candles", "ticker", "level2", "heartbeats"];

#[derive(Clone, Debug)]
struct Stream {
    trade_id: u64,
    /// Whether a book message is already due.
    due: bool,
    event_ns: u64,
    ticker: String,
}

pub(crate) struct Coinbase {
    streams: Vec<Stream>,
    sequence: u64,
    beats: u64,
    streaming: bool,
}

fn price(spec: &SymbolSpec, ticks: i64) -> String {
    shortest(spec.price_units(ticks), spec.price_decimals)
}

fn qty(spec: &SymbolSpec, lots: i64) -> String {
    shortest(spec.qty_units(lots), spec.qty_decimals)
}

impl Coinbase {
    pub(crate) fn new(config: &MarketConfig, wire: &mut Wire) -> Self {
        let stream = |_: &SymbolSpec| Stream {
            trade_id: 100_000_000 + wire.chance.below(900_000_000),
            due: false,
            event_ns: 0,
            ticker: String::new(),
        };
        let streams = config.symbols.iter().map(stream).collect();
        Self { streams, sequence: 0, beats: 0, streaming: false }
    }

    fn frame(&mut self, wire: &mut Wire, channel: &str, events: &str) {
        let at = rfc3339_trimmed(wire.now_ns, 9);
        wire.frame(format!(
            r#"{{"channel":"{channel}","timestamp":"{at}","sequence_num":{},"events":[{events}]}}"#,
            self.sequence
        ));
        self.sequence += 1;
    }

    /// One entry of an `l2_data` message: what is new of one book.
    fn book_event(&mut self, wire: &mut Wire, market: &Market, symbol: usize) -> String {
        let spec = &market.symbols()[symbol];
        let book = &mut wire.books[symbol];
        let kind = if book.live { "update" } else { "snapshot" };
        let (bids, asks): (Vec<TickLots>, Vec<TickLots>) = if book.live {
            let cut = book.cut_touched(market, symbol);
            book.apply(&cut);
            (cut.bids, cut.asks)
        } else {
            book.load(market, symbol, usize::MAX);
            book.forget_touched();
            book.live = true;
            (book.best_first(Side::Bid).collect(), book.best_first(Side::Ask).collect())
        };
        wire.applied.push(symbol);
        let at = rfc3339_trimmed(self.streams[symbol].event_ns.max(wire.start_ns), 6);
        let update = |side: &str, (ticks, lots): TickLots| {
            format!(
                r#"{{"side":"{side}","event_time":"{at}","price_level":"{}","new_quantity":"{}"}}"#,
                price(spec, ticks),
                qty(spec, lots)
            )
        };
        let bids = bids.into_iter().map(|level| update("bid", level));
        let updates: Vec<String> =
            bids.chain(asks.into_iter().map(|level| update("offer", level))).collect();
        format!(
            r#"{{"type":"{kind}","product_id":"{}","updates":[{}]}}"#,
            spec.symbol,
            updates.join(",")
        )
    }

    fn books(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        self.streams[symbol].due = false;
        let book = &wire.books[symbol];
        if book.live && !book.is_touched() {
            return;
        }
        let alone = !book.live || !wire.chance.permille(150);
        let mut events = vec![self.book_event(wire, market, symbol)];
        for other in 0..self.streams.len() {
            let book = &wire.books[other];
            if !alone && other != symbol && book.live && book.is_touched() {
                events.push(self.book_event(wire, market, other));
            }
        }
        self.frame(wire, "l2_data", &events.join(","));
    }

    fn trades(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let spec = &market.symbols()[event.symbol];
        let side = if event.taker == Side::Bid { "SELL" } else { "BUY" };
        let at = rfc3339_trimmed(wire.now_ns, 6);
        let mut texts = Vec::new();
        for fill in &event.fills {
            let stream = &mut self.streams[event.symbol];
            stream.trade_id += 1;
            texts.push(format!(
                r#"{{"product_id":"{}","trade_id":"{}","price":"{}","size":"{}","time":"{at}","side":"{side}"}}"#,
                spec.symbol,
                stream.trade_id,
                price(spec, fill.ticks),
                qty(spec, fill.lots)
            ));
        }
        // Newest first.
        texts.reverse();
        let events = format!(r#"{{"type":"update","trades":[{}]}}"#, texts.join(","));
        self.frame(wire, "market_trades", &events);
    }

    /// A subscription to trades begins with what was traded before it.
    fn past_trade(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let at = rfc3339_trimmed(wire.now_ns - 2 * SECOND, 6);
        let events = format!(
            r#"{{"type":"snapshot","trades":[{{"product_id":"{}","trade_id":"{}","price":"{}","size":"{}","time":"{at}","side":"BUY"}}]}}"#,
            spec.symbol,
            self.streams[symbol].trade_id,
            price(spec, tape.last),
            qty(spec, tape.last_lots)
        );
        self.frame(wire, "market_trades", &events);
    }

    fn ticker(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let bid = market.ladder(symbol, Side::Bid).best();
        let ask = market.ladder(symbol, Side::Ask).best();
        let (low, high) = (price(spec, tape.low), price(spec, tape.high));
        let ticker = format!(
            r#"{{"type":"ticker","product_id":"{}","price":"{}","volume_24_h":"{}","low_24_h":"{low}","high_24_h":"{high}","low_52_w":"{low}","high_52_w":"{high}","price_percent_chg_24_h":"{}","best_bid":"{}","best_ask":"{}","best_bid_quantity":"{}","best_ask_quantity":"{}"}}"#,
            spec.symbol,
            price(spec, tape.last),
            qty(spec, tape.volume()),
            change_percent(tape.last, tape.open),
            price(spec, bid.ticks),
            price(spec, ask.ticks),
            qty(spec, bid.lots),
            qty(spec, ask.lots)
        );
        let kind = if self.streams[symbol].ticker.is_empty() { "snapshot" } else { "update" };
        if ticker == self.streams[symbol].ticker {
            return;
        }
        self.frame(wire, "ticker", &format!(r#"{{"type":"{kind}","tickers":[{ticker}]}}"#));
        self.streams[symbol].ticker = ticker;
    }

    fn candles(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let start = wire.now_ns / SECOND / 300 * 300;
        let events = format!(
            r#"{{"type":"update","candles":[{{"start":"{start}","high":"{}","low":"{}","open":"{}","close":"{}","volume":"{}","product_id":"{}"}}]}}"#,
            price(spec, tape.high),
            price(spec, tape.low),
            price(spec, tape.open),
            price(spec, tape.last),
            qty(spec, tape.volume()),
            spec.symbol
        );
        self.frame(wire, "candles", &events);
    }

    /// Each subscription is answered by the list of all so far.
    fn subscriptions(&mut self, wire: &mut Wire, market: &Market, count: usize) {
        let products = quoted(market, str::to_owned);
        let mut channels: Vec<String> = CHANNELS[..count]
            .iter()
            .map(|&channel| match channel {
                "heartbeats" => r#""heartbeats":["heartbeats"]"#.to_owned(),
                channel => format!(r#""{channel}":[{products}]"#),
            })
            .collect();
        channels.sort();
        let events = format!(r#"{{"subscriptions":{{{}}}}}"#, channels.join(","));
        self.frame(wire, "subscriptions", &events);
    }

    fn subscribed(&mut self, wire: &mut Wire, market: &Market) {
        for symbol in 0..self.streams.len() {
            self.past_trade(wire, market, symbol);
            self.ticker(wire, market, symbol);
        }
        for count in 1..=CHANNELS.len() {
            self.subscriptions(wire, market, count);
        }
        for symbol in 0..self.streams.len() {
            let phase_ns = MILLISECOND + wire.chance.below(50 * MILLISECOND);
            self.streams[symbol].due = true;
            wire.after(phase_ns, Timer::Book(symbol));
            wire.after(phase_ns, Timer::Ticker(symbol));
            wire.after(5 * SECOND + phase_ns, Timer::Extra(symbol));
        }
        self.streaming = true;
        wire.after(SECOND, Timer::Beat);
    }
}

impl Venue for Coinbase {
    fn open(&mut self, wire: &mut Wire, market: &Market) {
        self.streaming = false;
        self.sequence = 0;
        for stream in &mut self.streams {
            stream.due = false;
            stream.ticker.clear();
        }
        wire.opened("wss://advanced-trade-ws.coinbase.com");
        let products = quoted(market, str::to_owned);
        for channel in CHANNELS {
            wire.sent(&format!(
                r#"{{"type":"subscribe","product_ids":[{products}],"channel":"{channel}"}}"#
            ));
        }
        wire.after(90 * MILLISECOND, Timer::Step(0));
    }

    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        self.streams[event.symbol].event_ns = event.at_ns;
        if !self.streaming {
            return;
        }
        wire.books[event.symbol].touch(&event.touched);
        if !event.fills.is_empty() {
            self.trades(wire, market, event);
        }
        if !self.streams[event.symbol].due && wire.books[event.symbol].live {
            self.streams[event.symbol].due = true;
            let longest_ns = if wire.chance.permille(600) { MILLISECOND } else { 30 * MILLISECOND };
            let wait_ns = wire.chance.below(longest_ns);
            wire.after(wait_ns, Timer::Book(event.symbol));
        }
    }

    fn on_timer(&mut self, wire: &mut Wire, market: &Market, timer: Timer) {
        match timer {
            Timer::Step(_) => self.subscribed(wire, market),
            Timer::Book(symbol) => self.books(wire, market, symbol),
            Timer::Ticker(symbol) => {
                self.ticker(wire, market, symbol);
                wire.after(50 * MILLISECOND, Timer::Ticker(symbol));
            }
            Timer::Resubscribed(symbol) => {
                self.subscriptions(wire, market, CHANNELS.len());
                self.streams[symbol].due = true;
                wire.after(MILLISECOND, Timer::Book(symbol));
            }
            Timer::Extra(symbol) => {
                self.candles(wire, market, symbol);
                wire.after(5 * SECOND, Timer::Extra(symbol));
            }
            Timer::Beat => {
                self.beats += 1;
                let (at, beats) = (seconds(wire.now_ns, ' '), self.beats);
                let fraction = wire.now_ns % SECOND;
                let events = format!(
                    r#"{{"current_time":"{at}.{fraction:09} +0000 UTC m=+{beats}.000000000","heartbeat_counter":{beats}}}"#
                );
                self.frame(wire, "heartbeats", &events);
                wire.after(SECOND, Timer::Beat);
            }
            _ => {}
        }
    }

    fn resync(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        if !self.streaming {
            return;
        }
        let name = &market.symbols()[symbol].symbol;
        for kind in ["unsubscribe", "subscribe"] {
            wire.sent(&format!(
                r#"{{"type":"{kind}","product_ids":["{name}"],"channel":"level2"}}"#
            ));
        }
        wire.cancel(Timer::Book(symbol));
        wire.cancel(Timer::Resubscribed(symbol));
        wire.books[symbol].live = false;
        wire.after(60 * MILLISECOND, Timer::Resubscribed(symbol));
    }
}
