//! OKX.

use crate::play::{Hall, Manners, check, check_real};
use crate::tapes::{synthetic, synthetic_with};
use tickhawk_simulator::{ClientId, RestId, WireFormat};

const SYMBOLS: [&str; 3] = ["BTC-USDT", "ETH-USDT-SWAP", "DOGE-USDT"];

fn manners(book_channel: &str, symbols: &[&str]) -> Manners {
    let args: Vec<String> = ["tickers", "trades", book_channel]
        .iter()
        .flat_map(|channel| symbols.iter().map(move |symbol| (channel, symbol)))
        .map(|(channel, symbol)| format!(r#"{{"channel":"{channel}","instId":"{symbol}"}}"#))
        .collect();
    Manners {
        slug: "okx",
        path: "/ws/v5/public".to_owned(),
        says: vec![
            format!(r#"{{"id":"1","op":"subscribe","args":[{}]}}"#, args.join(",")),
            "ping".to_owned(),
        ],
        rest: |_| String::new(),
    }
}

#[test]
fn synthetic_tape_with_checksums() {
    let hall = check(&manners("books", &SYMBOLS), synthetic(WireFormat::Okx, 20), &SYMBOLS);
    let late = &hall.clients[&ClientId(2)];
    assert!(late.checksums > 100 && late.trades > 10, "{} {}", late.checksums, late.trades);
}

#[test]
fn synthetic_tape_without_checksums_and_another_channel() {
    let tape = synthetic_with(WireFormat::Okx, 10, |config| config.okx_checksum = false);
    let hall = check(&manners("books50-l2-tbt", &SYMBOLS), tape, &SYMBOLS);
    assert_eq!(hall.clients[&ClientId(2)].checksums, 0);
}

/// Checksums and no ids.
#[test]
fn real_recording() {
    let symbols = ["BTC-USDT", "BTC-USD-220527", "UNI-USD-SWAP"];
    if let Some(hall) = check_real(&manners("books", &symbols), "okx_v5_2022-05-13") {
        assert_eq!(hall.clients[&ClientId(0)].checksums, 290);
    }
}

#[test]
fn answers_in_the_venues_words() {
    let manners = manners("books", &SYMBOLS);
    let mut hall = Hall::new(&manners, synthetic(WireFormat::Okx, 2));
    hall.exchange.connected(ClientId(9), &manners.path);
    for (says, wanted) in [
        ("ping", "pong"),
        (
            r#"{"op":"subscribe","args":[{"channel":"books","instId":"NOPE-USDT"}]}"#,
            r#""code":"60018","msg":"Wrong URL or channel:books,instId:NOPE-USDT doesn't exist."#,
        ),
        (
            r#"{"op":"subscribe","args":[{"channel":"nope","instId":"BTC-USDT"}]}"#,
            r#""code":"60018""#,
        ),
        (
            r#"{"id":"7","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}"#,
            r#"{"id":"7","event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"00000009"}"#,
        ),
        (
            r#"{"op":"unsubscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}"#,
            r#"{"event":"unsubscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId""#,
        ),
        (r#"{"op":"nope","args":[1]}"#, r#""code":"60019""#),
        (r#"{"op":"subscribe","args":[1]}"#, r#""code":"60018""#),
        ("hello \"there\"", r#""code":"60012","msg":"Invalid request: hello \"there\"""#),
    ] {
        let said = hall.answers(ClientId(9), says);
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(wanted), "{says}: {}", said[0]);
    }
    assert!(!hall.exchange.has_subscriber());
    hall.exchange.maintenance();
    assert!(hall.answers(ClientId(9), "ping")[0].contains(r#""event":"notice","code":"64008""#));
}

#[test]
fn a_listing_of_what_is_there() {
    let mut hall = Hall::new(&manners("books", &SYMBOLS), synthetic(WireFormat::Okx, 2));
    hall.exchange.rest(RestId(5), "/api/v5/public/instruments?instType=SWAP");
    hall.hand_over();
    let (status, body) = &hall.replies[&RestId(5)];
    let wanted = r#"{"code":"0","data":[{"instType":"SWAP","instId":"ETH-USDT-SWAP","tickSz":"0.01","lotSz":"0.01","state":"live"}],"msg":""}"#;
    assert_eq!((*status, body.as_str()), (200, wanted));
}
