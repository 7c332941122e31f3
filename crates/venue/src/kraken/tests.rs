//! The rules, by hand-written frames. Numbers are made up, but for the venue's worked example.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

/// The levels of the worked example of "Book checksum (WebSocket v2)".
const BIDS: &str = r#"[{"price":45283.5,"qty":0.10000000},{"price":45283.4,"qty":1.54582015},{"price":45282.1,"qty":0.10000000},{"price":45281.0,"qty":0.10000000},{"price":45280.3,"qty":1.54592586},{"price":45279.0,"qty":0.07990000},{"price":45277.6,"qty":0.03310103},{"price":45277.5,"qty":0.30000000},{"price":45277.3,"qty":1.54602737},{"price":45276.6,"qty":0.15445238}]"#;
const ASKS: &str = r#"[{"price":45285.2,"qty":0.00100000},{"price":45286.4,"qty":1.54571953},{"price":45286.6,"qty":1.54571109},{"price":45289.6,"qty":1.54560911},{"price":45290.2,"qty":0.15890660},{"price":45291.8,"qty":1.54553491},{"price":45294.7,"qty":0.04454749},{"price":45296.1,"qty":0.35380000},{"price":45297.5,"qty":0.09945542},{"price":45299.5,"qty":0.18772827}]"#;

fn worked_example() -> String {
    format!(
        r#"{{"channel":"book","type":"snapshot","data":[{{"symbol":"BTC/USD","bids":{BIDS},"asks":{ASKS},"checksum":3310070434}}]}}"#
    )
}

