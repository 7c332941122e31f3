//! The rules, by hand-written frames. Numbers are made up, but for the venue's worked examples.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

fn book(channel: &str, action: &str, ids: Option<(i64, i64)>, at: u64) -> String {
    let ids = ids
        .map_or(String::new(), |(previous, id)| format!(r#","prevSeqId":{previous},"seqId":{id}"#));
    format!(
        r#"{{"arg":{{"channel":"{channel}","instId":"ABC-USDT"}},"action":"{action}","data":[{{"asks":[["10.6","3","0","1"]],"bids":[["10.5","2","0","1"]],"ts":"{at}","checksum":0{ids}}}]}}"#
    )
}

fn snapshot(id: i64, at: u64) -> String {
    book("books", "snapshot", Some((-1, id)), at)
}

fn update(previous: i64, id: i64, at: u64) -> String {
    book("books", "update", Some((previous, id)), at)
}

fn said(kind: &str, id: i64, at: u64) -> String {
    format!("{kind} ABC-USDT a10.6x3 b10.5x2 #{id} @{at}000000")
}

const GAP: &str = "stale ABC-USDT Sequence; resubscribe ABC-USDT";

#[test]
fn a_book_follows_the_previous_id() {
    let mut listener = Listener::new(Venue::Okx);
    listener.check(&update(3, 5, 1), "syncing ABC-USDT; resubscribe ABC-USDT");
    listener.check(&snapshot(10, 2), &said("snapshot", 10, 2));
    listener.check(&update(10, 15, 3), &said("diff", 15, 3));
    // Nothing changed for a minute.
    listener.check(&update(15, 15, 4), &said("diff", 15, 4));
    // Copies.
    listener.check(&update(10, 15, 3), "");
    listener.check(&snapshot(10, 2), "");
    // Maintenance: the count begins anew, and its first message comes twice.
    listener.check(&update(15, 3, 5), &said("diff", 3, 5));
    listener.check(&update(15, 3, 5), "");
    listener.check(&update(3, 5, 6), &said("diff", 5, 6));
    listener.check(&snapshot(4, 9), &said("snapshot", 4, 9));
    assert_eq!(listener.decoder.counts().duplicates, 3);
    assert_eq!(listener.decoder.counts().gaps, 0);
}

#[test]
fn a_gap_stales_until_a_snapshot() {
    let mut listener = Listener::new(Venue::Okx);
    listener.check(&snapshot(10, 2), &said("snapshot", 10, 2));
    listener.check(&update(11, 12, 3), GAP);
    listener.check(&update(10, 11, 3), "");
    listener.check(&snapshot(20, 4), &said("snapshot", 20, 4));
    // The message that began the count anew was lost, and this one only looks like an old one.
    listener.check(&update(3, 5, 6), GAP);
    listener.check(&snapshot(6, 7), &said("snapshot", 6, 7));
    listener.check(&update(9, 2, 8), GAP);
    assert_eq!(listener.decoder.counts().gaps, 3);
}

#[test]
fn the_deepest_channel_is_kept_to() {
    let mut listener = Listener::new(Venue::Okx);
    let five =
        |id| book("books5", "snapshot", Some((-1, id)), 1).replace(r#""action":"snapshot","#, "");
    let fifty = |action, ids| book("books50-l2-tbt", action, Some(ids), 1);
    listener.check(&five(10), &said("snapshot", 10, 1));
    listener.check(&fifty("update", (9, 10)), "");
    listener.check(&fifty("snapshot", (-1, 9)), &said("snapshot", 9, 1));
    listener.check(&five(11), "");
    listener.check(&snapshot(9, 1), &said("snapshot", 9, 1));
    listener.check(&book("books-l2-tbt", "snapshot", Some((-1, 9)), 1), "");
    assert_eq!(listener.decoder.counts().unwanted, 3);
    listener.check(
        r#"{"event":"unsubscribe","arg":{"channel":"books","instId":"ABC-USDT"},"connId":"a"}"#,
        "",
    );
    listener.check(&five(12), &said("snapshot", 12, 1));
    listener.opened();
    listener.check(&five(13), &said("snapshot", 13, 1));
}

/// The venue's worked examples: as many bids as asks, and more asks than bids.
#[test]
fn checksums() {
    let frame = |bids, asks, checksum: i64| {
        format!(
            r#"{{"arg":{{"channel":"books","instId":"A"}},"action":"snapshot","data":[{{"asks":{asks},"bids":{bids},"ts":"1","checksum":{checksum}}}]}}"#
        )
    };
    let bids = r#"[["3366.1","7","0","3"],["3366","6","3","4"]]"#;
    let asks = r#"[["3366.8","9","10","3"],["3368","8","3","4"]]"#;
    let mut listener = Listener::new(Venue::Okx);
    assert_eq!(listener.audit(&frame(bids, asks, -1_881_014_294)), "all right");
    assert_eq!(listener.audit(&frame(bids, asks, -1_881_014_293)), "all wrong");
    assert_eq!(listener.audit(&frame(bids, asks, 0)), "all no checksum");
    let bids = r#"[["3366.1","7","0","3"]]"#;
    let asks = r#"[["3366.8","9","10","3"],["3368","8","3","4"],["3372","8","3","4"]]"#;
    assert_eq!(listener.audit(&frame(bids, asks, 831_078_360)), "all right");
    let heard = listener.hear(&frame(bids, asks, 4_294_967_296));
    assert!(heard.starts_with("error: "), "{heard}");
}

/// Updates without ids and checksums are taken as they come, and then a lost one would not show.
#[test]
fn without_ids_and_checksum_damage_stales() {
    let mut listener = Listener::new(Venue::Okx);
    let bare = |action| book("books", action, None, 1);
    let cut = &bare("update")[..70];
    listener.hear(&bare("snapshot"));
    let heard = listener.hear(cut);
    assert!(heard.starts_with("error: "), "{heard}");
    listener.check(&bare("update"), "diff ABC-USDT a10.6x3 b10.5x2 @1000000");
    let heard = listener.hear(cut);
    assert!(heard.starts_with("stale ABC-USDT Malformed; reconnect 0; error: "), "{heard}");
}

#[test]
fn trades() {
    let mut listener = Listener::new(Venue::Okx);
    let trade = |channel, id, side| {
        format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"ABC-USDT"}},"data":[{{"instId":"ABC-USDT","tradeId":"{id}","px":"10.5","sz":"2","side":"{side}","ts":"7"}}]}}"#
        )
    };
    listener.check(&trade("trades", 5, "sell"), "trade ABC-USDT a10.5x2 @7000000");
    listener.check(&trade("trades", 5, "sell"), "");
    listener.check(&trade("trades-all", 6, "buy"), "trade ABC-USDT b10.5x2 @7000000");
    listener.check(&trade("trades", 6, "buy"), "");
    listener.check(&trade("trades-all", 7, "neither"), "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.duplicates, counts.unknown_values), (1, 1));
}

