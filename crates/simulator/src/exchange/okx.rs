//! OKX v5.
//! <https://www.okx.com/docs-v5/en/#overview-websocket-subscribe>
//! <https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel>
//! <https://www.okx.com/docs-v5/en/#error-code-websocket>
//!
//! `books`, `books-l2-tbt` and `books50-l2-tbt` are one topic, played from the deepest of them that
//! the tape has; `books5` and `bbo-tbt` are served where the tape has them. Snapshots written here
//! carry what the tape's messages carry: a checksum (0 if theirs is), ids, both or neither.

mod listing;

use super::book::TextLevel;
use super::desk::{Chosen, Desk, Part, Place, Topic};
use super::floor::{Floor, Subscribed};
use super::json::{self, Raw, Tuple, quoted};
use super::{ClientId, RestId, TapeKind, TapeRecord};
use crate::checksum;
use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_market::Side;

/// The topic of the book channels that send changes.
const BOOKS: &str = "books";
/// The channel that sends its five levels anew each time.
const BOOKS5: &str = "books5";
/// Levels a side that the checksum covers.
const CHECKSUM_LEVELS: usize = 25;

#[derive(Default)]
pub(crate) struct Okx {
    /// The channel each book is played from: the deepest that has sent a snapshot.
    played: BTreeMap<String, String>,
    books: BTreeMap<String, BookEnds>,
}

/// What a snapshot of the served book ends on.
#[derive(Clone, Debug, Default)]
struct BookEnds {
    ts: String,
    id: Option<i64>,
    has_checksum: bool,
    /// Whether the tape's checksums are checksums; since 2026 they are zero.
    checks: bool,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    arg: Option<Argument<'a>>,
    #[serde(borrow)]
    action: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
struct Argument<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "instId")]
    instrument: Option<Raw<'a>>,
    #[serde(borrow, rename = "instType")]
    kind: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    ts: Option<Raw<'a>>,
    #[serde(borrow)]
    checksum: Option<Raw<'a>>,
    #[serde(borrow, rename = "seqId")]
    id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: Option<Raw<'a>>,
    #[serde(borrow)]
    op: Option<Raw<'a>>,
    #[serde(borrow)]
    args: Option<Raw<'a>>,
}

/// How deep a book channel is among those that a book can be played from.
fn rank(channel: &str) -> Option<usize> {
    [BOOKS5, "books50-l2-tbt", "books-l2-tbt", BOOKS].iter().position(|name| *name == channel)
}

/// The topic a channel of an instrument stands for; `None` for channels the venue does not have or
/// that are not carried here.
fn topic_of(channel: &str, instrument: &str) -> Option<Topic> {
    let topic = match channel {
        BOOKS | "books-l2-tbt" | "books50-l2-tbt" => BOOKS,
        "trades" | "trades-all" => "trades",
        BOOKS5 | "bbo-tbt" | "tickers" | "instruments" | "mark-price" | "index-tickers"
        | "funding-rate" | "open-interest" | "price-limit" | "liquidation-orders" => channel,
        _ if channel.starts_with("candle") => channel,
        _ => return None,
    };
    (!instrument.is_empty()).then(|| Topic::new(topic, instrument))
}

impl Argument<'_> {
    /// Channel, and instrument or, where the channel is of a kind of them, the kind.
    fn names(&self) -> Option<(String, String)> {
        let channel = self.channel?.string()?;
        let of_kind = matches!(&*channel, "instruments" | "liquidation-orders");
        let instrument = if of_kind { self.kind? } else { self.instrument? };
        Some((channel.into_owned(), instrument.string()?.into_owned()))
    }
}

impl Okx {
    /// Whether the book is played from that channel, from here on or still.
    fn is_played(&mut self, part: &Part) -> bool {
        let symbol = &part.topic.symbol;
        let played = self.played.get(symbol);
        if played == Some(&part.name) {
            return true;
        }
        let deeper = played.is_none_or(|played| rank(&part.name) > rank(played));
        let takes_over = deeper && part.place != Place::Following;
        if takes_over {
            self.played.insert(symbol.clone(), part.name.clone());
        }
        takes_over
    }

