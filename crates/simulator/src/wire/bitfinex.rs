//! Bitfinex v2: numbered messages (conf flag 65536), `book` at `P0` and `F0` with one level a
//! message, `trades` and `ticker`.
//!
//! Every array carries one number more than the one before it, whatever its channel; events carry
//! none. The venue deletes a level it pushes out of the subscribed window. What one step of the
//! market changed goes out one level after the other, deletions first, so that the book is never
//! crossed in between. Numbers are JSON numbers as JavaScript writes them: `2e-8`.

use super::{MILLISECOND, SECOND, Timer, Venue, Wire};
use crate::market::{Event, Market};
use crate::published::Cut;
use crate::text::shortest;
use crate::{MarketConfig, SymbolSpec};
use std::collections::VecDeque;
use tickhawk_market::Side;

/// Levels a side of the book subscription.
const DEPTH: usize = 100;
/// Levels a side whose quantities the ticker adds up.
const TICKER_LEVELS: usize = 25;
/// How often every channel is heard of, if only by its heartbeat.
const BEAT_NS: u64 = 15 * SECOND;

/// One level as it is about to be sent.
#[derive(Clone, Debug)]
struct Change {
    side: Side,
    ticks: i64,
    lots: i64,
    text: String,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    book_id: u64,
    trades_id: u64,
    ticker_id: u64,
    trade_id: u64,
    ticker: String,
    /// Whether the venue has answered the subscription to the book.
    acknowledged: bool,
    /// Whether a book message is already due.
    due: bool,
    /// The rest of what the market's last step changed.
    changes: VecDeque<Change>,
}

pub(crate) struct Bitfinex {
    streams: Vec<Stream>,
    sequence: u64,
    streaming: bool,
}

/// `units` of 10^-`decimals` as JavaScript writes the number: with an exponent below 10^-6.
fn number(units: i64, decimals: u8) -> String {
    let text = shortest(units.abs(), decimals);
    let sign = if units < 0 { "-" } else { "" };
    let Some(fraction) = text.strip_prefix("0.") else { return format!("{sign}{text}") };
    let digits = fraction.trim_start_matches('0');
    let zeros = fraction.len() - digits.len();
    if zeros < 6 {
        return format!("{sign}{text}");
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}e-{}", zeros + 1)
}

fn price(spec: &SymbolSpec, ticks: i64) -> String {
    number(spec.price_units(ticks), spec.price_decimals)
}

/// Positive for buyers, negative for sellers.
fn amount(spec: &SymbolSpec, side: Side, lots: i64) -> String {
    let units = spec.qty_units(lots);
    number(if side == Side::Bid { units } else { -units }, spec.qty_decimals)
}

/// `[price, count, amount]`; a deletion has a count of 0 and an amount of 1 or -1.
fn level(market: &Market, symbol: usize, side: Side, ticks: i64, lots: i64) -> String {
    let spec = &market.symbols()[symbol];
    let price = price(spec, ticks);
    if lots == 0 {
        let sign = if side == Side::Bid { "" } else { "-" };
        return format!("[{price},0,{sign}1]");
    }
    let rung = market.ladder(symbol, side).best_first().find(|rung| rung.ticks == ticks);
    let orders = rung.map_or(1, |rung| rung.orders);
    format!("[{price},{orders},{}]", amount(spec, side, lots))
}

impl Bitfinex {
    pub(crate) fn new(config: &MarketConfig, wire: &mut Wire) -> Self {
        let stream = |_: &SymbolSpec| Stream {
            trade_id: 100_000_000 + wire.chance.below(900_000_000),
            ..Stream::default()
        };
        let streams = config.symbols.iter().map(stream).collect();
        Self { streams, sequence: 0, streaming: false }
    }

    /// Sends `[channel, payload, number]`.
    fn data(&mut self, wire: &mut Wire, channel: u64, payload: &str) {
        self.sequence += 1;
        wire.frame(format!("[{channel},{payload},{}]", self.sequence));
    }

    /// The answer to the subscription; the snapshot follows on its heels.
    fn acknowledge_book(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let name = &market.symbols()[symbol].symbol;
        let (channel, pair) = (self.streams[symbol].book_id, name.trim_start_matches('t'));
        wire.frame(format!(
            r#"{{"event":"subscribed","channel":"book","chanId":{channel},"symbol":"{name}","prec":"P0","freq":"F0","len":"{DEPTH}","pair":"{pair}"}}"#
        ));
        self.streams[symbol].acknowledged = true;
        wire.after(80_000, Timer::Book(symbol));
    }

    fn snapshot(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let book = &mut wire.books[symbol];
        book.load(market, symbol, DEPTH);
        book.forget_touched();
        book.live = true;
        wire.applied.push(symbol);
        let mut levels = Vec::with_capacity(2 * DEPTH);
        for side in [Side::Bid, Side::Ask] {
            let best = wire.books[symbol].best_first(side);
            levels.extend(best.map(|(ticks, lots)| level(market, symbol, side, ticks, lots)));
        }
        let stream = &mut self.streams[symbol];
        stream.changes.clear();
        stream.due = false;
        let channel = stream.book_id;
        self.data(wire, channel, &format!("[{}]", levels.join(",")));
    }

