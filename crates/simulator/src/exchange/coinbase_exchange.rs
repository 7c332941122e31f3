//! Coinbase Exchange, the older feed.
//! <https://docs.cdp.coinbase.com/exchange/websocket-feed/channels>
//! <https://docs.cdp.coinbase.com/exchange/websocket-feed/overview>
//!
//! `level2`, `level2_batch` and `level2_50` are one book, that of the tape; so are `ticker` and
//! `ticker_batch`. Messages name no channel, so they go out as they came. Nothing is numbered.

use super::beat::Beat;
use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Floor, Subscribed, split_url, step_text};
use super::json::{self, Raw, quoted};
use super::splice::array;
use super::{ClientId, RestId, TapeKind, TapeRecord};
use crate::text::rfc3339;
use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_market::Side;

const BOOK: &str = "level2";
const HEARTBEAT: &str = "heartbeat";
const STATUS: &str = "status";
const SECOND_NS: u64 = 1_000_000_000;

pub(crate) struct CoinbaseExchange {
    /// The time each book's last message told, as literal JSON.
    times: BTreeMap<String, String>,
    beat: Beat,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow)]
    changes: Option<Raw<'a>>,
    #[serde(borrow)]
    product_ids: Option<Raw<'a>>,
    #[serde(borrow)]
    channels: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct NamedChannel<'a> {
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    product_ids: Option<Raw<'a>>,
}

/// The topic's channel for a channel of the venue, if it is carried here.
fn channel_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "level2" | "level2_batch" | "level2_50" => BOOK,
        "ticker" | "ticker_batch" => "ticker",
        "matches" => "matches",
        HEARTBEAT => HEARTBEAT,
        STATUS => STATUS,
        _ => return None,
    })
}

/// Texts of an array of strings; anything else in it is left out.
fn strings(array: Option<Raw<'_>>) -> Vec<String> {
    let items = array.map(Raw::items).unwrap_or_default();
    items.into_iter().filter_map(|item| Some(item.string()?.into_owned())).collect()
}

/// Channels of a request and the products each is asked for.
fn asked(request: &Message<'_>) -> Vec<(String, Vec<String>)> {
    let all = strings(request.product_ids);
    let channels = request.channels.map(Raw::items).unwrap_or_default();
    let channel = |item: Raw<'_>| match item.string() {
        Some(name) => Some((name.into_owned(), all.clone())),
        None => {
            let channel: NamedChannel<'_> = json::read(item.0)?;
            let mut products = strings(channel.product_ids);
            products.extend(all.iter().cloned());
            Some((channel.name.string()?.into_owned(), products))
        }
    };
    channels.into_iter().filter_map(channel).collect()
}

