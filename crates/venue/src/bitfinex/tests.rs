//! The rules, by hand-written frames. Numbers are made up.

use crate::{
    Venue,
    said::{Listener, survives_damage},
};

const CONF: &str = r#"{"event":"conf","status":"OK","flags":65536}"#;

fn subscribed(channel: &str, id: u64, symbol: &str, precision: &str) -> String {
    format!(
        r#"{{"event":"subscribed","channel":"{channel}","chanId":{id},"symbol":"{symbol}","prec":"{precision}","freq":"F0","len":"25","pair":"P"}}"#
    )
}

/// A connection with numbers, and one book on channel 7.
fn listener() -> Listener {
    let mut listener = Listener::new(Venue::Bitfinex);
    for frame in [r#"{"event":"info","version":2}"#, CONF, &subscribed("book", 7, "tABC", "P0")] {
        listener.check(frame, "");
    }
    listener
}

#[test]
fn one_number_counts_all_channels() {
    let mut listener = listener();
    listener.check("[7,[10.5,1,2],1]", "syncing tABC");
    listener.check("[7,[[10.5,1,2],[10.6,2,-3e-2]],2]", "snapshot tABC b10.5x2 a10.6x0.03 #2");
    listener.check("[7,[10.5,0,1],3]", "diff tABC b10.5x0 #3");
    listener.check("[7,[10.5,0,1],3]", "");
    listener.check(r#"[9,"hb",4]"#, "");
    listener.check(r#"[7,"cs",-123,5]"#, "");
    listener.check("[7,[10.6,0,-1],6,1700000000000]", "diff tABC a10.6x0 #6");
    listener.check(r#"[7,"hb",8]"#, "stale tABC Sequence; reconnect 0");
    listener.check("[7,[10.4,1,2],9]", "");
    listener.check("[7,[],10]", "snapshot tABC #10");
    listener.check("[7,[10.4,1,2],11]", "diff tABC b10.4x2 #11");
    let counts = listener.decoder.counts();
    assert_eq!((counts.gaps, counts.duplicates), (1, 1));
}

#[test]
fn what_cannot_be_read_is_a_gap_where_messages_are_numbered() {
    let mut numbered = listener();
    numbered.hear("[7,[[10.5,1,2]],1]");
    for damaged in [
        "[7,[10.5,1,0],2]",
        "[7,[10.5,1],2]",
        "[7,[10.5,-1,2],2]",
        "[7,[10.5,1,2]]",
        "[7,[10.5,1,2],2",
        "[7,[10.5,1,2],2]]",
        "[7]",
        "[]",
        "[-7,[10.5,1,2],2]",
        r#"[7,"te",2]"#,
    ] {
        let said = numbered.hear(damaged);
        assert!(said.starts_with("error: "), "{said} of {damaged}");
    }
    numbered.check("[7,[10.4,1,2],3]", "stale tABC Sequence; reconnect 0");

    let mut bare = Listener::new(Venue::Bitfinex);
    bare.hear(&subscribed("book", 7, "tABC", "P0"));
    bare.check("[7,[[10.5,1,2]]]", "snapshot tABC b10.5x2");
    bare.check("[7,[10.5,1,3]]", "diff tABC b10.5x3");
    let said = bare.hear("[7,[10.5,1,0]]");
    assert!(said.starts_with("stale tABC Malformed; reconnect 0; error: "), "{said}");
}

#[test]
fn the_finest_book_is_followed() {
    let mut listener = listener();
    listener.hear(&subscribed("book", 8, "tABC", "P2"));
    listener.hear(&subscribed("book", 9, "tABC", "R0"));
    listener.check("[8,[[10,1,2]],1]", "snapshot tABC b10x2 #1");
    listener.check("[7,[[10.5,1,2]],2]", "snapshot tABC b10.5x2 #2");
    listener.check("[8,[10,1,3],3]", "");
    listener.check("[8,[[10,1,2]],4]", "");
    listener.check("[9,[[77,10.5,2]],5]", "");
    listener.check("[7,[10.5,1,3],6]", "diff tABC b10.5x3 #6");
    listener.check(r#"{"event":"unsubscribed","status":"OK","chanId":7}"#, "stale tABC Closed");
    listener.check("[7,[10.5,1,4],7]", "");
    listener.hear(&subscribed("book", 10, "tABC", "P0"));
    listener.check("[10,[[10.5,1,2]],8]", "snapshot tABC b10.5x2 #8");
}

#[test]
fn trades_and_tickers() {
    let mut listener = listener();
    listener.hear(&subscribed("trades", 8, "tX:Y", ""));
    listener.hear(&subscribed("ticker", 9, "tX:Y", ""));
    listener.hear(&subscribed("ticker", 10, "fUSD", ""));
    listener.check("[8,[[1,5,0.5,10.5]],1]", "");
    listener.check(r#"[8,"te",[2,5,0.5,10.5],2]"#, "trade tX:Y b10.5x0.5 @5000000");
    listener.check(r#"[8,"tu",[2,5,0.5,10.5],3]"#, "");
    listener.check(r#"[8,"te",[3,6,-0.5,10.5],4]"#, "trade tX:Y a10.5x0.5 @6000000");
    listener.check(r#"[8,"te",[3,6,"-0.5","10.5"],5]"#, "trade tX:Y a10.5x0.5 @6000000");
    listener.check("[9,[10.5,1,10.6,2,0,0,10.5,9,11,10],6]", "ticker tX:Y b10.5x1 a10.6x2");
    listener.check("[9,[null,null,10.6,2,0,0,10.5,9,11,10],7]", "ticker tX:Y none a10.6x2");
    listener.check("[10,[1,2,3,4],8]", "");
    listener.check("[77,[1,2,3,4],9]", "");
    listener.check(r#"[0,"n",[1],10]"#, "");
    assert_eq!(listener.decoder.counts().unknown_types, 3);
}

#[test]
fn the_server_asks_for_a_new_connection() {
    let mut listener = listener();
    listener.hear("[7,[[10.5,1,2]],1]");
    listener.check(r#"{"event":"info","code":20051,"msg":"Stopping"}"#, "reconnect 0");
    listener.check(r#"{"event":"info","code":20061,"msg":"Over"}"#, "reconnect 0");
    listener.check(r#"{"event":"error","msg":"no","code":10300}"#, "");
    assert_eq!(listener.opened(), "stale tABC Closed; reconnect 0");
    listener.check("[7,[10.5,1,2]]", "");
    listener.check(r#"{"event":"other"}"#, "");
    assert_eq!(listener.decoder.counts().unknown_types, 2);
}

#[test]
fn damage() {
    let book = subscribed("book", 7, "tABC", "P0");
    let trades = subscribed("trades", 8, "tABC", "");
    survives_damage(
        Venue::Bitfinex,
        &[
            CONF,
            &book,
            &book,
            &trades,
            "[7,[[10.5,1,2],[10.6,2,-3e-2]],1]",
            "[7,[10.5,1,2],2]",
            "[7,[10.5,0,-1],3]",
            r#"[8,"te",[2,5,-0.5,10.5],4]"#,
            r#"[9,"hb",5]"#,
            r#"{"event":"unsubscribed","status":"OK","chanId":7}"#,
        ],
    );
}

#[test]
fn a_books_channel_is_told() {
    let mut listener = Listener::new(Venue::Bitfinex);
    listener.hear(&subscribed("book", 7, "tABCUSD", "P1"));
    let id = listener.decoder.instruments().find("tABCUSD").unwrap();
    assert_eq!(listener.decoder.channel(id), None);
    listener.hear("[7,[[10.5,1,2],[11,1,-2]]]");
    assert_eq!(listener.decoder.channel(id), Some(7));
    listener.hear(&subscribed("book", 8, "tABCUSD", "P0"));
    assert_eq!(listener.decoder.channel(id), Some(7));
    listener.hear("[8,[[10.5,1,2],[11,1,-2]]]");
    assert_eq!(listener.decoder.channel(id), Some(8));
    listener.hear(r#"{"event":"unsubscribed","status":"OK","chanId":8}"#);
    assert_eq!(listener.decoder.channel(id), Some(7));
}
