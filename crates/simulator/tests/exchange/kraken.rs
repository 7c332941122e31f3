//! Kraken spot, both versions.

use crate::play::{Hall, Manners, check, check_real};
use crate::small::frames;
use crate::tapes::synthetic;
use tickhawk_simulator::{ClientId, Output, RestId, TapeKind, TapeRecord, WireFormat};

const SYMBOLS: [&str; 3] = ["BTC/USD", "ETH/USD", "DOGE/USD"];

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
}

fn v2(depth: u32, symbols: &[&str]) -> Manners {
    let symbols = quoted(symbols);
    let says = |channel: &str, more: &str| {
        format!(
            r#"{{"method":"subscribe","params":{{"channel":"{channel}","symbol":[{symbols}]{more}}}}}"#
        )
    };
    let says = vec![
        r#"{"method":"subscribe","params":{"channel":"instrument"},"req_id":7}"#.to_owned(),
        says("trade", ""),
        says("ticker", ""),
        says("book", &format!(r#","depth":{depth}"#)),
    ];
    Manners { slug: "kraken", path: "/v2".to_owned(), says, rest: |_| String::new() }
}

pub fn v1(depth: u32, symbols: &[&str]) -> Manners {
    let says = vec![format!(
        r#"{{"event":"subscribe","pair":[{}],"subscription":{{"name":"book","depth":{depth}}},"reqid":3}}"#,
        quoted(symbols)
    )];
    Manners { slug: "kraken", path: "/".to_owned(), says, rest: |_| String::new() }
}

#[test]
fn synthetic_v2() {
    let tape = synthetic(WireFormat::Kraken, 12);
    let hall = check(&v2(100, &SYMBOLS), tape.clone(), &SYMBOLS);
    let (first, last) = (&hall.clients[&ClientId(0)], &hall.clients[&ClientId(2)]);
    assert!(first.trades > last.trades && last.trades > 10);
    assert!(first.tickers > last.tickers && last.tickers > 10);
    assert!(last.checksums > 300);
    // More than the tape has is acknowledged as what it has.
    check(&v2(1000, &SYMBOLS), tape, &SYMBOLS);
}

/// Plays a tape to clients of a lesser depth: each has the best levels of the true book, and every
/// checksum is right.
fn check_cut(manners: &Manners, tape: Vec<TapeRecord>, depth: usize, symbols: &[&str]) {
    let third = tape.len() / 3;
    let mut hall = Hall::new(manners, tape);
    for id in 0..3 {
        hall.join(id, manners);
        hall.play(third);
    }
    hall.play(usize::MAX);
    for symbol in symbols {
        let (mut bids, mut asks) = crate::play::plain(&hall.exchange.truth(symbol).unwrap());
        assert!(bids.len() > depth && asks.len() > depth);
        bids.truncate(depth);
        asks.truncate(depth);
        for client in hall.clients.values() {
            assert!(client.book(symbol) == Some((bids.clone(), asks.clone())), "{symbol}");
        }
    }
    assert!(hall.clients.values().all(|client| client.checksums > 50));
}

#[test]
fn lesser_depths() {
    for depth in [10, 25] {
        let tape = synthetic(WireFormat::Kraken, 6);
        check_cut(&v2(depth as u32, &SYMBOLS), tape, depth, &SYMBOLS);
        let Some(tape) = crate::tapes::real(RECORDING) else { continue };
        let symbols = ["XBT/CHF", "ADA/XBT", "SC/EUR"];
        check_cut(&v1(depth as u32, &symbols), tape, depth, &symbols);
    }
}

const RECORDING: &str = "kraken_v1_2021-04-17";

#[test]
fn real_recording() {
    let symbols = [
        "ADA/XBT",
        "ETH/CHF",
        "GRT/ETH",
        "KSM/XBT",
        "OCEAN/XBT",
        "OMG/USD",
        "SC/EUR",
        "WAVES/EUR",
        "XBT/CHF",
        "XMR/USD",
    ];
    if let Some(hall) = check_real(&v1(1000, &symbols), RECORDING) {
        assert_eq!(hall.clients[&ClientId(0)].checksums, 4269);
    }
}

/// A message of two pairs is cut to the one subscribed to.
#[test]
fn one_pair_of_two() {
    let level = r#"{"price":1.5,"qty":2.0}"#;
    let item = |symbol: &str, checksum: u32| {
        format!(
            r#"{{"symbol":"{symbol}","bids":[{level}],"asks":[],"checksum":{checksum},"timestamp":"2026-01-01T00:00:00Z"}}"#
        )
    };
    let of = |kind: &str, sum: u32| {
        let (a, b) = (item("A/USD", sum), item("B/USD", sum));
        format!(r#"{{"channel":"book","type":"{kind}","data":[{a},{b}]}}"#)
    };
    let mut hall = Hall::new(&v2(10, &[]), frames(&[&of("snapshot", 5), &of("update", 6)]));
    let client = ClientId(4);
    hall.exchange.connected(client, "/v2");
    hall.answers(client, &v2(10, &["B/USD"]).says[3]);
    let cut = |kind: &str, sum| {
        format!(r#"{{"channel":"book","type":"{kind}","data":[{}]}}"#, item("B/USD", sum))
    };
    assert_eq!(hall.play_to(client), [cut("snapshot", 5), cut("update", 6)]);
    // Who comes late gets the same book, with the checksum of the last message.
    hall.exchange.connected(client, "/v2");
    let said = hall.answers(client, &v2(10, &["B/USD"]).says[3]);
    assert_eq!(said.last(), Some(&cut("snapshot", 6)));
    // Checksums are over numbers as they are written: the listing must tell trailing zeros, too.
    let said = hall.answers(client, &v2(10, &[]).says[0]);
    let listed = r#"{"symbol":"B/USD","base":"B","quote":"USD","status":"online","qty_precision":1,"qty_increment":1,"price_precision":1,"price_increment":0.1,"qty_min":1}"#;
    assert!(said.last().unwrap().contains(listed), "{said:?}");
}

/// A tape with two depths of one book: the deeper one is played as soon as it begins.
#[test]
fn a_deeper_book_takes_over() {
    let bid = |price: &str, qty: &str| format!(r#"["{price}","{qty}","5.0"]"#);
    let of = |payload: &str, depth: u32| format!(r#"[{depth},{payload},"book-{depth}","A/B"]"#);
    let snapshot = |depth, bids: &str| of(&format!(r#"{{"as":[],"bs":[{bids}]}}"#), depth);
    let update = |depth, bids: &str| of(&format!(r#"{{"b":[{bids}],"c":"7"}}"#), depth);
    let texts = [
        snapshot(10, &bid("5.0", "1.0")),
        update(10, &bid("4.0", "1.0")),
        update(25, &bid("3.0", "1.0")),
        snapshot(25, &format!("{},{}", bid("5.0", "2.0"), bid("2.0", "1.0"))),
        update(10, &bid("5.0", "0.0")),
        update(25, &bid("5.0", "3.0")),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut hall = Hall::new(&v1(25, &[]), frames(&texts));
    let (deep, shallow) = (ClientId(1), ClientId(2));
    for (client, depth) in [(deep, 25), (shallow, 10)] {
        hall.exchange.connected(client, "/");
        hall.answers(client, &v1(depth, &["A/B"]).says[0]);
    }
    while hall.exchange.next_at().is_some() {
        hall.exchange.step();
    }
    let mut heard = Vec::new();
    while let Some(Output::Frame { client, text }) = hall.exchange.take() {
        heard.push((client, text));
    }
    let to = |id| heard.iter().filter(move |(to, _)| *to == id).map(|(_, text)| text.as_str());
    assert!(to(deep).eq([texts[0], texts[1], texts[3], texts[5]]), "{heard:?}");
    let cut = [texts[3], texts[5]].map(|text| text.replace("book-25", "book-10"));
    let cut = cut.map(|text| text.replace("[25,", "[10,"));
    assert!(to(shallow).eq([texts[0], texts[1], &cut[0], &cut[1]]), "{heard:?}");
    let (bids, _) = hall.exchange.truth("A/B").unwrap();
    assert_eq!(bids, [("5.0".into(), "3.0".into()), ("2.0".to_owned(), "1.0".to_owned())]);
}

#[track_caller]
fn answers(hall: &mut Hall, client: ClientId, cases: &[(&str, &str)]) {
    for (says, wanted) in cases {
        let said = hall.answers(client, says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
}

#[test]
fn answers_of_v2() {
    let mut hall = Hall::new(&v2(10, &SYMBOLS), synthetic(WireFormat::Kraken, 2));
    let client = ClientId(9);
    hall.exchange.connected(client, "/v2");
    assert!(hall.said(client)[0].starts_with(r#"{"channel":"status","type":"update""#));
    answers(
        &mut hall,
        client,
        &[
            (
                r#"{"method":"subscribe","params":{"channel":"book","symbol":["NO/PE"]},"req_id":4}"#,
                r#"{"error":"Currency pair not supported NO/PE","method":"subscribe","req_id":4,"success":false,"symbol":"NO/PE","time_in":"#,
            ),
            (
                r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":11}}"#,
                r#"{"error":"Subscription depth not supported","#,
            ),
            (
                r#"{"method":"subscribe","params":{"channel":"nope","symbol":["BTC/USD"]}}"#,
                r#"{"error":"Channel not supported nope","#,
            ),
            (r#"{"method":"subscribe"}"#, r#"{"error":"Malformed request","#),
            ("hello", r#"{"error":"Malformed request","#),
            (r#"{"method":"ping","req_id":8}"#, r#"{"method":"pong","req_id":8,"time_in":"#),
            (
                r#"{"event":"subscribe","pair":["BTC/USD"],"subscription":{"name":"book"}}"#,
                r#"{"errorMessage":"This exchange speaks WebSocket V2 only","event":"subscriptionStatus","#,
            ),
            (
                r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":9}"#,
                r#"{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true,"req_id":9,"time_in":"#,
            ),
            (
                r#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#,
                r#"{"error":"Already subscribed","#,
            ),
            (
                r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#,
                r#"{"method":"unsubscribe","result":{"channel":"book","depth":10,"#,
            ),
            (
                r#"{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}}"#,
                r#"{"error":"Subscription Not Found","#,
            ),
        ],
    );
    hall.exchange.maintenance();
    assert!(hall.said(client)[0].contains(r#""system":"maintenance""#));
}

/// A small tape of version 1.
pub fn tape_v1() -> Vec<TapeRecord> {
    frames(&[
        r#"[336,{"as":[["10.60000","3.00000000","5.000002"]],"bs":[["10.50000","2.00000000","4.5"]]},"book-25","XBT/CHF"]"#,
        r#"{"event":"heartbeat"}"#,
        r#"[336,{"b":[["10.40000","1.00000000","6.25"]],"c":"974947235"},"book-25","XBT/CHF"]"#,
        r#"[336,{"b":[["10.40000","0.00000000","7.25"]],"c":"9"},"book-25","XBT/CHF"]"#,
    ])
}

#[test]
fn answers_of_v1() {
    let tape = tape_v1();
    let mut hall = Hall::new(&v1(10, &[]), tape);
    let client = ClientId(9);
    // The greeting tells the version, whatever the path.
    hall.exchange.connected(client, "/v2");
    assert!(hall.said(client)[0].contains(r#""event":"systemStatus","status":"online""#));
    answers(
        &mut hall,
        client,
        &[
            (
                r#"{"event":"subscribe","pair":["NO/PE"],"subscription":{"name":"book"},"reqid":4}"#,
                r#"{"errorMessage":"Currency pair not supported NO/PE","event":"subscriptionStatus","pair":"NO/PE","reqid":4,"status":"error","subscription":{"name":"book"}}"#,
            ),
            (r#"{"event":"nope"}"#, r#"{"errorMessage":"Malformed request","event":"error"}"#),
            (r#"{"event":"ping","reqid":5}"#, r#"{"event":"pong","reqid":5}"#),
            (
                r#"{"method":"subscribe","params":{"channel":"book","symbol":["XBT/CHF"]}}"#,
                r#"{"error":"This exchange speaks WebSocket V1 only","#,
            ),
            // The venue's code for a coin stands for the usual one.
            (
                r#"{"event":"subscribe","pair":["BTC/CHF"],"subscription":{"name":"book","depth":100}}"#,
                r#"{"channelID":336,"channelName":"book-25","event":"subscriptionStatus","pair":"XBT/CHF","status":"subscribed","subscription":{"name":"book","depth":25}}"#,
            ),
        ],
    );
    let said = hall.play_to(client);
    assert_eq!(said.len(), 4);
    assert_eq!(said[1], r#"{"event":"heartbeat"}"#);
    let other = ClientId(10);
    hall.exchange.connected(other, "/");
    let said = hall.answers(other, &v1(25, &["XBT/CHF"]).says[0]);
    assert_eq!(
        said.last().unwrap(),
        r#"[336,{"as":[["10.60000","3.00000000","5.000002"]],"bs":[["10.50000","2.00000000","4.5"]]},"book-25","XBT/CHF"]"#
    );
}

#[test]
fn a_snapshot_on_demand_and_listings() {
    let manners = v2(25, &SYMBOLS);
    let mut tape = synthetic(WireFormat::Kraken, 4);
    tape.retain(|record| {
        !matches!(&record.kind, TapeKind::Frame(text) if text.contains(r#""instrument","type""#))
    });
    let mut hall = Hall::new(&manners, tape);
    hall.exchange.connected(ClientId(8), "/v2");
    let said = hall.answers(ClientId(8), &manners.says[0]);
    let btc = r#"{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"price_precision":1,"price_increment":0.1,"#;
    assert!(said.last().unwrap().contains(btc), "{said:?}");
    hall.exchange.disconnected(ClientId(8));

    hall.join(9, &manners);
    hall.play(1_000);
    assert!(hall.exchange.resnapshot());
    hall.hand_over();
    hall.play(usize::MAX);
    assert!(hall.clients[&ClientId(9)].book("BTC/USD").is_some());

    for (path, status, wanted) in [
        (
            "/0/public/AssetPairs",
            200,
            r#""BTCUSD":{"altname":"BTCUSD","wsname":"BTC/USD","base":"BTC","quote":"USD","pair_decimals":1,"lot_decimals":8,"tick_size":"0.1","status":"online"}"#,
        ),
        ("/0/public/SystemStatus", 200, "online"),
        ("/nothing", 404, "EGeneral:Unknown method"),
    ] {
        hall.exchange.rest(RestId(5), path);
        hall.collect();
        let (found, body) = &hall.replies[&RestId(5)];
        assert_eq!(*found, status, "{path}");
        assert!(body.contains(wanted), "{path}: {body:.300}");
    }
}
