//! Coinbase Advanced Trade: `level2`, `market_trades` and `heartbeats`, one channel a message.
//! <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview>
//! <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels>
//!
//! A product quoted in USDC (but for USDT-USDC and EURC-USDC) is told under its USD name.

use super::{Change, Route, Terms, Wants, text};

pub(super) static TERMS: Terms = Terms {
    ws: "wss://advanced-trade-ws.coinbase.com",
    rest: "https://api.coinbase.com",
    routes: &[Route { path: "/", books: true, trades: true }],
    // No page names a limit, yet one session was refused 32 books and given 16:
    // <https://github.com/JKorf/Coinbase.Net/issues/19>
    instruments_per_connection: 16,
    symbols_per_message: 16,
    // Eight messages a second and address; the first within five seconds of connecting.
    // <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-rate-limits>
    message_gap_ms: 250,
    connects: (8, 1_000),
    // No page names one.
    lifetime_ms: None,
    ping: None,
    control_ping_ms: None,
    // A heartbeat comes every second, whatever else does; how many may be missing is our choice.
    frame_silence_ms: 10_000,
    heartbeat_silence_ms: Some(10_000),
    book_silence_ms: None,
    // `sequence_num` counts the messages of one connection.
    shares_ids: false,
    // Ten public requests a second and address.
    // <https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/rest-api#rate-limits>
    rest_gap_ms: 125,
};

/// Heartbeats keep the other channels open, which close after 60 to 90 seconds without updates.
pub(super) const OPENING: &str = r#"{"type":"subscribe","channel":"heartbeats"}"#;

pub(super) fn change(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let (word, products) = (change.word(), text::list(symbols));
    let channels = [("level2", wants.books), ("market_trades", wants.trades)];
    for (channel, _) in channels.into_iter().filter(|(_, wanted)| *wanted) {
        out.push(format!(r#"{{"type":"{word}","product_ids":{products},"channel":"{channel}"}}"#));
    }
}

/// One product a request, so that one unknown fails alone.
/// <https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public/get-public-product>
pub(super) fn listings(symbols: &[String]) -> Vec<String> {
    let listing =
        |symbol: &String| format!("/api/v3/brokerage/market/products/{}", text::escaped(symbol));
    symbols.iter().map(listing).collect()
}