#[test]
fn tickers_metadata_and_notices() {
    let mut listener = Listener::wanting(Venue::Okx, &["A", "B", "ABC-USDT"]);
    listener.check(
        r#"{"arg":{"channel":"tickers","instId":"A"},"data":[{"instId":"A","askPx":"","askSz":"","bidPx":"1.5","bidSz":"2","ts":"1"}]}"#,
        "ticker A b1.5x2 none",
    );
    listener.check(
        r#"{"arg":{"channel":"bbo-tbt","instId":"A"},"data":[{"asks":[["1.6","3","0","1"]],"bids":[],"ts":"1","seqId":7}]}"#,
        "ticker A none a1.6x3",
    );
    let listing = r#"[{"instId":"A","tickSz":"0.1","lotSz":"0.0001","state":"live"},{"instId":"B","tickSz":"","lotSz":"1","state":"suspend"}]"#;
    let metadata =
        "metadata A Some((1, 1)) Some((1, 4)) Trading; metadata B None Some((1, 0)) Halted";
    listener.check(
        &format!(r#"{{"arg":{{"channel":"instruments","instType":"SPOT"}},"data":{listing}}}"#),
        metadata,
    );
    assert_eq!(listener.reply(&format!(r#"{{"code":"0","msg":"","data":{listing}}}"#)), metadata);
    for notice in [
        "pong",
        r#"{"event":"subscribe","arg":{"channel":"books","instId":"A"},"connId":"x"}"#,
        r#"{"event":"error","code":"60012","msg":"Invalid request"}"#,
        r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed"}"#,
    ] {
        listener.check(notice, "");
    }
    listener.check(r#"{"arg":{"channel":"candle1m","instId":"A"},"data":[["1"]]}"#, "");
    listener.check(&book("books", "something", None, 1), "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.control, counts.unknown_types, counts.unknown_values), (4, 1, 1));
}

#[test]
fn damaged_messages_are_errors() {
    let mut listener = Listener::new(Venue::Okx);
    listener.check(&snapshot(10, 2), &said("snapshot", 10, 2));
    let whole = update(10, 15, 3);
    for (from, to) in [
        (r#""bids":[["10.5","2","0","1"]],"#, ""),
        (r#""10.5""#, r#""10.5.1""#),
        (r#"["10.5","2","0","1"]"#, r#"["10.5"]"#),
        (r#""2""#, r#""-2""#),
        (r#""ts":"3""#, r#""ts":"soon""#),
        (r#""seqId":15"#, r#""seqId":15,"seqId":16"#),
        (r#""action":"update","#, ""),
        (r#""instId":"ABC-USDT""#, r#""instId":null"#),
        (r#"{"channel":"books","instId":"ABC-USDT"}"#, r#""books""#),
    ] {
        assert!(whole.contains(from), "{from}");
        let heard = listener.hear(&whole.replace(from, to));
        assert!(heard.starts_with("error: "), "{from}: {heard}");
    }
    // None of them moved the book's place.
    listener.check(&whole, &said("diff", 15, 3));
}

#[test]
fn hostile_frames() {
    let trade = r#"{"arg":{"channel":"trades","instId":"ABC-USDT"},"data":[{"instId":"ABC-USDT","tradeId":"9","px":"10.5","sz":"2","side":"buy","ts":"7"}]}"#;
    let odd = update(15, 18, 4).replace("10.5", "10.50").replace("\"3\"", "\"3e0\"");
    survives_damage(Venue::Okx, &[&snapshot(10, 2), &update(10, 15, 3), &odd, trade]);
}
