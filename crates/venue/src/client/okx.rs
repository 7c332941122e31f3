//! OKX v5: the public channels `books` (400 levels) and `trades`.
//! <https://www.okx.com/docs-v5/en/#overview-websocket>
//! <https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel>

use super::{Change, Ping, Route, Terms, Wants, text};

pub(super) static TERMS: Terms = Terms {
    ws: "wss://ws.okx.com:8443",
    rest: "https://www.okx.com",
    routes: &[Route { path: "/ws/v5/public", books: true, trades: true }],
    // 64 KB of channels a connection; both of a symbol of 24 letters are 120 bytes.
    instruments_per_connection: 200,
    symbols_per_message: 50,
    // 480 requests to subscribe or unsubscribe an hour and connection. No page paces them within
    // the hour; our choice.
    message_gap_ms: 400,
    connects: (3, 1_000),
    // No page names one; before an upgrade a notice comes (code 64008).
    lifetime_ms: None,
    // A connection on which nothing was pushed for 30 seconds is closed.
    ping: Some(Ping { every_ms: 20_000, text: "ping" }),
    control_ping_ms: None,
    // Two pings unanswered; our choice.
    frame_silence_ms: 45_000,
    heartbeat_silence_ms: Some(45_000),
    // A book without changes sends an empty update "around" every 60 seconds.
    book_silence_ms: Some(90_000),
    shares_ids: true,
    // 20 requests in two seconds.
    // <https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments>
    rest_gap_ms: 200,
};

pub(super) fn change(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let mut args = Vec::new();
    for symbol in symbols {
        let symbol = text::quoted(symbol);
        let arg = |channel| format!(r#"{{"channel":"{channel}","instId":{symbol}}}"#);
        args.extend(wants.books.then(|| arg("books")));
        args.extend(wants.trades.then(|| arg("trades")));
    }
    if args.is_empty() {
        return;
    }
    out.push(format!(r#"{{"op":"{}","args":[{}]}}"#, change.word(), args.join(",")));
}

/// One listing a type of instrument (options: a family), in the order of the symbols.
pub(super) fn listings(symbols: &[String]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for symbol in symbols {
        let path = format!("/api/v5/public/instruments?instType={}", kind(symbol));
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// By the symbol's form: `BTC-USDT`, `BTC-USDT-SWAP`, `BTC-USD-220527`, `BTC-USD-220527-30000-C`.
fn kind(symbol: &str) -> String {
    match symbol.split('-').collect::<Vec<_>>()[..] {
        [_, _, "SWAP"] => "SWAP".to_owned(),
        [_, _, _] => "FUTURES".to_owned(),
        [base, quote, _, _, _] => {
            format!("OPTION&instFamily={}", text::escaped(&format!("{base}-{quote}")))
        }
        _ => "SPOT".to_owned(),
    }
}
