//! BitMEX: the tables `orderBookL2` (whole books, at once) and `trade`.
//! <https://www.bitmex.com/app/wsAPI>

use super::{Change, Ping, Route, Terms, Wants, text};

pub(super) static TERMS: Terms = Terms {
    ws: "wss://ws.bitmex.com",
    rest: "https://www.bitmex.com",
    routes: &[Route { path: "/realtime", books: true, trades: true }],
    // No page limits the topics of a connection; our choice.
    instruments_per_connection: 100,
    // "Too many args sent. Max length is 20": <https://github.com/BitMEX/api-connectors/issues/387>
    symbols_per_message: 10,
    // Access is not rate-limited once connected; our choice.
    message_gap_ms: 250,
    // <https://blog.bitmex.com/site_announcement/rate-limiting-websocket-connections>
    connects: (20, 3_600_000),
    // No page names one.
    lifetime_ms: None,
    // To be sent after five seconds of silence, the answer being due in five more.
    ping: Some(Ping { every_ms: 5_000, text: "ping" }),
    control_ping_ms: None,
    // Three pings unanswered, connections being dear; our choice.
    frame_silence_ms: 20_000,
    heartbeat_silence_ms: Some(20_000),
    // Books are quiet; our choice.
    book_silence_ms: Some(60_000),
    // Rows have no number.
    shares_ids: false,
    // Thirty requests a minute without a key. <https://www.bitmex.com/app/restAPI#Limits>
    rest_gap_ms: 2_000,
};

/// All instruments that trade.
/// <https://www.bitmex.com/api/explorer/#!/Instrument/Instrument_getActive>
pub(super) const LISTING: &str = "/api/v1/instrument/active";

pub(super) fn change(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let mut topics = Vec::new();
    for symbol in symbols {
        topics.extend(wants.books.then(|| format!("orderBookL2:{symbol}")));
        topics.extend(wants.trades.then(|| format!("trade:{symbol}")));
    }
    if topics.is_empty() {
        return;
    }
    let args = text::list(topics);
    out.push(format!(r#"{{"op":"{}","args":{args}}}"#, change.word()));
}
