//! Stream names: in paths, in requests, in messages.

use super::super::desk::Topic;
use super::super::floor::{query_value, split_url};
use super::super::json::{self, Raw};
use serde::Deserialize;

/// The channel of the diffs.
pub(super) const DEPTH: &str = "depth";

/// What tells a message's stream, wrapped or raw.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) stream: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow, rename = "e")]
    pub(super) event: Option<Raw<'a>>,
    #[serde(borrow, rename = "s")]
    symbol: Option<Raw<'a>>,
    #[serde(borrow, rename = "u")]
    final_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "A")]
    ask_qty: Option<Raw<'a>>,
    #[serde(borrow, rename = "lastUpdateId")]
    pub(super) last_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "k")]
    candle: Option<Candle<'a>>,
}

#[derive(Clone, Copy, Deserialize)]
struct Candle<'a> {
    #[serde(borrow, rename = "i")]
    interval: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow)]
    stream: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

/// The topic a stream's name stands for. Names are lower case at the venue; any case is taken.
pub(super) fn topic_of(name: &str) -> Topic {
    let Some((symbol, channel)) = name.split_once('@') else { return Topic::new(name, "") };
    let kind = match channel.split_once('@') {
        // Speeds of one content.
        Some((kind @ (DEPTH | "markPrice"), _)) => kind,
        _ => channel,
    };
    let kind = if kind == "aggTrade" { "trade" } else { kind };
    Topic::new(kind, &symbol.to_ascii_uppercase())
}

/// Topic and stream name of a message of the tape; `None` for what is none of a stream.
pub(super) fn of_message(outer: &Message<'_>) -> Option<(Topic, String)> {
    if let (Some(stream), Some(_)) = (outer.stream, outer.data) {
        let name = stream.string()?;
        return Some((topic_of(&name), name.into_owned()));
    }
    let symbol = outer.symbol?.string()?;
    let interval = outer.candle.and_then(|candle| candle.interval).map_or("", Raw::plain);
    let channel = match outer.event.map(Raw::plain) {
        Some("depthUpdate") => DEPTH,
        Some(same @ ("trade" | "aggTrade" | "bookTicker" | "forceOrder")) => same,
        Some("24hrMiniTicker") => "miniTicker",
        Some("24hrTicker") => "ticker",
        Some("markPriceUpdate") => "markPrice",
        Some("kline") => &format!("kline_{interval}"),
        // Spot's bookTicker names no event type.
        None if outer.ask_qty.is_some() && outer.final_id.is_some() => "bookTicker",
        _ => return None,
    };
    let name = format!("{}@{channel}", symbol.to_ascii_lowercase());
    Some((topic_of(&name), name))
}

/// Whether a message of the tape has its payload in a wrapper.
pub(super) fn is_wrapped(text: &str) -> bool {
    text.starts_with(r#"{"stream""#)
}

/// The payload of a message, which is the message where it is not wrapped.
pub(super) fn data_of(text: &str) -> &str {
    if !is_wrapped(text) {
        return text;
    }
    match json::read::<Wrapper<'_>>(text) {
        Some(Wrapper { stream: Some(_), data: Some(data) }) => data.0,
        _ => text,
    }
}

/// Whether a path asks for wrapped messages, and the streams it names: `/ws/<stream>/..`,
/// `/stream?streams=<stream>/..`, either below a prefix (`/public`, `/market`).
pub(super) fn of_path(path: &str) -> (bool, Vec<String>) {
    let (path, query) = split_url(path);
    let names = |text: &str| -> Vec<String> {
        text.split('/').filter(|name| !name.is_empty()).map(percent_decoded).collect()
    };
    if let Some(streams) = query_value(query, "streams") {
        let streams = percent_decoded(streams);
        return (true, names(&streams));
    }
    match path.split_once("/ws/") {
        Some((_, streams)) => (false, names(streams)),
        None => (path.ends_with("/stream"), Vec::new()),
    }
}

/// `%40` as `@`, and so on; anything else as it is.
fn percent_decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(byte) => {
                decoded.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_content_share_a_topic() {
        for name in ["btcusdt@depth", "btcusdt@depth@100ms", "BTCUSDT@depth@0ms"] {
            assert_eq!(topic_of(name), Topic::new("depth", "BTCUSDT"));
        }
        assert_eq!(topic_of("btcusd_perp@aggTrade"), topic_of("btcusd_perp@trade"));
        assert_ne!(topic_of("btcusdt@depth5"), topic_of("btcusdt@depth"));
        assert_eq!(topic_of("btcusdt@kline_1m").channel, "kline_1m");
        assert_eq!(topic_of("!ticker@arr").symbol, "!TICKER");
    }

    #[test]
    fn paths() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (path, wrapped, streams) in [
            ("/ws", false, vec![]),
            ("/ws/a@depth", false, names(&["a@depth"])),
            ("/ws/a@depth/b@trade", false, names(&["a@depth", "b@trade"])),
            ("/market/ws/a@trade", false, names(&["a@trade"])),
            ("/stream", true, vec![]),
            ("/stream?streams=a@depth/b%40trade", true, names(&["a@depth", "b@trade"])),
            ("/public/stream?streams=a%40depth%2Fb@trade", true, names(&["a@depth", "b@trade"])),
            ("/", false, vec![]),
            ("/ws/%zz%4", false, names(&["%zz%4"])),
            ("/ws/%\u{e9}", false, names(&["%\u{e9}"])),
        ] {
            assert_eq!(of_path(path), (wrapped, streams), "{path}");
        }
    }
}
