//! The rules, by hand-written frames. Numbers are made up.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

const SNAPSHOT: &str =
    r#"{"type":"snapshot","product_id":"A-B","asks":[["10.60","3"]],"bids":[["10.50","2.0"]]}"#;
const UPDATE: &str = r#"{"type":"l2update","product_id":"A-B","changes":[["buy","10.50","0.00000000"],["sell","10.55","1"]],"time":"1970-01-01T00:00:01.5Z"}"#;
const MATCH: &str = r#"{"type":"match","trade_id":5,"maker_order_id":"m","taker_order_id":"t","side":"sell","size":"0.3","price":"10.6","product_id":"A-B","sequence":50,"time":"1970-01-01T00:00:02Z"}"#;
const TICKER: &str = r#"{"type":"ticker","sequence":51,"product_id":"A-B","price":"10.6","best_bid":"10.5","best_bid_size":"2","best_ask":"10.6","best_ask_size":"3","side":"buy","time":"1970-01-01T00:00:02Z","trade_id":5,"last_size":"0.3"}"#;
const STATUS: &str = r#"{"type":"status","currencies":[],"products":[{"id":"A-B","base_increment":"0.001","quote_increment":"0.01","status":"online","auction_mode":true},{"id":"X-Y"}]}"#;

#[test]
fn a_book_is_a_snapshot_and_updates() {
    let mut listener = Listener::new(Venue::CoinbaseExchange);
    listener.check(UPDATE, "syncing A-B");
    listener.check(SNAPSHOT, "snapshot A-B b10.5x2 a10.6x3");
    listener.check(UPDATE, "diff A-B b10.5x0 a10.55x1 @1500000000");
    listener.check(SNAPSHOT, "snapshot A-B b10.5x2 a10.6x3");
}

#[test]
fn what_cannot_be_read_stales_every_book() {
    for damaged in [
        UPDATE.replace("buy", "bay"),
        UPDATE.replace("\"1\"", "\"-1\""),
        UPDATE.replace("l2update\",", "l2update\""),
        UPDATE.replace("changes", "changed"),
        UPDATE[..60].to_owned(),
    ] {
        let mut listener = Listener::new(Venue::CoinbaseExchange);
        listener.hear(SNAPSHOT);
        let said = listener.hear(&damaged);
        assert!(said.starts_with("stale A-B Malformed; reconnect 0; error: "), "{said}");
        listener.check(UPDATE, "");
        listener.check(SNAPSHOT, "snapshot A-B b10.5x2 a10.6x3");
    }
}

#[test]
fn trades_are_told_by_the_maker() {
    let mut listener = Listener::new(Venue::CoinbaseExchange);
    listener.check(&MATCH.replace("match", "last_match"), "");
    listener.check(MATCH, "trade A-B b10.6x0.3 @2000000000");
    listener.check(MATCH, "");
    listener.check(
        &MATCH.replace(":5,", ":6,").replace("sell", "buy"),
        "trade A-B a10.6x0.3 @2000000000",
    );
    listener.check(&MATCH.replace(":5,", ":7,").replace("sell", "none"), "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.duplicates, counts.unknown_values), (1, 1));
}

#[test]
fn tickers_status_and_the_rest() {
    let mut listener = Listener::new(Venue::CoinbaseExchange);
    listener.check(TICKER, "ticker A-B b10.5x2 a10.6x3");
    let older = TICKER.replace(r#""best_bid_size":"2","#, "");
    listener.check(&older, "ticker A-B b10.5x0 a10.6x3");
    let metadata = "metadata A-B Some((1, 2)) Some((1, 3)) Halted";
    listener.check(STATUS, metadata);
    let array = &STATUS[STATUS.find("[{").unwrap()..STATUS.len() - 1];
    assert_eq!(listener.reply(array), metadata);
    assert_eq!(
        listener.reply(r#"{"id":"A-B","quote_increment":"0.05","status":"delisted"}"#),
        "metadata A-B Some((5, 2)) None Halted"
    );
    for control in [
        r#"{"type":"subscriptions","channels":[]}"#,
        r#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"A-B"}"#,
        r#"{"type":"error","message":"no"}"#,
    ] {
        listener.check(control, "");
    }
    listener.check(r#"{"type":"received","order_id":"o"}"#, "");
    listener.check(r#"{"kind":"l2update"}"#, "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.control, counts.unknown_types), (3, 2));
}

#[test]
fn a_time_that_cannot_be_read_harms_no_book() {
    let mut listener = Listener::new(Venue::CoinbaseExchange);
    listener.hear(SNAPSHOT);
    listener.check(&UPDATE.replace("1970", "0001"), "diff A-B b10.5x0 a10.55x1");
    assert_eq!(listener.decoder.counts().unknown_values, 1);
}

#[test]
fn damage() {
    survives_damage(Venue::CoinbaseExchange, &[SNAPSHOT, UPDATE, UPDATE, MATCH, TICKER, STATUS]);
}
