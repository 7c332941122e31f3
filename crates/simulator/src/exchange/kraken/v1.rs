//! WebSocket v1: `[channel id, payload, (payload,) "channel name", "pair"]`.
//! <https://docs.kraken.com/exchange/api-reference/spot-websocket-v1/book>

use super::book::{Change, Ends, Entry};
use super::view::Said;
use super::{BOOK, Kraken, as_string, depth_of};
use crate::exchange::desk::{Chosen, Part, Place, Topic};
use crate::exchange::floor::Floor;
use crate::exchange::json::{self, Raw, quoted};
use crate::exchange::splice::{array, spliced};
use serde::Deserialize;

/// One payload of a book message.
#[derive(Clone, Copy, Default, Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "as")]
    ask_snapshot: Option<Raw<'a>>,
    #[serde(borrow, rename = "bs")]
    bid_snapshot: Option<Raw<'a>>,
    #[serde(borrow)]
    a: Option<Raw<'a>>,
    #[serde(borrow)]
    b: Option<Raw<'a>>,
    #[serde(borrow)]
    c: Option<Raw<'a>>,
}

/// Every field of every event used.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow, rename = "channelID")]
    channel_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "channelName")]
    channel_name: Option<Raw<'a>>,
    #[serde(borrow)]
    pair: Option<Raw<'a>>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
}

/// A message taken apart.
struct Message<'a> {
    id: Raw<'a>,
    payloads: Vec<Raw<'a>>,
    name: String,
    pair: String,
}

impl<'a> Message<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let items: Vec<Raw<'a>> = json::read(text)?;
        let [id, payloads @ .., name, pair] = &items[..] else { return None };
        if payloads.is_empty() {
            return None;
        }
        let (name, pair) = (name.string()?.into_owned(), pair.string()?.into_owned());
        Some(Self { id: *id, payloads: payloads.to_vec(), name, pair })
    }

    /// The payloads of a book message in one.
    fn whole(&self) -> Option<Payload<'a>> {
        let mut whole = Payload::default();
        for payload in &self.payloads {
            let Payload { ask_snapshot, bid_snapshot, a, b, c } = json::read(payload.0)?;
            whole = Payload {
                ask_snapshot: whole.ask_snapshot.or(ask_snapshot),
                bid_snapshot: whole.bid_snapshot.or(bid_snapshot),
                a: whole.a.or(a),
                b: whole.b.or(b),
                c: whole.c.or(c),
            };
        }
        Some(whole)
    }
}

impl Payload<'_> {
    fn is_snapshot(&self) -> bool {
        self.ask_snapshot.or(self.bid_snapshot).is_some()
    }
}

