//! An exchange that plays a tape: the venue's side of every conversation, for `serve` and for tests
//! that break connections.
//!
//! Contract: no sockets, no clock, no randomness. What it is told goes in by calls, what it says
//! comes out of [`Exchange::take`], and the same calls give the same outputs. It plays whatever was
//! once recorded from a venue, or what [`crate::Recording`] makes up, and keeps each book it plays
//! as the truth that clients are held against. Clients may come and go at any time: who subscribes
//! in the middle gets a snapshot of the book as it stands, valid by the venue's rules, and then
//! every change.
//!
//! It looks [`LOOK_AHEAD_RECORDS`] records ahead on the tape, to know which instruments there are
//! and which listings it can answer with.
//!
//! ```
//! use tickhawk_simulator::{ClientId, Exchange, MarketConfig, Output, Recording, WireFormat};
//!
//! let format = WireFormat::Bybit;
//! let mut config = MarketConfig::new(format.symbols(), 42);
//! config.duration_ns = 1_000_000_000;
//! let tape = Recording::new(format, &config)?.map(Into::into);
//!
//! let mut exchange = Exchange::new("bybit", Box::new(tape))?;
//! let client = ClientId(1);
//! exchange.connected(client, "/v5/public/linear");
//! exchange.received(client, r#"{"op":"subscribe","args":["orderbook.200.BTCUSDT"]}"#);
//! let mut frames = 0;
//! while exchange.next_at().is_some() {
//!     exchange.step();
//!     while let Some(output) = exchange.take() {
//!         frames += u32::from(matches!(output, Output::Frame { .. }));
//!     }
//! }
//! assert!(frames > 5);
//! let (bids, asks) = exchange.truth("BTCUSDT").unwrap();
//! assert!(bids.len() > 100 && asks.len() > 100);
//! # Ok::<(), tickhawk_simulator::SimulatorError>(())
//! ```
//!
//! What it refuses to do: break the venue's rules. That is [`crate::Faults`]' business.

mod beat;
mod binance;
mod bitfinex;
mod bitmex;
mod book;
mod bybit;
mod coinbase;
mod coinbase_exchange;
mod desk;
mod floor;
mod json;
mod kraken;
mod kraken_futures;
mod okx;
mod output;
mod splice;
mod tape;

pub use book::level_digest;
pub(crate) use desk::SLUGS;
pub use output::{ClientId, Output, RestId};
pub use tape::{TapeKind, TapeRecord};

use crate::SimulatorError;
use desk::{Chosen, Desk, Part, Place, Topic};
use floor::{Client, Floor, Subscription};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use tickhawk_market::{Side, UnixNanos};

/// How many records of the tape are looked at before they are played.
pub const LOOK_AHEAD_RECORDS: usize = 4_096;

/// Bytes of text beyond which nothing more is looked at.
const LOOK_AHEAD_BYTES: usize = 64 << 20;

/// Longest text a client may send.
const REQUEST_BYTES_LIMIT: usize = 64 << 10;

/// Price and quantity texts of one side of a book, best first.
pub type TextLevels = Vec<(String, String)>;

/// A record that was scanned.
struct Scanned {
    record: TapeRecord,
    parts: Vec<Part>,
}

/// An exchange; see the module's own words.
pub struct Exchange {
    desk: Box<dyn Desk>,
    floor: Floor,
    tape: Box<dyn Iterator<Item = TapeRecord> + Send>,
    ahead: VecDeque<Scanned>,
    ahead_bytes: usize,
    /// The tape's connections that carry a topic; the first one's frames are played.
    carriers: BTreeMap<Topic, Vec<u16>>,
    /// The names by which a topic was played.
    shown: BTreeMap<Topic, Vec<String>>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("floor", &self.floor).finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange that plays `tape` as the venue of that slug.
    ///
    /// # Errors
    /// If there is no such venue.
    pub fn new(
        slug: &str,
        tape: Box<dyn Iterator<Item = TapeRecord> + Send>,
    ) -> Result<Self, SimulatorError> {
        let desk =
            desk::desk_of(slug).ok_or_else(|| SimulatorError::UnknownVenue(slug.to_owned()))?;
        let mut exchange = Self {
            desk,
            floor: Floor::default(),
            tape,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            carriers: BTreeMap::new(),
            shown: BTreeMap::new(),
        };
        exchange.look_ahead();
        exchange.floor.ended = exchange.ahead.is_empty();
        Ok(exchange)
    }

    /// A client connected to this path (and query).
    pub fn connected(&mut self, client: ClientId, path: &str) {
        self.disconnected(client);
        self.floor.clients.insert(client, Client::default());
        self.desk.connected(&mut self.floor, client, path);
        self.open_fresh();
    }

