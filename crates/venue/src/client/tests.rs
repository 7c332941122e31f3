//! The exact texts, and that they are within the venues' limits and understood by our decoder.

use super::*;
use crate::{Decoder, Limits, said::Listener};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tickhawk_market::{ConnectionId, Updates};

/// Every dialect there is.
fn dialects() -> impl Iterator<Item = Dialect> {
    let version_1 = Dialect::new(Venue::Kraken, "wss://ws.kraken.com");
    Venue::ALL.into_iter().map(usual).chain([version_1])
}

/// The dialect of the venue's first route.
fn usual(venue: Venue) -> Dialect {
    let terms = venue.terms();
    Dialect::new(venue, &format!("{}{}", terms.ws, terms.routes[0].path))
}

fn owned(symbols: &[&str]) -> Vec<String> {
    symbols.iter().map(|symbol| (*symbol).to_owned()).collect()
}

fn subscribed(dialect: Dialect, route: &Route, symbols: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    dialect.subscribe(route, symbols, &mut out);
    out
}

#[track_caller]
fn check(venue: Venue, symbols: &[&str], expected: &[&str]) {
    let route = &venue.terms().routes[0];
    assert_eq!(subscribed(usual(venue), route, &owned(symbols)), expected, "{venue}");
}

#[test]
fn subscriptions() {
    check(
        Venue::Binance,
        &["BTCUSDT", "ETHBTC"],
        &[
            r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@trade","ethbtc@depth@100ms","ethbtc@trade"],"id":1}"#,
        ],
    );
    check(
        Venue::BinanceFutures,
        &["BTCUSDT"],
        &[r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@0ms","btcusdt@trade"],"id":1}"#],
    );
    check(
        Venue::Bybit,
        &["BTCUSDT", "BTCUSD", "BTCUSDZ25"],
        &[r#"{"op":"subscribe","args":["orderbook.200.BTCUSDT","publicTrade.BTCUSDT"]}"#],
    );
    check(
        Venue::Okx,
        &["BTC-USDT"],
        &[
            r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"},{"channel":"trades","instId":"BTC-USDT"}]}"#,
        ],
    );
    check(
        Venue::Coinbase,
        &["BTC-USD", "ETH-USD"],
        &[
            r#"{"type":"subscribe","channel":"heartbeats"}"#,
            r#"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}"#,
            r#"{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"market_trades"}"#,
        ],
    );
    check(
        Venue::CoinbaseExchange,
        &["BTC-USD"],
        &[
            r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch","matches","heartbeat"]}"#,
        ],
    );
    check(
        Venue::Kraken,
        &["BTC/USD"],
        &[
            r#"{"method":"subscribe","params":{"channel":"instrument"}}"#,
            r#"{"method":"subscribe","params":{"channel":"book","depth":1000,"symbol":["BTC/USD"]}}"#,
            r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#,
        ],
    );
    check(
        Venue::KrakenFutures,
        &["PI_XBTUSD"],
        &[
            r#"{"event":"subscribe","feed":"heartbeat"}"#,
            r#"{"event":"subscribe","feed":"book","product_ids":["PI_XBTUSD"]}"#,
            r#"{"event":"subscribe","feed":"trade","product_ids":["PI_XBTUSD"]}"#,
        ],
    );
    check(
        Venue::Bitmex,
        &["XBTUSD"],
        &[r#"{"op":"subscribe","args":["orderBookL2:XBTUSD","trade:XBTUSD"]}"#],
    );
    check(
        Venue::Bitfinex,
        &["tBTCUSD"],
        &[
            r#"{"event":"conf","flags":65536}"#,
            r#"{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"250"}"#,
            r#"{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}"#,
        ],
    );
}

#[test]
fn the_routes_of_bybit_split_its_contracts() {
    let routes = Venue::Bybit.terms().routes;
    let dialect = usual(Venue::Bybit);
    let symbols = owned(&["BTCUSDT", "BTCUSD", "ETHUSDZ25", "BTCPERP", "BTC-26SEP25"]);
    assert_eq!(
        subscribed(dialect, &routes[1], &symbols),
        [
            r#"{"op":"subscribe","args":["orderbook.200.BTCUSD","publicTrade.BTCUSD","orderbook.200.ETHUSDZ25","publicTrade.ETHUSDZ25"]}"#
        ]
    );
    for symbol in &symbols {
        let carrying = routes.iter().filter(|route| dialect.carries(route, symbol)).count();
        assert_eq!(carrying, 1, "{symbol}");
    }
    assert!(subscribed(dialect, &routes[1], &owned(&["BTCUSDT"])).is_empty());
}

#[test]
fn kraken_is_told_by_address_and_greeting() {
    let version_2 = usual(Venue::Kraken);
    let version_1 = Dialect::new(Venue::Kraken, "ws://127.0.0.1:9/v1");
    assert_eq!(version_2, Dialect::new(Venue::Kraken, "wss://ws.kraken.com/v2/?x=1"));
    assert_ne!(version_2, version_1);
    let route = &Venue::Kraken.terms().routes[0];
    assert_eq!(
        subscribed(version_1, route, &owned(&["XBT/USD"])),
        [
            r#"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":1000}}"#,
            r#"{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"trade"}}"#,
        ]
    );
    let greeting_1 =
        br#"{"connectionID":1,"event":"systemStatus","status":"online","version":"1.8.3"}"#;
    let greeting_2 = br#"{"channel":"status","type":"update","data":[{"system":"online"}]}"#;
    assert_eq!(version_2.greeted(greeting_1), Some(version_1));
    assert_eq!(version_1.greeted(greeting_2), Some(version_2));
    assert_eq!(version_1.greeted(greeting_1), None);
    assert_eq!(version_2.greeted(greeting_2), None);
    let refused = br#"{"errorMessage":"Malformed request","event":"error"}"#;
    assert_eq!(version_2.greeted(refused), Some(version_1), "by what it answers too");
    for other in [&b"\xff{"[..], b"[]", b"", br#"{"status":"online"}"#] {
        assert_eq!(version_1.greeted(other).or(version_2.greeted(other)), None);
    }
    assert_eq!(usual(Venue::Okx).greeted(greeting_2), None);
}

#[test]
fn one_book_is_taken_off_and_on_again() {
    let again = |dialect: Dialect, symbol, channel| {
        let mut out = Vec::new();
        dialect.resubscribe(symbol, channel, &mut out).then_some(out)
    };
    assert_eq!(
        again(usual(Venue::CoinbaseExchange), "BTC-USD", None).unwrap(),
        [
            r#"{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#,
            r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#,
        ]
    );
    assert_eq!(
        again(usual(Venue::Bitfinex), "tBTCUSD", Some(7)).unwrap(),
        [
            r#"{"event":"unsubscribe","chanId":7}"#,
            r#"{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"250"}"#,
        ]
    );
    assert_eq!(again(usual(Venue::Bitfinex), "tBTCUSD", None), None);
    for dialect in dialects().filter(|dialect| dialect.venue() != Venue::Bitfinex) {
        let from_rest = dialect.snapshot("X").is_some();
        assert_eq!(again(dialect, "X", None).is_none(), from_rest, "{dialect:?}");
    }
}

#[test]
fn unsubscribing_names_what_subscribing_named() {
    for dialect in dialects() {
        for route in dialect.venue().terms().routes {
            let symbols: Vec<_> =
                ["A", "B", "CUSD"].into_iter().filter(|s| dialect.carries(route, s)).collect();
            let (mut on, mut off) = (Vec::new(), Vec::new());
            dialect.subscribe_more(route, &owned(&symbols), &mut on);
            dialect.unsubscribe(route, &owned(&symbols), &mut off);
            let turned = on.iter().map(|text| {
                text.replace("\"subscribe\"", "\"unsubscribe\"")
                    .replace("\"SUBSCRIBE\"", "\"UNSUBSCRIBE\"")
            });
            match dialect.venue() {
                Venue::Bitfinex => assert!(off.is_empty()),
                _ => assert_eq!(off, turned.collect::<Vec<_>>()),
            }
            assert!(!on.is_empty());
        }
    }
}

/// The strings of a JSON value, keys left out.
fn strings(value: &Value, found: &mut Vec<String>) {
    if let Some(text) = value.as_str() {
        found.push(text.to_owned());
    }
    for item in value.as_array().into_iter().flatten() {
        strings(item, found);
    }
    for (_, item) in value.as_object().into_iter().flatten() {
        strings(item, found);
    }
}

fn strings_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let value = sonic_rs::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    strings(&value, &mut found);
    found
}

/// Most bytes a message, arguments a message, bytes and channels a connection may have, where the
/// venue (or those who met it) names a limit.
fn limits(venue: Venue) -> [usize; 4] {
    const NONE: usize = usize::MAX;
    match venue {
        Venue::Binance | Venue::BinanceUs | Venue::BinanceFutures | Venue::BinanceDelivery => {
            [4_088, NONE, NONE, 1_024]
        }
        Venue::Bybit => [NONE, NONE, 21_000, NONE],
        Venue::BybitSpot => [NONE, 10, 21_000, NONE],
        Venue::Okx => [NONE, NONE, 65_536, NONE],
        Venue::Coinbase => [NONE, NONE, NONE, 2 * 16],
        Venue::Bitmex => [NONE, 20, NONE, NONE],
        Venue::Bitfinex => [NONE, 1, NONE, 25],
        _ => [NONE; 4],
    }
}

#[test]
fn five_hundred_symbols_stay_within_the_limits() {
    // As long as the longest names are.
    let symbols: Vec<_> = (0..500).map(|n| format!("SYMBOL-1000000TURBO-{n:03}X")).collect();
    for dialect in dialects() {
        let venue = dialect.venue();
        let [message_bytes, arguments, connection_bytes, channels] = limits(venue);
        let route = &venue.terms().routes[0];
        for part in symbols.chunks(venue.terms().instruments_per_connection) {
            let texts = subscribed(dialect, route, part);
            let named = |text: &String| -> Vec<String> {
                let strings = strings_of(text).into_iter().map(|name| name.to_uppercase());
                strings.filter(|name| name.contains("SYMBOL-")).collect()
            };
            for text in &texts {
                assert!(text.len() <= message_bytes, "{venue}: {} bytes", text.len());
                assert!(named(text).len() <= arguments, "{venue}: {text}");
            }
            let all: Vec<_> = texts.iter().flat_map(named).collect();
            assert!(all.len() <= channels, "{venue}: {} channels", all.len());
            assert!(texts.iter().map(String::len).sum::<usize>() <= connection_bytes, "{venue}");
            for symbol in part {
                assert!(all.iter().any(|name| name.contains(symbol.as_str())), "{venue} {symbol}");
            }
        }
    }
}

#[test]
fn symbols_of_unusual_bytes_stay_whole() {
    let symbol = "a\"},{\\&x=\u{0}é 币/%41";
    for dialect in dialects() {
        let route = &dialect.venue().terms().routes[0];
        let texts = subscribed(dialect, route, &owned(&[symbol]));
        let named = texts.iter().flat_map(|text| strings_of(text));
        assert!(named.filter(|name| name.contains(symbol)).count() > 0, "{dialect:?}");
        for path in dialect.metadata(&owned(&[symbol])).iter().chain(&dialect.snapshot(symbol)) {
            assert!(path.starts_with('/'));
            assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
            assert!(path.matches('&').count() <= 1, "{path}");
        }
    }
}

#[test]
fn our_decoder_takes_what_we_send() {
    for dialect in dialects() {
        let mut decoder = Decoder::new(dialect.venue(), None, Limits::default());
        let mut out = Updates::new();
        let terms = dialect.venue().terms();
        let mut texts = subscribed(dialect, &terms.routes[0], &owned(&["BTC/USD", "A\"\\"]));
        dialect.unsubscribe(&terms.routes[0], &owned(&["BTC/USD"]), &mut texts);
        texts.extend(terms.ping.map(|ping| ping.text.to_owned()));
        for text in texts {
            decoder.sent(ConnectionId(0), text.as_bytes(), &mut out);
            assert_eq!(decoder.counts().unknown_types, 0, "{text}");
        }
        assert!(out.updates.is_empty());
    }
    // The depth we ask Kraken for is the one the decoder then keeps.
    let mut listener = Listener::new(Venue::Kraken);
    let route = &Venue::Kraken.terms().routes[0];
    for text in subscribed(usual(Venue::Kraken), route, &owned(&["ABC/USD"])) {
        listener.sent(&text);
    }
    let book = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"ABC/USD","bids":[{"price":1.5,"qty":2}],"asks":[{"price":1.6,"qty":2}]}]}"#;
    assert_eq!(listener.audit(book), "1000 no checksum");
}