    /// What has changed since the last message, in the order it will be sent.
    fn changes(wire: &mut Wire, market: &Market, symbol: usize) -> VecDeque<Change> {
        let mut after = wire.books[symbol].clone();
        wire.books[symbol].forget_touched();
        let cut = after.cut_window(market, symbol, DEPTH, true);
        let mut changes = Vec::new();
        for (side, levels) in [(Side::Bid, &cut.bids), (Side::Ask, &cut.asks)] {
            changes.extend(levels.iter().map(|&(ticks, lots)| {
                let text = level(market, symbol, side, ticks, lots);
                Change { side, ticks, lots, text }
            }));
        }
        changes.sort_by_key(|change| change.lots != 0);
        changes.into()
    }

    /// Sends one level, if there is one to send.
    fn update(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let stream = &mut self.streams[symbol];
        if stream.changes.is_empty() {
            stream.changes = Self::changes(wire, market, symbol);
        }
        stream.due = false;
        let next = stream.changes.pop_front();
        let (channel, more) = (stream.book_id, !stream.changes.is_empty());
        if let Some(Change { side, ticks, lots, text }) = next {
            let mut cut = Cut::default();
            match side {
                Side::Bid => cut.bids.push((ticks, lots)),
                Side::Ask => cut.asks.push((ticks, lots)),
            }
            wire.books[symbol].apply(&cut);
            wire.applied.push(symbol);
            self.data(wire, channel, &text);
        }
        if more {
            self.plan(wire, symbol, 60_000);
        } else if wire.books[symbol].is_touched() {
            self.plan(wire, symbol, 5 * MILLISECOND);
        }
    }

    /// The next book message of the symbol is due within that time.
    fn plan(&mut self, wire: &mut Wire, symbol: usize, longest_ns: u64) {
        self.streams[symbol].due = true;
        let wait_ns = 20_000 + wire.chance.below(longest_ns);
        wire.after(wait_ns, Timer::Book(symbol));
    }

