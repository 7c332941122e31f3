//! Binance, spot and USD-M futures: combined streams, and a REST snapshot that comes after the
//! first diffs.
//!
//! Spot counts one update id per event and its diffs adjoin (`U` is the `u` before plus one).
//! Futures ids jump, and diffs name their predecessor (`pu`). A snapshot is taken right after an
//! event, so its id lies inside the diff that is collecting then; that diff bridges it.

use super::{MILLISECOND, SECOND, Timer, Venue, Wire, pairs};
use crate::market::{Event, Market};
use crate::published::Cut;
use crate::text::fixed;
use crate::{MarketConfig, SymbolSpec};
use tickhawk_market::Side;

/// Where a symbol's REST snapshot is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Snapshot {
    Idle,
    Wanted,
    Taken { body: String },
}

#[derive(Clone, Debug)]
struct Stream {
    lower: String,
    update_id: u64,
    first_id: Option<u64>,
    diff_id: u64,
    trade_id: u64,
    snapshot: Snapshot,
    /// Diffs up to this id are not applied to the snapshot.
    snapshot_id: u64,
}

pub(crate) struct Binance {
    futures: bool,
    snapshot_levels: usize,
    streams: Vec<Stream>,
}

impl Binance {
    pub(crate) fn new(futures: bool, config: &MarketConfig, wire: &mut Wire) -> Self {
        let stream = |spec: &SymbolSpec| Stream {
            lower: spec.symbol.to_ascii_lowercase(),
            update_id: 1_000_000_000 + wire.chance.below(9_000_000_000),
            first_id: None,
            diff_id: 0,
            trade_id: 1_000_000 + wire.chance.below(9_000_000_000),
            snapshot: Snapshot::Idle,
            snapshot_id: 0,
        };
        let streams = config.symbols.iter().map(stream).collect();
        Self { futures, snapshot_levels: config.snapshot_levels.max(1) as usize, streams }
    }

    /// Spot writes eight decimals whatever the tick; futures the instrument's own.
    fn price(&self, spec: &SymbolSpec, ticks: i64) -> String {
        let written = if self.futures { spec.price_decimals } else { spec.price_decimals.max(8) };
        fixed(spec.price_units(ticks), spec.price_decimals, written)
    }

    fn qty(&self, spec: &SymbolSpec, lots: i64) -> String {
        let written = if self.futures { spec.qty_decimals } else { spec.qty_decimals.max(8) };
        fixed(spec.qty_units(lots), spec.qty_decimals, written)
    }

