//! Binance spot, Binance.US, USD-M and COIN-M futures.
//! <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>
//!
//! Streams are named in the path or by `SUBSCRIBE`; the form (raw on `/ws`, wrapped on `/stream`)
//! is the client's, whatever the tape's. Snapshots are a matter of REST: whoever asks before the
//! tape's recorded snapshot was played gets that one when it is, later ones get the book as it
//! stands. As at the venue, a stream that does not exist is acknowledged and stays silent.

mod feed;
mod rest;
mod stream;

use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Floor, Subscribed, split_url};
use super::json::{self, Raw, quoted};
use super::{ClientId, RestId, TapeKind, TapeRecord};
use feed::{Diff, Feed, Snapshot};
use rest::Waiting;
use serde::Deserialize;
use std::collections::BTreeMap;
use stream::{DEPTH, Message, of_message, topic_of};

pub(crate) struct Binance {
    futures: bool,
    feeds: BTreeMap<String, Feed>,
    /// The first symbol of each of the tape's connections: whose a snapshot without a name is.
    first_seen: BTreeMap<u16, String>,
    /// Clients that want `{"stream":..,"data":..}`.
    wrapped: BTreeMap<ClientId, bool>,
    waiting: Vec<Waiting>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    method: Option<Raw<'a>>,
    #[serde(borrow)]
    params: Option<Raw<'a>>,
    #[serde(borrow)]
    id: Option<Raw<'a>>,
}

/// The channel of a snapshot that does not say whose it is.
fn bare(connection: u16) -> Topic {
    Topic::new(&format!("snapshot of connection {connection}"), "")
}

impl Binance {
    pub(crate) fn spot() -> Self {
        Self::new(false)
    }

    pub(crate) fn futures() -> Self {
        Self::new(true)
    }