    /// Each fill twice: `te` at once, `tu` when it is settled.
    fn trades(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let spec = &market.symbols()[event.symbol];
        let mut fills = Vec::new();
        for fill in &event.fills {
            let stream = &mut self.streams[event.symbol];
            stream.trade_id += 1;
            let (id, ms) = (stream.trade_id, wire.now_ms());
            let (amount, price) = (amount(spec, event.taker, fill.lots), price(spec, fill.ticks));
            fills.push(format!("[{id},{ms},{amount},{price}]"));
        }
        let channel = self.streams[event.symbol].trades_id;
        for kind in ["te", "tu"] {
            for fill in &fills {
                self.data(wire, channel, &format!(r#""{kind}",{fill}"#));
            }
        }
    }

    /// A subscription to trades begins with what was traded before it.
    fn past_trade(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let (id, at_ms) = (self.streams[symbol].trade_id, wire.now_ms() - 2_000);
        let (amount, price) = (amount(spec, Side::Bid, tape.last_lots), price(spec, tape.last));
        let channel = self.streams[symbol].trades_id;
        self.data(wire, channel, &format!("[[{id},{at_ms},{amount},{price}]]"));
    }

    fn ticker(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let tape = market.tape(symbol);
        let side = |side| {
            let ladder = market.ladder(symbol, side);
            let lots = ladder.best_first().take(TICKER_LEVELS).map(|rung| rung.lots).sum();
            format!("{},{}", price(spec, ladder.best().ticks), amount(spec, Side::Bid, lots))
        };
        let change = tape.last - tape.open;
        let relative = i128::from(change) * 10_000 / i128::from(tape.open.max(1));
        let ticker = format!(
            "[{},{},{},{},{},{},{},{}]",
            side(Side::Bid),
            side(Side::Ask),
            price(spec, change),
            number(relative as i64, 4),
            price(spec, tape.last),
            amount(spec, Side::Bid, tape.volume()),
            price(spec, tape.high),
            price(spec, tape.low)
        );
        if ticker != self.streams[symbol].ticker {
            let channel = self.streams[symbol].ticker_id;
            self.data(wire, channel, &ticker);
            self.streams[symbol].ticker = ticker;
        }
    }

    /// The client asks, once the venue has greeted.
    fn ask(&mut self, wire: &mut Wire, market: &Market) {
        let server = wire.chance.uuid();
        wire.frame(format!(
            r#"{{"event":"info","version":2,"serverId":"{server}","platform":{{"status":1}}}}"#
        ));
        wire.sent(r#"{"event":"conf","flags":65536}"#);
        for channel in ["ticker", "trades", "book"] {
            for spec in market.symbols() {
                wire.sent(&request(channel, &spec.symbol));
            }
        }
        wire.after(65 * MILLISECOND, Timer::Step(1));
    }

    fn subscribed(&mut self, wire: &mut Wire, market: &Market) {
        wire.frame(r#"{"event":"conf","status":"OK","flags":65536}"#.to_owned());
        for channel in ["ticker", "trades"] {
            for (symbol, spec) in market.symbols().iter().enumerate() {
                let (name, pair) = (&spec.symbol, spec.symbol.trim_start_matches('t'));
                let stream = &self.streams[symbol];
                let id = if channel == "ticker" { stream.ticker_id } else { stream.trades_id };
                wire.frame(format!(
                    r#"{{"event":"subscribed","channel":"{channel}","chanId":{id},"symbol":"{name}","pair":"{pair}"}}"#
                ));
                match channel {
                    "ticker" => self.ticker(wire, market, symbol),
                    _ => self.past_trade(wire, market, symbol),
                }
            }
        }
        for symbol in 0..self.streams.len() {
            self.streams[symbol].due = true;
            let phase_ns = MILLISECOND + wire.chance.below(100 * MILLISECOND);
            wire.after(phase_ns, Timer::Book(symbol));
            wire.after(SECOND + phase_ns, Timer::Ticker(symbol));
        }
        self.streaming = true;
        wire.after(BEAT_NS, Timer::Beat);
    }
}

/// `{"event":"subscribe",...}` for one channel of a symbol.
fn request(channel: &str, symbol: &str) -> String {
    let options = match channel {
        "book" => format!(r#","prec":"P0","freq":"F0","len":"{DEPTH}""#),
        _ => String::new(),
    };
    format!(r#"{{"event":"subscribe","channel":"{channel}","symbol":"{symbol}"{options}}}"#)
}

impl Venue for Bitfinex {
    fn open(&mut self, wire: &mut Wire, _market: &Market) {
        self.streaming = false;
        self.sequence = 0;
        let mut channel = 200_000 + wire.chance.below(100_000);
        for stream in &mut self.streams {
            [stream.ticker_id, stream.trades_id, stream.book_id] = std::array::from_fn(|_| {
                channel += 1 + wire.chance.below(5);
                channel
            });
            stream.ticker.clear();
            stream.changes.clear();
            (stream.acknowledged, stream.due) = (false, false);
        }
        wire.opened("wss://api-pub.bitfinex.com/ws/2");
        wire.after(25 * MILLISECOND, Timer::Step(0));
    }

    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        if !self.streaming {
            return;
        }
        if !event.fills.is_empty() {
            self.trades(wire, market, event);
        }
        if wire.books[event.symbol].live {
            wire.books[event.symbol].touch(&event.touched);
            if !self.streams[event.symbol].due {
                let longest_ns = if wire.chance.permille(600) { 1 } else { 15 } * MILLISECOND;
                self.plan(wire, event.symbol, longest_ns);
            }
        }
    }

    fn on_timer(&mut self, wire: &mut Wire, market: &Market, timer: Timer) {
        match timer {
            Timer::Step(0) => self.ask(wire, market),
            Timer::Step(_) => self.subscribed(wire, market),
            Timer::Book(symbol) => match wire.books[symbol].live {
                true => self.update(wire, market, symbol),
                false if self.streams[symbol].acknowledged => self.snapshot(wire, market, symbol),
                false => self.acknowledge_book(wire, market, symbol),
            },
            Timer::Ticker(symbol) => {
                self.ticker(wire, market, symbol);
                wire.after(SECOND, Timer::Ticker(symbol));
            }
            Timer::Resubscribed(symbol) => {
                let channel = self.streams[symbol].book_id;
                wire.frame(format!(
                    r#"{{"event":"unsubscribed","status":"OK","chanId":{channel}}}"#
                ));
                self.streams[symbol].book_id += 100_000;
                wire.after(MILLISECOND, Timer::Book(symbol));
            }
            Timer::Beat => {
                for symbol in 0..self.streams.len() {
                    let Stream { ticker_id, trades_id, book_id, .. } = self.streams[symbol];
                    for channel in [ticker_id, trades_id, book_id] {
                        self.data(wire, channel, r#""hb""#);
                    }
                }
                wire.after(BEAT_NS, Timer::Beat);
            }
            _ => {}
        }
    }

    fn resync(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        if !self.streaming {
            return;
        }
        let channel = self.streams[symbol].book_id;
        wire.sent(&format!(r#"{{"event":"unsubscribe","chanId":{channel}}}"#));
        wire.sent(&request("book", &market.symbols()[symbol].symbol));
        wire.books[symbol].live = false;
        self.streams[symbol].acknowledged = false;
        // A book message already due would turn into the snapshot before the answer.
        wire.cancel(Timer::Book(symbol));
        wire.cancel(Timer::Resubscribed(symbol));
        wire.after(60 * MILLISECOND, Timer::Resubscribed(symbol));
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_those_of_javascript() {
        let check = |units, decimals, expected| assert_eq!(number(units, decimals), expected);
        check(6_421_500, 2, "64215");
        check(-125, 2, "-1.25");
        check(1, 6, "0.000001");
        check(2, 8, "2e-8");
        check(-155, 9, "-1.55e-7");
        check(97, 7, "0.0000097");
        check(0, 8, "0");
    }
}
