//! The rules, by hand-written frames. Numbers are made up.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

fn book(kind: &str, depth: u32, u: u64, seq: u64, bids: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.{depth}.ABCUSDT","type":"{kind}","ts":8,"data":{{"s":"ABCUSDT","b":[{bids}],"a":[["10.60","3"]],"u":{u},"seq":{seq}}},"cts":7}}"#
    )
}

const BID: &str = r#"["10.50","2.0"]"#;

#[track_caller]
fn check(frames: &[(String, &str)]) -> Listener {
    let mut listener = Listener::new(Venue::Bybit);
    for (frame, expected) in frames {
        listener.check(frame, expected);
    }
    listener
}

#[test]
fn a_book_is_a_snapshot_and_deltas_in_order() {
    let listener = check(&[
        (book("delta", 50, 4, 40, BID), "syncing ABCUSDT"),
        (book("delta", 50, 5, 41, BID), ""),
        (book("snapshot", 50, 6, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #6 @7000000"),
        (book("delta", 50, 7, 42, ""), "diff ABCUSDT a10.6x3 #7 @7000000"),
        (book("delta", 50, 7, 42, ""), ""),
    ]);
    assert_eq!(listener.decoder.counts().duplicates, 1);
    assert_eq!(listener.decoder.counts().gaps, 0);
}

#[test]
fn a_gap_stales_until_a_snapshot() {
    let listener = check(&[
        (book("snapshot", 50, 6, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #6 @7000000"),
        (book("delta", 50, 8, 44, ""), "stale ABCUSDT Sequence; resubscribe ABCUSDT"),
        (book("delta", 50, 9, 45, ""), ""),
        (book("snapshot", 50, 3, 50, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #3 @7000000"),
        (book("delta", 50, 4, 51, ""), "diff ABCUSDT a10.6x3 #4 @7000000"),
    ]);
    assert_eq!(listener.decoder.counts().gaps, 1);
}

#[test]
fn a_restart_is_a_snapshot_with_update_id_one() {
    check(&[
        (book("snapshot", 50, 60, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #60 @7000000"),
        (book("snapshot", 50, 1, 43, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #1 @7000000"),
        (book("delta", 50, 2, 44, ""), "diff ABCUSDT a10.6x3 #2 @7000000"),
    ]);
    // A restart whose snapshot was lost: ids are behind, the engine's number is ahead.
    check(&[
        (book("snapshot", 50, 60, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #60 @7000000"),
        (book("delta", 50, 2, 44, ""), "stale ABCUSDT Sequence; resubscribe ABCUSDT"),
    ]);
    check(&[
        (book("snapshot", 50, 60, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #60 @7000000"),
        (book("delta", 50, 61, 41, ""), "stale ABCUSDT Sequence; resubscribe ABCUSDT"),
    ]);
}

#[test]
fn the_deepest_topic_is_followed() {
    let listener = check(&[
        (book("snapshot", 1, 6, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #6 @7000000"),
        (book("snapshot", 1, 6, 42, BID), ""),
        (book("snapshot", 1, 9, 44, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #9 @7000000"),
        (book("snapshot", 1, 8, 43, BID), ""),
        (book("delta", 50, 2, 44, ""), ""),
        (book("snapshot", 50, 3, 45, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #3 @7000000"),
        (book("snapshot", 1, 10, 46, BID), ""),
        (book("delta", 50, 4, 46, ""), "diff ABCUSDT a10.6x3 #4 @7000000"),
    ]);
    assert_eq!(listener.decoder.counts().duplicates, 2);
    assert_eq!(listener.decoder.counts().unknown_types, 2);
}

#[test]
fn what_cannot_be_read_shows_in_the_next_message() {
    let mut listener = Listener::new(Venue::Bybit);
    listener.hear(&book("snapshot", 50, 6, 42, BID));
    for damaged in [
        book("delta", 50, 7, 43, r#"["10.50","2.0"],["10.4","x"]"#),
        book("delta", 50, 7, 43, r#"["10.50","-2.0"]"#),
        book("delta", 50, 7, 43, r#"["10.50"]"#),
        book("dilta", 50, 7, 43, BID),
        book("delta", 50, 7, 43, BID).replace(r#""s":"ABCUSDT""#, r#""s":"ABDUSDT""#),
        book("delta", 50, 7, 43, BID).replace(r#""u":7,"#, ""),
        book("delta", 50, 7, 43, BID).replace(r#""u":7,"#, r#""u":7,"u":7,"#),
    ] {
        let said = listener.hear(&damaged);
        assert!(said.starts_with("error: "), "{said}");
    }
    listener.check(&book("delta", 50, 8, 44, BID), "stale ABCUSDT Sequence; resubscribe ABCUSDT");
    assert_eq!(listener.decoder.counts().malformed, 7);
}

#[test]
fn trades_and_tickers() {
    let trade = |side: &str, block: bool| {
        format!(
            r#"{{"topic":"publicTrade.ABCUSDT","type":"snapshot","ts":8,"data":[{{"T":5,"s":"ABCUSDT","S":"{side}","v":"0.5","p":"10.55","L":"PlusTick","i":"x","BT":{block},"RPI":true}}]}}"#
        )
    };
    let ticker = |kind: &str, fields: &str| {
        format!(
            r#"{{"topic":"tickers.ABCUSDT","type":"{kind}","data":{{"symbol":"ABCUSDT",{fields}}},"cs":1,"ts":8}}"#
        )
    };
    let listener = check(&[
        (trade("Buy", false), "trade ABCUSDT b10.55x0.5 @5000000"),
        (trade("Sell", false), "trade ABCUSDT a10.55x0.5 @5000000"),
        (trade("Sell", true), ""),
        (trade("Both", false), ""),
        (
            ticker(
                "snapshot",
                r#""bid1Price":"10.5","bid1Size":"2","ask1Price":"10.6","ask1Size":"3""#,
            ),
            "ticker ABCUSDT b10.5x2 a10.6x3",
        ),
        (ticker("delta", r#""lastPrice":"10.6""#), ""),
        (ticker("delta", r#""bid1Size":"4""#), "ticker ABCUSDT b10.5x4 a10.6x3"),
        (ticker("delta", r#""ask1Price":"","ask1Size":"""#), "ticker ABCUSDT b10.5x4 none"),
        (ticker("snapshot", r#""lastPrice":"10.6""#), ""),
        (r#"{"success":true,"ret_msg":"","conn_id":"c","op":"subscribe"}"#.into(), ""),
        (r#"{"req_id":"1","op":"pong","args":["1"]}"#.into(), ""),
        (r#"{"topic":"kline.1.ABCUSDT","data":[],"ts":1,"type":"snapshot"}"#.into(), ""),
        (r#"{"topic":"orderbook.full.ABCUSDT","type":"delta","data":{},"ts":1}"#.into(), ""),
    ]);
    let counts = listener.decoder.counts();
    assert_eq!((counts.off_market_trades, counts.unknown_values), (1, 1));
    assert_eq!((counts.control, counts.unknown_types), (2, 2));
}

#[test]
fn a_new_connection_begins_anew() {
    let mut listener = Listener::new(Venue::BybitSpot);
    listener.hear(&book("snapshot", 200, 6, 42, BID));
    assert_eq!(listener.opened(), "stale ABCUSDT Closed; reconnect 0");
    listener
        .check(&book("snapshot", 50, 6, 42, BID), "snapshot ABCUSDT b10.5x2 a10.6x3 #6 @7000000");
}

#[test]
fn instruments_are_listed() {
    let mut listener = Listener::new(Venue::Bybit);
    listener.hear(&book("snapshot", 50, 6, 42, BID));
    let reply = |symbol: &str, lot: &str, status: &str| {
        format!(
            r#"{{"retCode":0,"retMsg":"OK","result":{{"category":"linear","list":[{{"symbol":"{symbol}","status":"{status}","priceFilter":{{"tickSize":"0.10"}},"lotSizeFilter":{{"{lot}":"0.001"}}}}]}}}}"#
        )
    };
    let metadata = "metadata ABCUSDT Some((1, 1)) Some((1, 3)) Trading";
    assert_eq!(listener.reply(&reply("ABCUSDT", "qtyStep", "Trading")), metadata);
    assert_eq!(listener.reply(&reply("ABCUSDT", "basePrecision", "Trading")), metadata);
    assert!(listener.reply(&reply("ABCUSDT", "qtyStep", "Closed")).ends_with("Halted"));
    assert_eq!(listener.reply(&reply("OTHER", "qtyStep", "Trading")), "");
    assert_eq!(listener.reply(r#"{"retCode":10001,"retMsg":"no","result":{}}"#), "");
}

#[test]
fn damage() {
    let frames = [
        book("snapshot", 50, 6, 42, BID),
        book("delta", 50, 7, 43, BID),
        book("snapshot", 1, 8, 44, BID),
        r#"{"topic":"tickers.ABCUSDT","type":"delta","data":{"bid1Price":"1","bid1Size":"2"}}"#
            .into(),
        r#"{"topic":"publicTrade.ABC","data":[{"T":5,"s":"ABC","S":"Buy","v":"1","p":"2"}]}"#
            .into(),
        r#"{"result":{"list":[{"symbol":"ABCUSDT","priceFilter":{"tickSize":"0.1"}}]}}"#.into(),
    ];
    survives_damage(Venue::Bybit, &frames.each_ref().map(|frame: &String| frame.as_str()));
}