    fn new(futures: bool) -> Self {
        Self {
            futures,
            feeds: BTreeMap::new(),
            first_seen: BTreeMap::new(),
            wrapped: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Whose a REST body is: the query says, else the body, else the connection.
    fn part_of_body(&self, url: Option<&str>, body: &str, connection: u16) -> Option<Part> {
        let snapshot: Snapshot<'_> = json::read(body)?;
        snapshot.last_id?;
        let query = url.map(|url| split_url(url).1);
        let asked = query.and_then(|query| super::floor::query_value(query, "symbol"));
        let named = asked.map(str::to_owned).or_else(|| snapshot.symbol?.string().map(Into::into));
        let symbol = named.or_else(|| self.first_seen.get(&connection).cloned());
        let topic = match symbol {
            Some(symbol) => Topic::new(DEPTH, &symbol.to_ascii_uppercase()),
            None => bare(connection),
        };
        Some(Part::whole(topic, "", Place::Alone))
    }

    fn scan_frame(&mut self, floor: &mut Floor, connection: u16, text: &str) -> Option<Part> {
        let outer: Message<'_> = json::read(text)?;
        if outer.last_id.is_some() && outer.stream.is_none() && outer.event.is_none() {
            let part = self.part_of_body(None, text, connection)?;
            rest::see_levels(floor, &part.topic.symbol, text);
            return Some(part);
        }
        let (topic, name) = of_message(&outer)?;
        self.first_seen.entry(connection).or_insert_with(|| topic.symbol.clone());
        Some(Part::whole(topic, &name, Place::Alone))
    }

    /// A snapshot of the tape: sets the book where it is behind, and goes to who waits for it.
    fn play_snapshot(&mut self, floor: &mut Floor, part: &Part, connection: u16, body: &str) {
        let symbol = match part.topic.symbol.as_str() {
            "" => self.first_seen.get(&connection).cloned().unwrap_or_default(),
            symbol => symbol.to_owned(),
        };
        let Some(snapshot) = json::read::<Snapshot<'_>>(body) else { return };
        if symbol.is_empty() {
            return;
        }
        let feed = self.feeds.entry(symbol.clone()).or_default();
        feed.snapshot(self.futures, floor.book_mut(&symbol), &snapshot);
        if floor.live_book(&symbol).is_some() {
            for waiting in self.take_waiting(&symbol) {
                floor.reply(waiting.rest, 200, body.to_owned());
            }
        }
    }

    fn play_diff(&mut self, floor: &mut Floor, part: &Part, text: &str) {
        let data = stream::data_of(text);
        let Some(diff) = json::read::<Diff<'_>>(data) else { return };
        let symbol = &part.topic.symbol;
        let feed = self.feeds.entry(symbol.clone()).or_default();
        feed.diff(self.futures, floor.book_mut(symbol), &diff, data);
    }

    /// Carries a request out; the error where it is refused.
    fn carry_out(
        &mut self,
        floor: &mut Floor,
        client: ClientId,
        request: &Request<'_>,
    ) -> Result<String, String> {
        let method = request.method.ok_or("Invalid request: missing field `method`")?;
        let params = request.params.map(Raw::items).unwrap_or_default();
        let name = |raw: &Raw<'_>| raw.string().map(|name| name.into_owned());
        let names = || -> Result<Vec<String>, String> {
            let names: Option<Vec<String>> = params.iter().map(name).collect();
            names.ok_or_else(|| "Invalid request: parameters must be strings".to_owned())
        };
        match method.plain() {
            "SUBSCRIBE" => self.subscribe(floor, client, &names()?)?,
            "UNSUBSCRIBE" => {
                for name in names()? {
                    floor.unsubscribe(client, &topic_of(&name), &name);
                }
            }
            "LIST_SUBSCRIPTIONS" => {
                let entry = floor.clients.get(&client);
                let held = entry.into_iter().flat_map(|client| client.subscriptions.values());
                let names: Vec<String> =
                    held.flat_map(|held| &held.names).map(|name| quoted(name)).collect();
                return Ok(format!("[{}]", names.join(",")));
            }
            "SET_PROPERTY" if params.first().is_some_and(|key| key.plain() == "combined") => {
                let on = params.get(1).map(|value| value.0);
                if !matches!(on, Some("true" | "false")) {
                    return Err("Invalid value type: expected Boolean".to_owned());
                }
                self.wrapped.insert(client, on == Some("true"));
            }
            "GET_PROPERTY" if params.first().is_some_and(|key| key.plain() == "combined") => {
                return Ok(self.is_wrapped(client).to_string());
            }
            "SET_PROPERTY" | "GET_PROPERTY" => return Err("Unknown property".to_owned()),
            other => {
                return Err(format!(
                    "Invalid request: unknown variant {other}, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
                ));
            }
        }
        Ok("null".to_owned())
    }

    fn subscribe(
        &mut self,
        floor: &mut Floor,
        client: ClientId,
        names: &[String],
    ) -> Result<(), String> {
        for name in names {
            if floor.subscribe(client, topic_of(name), name) == Subscribed::TooMany {
                return Err("Invalid request: too many parameters".to_owned());
            }
        }
        Ok(())
    }

    fn is_wrapped(&self, client: ClientId) -> bool {
        self.wrapped.get(&client).copied().unwrap_or(false)
    }
}

impl Desk for Binance {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let connection = record.connection;
        let part = match &record.kind {
            TapeKind::Frame(text) => self.scan_frame(floor, connection, text),
            TapeKind::RestReply { url, status, body }
                if status.is_none_or(|status| (200..300).contains(&status)) =>
            {
                let part = self.part_of_body(url.as_deref(), body, connection);
                if let Some(part) = &part {
                    rest::see_levels(floor, &part.topic.symbol, body);
                }
                part
            }
            TapeKind::Sent(text) => {
                let request: Option<Request<'_>> = json::read(text);
                let params = request.and_then(|request| request.params);
                for name in params.map(Raw::items).unwrap_or_default() {
                    let topic = topic_of(name.plain());
                    if !topic.symbol.is_empty() {
                        floor.know(&topic.symbol);
                    }
                }
                None
            }
            _ => None,
        };
        part.into_iter().collect()
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let [part] = &parts[..] else { return };
        match &record.kind {
            TapeKind::RestReply { body, .. } => {
                self.play_snapshot(floor, part, record.connection, body);
            }
            // A snapshot among the frames was the recorder's own; nobody was sent it.
            TapeKind::Frame(text) if part.name.is_empty() => {
                self.play_snapshot(floor, part, record.connection, text);
                parts.clear();
            }
            TapeKind::Frame(text) if part.topic.channel == DEPTH => {
                self.play_diff(floor, part, text);
            }
            _ => {}
        }
    }

    fn write(
        &mut self,
        client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        _all: bool,
    ) -> Option<String> {
        let Chosen { part, name } = chosen.first()?;
        let wanted_wrapped = self.is_wrapped(client);
        if wanted_wrapped && part.name == *name && stream::is_wrapped(text) {
            return Some(text.to_owned());
        }
        let data = stream::data_of(text);
        Some(match wanted_wrapped {
            true => format!(r#"{{"stream":{},"data":{data}}}"#, quoted(name)),
            false => data.to_owned(),
        })
    }

    fn connected(&mut self, floor: &mut Floor, client: ClientId, path: &str) {
        let (wrapped, names) = stream::of_path(path);
        self.wrapped.insert(client, wrapped);
        if self.subscribe(floor, client, &names).is_err() {
            floor.close(client, 1008, "too many streams");
        }
    }

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let Some(request) = json::read::<Request<'_>>(text) else {
            let error = r#"{"error":{"code":3,"msg":"Invalid JSON: expected a request"}}"#;
            floor.send(client, error.to_owned());
            return;
        };
        let id = request.id.map_or("null", |id| id.0);
        let said = match self.carry_out(floor, client, &request) {
            Ok(result) => format!(r#"{{"result":{result},"id":{id}}}"#),
            Err(why) => format!(r#"{{"error":{{"code":2,"msg":{}}},"id":{id}}}"#, quoted(&why)),
        };
        floor.send(client, said);
    }

    fn disconnected(&mut self, client: ClientId) {
        self.wrapped.remove(&client);
    }

    fn opening(&mut self, _: &Floor, _: ClientId, _: &Topic, _: &str) -> Option<String> {
        None
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        None
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        self.answer(floor, rest, path);
    }

    fn expects_request(&self, floor: &Floor, record: &TapeRecord, parts: &[Part]) -> bool {
        let [part] = parts else { return false };
        let is_snapshot = match &record.kind {
            TapeKind::RestReply { .. } => true,
            TapeKind::Frame(_) => part.name.is_empty(),
            _ => false,
        };
        let symbol = match part.topic.symbol.as_str() {
            "" => self.first_seen.get(&record.connection).map_or("", String::as_str),
            symbol => symbol,
        };
        let topic = Topic::new(DEPTH, symbol);
        is_snapshot
            && floor.live_book(symbol).is_none()
            && floor.clients.values().any(|client| client.subscriptions.contains_key(&topic))
            && !self.waiting.iter().any(|waiting| waiting.symbol == symbol)
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        if topic.channel == DEPTH {
            floor.book_mut(&topic.symbol).clear();
            self.feeds.remove(&topic.symbol);
        }
    }

    fn ended(&mut self, floor: &mut Floor) {
        for waiting in std::mem::take(&mut self.waiting) {
            floor.reply(waiting.rest, 503, rest::UNAVAILABLE.to_owned());
        }
    }

    /// Spot announces that a server goes down; futures have no words for it.
    fn maintenance(&mut self, floor: &mut Floor) {
        if self.futures {
            return;
        }
        let data = format!(r#"{{"e":"serverShutdown","E":{}}}"#, floor.now_ns / 1_000_000);
        for client in floor.client_ids() {
            let text = match self.is_wrapped(client) {
                true => format!(r#"{{"stream":"!serverShutdown","data":{data}}}"#),
                false => data.clone(),
            };
            floor.send(client, text);
        }
    }
}
