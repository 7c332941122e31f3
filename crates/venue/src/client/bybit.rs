//! Bybit v5: `orderbook.200` and `publicTrade`; linear, inverse and spot have a path each.
//! <https://bybit-exchange.github.io/docs/v5/ws/connect>
//! <https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook>

use super::{Change, Ping, Route, Terms, Wants, text};
use crate::Venue;

const INVERSE: &str = "/v5/public/inverse";

pub(super) static SPOT: Terms = Terms {
    routes: &[Route { path: "/v5/public/spot", books: true, trades: true }],
    // Ten arguments a request.
    symbols_per_message: 5,
    // Pairs are quiet; our choice.
    book_silence_ms: Some(60_000),
    ..CONTRACTS_TERMS
};
pub(super) static CONTRACTS: Terms = CONTRACTS_TERMS;

const CONTRACTS_TERMS: Terms = Terms {
    ws: "wss://stream.bybit.com",
    rest: "https://api.bybit.com",
    routes: &[
        Route { path: "/v5/public/linear", books: true, trades: true },
        Route { path: INVERSE, books: true, trades: true },
    ],
    // 21,000 characters of arguments a connection; both topics of a symbol of 24 letters are 80.
    instruments_per_connection: 200,
    // Futures have no limit of arguments a request; our choice.
    symbols_per_message: 50,
    // No page limits messages; our choice.
    message_gap_ms: 100,
    connects: (500, 300_000),
    // No page names one.
    lifetime_ms: None,
    ping: Some(Ping { every_ms: 20_000, text: r#"{"op":"ping"}"# }),
    control_ping_ms: None,
    // Two pings unanswered; our choice.
    frame_silence_ms: 50_000,
    heartbeat_silence_ms: Some(50_000),
    book_silence_ms: Some(30_000),
    // `u` and `seq` belong to the topic, not to the connection.
    shares_ids: true,
    // 600 requests in five seconds; ours is a tenth of that pace.
    // <https://bybit-exchange.github.io/docs/v5/rate-limit>
    rest_gap_ms: 100,
};

/// Inverse contracts have their own path, all others the linear one.
pub(super) fn carries(route: &Route, symbol: &str) -> bool {
    (route.path == INVERSE) == is_inverse(symbol)
}

/// `BTCUSD`, and with a quarter and year `BTCUSDZ25`. Linear ones are `BTCUSDT`, `BTCPERP`,
/// `BTCUSDT-26SEP25` and the like. <https://bybit-exchange.github.io/docs/v5/enum#symbol>
fn is_inverse(symbol: &str) -> bool {
    let quarter = |symbol: &str| {
        let (pair, quarter) = symbol.split_at_checked(symbol.len().checked_sub(3)?)?;
        let [code, tens, ones] = quarter.as_bytes() else { return None };
        let dated = b"HMUZ".contains(code) && tens.is_ascii_digit() && ones.is_ascii_digit();
        dated.then(|| pair.ends_with("USD"))
    };
    symbol.ends_with("USD") || quarter(symbol).unwrap_or(false)
}

pub(super) fn change(change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    let mut topics = Vec::new();
    for symbol in symbols {
        topics.extend(wants.books.then(|| format!("orderbook.200.{symbol}")));
        topics.extend(wants.trades.then(|| format!("publicTrade.{symbol}")));
    }
    if topics.is_empty() {
        return;
    }
    let args = text::list(topics);
    out.push(format!(r#"{{"op":"{}","args":{args}}}"#, change.word()));
}

/// One symbol a request: whole categories come in pages.
/// <https://bybit-exchange.github.io/docs/v5/market/instrument>
pub(super) fn listings(venue: Venue, symbols: &[String]) -> Vec<String> {
    let listing = |symbol: &String| {
        let category = match venue {
            Venue::BybitSpot => "spot",
            _ if is_inverse(symbol) => "inverse",
            _ => "linear",
        };
        let symbol = text::escaped(symbol);
        format!("/v5/market/instruments-info?category={category}&symbol={symbol}")
    };
    symbols.iter().map(listing).collect()
}
