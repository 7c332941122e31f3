//! WebSocket v2: `{"channel":..,"type":..,"data":[..]}`, with several symbols in a message.
//! <https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/book>

use super::book::{Change, Entry};
use super::view::Said;
use super::{
    BOOK, INSTRUMENT, Kraken, TICKER, Version, as_string, book_name, depth_holding, depth_of,
};
use crate::exchange::desk::{Chosen, Part, Place, Topic};
use crate::exchange::floor::Floor;
use crate::exchange::json::{self, Raw, quoted};
use crate::exchange::splice::{array, spliced};
use serde::Deserialize;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    method: Option<Raw<'a>>,
    #[serde(borrow)]
    result: Option<Raw<'a>>,
}

/// Every field of every item used.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    asks: Option<Raw<'a>>,
    #[serde(borrow)]
    checksum: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    depth: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
}

#[derive(Deserialize)]
struct Instruments<'a> {
    #[serde(borrow)]
    pairs: Option<Raw<'a>>,
}

/// Channels carried here whose items each have a symbol.
const CHANNELS: [&str; 3] = [BOOK, TICKER, "trade"];

fn entries(array: Option<Raw<'_>>) -> Option<Vec<Entry<'_>>> {
    let levels: Vec<Level<'_>> = json::read(array?.0)?;
    Some(levels.into_iter().map(|level| (level.price.plain(), level.qty.plain(), "")).collect())
}

impl<'a> Item<'a> {
    fn change(&self) -> Option<Change<'a>> {
        let checksum = self.checksum.map(Raw::plain);
        let time = self.timestamp.map_or("", |at| at.0);
        Some(Change { bids: entries(self.bids)?, asks: entries(self.asks)?, checksum, time })
    }
}

impl Kraken {
    pub(super) fn scan_v2(&mut self, floor: &mut Floor, text: &str) -> Vec<Part> {
        let Some(message) = json::read::<Message<'_>>(text) else { return Vec::new() };
        if message.channel.or(message.method).is_some() {
            self.version.get_or_insert(Version::V2);
        }
        self.scan_answer(floor, message.result);
        let snapshot = message.kind.map(Raw::plain) == Some("snapshot");
        let channel = message.channel.map_or("", Raw::plain);
        let (Some(data), Some(channel)) =
            (message.data, CHANNELS.into_iter().find(|known| *known == channel))
        else {
            return match (message.data, channel) {
                (Some(data), INSTRUMENT) => {
                    vec![self.scan_instruments(floor, text, data, snapshot)]
                }
                _ => Vec::new(),
            };
        };
        let items = data.items().into_iter().enumerate();
        items
            .filter_map(|(at, item)| {
                let item: Item<'_> = json::read(item.0)?;
                let symbol = item.symbol?.string()?;
                if channel != BOOK {
                    let topic = Topic::new(channel, &symbol);
                    let name = channel.to_owned();
                    return Some(Part { topic, name, place: Place::Alone, item: at });
                }
                let place = if snapshot { Place::Opening } else { Place::Following };
                self.scan_book(floor, &symbol, &item, place);
                let depth = self.depths.get(&*symbol).copied().unwrap_or(DEFAULT_DEPTH);
                Some(Part {
                    topic: Topic::new(BOOK, &symbol),
                    name: book_name(depth),
                    place,
                    item: at,
                })
            })
            .collect()
    }

    /// Acknowledgements tell depths.
    fn scan_answer(&mut self, floor: &mut Floor, result: Option<Raw<'_>>) {
        let Some(result) = result.and_then(|result| json::read::<Item<'_>>(result.0)) else {
            return;
        };
        let Some(symbol) = result.symbol.and_then(Raw::string) else { return };
        floor.know(&symbol);
        let depth = result.depth.and_then(Raw::unsigned).and_then(|depth| depth.try_into().ok());
        if let (Some(BOOK), Some(depth)) = (result.channel.map(Raw::plain), depth) {
            self.see_depth(&symbol, depth);
        }
    }