fn error(reason: &str) -> String {
    let reason = quoted(reason);
    format!(r#"{{"type":"error","message":"Failed to subscribe","reason":{reason}}}"#)
}

impl CoinbaseExchange {
    pub(crate) fn new() -> Self {
        Self { times: BTreeMap::new(), beat: Beat::every(SECOND_NS) }
    }

    fn play_book(&mut self, floor: &mut Floor, part: &Part, message: &Message<'_>) -> Option<()> {
        let book = floor.book_mut(&part.topic.symbol);
        if part.place == Place::Opening {
            let (bids, asks) = (message.bids?.levels()?, message.asks?.levels()?);
            book.clear();
            book.live = true;
            for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
                for level in levels {
                    book.set(side, level.price.plain(), level.qty.plain(), "");
                }
            }
        } else if book.live {
            let changes: Vec<[Raw<'_>; 3]> = json::read(message.changes?.0)?;
            for [side, price, qty] in changes {
                let side = if side.plain() == "buy" { Side::Bid } else { Side::Ask };
                book.set(side, price.plain(), qty.plain(), "");
            }
        }
        if let Some(time) = message.time {
            self.times.insert(part.topic.symbol.clone(), time.0.to_owned());
        }
        Some(())
    }

    /// Why a request is refused, if it is; the channels and products it is for, if not.
    fn wanted(floor: &Floor, request: &Message<'_>) -> Result<Vec<(Topic, String)>, String> {
        let mut wanted = Vec::new();
        for (name, products) in asked(request) {
            let Some(channel) = channel_of(&name) else {
                return Err(error(&format!("{name} is not a valid channel")));
            };
            if channel == STATUS {
                wanted.push((Topic::new(STATUS, ""), name));
                continue;
            }
            if products.is_empty() {
                return Err(error(&format!("{name} requires product_ids")));
            }
            if let Some(product) = products.iter().find(|product| !floor.is_known(product)) {
                return Err(error(&format!("{product} is not a valid product")));
            }
            let topics = products.iter().map(|product| Topic::new(channel, product));
            wanted.extend(topics.map(|topic| (topic, name.clone())));
        }
        if wanted.is_empty() {
            return Err(error("No channels provided"));
        }
        Ok(wanted)
    }

    /// What the client is subscribed to, as every request is answered.
    fn subscriptions(floor: &Floor, client: ClientId) -> String {
        let mut channels: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let held = floor.clients.get(&client).map(|client| &client.subscriptions);
        for (topic, subscription) in held.into_iter().flatten() {
            for name in &subscription.names {
                let products = channels.entry(name).or_default();
                if !topic.symbol.is_empty() {
                    products.push(quoted(&topic.symbol));
                }
            }
        }
        let channel = |(name, products): (&str, Vec<String>)| {
            format!(r#"{{"name":{},"product_ids":{}}}"#, quoted(name), array(products))
        };
        let channels = array(channels.into_iter().map(channel));
        format!(r#"{{"type":"subscriptions","channels":{channels}}}"#)
    }

    fn unsubscribe(floor: &mut Floor, client: ClientId, request: &Message<'_>) {
        for (name, products) in asked(request) {
            let Some(channel) = channel_of(&name) else { continue };
            let held = floor.clients.get(&client).map(|client| &client.subscriptions);
            let of_channel = |topic: &&Topic| {
                topic.channel == channel
                    && (products.is_empty() || products.contains(&topic.symbol))
            };
            let topics: Vec<Topic> =
                held.into_iter().flat_map(|held| held.keys()).filter(of_channel).cloned().collect();
            for topic in topics {
                floor.unsubscribe(client, &topic, &name);
            }
        }
    }

    fn products(floor: &mut Floor, rest: RestId, path: &str) {
        if let Some(body) = floor.listing(path).map(str::to_owned) {
            floor.reply(rest, 200, body);
            return;
        }
        let product = |symbol: &str, price: u8, qty: u8| {
            let (base, quote) = symbol.split_once('-').unwrap_or((symbol, "USD"));
            format!(
                r#"{{"id":{},"base_currency":{},"quote_currency":{},"quote_increment":"{}","base_increment":"{}","post_only":false,"limit_only":false,"cancel_only":false,"status":"online","trading_disabled":false,"auction_mode":false}}"#,
                quoted(symbol),
                quoted(base),
                quoted(quote),
                step_text(price),
                step_text(qty)
            )
        };
        let known = floor.known();
        let one = split_url(path).0.strip_prefix("/products/");
        let body = match one {
            None => {
                Some(array(known.iter().map(|(name, seen)| product(name, seen.price, seen.qty))))
            }
            Some(one) => known
                .iter()
                .find(|(name, _)| name == one)
                .map(|(name, seen)| product(name, seen.price, seen.qty)),
        };
        match body {
            Some(body) => floor.reply(rest, 200, body),
            None => floor.reply(rest, 404, r#"{"message":"NotFound"}"#.to_owned()),
        }
    }
}

impl Desk for CoinbaseExchange {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let (TapeKind::Frame(text) | TapeKind::Sent(text)) = &record.kind else {
            return Vec::new();
        };
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        if matches!(record.kind, TapeKind::Sent(_)) {
            for product in asked(&message).into_iter().flat_map(|(_, products)| products) {
                floor.know(&product);
            }
            return Vec::new();
        }
        let (channel, place) = match message.kind.map(Raw::plain) {
            Some("snapshot") => (BOOK, Place::Opening),
            Some("l2update") => (BOOK, Place::Following),
            Some("match" | "last_match") => ("matches", Place::Alone),
            Some("ticker") => ("ticker", Place::Alone),
            Some(HEARTBEAT) => (HEARTBEAT, Place::Alone),
            Some(STATUS) => (STATUS, Place::Alone),
            _ => return Vec::new(),
        };
        let product = match channel {
            STATUS => Some("".into()),
            _ => message.product_id.and_then(Raw::string),
        };
        let Some(product) = product else { return Vec::new() };
        for level in
            [message.bids, message.asks].into_iter().flatten().flat_map(Raw::levels).flatten()
        {
            floor.see_level(&product, level.price.plain(), level.qty.plain());
        }
        vec![Part::whole(Topic::new(channel, &product), channel, place)]
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let (TapeKind::Frame(text), [part]) = (&record.kind, &parts[..]) else { return };
        if part.topic.channel != BOOK {
            return;
        }
        let message: Option<Message<'_>> = json::read(text);
        if message.is_none_or(|message| self.play_book(floor, part, &message).is_none()) {
            parts.clear();
        }
    }

    fn write(
        &mut self,
        _client: ClientId,
        text: &str,
        _chosen: &[Chosen<'_>],
        _all: bool,
    ) -> Option<String> {
        Some(text.to_owned())
    }

    fn connected(&mut self, _floor: &mut Floor, _client: ClientId, _path: &str) {}

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let Some(request) = json::read::<Message<'_>>(text) else {
            floor.send(client, error("Malformed JSON"));
            return;
        };
        match request.kind.map(Raw::plain) {
            Some("subscribe") => match Self::wanted(floor, &request) {
                Err(refusal) => return floor.send(client, refusal),
                Ok(wanted) => {
                    for (topic, name) in wanted {
                        if floor.subscribe(client, topic, &name) == Subscribed::TooMany {
                            return floor.send(client, error("too many subscriptions"));
                        }
                    }
                }
            },
            Some("unsubscribe") => Self::unsubscribe(floor, client, &request),
            _ => {
                return floor.send(client, error("Type has to be either subscribe or unsubscribe"));
            }
        }
        let answer = Self::subscriptions(floor, client);
        floor.send(client, answer);
    }

    fn opening(
        &mut self,
        floor: &Floor,
        _client: ClientId,
        topic: &Topic,
        _name: &str,
    ) -> Option<String> {
        if topic.channel != BOOK {
            return None;
        }
        let book = floor.live_book(&topic.symbol)?;
        let side = |side| {
            array(
                book.best_first(side)
                    .map(|level| format!("[{},{}]", quoted(&level.price), quoted(&level.qty))),
            )
        };
        let (asks, bids) = (side(Side::Ask), side(Side::Bid));
        let time = self.times.get(&topic.symbol);
        let time = time.map_or(String::new(), |time| format!(r#","time":{time}"#));
        let product = quoted(&topic.symbol);
        Some(format!(
            r#"{{"type":"snapshot","product_id":{product},"asks":{asks},"bids":{bids}{time}}}"#
        ))
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOK)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        match split_url(path).0 {
            "/products" => Self::products(floor, rest, path),
            path_only if path_only.starts_with("/products/") => Self::products(floor, rest, path),
            "/time" => {
                let (iso, seconds) = (rfc3339(floor.now_ns, 3), floor.now_ns / SECOND_NS);
                floor.reply(rest, 200, format!(r#"{{"iso":"{iso}","epoch":{seconds}}}"#));
            }
            _ => floor.reply(rest, 404, r#"{"message":"NotFound"}"#.to_owned()),
        }
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        if topic.channel == BOOK {
            floor.book_mut(&topic.symbol).clear();
            self.times.remove(&topic.symbol);
        }
    }

    fn idle(&mut self, floor: &mut Floor, now_ns: u64) {
        if !self.beat.is_due(now_ns) {
            return;
        }
        let at = rfc3339(now_ns, 6);
        for client in floor.client_ids() {
            let held = floor.clients[&client].subscriptions.keys();
            let beating: Vec<String> = held
                .filter(|topic| topic.channel == HEARTBEAT)
                .map(|topic| quoted(&topic.symbol))
                .collect();
            for product in beating {
                floor.send(client, format!(
                    r#"{{"type":"heartbeat","last_trade_id":0,"product_id":{product},"sequence":0,"time":"{at}"}}"#
                ));
            }
        }
    }
}
