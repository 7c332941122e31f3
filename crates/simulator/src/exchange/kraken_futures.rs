//! Kraken Futures, WebSocket v1.
//! <https://docs.kraken.com/exchange/guides/futures/websockets>
//! <https://docs.kraken.com/exchange/api-reference/futures-websocket/book>
//!
//! `seq` counts a product's book messages, so it stays as on the tape; a snapshot of the served book
//! carries that of the last message. Products are named in any case and answered in capitals.
//! Subscribing again to what one has is answered by an alert and a fresh snapshot.

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

const BOOK: &str = "book";
const HEARTBEAT: &str = "heartbeat";
/// Feeds carried here.
const FEEDS: [&str; 5] = [BOOK, "trade", "ticker", "ticker_lite", HEARTBEAT];

pub(crate) struct KrakenFutures {
    books: BTreeMap<String, Ends>,
    beat: Beat,
}

/// What a snapshot of the served book ends on, as literal JSON.
#[derive(Clone, Debug)]
struct Ends {
    seq: String,
    timestamp: String,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    feed: Option<Raw<'a>>,
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    product_ids: Option<Raw<'a>>,
    #[serde(borrow)]
    seq: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    qty: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
}

fn levels(array: Option<Raw<'_>>) -> Option<Vec<Level<'_>>> {
    json::read(array?.0)
}

/// The products a request names, as the venue writes them.
fn products_of(request: &Message<'_>) -> Vec<String> {
    let products = request.product_ids.map(Raw::items).unwrap_or_default();
    products.into_iter().filter_map(|id| Some(id.string()?.to_ascii_uppercase())).collect()
}

fn says(event: &str, message: &str) -> String {
    format!(r#"{{"event":"{event}","message":"{message}"}}"#)
}

impl KrakenFutures {
    pub(crate) fn new() -> Self {
        // The feed's documented pace.
        Self { books: BTreeMap::new(), beat: Beat::every(1_000_000_000) }
    }

    fn play_book(&mut self, floor: &mut Floor, part: &Part, message: &Message<'_>) -> Option<()> {
        let (seq, timestamp) = (message.seq?, message.timestamp.map_or("0", |at| at.0));
        let book = floor.book_mut(&part.topic.symbol);
        if part.place == Place::Opening {
            let (bids, asks) = (levels(message.bids)?, levels(message.asks)?);
            book.clear();
            book.live = true;
            for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
                for Level { price, qty } in levels {
                    book.set(side, price.plain(), qty.plain(), "");
                }
            }
        } else if book.live {
            let side = if message.side?.plain() == "buy" { Side::Bid } else { Side::Ask };
            book.set(side, message.price?.plain(), message.qty?.plain(), "");
        }
        let ends = Ends { seq: seq.0.to_owned(), timestamp: timestamp.to_owned() };
        self.books.insert(part.topic.symbol.clone(), ends);
        Some(())
    }

    fn subscribe(floor: &mut Floor, client: ClientId, feed: &str, products: &[String]) {
        if feed == HEARTBEAT {
            floor.subscribe(client, Topic::new(HEARTBEAT, ""), feed);
            return floor.send(client, r#"{"event":"subscribed","feed":"heartbeat"}"#.to_owned());
        }
        if products.is_empty() || products.iter().any(|product| !floor.is_known(product)) {
            return floor.send(client, says("error", "Invalid product id"));
        }
        for product in products {
            let topic = Topic::new(feed, product);
            if floor.unsubscribe(client, &topic, feed) {
                let alert = says("alert", "Already subscribed to feed, re-requesting");
                floor.send(client, alert);
            }
            if floor.subscribe(client, topic, feed) == Subscribed::TooMany {
                return floor.send(client, says("error", "Too many subscriptions"));
            }
            let product = quoted(product);
            floor.send(
                client,
                format!(r#"{{"event":"subscribed","feed":"{feed}","product_ids":[{product}]}}"#),
            );
        }
    }

    fn unsubscribe(floor: &mut Floor, client: ClientId, feed: &str, products: &[String]) {
        if feed == HEARTBEAT {
            floor.unsubscribe(client, &Topic::new(HEARTBEAT, ""), feed);
            return floor.send(client, r#"{"event":"unsubscribed","feed":"heartbeat"}"#.to_owned());
        }
        for product in products {
            if !floor.unsubscribe(client, &Topic::new(feed, product), feed) {
                floor.send(client, says("alert", "Not subscribed to feed"));
                continue;
            }
            let product = quoted(product);
            floor.send(
                client,
                format!(r#"{{"event":"unsubscribed","feed":"{feed}","product_ids":[{product}]}}"#),
            );
        }
    }

    fn instruments(floor: &mut Floor, rest: RestId) {
        let instrument = |(symbol, seen): (String, super::floor::Decimals)| {
            format!(
                r#"{{"symbol":{},"tickSize":{},"contractValueTradePrecision":{},"tradeable":true}}"#,
                quoted(&symbol),
                step_text(seen.price),
                seen.qty
            )
        };
        let (list, at) =
            (array(floor.known().into_iter().map(instrument)), rfc3339(floor.now_ns, 3));
        floor.reply(
            rest,
            200,
            format!(r#"{{"result":"success","instruments":{list},"serverTime":"{at}"}}"#),
        );
    }
}

impl Desk for KrakenFutures {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let (TapeKind::Frame(text) | TapeKind::Sent(text)) = &record.kind else {
            return Vec::new();
        };
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        if matches!(record.kind, TapeKind::Sent(_)) {
            products_of(&message).iter().for_each(|product| floor.know(product));
            return Vec::new();
        }
        let (None, Some(feed)) = (message.event, message.feed) else { return Vec::new() };
        let (channel, place) = match feed.plain() {
            "book_snapshot" => (BOOK, Place::Opening),
            BOOK => (BOOK, Place::Following),
            "trade" | "trade_snapshot" => ("trade", Place::Alone),
            "ticker" => ("ticker", Place::Alone),
            "ticker_lite" => ("ticker_lite", Place::Alone),
            HEARTBEAT => {
                return vec![Part::whole(Topic::new(HEARTBEAT, ""), HEARTBEAT, Place::Alone)];
            }
            _ => return Vec::new(),
        };
        let Some(product) = message.product_id.and_then(Raw::string) else { return Vec::new() };
        for level in [message.bids, message.asks].into_iter().filter_map(levels).flatten() {
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

    fn connected(&mut self, floor: &mut Floor, client: ClientId, _path: &str) {
        floor.send(client, r#"{"event":"info","version":1}"#.to_owned());
    }

    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str) {
        let Some(request) = json::read::<Message<'_>>(text) else {
            return floor.send(client, says("error", "Json Error"));
        };
        let event = request.event.map_or("", Raw::plain);
        if event == "ping" {
            return floor.send(client, r#"{"event":"pong"}"#.to_owned());
        }
        let feed = request.feed.map_or("", Raw::plain);
        let Some(feed) = FEEDS.into_iter().find(|known| *known == feed) else {
            return floor.send(client, says("error", "Invalid feed"));
        };
        let products = products_of(&request);
        match event {
            "subscribe" => Self::subscribe(floor, client, feed, &products),
            "unsubscribe" => Self::unsubscribe(floor, client, feed, &products),
            _ => floor.send(client, says("error", "Bad request")),
        }
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
        let (book, ends) = (floor.live_book(&topic.symbol)?, self.books.get(&topic.symbol)?);
        let side = |side| {
            array(
                book.best_first(side)
                    .map(|level| format!(r#"{{"price":{},"qty":{}}}"#, level.price, level.qty)),
            )
        };
        let (bids, asks, product) = (side(Side::Bid), side(Side::Ask), quoted(&topic.symbol));
        let Ends { seq, timestamp } = ends;
        Some(format!(
            r#"{{"feed":"book_snapshot","product_id":{product},"timestamp":{timestamp},"seq":{seq},"tickSize":null,"bids":{bids},"asks":{asks}}}"#
        ))
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOK)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        if let Some(body) = floor.listing(path).map(str::to_owned) {
            floor.reply(rest, 200, body);
        } else if split_url(path).0 == "/derivatives/api/v3/instruments" {
            Self::instruments(floor, rest);
        } else {
            let at = rfc3339(floor.now_ns, 3);
            floor.reply(
                rest,
                404,
                format!(r#"{{"result":"error","error":"apiNotFound","serverTime":"{at}"}}"#),
            );
        }
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        if topic.channel == BOOK {
            floor.book_mut(&topic.symbol).clear();
            self.books.remove(&topic.symbol);
        }
    }

    fn idle(&mut self, floor: &mut Floor, now_ns: u64) {
        if !self.beat.is_due(now_ns) {
            return;
        }
        let topic = Topic::new(HEARTBEAT, "");
        for client in floor.client_ids() {
            if floor.is_subscribed(client, &topic) {
                let ms = now_ns / 1_000_000;
                floor.send(client, format!(r#"{{"feed":"heartbeat","time":{ms}}}"#));
            }
        }
    }
}
