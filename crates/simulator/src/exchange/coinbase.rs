//! Coinbase Advanced Trade.
//! <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview>
//! <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels>
//!
//! `sequence_num` counts each client's own messages from 0, whatever their channel, so every message
//! is numbered anew. Messages of several events or products are cut to what a client subscribed to;
//! the rest of their text stays as it came. A product quoted in USDC is an alias of the one in USD
//! where the tape has only that; messages name the latter, as the venue's do.

mod request;
mod rest;

use super::beat::Beat;
use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Floor, Subscribed};
use super::json::{self, Raw, quoted};
use super::splice::{array, spliced};
use super::{ClientId, RestId, TapeKind, TapeRecord};
use crate::text::{rfc3339_trimmed, seconds};
use request::{ALIAS, Request, error};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use tickhawk_market::Side;

const BOOK: &str = "level2";
const HEARTBEATS: &str = "heartbeats";
const SECOND_NS: u64 = 1_000_000_000;

pub(crate) struct Coinbase {
    /// The number of each client's next message.
    numbers: BTreeMap<ClientId, u64>,
    beat: Beat,
    beats: u64,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    sequence_num: Option<Raw<'a>>,
    #[serde(borrow)]
    events: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    updates: Option<Raw<'a>>,
    #[serde(borrow)]
    trades: Option<Raw<'a>>,
    #[serde(borrow)]
    tickers: Option<Raw<'a>>,
    #[serde(borrow)]
    candles: Option<Raw<'a>>,
    #[serde(borrow)]
    products: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Update<'a> {
    #[serde(borrow)]
    side: Raw<'a>,
    #[serde(borrow)]
    event_time: Option<Raw<'a>>,
    #[serde(borrow)]
    price_level: Raw<'a>,
    #[serde(borrow)]
    new_quantity: Raw<'a>,
}

/// Whose an entry of an event is.
#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    id: Option<Raw<'a>>,
}

impl<'a> Event<'a> {
    /// The entries of an event that is not a book's.
    fn entries(&self) -> Option<Raw<'a>> {
        self.trades.or(self.tickers).or(self.candles).or(self.products)
    }
}

/// The product an entry is of.
fn owner(entry: Raw<'_>) -> Option<String> {
    let owner: Owner<'_> = json::read(entry.0)?;
    Some(owner.product_id.or(owner.id)?.string()?.into_owned())
}

/// The topic's channel for one of the venue's: as clients name it, and as messages do.
fn channel_of(name: &str) -> Option<&'static str> {
    Some(match name {
        BOOK | "l2_data" => BOOK,
        "ticker" | "ticker_batch" => "ticker",
        "market_trades" => "market_trades",
        "candles" => "candles",
        "status" => "status",
        HEARTBEATS => HEARTBEATS,
        _ => return None,
    })
}

impl Coinbase {
    pub(crate) fn new() -> Self {
        Self { numbers: BTreeMap::new(), beat: Beat::every(SECOND_NS), beats: 0 }
    }

    fn number(&mut self, client: ClientId) -> String {
        let next = self.numbers.entry(client).or_default();
        let number = next.to_string();
        *next += 1;
        number
    }

    /// A message of the desk's own.
    fn say(&mut self, now_ns: u64, client: ClientId, channel: &str, events: &str) -> String {
        let (at, number) = (rfc3339_trimmed(now_ns, 9), self.number(client));
        format!(
            r#"{{"channel":"{channel}","client_id":"","timestamp":"{at}","sequence_num":{number},"events":{events}}}"#
        )
    }