/// Levels with their times.
fn entries(array: Option<Raw<'_>>) -> Option<Vec<Entry<'_>>> {
    let Some(array) = array else { return Some(Vec::new()) };
    let levels = array.levels()?.into_iter();
    let entry = levels.map(|level| {
        let time = level.rest.first().map_or(r#""0.000000""#, |time| time.0);
        (level.price.plain(), level.qty.plain(), time)
    });
    Some(entry.collect())
}

fn change<'a>(payload: &Payload<'a>) -> Option<Change<'a>> {
    let asks = entries(payload.ask_snapshot.or(payload.a))?;
    let bids = entries(payload.bid_snapshot.or(payload.b))?;
    // Times of one message have the same length, so that texts order as times do.
    let time = asks.iter().chain(&bids).map(|(_, _, time)| *time).max().unwrap_or(r#""0.000000""#);
    Some(Change { bids, asks, checksum: payload.c.map(Raw::plain), time })
}

impl Kraken {
    pub(super) fn scan_v1(&mut self, floor: &mut Floor, text: &str) -> Option<Part> {
        let message = Message::read(text)?;
        let (name, pair) = (message.name.as_str(), message.pair.as_str());
        let key = (name.to_owned(), pair.to_owned());
        if let Some(id) = message.id.unsigned() {
            self.channels.entry(key).or_insert(id);
        }
        let Some(depth) = depth_of(name) else {
            let known = matches!(name, "trade" | "ticker" | "spread");
            return known.then(|| Part::whole(Topic::new(name, pair), name, Place::Alone));
        };
        self.see_depth(pair, depth);
        let whole = message.whole()?;
        let place = if whole.is_snapshot() { Place::Opening } else { Place::Following };
        if place == Place::Opening {
            let Change { bids, asks, .. } = change(&whole)?;
            for (price, qty, _) in bids.iter().chain(&asks) {
                self.see_level(floor, pair, price, qty);
            }
        }
        Some(Part::whole(Topic::new(BOOK, pair), name, place))
    }

    /// Whether the text is an event of v1. Acknowledgements tell ids and depths.
    pub(super) fn scan_v1_event(&mut self, floor: &mut Floor, text: &str) -> bool {
        let Some(event) = json::read::<Event<'_>>(text) else { return false };
        let told = (event.channel_name.and_then(Raw::string), event.pair.and_then(Raw::string));
        if let (Some(name), Some(pair)) = told
            && event.status.is_some_and(|status| status.plain() == "subscribed")
        {
            floor.know(&pair);
            if let Some(depth) = depth_of(&name) {
                self.see_depth(&pair, depth);
            }
            if let Some(id) = event.channel_id.and_then(Raw::unsigned) {
                self.channels.entry((name.into_owned(), pair.into_owned())).or_insert(id);
            }
        }
        event.event.is_some()
    }

    pub(super) fn play_v1(&mut self, floor: &mut Floor, text: &str, parts: &mut Vec<Part>) {
        let [part] = &parts[..] else { return };
        if part.topic.channel != BOOK {
            return;
        }
        let whole = Message::read(text).and_then(|message| message.whole());
        let change = whole.as_ref().and_then(change);
        if !change.is_some_and(|change| self.play_book(floor, part, &change)) {
            parts.clear();
        }
    }

    pub(super) fn write_v1(&mut self, text: &str, chosen: &Chosen<'_>) -> Option<String> {
        let Chosen { part, name } = chosen;
        let symbol = &part.topic.symbol;
        if let Some(depth) = depth_of(name)
            && let Some(view) = self.views.get(&(part.item, depth))
        {
            return view.clone();
        }
        // A tape of several connections has several ids for a channel; we gave one.
        let id = self.channel_id(&part.name, symbol);
        let head = text.trim_start().strip_prefix('[').map(str::trim_start);
        if head.is_some_and(|head| head.strip_prefix(&id.to_string()).is_some_and(ends)) {
            return Some(text.to_owned());
        }
        let message = Message::read(text)?;
        Some(spliced(text, &[(message.id, &id.to_string())]))
    }
}

/// Whether a number ends here.
fn ends(rest: &str) -> bool {
    rest.trim_start().starts_with(',')
}

/// Where a message belongs.
pub(super) struct Address<'a> {
    pub(super) id: u64,
    pub(super) name: &'a str,
    pub(super) symbol: &'a str,
}

/// A book message of our own: a snapshot carries no checksum.
pub(super) fn book(
    address: &Address<'_>,
    snapshot: bool,
    bids: &[Said],
    asks: &[Said],
    ends: &Ends,
) -> String {
    let side = |levels: &[Said]| {
        array(levels.iter().map(|(price, qty, time)| {
            let time = if time.is_empty() { as_string(&ends.time) } else { time.clone() };
            format!(r#"["{price}","{qty}",{time}]"#)
        }))
    };
    let (bids, asks) = (side(bids), side(asks));
    let payload = if snapshot {
        format!(r#"{{"as":{asks},"bs":{bids}}}"#)
    } else {
        let checksum = ends.checksum.as_ref();
        let checksum = checksum.map_or(String::new(), |sum| format!(r#","c":"{sum}""#));
        match (asks.as_str(), bids.as_str()) {
            (asks, "[]") => format!(r#"{{"a":{asks}{checksum}}}"#),
            ("[]", bids) => format!(r#"{{"b":{bids}{checksum}}}"#),
            (asks, bids) => format!(r#"{{"a":{asks}}},{{"b":{bids}{checksum}}}"#),
        }
    };
    let Address { id, name, symbol } = address;
    format!("[{id},{payload},{},{}]", quoted(name), quoted(symbol))
}

#[cfg(test)]
mod tests {
    use super::super::book_name;
    use super::*;

    #[test]
    fn messages_of_our_own() {
        let ends = Ends { depth: 10, checksum: Some("7".into()), time: r#""2.5""#.into() };
        let said = |time: &str| vec![("1.50".to_owned(), "2.0".to_owned(), time.to_owned())];
        let name = book_name(10);
        let address = Address { id: 5, name: &name, symbol: "XBT/USD" };
        assert_eq!(
            book(&address, false, &said(""), &said(r#""1.0""#), &ends),
            r#"[5,{"a":[["1.50","2.0","1.0"]]},{"b":[["1.50","2.0","2.5"]],"c":"7"},"book-10","XBT/USD"]"#
        );
        assert_eq!(
            book(&address, true, &said(""), &[], &ends),
            r#"[5,{"as":[],"bs":[["1.50","2.0","2.5"]]},"book-10","XBT/USD"]"#
        );
        assert_eq!(
            book(&address, false, &said(""), &[], &ends),
            r#"[5,{"b":[["1.50","2.0","2.5"]],"c":"7"},"book-10","XBT/USD"]"#
        );
    }
}
