//! Kraken spot, WebSocket v1 and v2 in one: the tape's frames decide which of them is served; who
//! speaks the other is refused in its words.
//! <https://docs.kraken.com/exchange/guides/websockets/introduction>
//! <https://docs.kraken.com/exchange/guides/websockets/book-checksum-v1>
//! <https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2>
//!
//! A book is subscribed to at a depth, and readers keep no more than that: the venue does not delete
//! what falls out of the window, and repeats what comes back into it. The tape has one depth, whose
//! messages go out as they came; for lesser depths they are cut ([`view`]); a greater one is
//! acknowledged as the tape's.

mod book;
mod listing;
mod request;
mod v1;
mod v2;
mod view;

use super::beat::Beat;
use super::desk::{Chosen, Desk, Part, Topic};
use super::floor::{Floor, Subscribed};
use super::json::quoted;
use super::{ClientId, RestId, TapeKind, TapeRecord};
use book::Ends;
use request::{Ask, Request};
use std::collections::{BTreeMap, BTreeSet};

const BOOK: &str = "book";
const TICKER: &str = "ticker";
const INSTRUMENT: &str = "instrument";
/// Depths a book can be subscribed to.
const DEPTHS: [usize; 5] = [10, 25, 100, 500, 1000];
/// The venue's pace of heartbeats.
const BEAT_NS: u64 = 1_000_000_000;

/// Which of the protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

pub(crate) struct Kraken {
    /// The tape's, once its first message has told.
    version: Option<Version>,
    /// What each client speaks.
    spoken: BTreeMap<ClientId, Version>,
    /// The deepest book of the tape, by symbol.
    depths: BTreeMap<String, usize>,
    /// Depths that clients have asked for, by symbol.
    asked: BTreeMap<String, BTreeSet<usize>>,
    /// What the frame being played says at depths below the tape's, by item and depth. `None`:
    /// nothing.
    views: BTreeMap<(usize, usize), Option<String>>,
    books: BTreeMap<String, Ends>,
    /// Decimals of price and quantity as they are written, by symbol.
    written: BTreeMap<String, (usize, usize)>,
    /// v1: channel ids, by channel name and pair.
    channels: BTreeMap<(String, String), u64>,
    /// v2: the last state of each ticker.
    tickers: BTreeMap<String, String>,
    /// v2: what the instrument channel began with, and whether the tape has come to it.
    instruments: Option<(String, bool)>,
    beat: Beat,
}

/// `book-100` of a depth.
fn book_name(depth: usize) -> String {
    format!("{BOOK}-{depth}")
}

/// The depth of `book-100`.
fn depth_of(name: &str) -> Option<usize> {
    name.strip_prefix(BOOK)?.strip_prefix('-')?.parse().ok()
}

/// The smallest depth on offer that holds so many levels.
fn depth_holding(levels: usize) -> usize {
    DEPTHS.into_iter().find(|depth| levels <= *depth).unwrap_or(1000)
}

impl Kraken {
    pub(crate) fn new() -> Self {
        Self {
            version: None,
            spoken: BTreeMap::new(),
            depths: BTreeMap::new(),
            asked: BTreeMap::new(),
            views: BTreeMap::new(),
            books: BTreeMap::new(),
            written: BTreeMap::new(),
            channels: BTreeMap::new(),
            tickers: BTreeMap::new(),
            instruments: None,
            beat: Beat::every(BEAT_NS),
        }
    }

    fn version(&self) -> Version {
        self.version.unwrap_or(Version::V2)
    }

    fn see_depth(&mut self, symbol: &str, depth: usize) {
        let deepest = self.depths.entry(symbol.to_owned()).or_default();
        *deepest = depth.max(*deepest);
    }

