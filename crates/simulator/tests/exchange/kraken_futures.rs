//! Kraken Futures.

use crate::play::{Hall, Manners, check, check_real};
use crate::small::frames;
use tickhawk_simulator::{ClientId, RestId, TapeRecord};

pub fn manners(symbols: &[&str]) -> Manners {
    let names: Vec<String> = symbols.iter().map(|name| format!("\"{name}\"")).collect();
    // Names of any case will do.
    let names = names.join(",").to_ascii_lowercase();
    let says =
        |feed: &str| format!(r#"{{"event":"subscribe","feed":"{feed}","product_ids":[{names}]}}"#);
    let says = ["book", "trade", "ticker_lite"].map(says).into();
    Manners { slug: "kraken-futures", path: "/ws/v1".to_owned(), says, rest: |_| String::new() }
}

pub fn tape() -> Vec<TapeRecord> {
    frames(&[
        r#"{"event":"info","version":1}"#,
        r#"{"feed":"book_snapshot","product_id":"PI_A","timestamp":1,"seq":41,"tickSize":null,"bids":[{"price":1.5,"qty":2.0}],"asks":[{"price":2.25,"qty":1.0}]}"#,
        r#"{"feed":"heartbeat","time":1}"#,
        r#"{"feed":"book","product_id":"PI_A","side":"buy","seq":42,"price":1.5,"qty":0.0,"timestamp":2}"#,
        r#"{"feed":"book_snapshot","product_id":"PI_B","timestamp":3,"seq":7,"bids":[{"price":5,"qty":2}],"asks":[]}"#,
        r#"{"feed":"book","product_id":"PI_A","side":"buy","seq":43,"price":1.25,"qty":9.0,"timestamp":3}"#,
        r#"{"feed":"trade","product_id":"PI_A","side":"sell","type":"fill","seq":3,"time":3,"qty":1.0,"price":1.5}"#,
        r#"{"feed":"book","product_id":"PI_A","side":"sell","seq":44,"price":2.0,"qty":1.0,"timestamp":4}"#,
    ])
}

#[test]
fn small_tape() {
    let hall = check(&manners(&["PI_A"]), tape(), &["PI_A"]);
    assert_eq!(hall.clients[&ClientId(0)].trades, 1);
    let (bids, asks) = hall.exchange.truth("PI_A").unwrap();
    assert_eq!((bids[0].0.as_str(), asks[0].0.as_str()), ("1.25", "2.0"));
}

#[test]
fn real_recording() {
    let symbols = [
        "FI_BCHUSD_210730",
        "FI_BCHUSD_210924",
        "FI_ETHUSD_210730",
        "FI_ETHUSD_211231",
        "FI_XBTUSD_210730",
        "FI_XBTUSD_210924",
        "FI_XRPUSD_210924",
        "PI_ETHUSD",
        "PI_LTCUSD",
        "PI_XRPUSD",
    ];
    if let Some(hall) = check_real(&manners(&symbols), "kraken_futures_2021-07-22") {
        let tickers = |id| hall.clients[&ClientId(id)].tickers;
        assert_eq!(tickers(0), 107);
        assert!(tickers(1) > tickers(2) && tickers(2) > 10, "{}", tickers(2));
    }
}

#[test]
fn answers_in_the_venues_words() {
    let mut hall = Hall::new(&manners(&[]), tape());
    let client = ClientId(9);
    hall.exchange.connected(client, "/ws/v1");
    assert_eq!(hall.said(client), [r#"{"event":"info","version":1}"#]);
    hall.play(4);
    for (says, wanted) in [
        (
            r#"{"event":"subscribe","feed":"book","product_ids":["NOPE"]}"#,
            &[r#"{"event":"error","message":"Invalid product id"}"#][..],
        ),
        (
            r#"{"event":"subscribe","feed":"nope"}"#,
            &[r#"{"event":"error","message":"Invalid feed"}"#],
        ),
        (
            r#"{"event":"subscribe","feed":"heartbeat"}"#,
            &[r#"{"event":"subscribed","feed":"heartbeat"}"#],
        ),
        ("hello", &[r#"{"event":"error","message":"Json Error"}"#]),
        (r#"{"event":"ping"}"#, &[r#"{"event":"pong"}"#]),
        (
            r#"{"event":"subscribe","feed":"book","product_ids":["pi_a"]}"#,
            &[
                r#"{"event":"subscribed","feed":"book","product_ids":["PI_A"]}"#,
                r#"{"feed":"book_snapshot","product_id":"PI_A","timestamp":2,"seq":42,"tickSize":null,"bids":[],"asks":[{"price":2.25,"qty":1.0}]}"#,
            ],
        ),
        (
            r#"{"event":"subscribe","feed":"book","product_ids":["PI_A"]}"#,
            &[
                r#"{"event":"alert","message":"Already subscribed to feed, re-requesting"}"#,
                r#"{"event":"subscribed","feed":"book","product_ids":["PI_A"]}"#,
                r#"{"feed":"book_snapshot","product_id":"PI_A","timestamp":2,"seq":42,"tickSize":null,"bids":[],"asks":[{"price":2.25,"qty":1.0}]}"#,
            ],
        ),
        (
            r#"{"event":"unsubscribe","feed":"book","product_ids":["PI_A"]}"#,
            &[r#"{"event":"unsubscribed","feed":"book","product_ids":["PI_A"]}"#],
        ),
        (
            r#"{"event":"unsubscribe","feed":"book","product_ids":["PI_A"]}"#,
            &[r#"{"event":"alert","message":"Not subscribed to feed"}"#],
        ),
    ] {
        assert_eq!(hall.answers(client, says), wanted, "{says}");
    }
    hall.exchange.idle(5_000_000_000);
    assert_eq!(hall.said(client), [r#"{"feed":"heartbeat","time":5000}"#]);
    hall.exchange.rest(RestId(5), "/derivatives/api/v3/instruments");
    hall.exchange.rest(RestId(6), "/nothing");
    hall.collect();
    let listed =
        r#"{"symbol":"PI_A","tickSize":0.01,"contractValueTradePrecision":0,"tradeable":true}"#;
    assert!(hall.replies[&RestId(5)].1.contains(listed), "{:?}", hall.replies[&RestId(5)]);
    assert_eq!(hall.replies[&RestId(6)].0, 404);
}