    fn pairs<'a>(&self, spec: &SymbolSpec, levels: impl Iterator<Item = &'a (i64, i64)>) -> String {
        pairs(levels.map(|&(ticks, lots)| (self.price(spec, ticks), self.qty(spec, lots))))
    }

    fn url(&self) -> String {
        let (host, depth) = match self.futures {
            true => ("wss://fstream.binance.com", "depth@0ms"),
            false => ("wss://stream.binance.com:9443", "depth@100ms"),
        };
        let names = |stream: &Stream| {
            let lower = &stream.lower;
            format!("{lower}@{depth}/{lower}@bookTicker/{lower}@trade")
        };
        let streams: Vec<String> = self.streams.iter().map(names).collect();
        format!("{host}/stream?streams={}", streams.join("/"))
    }

    fn trades(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let spec = &market.symbols()[event.symbol];
        let ms = wire.now_ms();
        for fill in &event.fills {
            let (price, qty) = (self.price(spec, fill.ticks), self.qty(spec, fill.lots));
            let stream = &mut self.streams[event.symbol];
            stream.trade_id += 1;
            let (lower, id, symbol) = (&stream.lower, stream.trade_id, &spec.symbol);
            let buyer_made = event.taker == Side::Ask;
            let head = format!(r#"{{"stream":"{lower}@trade","data":{{"e":"trade","E":{ms},"#);
            wire.frame(match self.futures {
                true => format!(
                    r#"{head}"T":{ms},"s":"{symbol}","t":{id},"p":"{price}","q":"{qty}","X":"MARKET","m":{buyer_made}}}}}"#
                ),
                false => format!(
                    r#"{head}"s":"{symbol}","t":{id},"p":"{price}","q":"{qty}","T":{ms},"m":{buyer_made},"M":true}}}}"#
                ),
            });
        }
    }

    fn book_ticker(&self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let stream = &self.streams[symbol];
        let bid = market.ladder(symbol, Side::Bid).best();
        let ask = market.ladder(symbol, Side::Ask).best();
        let top = format!(
            r#""u":{},"s":"{}","b":"{}","B":"{}","a":"{}","A":"{}""#,
            stream.update_id,
            spec.symbol,
            self.price(spec, bid.ticks),
            self.qty(spec, bid.lots),
            self.price(spec, ask.ticks),
            self.qty(spec, ask.lots)
        );
        let (lower, ms) = (&stream.lower, wire.now_ms());
        wire.frame(match self.futures {
            true => format!(
                r#"{{"stream":"{lower}@bookTicker","data":{{"e":"bookTicker",{top},"T":{ms},"E":{ms}}}}}"#
            ),
            false => format!(r#"{{"stream":"{lower}@bookTicker","data":{{{top}}}}}"#),
        });
    }

    /// The listing a client fetches before it subscribes: ticks, lots, status.
    fn exchange_info(&self, wire: &mut Wire, market: &Market) {
        let listing = |spec: &SymbolSpec| {
            format!(
                r#"{{"symbol":"{}","status":"TRADING","filters":[{{"filterType":"PRICE_FILTER","tickSize":"{}"}},{{"filterType":"LOT_SIZE","stepSize":"{}"}}]}}"#,
                spec.symbol,
                self.price(spec, 1),
                self.qty(spec, 1)
            )
        };
        let symbols: Vec<String> = market.symbols().iter().map(listing).collect();
        let url = match self.futures {
            true => "https://fapi.binance.com/fapi/v1/exchangeInfo",
            false => "https://api.binance.com/api/v3/exchangeInfo",
        };
        let body = format!(r#"{{"timezone":"UTC","symbols":[{}]}}"#, symbols.join(","));
        wire.rest_reply(url.to_owned(), body);
    }

    /// The snapshot of this very moment, to be delivered later.
    fn capture(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let book = &mut wire.books[symbol];
        book.load(market, symbol, self.snapshot_levels);
        let bids: Vec<_> = book.best_first(Side::Bid).collect();
        let asks: Vec<_> = book.best_first(Side::Ask).collect();
        let (bids, asks) = (self.pairs(spec, bids.iter()), self.pairs(spec, asks.iter()));
        let (id, ms) = (self.streams[symbol].update_id, wire.now_ms());
        let times = if self.futures { format!(r#""E":{ms},"T":{ms},"#) } else { String::new() };
        let body = format!(r#"{{"lastUpdateId":{id},{times}"bids":{bids},"asks":{asks}}}"#);
        self.streams[symbol].snapshot = Snapshot::Taken { body };
        self.streams[symbol].snapshot_id = id;
        let wait_ns = (60 + wire.chance.below(160)) * MILLISECOND;
        wire.after(wait_ns, Timer::Deliver(symbol));
    }

    fn deliver(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let snapshot = std::mem::replace(&mut self.streams[symbol].snapshot, Snapshot::Idle);
        let Snapshot::Taken { body } = snapshot else { return };
        let base = match self.futures {
            true => "https://fapi.binance.com/fapi/v1/depth",
            false => "https://api.binance.com/api/v3/depth",
        };
        let name = &market.symbols()[symbol].symbol;
        wire.rest_reply(format!("{base}?symbol={name}&limit={}", self.snapshot_levels), body);
        wire.books[symbol].live = true;
        wire.applied.push(symbol);
    }

    fn diff(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let Some(first_id) = self.streams[symbol].first_id.take() else { return };
        let cut = wire.books[symbol].cut_touched(market, symbol);
        let spec = &market.symbols()[symbol];
        let ms = wire.now_ms();
        let levels = |Cut { bids, asks }: &Cut| match self.futures {
            true => (self.pairs(spec, bids.iter()), self.pairs(spec, asks.iter())),
            false => (self.pairs(spec, bids.iter().rev()), self.pairs(spec, asks.iter())),
        };
        let (bids, asks) = levels(&cut);
        let futures = self.futures;
        let stream = &mut self.streams[symbol];
        let (lower, name, last_id) = (&stream.lower, &spec.symbol, stream.update_id);
        let text = if futures {
            let transacted_ms = ms - wire.chance.below(3);
            let previous_id = stream.diff_id;
            format!(
                r#"{{"stream":"{lower}@depth@0ms","data":{{"e":"depthUpdate","E":{ms},"T":{transacted_ms},"s":"{name}","U":{first_id},"u":{last_id},"pu":{previous_id},"b":{bids},"a":{asks}}}}}"#
            )
        } else {
            let first_id = stream.diff_id + 1;
            format!(
                r#"{{"stream":"{lower}@depth@100ms","data":{{"e":"depthUpdate","E":{ms},"s":"{name}","U":{first_id},"u":{last_id},"b":{bids},"a":{asks}}}}}"#
            )
        };
        stream.diff_id = last_id;
        // A spot diff that ends exactly at the snapshot is dropped by its reader.
        let dropped = !futures && last_id <= stream.snapshot_id;
        if !dropped {
            wire.books[symbol].apply(&cut);
        }
        if wire.books[symbol].live {
            wire.applied.push(symbol);
        }
        wire.frame(text);
    }

    /// Streams a book builder has no use for.
    fn extra(&mut self, wire: &mut Wire, market: &Market, symbol: usize) {
        let spec = &market.symbols()[symbol];
        let (tape, ms) = (market.tape(symbol), wire.now_ms());
        let (lower, name) = (&self.streams[symbol].lower, &spec.symbol);
        let last = self.price(spec, tape.last);
        if !self.futures {
            let (open, high) = (self.price(spec, tape.open), self.price(spec, tape.high));
            let (low, volume) = (self.price(spec, tape.low), self.qty(spec, tape.volume()));
            wire.frame(format!(
                r#"{{"stream":"{lower}@miniTicker","data":{{"e":"24hrMiniTicker","E":{ms},"s":"{name}","c":"{last}","o":"{open}","h":"{high}","l":"{low}","v":"{volume}","q":"{volume}"}}}}"#
            ));
            return;
        }
        let next_funding_ms = (ms / 28_800_000 + 1) * 28_800_000;
        wire.frame(format!(
            r#"{{"stream":"{lower}@markPrice@1s","data":{{"e":"markPriceUpdate","E":{ms},"s":"{name}","p":"{last}","i":"{last}","P":"{last}","r":"0.00010000","T":{next_funding_ms}}}}}"#
        ));
        if wire.chance.permille(25) {
            // The insurance fund trades off the market, and the book does not feel it.
            let price = self.price(spec, tape.last - tape.last / 200);
            let qty = self.qty(spec, spec.order_lots);
            let stream = &mut self.streams[symbol];
            stream.trade_id += 1;
            let (lower, id) = (&stream.lower, stream.trade_id);
            wire.frame(format!(
                r#"{{"stream":"{lower}@trade","data":{{"e":"trade","E":{ms},"T":{ms},"s":"{name}","t":{id},"p":"{price}","q":"{qty}","X":"INSURANCE_FUND","m":true}}}}"#
            ));
        }
    }
}

impl Venue for Binance {
    fn open(&mut self, wire: &mut Wire, market: &Market) {
        wire.opened(&self.url());
        let extra = if self.futures { "markPrice@1s" } else { "miniTicker" };
        let names: Vec<String> =
            self.streams.iter().map(|stream| format!("\"{}@{extra}\"", stream.lower)).collect();
        wire.sent(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, names.join(",")));
        self.exchange_info(wire, market);
        wire.after(30 * MILLISECOND, Timer::Step(0));
        for symbol in 0..self.streams.len() {
            let stream = &mut self.streams[symbol];
            stream.snapshot = Snapshot::Idle;
            stream.first_id = None;
            if wire.now_ns > wire.start_ns {
                // What happened while the connection was down moved the ids on.
                stream.update_id += 1_000;
            }
            stream.diff_id = stream.update_id;
            let phase_ns = wire.chance.below(40 * MILLISECOND);
            wire.after(phase_ns, Timer::Book(symbol));
            wire.after(200 * MILLISECOND + phase_ns, Timer::Capture(symbol));
            wire.after(SECOND + phase_ns, Timer::Extra(symbol));
        }
    }

    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event) {
        let step = if self.futures { 1 + wire.chance.below(40) } else { 1 };
        let stream = &mut self.streams[event.symbol];
        stream.update_id += step;
        stream.first_id.get_or_insert(stream.update_id);
        let wanted = stream.snapshot == Snapshot::Wanted;
        wire.books[event.symbol].touch(&event.touched);
        self.trades(wire, market, event);
        if event.top_changed {
            self.book_ticker(wire, market, event.symbol);
        }
        if wanted {
            self.capture(wire, market, event.symbol);
        }
    }

    fn on_timer(&mut self, wire: &mut Wire, market: &Market, timer: Timer) {
        match timer {
            Timer::Step(_) => wire.frame(r#"{"result":null,"id":1}"#.to_owned()),
            Timer::Book(symbol) => {
                self.diff(wire, market, symbol);
                let wait_ns = match self.futures {
                    true => 25 * MILLISECOND + wire.chance.below(20 * MILLISECOND),
                    false => 100 * MILLISECOND,
                };
                wire.after(wait_ns, Timer::Book(symbol));
            }
            Timer::Capture(symbol) => self.streams[symbol].snapshot = Snapshot::Wanted,
            Timer::Deliver(symbol) => self.deliver(wire, market, symbol),
            Timer::Extra(symbol) => {
                self.extra(wire, market, symbol);
                wire.after(SECOND, Timer::Extra(symbol));
            }
            _ => {}
        }
    }

    fn resync(&mut self, wire: &mut Wire, _market: &Market, symbol: usize) {
        // A snapshot on its way may be older than what was lost, so it is taken again.
        wire.books[symbol].live = false;
        self.streams[symbol].snapshot = Snapshot::Wanted;
    }
}
