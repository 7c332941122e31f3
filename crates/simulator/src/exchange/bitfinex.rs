//! Bitfinex v2.
//! <https://docs.bitfinex.com/docs/ws-general>
//! <https://docs.bitfinex.com/reference/ws-public-books>
//!
//! Channel ids and, with flag 65536, numbers belong to a client's connection: every array is put
//! together anew around its payload, whose text stays as it came. With flag 32768 the time of the
//! tape stands behind the number. Books are served at precision `P0` with the tape's length, whatever
//! length is asked for; other precisions, raw books and funding are not carried. The venue's stream
//! has no snapshots in its middle.

mod client;

use super::beat::Beat;
use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Floor, Subscribed, split_url};
use super::json::{self, Raw, quoted};
use super::splice::array;
use super::{ClientId, RestId, TapeKind, TapeRecord};
use client::{Client, FLAG_CHECKSUM};
use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_market::Side;

const BOOK: &str = "book";
const TRADES: &str = "trades";
const TICKER: &str = "ticker";
/// How often every channel is heard of, if only by its heartbeat.
const BEAT_NS: u64 = 15_000_000_000;

/// Error codes of the venue.
const SUBSCRIPTION_FAILED: u32 = 10_300;
const ALREADY_SUBSCRIBED: u32 = 10_301;
const UNKNOWN_CHANNEL: u32 = 10_302;
const TOO_MANY_CHANNELS: u32 = 10_305;
const UNSUBSCRIPTION_FAILED: u32 = 10_400;
const UNKNOWN_EVENT: u32 = 10_000;

pub(crate) struct Bitfinex {
    /// What the tape's channel ids stand for, by connection.
    channels: BTreeMap<(u16, u64), Topic>,
    clients: BTreeMap<ClientId, Client>,
    /// The last ticker of each symbol.
    tickers: BTreeMap<String, String>,
    now_ms: u64,
    beat: Beat,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    flags: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "chanId")]
    channel_id: Option<Raw<'a>>,
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    pair: Option<Raw<'a>>,
    #[serde(borrow)]
    prec: Option<Raw<'a>>,
    #[serde(borrow)]
    freq: Option<Raw<'a>>,
    #[serde(borrow)]
    len: Option<Raw<'a>>,
    #[serde(borrow)]
    cid: Option<Raw<'a>>,
    #[serde(borrow, rename = "subId")]
    sub_id: Option<Raw<'a>>,
}

impl Event<'_> {
    /// The symbol, `pair` standing for a trading pair without its `t`.
    fn symbol(&self) -> Option<String> {
        let symbol = self.symbol.and_then(Raw::string).map(|symbol| symbol.into_owned());
        symbol.or_else(|| Some(format!("t{}", self.pair?.string()?)))
    }

    /// The topic, of a subscription carried here.
    fn topic(&self) -> Option<Topic> {
        let symbol = self.symbol().filter(|symbol| symbol.starts_with('t'))?;
        let channel = match self.channel?.plain() {
            BOOK if self.prec.is_none_or(|prec| prec.plain() == "P0") => BOOK,
            TRADES => TRADES,
            TICKER => TICKER,
            _ => return None,
        };
        Some(Topic::new(channel, &symbol))
    }

    fn text(field: Option<Raw<'_>>, default: &str) -> String {
        field.and_then(Raw::string).map_or(default.to_owned(), |text| text.into_owned())
    }
}

/// One array, taken apart.
struct Parts<'a> {
    channel_id: u64,
    payload: Raw<'a>,
    /// What stands after a payload that is a word.
    body: Option<Raw<'a>>,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let items: Vec<Raw<'a>> = json::read(text)?;
        let payload = *items.get(1)?;
        let has_body = payload.0.starts_with('"') && payload.plain() != "hb";
        let body = if has_body { Some(*items.get(2)?) } else { None };
        Some(Self { channel_id: items.first()?.unsigned()?, payload, body })
    }

    fn is_snapshot(&self) -> bool {
        let inside = self.payload.0.strip_prefix('[').map(str::trim_start);
        inside.is_some_and(|inside| inside.starts_with(['[', ']']))
    }

    /// The levels of a book message; `None` if it is none.
    fn levels(&self) -> Option<Vec<[Raw<'a>; 3]>> {
        if self.is_snapshot() {
            return json::read(self.payload.0);
        }
        Some(vec![json::read(self.payload.0)?])
    }
}

/// Side and quantity of a level; a count of zero deletes it.
fn change<'a>([_, count, amount]: &[Raw<'a>; 3]) -> (Side, &'a str) {
    let (side, qty) = match amount.plain().strip_prefix('-') {
        Some(qty) => (Side::Ask, qty),
        None => (Side::Bid, amount.plain()),
    };
    (side, if count.plain() == "0" { "0" } else { qty })
}

