//! The rules, by hand-written frames. Numbers are made up.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

const PARTIAL: &str = r#"{"table":"orderBookL2","action":"partial","keys":["symbol","id","side"],"filter":{"symbol":"ABC"},"data":[{"symbol":"ABC","id":70,"side":"Sell","size":3,"price":10.6},{"symbol":"ABC","id":90,"side":"Buy","size":2,"price":2e-8}]}"#;
const WHOLE: &str = "snapshot ABC a10.6x3 b0.00000002x2";

fn rows(action: &str, rows: &str) -> String {
    format!(r#"{{"table":"orderBookL2_25","action":"{action}","data":[{rows}]}}"#)
}

#[track_caller]
fn live() -> Listener {
    let mut listener = Listener::new(Venue::Bitmex);
    listener.check(PARTIAL, WHOLE);
    listener
}

#[test]
fn levels_are_addressed_by_id() {
    let mut listener = Listener::new(Venue::Bitmex);
    let update = rows("update", r#"{"symbol":"ABC","id":90,"side":"Buy","size":5}"#);
    listener.check(&update, "syncing ABC");
    listener.check(PARTIAL, WHOLE);
    listener.check(&update, "diff ABC b0.00000002x5");
    let insert = rows(
        "insert",
        r#"{"symbol":"ABC","id":80,"side":"Buy","size":7,"price":10.5,"timestamp":"1970-01-01T00:00:01Z"}"#,
    );
    listener.check(&insert, "diff ABC b10.5x7 @1000000000");
    let delete = rows(
        "delete",
        r#"{"symbol":"ABC","id":80,"side":"Buy","price":10.50,"timestamp":"1970-01-01T00:00:01Z","transactTime":"1970-01-01T00:00:02Z"}"#,
    );
    listener.check(&delete, "diff ABC b10.5x0 @2000000000");
    listener.check(PARTIAL, WHOLE);
}

#[test]
fn an_id_that_is_not_there_is_a_gap() {
    for row in [
        r#"{"symbol":"ABC","id":71,"side":"Sell","size":5}"#,
        r#"{"symbol":"ABC","id":70,"side":"Buy","size":5}"#,
        r#"{"symbol":"ABC","id":70,"side":"Sell","size":5},{"symbol":"ABC","id":71,"side":"Sell","size":5}"#,
        r#"{"symbol":"ABC","id":71,"side":"Sell","size":5,"price":10.7}"#,
        r#"{"symbol":"ABC","id":70,"side":"Sell","size":5,"price":10.7}"#,
    ] {
        for action in ["update", "delete"] {
            let mut listener = live();
            listener.check(&rows(action, row), "stale ABC Sequence; resubscribe ABC");
            listener.check(
                &rows("insert", r#"{"symbol":"ABC","id":1,"side":"Buy","size":7,"price":1}"#),
                "",
            );
            listener.check(PARTIAL, WHOLE);
            assert_eq!(listener.decoder.counts().gaps, 1);
        }
    }
}

#[test]
fn an_id_may_be_given_anew() {
    let mut listener = live();
    let again = rows("insert", r#"{"symbol":"ABC","id":70,"side":"Sell","size":4,"price":10.6}"#);
    listener.check(&again, "diff ABC a10.6x4");
    let moved = rows("insert", r#"{"symbol":"ABC","id":70,"side":"Sell","size":4,"price":10.8}"#);
    listener.check(&moved, "diff ABC a10.6x0 a10.8x4");
    let update = rows("update", r#"{"symbol":"ABC","id":70,"side":"Sell","size":1}"#);
    listener.check(&update, "diff ABC a10.8x1");
}

#[test]
fn each_run_of_a_symbol_is_a_book_message() {
    let mut listener = live();
    listener.hear(&PARTIAL.replace("ABC", "DEF"));
    let mixed = rows(
        "update",
        r#"{"symbol":"ABC","id":70,"side":"Sell","size":5},{"symbol":"ABC","id":90,"side":"Buy","size":6},{"symbol":"DEF","id":70,"side":"Sell","size":7}"#,
    );
    listener.check(&mixed, "diff ABC a10.6x5 b0.00000002x6; diff DEF a10.6x7");
    let half_wrong = rows(
        "delete",
        r#"{"symbol":"ABC","id":1,"side":"Sell"},{"symbol":"ABC","id":90,"side":"Buy"},{"symbol":"DEF","id":70,"side":"Sell"}"#,
    );
    listener.check(&half_wrong, "stale ABC Sequence; diff DEF a10.6x0; resubscribe ABC");
}

#[test]
fn a_book_may_be_empty() {
    let mut listener = Listener::new(Venue::Bitmex);
    let empty = r#"{"table":"orderBookL2","action":"partial","filter":{"symbol":"ABC"},"data":[]}"#;
    listener.check(empty, "snapshot ABC");
    listener.check(&rows("update", ""), "");
}

#[test]
fn what_cannot_be_read_stales_every_book() {
    for damaged in [
        rows("update", r#"{"symbol":"ABC","id":70,"side":"Sall","size":5}"#),
        rows("update", r#"{"symbol":"ABC","id":70,"side":"Sell","size":-5}"#),
        rows("update", r#"{"symbol":"ABC","id":70,"side":"Sell"}"#),
        rows("update", r#"{"symbol":"ABC","id":-70,"side":"Sell","size":5}"#),
        rows("insert", r#"{"symbol":"ABC","id":71,"side":"Sell","size":5}"#),
        rows("upsert", r#"{"symbol":"ABC","id":70,"side":"Sell","size":5}"#),
        PARTIAL[..120].to_owned(),
    ] {
        let mut listener = live();
        let said = listener.hear(&damaged);
        assert!(said.starts_with("stale ABC Malformed; reconnect 0; error: "), "{said}");
        listener.check(PARTIAL, WHOLE);
    }
}

#[test]
fn trades_and_quotes() {
    let trade = |action: &str, rest: &str| {
        format!(
            r#"{{"table":"trade","action":"{action}","data":[{{"timestamp":"1970-01-01T00:00:01Z","symbol":"ABC",{rest}}}]}}"#
        )
    };
    let mut listener = Listener::new(Venue::Bitmex);
    let sold = r#""side":"Sell","size":15,"price":1.5e1,"trdType":"Regular""#;
    listener.check(&trade("partial", sold), "");
    listener.check(&trade("insert", sold), "trade ABC a15x15 @1000000000");
    listener.check(&trade("insert", &sold.replace("Sell", "Buy")), "trade ABC b15x15 @1000000000");
    listener.check(&trade("insert", &sold.replace("Regular", "Referential")), "");
    listener.check(&trade("insert", r#""side":"Buy","size":0,"price":1"#), "");
    listener.check(&trade("insert", r#""side":null,"size":null,"price":1"#), "");
    assert_eq!(listener.decoder.counts().off_market_trades, 3);
    let quote = r#"{"table":"quote","action":"insert","data":[{"timestamp":"1970-01-01T00:00:01Z","symbol":"ABC","bidSize":750,"bidPrice":17.2,"askPrice":17.3,"askSize":1},{"symbol":"ABC","bidSize":750,"bidPrice":17.2}]}"#;
    listener.check(quote, "ticker ABC b17.2x750 a17.3x1; ticker ABC b17.2x750 none");
}

#[test]
fn instruments_and_the_rest() {
    let mut listener = Listener::new(Venue::Bitmex);
    let partial = r#"{"table":"instrument","action":"partial","filter":{"symbol":"ABC"},"data":[{"symbol":"ABC","tickSize":0.5,"lotSize":100,"state":"Open","lastPrice":3}]}"#;
    listener.check(partial, "metadata ABC Some((5, 1)) Some((100, 0)) Trading");
    let price =
        r#"{"table":"instrument","action":"update","data":[{"symbol":"ABC","lastPrice":3}]}"#;
    listener.check(price, "");
    let closed =
        r#"{"table":"instrument","action":"update","data":[{"symbol":"ABC","state":"Closed"}]}"#;
    listener.check(closed, "metadata ABC Some((5, 1)) Some((100, 0)) Halted");
    assert_eq!(
        listener
            .reply(r#"[{"symbol":"ABC","tickSize":1,"state":"Open"},{"symbol":"X","tickSize":1}]"#),
        "metadata ABC Some((1, 0)) Some((100, 0)) Trading"
    );
    for control in [
        r#"{"info":"Welcome","version":"x"}"#,
        r#"{"success":true,"subscribe":"quote:ABC","request":{"op":"subscribe"}}"#,
        r#"{"status":400,"error":"no","meta":{}}"#,
        "pong",
    ] {
        listener.check(control, "");
    }
    listener.check(r#"{"table":"liquidation","action":"insert","data":[]}"#, "");
    listener.check(r#"{"tab":"liquidation"}"#, "");
    let counts = listener.decoder.counts();
    assert_eq!((counts.control, counts.unknown_types), (4, 2));
}

#[test]
fn damage() {
    let update = rows("update", r#"{"symbol":"ABC","id":70,"side":"Sell","size":5}"#);
    let insert = rows("insert", r#"{"symbol":"ABC","id":80,"side":"Buy","size":7,"price":10.5}"#);
    let delete = rows("delete", r#"{"symbol":"ABC","id":80,"side":"Buy"}"#);
    let quote = r#"{"table":"quote","action":"insert","data":[{"symbol":"ABC","bidSize":7,"bidPrice":17.2}]}"#;
    survives_damage(Venue::Bitmex, &[PARTIAL, PARTIAL, &update, &insert, &delete, quote]);
}
