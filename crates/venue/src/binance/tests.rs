//! The rules, one table row each. Numbers are made up.

use crate::{DecodeError, Decoder, Limits, Venue};
use proptest::prelude::*;
use tickhawk_market::{
    BookKind, ConnectionId, Decimal, Request, Side, TradingStatus, Update, Updates,
};

/// What goes in.
enum In {
    Frame(String),
    Reply(&'static str, u16, String),
}

fn diff(first: u64, last: u64, previous: u64) -> In {
    In::Frame(format!(
        r#"{{"stream":"abc@depth@0ms","data":{{"e":"depthUpdate","E":5,"T":4,"s":"ABC","U":{first},"u":{last},"pu":{previous},"b":[["10.50","1.000"]],"a":[]}}}}"#
    ))
}

fn bare_snapshot(id: u64) -> In {
    In::Frame(format!(r#"{{"lastUpdateId":{id},"bids":[["10.5","2"]],"asks":[["10.6","3"]]}}"#))
}

fn reply(id: u64) -> In {
    In::Reply(
        "https://host/fapi/v1/depth?symbol=ABC&limit=1000",
        200,
        format!(r#"{{"lastUpdateId":{id},"E":6,"bids":[["10.5","2"]],"asks":[["10.6","3"]]}}"#),
    )
}

/// Feeds all of it to one decoder and says in words what came out.
fn run(venue: Venue, inputs: Vec<In>) -> String {
    let mut decoder = Decoder::new(venue, None, Limits::default());
    let mut said = Vec::new();
    for input in inputs {
        let mut out = Updates::new();
        let result = match &input {
            In::Frame(text) => decoder.frame(ConnectionId(0), text.as_bytes(), &mut out),
            In::Reply(url, status, body) => decoder.rest_reply(
                ConnectionId(0),
                Some(url),
                Some(*status),
                body.as_bytes(),
                &mut out,
            ),
        };
        if let Err(error) = result {
            said.push(format!("error {error}"));
        }
        said.extend(out.updates.iter().filter_map(words));
        said.extend(out.requests.iter().map(|request| match request {
            Request::Snapshot(_) => "fetch".to_owned(),
            other => format!("{other:?}"),
        }));
    }
    said.join(", ")
}

fn words(update: &Update) -> Option<String> {
    Some(match update {
        Update::Book(book) => {
            let kind = if book.kind == BookKind::Snapshot { "snapshot" } else { "diff" };
            format!("{kind} {}", book.sequence.unwrap())
        }
        Update::Syncing(_) => "syncing".to_owned(),
        Update::Stale { cause, .. } => format!("stale {cause:?}"),
        Update::Trade(trade) => format!("trade {:?}", trade.taker),
        Update::Ticker(ticker) => format!("ticker {:?}", ticker.sequence.unwrap()),
        Update::Metadata { metadata, .. } => format!("{:?}", metadata.status),
        Update::Scale { .. } => return None,
    })
}

#[track_caller]
fn check(venue: Venue, inputs: Vec<In>, expected: &str) {
    assert_eq!(run(venue, inputs), expected);
}

#[test]
fn futures_bridge_and_follow_by_the_previous_id() {
    let venue = Venue::BinanceFutures;
    check(
        venue,
        vec![diff(1, 5, 0), diff(7, 9, 5), diff(11, 14, 9), reply(9), diff(20, 22, 14)],
        "syncing, fetch, snapshot 9, diff 9, diff 14, diff 22",
    );
    // The diff that ends at the snapshot's own id is applied again: quantities are absolute.
    check(venue, vec![reply(9), diff(3, 9, 2), diff(12, 13, 9)], "snapshot 9, diff 9, diff 13");
    check(
        venue,
        vec![reply(9), diff(3, 12, 2), diff(14, 15, 13), diff(16, 17, 15), reply(15)],
        "snapshot 9, diff 12, stale Sequence, fetch, snapshot 15, diff 15, diff 17",
    );
    check(
        venue,
        vec![reply(9), diff(3, 12, 2), diff(3, 12, 2), diff(14, 15, 12)],
        "snapshot 9, diff 12, diff 15",
    );
}

#[test]
fn spot_follows_by_the_first_id() {
    let venue = Venue::Binance;
    check(
        venue,
        vec![diff(4, 9, 0), diff(10, 12, 0), bare_snapshot(9), diff(13, 13, 0), diff(15, 16, 0)],
        "syncing, fetch, snapshot 9, diff 12, diff 13, stale Sequence, fetch",
    );
    // A snapshot older than all that was buffered leaves a hole: another one is asked for.
    check(
        venue,
        vec![diff(10, 12, 0), bare_snapshot(8), bare_snapshot(9)],
        "syncing, fetch, fetch, snapshot 9, diff 12",
    );
    // A bare snapshot before any diff belongs to the first instrument of its connection.
    check(venue, vec![bare_snapshot(9), diff(10, 12, 0)], "syncing, snapshot 9, diff 12, fetch");
    check(venue, vec![bare_snapshot(9), diff(11, 12, 0)], "syncing, fetch");
}

/// A `u` read too high must not make what follows look as if it had been applied.
#[test]
fn a_damaged_final_id_does_not_hide_what_follows() {
    for venue in [Venue::Binance, Venue::BinanceFutures] {
        let inputs =
            vec![diff(99, 101, 98), bare_snapshot(100), diff(102, 903, 101), diff(104, 105, 103)];
        check(
            venue,
            inputs,
            "syncing, fetch, snapshot 100, diff 101, diff 903, stale Sequence, fetch",
        );
        // Whole, it may come again.
        let inputs =
            vec![diff(99, 101, 98), bare_snapshot(100), diff(102, 103, 101), diff(102, 103, 101)];
        check(venue, inputs, "syncing, fetch, snapshot 100, diff 101, diff 103");
    }
}

#[test]
fn failed_replies_are_asked_for_again() {
    let venue = Venue::BinanceFutures;
    let failed = |status, body: &str| {
        In::Reply("https://host/fapi/v1/depth?symbol=ABC", status, body.to_owned())
    };
    check(
        venue,
        vec![diff(1, 5, 0), failed(429, r#"{"code":-1003,"msg":"slow"}"#), reply(5)],
        "syncing, fetch, fetch, snapshot 5, diff 5",
    );
    check(
        venue,
        vec![diff(1, 5, 0), failed(200, "<html>")],
        "syncing, fetch, error not a message of this venue: not valid JSON at byte 0, fetch",
    );
}

#[test]
fn trades_and_tickers() {
    let frame = |text: &str| In::Frame(text.to_owned());
    let trade = |kind: &str, maker: bool, extra: &str| {
        In::Frame(format!(
            r#"{{"e":"{kind}","E":2,"T":1,"s":"ABC","p":"10.5","q":"1","m":{maker}{extra}}}"#
        ))
    };
    check(
        Venue::BinanceFutures,
        vec![
            trade("aggTrade", true, ""),
            trade("trade", false, r#","X":"MARKET""#),
            trade("aggTrade", false, ""),
            trade("trade", false, r#","X":"INSURANCE_FUND""#),
            frame(r#"{"u":7,"s":"ABC","b":"1.5","B":"2","a":"1.6","A":"3"}"#),
            frame(r#"{"result":null,"id":1}"#),
            frame(r#"{"e":"kline","E":1,"s":"ABC","k":{"t":1}}"#),
        ],
        "trade Ask, trade Bid, ticker 7",
    );
}

#[test]
fn a_ticker_like_the_one_before_is_read_until_its_symbol_is_no_longer_wanted() {
    let mut decoder = Decoder::new(Venue::BinanceFutures, None, Limits::default());
    let mut out = Updates::new();
    let mut take = |decoder: &mut Decoder, number: u64| {
        out.clear();
        let frame = format!(
            r#"{{"stream":"abc@bookTicker","data":{{"e":"bookTicker","u":{number},"s":"ABC","b":"10.50","B":"{number}","a":"10.60","A":"2","T":5,"E":6}}}}"#
        );
        decoder.frame(ConnectionId(0), frame.as_bytes(), &mut out).unwrap();
        out.updates.iter().filter_map(words).collect::<Vec<_>>().join(", ")
    };
    assert_eq!([7, 8].map(|number| take(&mut decoder, number)), ["ticker 7", "ticker 8"]);
    decoder.set_wanted(&[], &mut Updates::new());
    assert_eq!(take(&mut decoder, 9), "");
    assert_eq!(decoder.counts().unwanted, 1);
    decoder.set_wanted(&["ABC".to_owned()], &mut Updates::new());
    assert_eq!(take(&mut decoder, 9), "ticker 9");
}

#[test]
fn metadata_is_a_message() {
    let body = r#"{"symbols":[{"symbol":"ABC","status":"TRADING","filters":[
        {"filterType":"PRICE_FILTER","tickSize":"0.10"},
        {"filterType":"LOT_SIZE","stepSize":"0.001"},{"filterType":"OTHER"}]}]}"#;
    let mut decoder = Decoder::new(Venue::BinanceFutures, None, Limits::default());
    let mut out = Updates::new();
    let url = "https://host/fapi/v1/exchangeInfo";
    decoder.rest_reply(ConnectionId(0), Some(url), Some(200), body.as_bytes(), &mut out).unwrap();
    // A listing names no instrument; what it said is told with the first message of one.
    assert!(decoder.instruments().is_empty());
    let In::Frame(diff) = diff(1, 5, 0) else { unreachable!() };
    decoder.frame(ConnectionId(0), diff.as_bytes(), &mut out).unwrap();
    let Update::Metadata { metadata, .. } = &out.updates[0] else { panic!("{out:?}") };
    assert_eq!(
        metadata.tick_size,
        Decimal::parse(b"0.1").ok().map(|d| Decimal { written_decimals: 2, ..d })
    );
    assert_eq!(metadata.lot_size.map(|lot| lot.decimals), Some(3));
    assert_eq!(metadata.status, TradingStatus::Trading);
}

#[test]
fn decimals_grow_and_multiply_what_the_message_holds() {
    let mut decoder = Decoder::new(Venue::Binance, None, Limits::default());
    let mut out = Updates::new();
    let text =
        br#"{"lastUpdateId":9,"symbol":"ABC","bids":[["10","2"],["9.25","1e-3"]],"asks":[]}"#;
    decoder.frame(ConnectionId(0), text, &mut out).unwrap();
    let units: Vec<_> = out
        .changes
        .iter()
        .map(|change| (change.side, change.price.units(), change.qty.units()))
        .collect();
    assert_eq!(units, [(Side::Bid, 1000, 2000), (Side::Bid, 925, 1)]);
}

#[test]
fn damage_is_an_error_with_its_place() {
    let mut decoder = Decoder::new(Venue::Binance, None, Limits::default());
    let mut out = Updates::new();
    let mut decode = |text: &str| {
        out.clear();
        decoder.frame(ConnectionId(0), text.as_bytes(), &mut out)
    };
    let In::Frame(whole) = diff(1, 5, 0) else { unreachable!() };
    for cut in 0..whole.len() {
        assert!(decode(&whole[..cut]).is_err(), "cut at {cut}");
    }
    assert!(matches!(
        decode(r#"{"lastUpdateId":9,"symbol":"ABC","bids":[["10.x","2"]],"asks":[]}"#),
        Err(DecodeError::Number { offset: 43, .. })
    ));
    assert!(matches!(
        decode(r#"{"e":"depthUpdate","s":"ABC","u":5,"b":[],"a":[]}"#),
        Err(DecodeError::Missing { field: "U", .. })
    ));
    assert!(matches!(decode(&"[".repeat(1 << 20)), Err(DecodeError::TooDeep { .. })));
    assert!(matches!(decode(&" ".repeat(17 << 20)), Err(DecodeError::Oversized { .. })));
}

#[test]
fn buffering_is_bounded() {
    let limits = Limits { buffered_bytes: 1_000, ..Limits::default() };
    let mut decoder = Decoder::new(Venue::BinanceFutures, None, limits);
    let mut out = Updates::new();
    let mut feed = |input: In| {
        out.clear();
        let In::Frame(text) = input else { unreachable!() };
        decoder.frame(ConnectionId(0), text.as_bytes(), &mut out).unwrap();
        out.requests.clone()
    };
    for id in 1..1_000 {
        feed(diff(id, id, id - 1));
    }
    // The diffs after id 10 were let go, so a snapshot of 10 no longer reaches what is left.
    assert_eq!(feed(bare_snapshot(10)).len(), 1);
    assert_eq!(feed(bare_snapshot(998)).len(), 0);
}

proptest! {
    #[test]
    fn hostile_frames_never_panic(
        at in 0usize..200, byte in any::<u8>(), cut in 0usize..200, venue in 0usize..2
    ) {
        let venue = [Venue::Binance, Venue::BinanceFutures][venue];
        let mut decoder = Decoder::new(venue, None, Limits::default());
        let mut out = Updates::new();
        for input in [reply(9), diff(3, 12, 2), bare_snapshot(30)] {
            let text = match input { In::Frame(text) | In::Reply(_, _, text) => text };
            let mut bytes = text.into_bytes();
            let place = at % bytes.len();
            bytes[place] = byte;
            let _ = decoder.frame(ConnectionId(0), &bytes, &mut out);
            bytes.truncate(cut);
            let _ = decoder.frame(ConnectionId(0), &bytes, &mut out);
        }
    }
}

#[test]
fn a_connection_that_opens_anew_asks_for_its_snapshot_at_once() {
    let mut decoder = Decoder::new(Venue::BinanceFutures, None, Limits::default());
    let connection = ConnectionId(0);
    let mut requests_of = |input: Option<In>| {
        let mut out = Updates::new();
        match input {
            Some(In::Frame(text)) => {
                decoder.frame(connection, text.as_bytes(), &mut out).unwrap();
            }
            Some(In::Reply(url, status, body)) => {
                let (url, status) = (Some(url), Some(status));
                decoder.rest_reply(connection, url, status, body.as_bytes(), &mut out).unwrap();
            }
            None => {
                decoder.closed(connection, &mut out);
                out.requests.clear();
                decoder.opened(connection, &mut out);
            }
        }
        out.requests.len()
    };
    let inputs = [Some(diff(5, 9, 4)), Some(reply(8)), None, Some(diff(20, 22, 19))];
    let requests: Vec<_> = inputs.into_iter().map(&mut requests_of).collect();
    assert_eq!(requests, [1, 0, 0, 1]);
    assert_eq!(requests_of(Some(diff(23, 25, 22))), 0, "once");
}
