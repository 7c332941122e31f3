//! BitMEX.
//! <https://www.bitmex.com/app/wsAPI>
//!
//! A topic is a table and a symbol. `orderBookL2` and `orderBookL2_25` are one book, that of the
//! tape, under the name the client gave it. Levels are addressed by id. Whoever subscribes in the
//! middle gets a `partial`: of a book its levels, of an instrument its fields as updates have left
//! them, of quotes and trades the last row.

mod request;
mod rows;

use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Decimals, Floor, Subscribed, split_url, step_text};
use super::json::{self, Raw, quoted};
use super::splice::{array, spliced};
use super::{ClientId, RestId, TapeKind, TapeRecord};
use crate::text::rfc3339;
use rows::{Action, Books, Row};
use serde::Deserialize;
use std::collections::BTreeMap;

const BOOK: &str = "orderBookL2";
const INSTRUMENT: &str = "instrument";
/// Most bytes of a request that the answers to its topics repeat, all together.
const ECHO_BYTES_LIMIT: usize = 1 << 20;

pub(crate) struct Bitmex {
    books: Books,
    /// The last row of each quote and trade, and each instrument's fields.
    rows: BTreeMap<Topic, Vec<(String, String)>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    table: Option<Raw<'a>>,
    #[serde(borrow)]
    action: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    filter: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
}

fn symbol_of(raw: Raw<'_>) -> Option<String> {
    Some(json::read::<Owner<'_>>(raw.0)?.symbol?.string()?.into_owned())
}

/// The topic's channel for a table, if it is carried here.
fn channel_of(table: &str) -> Option<&'static str> {
    Some(match table {
        BOOK | "orderBookL2_25" => BOOK,
        "quote" => "quote",
        "trade" => "trade",
        INSTRUMENT => INSTRUMENT,
        _ => return None,
    })
}

impl Message<'_> {
    /// Table, what is done to it, and its rows.
    fn parts(&self) -> Option<(&str, Action, Vec<Raw<'_>>)> {
        let action = Action::named(self.action?.plain())?;
        Some((self.table?.plain(), action, self.data?.items()))
    }
}

impl Bitmex {
    pub(crate) fn new() -> Self {
        Self { books: Books::default(), rows: BTreeMap::new() }
    }

    /// Keeps what whoever subscribes later is to get.
    fn keep(&mut self, topic: &Topic, action: Action, row: Raw<'_>) {
        let kept = self.rows.entry(topic.clone()).or_default();
        if topic.channel != INSTRUMENT || action == Action::Partial {
            kept.clear();
        }
        for (key, value) in row.fields() {
            match kept.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => known.1 = value.0.to_owned(),
                None => kept.push((key, value.0.to_owned())),
            }
        }
    }

    /// Subscribes by `table:symbol`, or to every symbol by `table`.
    fn subscribe(floor: &mut Floor, client: ClientId, text: &str, topic: &str) -> String {
        let (table, symbol) = topic.split_once(':').unwrap_or((topic, ""));
        let Some(channel) = channel_of(table) else {
            return request::refused(&format!("Unknown table: {table}"), text);
        };
        if !symbol.is_empty() && !floor.is_known(symbol) {
            return request::refused("Unknown or expired symbol.", text);
        }
        let symbols = match symbol {
            "" => floor.symbols(),
            symbol => vec![symbol.to_owned()],
        };
        for symbol in &symbols {
            match floor.subscribe(client, Topic::new(channel, symbol), table) {
                Subscribed::New => {}
                Subscribed::Already if symbols.len() > 1 => {}
                Subscribed::Already => {
                    let already = format!("You are already subscribed to this topic: {topic}");
                    return request::refused(&already, text);
                }
                Subscribed::TooMany => return request::refused("Too many subscriptions.", text),
            }
        }
        request::done("subscribe", topic, text)
    }

    fn unsubscribe(floor: &mut Floor, client: ClientId, text: &str, topic: &str) -> String {
        let (table, symbol) = topic.split_once(':').unwrap_or((topic, ""));
        let held = floor.clients.get(&client).map(|client| &client.subscriptions);
        let meant = |held: &&Topic| {
            channel_of(table) == Some(held.channel.as_str())
                && (symbol.is_empty() || held.symbol == symbol)
        };
        let topics: Vec<Topic> =
            held.into_iter().flat_map(|held| held.keys()).filter(meant).cloned().collect();
        let mut found = false;
        for topic in topics {
            found |= floor.unsubscribe(client, &topic, table);
        }
        if !found {
            let missing = format!("You are not subscribed to this topic: {topic}");
            return request::refused(&missing, text);
        }
        request::done("unsubscribe", topic, text)
    }

    fn instruments(floor: &mut Floor, rest: RestId) {
        let instrument = |(symbol, seen): (String, Decimals)| {
            format!(
                r#"{{"symbol":{},"state":"Open","tickSize":{},"lotSize":{}}}"#,
                quoted(&symbol),
                step_text(seen.price),
                step_text(seen.qty)
            )
        };
        let body = array(floor.known().into_iter().map(instrument));
        floor.reply(rest, 200, body);
    }
}

