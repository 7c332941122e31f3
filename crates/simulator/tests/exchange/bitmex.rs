//! BitMEX.

use crate::play::{Hall, Manners, check, check_real};
use crate::small::frames;
use tickhawk_simulator::{ClientId, RestId, TapeRecord};

pub fn manners(table: &str, symbols: &[&str]) -> Manners {
    let args: Vec<String> = symbols
        .iter()
        .map(|symbol| format!(r#""{table}:{symbol}","trade:{symbol}","quote:{symbol}""#))
        .collect();
    let says =
        vec![format!(r#"{{"op":"subscribe","args":[{}]}}"#, args.join(",")), "ping".to_owned()];
    Manners { slug: "bitmex", path: "/realtime".to_owned(), says, rest: |_| String::new() }
}

fn by_path(symbols: &[&str]) -> Manners {
    let topics: Vec<String> =
        symbols.iter().map(|symbol| format!("orderBookL2:{symbol},trade%3A{symbol}")).collect();
    let path = format!("/realtime?subscribe={}", topics.join("%2C"));
    Manners { path, says: Vec::new(), ..manners("", symbols) }
}

pub fn tape() -> Vec<TapeRecord> {
    frames(&[
        r#"{"info":"Welcome to the BitMEX Realtime API."}"#,
        r#"{"table":"orderBookL2","action":"partial","keys":["symbol","id","side"],"filter":{"symbol":"A"},"data":[{"symbol":"A","id":3,"side":"Sell","size":9,"price":2.5},{"symbol":"A","id":5,"side":"Buy","size":7,"price":1e0}]}"#,
        r#"{"table":"orderBookL2","action":"partial","keys":["symbol","id","side"],"filter":{"symbol":"B"},"data":[]}"#,
        r#"{"table":"instrument","action":"partial","keys":["symbol"],"data":[{"symbol":"A","state":"Open","tickSize":0.5,"lotSize":1}]}"#,
        r#"{"table":"orderBookL2","action":"insert","data":[{"symbol":"A","id":4,"side":"Buy","size":1,"price":1.5},{"symbol":"B","id":9,"side":"Buy","size":2,"price":7}]}"#,
        r#"{"table":"orderBookL2","action":"update","data":[{"symbol":"A","id":5,"side":"Buy","size":70},{"symbol":"A","id":77,"side":"Buy","size":70}]}"#,
        r#"{"table":"quote","action":"insert","data":[{"timestamp":"2021-07-22T22:36:11.000Z","symbol":"A","bidSize":1,"bidPrice":1.5,"askPrice":2.5,"askSize":9},{"timestamp":"2021-07-22T22:36:11.000Z","symbol":"B","bidSize":1,"bidPrice":7}]}"#,
        r#"{"table":"orderBookL2","action":"delete","data":[{"symbol":"A","id":4,"side":"Buy"}]}"#,
        r#"{"table":"instrument","action":"update","data":[{"symbol":"A","state":"Closed"}]}"#,
        r#"{"table":"orderBookL2","action":"insert","data":[{"symbol":"B","id":10,"side":"Sell","size":3,"price":8,"timestamp":"2021-07-22T22:36:11.000Z"}]}"#,
    ])
}

#[test]
fn real_recording() {
    let symbols = [
        "ADAUSDT",
        "BCHUSD",
        "EOSUSDT",
        "MATICUSDT",
        "SOLUSDT",
        "TRXU21",
        "TRXUSDT",
        "UNIUSDT",
        "XBTUSD",
        "XRPU21",
    ];
    if let Some(hall) = check_real(&manners("orderBookL2", &symbols), "bitmex_2021-07-22") {
        let tickers = hall.clients.values().map(|client| client.tickers).sum::<u64>();
        assert!(tickers > 83, "{tickers}");
    }
    check_real(&by_path(&symbols), "bitmex_2021-07-22");
    if let Some(tape) = crate::tapes::real("bitmex_2021-07-22") {
        check(&manners("orderBookL2_25", &["XBTUSD"]), tape, &["XBTUSD"]);
    }
}

/// Rows of several symbols are cut to those subscribed to.
#[test]
fn small_tape() {
    let mut tape = tape();
    // A reader would not survive the update of an id that is not there; the exchange must.
    tape.remove(5);
    check(&manners("orderBookL2", &["A", "B"]), tape.clone(), &["A", "B"]);
    check(&manners("orderBookL2_25", &["B"]), tape, &["B"]);

    let mut hall = Hall::new(&manners("", &[]), self::tape());
    let client = ClientId(4);
    hall.exchange.connected(client, "/realtime?subscribe=orderBookL2_25:B");
    hall.said(client);
    assert_eq!(
        hall.play_to(client),
        [
            r#"{"table":"orderBookL2_25","action":"partial","keys":["symbol","id","side"],"filter":{"symbol":"B"},"data":[]}"#,
            r#"{"table":"orderBookL2_25","action":"insert","data":[{"symbol":"B","id":9,"side":"Buy","size":2,"price":7}]}"#,
            r#"{"table":"orderBookL2_25","action":"insert","data":[{"symbol":"B","id":10,"side":"Sell","size":3,"price":8,"timestamp":"2021-07-22T22:36:11.000Z"}]}"#,
        ]
    );
    let (bids, asks) = hall.exchange.truth("A").unwrap();
    assert_eq!(bids, [("1e0".to_owned(), "70".to_owned())]);
    assert_eq!(asks, [("2.5".to_owned(), "9".to_owned())]);
}

#[test]
fn partials_in_the_middle() {
    let mut hall = Hall::new(&manners("", &[]), tape());
    let client = ClientId(4);
    hall.exchange.connected(client, "/realtime");
    hall.play_to(client);
    let said = hall
        .answers(client, r#"{"op":"subscribe","args":["orderBookL2:B","instrument:A","quote:B"]}"#);
    assert_eq!(said.len(), 6);
    assert!(said[3].ends_with(
        r#""filter":{"symbol":"B"},"data":[{"symbol":"B","id":10,"timestamp":"2021-07-22T22:36:11.000Z","side":"Sell","size":3,"price":8},{"symbol":"B","id":9,"side":"Buy","size":2,"price":7}]}"#
    ));
    assert!(said[4].ends_with(
        r#""filter":{"symbol":"A"},"data":[{"symbol":"A","state":"Closed","tickSize":0.5,"lotSize":1}]}"#
    ));
    assert!(said[5].contains(r#""table":"quote","action":"partial""#));
    assert!(hall.exchange.resnapshot());
    assert_eq!(hall.said(client), said[3..4]);
}

#[test]
fn answers_in_the_venues_words() {
    let mut hall = Hall::new(&manners("", &[]), tape());
    let client = ClientId(9);
    hall.exchange.connected(client, "/realtime");
    assert!(hall.said(client)[0].starts_with(r#"{"info":"Welcome to the BitMEX Realtime API.""#));
    let subscribe = r#"{"op":"subscribe","args":"trade:A"}"#;
    let all = r#"{"op":"subscribe","args":["orderBookL2"]}"#;
    let none = r#"{"op":"unsubscribe","args":["orderBookL2"]}"#;
    for (says, wanted) in [
        ("ping", "pong".to_owned()),
        (
            r#"{"op":"subscribe","args":["nope:A"]}"#,
            r#"{"status":400,"error":"Unknown table: nope","meta":{},"request":{"op":"subscribe","args":["nope:A"]}}"#.to_owned(),
        ),
        (
            r#"{"op":"subscribe","args":["trade:NOPE"]}"#,
            r#"{"status":400,"error":"Unknown or expired symbol.","#.to_owned(),
        ),
        ("hello", r#"{"status":400,"error":"Invalid request.","#.to_owned()),
        (subscribe, format!(r#"{{"success":true,"subscribe":"trade:A","request":{subscribe}}}"#)),
        (subscribe, r#""error":"You are already subscribed to this topic: trade:A""#.to_owned()),
        (all, format!(r#"{{"success":true,"subscribe":"orderBookL2","request":{all}}}"#)),
        (none, format!(r#"{{"success":true,"unsubscribe":"orderBookL2","request":{none}}}"#)),
        (none, "You are not subscribed to this topic: orderBookL2".to_owned()),
    ] {
        let said = hall.answers(client, says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(&wanted), "{says}: {}", said[0]);
    }
    hall.exchange.rest(RestId(5), "/api/v1/instrument/active");
    hall.exchange.rest(RestId(6), "/nothing");
    hall.collect();
    let listed = r#"{"symbol":"A","state":"Open","tickSize":0.1,"lotSize":1}"#;
    assert!(hall.replies[&RestId(5)].1.contains(listed), "{:?}", hall.replies[&RestId(5)]);
    assert_eq!(hall.replies[&RestId(6)].0, 404);
}