    /// Each request is answered by the list of all subscriptions.
    fn subscriptions(&mut self, floor: &Floor, client: ClientId) -> String {
        let mut channels: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let held = floor.clients.get(&client).map(|client| &client.subscriptions);
        for (topic, subscription) in held.into_iter().flatten() {
            for name in &subscription.names {
                let shown = if topic.symbol.is_empty() { name } else { &topic.symbol };
                channels.entry(name).or_default().push(quoted(shown));
            }
        }
        let channels: Vec<String> = channels
            .into_iter()
            .map(|(name, products)| format!("{}:{}", quoted(name), array(products)))
            .collect();
        let events = format!(r#"[{{"subscriptions":{{{}}}}}]"#, channels.join(","));
        self.say(floor.now_ns, client, "subscriptions", &events)
    }

    fn play_event(floor: &mut Floor, part: &Part, event: &Event<'_>) -> Option<()> {
        let updates: Vec<Update<'_>> = json::read(event.updates?.0)?;
        let book = floor.book_mut(&part.topic.symbol);
        if part.place == Place::Opening {
            book.clear();
            book.live = true;
        } else if !book.live {
            return Some(());
        }
        for update in updates {
            let side = if update.side.plain() == "bid" { Side::Bid } else { Side::Ask };
            let time = update.event_time.map_or("", |time| time.0);
            book.set(side, update.price_level.plain(), update.new_quantity.plain(), time);
        }
        Some(())
    }

    fn book_snapshot(&mut self, floor: &Floor, client: ClientId, symbol: &str) -> Option<String> {
        let book = floor.live_book(symbol)?;
        let now = quoted(&rfc3339_trimmed(floor.now_ns, 6));
        let mut updates = Vec::new();
        for (side, word) in [(Side::Bid, "bid"), (Side::Ask, "offer")] {
            updates.extend(book.best_first(side).map(|level| {
                let time = if level.note.is_empty() { &now } else { &level.note };
                format!(
                    r#"{{"side":"{word}","event_time":{time},"price_level":{},"new_quantity":{}}}"#,
                    quoted(&level.price),
                    quoted(&level.qty)
                )
            }));
        }
        let events = format!(
            r#"[{{"type":"snapshot","product_id":{},"updates":{}}}]"#,
            quoted(symbol),
            array(updates)
        );
        Some(self.say(floor.now_ns, client, "l2_data", &events))
    }
}

/// The parts of one event.
fn parts_of(channel: &'static str, name: &str, item: usize, raw: Raw<'_>) -> Vec<Part> {
    let Some(event) = json::read::<Event<'_>>(raw.0) else { return Vec::new() };
    let part = |symbol: &str, place| {
        let name = name.to_owned();
        Part { topic: Topic::new(channel, symbol), name, place, item }
    };
    match (channel, event.entries()) {
        (HEARTBEATS, _) => vec![part("", Place::Alone)],
        (BOOK, _) => {
            let place = match event.kind.map(Raw::plain) {
                Some("snapshot") => Place::Opening,
                _ => Place::Following,
            };
            let product = event.product_id.and_then(Raw::string);
            product.map(|product| part(&product, place)).into_iter().collect()
        }
        (_, Some(entries)) => {
            let products: BTreeSet<String> =
                entries.items().into_iter().filter_map(owner).collect();
            products.iter().map(|product| part(product, Place::Alone)).collect()
        }
        _ => Vec::new(),
    }
}

/// The event with the chosen products' entries only; `None` if nothing of it was chosen.
fn cut(raw: Raw<'_>, item: usize, chosen: &[Chosen<'_>]) -> Option<String> {
    let products: BTreeSet<&str> = chosen
        .iter()
        .filter(|chosen| chosen.part.item == item)
        .map(|chosen| chosen.part.topic.symbol.as_str())
        .collect();
    if products.is_empty() {
        return None;
    }
    let event: Event<'_> = json::read(raw.0)?;
    let Some(entries) = event.entries() else { return Some(raw.0.to_owned()) };
    let kept = entries.items().into_iter();
    let kept = kept.filter(|entry| owner(*entry).is_some_and(|owner| products.contains(&*owner)));
    Some(spliced(raw.0, &[(entries, &array(kept.map(|entry| entry.0)))]))
}

