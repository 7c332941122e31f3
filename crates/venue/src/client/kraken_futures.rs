//! Kraken Futures, WebSocket v1: the feeds `book`, `trade` and `heartbeat`.
//! <https://docs.kraken.com/exchange/guides/futures/websockets>
//! <https://docs.kraken.com/exchange/api-reference/futures-websocket/book>
//! <https://docs.kraken.com/exchange/api-reference/futures-websocket/heartbeat>

use super::{Change, Route, Terms, Wants, text};

pub(super) static TERMS: Terms = Terms {
    ws: "wss://futures.kraken.com",
    rest: "https://futures.kraken.com",
    routes: &[Route { path: "/ws/v1", books: true, trades: true }],
    // No page limits the products of a connection or a message; our choice.
    instruments_per_connection: 100,
    symbols_per_message: 50,
    // A hundred requests a second; ours is a fifth of that pace.
    // <https://docs.kraken.com/api/docs/guides/futures-rate-limits>
    message_gap_ms: 50,
    // A hundred connections at once; no page limits attempts. Our choice.
    connects: (30, 60_000),
    // No page names one.
    lifetime_ms: None,
    ping: None,
    // "A ping request at least every 60 seconds", by which the WebSocket's own is meant.
    // <https://support.kraken.com/articles/360022635632-subscriptions-websockets-api-derivatives>
    control_ping_ms: Some(20_000),
    // Two pongs missing; our choice.
    frame_silence_ms: 45_000,
    // Heartbeats come "at timed intervals" whose length stands on no page.
    heartbeat_silence_ms: None,
    book_silence_ms: None,
    // `seq` belongs to the product, not to the connection.
    shares_ids: true,
    // Public requests cost nothing of the budget; our choice.
    // <https://docs.kraken.com/api/docs/guides/futures-rate-limits>
    rest_gap_ms: 200,
};

pub(super) const OPENING: &str = r#"{"event":"subscribe","feed":"heartbeat"}"#;

/// All products; there is no listing of some.
/// <https://docs.kraken.com/api/docs/futures-api/trading/get-instruments>
pub(super) const LISTING: &str = "/derivatives/api/v3/instruments";

pub(super) fn change(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let (word, products) = (change.word(), text::list(symbols));
    let feeds = [("book", wants.books), ("trade", wants.trades)];
    for (feed, _) in feeds.into_iter().filter(|(_, wanted)| *wanted) {
        out.push(format!(r#"{{"event":"{word}","feed":"{feed}","product_ids":{products}}}"#));
    }
}
