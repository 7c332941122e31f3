//! Bitfinex v2: `book` (P0, F0, 250 levels) and `trades`, one channel a message, on a connection
//! whose messages are numbered.
//! <https://docs.bitfinex.com/docs/ws-general>
//! <https://docs.bitfinex.com/docs/ws-public>
//! <https://docs.bitfinex.com/reference/ws-public-books>

use super::{Route, Terms, Wants, text};

pub(super) static TERMS: Terms = Terms {
    ws: "wss://api-pub.bitfinex.com",
    rest: "https://api-pub.bitfinex.com",
    routes: &[Route { path: "/ws/2", books: true, trades: true }],
    // 25 channels a connection, two an instrument.
    instruments_per_connection: 12,
    // One channel a message.
    symbols_per_message: 1,
    // No page limits messages; our choice.
    message_gap_ms: 100,
    connects: (20, 60_000),
    // No page names one; before a restart an event comes (code 20051).
    lifetime_ms: None,
    // A ping is offered and not asked for.
    ping: None,
    control_ping_ms: None,
    // A channel without news says so every 15 seconds; how many may be missing is our choice.
    frame_silence_ms: 35_000,
    heartbeat_silence_ms: None,
    book_silence_ms: None,
    // The number counts the messages of one connection.
    shares_ids: false,
    // 10 to 90 requests a minute, by the path; the slowest of them.
    // <https://docs.bitfinex.com/docs/requirements-and-limitations>
    rest_gap_ms: 6_000,
};

/// Flag 65536 numbers the messages. Checksums (131072) and times (32768) are not asked for: the
/// decoder needs neither.
pub(super) const OPENING: &str = r#"{"event":"conf","flags":65536}"#;

pub(super) fn subscribe(wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
    for symbol in symbols {
        let symbol = text::quoted(symbol);
        let channels = [
            (r#""book""#, r#","prec":"P0","freq":"F0","len":"250""#, wants.books),
            (r#""trades""#, "", wants.trades),
        ];
        for (channel, detail, _) in channels.into_iter().filter(|(_, _, wanted)| *wanted) {
            out.push(format!(
                r#"{{"event":"subscribe","channel":{channel},"symbol":{symbol}{detail}}}"#
            ));
        }
    }
}

pub(super) fn unsubscribe(channel: u64) -> String {
    format!(r#"{{"event":"unsubscribe","chanId":{channel}}}"#)
}
