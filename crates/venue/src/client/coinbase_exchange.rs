//! Coinbase Exchange, the older feed: `level2_batch` (`level2` wants a key), `matches` and
//! `heartbeat`, which comes product by product.
//! <https://docs.cdp.coinbase.com/exchange/websocket-feed/overview>
//! <https://docs.cdp.coinbase.com/exchange/websocket-feed/channels>

use super::{Change, Route, Terms, Wants, text};

pub(super) static TERMS: Terms = Terms {
    ws: "wss://ws-feed.exchange.coinbase.com",
    rest: "https://api.exchange.coinbase.com",
    routes: &[Route { path: "/", books: true, trades: true }],
    // No page limits the products of one connection (an account has ten subscriptions of each);
    // our choice.
    instruments_per_connection: 50,
    symbols_per_message: 50,
    // A hundred messages a second and address; the first within five seconds of connecting.
    // <https://docs.cdp.coinbase.com/exchange/websocket-feed/rate-limits>
    message_gap_ms: 100,
    connects: (8, 1_000),
    // No page names one.
    lifetime_ms: None,
    ping: None,
    control_ping_ms: None,
    // A heartbeat comes every second and product; how many may be missing is our choice.
    frame_silence_ms: 10_000,
    heartbeat_silence_ms: Some(10_000),
    book_silence_ms: None,
    // Book messages have no number.
    shares_ids: false,
    // Ten public requests a second and address.
    // <https://docs.cdp.coinbase.com/exchange/rest-api/rate-limits>
    rest_gap_ms: 125,
};

pub(super) fn change(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let channels =
        [("level2_batch", wants.books), ("matches", wants.trades), ("heartbeat", wants.heartbeats)];
    let wanted = channels.into_iter().filter(|(_, wanted)| *wanted).map(|(channel, _)| channel);
    let (word, products, channels) = (change.word(), text::list(symbols), text::list(wanted));
    out.push(format!(r#"{{"type":"{word}","product_ids":{products},"channels":{channels}}}"#));
}

/// One product a request, so that one unknown fails alone.
/// <https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-single-product>
pub(super) fn listings(symbols: &[String]) -> Vec<String> {
    symbols.iter().map(|symbol| format!("/products/{}", text::escaped(symbol))).collect()
}
