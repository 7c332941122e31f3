//! The rules, by hand-written frames. Numbers are made up.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

fn snapshot(seq: u64, at: u64) -> String {
    format!(
        r#"{{"feed":"book_snapshot","product_id":"PF_ABCUSD","timestamp":{at},"seq":{seq},"tickSize":null,"bids":[{{"price":10.5,"qty":20.0}}],"asks":[{{"price":11.0,"qty":3}}]}}"#
    )
}

fn diff(side: &str, seq: u64, at: u64, qty: &str) -> String {
    format!(
        r#"{{"feed":"book","product_id":"PF_ABCUSD","side":"{side}","seq":{seq},"price":10.5,"qty":{qty},"timestamp":{at}}}"#
    )
}

fn trade(kind: &str, seq: u64) -> String {
    format!(
        r#"{{"feed":"trade","product_id":"PF_ABCUSD","uid":"0-1","side":"sell","type":"{kind}","seq":{seq},"time":7,"qty":2.0,"price":10.25}}"#
    )
}

const SNAPSHOT: &str = "snapshot PF_ABCUSD b10.5x20 a11x3";

#[test]
fn a_book_is_a_snapshot_and_levels_in_order() {
    let mut listener = Listener::new(Venue::KrakenFutures);
    listener.check(&diff("buy", 8, 1, "1.0"), "syncing PF_ABCUSD; resubscribe PF_ABCUSD");
    listener.check(&diff("buy", 9, 1, "1.0"), "");
    listener.check(&snapshot(9, 2), &format!("{SNAPSHOT} #9 @2000000"));
    listener.check(&diff("buy", 10, 2, "0.0"), "diff PF_ABCUSD b10.5x0 #10 @2000000");
    listener.check(&diff("sell", 11, 3, "4"), "diff PF_ABCUSD a10.5x4 #11 @3000000");
    listener.check(&diff("sell", 11, 3, "4"), "");
    listener.check(&diff("buy", 10, 2, "0.0"), "");
    listener.check(&snapshot(9, 2), "");
    assert_eq!(listener.decoder.counts().duplicates, 3);
    listener.check(&diff("buy", 12, 4, "1"), "diff PF_ABCUSD b10.5x1 #12 @4000000");
    listener.check(&snapshot(20, 5), &format!("{SNAPSHOT} #20 @5000000"));
    listener.check(&diff("buy", 21, 5, "1"), "diff PF_ABCUSD b10.5x1 #21 @5000000");
    assert_eq!(listener.decoder.counts().gaps, 0);
}

#[test]
fn a_gap_stales_until_a_snapshot() {
    let mut listener = Listener::new(Venue::KrakenFutures);
    listener.check(&snapshot(9, 2), &format!("{SNAPSHOT} #9 @2000000"));
    listener.check(&diff("buy", 11, 3, "1"), "stale PF_ABCUSD Sequence; resubscribe PF_ABCUSD");
    listener.check(&diff("buy", 10, 2, "1"), "");
    listener.check(&snapshot(15, 4), &format!("{SNAPSHOT} #15 @4000000"));
    // The venue counts anew: smaller, but later.
    listener.check(&diff("buy", 2, 9, "1"), "stale PF_ABCUSD Sequence; resubscribe PF_ABCUSD");
    listener.check(&snapshot(1, 9), &format!("{SNAPSHOT} #1 @9000000"));
    assert_eq!(listener.decoder.counts().gaps, 2);
}

#[test]
fn damage_is_an_error_and_then_a_gap() {
    let mut listener = Listener::new(Venue::KrakenFutures);
    listener.check(&snapshot(9, 2), &format!("{SNAPSHOT} #9 @2000000"));
    for damaged in [
        diff("both", 10, 3, "1"),
        diff("buy", 10, 3, "-1"),
        diff("buy", 10, 3, "\"x\""),
        diff("buy", 10, 3, "1e40"),
        diff("buy", 10, 3, "1")[..60].to_owned(),
        diff("buy", 10, 3, "1").replace("\"seq\":10,", ""),
        diff("buy", 10, 3, "1").replace("\"seq\":10", "\"seq\":10,\"seq\":11"),
    ] {
        let heard = listener.hear(&damaged);
        assert!(heard.starts_with("error: "), "{damaged}: {heard}");
    }
    assert_eq!(listener.decoder.counts().malformed, 7);
    listener.check(&diff("buy", 11, 3, "1"), "stale PF_ABCUSD Sequence; resubscribe PF_ABCUSD");
}

#[test]
fn trades_are_the_takers_and_history_is_not_told() {
    let mut listener = Listener::new(Venue::KrakenFutures);
    let history = r#"{"feed":"trade_snapshot","product_id":"PF_ABCUSD","trades":[{"feed":"trade","product_id":"PF_ABCUSD","side":"buy","type":"fill","seq":3,"time":1,"qty":1.0,"price":9.0}]}"#;
    listener.check(history, "");
    listener.check(&trade("fill", 4), "trade PF_ABCUSD a10.25x2 @7000000");
    listener.check(&trade("fill", 4), "");
    listener.check(&trade("liquidation", 5), "trade PF_ABCUSD a10.25x2 @7000000");
    listener.check(&trade("block", 6), "");
    listener.check(&trade("somehow", 7), "trade PF_ABCUSD a10.25x2 @7000000");
    let counts = listener.decoder.counts();
    assert_eq!((counts.duplicates, counts.off_market_trades, counts.unknown_values), (1, 1, 1));
}

#[test]
fn tickers_and_notices() {
    let mut listener = Listener::new(Venue::KrakenFutures);
    listener.check(
        r#"{"feed":"ticker_lite","product_id":"PF_ABCUSD","bid":10.5,"ask":0.0,"change":1.0}"#,
        "ticker PF_ABCUSD b10.5x0 none",
    );
    listener.check(
        r#"{"feed":"ticker","product_id":"PF_ABCUSD","bid":10.5,"bid_size":2.0,"ask":null}"#,
        "ticker PF_ABCUSD b10.5x2 none",
    );
    for notice in [
        r#"{"event":"info","version":1}"#,
        r#"{"event":"subscribed","feed":"book","product_ids":["PF_ABCUSD"]}"#,
        r#"{"event":"error","message":"Invalid product id"}"#,
        r#"{"feed":"heartbeat","time":5}"#,
    ] {
        listener.check(notice, "");
    }
    listener.check(r#"{"feed":"fills","fills":[]}"#, "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.control, counts.unknown_types), (4, 1));
}

#[test]
fn metadata() {
    let symbols = ["PF_ABCUSD", "PI_XUSD", "PF_Z"];
    let mut listener = Listener::wanting(Venue::KrakenFutures, &symbols);
    let heard = listener.reply(
        r#"{"result":"success","instruments":[{"symbol":"pf_abcusd","tradeable":true,"tickSize":0.5,"contractValueTradePrecision":4},{"symbol":"PI_XUSD","tradeable":false,"contractValueTradePrecision":-3},{"symbol":"PF_Z","contractValueTradePrecision":-9223372036854775808}]}"#,
    );
    assert_eq!(
        heard,
        "metadata PF_ABCUSD Some((5, 1)) Some((1, 4)) Trading; \
         metadata PI_XUSD None Some((1000, 0)) Halted; metadata PF_Z None None Unknown"
    );
}

#[test]
fn hostile_frames() {
    survives_damage(
        Venue::KrakenFutures,
        &[
            &snapshot(9, 2),
            &diff("buy", 10, 3, "1.5"),
            &diff("sell", 11, 3, "0"),
            &trade("fill", 1),
        ],
    );
}