    fn scan_book(&mut self, floor: &mut Floor, symbol: &str, item: &Item<'_>, place: Place) {
        let change = if place == Place::Opening { item.change() } else { None };
        let Some(Change { bids, asks, .. }) = change else { return };
        self.see_depth(symbol, depth_holding(bids.len().max(asks.len())));
        for (price, qty, _) in bids.iter().chain(&asks) {
            self.see_level(floor, symbol, price, qty);
        }
    }

    fn scan_instruments(
        &mut self,
        floor: &mut Floor,
        text: &str,
        data: Raw<'_>,
        snapshot: bool,
    ) -> Part {
        if snapshot && self.instruments.is_none() {
            self.instruments = Some((text.to_owned(), false));
        }
        let pairs = json::read::<Instruments<'_>>(data.0).and_then(|listed| listed.pairs);
        if !snapshot {
            // Updates name a few; a snapshot the whole venue, most of which is not on the tape.
            for pair in pairs.map(Raw::items).unwrap_or_default() {
                let item: Option<Item<'_>> = json::read(pair.0);
                if let Some(symbol) = item.and_then(|item| item.symbol).and_then(Raw::string) {
                    floor.know(&symbol);
                }
            }
        }
        let place = if snapshot { Place::Opening } else { Place::Following };
        Part::whole(Topic::new(INSTRUMENT, ""), INSTRUMENT, place)
    }

    pub(super) fn play_v2(&mut self, floor: &mut Floor, text: &str, parts: &mut Vec<Part>) {
        let channel = parts.first().map(|part| part.topic.channel.clone()).unwrap_or_default();
        if channel == INSTRUMENT {
            if let Some((kept, played)) = &mut self.instruments {
                *played |= kept == text;
            }
            return;
        }
        if channel != BOOK && channel != TICKER {
            return;
        }
        let data = json::read::<Message<'_>>(text).and_then(|message| message.data);
        let items = data.map(Raw::items).unwrap_or_default();
        parts.retain(|part| {
            let Some(raw) = items.get(part.item) else { return false };
            if channel == TICKER {
                self.tickers.insert(part.topic.symbol.clone(), raw.0.to_owned());
                return true;
            }
            let item: Option<Item<'_>> = json::read(raw.0);
            let change = item.as_ref().and_then(Item::change);
            change.is_some_and(|change| self.play_book(floor, part, &change))
        });
    }

    pub(super) fn write_v2(
        &mut self,
        text: &str,
        chosen: &[Chosen<'_>],
        all: bool,
    ) -> Option<String> {
        let view =
            |chosen: &Chosen<'_>| self.views.get(&(chosen.part.item, depth_of(chosen.name)?));
        if all && chosen.iter().all(|chosen| view(chosen).is_none()) {
            return Some(text.to_owned());
        }
        let message: Message<'_> = json::read(text)?;
        let data = message.data?;
        let items = data.items();
        let kept: Vec<&str> = chosen
            .iter()
            .filter_map(|chosen| match view(chosen) {
                Some(view) => view.as_deref(),
                None => items.get(chosen.part.item).map(|item| item.0),
            })
            .collect();
        if kept.is_empty() {
            return None;
        }
        Some(spliced(text, &[(data, &array(kept))]))
    }
}

/// The depth of a subscription that names none.
pub(super) const DEFAULT_DEPTH: usize = 10;

/// One item of a book message of our own.
pub(super) fn book_item(
    symbol: &str,
    bids: &[Said],
    asks: &[Said],
    checksum: &str,
    time: &str,
) -> String {
    let side = |levels: &[Said]| {
        array(levels.iter().map(|(price, qty, _)| format!(r#"{{"price":{price},"qty":{qty}}}"#)))
    };
    let (bids, asks, symbol) = (side(bids), side(asks), quoted(symbol));
    let time = match time {
        "" => String::new(),
        time => format!(r#","timestamp":{}"#, as_string(time)),
    };
    format!(r#"{{"symbol":{symbol},"bids":{bids},"asks":{asks},"checksum":{checksum}{time}}}"#)
}