impl Desk for Coinbase {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let text = match &record.kind {
            TapeKind::Frame(text) => text,
            TapeKind::Sent(text) => {
                let request: Option<Request<'_>> = json::read(text);
                let products = request.iter().flat_map(Request::products);
                for product in products.filter(|product| !product.ends_with(ALIAS)) {
                    floor.know(&product);
                }
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        let Some(said) = message.channel.and_then(Raw::string) else { return Vec::new() };
        let Some(channel) = channel_of(&said) else { return Vec::new() };
        let name = if channel == BOOK { BOOK } else { &*said };
        let events = message.events.map(Raw::items).unwrap_or_default();
        let parts: Vec<Part> = events
            .iter()
            .enumerate()
            .flat_map(|(item, event)| parts_of(channel, name, item, *event))
            .collect();
        for part in parts.iter().filter(|part| part.place == Place::Opening) {
            let event: Option<Event<'_>> = json::read(events[part.item].0);
            let updates = event.and_then(|event| json::read::<Vec<Update<'_>>>(event.updates?.0));
            for update in updates.into_iter().flatten() {
                let (price, qty) = (update.price_level.plain(), update.new_quantity.plain());
                floor.see_level(&part.topic.symbol, price, qty);
            }
        }
        parts
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let TapeKind::Frame(text) = &record.kind else { return };
        if parts.first().is_none_or(|part| part.topic.channel != BOOK) {
            return;
        }
        let message: Option<Message<'_>> = json::read(text);
        let events = message.and_then(|message| message.events).map(Raw::items).unwrap_or_default();
        parts.retain(|part| {
            let event = events.get(part.item).and_then(|event| json::read::<Event<'_>>(event.0));
            event.is_some_and(|event| Self::play_event(floor, part, &event).is_some())
        });
    }

    fn write(
        &mut self,
        client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        all: bool,
    ) -> Option<String> {
        let message: Message<'_> = json::read(text)?;
        let (channel, events) = (message.channel?, message.events?);
        let number = self.number(client);
        let mut edits = Vec::with_capacity(3);
        let first = chosen.first()?;
        let renamed = quoted(first.name);
        if first.part.name != first.name {
            edits.push((channel, renamed.as_str()));
        }
        edits.extend(message.sequence_num.map(|old| (old, number.as_str())));
        let kept;
        if !all {
            let items = events.items().into_iter().enumerate();
            kept = array(items.filter_map(|(item, event)| cut(event, item, chosen)));
            edits.push((events, kept.as_str()));
        }
        edits.sort_by_key(|(old, _)| old.0.as_ptr());
        Some(spliced(text, &edits))
    }

    fn connected(&mut self, _floor: &mut Floor, client: ClientId, _path: &str) {
        self.numbers.insert(client, 0);
    }

    fn disconnected(&mut self, client: ClientId) {
        self.numbers.remove(&client);
    }

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let Some(request) = json::read::<Request<'_>>(text) else {
            return floor.send(client, error("malformed JSON"));
        };
        let (subscribe, wanted) = match request.kind.map(Raw::plain) {
            Some("subscribe") => (true, request.wanted(floor)),
            Some("unsubscribe") => (false, request.wanted(floor)),
            _ => (false, Err(error("type must be subscribe or unsubscribe"))),
        };
        let (topics, name) = match wanted {
            Ok(wanted) => wanted,
            Err(refusal) => return floor.send(client, refusal),
        };
        for topic in topics {
            if !subscribe {
                floor.unsubscribe(client, &topic, &name);
            } else if floor.subscribe(client, topic, &name) == Subscribed::TooMany {
                return floor.send(client, error("too many subscriptions"));
            }
        }
        let answer = self.subscriptions(floor, client);
        floor.send(client, answer);
    }

    fn opening(
        &mut self,
        floor: &Floor,
        client: ClientId,
        topic: &Topic,
        _name: &str,
    ) -> Option<String> {
        if topic.channel != BOOK {
            return None;
        }
        self.book_snapshot(floor, client, &topic.symbol)
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOK)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        rest::answer(floor, rest, path);
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        if topic.channel == BOOK {
            floor.book_mut(&topic.symbol).clear();
        }
    }

    fn idle(&mut self, floor: &mut Floor, now_ns: u64) {
        if !self.beat.is_due(now_ns) {
            return;
        }
        self.beats += 1;
        let (at, beats) = (seconds(now_ns, ' '), self.beats);
        let events = format!(
            r#"[{{"current_time":"{at} +0000 UTC m=+{beats}.000000000","heartbeat_counter":{beats}}}]"#
        );
        let topic = Topic::new(HEARTBEATS, "");
        for client in floor.client_ids() {
            if floor.is_subscribed(client, &topic) {
                let beat = self.say(now_ns, client, HEARTBEATS, &events);
                floor.send(client, beat);
            }
        }
    }
}
