//! Coinbase Exchange.

use crate::play::{Hall, Manners, check, check_real};
use crate::small::frames;
use tickhawk_simulator::{ClientId, RestId};

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
}

pub fn manners(symbols: &[&str]) -> Manners {
    let says = vec![format!(
        r#"{{"type":"subscribe","product_ids":[{}],"channels":["level2_batch","heartbeat",{{"name":"ticker"}},{{"name":"matches","product_ids":[]}}]}}"#,
        quoted(symbols)
    )];
    Manners { slug: "coinbase-exchange", path: "/".to_owned(), says, rest: |_| String::new() }
}

/// Two small books.
pub fn tape() -> Vec<tickhawk_simulator::TapeRecord> {
    frames(&[
        r#"{"type":"subscriptions","channels":[{"name":"level2","product_ids":["A-USD","B-USD"]}]}"#,
        r#"{"type":"snapshot","product_id":"A-USD","asks":[["2.50","1.0"]],"bids":[["1.50","2"]],"time":"2026-01-01T00:00:00.000001Z"}"#,
        r#"{"type":"snapshot","product_id":"B-USD","asks":[["9","3"]],"bids":[["8","0.001"],["7","1"]]}"#,
        "not JSON",
        r#"{"type":"l2update","product_id":"A-USD","changes":[["buy","1.50","0.00"],["buy","1.25","7"],["sell","2.40","1"]],"time":"2026-01-01T00:00:01.000001Z"}"#,
        r#"{"type":"heartbeat","product_id":"A-USD","sequence":5,"last_trade_id":9,"time":"2026-01-01T00:00:01Z"}"#,
        r#"{"type":"l2update","product_id":"B-USD","changes":[["sell","9","0"],["sell","9.5","1"]],"time":"2026-01-01T00:00:02.000001Z"}"#,
        r#"{"type":"match","trade_id":10,"side":"sell","size":"1","price":"2.40","product_id":"A-USD","time":"2026-01-01T00:00:02Z"}"#,
        r#"{"type":"l2update","product_id":"A-USD","changes":[["sell","2.45","4"]],"time":"2026-01-01T00:00:03.000001Z"}"#,
    ])
}

#[test]
fn small_tape() {
    let hall = check(&manners(&["A-USD", "B-USD"]), tape(), &["A-USD", "B-USD"]);
    assert!(hall.clients.values().all(|client| client.trades == 1));
    let (bids, asks) = hall.exchange.truth("A-USD").unwrap();
    assert_eq!(bids, [("1.25".to_owned(), "7".to_owned())]);
    assert_eq!(asks.len(), 3);
    check(&manners(&["B-USD"]), tape(), &["B-USD"]);
}

#[test]
fn real_recording() {
    let symbols = [
        "BAND-BTC", "BAND-GBP", "CRV-EUR", "DASH-BTC", "NMR-EUR", "NU-GBP", "SKL-BTC", "SKL-GBP",
        "SKL-USD", "YFI-BTC",
    ];
    if let Some(hall) = check_real(&manners(&symbols), "coinbase_legacy_2021-04-17") {
        assert!(hall.clients[&ClientId(0)].trades > 50);
    }
}

#[test]
fn answers_in_the_venues_words() {
    let mut hall = Hall::new(&manners(&[]), tape());
    let client = ClientId(9);
    hall.exchange.connected(client, "/");
    for (says, wanted) in [
        (
            r#"{"type":"subscribe","channels":["level2"],"product_ids":["NOPE-USD"]}"#,
            r#"{"type":"error","message":"Failed to subscribe","reason":"NOPE-USD is not a valid product"}"#,
        ),
        (
            r#"{"type":"subscribe","channels":["nope"],"product_ids":["A-USD"]}"#,
            "nope is not a valid channel",
        ),
        (r#"{"type":"subscribe","channels":["ticker"]}"#, "ticker requires product_ids"),
        (r#"{"type":"subscribe"}"#, "No channels provided"),
        (r#"{"type":"nope"}"#, "Type has to be either subscribe or unsubscribe"),
        ("hello", "Malformed JSON"),
        (
            r#"{"type":"subscribe","channels":["heartbeat","status"],"product_ids":["A-USD","B-USD"]}"#,
            r#"{"type":"subscriptions","channels":[{"name":"heartbeat","product_ids":["A-USD","B-USD"]},{"name":"status","product_ids":[]}]}"#,
        ),
        (
            r#"{"type":"unsubscribe","channels":["status",{"name":"heartbeat","product_ids":["B-USD"]}]}"#,
            r#"{"type":"subscriptions","channels":[{"name":"heartbeat","product_ids":["A-USD"]}]}"#,
        ),
    ] {
        let said = hall.answers(client, says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
    hall.exchange.idle(5_000_000_000);
    assert!(
        hall.said(client)[0]
            .contains(r#""type":"heartbeat","last_trade_id":0,"product_id":"A-USD""#)
    );
    for (path, status, wanted) in [
        (
            "/products",
            200,
            r#"[{"id":"A-USD","base_currency":"A","quote_currency":"USD","quote_increment":"0.1","base_increment":"1""#,
        ),
        ("/products/B-USD", 200, r#"{"id":"B-USD""#),
        ("/products/C-USD", 404, "NotFound"),
        ("/nothing", 404, "NotFound"),
    ] {
        hall.exchange.rest(RestId(5), path);
        hall.collect();
        let (found, body) = &hall.replies[&RestId(5)];
        assert_eq!(*found, status, "{path}");
        assert!(body.contains(wanted), "{path}: {body:.200}");
    }
}
