//! Kraken spot: `book` of 1,000 levels and `trade`, in version 1 or 2 of the protocol; version 2
//! has `instrument` too, whose precisions the checksums of books need.
//! <https://docs.kraken.com/exchange/guides/websockets/introduction>
//! <https://docs.kraken.com/exchange/api-reference/spot-websocket-v1/book>
//! <https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/book>

use super::{Change, Route, Terms, Wants, text};
use crate::json::{Frame, Raw};
use serde::Deserialize;

pub(super) static TERMS: Terms = Terms {
    ws: "wss://ws.kraken.com",
    rest: "https://api.kraken.com",
    routes: &[Route { path: "/v2", books: true, trades: true }],
    // No page limits the pairs of a connection (only `level3`'s: 200); our choice.
    instruments_per_connection: 100,
    symbols_per_message: 50,
    // The rate of messages that is too much varies with the load and stands on no page; some
    // twenty at once are too many. Our choice.
    // <https://docs.kraken.com/api/docs/guides/spot-ratelimits>
    message_gap_ms: 500,
    // About 150 attempts in any ten minutes.
    connects: (150, 600_000),
    // No page names one.
    lifetime_ms: None,
    // A ping is offered and not asked for; subscribed channels keep the connection.
    ping: None,
    control_ping_ms: None,
    // A heartbeat fills every second in which nothing else came, so that any frame is proof of
    // life; how many may be missing is our choice.
    // <https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/heartbeat>
    frame_silence_ms: 10_000,
    heartbeat_silence_ms: None,
    book_silence_ms: None,
    // Book messages have no number.
    shares_ids: false,
    // The pace of public requests varies; one a second is said to be safe.
    // <https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits>
    rest_gap_ms: 1_000,
};

/// Version 2 tells ticks, lots and precisions of all pairs.
/// <https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/instrument>
pub(super) const OPENING: &str = r#"{"method":"subscribe","params":{"channel":"instrument"}}"#;

/// For version 1: all pairs in one listing.
/// <https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs>
pub(super) const LISTING: &str = "/0/public/AssetPairs";

pub(super) fn change_v1(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let (word, pairs) = (change.word(), text::list(symbols));
    let subscriptions =
        [(r#"{"name":"book","depth":1000}"#, wants.books), (r#"{"name":"trade"}"#, wants.trades)];
    for (subscription, _) in subscriptions.into_iter().filter(|(_, wanted)| *wanted) {
        out.push(format!(r#"{{"event":"{word}","pair":{pairs},"subscription":{subscription}}}"#));
    }
}

pub(super) fn change_v2(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let (word, symbols) = (change.word(), text::list(symbols));
    let channels =
        [(r#""channel":"book","depth":1000"#, wants.books), (r#""channel":"trade""#, wants.trades)];
    for (channel, _) in channels.into_iter().filter(|(_, wanted)| *wanted) {
        out.push(format!(r#"{{"method":"{word}","params":{{{channel},"symbol":{symbols}}}}}"#));
    }
}

#[derive(Deserialize)]
struct Greeting<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    method: Option<Raw<'a>>,
}

/// Whether the frame is one of version 2 (true) or of version 1 (false): version 1 names events,
/// version 2 channels and methods.
pub(super) fn greeting_version_2(frame: &[u8]) -> Option<bool> {
    let greeting: Greeting<'_> = Frame::new(frame).ok()?.read_all().ok()?;
    match (greeting.event, greeting.channel.or(greeting.method)) {
        (Some(_), None) => Some(false),
        (None, Some(_)) => Some(true),
        _ => None,
    }
}
