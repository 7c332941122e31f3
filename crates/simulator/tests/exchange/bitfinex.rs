//! Bitfinex.

use crate::play::{Hall, Manners, check, check_real};
use crate::small::frames;
use crate::tapes::synthetic;
use tickhawk_simulator::{ClientId, RestId, TapeRecord, WireFormat};

const SYMBOLS: [&str; 3] = ["tBTCUSD", "tETHUSD", "tDOGE:USD"];

fn manners(symbols: &[&str]) -> Manners {
    let mut says = vec![r#"{"event":"conf","flags":65536}"#.to_owned()];
    for channel in ["ticker", "trades", "book"] {
        says.extend(symbols.iter().map(|symbol| {
            format!(
                r#"{{"event":"subscribe","channel":"{channel}","symbol":"{symbol}","prec":"P0","freq":"F0","len":"250"}}"#
            )
        }));
    }
    Manners { slug: "bitfinex", path: "/ws/2".to_owned(), says, rest: |_| String::new() }
}

#[test]
fn synthetic_tape() {
    let hall = check(&manners(&SYMBOLS), synthetic(WireFormat::Bitfinex, 20), &SYMBOLS);
    let (first, last) = (&hall.clients[&ClientId(0)], &hall.clients[&ClientId(2)]);
    assert!(first.trades > last.trades && last.trades > 10);
    assert!(first.tickers > last.tickers && last.tickers > 10);
}

#[test]
fn real_recording() {
    let symbols =
        ["tBFTUSD", "tDOGUSD", "tIOTETH", "tMNABTC", "tODEUSD", "tSNGUSD", "tTESTBTC:TESTUSD"];
    check_real(&manners(&symbols), "bitfinex_2021-04-17");
}

fn tape() -> Vec<TapeRecord> {
    frames(&[
        r#"{"event":"info","version":2}"#,
        r#"{"event":"subscribed","channel":"book","chanId":7,"symbol":"tAUSD","prec":"P0","freq":"F0","len":"25","pair":"AUSD"}"#,
        r#"{"event":"subscribed","channel":"trades","chanId":8,"symbol":"tAUSD","pair":"AUSD"}"#,
        r#"{"event":"subscribed","channel":"book","chanId":9,"symbol":"tBUSD","prec":"P1"}"#,
        "[7,[[2e-8,1,0.5],[0.5,2,-3]],1]",
        r#"[8,[[1,1600000000000,1,0.5]],2]"#,
        "[7,[0.25,1,4.50],3]",
        r#"[9,[[1,1,1]],4]"#,
        r#"[7,"hb",5]"#,
        r#"[7,"cs",-12345,6]"#,
        r#"[8,"te",[2,1600000000001,-1,0.5],7]"#,
        "[7,[2e-8,0,1],8]",
        "[7,[0.5,0,-1],9]",
    ])
}

#[test]
fn arrays_are_put_together_anew() {
    let mut hall = Hall::new(&manners(&[]), tape());
    let client = ClientId(4);
    hall.exchange.connected(client, "/ws/2");
    hall.said(client);
    for text in [
        r#"{"event":"conf","flags":229376}"#,
        r#"{"event":"subscribe","channel":"trades","pair":"AUSD"}"#,
        r#"{"event":"subscribe","channel":"book","symbol":"tAUSD","len":25,"subId":"x"}"#,
    ] {
        hall.answers(client, text);
    }
    let said = hall.play_to(client);
    let at = |second: u64| 1_700_000_000_000 + second * 1_000;
    assert_eq!(
        said,
        [
            format!("[100002,[[2e-8,1,0.5],[0.5,2,-3]],1,{}]", at(4)),
            format!("[100001,[[1,1600000000000,1,0.5]],2,{}]", at(5)),
            format!("[100002,[0.25,1,4.50],3,{}]", at(6)),
            format!(r#"[100002,"hb",4,{}]"#, at(8)),
            format!(r#"[100002,"cs",-12345,5,{}]"#, at(9)),
            format!(r#"[100001,"te",[2,1600000000001,-1,0.5],6,{}]"#, at(10)),
            format!("[100002,[2e-8,0,1],7,{}]", at(11)),
            format!("[100002,[0.5,0,-1],8,{}]", at(12)),
        ]
    );
    let (bids, asks) = hall.exchange.truth("tAUSD").unwrap();
    assert_eq!((bids, asks), (vec![("0.25".to_owned(), "4.50".to_owned())], vec![]));
    assert!(!hall.exchange.resnapshot());

    // Without flags there is neither number nor checksum.
    let other = ClientId(5);
    hall.exchange.connected(other, "/ws/2");
    let said = hall.answers(other, r#"{"event":"subscribe","channel":"book","symbol":"tAUSD"}"#);
    assert_eq!(said[2], "[100001,[[0.25,1,4.50]]]");
    hall.exchange.idle(20_000_000_000);
    assert_eq!(hall.said(other), [r#"[100001,"hb"]"#]);
}

#[test]
fn answers_in_the_venues_words() {
    let mut hall = Hall::new(&manners(&[]), tape());
    let client = ClientId(9);
    hall.exchange.connected(client, "/ws/2");
    assert!(hall.said(client)[0].starts_with(r#"{"event":"info","version":2,"#));
    let book = r#"{"event":"subscribe","channel":"book","symbol":"tAUSD","len":"25","subId":7}"#;
    for (says, wanted) in [
        (r#"{"event":"conf","flags":65536}"#, r#"{"event":"conf","status":"OK","flags":65536}"#),
        (r#"{"event":"ping","cid":12}"#, r#"{"event":"pong","ts":0,"cid":12}"#),
        (
            r#"{"event":"subscribe","channel":"book","symbol":"tNOPE"}"#,
            r#"{"event":"error","msg":"symbol: invalid","code":10300,"channel":"book","symbol":"tNOPE"}"#,
        ),
        (
            r#"{"event":"subscribe","channel":"book","symbol":"tAUSD","prec":"R0"}"#,
            r#""code":10300"#,
        ),
        (r#"{"event":"subscribe","channel":"nope","symbol":"tAUSD"}"#, r#""code":10302"#),
        (
            book,
            r#"{"event":"subscribed","channel":"book","chanId":100001,"symbol":"tAUSD","prec":"P0","freq":"F0","len":"25","subId":7,"pair":"AUSD"}"#,
        ),
        (book, r#"{"event":"error","msg":"subscribe: dup","code":10301,"#),
        (
            r#"{"event":"unsubscribe","chanId":100001}"#,
            r#"{"event":"unsubscribed","status":"OK","chanId":100001}"#,
        ),
        (r#"{"event":"unsubscribe","chanId":100001}"#, r#""code":10400"#),
        (r#"{"event":"nope"}"#, r#""code":10000"#),
        ("hello", r#""code":10000"#),
    ] {
        let said = hall.answers(client, says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
    hall.exchange.maintenance();
    assert!(hall.said(client)[0].starts_with(r#"{"event":"info","code":20060,"#));
    hall.exchange.rest(RestId(5), "/v2/conf/pub:list:pair:exchange");
    hall.exchange.rest(RestId(6), "/nothing");
    hall.collect();
    assert_eq!(hall.replies[&RestId(5)], (200, r#"[["AUSD"]]"#.to_owned()));
    assert_eq!(hall.replies[&RestId(6)].0, 404);
}