impl Desk for Bitmex {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let text = match &record.kind {
            TapeKind::Frame(text) => text,
            TapeKind::Sent(text) => {
                for topic in request::read(text).into_iter().flat_map(|(_, topics)| topics) {
                    if let Some((_, symbol)) = topic.split_once(':') {
                        floor.know(symbol);
                    }
                }
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        let Some((table, action, rows)) = message.parts() else { return Vec::new() };
        let Some(channel) = channel_of(table) else { return Vec::new() };
        let place = match (channel, action) {
            (BOOK | INSTRUMENT, Action::Partial) => Place::Opening,
            (BOOK | INSTRUMENT, _) => Place::Following,
            _ => Place::Alone,
        };
        let mut symbols: Vec<String> = Vec::new();
        for row in &rows {
            let Some(symbol) = symbol_of(*row) else { continue };
            if channel == BOOK
                && place == Place::Opening
                && let Some(Row { price: Some(price), size: Some(size), .. }) = json::read(row.0)
            {
                floor.see_level(&symbol, price.plain(), size.plain());
            }
            if !symbols.contains(&symbol) {
                symbols.push(symbol);
            }
        }
        if rows.is_empty() && place == Place::Opening {
            // A book without orders is told by the filter alone.
            symbols.extend(message.filter.and_then(symbol_of));
        }
        symbols
            .iter()
            .map(|symbol| Part::whole(Topic::new(channel, symbol), table, place))
            .collect()
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let TapeKind::Frame(text) = &record.kind else { return };
        if parts.is_empty() {
            // Not one of ours; perhaps not even fit to be read.
            return;
        }
        let Some(message) = json::read::<Message<'_>>(text) else { return };
        let Some((_, action, rows)) = message.parts() else { return };
        for part in parts.iter() {
            let (topic, of_part) = (&part.topic, rows.iter().copied());
            let of_part =
                of_part.filter(|row| symbol_of(*row).as_deref() == Some(&*part.topic.symbol));
            if topic.channel == BOOK {
                let rows = of_part.filter_map(|row| json::read::<Row<'_>>(row.0));
                self.books.play(floor.book_mut(&topic.symbol), &topic.symbol, action, rows);
            } else {
                of_part.for_each(|row| self.keep(topic, action, row));
            }
        }
    }

    fn write(
        &mut self,
        _client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        all: bool,
    ) -> Option<String> {
        let first = chosen.first()?;
        let renamed = quoted(first.name);
        if all && first.part.name == first.name {
            return Some(text.to_owned());
        }
        let message: Message<'_> = json::read(text)?;
        let (table, data) = (message.table?, message.data?);
        let mine = |row: &Raw<'_>| {
            let symbol = symbol_of(*row);
            chosen.iter().any(|chosen| Some(&chosen.part.topic.symbol) == symbol.as_ref())
        };
        let kept = array(data.items().into_iter().filter(mine).map(|row| row.0));
        let mut edits = [(table, renamed.as_str()), (data, kept.as_str())];
        edits.sort_by_key(|(old, _)| old.0.as_ptr());
        Some(spliced(text, &edits))
    }

    fn connected(&mut self, floor: &mut Floor, client: ClientId, path: &str) {
        let at = rfc3339(floor.now_ns, 3);
        floor.send(client, format!(
            r#"{{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","timestamp":"{at}","docs":"https://www.bitmex.com/app/wsAPI","limit":{{"remaining":179}}}}"#
        ));
        let topics = request::named_in(path);
        if topics.is_empty() {
            return;
        }
        let args = array(topics.iter().map(|topic| quoted(topic)));
        let text = format!(r#"{{"op":"subscribe","args":{args}}}"#);
        for topic in topics {
            let answer = Self::subscribe(floor, client, &text, &topic);
            floor.send(client, answer);
        }
    }

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        if text == "ping" {
            return floor.send(client, "pong".to_owned());
        }
        let Some((op, topics)) = request::read(text) else {
            return floor.send(client, request::refused("Invalid request.", "null"));
        };
        // Every answer repeats the request: many topics in a long one would make gigabytes.
        let echo = if text.len() * topics.len() > ECHO_BYTES_LIMIT { "null" } else { text };
        for topic in topics {
            let answer = match op {
                request::Op::Subscribe => Self::subscribe(floor, client, echo, &topic),
                request::Op::Unsubscribe => Self::unsubscribe(floor, client, echo, &topic),
            };
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
        if topic.channel == BOOK {
            return rows::book_partial(floor.live_book(&topic.symbol)?, &topic.symbol, name);
        }
        let row = self.rows.get(topic)?;
        let fields: Vec<String> =
            row.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
        let (row, symbol) = (format!("{{{}}}", fields.join(",")), quoted(&topic.symbol));
        let table = &topic.channel;
        Some(format!(
            r#"{{"table":"{table}","action":"partial","keys":[],"types":{{}},"filter":{{"symbol":{symbol}}},"data":[{row}]}}"#
        ))
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOK)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        if let Some(body) = floor.listing(path).map(str::to_owned) {
            floor.reply(rest, 200, body);
        } else if matches!(split_url(path).0, "/api/v1/instrument" | "/api/v1/instrument/active") {
            Self::instruments(floor, rest);
        } else {
            let body = r#"{"error":{"message":"Not Found","name":"HTTPError"}}"#;
            floor.reply(rest, 404, body.to_owned());
        }
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        if topic.channel == BOOK {
            floor.book_mut(&topic.symbol).clear();
            self.books.forget(&topic.symbol);
        } else {
            self.rows.remove(topic);
        }
    }
}