    /// Notes a level of a snapshot: its decimals, and how many of them are written.
    fn see_level(&mut self, floor: &mut Floor, symbol: &str, price: &str, qty: &str) {
        floor.see_level(symbol, price, qty);
        let decimals = |text: &str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let written = self.written.entry(symbol.to_owned()).or_default();
        *written = (written.0.max(decimals(price)), written.1.max(decimals(qty)));
    }

    /// The number by which a v1 channel is known: the tape's, else one of our own.
    fn channel_id(&mut self, name: &str, symbol: &str) -> u64 {
        let next = 1_000_000 + self.channels.len() as u64;
        *self.channels.entry((name.to_owned(), symbol.to_owned())).or_insert(next)
    }

    /// The depth at which a book asked for at `depth` is served.
    fn served_depth(&self, symbol: &str, depth: usize) -> usize {
        self.depths.get(symbol).map_or(depth, |deepest| depth.min(*deepest))
    }

    /// Enters one subscription, or takes it out, and gives the answer.
    fn enter(
        &mut self,
        floor: &mut Floor,
        client: ClientId,
        request: &Request,
        symbol: &str,
    ) -> String {
        let symbol = &request.resolved(floor, symbol);
        let channel = request.channel.as_str();
        if channel != INSTRUMENT && !floor.is_known(symbol) {
            let why = format!("Currency pair not supported {symbol}");
            return request.refused(floor.now_ns, symbol, &why);
        }
        let depth = self.served_depth(symbol, request.depth);
        let name = if channel == BOOK { book_name(depth) } else { channel.to_owned() };
        let topic = Topic::new(channel, if channel == INSTRUMENT { "" } else { symbol });
        let failure = match request.ask {
            Ask::Subscribe if floor.is_subscribed(client, &topic) => Some("Already subscribed"),
            Ask::Subscribe => match floor.subscribe(client, topic, &name) {
                Subscribed::TooMany => Some("Exceeded subscription limit"),
                Subscribed::New | Subscribed::Already => None,
            },
            Ask::Unsubscribe if floor.unsubscribe(client, &topic, &name) => None,
            Ask::Unsubscribe => Some("Subscription Not Found"),
        };
        if let Some(why) = failure {
            return request.refused(floor.now_ns, symbol, why);
        }
        if channel == BOOK {
            self.asked.entry(symbol.clone()).or_default().insert(depth);
        }
        let id = match request.version {
            Version::V1 => self.channel_id(&name, symbol),
            Version::V2 => 0,
        };
        request.done(floor.now_ns, symbol, &name, depth, id)
    }

    /// Heartbeats of the tape go to everyone who is subscribed to anything.
    fn beat(&self, floor: &mut Floor) {
        for client in floor.client_ids() {
            if !floor.clients[&client].subscriptions.is_empty() {
                let beat = match self.spoken.get(&client) {
                    Some(Version::V1) => r#"{"event":"heartbeat"}"#,
                    _ => r#"{"channel":"heartbeat"}"#,
                };
                floor.send(client, beat.to_owned());
            }
        }
    }

    fn greet(&self, floor: &mut Floor, client: ClientId, status: &str) {
        let id = u64::from(client.0) + 1;
        let text = match self.spoken.get(&client) {
            Some(Version::V1) => format!(
                r#"{{"connectionID":{id},"event":"systemStatus","status":"{status}","version":"1.9.6"}}"#
            ),
            _ => format!(
                r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"{status}","api_version":"v2","connection_id":{id}}}]}}"#
            ),
        };
        floor.send(client, text);
    }
}