fn v2(kind: &str, items: &[(&str, &str, &str)]) -> String {
    let item = |(symbol, bids, asks): &(&str, &str, &str)| {
        format!(
            r#"{{"symbol":"{symbol}","bids":[{bids}],"asks":[{asks}],"checksum":7,"timestamp":"1970-01-01T00:00:05.000002Z"}}"#
        )
    };
    let items: Vec<_> = items.iter().map(item).collect();
    format!(r#"{{"channel":"book","type":"{kind}","data":[{}]}}"#, items.join(","))
}

fn v1(payload: &str) -> String {
    format!(r#"[336,{payload},"book-25","XBT/CHF"]"#)
}

const V1_SNAPSHOT: &str =
    r#"{"as":[["10.60000","3.00000000","5.000002"]],"bs":[["10.50000","2.00000000","4.5"]]}"#;
const V1_SAID: &str = "snapshot XBT/CHF a10.6x3 b10.5x2 @5000002000";

#[test]
fn v1_book() {
    let mut listener = Listener::new(Venue::Kraken);
    let bid = r#"{"b":[["10.40000","1.00000000","6.25"]],"c":"974947235"}"#;
    listener.check(&v1(bid), "syncing XBT/CHF; resubscribe XBT/CHF");
    assert_eq!(listener.audit(&v1(V1_SNAPSHOT)), "25 no checksum");
    listener.check(&v1(bid), "diff XBT/CHF b10.4x1 @6250000000");
    // Both sides come as two payloads, the checksum in the last; a channel id may be of any size.
    listener.check(
        r#"[12345678901234567890123,{"a":[["10.60000","0.00000000","7.0"],["10.70000","1.00000000","6.9","r"]]},{"b":[["10.50000","0.00000000","6.8"]],"c":"7"},"book-25","XBT/CHF"]"#,
        "diff XBT/CHF a10.6x0 a10.7x1 b10.5x0 @7000000000",
    );
    // Another depth of the same book.
    listener.check(&v1(bid).replace("book-25", "book-10"), "");
    assert_eq!(listener.decoder.counts().unwanted, 1);
    // A snapshot may come at any time.
    listener.check(&v1(V1_SNAPSHOT), V1_SAID);
    listener.check(r#"[1,{"as":[],"bs":[]},"book-10","XBT/CHF"]"#, "snapshot XBT/CHF");
}

#[test]
fn v1_checksum() {
    let mut listener = Listener::new(Venue::Kraken);
    // Text of "Book checksum (WebSocket v1)": 0.05000 with 0.00000500 counts as 5000500.
    let checksum = crc32fast::hash(b"50055004765500");
    let with = |checksum: u32| {
        format!(
            r#"[0,{{"as":[["0.05005","0.00000500","1.0"]]}},{{"bs":[["0.04765","0.00000500","1.0"]],"c":"{checksum}"}},"book-10","ETH/XBT"]"#
        )
    };
    assert_eq!(listener.audit(&with(checksum)), "10 right");
    assert_eq!(listener.audit(&with(checksum ^ 1)), "10 wrong");
}

#[test]
fn v1_trades_tickers_and_notices() {
    let mut listener = Listener::new(Venue::Kraken);
    let trade =
        |at: &str, side: &str| format!(r#"["10.50000","2.00000000","{at}","{side}","l",""]"#);
    let trades = |trades: &[String]| format!(r#"[9,[{}],"trade","XBT/CHF"]"#, trades.join(","));
    let subscribed = r#"{"channelID":9,"channelName":"trade","event":"subscriptionStatus","pair":"XBT/CHF","status":"subscribed","subscription":{"name":"trade"}}"#;
    listener.check(subscribed, "");
    // What the channel begins with is history, told by its span.
    listener.check(&trades(&[trade("1.0", "b"), trade("3.5", "s")]), "");
    let sold = "trade XBT/CHF a10.5x2 @4000000000";
    listener.check(&trades(&[trade("4.0", "s")]), sold);
    listener.check(&trades(&[trade("4.0", "s"), trade("9.0", "?")]), sold);
    listener.check(subscribed, "");
    listener.check(&trades(&[trade("4.0", "s")]), sold);
    listener.check(
        r#"[9,["10.5","10.6","5.0","2.0","3.0"],"spread","XBT/CHF"]"#,
        "ticker XBT/CHF b10.5x2 a10.6x3",
    );
    listener.check(
        r#"[9,{"a":["10.6",3,"3.25"],"b":["10.5",2,"2.0"],"c":["10.5","1.0"],"v":["1","2"]},"ticker","XBT/CHF"]"#,
        "ticker XBT/CHF b10.5x2 a10.6x3.25",
    );
    for notice in [
        r#"{"event":"heartbeat"}"#,
        r#"{"connectionID":17843232920108168701,"event":"systemStatus","status":"online"}"#,
        r#"{"event":"pong","reqid":42}"#,
    ] {
        listener.check(notice, "");
    }
    listener.check(r#"[9,["1","2"],"ohlc-5","XBT/CHF"]"#, "");
    listener.check(r#"[[],"ownTrades",{"sequence":1}]"#, "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.control, counts.unknown_types, counts.unknown_values), (5, 2, 1));
}

#[test]
fn v2_worked_example() {
    let mut listener = Listener::new(Venue::Kraken);
    assert_eq!(listener.audit(&worked_example()), "10 right");
    let flipped = worked_example().replace("45299.5", "45299.6");
    assert_eq!(listener.audit(&flipped), "10 wrong");
    assert_eq!(listener.audit(&worked_example().replace("3310070434", "3310070435")), "10 wrong");
    // Numbers as strings count by their text, too.
    let quoted = worked_example().replace("0.07990000", "\"0.07990000\"");
    assert_eq!(listener.audit(&quoted), "10 right");
}

/// A writer that drops trailing zeros can be followed once the pair's precision is known.
#[test]
fn v2_precision() {
    let mut listener = Listener::wanting(Venue::Kraken, &["BTC/USD", "ETH/USD"]);
    let short = worked_example().replace("0.10000000", "0.1").replace("45281.0", "45281");
    assert_eq!(listener.audit(&short), "10 wrong");
    listener.check(
        r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"price_precision":1,"price_increment":0.1},{"symbol":"ETH/USD","status":"cancel_only","qty_precision":300,"qty_increment":1e-8}]}}"#,
        "metadata BTC/USD Some((1, 1)) Some((1, 8)) Trading; metadata ETH/USD None Some((1, 8)) Halted",
    );
    assert_eq!(listener.audit(&short), "10 right");
}

#[test]
fn v2_book() {
    let mut listener = Listener::new(Venue::Kraken);
    let bid = r#"{"price":10.5,"qty":2.00}"#;
    let ask = r#"{"price":10.6,"qty":3.00}"#;
    listener.check(&v2("update", &[("A/B", bid, "")]), "syncing A/B; resubscribe A/B");
    listener.check(
        &v2("snapshot", &[("A/B", bid, ask), ("C/D", bid, ask)]),
        "snapshot A/B a10.6x3 b10.5x2 @5000002000; snapshot C/D a10.6x3 b10.5x2 @5000002000",
    );
    listener.check(
        &v2("update", &[("C/D", r#"{"price":10.5,"qty":0}"#, ""), ("A/B", "", ask)]),
        "diff C/D b10.5x0 @5000002000; diff A/B a10.6x3 @5000002000",
    );
    // The first is whole; the damage is in the second.
    let half = listener.hear(&v2("update", &[("A/B", bid, ""), ("C/D", bid, r#"{"price":1}"#)]));
    let stale = "stale A/B Malformed; stale C/D Malformed; reconnect 0; error: ";
    assert!(half.starts_with(&format!("diff A/B b10.5x2 @5000002000; {stale}")), "{half}");
    for damaged in [bid.replace("2.00", "-2"), bid.replace("10.5", "\"x\""), "7".to_owned()] {
        listener.hear(&v2("snapshot", &[("A/B", bid, ask)]));
        let heard = listener.hear(&v2("update", &[("A/B", &damaged, "")]));
        assert!(heard.starts_with("stale A/B Malformed; "), "{damaged}: {heard}");
    }
}

#[test]
fn v2_depth() {
    let mut listener = Listener::new(Venue::Kraken);
    let level = r#"{"price":1.5,"qty":1.0}"#;
    let levels = |count| vec![level; count].join(",");
    let snapshot = |count| v2("snapshot", &[("A/B", &levels(count), level)]);
    assert_eq!(listener.audit(&snapshot(1)), "10 wrong");
    assert_eq!(listener.audit(&snapshot(101)), "500 wrong");
    listener.check(
        r#"{"method":"subscribe","result":{"channel":"book","depth":25,"snapshot":true,"symbol":"A/B"},"success":true}"#,
        "",
    );
    assert_eq!(listener.audit(&snapshot(1)), "25 wrong");
    listener.sent(
        r#"{"method":"subscribe","params":{"channel":"book","symbol":["A/B","C/D"],"depth":100}}"#,
    );
    listener.sent(r#"{"method":"subscribe","params":{"channel":"trade","symbol":["A/B"]}}"#);
    assert_eq!(listener.audit(&snapshot(1)), "100 wrong");
    // Larger than that: it cannot be what this one answers.
    assert_eq!(listener.audit(&snapshot(101)), "500 wrong");
    listener.sent(r#"{"method":"subscribe","params":{"channel":"book","symbol":["A/B"]}}"#);
    assert_eq!(listener.audit(&snapshot(1)), "10 wrong");
}

#[test]
fn v2_trades_tickers_and_notices() {
    let mut listener = Listener::new(Venue::Kraken);
    let trade = |kind: &str, id: u64| {
        format!(
            r#"{{"channel":"trade","type":"{kind}","data":[{{"symbol":"A/B","side":"sell","price":10.5,"qty":2.0,"ord_type":"limit","trade_id":{id},"timestamp":"1970-01-01T00:00:05Z"}}]}}"#
        )
    };
    listener.check(&trade("snapshot", 4), "");
    listener.check(&trade("update", 5), "trade A/B a10.5x2 @5000000000");
    listener.check(&trade("update", 5), "");
    listener.check(&trade("sideways", 6), "");
    listener.check(
        r#"{"channel":"ticker","type":"update","data":[{"symbol":"A/B","bid":10.5,"bid_qty":2.0,"ask":10.6,"ask_qty":3.0,"last":10.5}]}"#,
        "ticker A/B b10.5x2 a10.6x3",
    );
    for notice in [
        r#"{"channel":"heartbeat"}"#,
        r#"{"channel":"status","type":"update","data":[{"system":"online"}]}"#,
        r#"{"method":"pong","req_id":1}"#,
        r#"{"error":"Already subscribed","method":"subscribe","success":false}"#,
    ] {
        listener.check(notice, "");
    }
    listener.check(r#"{"channel":"ohlc","type":"update","data":[{}]}"#, "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.control, counts.unknown_types), (4, 1));
    assert_eq!((counts.duplicates, counts.unknown_values), (1, 1));
}

#[test]
fn asset_pairs() {
    let mut listener = Listener::wanting(Venue::Kraken, &["OLD/X", "XBT/CHF"]);
    let heard = listener.reply(
        r#"{"error":[],"result":{"XXBTZCHF":{"altname":"XBTCHF","wsname":"XBT/CHF","pair_decimals":1,"lot_decimals":8,"tick_size":"0.1","status":"online"},"OLD":{"wsname":"OLD/X","pair_decimals":5,"lot_decimals":8},"DARK.d":{"altname":"DARK"}}}"#,
    );
    assert_eq!(
        heard,
        "metadata OLD/X Some((1, 5)) Some((1, 8)) Unknown; \
         metadata XBT/CHF Some((1, 1)) Some((1, 8)) Trading"
    );
    assert_eq!(listener.reply(r#"{"error":["EGeneral:Internal error"]}"#), "");
}

#[test]
fn damaged_v1_messages_are_errors() {
    let mut listener = Listener::new(Venue::Kraken);
    let whole = v1(r#"{"a":[["10.60000","4.00000000","7.0"]],"c":"9"}"#);
    for (from, to) in [
        ("10.60000", "10..6"),
        ("4.00000000", "-4.00000000"),
        (r#","7.0""#, ""),
        ("7.0", "1970-01-01"),
        (r#""9""#, r#""4294967296""#),
        (r#""a":"#, r#""z":"#),
        (r#""a":[["#, r#""a":[[["#),
        (r#","c":"9"}"#, r#","a":[]}"#),
        (r#""book-25""#, "25"),
        (r#""XBT/CHF"]"#, r#""XBT/CHF"]]"#),
        (r#""XBT/CHF"]"#, r#""XBT/C"#),
    ] {
        assert!(whole.contains(from), "{from}");
        listener.check(&v1(V1_SNAPSHOT), V1_SAID);
        let heard = listener.hear(&whole.replace(from, to));
        let stale = "stale XBT/CHF Malformed; reconnect 0; error: ";
        assert!(heard.starts_with(stale), "{from}: {heard}");
        listener.check(&whole, "");
    }
    listener.check(&v1(V1_SNAPSHOT), V1_SAID);
    listener.check(&whole, "diff XBT/CHF a10.6x4 @7000000000");
}

#[test]
fn hostile_frames() {
    let level = r#"{"price":1.5,"qty":1.0}"#;
    survives_damage(
        Venue::Kraken,
        &[
            &v1(V1_SNAPSHOT),
            r#"[1,{"a":[["10.6","3.0","7.0"]]},{"b":[["10.5","0.0","6.8","r"]],"c":"7"},"book-25","XBT/CHF"]"#,
            r#"[9,[["10.5","2.0","4.0","s","l",""]],"trade","XBT/CHF"]"#,
            &v2("snapshot", &[("XBT/CHF", level, level), ("A/B", level, level)]),
            &v2("update", &[("A/B", level, "")]),
            r#"{"channel":"instrument","type":"update","data":{"pairs":[{"symbol":"A/B","status":"online","qty_precision":8,"price_precision":5}]}}"#,
        ],
    );
}