    /// A client sent a text. More than 64 KiB, or brackets deeper than any venue's, close the
    /// connection.
    pub fn received(&mut self, client: ClientId, text: &str) {
        if !self.floor.clients.contains_key(&client) {
            return;
        }
        if text.len() > REQUEST_BYTES_LIMIT {
            self.floor.close(client, 1009, "message too big");
            return;
        }
        if !json::is_shallow(text) {
            self.floor.close(client, 1008, "message nested too deep");
            return;
        }
        self.desk.received(&mut self.floor, client, text);
        self.open_fresh();
    }

    /// A client is gone.
    pub fn disconnected(&mut self, client: ClientId) {
        if self.floor.clients.remove(&client).is_some() {
            self.desk.disconnected(client);
        }
    }

    /// A client asks for `path` (and query) with GET. The reply comes out of [`Self::take`], at
    /// once or when the tape has come to it.
    pub fn rest(&mut self, rest: RestId, path: &str) {
        self.desk.rest(&mut self.floor, rest, path);
    }

    /// When the next record is due, by the tape's own clock (which may step back); `None` when the
    /// tape is over.
    pub fn next_at(&mut self) -> Option<UnixNanos> {
        self.ahead.front().map(|scanned| scanned.record.at)
    }

    /// Whether the next record is a REST snapshot that a subscriber will ask for, but has not yet:
    /// who plays faster than the clients ask may wait for them.
    pub fn expects_request(&self) -> bool {
        let next = self.ahead.front();
        next.is_some_and(|Scanned { record, parts }| {
            self.desk.expects_request(&self.floor, record, parts)
        })
    }

    /// Plays the next record.
    pub fn step(&mut self) {
        let Some(Scanned { record, mut parts }) = self.ahead.pop_front() else { return };
        self.ahead_bytes -= record.kind.bytes();
        self.floor.now_ns = record.at.nanos();
        match &record.kind {
            TapeKind::Opened | TapeKind::Closed => self.leave(record.connection),
            TapeKind::Frame(_) => parts.retain(|part| self.carries(record.connection, part)),
            TapeKind::Sent(_) | TapeKind::RestReply { .. } => {}
        }
        self.desk.play(&mut self.floor, &record, &mut parts);
        if let TapeKind::Frame(text) = &record.kind {
            self.deliver(text, &parts);
        }
        self.look_ahead();
        if self.ahead.is_empty() {
            self.floor.ended = true;
            self.desk.ended(&mut self.floor);
        }
    }

    /// Time passes (nanoseconds since the Unix epoch, by the driver's clock) without a record:
    /// heartbeats go out where they are due.
    pub fn idle(&mut self, now_ns: u64) {
        self.desk.idle(&mut self.floor, now_ns);
    }

    /// What the exchange says next.
    pub fn take(&mut self) -> Option<Output> {
        self.floor.take()
    }

    /// Whether it has something to say.
    pub fn has_output(&self) -> bool {
        self.floor.has_output()
    }

    /// Whether anyone is subscribed to anything: playing may begin.
    pub fn has_subscriber(&self) -> bool {
        self.floor.clients.values().any(|client| !client.subscriptions.is_empty())
    }

    /// The true book (bids, then asks, best first) after what was played, in the venue's texts;
    /// `None` while there is no snapshot.
    pub fn truth(&self, symbol: &str) -> Option<(TextLevels, TextLevels)> {
        let book = self.floor.live_book(symbol)?;
        Some((book.texts(Side::Bid), book.texts(Side::Ask)))
    }

    /// An order-independent digest of the true book: the wrapping sum of [`level_digest`] over its
    /// levels. Costs nothing.
    pub fn truth_digest(&self, symbol: &str) -> Option<u64> {
        self.floor.live_book(symbol).map(book::TextBook::digest)
    }

    /// The symbols whose books were played so far.
    pub fn symbols(&self) -> Vec<String> {
        self.floor.books.keys().cloned().collect()
    }

    /// Sends everyone a fresh snapshot of each live book it subscribed to. `false` where the
    /// venue's stream carries none.
    pub fn resnapshot(&mut self) -> bool {
        let Some(channel) = self.desk.snapshot_channel() else { return false };
        for client in self.floor.client_ids() {
            let subscriptions = &self.floor.clients[&client].subscriptions;
            let wanted: Vec<(Topic, String)> = subscriptions
                .iter()
                .filter(|(topic, subscription)| topic.channel == channel && subscription.opened)
                .map(|(topic, subscription)| (topic.clone(), subscription.names[0].clone()))
                .collect();
            for (topic, name) in wanted {
                self.open(client, &topic, &name);
            }
        }
        true
    }

    /// Tells every client of maintenance in the venue's own words, where it has such words.
    pub fn maintenance(&mut self) {
        self.desk.maintenance(&mut self.floor);
    }

    /// Scans as many records as may be looked at ahead.
    fn look_ahead(&mut self) {
        while self.ahead.len() < LOOK_AHEAD_RECORDS
            && (self.ahead_bytes < LOOK_AHEAD_BYTES || self.ahead.is_empty())
        {
            let Some(record) = self.tape.next() else { return };
            let parts = self.scan(&record);
            self.ahead_bytes += record.kind.bytes();
            self.ahead.push_back(Scanned { record, parts });
        }
    }

