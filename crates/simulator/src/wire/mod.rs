//! What all venues share: the connection, its timers, and the books as published.

pub(crate) mod binance;
pub(crate) mod bitfinex;
pub(crate) mod bybit;
pub(crate) mod coinbase;
pub(crate) mod kraken;
pub(crate) mod okx;

use crate::MarketConfig;
use crate::chance::Chance;
use crate::market::{Event, Market};
use crate::message::{Message, MessageKind};
use crate::published::Published;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use tickhawk_market::UnixNanos;

pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;

/// Something a venue asked to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The connection opens.
    Open,
    /// The next step of the opening conversation.
    Step(u8),
    /// The book of a symbol is due.
    Book(usize),
    /// The ticker of a symbol is due.
    Ticker(usize),
    /// The receiver asks for a REST snapshot.
    Capture(usize),
    /// It arrives.
    Deliver(usize),
    /// Somebody subscribes to the book of a symbol again.
    Resubscribed(usize),
    /// Heartbeat.
    Beat,
    /// The client pings.
    Ping,
    /// The venue answers the ping.
    Pong,
    /// Something nobody needs.
    Extra(usize),
    /// Something that happens once a day.
    Rare(usize),
}

/// A venue's side of the conversation. Each call may queue several messages, but at most one that
/// changes a book, so that [`crate::Recording`] can say what the receiver has after each message.
pub(crate) trait Venue: Send {
    /// The connection opens; forget the one before.
    fn open(&mut self, wire: &mut Wire, market: &Market);
    /// The market moved.
    fn on_event(&mut self, wire: &mut Wire, market: &Market, event: &Event);
    /// A timer is due.
    fn on_timer(&mut self, wire: &mut Wire, market: &Market, timer: Timer);
    /// The receiver wants the book of a symbol afresh.
    fn resync(&mut self, wire: &mut Wire, market: &Market, symbol: usize);
}

/// The connection.
pub(crate) struct Wire {
    pub(crate) books: Vec<Published>,
    /// Symbols whose published book the message being made changed.
    pub(crate) applied: Vec<usize>,
    pub(crate) chance: Chance,
    pub(crate) now_ns: u64,
    pub(crate) start_ns: u64,
    pub(crate) duration_ns: u64,
    /// Whether the connection is up; the venue hears nothing while it is not.
    pub(crate) up: bool,
    out: VecDeque<Message>,
    timers: BinaryHeap<Reverse<(u64, u64, Timer)>>,
    timers_set: u64,
    received_ns: u64,
    latency_ns: u64,
    jitter_ns: u64,
    clock_offset_ns: i64,
}

impl Wire {
    pub(crate) fn new(config: &MarketConfig) -> Self {
        Self {
            books: vec![Published::default(); config.symbols.len()],
            applied: Vec::new(),
            // Far from the streams of the symbols.
            chance: Chance::new(config.seed, 1 << 40),
            now_ns: config.start.nanos(),
            start_ns: config.start.nanos(),
            duration_ns: config.duration_ns,
            up: false,
            out: VecDeque::new(),
            timers: BinaryHeap::new(),
            timers_set: 0,
            received_ns: 0,
            latency_ns: config.latency_ns,
            jitter_ns: config.jitter_ns,
            clock_offset_ns: config.clock_offset_ns,
        }
    }

    /// Sets a timer `wait_ns` from now.
    pub(crate) fn after(&mut self, wait_ns: u64, timer: Timer) {
        self.timers_set += 1;
        self.timers.push(Reverse((self.now_ns + wait_ns, self.timers_set, timer)));
    }

    /// Unsets every such timer.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.timers.retain(|entry| entry.0.2 != timer);
    }

    /// When the next timer is due.
    pub(crate) fn next_timer_ns(&self) -> Option<u64> {
        self.timers.peek().map(|next| next.0.0)
    }

    pub(crate) fn take_timer(&mut self) -> Option<Timer> {
        let Reverse((at_ns, _, timer)) = self.timers.pop()?;
        self.now_ns = at_ns;
        Some(timer)
    }

    pub(crate) fn take_message(&mut self) -> Option<Message> {
        self.out.pop_front()
    }

    /// Exchange time now, in milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ns / MILLISECOND
    }

    fn push(&mut self, travel_ns: u64, kind: MessageKind) {
        let at_ns = (self.now_ns + travel_ns).saturating_add_signed(self.clock_offset_ns);
        // One connection keeps its order: a late message holds up those behind it.
        self.received_ns = self.received_ns.max(at_ns);
        self.out.push_back(Message { received_at: UnixNanos::new(self.received_ns), kind });
    }

    fn travel_ns(&mut self) -> u64 {
        let spike = if self.chance.permille(2) { 40 } else { 1 };
        self.latency_ns + self.chance.exponential(self.jitter_ns) * spike
    }

    /// The venue sends.
    pub(crate) fn frame(&mut self, text: String) {
        let travel_ns = self.travel_ns();
        self.push(travel_ns, MessageKind::Frame(text));
    }

    /// The client sends.
    pub(crate) fn sent(&mut self, text: &str) {
        self.push(0, MessageKind::Sent(text.to_owned()));
    }

    /// The client has connected.
    pub(crate) fn opened(&mut self, url: &str) {
        self.up = true;
        self.push(0, MessageKind::Opened { url: url.to_owned() });
    }

    /// A REST answer arrives.
    pub(crate) fn rest_reply(&mut self, url: String, body: String) {
        let travel_ns = self.travel_ns();
        self.push(travel_ns, MessageKind::RestReply { url, status: 200, body });
    }

    /// The connection breaks; it opens again after half a second.
    pub(crate) fn close(&mut self) {
        self.up = false;
        self.out.clear();
        self.timers.clear();
        for book in &mut self.books {
            *book = Published::default();
        }
        self.push(0, MessageKind::Closed);
        self.after(SECOND / 2, Timer::Open);
    }
}

/// How long until that part of the recording has passed, with a little spread between symbols.
pub(crate) fn middle_ns(wire: &Wire, percent: u64, symbol: usize) -> u64 {
    wire.duration_ns / 100 * percent + symbol as u64 * 250 * MILLISECOND
}

/// `[["price","qty"],...]` of texts.
pub(crate) fn pairs(levels: impl Iterator<Item = (String, String)>) -> String {
    let texts: Vec<String> =
        levels.map(|(price, qty)| format!("[\"{price}\",\"{qty}\"]")).collect();
    format!("[{}]", texts.join(","))
}

/// `"a","b"` of the symbols, each passed through `name`.
pub(crate) fn quoted(market: &Market, name: impl Fn(&str) -> String) -> String {
    let names: Vec<String> =
        market.symbols().iter().map(|spec| format!("\"{}\"", name(&spec.symbol))).collect();
    names.join(",")
}
