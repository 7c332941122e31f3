//! Binance spot, Binance.US, USD-M and COIN-M futures: streams by name over `/ws`, where messages
//! come bare and are read in one pass (over `/stream` they come wrapped).
//! <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>
//! <https://github.com/binance-us/binance-us-api-docs/blob/master/web-socket-streams.md>
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>
//! <https://developers.binance.com/docs/derivatives/coin-margined-futures/websocket-market-streams>
//!
//! USD-M streams are split over `/public`, `/market` and `/private` since 2026-03-06, and a stream
//! asked for on the wrong path is acknowledged and never comes. Depth belongs to `/public`.
//! `@trade` stands in no table of the venue's (only `@aggTrade` does, under `/market`); it comes
//! on `/public`, as users report and as other clients have it.
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice>
//! <https://github.com/binance/binance-public-data/issues/472>
//! COIN-M and spot are not split.
//!
//! Futures depth in real time is `@depth@0ms`, announced on 2020-01-06 for USD-M and not in the
//! table of streams; recordings have it. That COIN-M has it too is what other clients rely on, and
//! no page says it. <https://developers.binance.com/docs/derivatives/change-log>

use super::{Change, Route, Terms, Wants, text};
use crate::Venue;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

pub(super) static SPOT: Terms = SPOT_TERMS;
pub(super) static US: Terms = Terms {
    ws: "wss://stream.binance.us:9443",
    rest: "https://api.binance.us",
    // Pairs are quiet; our choice.
    book_silence_ms: Some(60_000),
    // The deepest snapshot weighs 50 of 1,200 a minute.
    // <https://github.com/binance-us/binance-us-api-docs/blob/master/rest-api.md>
    rest_gap_ms: 2_500,
    ..SPOT_TERMS
};
pub(super) static FUTURES: Terms = Terms {
    ws: "wss://fstream.binance.com",
    rest: "https://fapi.binance.com",
    routes: &[Route { path: "/public/ws", books: true, trades: true }],
    // Ten messages a second; four leave room for pings and pongs.
    message_gap_ms: 250,
    // The deepest snapshot weighs 20 of 2,400 a minute.
    // <https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Order-Book>
    rest_gap_ms: 500,
    ..SPOT_TERMS
};
pub(super) static DELIVERY: Terms = Terms {
    ws: "wss://dstream.binance.com",
    rest: "https://dapi.binance.com",
    routes: &[Route { path: "/ws", books: true, trades: true }],
    message_gap_ms: 250,
    // As USD-M.
    rest_gap_ms: 500,
    ..SPOT_TERMS
};

const SPOT_TERMS: Terms = Terms {
    ws: "wss://stream.binance.com:9443",
    rest: "https://api.binance.com",
    routes: &[Route { path: "/ws", books: true, trades: true }],
    // 1,024 streams a connection, two an instrument; so on all four.
    instruments_per_connection: 512,
    // Longer messages than 4,096 bytes have been seen to go unanswered:
    // <https://github.com/binance/binance-connector-rust/issues/27>. Two stream names of a symbol of
    // 24 letters are 76 bytes.
    symbols_per_message: 32,
    // Five messages a second, pings and pongs included: two a second leave room for those.
    message_gap_ms: 500,
    // 300 attempts in five minutes (spot's page; the others name none).
    connects: (300, 300_000),
    lifetime_ms: Some(DAY_MS),
    ping: None,
    // The venue pings every 20 seconds on spot, every three minutes elsewhere. Pings of ours are
    // counted as messages and not asked for: their pongs are our choice of proof.
    control_ping_ms: Some(20_000),
    // Three pongs missing; our choice.
    frame_silence_ms: 60_000,
    heartbeat_silence_ms: None,
    book_silence_ms: Some(30_000),
    shares_ids: true,
    // The deepest snapshot weighs 250 of 6,000 a minute.
    // <https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints>
    rest_gap_ms: 2_500,
};

/// Symbols one `exchangeInfo` request names: some 2 kB of address, our choice.
const SYMBOLS_PER_LISTING: usize = 100;

/// Depth at that `speed`, and trades.
pub(super) fn change(
    change: Change,
    wants: Wants,
    speed: &str,
    symbols: &[&str],
    out: &mut Vec<String>,
) {
    let mut streams = Vec::new();
    for symbol in symbols {
        // "All symbols for streams are lowercase."
        let symbol = symbol.to_ascii_lowercase();
        streams.extend(wants.books.then(|| format!("{symbol}@depth@{speed}")));
        streams.extend(wants.trades.then(|| format!("{symbol}@trade")));
    }
    if streams.is_empty() {
        return;
    }
    let method = change.word().to_ascii_uppercase();
    let (params, id) = (text::list(streams), out.len() + 1);
    out.push(format!(r#"{{"method":"{method}","params":{params},"id":{id}}}"#));
}

/// The deepest snapshot: 5,000 levels a side on spot, 1,000 of futures.
pub(super) fn snapshot(venue: Venue, symbol: &str) -> Option<String> {
    let (path, limit) = match venue {
        Venue::Binance | Venue::BinanceUs => ("/api/v3/depth", 5_000),
        Venue::BinanceFutures => ("/fapi/v1/depth", 1_000),
        Venue::BinanceDelivery => ("/dapi/v1/depth", 1_000),
        _ => return None,
    };
    Some(format!("{path}?symbol={}&limit={limit}", text::escaped(symbol)))
}

/// Spot's `exchangeInfo` of some symbols; of all of them it is longer than we read. One unknown
/// symbol fails its whole request.
/// <https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints>
pub(super) fn listings(symbols: &[String]) -> Vec<String> {
    let listing = |part: &[String]| {
        format!("/api/v3/exchangeInfo?symbols={}", text::escaped(&text::list(part)))
    };
    symbols.chunks(SYMBOLS_PER_LISTING).map(listing).collect()
}
