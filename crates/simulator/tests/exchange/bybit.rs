//! Bybit.

use crate::play::{Hall, Manners, check, check_real};
use crate::tapes::synthetic;
use tickhawk_simulator::{ClientId, RestId, WireFormat};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "DOGEUSDT"];

fn manners(depth: u32, symbols: &[&str]) -> Manners {
    let says = |topic: &str| {
        let args: Vec<String> =
            symbols.iter().map(|symbol| format!("\"{topic}.{symbol}\"")).collect();
        format!(r#"{{"req_id":"r1","op":"subscribe","args":[{}]}}"#, args.join(","))
    };
    Manners {
        slug: "bybit",
        path: "/v5/public/linear".to_owned(),
        says: vec![
            says("publicTrade"),
            says("tickers"),
            says(&format!("orderbook.{depth}")),
            r#"{"op":"ping"}"#.to_owned(),
        ],
        rest: |_| String::new(),
    }
}

#[test]
fn synthetic_tape() {
    let hall = check(&manners(200, &SYMBOLS), synthetic(WireFormat::Bybit, 20), &SYMBOLS);
    let (first, last) = (&hall.clients[&ClientId(0)], &hall.clients[&ClientId(2)]);
    assert!(first.trades > last.trades && last.trades > 10);
    assert!(first.tickers > last.tickers && last.tickers > 10);
}

#[test]
fn another_depth_than_the_tapes() {
    let hall = check(&manners(50, &SYMBOLS), synthetic(WireFormat::Bybit, 5), &SYMBOLS);
    assert!(hall.clients[&ClientId(2)].trades > 0);
}

#[test]
fn real_recording() {
    let symbols = ["BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT"];
    check_real(&manners(200, &symbols), "bybit_v5_linear_2026-08-09");
}

#[test]
fn answers_in_the_venues_words() {
    let manners = manners(200, &SYMBOLS);
    let mut hall = Hall::new(&manners, synthetic(WireFormat::Bybit, 2));
    hall.exchange.connected(ClientId(9), &manners.path);
    assert!(!hall.exchange.has_subscriber());
    for (says, wanted) in [
        (
            r#"{"op":"ping","req_id":"7"}"#,
            r#""ret_msg":"pong","conn_id":"exchange-00000009","req_id":"7","op":"ping"}"#,
        ),
        (
            r#"{"op":"subscribe","args":["orderbook.30.BTCUSDT"]}"#,
            r#"{"success":false,"ret_msg":"error:handler not found,topic:orderbook.30.BTCUSDT""#,
        ),
        (
            r#"{"op":"subscribe","args":["tickers.NOPE"]}"#,
            "error:handler not found,topic:tickers.NOPE",
        ),
        (
            r#"{"op":"subscribe","args":["tickers.BTCUSDT"],"req_id":"x"}"#,
            r#"{"success":true,"ret_msg":"""#,
        ),
        (
            r#"{"op":"subscribe","args":["tickers.BTCUSDT"]}"#,
            "error:already subscribed,topic:tickers.BTCUSDT",
        ),
        (r#"{"op":"subscribe","args":"x"}"#, "error:invalid args"),
        (r#"{"op":"nope"}"#, "error:invalid op"),
        ("hello", "Failed to decode incoming data"),
    ] {
        let said = hall.answers(ClientId(9), says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
    assert!(hall.exchange.has_subscriber());
}

#[test]
fn a_snapshot_on_demand_and_after_resubscribing() {
    let manners = manners(200, &SYMBOLS);
    let mut hall = Hall::new(&manners, synthetic(WireFormat::Bybit, 4));
    let client = hall.join(9, &manners);
    hall.play(1_000);
    assert!(hall.exchange.resnapshot());
    hall.hand_over();
    hall.compare(&SYMBOLS);

    let topic = r#""args":["orderbook.200.BTCUSDT"]}"#;
    let said = hall.answers(client, &format!(r#"{{"op":"unsubscribe",{topic}"#));
    assert!(said[0].contains(r#""success":true"#), "{said:?}");
    hall.play(50);
    let said = hall.answers(client, &format!(r#"{{"op":"subscribe",{topic}"#));
    assert_eq!(said.len(), 2);
    assert!(said[1].starts_with(r#"{"topic":"orderbook.200.BTCUSDT","type":"snapshot""#));
    hall.clients.get_mut(&client).unwrap().frame(&said[1]);
    hall.play(usize::MAX);
    hall.compare(&SYMBOLS);
}

#[test]
fn listings() {
    let mut hall = Hall::new(&manners(200, &SYMBOLS), synthetic(WireFormat::Bybit, 4));
    hall.exchange.rest(RestId(5), "/v5/market/instruments-info?category=linear");
    hall.exchange.rest(RestId(6), "/nothing");
    hall.hand_over();
    let (status, body) = &hall.replies[&RestId(5)];
    assert_eq!(*status, 200);
    let btc = r#"{"symbol":"BTCUSDT","status":"Trading","priceFilter":{"tickSize":"0.1"},"lotSizeFilter":{"qtyStep":"0.001"}}"#;
    assert!(body.contains(btc), "{body}");
    assert_eq!(hall.replies[&RestId(6)].0, 404);
}
