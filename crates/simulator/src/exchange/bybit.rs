//! Bybit v5, linear (and inverse) and spot.
//! <https://bybit-exchange.github.io/docs/v5/ws/connect>
//! <https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook>
//! <https://bybit-exchange.github.io/docs/v5/websocket/public/ticker>
//!
//! A topic of any documented depth is served from the deepest book the tape has, under the name the
//! client gave it. One wrong topic refuses the whole request, as the venue does.

mod listing;

use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Floor, Subscribed};
use super::json::{self, Raw, quoted};
use super::{ClientId, RestId, TapeKind, TapeRecord};
use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_market::Side;

/// Channels as the desk spells them.
const BOOK: &str = "orderbook";
const TICKERS: &str = "tickers";

/// Depths the venue has.
const DEPTHS: [&str; 5] = ["1", "50", "200", "500", "1000"];

/// Most topics in one request to the spot service.
const SPOT_ARGS_LIMIT: usize = 10;

pub(crate) struct Bybit {
    spot: bool,
    /// The depth each book is played from: the deepest that has sent a snapshot.
    depths: BTreeMap<String, u32>,
    books: BTreeMap<String, BookEnds>,
    tickers: BTreeMap<String, Ticker>,
}

/// What a snapshot of the served book ends on.
#[derive(Clone, Debug, Default)]
struct BookEnds {
    ts: u64,
    cts: Option<u64>,
    update_id: u64,
    sequence: Option<u64>,
}

/// A ticker as its deltas have left it: fields with their literal JSON.
#[derive(Clone, Debug, Default)]
struct Ticker {
    fields: Vec<(String, String)>,
    sequence: String,
    ts: String,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    topic: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    ts: Option<Raw<'a>>,
    #[serde(borrow)]
    cts: Option<Raw<'a>>,
    #[serde(borrow)]
    cs: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Levels<'a> {
    #[serde(borrow)]
    b: Option<Raw<'a>>,
    #[serde(borrow)]
    a: Option<Raw<'a>>,
    #[serde(borrow)]
    u: Option<Raw<'a>>,
    #[serde(borrow)]
    seq: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    op: Option<Raw<'a>>,
    #[serde(borrow)]
    req_id: Option<Raw<'a>>,
    #[serde(borrow)]
    args: Option<Raw<'a>>,
}

/// The topic a name stands for, and the depth where it is a book's. `None` for what the venue does
/// not have, or what is not carried here.
fn topic_of(name: &str) -> Option<(Topic, Option<u32>)> {
    let (channel, rest) = name.split_once('.')?;
    let (topic, depth) = match channel {
        BOOK => {
            let (depth, symbol) = rest.split_once('.')?;
            if !DEPTHS.contains(&depth) {
                return None;
            }
            (Topic::new(BOOK, symbol), depth.parse().ok())
        }
        TICKERS | "publicTrade" | "allLiquidation" | "liquidation" => {
            (Topic::new(channel, rest), None)
        }
        "kline" => {
            let (interval, symbol) = rest.split_once('.')?;
            (Topic::new(&format!("kline.{interval}"), symbol), None)
        }
        _ => return None,
    };
    (!topic.symbol.is_empty()).then_some((topic, depth))
}

impl Bybit {
    pub(crate) fn linear() -> Self {
        Self::new(false)
    }

    pub(crate) fn spot() -> Self {
        Self::new(true)
    }

    fn new(spot: bool) -> Self {
        let (depths, books, tickers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { spot, depths, books, tickers }
    }

    /// Whether the book is played from messages of that depth, from here on or still.
    fn is_played(&mut self, part: &Part, depth: u32) -> bool {
        let symbol = &part.topic.symbol;
        let deepest = self.depths.get(symbol).copied().unwrap_or(0);
        if part.place == Place::Opening && depth > deepest {
            self.depths.insert(symbol.clone(), depth);
        }
        depth == deepest || (part.place == Place::Opening && depth > deepest)
    }

    fn play_book(&mut self, floor: &mut Floor, part: &Part, message: &Message<'_>) -> Option<()> {
        let levels: Levels<'_> = json::read(message.data?.0)?;
        let (bids, asks) = (levels.b?.levels()?, levels.a?.levels()?);
        let update_id = levels.u?.unsigned()?;
        let symbol = &part.topic.symbol;
        let book = floor.book_mut(symbol);
        if part.place == Place::Opening {
            book.clear();
            book.live = true;
        } else if !book.live {
            return Some(());
        }
        for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
            for level in levels {
                book.set(side, level.price.plain(), level.qty.plain(), "");
            }
        }
        let ends = BookEnds {
            ts: message.ts.and_then(Raw::unsigned).unwrap_or(0),
            cts: message.cts.and_then(Raw::unsigned),
            update_id,
            sequence: levels.seq.and_then(Raw::unsigned),
        };
        self.books.insert(symbol.clone(), ends);
        Some(())
    }