impl Desk for Kraken {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        match &record.kind {
            TapeKind::Frame(text) if text.trim_start().starts_with('[') => {
                self.version.get_or_insert(Version::V1);
                self.scan_v1(floor, text).into_iter().collect()
            }
            TapeKind::Frame(text) => {
                if !self.scan_v1_event(floor, text) {
                    return self.scan_v2(floor, text);
                }
                self.version.get_or_insert(Version::V1);
                Vec::new()
            }
            TapeKind::Sent(text) => {
                if let Ok(request) = request::read(text) {
                    self.version.get_or_insert(request.version);
                    for symbol in &request.symbols {
                        floor.know(symbol);
                        if request.channel == BOOK && request.ask == Ask::Subscribe {
                            self.see_depth(symbol, request.depth);
                        }
                    }
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let TapeKind::Frame(text) = &record.kind else { return };
        self.views.clear();
        if parts.is_empty() {
            if text.len() < 64 && text.contains(r#""heartbeat""#) {
                self.beat(floor);
            }
            return;
        }
        match self.version() {
            Version::V1 => self.play_v1(floor, text, parts),
            Version::V2 => self.play_v2(floor, text, parts),
        }
    }

    fn write(
        &mut self,
        _client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        all: bool,
    ) -> Option<String> {
        match self.version() {
            Version::V1 => self.write_v1(text, chosen.first()?),
            Version::V2 => self.write_v2(text, chosen, all),
        }
    }

    /// Whatever the path: a client that knows both versions learns from the greeting which it is.
    fn connected(&mut self, floor: &mut Floor, client: ClientId, _path: &str) {
        self.spoken.insert(client, self.version());
        self.greet(floor, client, "online");
    }

    fn disconnected(&mut self, client: ClientId) {
        self.spoken.remove(&client);
    }

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let request = match request::read(text) {
            Ok(request) => request,
            Err(answer) => return floor.send(client, answer.text(floor.now_ns)),
        };
        self.spoken.insert(client, request.version);
        if request.version != self.version() {
            let why = format!("This exchange speaks WebSocket {:?} only", self.version());
            return floor.send(client, request.refused(floor.now_ns, "", &why));
        }
        if let Some(why) = request.fault() {
            return floor.send(client, request.refused(floor.now_ns, "", &why));
        }
        if request.channel == INSTRUMENT {
            let answer = self.enter(floor, client, &request, "");
            return floor.send(client, answer);
        }
        for symbol in &request.symbols {
            let answer = self.enter(floor, client, &request, symbol);
            floor.send(client, answer);
        }
    }

    fn opening(
        &mut self,
        floor: &Floor,
        _client: ClientId,
        topic: &Topic,
        name: &str,
    ) -> Option<String> {
        match (topic.channel.as_str(), self.version()) {
            (BOOK, version) => {
                let cut = self.snapshot(floor, &topic.symbol, depth_of(name)?)?;
                Some(match version {
                    Version::V1 => cut,
                    Version::V2 => {
                        format!(r#"{{"channel":"book","type":"snapshot","data":[{cut}]}}"#)
                    }
                })
            }
            (TICKER, Version::V2) => {
                let ticker = self.tickers.get(&topic.symbol)?;
                Some(format!(r#"{{"channel":"ticker","type":"snapshot","data":[{ticker}]}}"#))
            }
            (INSTRUMENT, Version::V2) => match &self.instruments {
                Some((text, played)) => played.then(|| text.clone()),
                None => Some(listing::instruments(floor, &self.written)),
            },
            _ => None,
        }
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOK)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        listing::answer(floor, rest, path);
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        match topic.channel.as_str() {
            BOOK => {
                floor.book_mut(&topic.symbol).clear();
                self.books.remove(&topic.symbol);
            }
            TICKER => {
                self.tickers.remove(&topic.symbol);
            }
            _ => {}
        }
    }

    fn idle(&mut self, floor: &mut Floor, now_ns: u64) {
        if self.beat.is_due(now_ns) {
            self.beat(floor);
        }
    }

    fn maintenance(&mut self, floor: &mut Floor) {
        for client in floor.client_ids() {
            self.greet(floor, client, "maintenance");
        }
    }
}

/// A text that is a JSON string already, or made one.
fn as_string(text: &str) -> String {
    if text.starts_with('"') { text.to_owned() } else { quoted(text) }
}
