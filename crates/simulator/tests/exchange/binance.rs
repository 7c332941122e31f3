//! Binance spot and futures.

use crate::play::{Hall, Manners, check, check_real};
use crate::tapes::{real, synthetic};
use tickhawk_simulator::{ClientId, RestId, TapeKind, TapeRecord, WireFormat};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "DOGEUSDT"];

/// Streams named in the path.
fn by_path(slug: &'static str, speed: &str, symbols: &[&str]) -> Manners {
    let names = |symbol: &&str| {
        let symbol = symbol.to_ascii_lowercase();
        format!("{symbol}@depth{speed}/{symbol}@bookTicker/{symbol}@aggTrade")
    };
    let names: Vec<String> = symbols.iter().map(names).collect();
    let rest = match slug {
        "binance-futures" => |symbol: &str| format!("/fapi/v1/depth?symbol={symbol}&limit=1000"),
        _ => |symbol: &str| format!("/api/v3/depth?symbol={symbol}&limit=5000"),
    };
    let path = format!("/public/stream?streams={}", names.join("/"));
    Manners { slug, path, says: Vec::new(), rest }
}

/// Raw messages, streams named by a request.
fn by_request(slug: &'static str, symbols: &[&str]) -> Manners {
    let names = |symbol: &&str| {
        let symbol = symbol.to_ascii_lowercase();
        format!(r#""{symbol}@depth","{symbol}@bookTicker","{symbol}@trade""#)
    };
    let names: Vec<String> = symbols.iter().map(names).collect();
    let says = vec![format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":7}}"#, names.join(","))];
    Manners { path: "/ws".to_owned(), says, ..by_path(slug, "", symbols) }
}

#[test]
fn synthetic_spot() {
    let tape = || synthetic(WireFormat::Binance, 12);
    let hall = check(&by_path("binance", "@100ms", &SYMBOLS), tape(), &SYMBOLS);
    let (first, last) = (&hall.clients[&ClientId(0)], &hall.clients[&ClientId(2)]);
    assert!(first.trades > last.trades && last.trades > 10);
    assert!(first.tickers > last.tickers && last.tickers > 10);
    check(&by_request("binance-us", &SYMBOLS), tape(), &SYMBOLS);
}

#[test]
fn synthetic_futures() {
    let tape = || synthetic(WireFormat::BinanceFutures, 12);
    check(&by_path("binance-futures", "@500ms", &SYMBOLS), tape(), &SYMBOLS);
    check(&by_request("binance-delivery", &SYMBOLS), tape(), &SYMBOLS);
}

#[test]
fn real_recordings() {
    for (slug, speed, symbol, name) in [
        ("binance-futures", "@0ms", "BTCUSDT", "binance_usdm_btcusdt_2024-07-18"),
        ("binance-futures", "", "ETHUSDT", "binance_usdm_ethusdt_2024-07-18"),
        ("binance", "", "BTCUSDT", "binance_spot_btcusdt_2024-08-08"),
    ] {
        check_real(&by_path(slug, speed, &[symbol]), name);
    }
    let symbols = ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"];
    check_real(&by_request("binance", &symbols), "binance_spot_cf_2021-10-12");
}

/// Two files of one symbol each, whose snapshots do not say whose they are.
#[test]
fn snapshots_without_a_name() {
    let Some(mut tape) = real("binance_usdm_btcusdt_2024-07-18") else { return };
    let Some(other) = real("binance_usdm_ethusdt_2024-07-18") else { return };
    tape.truncate(3_000);
    let other = other.into_iter().take(3_000);
    tape.extend(other.map(|record| TapeRecord { connection: 1, ..record }));
    tape.sort_by_key(|record| record.at);
    let symbols = ["BTCUSDT", "ETHUSDT"];
    check(&by_path("binance-futures", "", &symbols), tape, &symbols);
}

/// A recorder's own snapshot goes to nobody as a message, and a tape without one never has a book.
#[test]
fn a_tape_without_a_snapshot() {
    let mut tape = synthetic(WireFormat::Binance, 2);
    tape.retain(|record| !matches!(&record.kind, TapeKind::RestReply { url: Some(url), .. } if url.contains("depth")));
    let manners = by_path("binance", "", &SYMBOLS);
    let mut hall = Hall::new(&manners, tape);
    hall.exchange.connected(ClientId(1), &manners.path);
    hall.exchange.rest(RestId(900), "/api/v3/depth?symbol=btcusdt");
    while hall.exchange.next_at().is_some() {
        assert!(!hall.replies.contains_key(&RestId(900)));
        hall.exchange.step();
        hall.collect();
    }
    assert_eq!(hall.replies[&RestId(900)].0, 503);
    assert_eq!(hall.exchange.truth("BTCUSDT"), None);
    assert_eq!(hall.exchange.truth_digest("BTCUSDT"), None);
}

#[test]
fn answers_in_the_venues_words() {
    let manners = by_path("binance", "", &SYMBOLS);
    let mut hall = Hall::new(&manners, synthetic(WireFormat::Binance, 2));
    let client = ClientId(9);
    hall.exchange.connected(client, "/ws/btcusdt@depth");
    assert!(hall.exchange.has_subscriber());
    for (says, wanted) in [
        (
            r#"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":"a"}"#,
            r#"{"result":null,"id":"a"}"#,
        ),
        (
            r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#,
            r#"{"result":["btcusdt@depth","ethusdt@trade"],"id":3}"#,
        ),
        (
            r#"{"method":"UNSUBSCRIBE","params":["ethusdt@trade","btcusdt@depth"],"id":4}"#,
            r#"{"result":null,"id":4}"#,
        ),
        (r#"{"method":"GET_PROPERTY","params":["combined"],"id":5}"#, r#"{"result":false,"id":5}"#),
        (
            r#"{"method":"SET_PROPERTY","params":["combined",true],"id":6}"#,
            r#"{"result":null,"id":6}"#,
        ),
        (r#"{"method":"SUBSCRIBE","params":[7],"id":8}"#, r#""id":8}"#),
        (
            r#"{"method":"nope","id":8}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: unknown variant nope"#,
        ),
        ("hello", r#"{"error":{"code":3,"msg":"Invalid JSON"#),
    ] {
        let said = hall.answers(client, says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
    assert!(!hall.exchange.has_subscriber());
    hall.exchange.maintenance();
    let said = hall.answers(client, r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#);
    assert!(
        said[0].starts_with(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":"#)
    );
}

#[test]
fn rest() {
    let mut hall = Hall::new(&by_path("binance", "", &SYMBOLS), synthetic(WireFormat::Binance, 4));
    for (at, (path, status, wanted)) in [
        ("/api/v3/depth?symbol=NOPE", 400, r#""code":-1121"#),
        ("/api/v3/depth", 400, r#""code":-1102"#),
        ("/api/v3/exchangeInfo", 200, r#"{"symbol":"BTCUSDT","status":"TRADING","#),
        ("/api/v3/time", 200, "serverTime"),
        ("/nothing", 404, "Not Found"),
    ]
    .into_iter()
    .enumerate()
    {
        let rest = RestId(at as u32);
        hall.exchange.rest(rest, path);
        hall.collect();
        let (found, body) = &hall.replies[&rest];
        assert_eq!(*found, status, "{path}");
        assert!(body.contains(wanted), "{path}: {body:.200}");
    }
    hall.play(usize::MAX);
    hall.exchange.rest(RestId(90), "/api/v3/depth?symbol=BTCUSDT&limit=5");
    hall.collect();
    let (bids, _) = hall.exchange.truth("BTCUSDT").unwrap();
    let best: Vec<String> =
        bids[..5].iter().map(|(price, qty)| format!(r#"["{price}","{qty}"]"#)).collect();
    let (status, body) = &hall.replies[&RestId(90)];
    assert_eq!(*status, 200);
    assert!(body.contains(&format!(r#""bids":[{}],"#, best.join(","))), "{body}");
}