#[test]
fn rest_paths() {
    let paths = |venue, symbols: &[&str]| usual(venue).metadata(&owned(symbols)).join(" ");
    for (venue, expected) in [
        (Venue::Binance, "/api/v3/depth?symbol=BTCUSDT&limit=5000"),
        (Venue::BinanceUs, "/api/v3/depth?symbol=BTCUSDT&limit=5000"),
        (Venue::BinanceFutures, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"),
        (Venue::BinanceDelivery, "/dapi/v1/depth?symbol=BTCUSDT&limit=1000"),
    ] {
        assert_eq!(usual(venue).snapshot("BTCUSDT").unwrap(), expected);
    }
    assert_eq!(usual(Venue::Okx).snapshot("BTC-USDT"), None);
    for (venue, symbols, expected) in [
        (
            Venue::Binance,
            &["BTCUSDT", "ETHBTC"][..],
            "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22ETHBTC%22%5D",
        ),
        (Venue::BinanceFutures, &["BTCUSDT"], "/fapi/v1/exchangeInfo"),
        (Venue::BinanceDelivery, &["BTCUSD_PERP"], "/dapi/v1/exchangeInfo"),
        (
            Venue::Bybit,
            &["BTCUSDT", "BTCUSD"],
            "/v5/market/instruments-info?category=linear&symbol=BTCUSDT \
             /v5/market/instruments-info?category=inverse&symbol=BTCUSD",
        ),
        (
            Venue::BybitSpot,
            &["BTCUSDT"],
            "/v5/market/instruments-info?category=spot&symbol=BTCUSDT",
        ),
        (
            Venue::Okx,
            &["BTC-USDT", "BTC-USDT-SWAP", "ETH-USDT", "BTC-USD-220527", "BTC-USD-220527-30000-C"],
            "/api/v5/public/instruments?instType=SPOT /api/v5/public/instruments?instType=SWAP \
             /api/v5/public/instruments?instType=FUTURES \
             /api/v5/public/instruments?instType=OPTION&instFamily=BTC-USD",
        ),
        (Venue::Coinbase, &["BTC-USD"], "/api/v3/brokerage/market/products/BTC-USD"),
        (Venue::CoinbaseExchange, &["BTC-USD"], "/products/BTC-USD"),
        (Venue::Kraken, &["BTC/USD"], ""),
        (Venue::KrakenFutures, &["PI_XBTUSD"], "/derivatives/api/v3/instruments"),
        (Venue::Bitmex, &["XBTUSD"], "/api/v1/instrument/active"),
        (Venue::Bitfinex, &["tBTCUSD"], ""),
    ] {
        assert_eq!(paths(venue, symbols), expected);
        assert_eq!(paths(venue, &[]), "");
    }
    let version_1 = Dialect::new(Venue::Kraken, "wss://ws.kraken.com");
    assert_eq!(version_1.metadata(&owned(&["XBT/USD"])), ["/0/public/AssetPairs"]);
}

/// The decoder reads from the address whose snapshot it is.
#[test]
fn a_snapshot_is_of_the_symbol_asked_for() {
    let symbol = "币%41&B";
    let path = usual(Venue::Binance).snapshot(symbol).unwrap();
    let mut decoder = Decoder::new(Venue::Binance, None, Limits::default());
    let body = br#"{"lastUpdateId":9,"bids":[["1","2"]],"asks":[["3","4"]]}"#;
    let mut out = Updates::new();
    decoder.rest_reply(ConnectionId(0), Some(&path), Some(200), body, &mut out).unwrap();
    assert!(decoder.instruments().find(symbol).is_some());
}

/// Numbers that would make a client spin, or never give up.
#[test]
fn terms_are_sound() {
    for venue in Venue::ALL {
        let terms = venue.terms();
        assert!(terms.ws.starts_with("wss://") && terms.rest.starts_with("https://"));
        assert!(terms.routes.iter().all(|route| route.path.starts_with('/')));
        assert!(terms.routes.iter().any(|route| route.books));
        assert!(terms.routes.iter().any(|route| route.trades));
        assert!(terms.symbols_per_message <= terms.instruments_per_connection);
        assert!(terms.connects.0 > 0 && terms.message_gap_ms > 0 && terms.rest_gap_ms > 0);
        let answered = terms.heartbeat_silence_ms.unwrap_or(terms.frame_silence_ms);
        assert!(terms.ping.is_none_or(|ping| 2 * ping.every_ms < answered), "{venue}");
        let ponged = |every_ms| 2 * every_ms < terms.frame_silence_ms;
        assert!(terms.control_ping_ms.is_none_or(ponged), "{venue}");
    }
    let shared = Venue::ALL.into_iter().filter(|venue| venue.terms().shares_ids);
    assert_eq!(
        shared.map(Venue::slug).collect::<Vec<_>>().join(" "),
        "binance binance-us binance-futures binance-delivery bybit bybit-spot okx kraken-futures"
    );
}