fn error(code: u32, message: &str, event: &Event<'_>) -> String {
    let mut told = String::new();
    for (key, value) in [("channel", event.channel), ("symbol", event.symbol)] {
        if let Some(text) = value.and_then(Raw::string) {
            told += &format!(r#","{key}":{}"#, quoted(&text));
        }
    }
    format!(r#"{{"event":"error","msg":"{message}","code":{code}{told}}}"#)
}

impl Bitfinex {
    pub(crate) fn new() -> Self {
        let (channels, clients, tickers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { channels, clients, tickers, now_ms: 0, beat: Beat::every(BEAT_NS) }
    }

    /// Acknowledgements of the tape tell its channel ids.
    fn scan_event(&mut self, floor: &mut Floor, connection: u16, event: &Event<'_>) {
        let Some(id) = event.channel_id.and_then(Raw::unsigned) else { return };
        let key = (connection, id);
        self.channels.remove(&key);
        // Other recorders' acknowledgements repeat the request's own word.
        if matches!(event.event.map(Raw::plain), Some("subscribed" | "subscribe"))
            && let Some(topic) = event.topic()
        {
            floor.know(&topic.symbol);
            self.channels.insert(key, topic);
        }
    }

    fn scan_data(&mut self, floor: &mut Floor, connection: u16, text: &str) -> Option<Part> {
        let parts = Parts::read(text)?;
        let topic = self.channels.get(&(connection, parts.channel_id))?.clone();
        let word = parts.payload.plain();
        let place = match topic.channel.as_str() {
            BOOK if word == "hb" || word == "cs" => Place::Alone,
            BOOK if parts.is_snapshot() => Place::Opening,
            BOOK => Place::Following,
            _ => Place::Alone,
        };
        if place == Place::Opening {
            for level in parts.levels()? {
                floor.see_level(&topic.symbol, level[0].plain(), change(&level).1);
            }
        }
        let name = topic.channel.clone();
        Some(Part::whole(topic, &name, place))
    }

    fn play_data(&mut self, floor: &mut Floor, part: &Part, text: &str) -> Option<()> {
        let parts = Parts::read(text)?;
        let symbol = &part.topic.symbol;
        if part.topic.channel == TICKER && parts.payload.0.starts_with('[') {
            self.tickers.insert(symbol.clone(), parts.payload.0.to_owned());
        }
        if part.topic.channel != BOOK || part.place == Place::Alone {
            return Some(());
        }
        let levels = parts.levels()?;
        let book = floor.book_mut(symbol);
        if part.place == Place::Opening {
            book.clear();
            book.live = true;
        } else if !book.live {
            return Some(());
        }
        for level in levels {
            let (side, qty) = change(&level);
            book.set(side, level[0].plain(), qty, level[1].plain());
        }
        Some(())
    }

    /// `[channel id, payload, number, time]`, as far as the client wants them.
    fn data(&mut self, client: ClientId, topic: &Topic, payload: &str) -> Option<String> {
        let now_ms = self.now_ms;
        self.clients.get_mut(&client)?.data(topic, payload, now_ms)
    }

    fn subscribe(&mut self, floor: &mut Floor, client: ClientId, event: &Event<'_>) -> String {
        let Some(topic) = event.topic() else {
            let known = event.channel.map_or("", Raw::plain);
            return match known {
                BOOK | TRADES | TICKER => error(SUBSCRIPTION_FAILED, "symbol: invalid", event),
                _ => error(UNKNOWN_CHANNEL, "channel: unknown", event),
            };
        };
        if !floor.is_known(&topic.symbol) {
            return error(SUBSCRIPTION_FAILED, "symbol: invalid", event);
        }
        match floor.subscribe(client, topic.clone(), &topic.channel) {
            Subscribed::New => {}
            Subscribed::Already => return error(ALREADY_SUBSCRIBED, "subscribe: dup", event),
            Subscribed::TooMany => return error(TOO_MANY_CHANNELS, "subscribe: limit", event),
        }
        let id = self.clients.entry(client).or_default().channel(&topic);
        let mut options = String::new();
        if topic.channel == BOOK {
            let (freq, len) = (Event::text(event.freq, "F0"), event.len.map_or("25", Raw::plain));
            let (freq, len) = (quoted(&freq), quoted(len));
            options = format!(r#","prec":"P0","freq":{freq},"len":{len}"#);
        }
        if let Some(sub_id) = event.sub_id {
            options += &format!(r#","subId":{}"#, sub_id.0);
        }
        let (symbol, pair) = (quoted(&topic.symbol), quoted(&topic.symbol[1..]));
        let channel = &topic.channel;
        format!(
            r#"{{"event":"subscribed","channel":"{channel}","chanId":{id},"symbol":{symbol}{options},"pair":{pair}}}"#
        )
    }

    fn unsubscribe(&mut self, floor: &mut Floor, client: ClientId, event: &Event<'_>) -> String {
        let id = event.channel_id.and_then(Raw::unsigned);
        let held = self.clients.get_mut(&client);
        let Some(topic) = id.zip(held).and_then(|(id, held)| held.forget(id)) else {
            return error(UNSUBSCRIPTION_FAILED, "unsubscribe: invalid", event);
        };
        floor.unsubscribe(client, &topic, &topic.channel);
        let id = id.unwrap_or_default();
        format!(r#"{{"event":"unsubscribed","status":"OK","chanId":{id}}}"#)
    }
}

impl Desk for Bitfinex {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let connection = record.connection;
        match &record.kind {
            TapeKind::Opened | TapeKind::Closed => {
                self.channels.retain(|(of, _), _| *of != connection);
            }
            TapeKind::Sent(text) => {
                let event: Option<Event<'_>> = json::read(text);
                if let Some(topic) = event.and_then(|event| event.topic()) {
                    floor.know(&topic.symbol);
                }
            }
            TapeKind::Frame(text) if text.trim_start().starts_with('[') => {
                return self.scan_data(floor, connection, text).into_iter().collect();
            }
            TapeKind::Frame(text) => {
                if let Some(event) = json::read::<Event<'_>>(text) {
                    self.scan_event(floor, connection, &event);
                }
            }
            TapeKind::RestReply { .. } => {}
        }
        Vec::new()
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        self.now_ms = floor.now_ns / 1_000_000;
        let (TapeKind::Frame(text), [part]) = (&record.kind, &parts[..]) else { return };
        if self.play_data(floor, part, text).is_none() {
            parts.clear();
        }
    }

    fn write(
        &mut self,
        client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        _all: bool,
    ) -> Option<String> {
        let topic = &chosen.first()?.part.topic;
        let Parts { payload, body, .. } = Parts::read(text)?;
        let flags = self.clients.get(&client)?.flags;
        if payload.plain() == "cs" && flags & FLAG_CHECKSUM == 0 {
            return None;
        }
        match body {
            Some(body) => self.data(client, topic, &format!("{},{}", payload.0, body.0)),
            None => self.data(client, topic, payload.0),
        }
    }

    fn connected(&mut self, floor: &mut Floor, client: ClientId, _path: &str) {
        self.clients.insert(client, Client::default());
        floor.send(client, format!(
            r#"{{"event":"info","version":2,"serverId":"00000000-0000-4000-8000-{:012x}","platform":{{"status":1}}}}"#,
            client.0
        ));
    }

    fn disconnected(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let Some(event) = json::read::<Event<'_>>(text) else {
            return floor
                .send(client, r#"{"event":"error","msg":"Unknown event","code":10000}"#.into());
        };
        let answer = match event.event.map_or("", Raw::plain) {
            "conf" => {
                let flags = event.flags.and_then(Raw::unsigned).unwrap_or(0);
                self.clients.entry(client).or_default().flags = flags;
                format!(r#"{{"event":"conf","status":"OK","flags":{flags}}}"#)
            }
            "subscribe" => self.subscribe(floor, client, &event),
            "unsubscribe" => self.unsubscribe(floor, client, &event),
            "ping" => {
                let cid = event.cid.and_then(Raw::signed);
                let cid = cid.map_or(String::new(), |cid| format!(r#","cid":{cid}"#));
                format!(r#"{{"event":"pong","ts":{}{cid}}}"#, self.now_ms)
            }
            _ => error(UNKNOWN_EVENT, "Unknown event", &event),
        };
        floor.send(client, answer);
    }

    fn opening(
        &mut self,
        floor: &Floor,
        client: ClientId,
        topic: &Topic,
        _name: &str,
    ) -> Option<String> {
        if topic.channel == TICKER {
            let ticker = self.tickers.get(&topic.symbol)?.clone();
            return self.data(client, topic, &ticker);
        }
        if topic.channel != BOOK {
            return None;
        }
        let book = floor.live_book(&topic.symbol)?;
        let mut levels = Vec::new();
        for (side, sign) in [(Side::Bid, ""), (Side::Ask, "-")] {
            levels.extend(
                book.best_first(side)
                    .map(|level| format!("[{},{},{sign}{}]", level.price, level.note, level.qty)),
            );
        }
        self.data(client, topic, &array(levels))
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        None
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        if let Some(body) = floor.listing(path).map(str::to_owned) {
            floor.reply(rest, 200, body);
        } else if split_url(path).0 == "/v2/conf/pub:list:pair:exchange" {
            let pairs =
                floor.symbols().into_iter().map(|symbol| quoted(symbol.trim_start_matches('t')));
            let body = format!("[{}]", array(pairs));
            floor.reply(rest, 200, body);
        } else {
            floor.reply(rest, 404, r#"["error",10020,"path: invalid"]"#.to_owned());
        }
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        match topic.channel.as_str() {
            BOOK => floor.book_mut(&topic.symbol).clear(),
            TICKER => {
                self.tickers.remove(&topic.symbol);
            }
            _ => {}
        }
    }

    fn idle(&mut self, floor: &mut Floor, now_ns: u64) {
        if !self.beat.is_due(now_ns) {
            return;
        }
        for (&client, held) in &mut self.clients {
            for topic in held.topics() {
                if let Some(beat) = held.data(&topic, r#""hb""#, now_ns / 1_000_000) {
                    floor.send(client, beat);
                }
            }
        }
    }

    fn maintenance(&mut self, floor: &mut Floor) {
        for client in floor.client_ids() {
            floor.send(client, r#"{"event":"info","code":20060,"msg":"Entering in Maintenance mode. Please pause any activity and resume after receiving the info message 20061 (it should take 120 seconds at most)."}"#.to_owned());
        }
    }
}
