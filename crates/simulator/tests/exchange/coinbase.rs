//! Coinbase Advanced Trade.

use crate::play::{Hall, Manners, check, check_real};
use crate::tapes::synthetic;
use tickhawk_simulator::{ClientId, RestId, WireFormat};

const SYMBOLS: [&str; 3] = ["BTC-USD", "ETH-USD", "DOGE-USD"];

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
}

fn manners(symbols: &[&str]) -> Manners {
    let products = quoted(symbols);
    let says = |channel: &str| {
        format!(r#"{{"type":"subscribe","product_ids":[{products}],"channel":"{channel}"}}"#)
    };
    let mut says: Vec<String> = ["market_trades", "ticker", "level2"].map(says).into();
    says.push(r#"{"type":"subscribe","channel":"heartbeats"}"#.to_owned());
    Manners { slug: "coinbase", path: "/".to_owned(), says, rest: |_| String::new() }
}

#[test]
fn synthetic_tape() {
    let hall = check(&manners(&SYMBOLS), synthetic(WireFormat::Coinbase, 12), &SYMBOLS);
    let (first, last) = (&hall.clients[&ClientId(0)], &hall.clients[&ClientId(2)]);
    assert!(first.trades > last.trades && last.trades > 10);
    assert!(first.tickers > last.tickers && last.tickers > 10);
}

#[test]
fn real_recording() {
    let symbols = ["BTC-USD", "ETH-USD"];
    check_real(&manners(&symbols), "coinbase_adv_2026-08-09_head");
}

/// Numbers have no hole for who takes one product of several, and nothing of the others comes.
#[test]
fn one_product_of_several() {
    let symbols = ["ETH-USD"];
    let tape = synthetic(WireFormat::Coinbase, 6);
    check(&manners(&symbols), tape.clone(), &symbols);

    let mut hall = Hall::new(&manners(&symbols), tape);
    hall.exchange.connected(ClientId(5), "/");
    let mut said = Vec::new();
    for text in manners(&symbols).says {
        said.extend(hall.answers(ClientId(5), &text));
    }
    said.extend(hall.play_to(ClientId(5)));
    assert!(said.len() > 300);
    for (number, text) in said.iter().enumerate() {
        assert!(text.contains(&format!(r#""sequence_num":{number},"#)), "{number}: {text:.200}");
        assert!(!text.contains("BTC-USD") && !text.contains("DOGE-USD"), "{text:.300}");
        assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok());
    }
}

#[test]
fn answers_in_the_venues_words() {
    let mut hall = Hall::new(&manners(&SYMBOLS), synthetic(WireFormat::Coinbase, 2));
    let client = ClientId(9);
    hall.exchange.connected(client, "/");
    assert!(!hall.exchange.has_subscriber());
    for (says, wanted) in [
        (
            r#"{"type":"subscribe","channel":"level2","product_ids":["NOPE-USD"]}"#,
            r#"{"type":"error","message":"failed to subscribe: NOPE-USD is not a valid product"}"#,
        ),
        (
            r#"{"type":"subscribe","channel":"nope","product_ids":["BTC-USD"]}"#,
            r#""message":"channel nope is not supported""#,
        ),
        (r#"{"type":"subscribe","channel":"ticker"}"#, "product_ids are required"),
        (r#"{"type":"nope"}"#, "type must be"),
        ("hello", "malformed JSON"),
        // An alias is answered by what it stands for.
        (
            r#"{"type":"subscribe","channel":"ticker_batch","product_ids":["BTC-USDC","ETH-USD"]}"#,
            r#""sequence_num":0,"events":[{"subscriptions":{"ticker_batch":["BTC-USD","ETH-USD"]}}]}"#,
        ),
        (
            r#"{"type":"subscribe","channel":"heartbeats"}"#,
            r#""sequence_num":1,"events":[{"subscriptions":{"heartbeats":["heartbeats"],"ticker_batch":["BTC-USD","ETH-USD"]}}]}"#,
        ),
        (
            r#"{"type":"unsubscribe","channel":"ticker_batch","product_ids":["ETH-USD"]}"#,
            r#""events":[{"subscriptions":{"heartbeats":["heartbeats"],"ticker_batch":["BTC-USD"]}}]}"#,
        ),
    ] {
        let said = hall.answers(client, says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
    hall.exchange.idle(5_000_000_000);
    hall.exchange.idle(5_000_000_001);
    let said = hall.said(client);
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with(r#"{"channel":"heartbeats""#), "{said:?}");
    let said = hall.play_to(client);
    let batches = said.iter().filter(|text| text.starts_with(r#"{"channel":"ticker_batch""#));
    assert!(batches.count() > 5, "{said:?}");
}

#[test]
fn a_snapshot_on_demand() {
    let manners = manners(&SYMBOLS);
    let mut hall = Hall::new(&manners, synthetic(WireFormat::Coinbase, 4));
    hall.join(9, &manners);
    hall.play(1_000);
    assert!(hall.exchange.resnapshot());
    hall.hand_over();
    hall.compare(&SYMBOLS);
    hall.play(usize::MAX);
    hall.compare(&SYMBOLS);
}

#[test]
fn listings() {
    let mut hall = Hall::new(&manners(&SYMBOLS), synthetic(WireFormat::Coinbase, 2));
    let products = "/api/v3/brokerage/market/products";
    let btc = r#"{"product_id":"BTC-USD","base_increment":"0.00000001","quote_increment":"0.01","price_increment":"0.01""#;
    for (path, status, wanted) in [
        (format!("{products}?limit=5"), 200, btc),
        (format!("{products}/BTC-USD"), 200, btc),
        (format!("{products}/BTC-USDC"), 200, btc),
        (format!("{products}/NOPE"), 404, "NOT_FOUND"),
        ("/nothing".to_owned(), 404, "NOT_FOUND"),
    ] {
        hall.exchange.rest(RestId(5), &path);
        hall.collect();
        let (found, body) = &hall.replies[&RestId(5)];
        assert_eq!(*found, status, "{path}");
        assert!(body.contains(wanted), "{path}: {body:.200}");
    }
}