    fn play_book(&mut self, floor: &mut Floor, part: &Part, message: &Message<'_>) -> Option<()> {
        let symbol = &part.topic.symbol;
        for raw in message.data?.items() {
            let item: Item<'_> = json::read(raw.0)?;
            let (asks, bids) = (item.asks?.levels()?, item.bids?.levels()?);
            let book = floor.book_mut(symbol);
            if part.place != Place::Following {
                book.clear();
                book.live = true;
            } else if !book.live {
                return Some(());
            }
            for (side, levels) in [(Side::Ask, &asks), (Side::Bid, &bids)] {
                for level in levels {
                    book.set(side, level.price.plain(), level.qty.plain(), &level.note());
                }
            }
            let checksum = item.checksum.and_then(Raw::signed);
            let checks = self.books.get(symbol).is_some_and(|ends| ends.checks);
            let ends = BookEnds {
                ts: item.ts.map_or("0", Raw::plain).to_owned(),
                id: item.id.and_then(Raw::signed),
                has_checksum: checksum.is_some(),
                checks: checks || checksum.is_some_and(|checksum| checksum != 0),
            };
            self.books.insert(symbol.clone(), ends);
        }
        Some(())
    }

    fn snapshot(&self, floor: &Floor, symbol: &str, name: &str) -> Option<String> {
        let (book, ends) = (floor.live_book(symbol)?, self.books.get(symbol)?);
        let side = |side| {
            let level = |level: &TextLevel| {
                let comma = if level.note.is_empty() { "" } else { "," };
                format!(r#"["{}","{}"{comma}{}]"#, level.price, level.qty, level.note)
            };
            book.best_first(side).map(level).collect::<Vec<_>>().join(",")
        };
        let best = |side| -> Vec<(String, String)> {
            let best = book.best_first(side).take(CHECKSUM_LEVELS);
            best.map(|level| (level.price.clone(), level.qty.clone())).collect()
        };
        let checksum = match (ends.has_checksum, ends.checks) {
            (false, _) => String::new(),
            (true, false) => r#","checksum":0"#.to_owned(),
            (true, true) => {
                let checksum = checksum::okx(&best(Side::Ask), &best(Side::Bid));
                format!(r#","checksum":{checksum}"#)
            }
        };
        let id = |id| format!(r#","seqId":{id},"prevSeqId":-1"#);
        let ids = ends.id.map_or(String::new(), id);
        let (asks, bids, ts) = (side(Side::Ask), side(Side::Bid), &ends.ts);
        let (name, symbol) = (quoted(name), quoted(symbol));
        Some(format!(
            r#"{{"arg":{{"channel":{name},"instId":{symbol}}},"action":"snapshot","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"{ts}"{checksum}{ids}}}]}}"#
        ))
    }

    /// Subscribes to one argument or takes it out, and says so.
    fn change(&mut self, floor: &mut Floor, client: ClientId, op: &str, id: &str, raw: Raw<'_>) {
        let names = json::read::<Argument<'_>>(raw.0).and_then(|argument| argument.names());
        let found = names.as_ref().and_then(|(channel, instrument)| topic_of(channel, instrument));
        let known = |topic: &Topic| floor.is_known(&topic.symbol);
        let Some(topic) = found.filter(known) else {
            let what = match names {
                Some((channel, instrument)) => format!("channel:{channel},instId:{instrument}"),
                None => raw.0.to_owned(),
            };
            let message = format!(
                "Wrong URL or {what} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
            );
            floor.send(client, error(client, id, "60018", &message));
            return;
        };
        let (channel, _) = names.unwrap_or_default();
        if op == "unsubscribe" {
            floor.unsubscribe(client, &topic, &channel);
        } else if floor.subscribe(client, topic, &channel) == Subscribed::TooMany {
            let message = "Too many subscriptions on this connection";
            floor.send(client, error(client, id, "60014", message));
            return;
        }
        let connection = connection_id(client);
        let said = format!(r#"{{{id}"event":"{op}","arg":{},"connId":"{connection}"}}"#, raw.0);
        floor.send(client, said);
    }
}

fn connection_id(client: ClientId) -> String {
    format!("{:08x}", client.0)
}

/// An error event; `id` is the request's, ready to stand first.
fn error(client: ClientId, id: &str, code: &str, message: &str) -> String {
    let (message, connection) = (quoted(message), connection_id(client));
    format!(r#"{{{id}"event":"error","code":"{code}","msg":{message},"connId":"{connection}"}}"#)
}

impl Desk for Okx {
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part> {
        let text = match &record.kind {
            TapeKind::Frame(text) => text,
            TapeKind::Sent(text) => {
                let request: Option<Request<'_>> = json::read(text);
                let args = request.and_then(|request| request.args);
                for raw in args.map(Raw::items).unwrap_or_default() {
                    let argument: Option<Argument<'_>> = json::read(raw.0);
                    if let Some((_, symbol)) = argument.and_then(|argument| argument.names()) {
                        floor.know(&symbol);
                    }
                }
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        let Some(data) = message.data else { return Vec::new() };
        let names = message.arg.and_then(|argument| argument.names());
        let Some((channel, symbol)) = names else { return Vec::new() };
        let Some(topic) = topic_of(&channel, &symbol) else { return Vec::new() };
        let place = match message.action.map(Raw::plain) {
            Some("snapshot") => Place::Opening,
            Some("update") => Place::Following,
            _ => Place::Alone,
        };
        if matches!(place, Place::Opening) || channel == BOOKS5 {
            for item in data.items() {
                see_levels(floor, &symbol, item);
            }
        }
        vec![Part::whole(topic, &channel, place)]
    }

    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>) {
        let (TapeKind::Frame(text), [part]) = (&record.kind, &parts[..]) else { return };
        if rank(&part.name).is_none() {
            return;
        }
        let message: Option<Message<'_>> = json::read(text);
        let played = self.is_played(part)
            && message.and_then(|message| self.play_book(floor, part, &message)).is_some();
        // Whoever asked for five levels gets them, played or not.
        if !played && part.topic.channel == BOOKS {
            parts.clear();
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
        if text == "ping" {
            floor.send(client, "pong".to_owned());
            return;
        }
        let request: Option<Request<'_>> = json::read(text);
        let args = request.as_ref().and_then(|request| request.args).map(Raw::items);
        let (Some(request), Some(args)) = (request, args.filter(|args| !args.is_empty())) else {
            let message = format!("Invalid request: {text}");
            floor.send(client, error(client, "", "60012", &message));
            return;
        };
        let id = request.id.map_or(String::new(), |id| format!(r#""id":{},"#, id.0));
        match request.op.and_then(Raw::string).as_deref() {
            Some(op @ ("subscribe" | "unsubscribe")) => {
                for raw in args {
                    self.change(floor, client, op, &id, raw);
                }
            }
            op => {
                let message = format!("Invalid op: {}", op.unwrap_or_default());
                floor.send(client, error(client, &id, "60019", &message));
            }
        }
    }

    fn opening(
        &mut self,
        floor: &Floor,
        _client: ClientId,
        topic: &Topic,
        name: &str,
    ) -> Option<String> {
        let played = self.played.get(&topic.symbol)?;
        let has_changes = topic.channel == BOOKS && played != BOOKS5;
        has_changes.then(|| self.snapshot(floor, &topic.symbol, name)).flatten()
    }

    fn snapshot_channel(&self) -> Option<&'static str> {
        Some(BOOKS)
    }

    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        listing::answer(floor, rest, path);
    }

    fn lost(&mut self, floor: &mut Floor, topic: &Topic) {
        let symbol = &topic.symbol;
        let played = self.played.get(symbol).and_then(|channel| topic_of(channel, symbol));
        if played.as_ref() == Some(topic) {
            floor.book_mut(symbol).clear();
            self.books.remove(symbol);
            self.played.remove(symbol);
        }
    }

    /// The notice before a service upgrade.
    fn maintenance(&mut self, floor: &mut Floor) {
        for client in floor.client_ids() {
            let connection = connection_id(client);
            floor.send(client, format!(
                r#"{{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"{connection}"}}"#
            ));
        }
    }
}

/// Notes the decimals of a snapshot's levels.
fn see_levels(floor: &mut Floor, symbol: &str, item: Raw<'_>) {
    let Some(item) = json::read::<Item<'_>>(item.0) else { return };
    let levels = [item.asks, item.bids].into_iter().flatten().filter_map(Raw::levels);
    for Tuple { price, qty, .. } in levels.flatten() {
        floor.see_level(symbol, price.plain(), qty.plain());
    }
}