    fn play_ticker(&mut self, part: &Part, message: &Message<'_>) -> Option<()> {
        let ticker = self.tickers.entry(part.topic.symbol.clone()).or_default();
        if part.place == Place::Opening {
            ticker.fields.clear();
        }
        for (key, value) in message.data?.fields() {
            let value = value.0.to_owned();
            match ticker.fields.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => known.1 = value,
                None => ticker.fields.push((key, value)),
            }
        }
        ticker.sequence = message.cs.map_or("0", |value| value.0).to_owned();
        ticker.ts = message.ts.map_or("0", |value| value.0).to_owned();
        Some(())
    }

    fn book_snapshot(&self, floor: &Floor, symbol: &str, name: &str) -> Option<String> {
        let (book, ends) = (floor.live_book(symbol)?, self.books.get(symbol)?);
        let (bids, asks) =
            (book.json_pairs(Side::Bid, usize::MAX), book.json_pairs(Side::Ask, usize::MAX));
        let BookEnds { ts, update_id, .. } = ends;
        let sequence = ends.sequence.map_or(String::new(), |seq| format!(r#","seq":{seq}"#));
        let cts = ends.cts.map_or(String::new(), |cts| format!(r#","cts":{cts}"#));
        let (name, symbol) = (quoted(name), quoted(symbol));
        Some(format!(
            r#"{{"topic":{name},"type":"snapshot","ts":{ts},"data":{{"s":{symbol},"b":[{bids}],"a":[{asks}],"u":{update_id}{sequence}}}{cts}}}"#
        ))
    }

    fn ticker_snapshot(&self, symbol: &str, name: &str) -> Option<String> {
        let Ticker { fields, sequence, ts } = self.tickers.get(symbol)?;
        let fields: Vec<String> =
            fields.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
        let (name, fields) = (quoted(name), fields.join(","));
        Some(format!(
            r#"{{"topic":{name},"type":"snapshot","data":{{{fields}}},"cs":{sequence},"ts":{ts}}}"#
        ))
    }

    /// Why a request for these topics is refused, if it is.
    fn refusal(&self, floor: &Floor, client: ClientId, names: &[String]) -> Option<String> {
        if self.spot && names.len() > SPOT_ARGS_LIMIT {
            return Some(format!("args size >{SPOT_ARGS_LIMIT}"));
        }
        let wrong =
            |name: &&String| topic_of(name).is_none_or(|(topic, _)| !floor.is_known(&topic.symbol));
        if let Some(name) = names.iter().find(wrong) {
            return Some(format!("error:handler not found,topic:{name}"));
        }
        let twice = |name: &&String| {
            let subscription = topic_of(name)
                .and_then(|(topic, _)| floor.clients.get(&client)?.subscriptions.get(&topic));
            subscription.is_some_and(|subscription| subscription.names.contains(name))
        };
        let name = names.iter().find(twice)?;
        Some(format!("error:already subscribed,topic:{name}"))
    }

    fn subscribe(&self, floor: &mut Floor, client: ClientId, names: &[String]) -> Option<String> {
        if let Some(refusal) = self.refusal(floor, client, names) {
            return Some(refusal);
        }
        for name in names {
            let Some((topic, _)) = topic_of(name) else { continue };
            if floor.subscribe(client, topic, name) == Subscribed::TooMany {
                return Some("error:too many topics".to_owned());
            }
        }
        None
    }
}

/// `{"success":..,"ret_msg":..,"conn_id":..,"req_id":..,"op":..}`.
fn answer(
    client: ClientId,
    request: &Request<'_>,
    op: &str,
    refusal: Option<&str>,
    said: &str,
) -> String {
    let success = refusal.is_none();
    let message = quoted(refusal.unwrap_or(said));
    let id = request.req_id.map_or("\"\"", |id| id.0);
    format!(
        r#"{{"success":{success},"ret_msg":{message},"conn_id":"exchange-{:08x}","req_id":{id},"op":{}}}"#,
        client.0,
        quoted(op)
    )
}

/// The names in `args`; `None` if it holds anything but strings.
fn names(request: &Request<'_>) -> Option<Vec<String>> {
    let args = request.args.filter(|args| args.0.starts_with('['))?;
    let names = args.items().into_iter().map(|arg| arg.string().map(|name| name.into_owned()));
    names.collect()
}

impl Desk for Bybit {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let text = match &record.kind {
            TapeKind::Frame(text) => text,
            TapeKind::Sent(text) => {
                let request: Option<Request<'_>> = json::read(text);
                for name in request.as_ref().and_then(names).unwrap_or_default() {
                    if let Some((topic, _)) = topic_of(&name) {
                        floor.know(&topic.symbol);
                    }
                }
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        let Some(name) = message.topic.and_then(Raw::string) else { return Vec::new() };
        let Some((topic, depth)) = topic_of(&name) else { return Vec::new() };
        let snapshot = message.kind.map(Raw::plain) == Some("snapshot");
        let place = match topic.channel.as_str() {
            BOOK | TICKERS if snapshot => Place::Opening,
            BOOK | TICKERS => Place::Following,
            _ => Place::Alone,
        };
        if depth.is_some() && snapshot {
            see_levels(floor, &topic.symbol, message.data);
        }
        vec![Part::whole(topic, &name, place)]
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let (TapeKind::Frame(text), [part]) = (&record.kind, &parts[..]) else { return };
        let Some(message) = json::read::<Message<'_>>(text) else { return };
        if part.topic.channel == TICKERS {
            self.play_ticker(part, &message);
        } else if part.topic.channel == BOOK {
            let depth = topic_of(&part.name).and_then(|(_, depth)| depth).unwrap_or(0);
            let is_played = self.is_played(part, depth);
            if !is_played || self.play_book(floor, part, &message).is_none() {
                parts.clear();
            }
        }
    }

    fn write(
        &mut self,
        _client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        _all: bool,
    ) -> Option<String> {
        let Chosen { part, name } = chosen.first()?;
        if part.name == *name {
            return Some(text.to_owned());
        }
        Some(text.replacen(&quoted(&part.name), &quoted(name), 1))
    }

    fn connected(&mut self, _floor: &mut Floor, _client: ClientId, _path: &str) {}

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let Some(request) = json::read::<Request<'_>>(text) else {
            let request = Request { op: None, req_id: None, args: None };
            let refusal = Some("Failed to decode incoming data");
            floor.send(client, answer(client, &request, "", refusal, ""));
            return;
        };
        let op = request.op.and_then(Raw::string).unwrap_or_default();
        let said = if self.spot { &*op } else { "" };
        let reply = match (&*op, names(&request)) {
            ("ping", _) => answer(client, &request, "ping", None, "pong"),
            ("subscribe", Some(names)) => {
                let refusal = self.subscribe(floor, client, &names);
                answer(client, &request, &op, refusal.as_deref(), said)
            }
            ("unsubscribe", Some(names)) => {
                for name in &names {
                    if let Some((topic, _)) = topic_of(name) {
                        floor.unsubscribe(client, &topic, name);
                    }
                }
                answer(client, &request, &op, None, said)
            }
            ("subscribe" | "unsubscribe", None) => {
                answer(client, &request, &op, Some("error:invalid args"), "")
            }
            _ => answer(client, &request, &op, Some("error:invalid op"), ""),
        };
        floor.send(client, reply);
    }

    fn opening(
        &mut self,
        floor: &Floor,
        _client: ClientId,
        topic: &Topic,
        name: &str,
    ) -> Option<String> {
        match topic.channel.as_str() {
            BOOK => self.book_snapshot(floor, &topic.symbol, name),
            TICKERS => self.ticker_snapshot(&topic.symbol, name),
            _ => None,
        }
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOK)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        listing::answer(floor, rest, path, self.spot);
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        match topic.channel.as_str() {
            BOOK => {
                floor.book_mut(&topic.symbol).clear();
                self.books.remove(&topic.symbol);
                self.depths.remove(&topic.symbol);
            }
            TICKERS => {
                self.tickers.remove(&topic.symbol);
            }
            _ => {}
        }
    }
}

/// Notes the decimals of a snapshot's levels.
fn see_levels(floor: &mut Floor, symbol: &str, data: Option<Raw<'_>>) {
    let Some(levels) = data.and_then(|data| json::read::<Levels<'_>>(data.0)) else { return };
    let sides = [levels.b, levels.a].into_iter().flatten().filter_map(Raw::levels);
    for level in sides.flatten() {
        floor.see_level(symbol, level.price.plain(), level.qty.plain());
    }
}