    fn scan(&mut self, record: &TapeRecord) -> Vec<Part> {
        let (TapeKind::Sent(text) | TapeKind::Frame(text) | TapeKind::RestReply { body: text, .. }) =
            &record.kind
        else {
            return self.desk.scan(&mut self.floor, record);
        };
        if !json::is_shallow(text) {
            return Vec::new();
        }
        let parts = self.desk.scan(&mut self.floor, record);
        for part in parts.iter().filter(|part| !part.topic.symbol.is_empty()) {
            self.floor.know(&part.topic.symbol);
        }
        if let TapeKind::RestReply { url: Some(url), status, body } = &record.kind
            && parts.is_empty()
            && status.is_none_or(|status| (200..300).contains(&status))
        {
            self.floor.keep_listing(url, body);
        }
        parts
    }

    /// Whether the connection is the one by which the part's topic is played.
    fn carries(&mut self, connection: u16, part: &Part) -> bool {
        let Some(carriers) = self.carriers.get_mut(&part.topic) else {
            self.carriers.insert(part.topic.clone(), vec![connection]);
            return true;
        };
        if !carriers.contains(&connection) {
            carriers.push(connection);
        }
        carriers[0] == connection
    }

    /// A connection of the tape ended: another one carries on with its topics, or they are lost.
    fn leave(&mut self, connection: u16) {
        let mut lost = Vec::new();
        self.carriers.retain(|topic, carriers| {
            carriers.retain(|carrier| *carrier != connection);
            if carriers.is_empty() {
                lost.push(topic.clone());
            }
            !carriers.is_empty()
        });
        for topic in lost {
            self.desk.lost(&mut self.floor, &topic);
            for client in self.floor.clients.values_mut() {
                if let Some(subscription) = client.subscriptions.get_mut(&topic) {
                    subscription.opened = false;
                }
            }
        }
    }

    /// Gives every client the parts it subscribed to.
    fn deliver(&mut self, text: &str, parts: &[Part]) {
        for part in parts {
            self.show(part);
        }
        let mut sent = Vec::new();
        for (&id, client) in &mut self.floor.clients {
            let follows: Vec<bool> = parts.iter().map(|part| follows(client, part)).collect();
            let chosen: Vec<Chosen<'_>> = parts
                .iter()
                .zip(follows)
                .filter(|(_, follows)| *follows)
                .filter_map(|(part, _)| {
                    let subscription = client.subscriptions.get(&part.topic)?;
                    let name = name_for(subscription, part, self.shown.get(&part.topic)?)?;
                    Some(Chosen { part, name })
                })
                .collect();
            let all = chosen.len() == parts.len();
            if !chosen.is_empty()
                && let Some(text) = self.desk.write(id, text, &chosen, all)
            {
                sent.push((id, text));
            }
        }
        for (client, text) in sent {
            self.floor.send(client, text);
        }
    }

    /// Notes by which names a topic is played. An opening begins anew, perhaps by another name.
    fn show(&mut self, part: &Part) {
        let Some(shown) = self.shown.get_mut(&part.topic) else {
            self.shown.insert(part.topic.clone(), vec![part.name.clone()]);
            return;
        };
        if part.place == Place::Opening && *shown != [part.name.as_str()] {
            shown.clear();
        }
        if !shown.contains(&part.name) {
            shown.push(part.name.clone());
        }
    }

    /// Sends new subscribers what they need to follow.
    fn open_fresh(&mut self) {
        for (client, topic, name) in self.floor.take_fresh() {
            self.open(client, &topic, &name);
        }
    }

    fn open(&mut self, client: ClientId, topic: &Topic, name: &str) {
        let Some(text) = self.desk.opening(&self.floor, client, topic, name) else { return };
        self.floor.send(client, text);
        if let Some(subscription) = self.floor.subscription_mut(client, topic) {
            subscription.opened = true;
        }
    }
}

/// Whether the client is subscribed to the part's topic and can follow it from here.
fn follows(client: &mut Client, part: &Part) -> bool {
    let Some(subscription) = client.subscriptions.get_mut(&part.topic) else { return false };
    subscription.opened |= part.place == Place::Opening;
    subscription.opened || part.place == Place::Alone
}

/// The name by which a subscriber gets the part: the tape's own if it asked for that. Who asked for
/// another name of the same topic gets what the tape showed first, unless the tape has that name
/// too.
fn name_for<'a>(subscription: &'a Subscription, part: &Part, shown: &[String]) -> Option<&'a str> {
    let names = &subscription.names;
    let exact = names.iter().find(|name| **name == part.name);
    let other = || {
        let unseen = names.iter().find(|name| !shown.contains(name))?;
        (shown.first() == Some(&part.name)).then_some(unseen)
    };
    exact.or_else(other).map(String::as_str)
}
