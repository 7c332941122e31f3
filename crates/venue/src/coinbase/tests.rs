//! The rules, by hand-written frames. Numbers are made up.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

fn message(channel: &str, number: u64, events: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","client_id":"","timestamp":"1970-01-01T00:00:05Z","sequence_num":{number},"events":[{events}]}}"#
    )
}

fn event(kind: &str, product: &str, updates: &str) -> String {
    format!(r#"{{"type":"{kind}","product_id":"{product}","updates":[{updates}]}}"#)
}

fn level(side: &str, time: &str, price: &str, qty: &str) -> String {
    format!(
        r#"{{"side":"{side}","event_time":"{time}","price_level":"{price}","new_quantity":"{qty}"}}"#
    )
}

fn bid() -> String {
    level("bid", "1970-01-01T00:00:00Z", "10.50", "2")
}

fn snapshot(number: u64, product: &str) -> String {
    message("l2_data", number, &event("snapshot", product, &bid()))
}

fn update(number: u64, product: &str) -> String {
    let levels = [
        level("offer", "1970-01-01T00:00:01.25Z", "10.7", "0"),
        level("bid", "1970-01-01T00:00:02Z", "10.50", "1.5"),
        level("bid", "1970-01-01T00:00:01Z", "10.40", "1"),
    ];
    message("l2_data", number, &event("update", product, &levels.join(",")))
}

const HEARTBEAT: &str =
    r#"{"current_time":"1970-01-01 00:00:05 +0000 UTC m=+1.0","heartbeat_counter":7}"#;

#[test]
fn one_number_counts_all_channels() {
    let mut listener = Listener::new(Venue::Coinbase);
    listener.check(&update(0, "A-B"), "syncing A-B");
    listener.check(&message("heartbeats", 1, HEARTBEAT), "");
    listener.check(&snapshot(2, "A-B"), "snapshot A-B b10.5x2 #2 @5000000000");
    listener.check(&snapshot(3, "C-D"), "snapshot C-D b10.5x2 #3 @5000000000");
    let diff = "diff A-B a10.7x0 b10.5x1.5 b10.4x1 #4 @2000000000";
    listener.check(&update(4, "A-B"), diff);
    listener.check(&update(4, "A-B"), "");
    listener.check(&message("subscriptions", 5, r#"{"subscriptions":{}}"#), "");
    // 6 is lost: it may have been of any product.
    let stale = "stale A-B Sequence; stale C-D Sequence; reconnect 0";
    listener.check(&message("heartbeats", 7, HEARTBEAT), stale);
    listener.check(&update(8, "A-B"), "");
    listener.check(&snapshot(9, "A-B"), "snapshot A-B b10.5x2 #9 @5000000000");
    listener.check(&update(10, "C-D"), "");
    listener.check(&update(11, "A-B"), &diff.replace("#4", "#11"));
    let counts = listener.decoder.counts();
    assert_eq!((counts.gaps, counts.duplicates, counts.control), (2, 1, 3));
}

#[test]
fn every_event_is_a_book_message() {
    let mut listener = Listener::new(Venue::Coinbase);
    let events = [
        event("snapshot", "A-B", &bid()),
        event("snapshot", "C-D", ""),
        event("update", "A-B", ""),
    ];
    listener.check(
        &message("l2_data", 40, &events.join(",")),
        "snapshot A-B b10.5x2 #40 @5000000000; snapshot C-D #40 @5000000000; \
         diff A-B #40 @5000000000",
    );
}

#[test]
fn a_frame_that_cannot_be_read_is_a_gap() {
    let mut listener = Listener::new(Venue::Coinbase);
    listener.hear(&snapshot(0, "A-B"));
    let whole = update(1, "A-B");
    for damaged in [
        whole.replace("offer", "offfr"),
        whole.replace("update\"", "updite\""),
        whole.replace("1.5", "-1.5"),
        whole.replace("1.5", "1.5.1"),
        whole.replace("price_level", "price_lavel"),
        whole[..whole.len() - 9].to_owned(),
    ] {
        let said = listener.hear(&damaged);
        assert!(said.starts_with("error: "), "{said}");
    }
    listener.check(&update(2, "A-B"), "stale A-B Sequence; reconnect 0");
}

#[test]
fn a_connection_starts_afresh() {
    let mut listener = Listener::new(Venue::Coinbase);
    listener.hear(&snapshot(0, "A-B"));
    assert_eq!(listener.opened(), "stale A-B Closed; reconnect 0");
    listener.check(&update(0, "A-B"), "");
    listener.check(&snapshot(1, "A-B"), "snapshot A-B b10.5x2 #1 @5000000000");
    // Counting that began anew unannounced is a break.
    listener.check(
        &snapshot(0, "C-D"),
        "stale A-B Sequence; snapshot C-D b10.5x2 #0 @5000000000; reconnect 0",
    );
}

#[test]
fn trades_are_told_by_the_maker() {
    let trades = |kind: &str, side: &str| {
        format!(
            r#"{{"type":"{kind}","trades":[{{"trade_id":"1","product_id":"A-B","price":"10.5","size":"0.3","side":"{side}","time":"1970-01-01T00:00:03.5Z"}}]}}"#
        )
    };
    let mut listener = Listener::new(Venue::Coinbase);
    listener.check(&message("market_trades", 0, &trades("snapshot", "BUY")), "");
    listener.check(
        &message("market_trades", 1, &trades("update", "BUY")),
        "trade A-B a10.5x0.3 @3500000000",
    );
    listener.check(
        &message("market_trades", 2, &trades("update", "SELL")),
        "trade A-B b10.5x0.3 @3500000000",
    );
    listener.check(&message("market_trades", 3, &trades("update", "UNKNOWN")), "");
    assert_eq!(listener.decoder.counts().unknown_values, 1);
}

#[test]
fn tickers_status_and_the_rest() {
    let ticker = |fields: &str| {
        format!(
            r#"{{"type":"update","tickers":[{{"type":"ticker","product_id":"A-B","price":"10.5"{fields}}}]}}"#
        )
    };
    let mut listener = Listener::new(Venue::Coinbase);
    let full =
        r#","best_bid":"10.5","best_ask":"10.6","best_bid_quantity":"1","best_ask_quantity":"2""#;
    listener.check(&message("ticker", 0, &ticker(full)), "ticker A-B b10.5x1 a10.6x2");
    listener.check(&message("ticker_batch", 1, &ticker("")), "");
    listener
        .check(&message("ticker", 2, &ticker(r#","best_bid":"10.5""#)), "ticker A-B b10.5x0 none");
    let product = r#"{"type":"snapshot","products":[{"product_type":"SPOT","id":"A-B","base_increment":"0.00000001","quote_increment":"0.01","status":"online"},{"id":"X-Y","quote_increment":""}]}"#;
    let metadata = "metadata A-B Some((1, 2)) Some((1, 8)) Trading";
    listener.check(&message("status", 3, product), metadata);
    listener.check(&message("candles", 4, "{}"), "");
    listener.check(r#"{"type":"error","message":"no"}"#, "");
    listener.check(r#"{"anything":1}"#, "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.unknown_types, counts.control), (2, 1));
    let one = r#"{"product_id":"A-B","price_increment":"0.1","quote_increment":"0.01","base_increment":"1","status":"online","trading_disabled":false,"post_only":true}"#;
    assert_eq!(listener.reply(one), "metadata A-B Some((1, 1)) Some((1, 0)) Halted");
    let all = format!(r#"{{"products":[{one}],"num_products":1}}"#);
    assert_eq!(listener.reply(&all), "metadata A-B Some((1, 1)) Some((1, 0)) Halted");
}

#[test]
fn damage() {
    let frames = [
        snapshot(0, "A-B"),
        update(1, "A-B"),
        update(2, "A-B"),
        message("ticker", 3, r#"{"tickers":[{"product_id":"A-B","best_bid":"1"}]}"#),
        message("heartbeats", 4, HEARTBEAT),
        message("status", 5, r#"{"products":[{"id":"A-B","quote_increment":"0.1"}]}"#),
    ];
    survives_damage(Venue::Coinbase, &frames.each_ref().map(|frame: &String| frame.as_str()));
}
