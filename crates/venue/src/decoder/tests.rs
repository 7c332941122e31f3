//! What is asked of a decoder from outside: silence, asking again, words of another decoder.

use super::*;
use crate::said::Listener;
use tickhawk_market::Decimal;

const BYBIT_SNAPSHOT: &str = r#"{"topic":"orderbook.50.ABC","type":"snapshot","ts":1,"data":{"s":"ABC","b":[["10.5","1"]],"a":[["10.6","2"]],"u":7,"seq":9}}"#;

/// What calls of the decoder say, in the words of its messages.
fn said(listener: &mut Listener, call: impl FnOnce(&mut Decoder, &mut Updates)) -> String {
    let mut out = Updates::new();
    call(&mut listener.decoder, &mut out);
    listener.words(&out, None)
}

#[test]
fn a_silent_connection_takes_its_books_along_and_is_opened_anew() {
    let mut listener = Listener::new(Venue::Bybit);
    let silent = |decoder: &mut Decoder, out: &mut Updates| decoder.silent(ConnectionId(0), out);
    assert_eq!(said(&mut listener, silent), "reconnect 0");
    listener.check(BYBIT_SNAPSHOT, "snapshot ABC b10.5x1 a10.6x2 #7 @1000000");
    let other = |decoder: &mut Decoder, out: &mut Updates| decoder.silent(ConnectionId(1), out);
    assert_eq!(said(&mut listener, other), "reconnect 1");
    assert_eq!(said(&mut listener, silent), "stale ABC Silence; reconnect 0");
    assert_eq!(listener.decoder.counts().stale_otherwise, 1);
    listener.check(BYBIT_SNAPSHOT, "snapshot ABC b10.5x1 a10.6x2 #7 @1000000");
}

#[test]
fn a_silent_book_is_asked_for_and_asked_for_again() {
    let mut listener = Listener::new(Venue::Bybit);
    listener.check(BYBIT_SNAPSHOT, "snapshot ABC b10.5x1 a10.6x2 #7 @1000000");
    let id = InstrumentId(0);
    let again = |decoder: &mut Decoder, out: &mut Updates| decoder.ask_again(id, out);
    assert_eq!(said(&mut listener, again), "", "a live book lacks nothing");
    let silent = |decoder: &mut Decoder, out: &mut Updates| decoder.silent_book(id, out);
    assert_eq!(said(&mut listener, silent), "stale ABC Silence; resubscribe ABC");
    assert_eq!(said(&mut listener, silent), "", "told once");
    for _ in 0..2 {
        assert_eq!(said(&mut listener, again), "resubscribe ABC");
    }
    // Stale, then suspect: a snapshot that is damaged on the way is asked for again too.
    assert!(listener.hear(&BYBIT_SNAPSHOT[..80]).starts_with("error"));
    assert_eq!(said(&mut listener, again), "resubscribe ABC");
    listener.check(BYBIT_SNAPSHOT, "snapshot ABC b10.5x1 a10.6x2 #7 @1000000");
    let suspect = |decoder: &mut Decoder, out: &mut Updates| decoder.suspect(id, out);
    assert_eq!(said(&mut listener, suspect), "resubscribe ABC");
    assert_eq!(said(&mut listener, again), "resubscribe ABC");
}

#[test]
fn a_book_that_waits_for_its_first_snapshot_is_asked_for_again() {
    let mut listener = Listener::new(Venue::BinanceFutures);
    let diff = r#"{"e":"depthUpdate","E":5,"s":"ABC","U":1,"u":2,"pu":0,"b":[],"a":[]}"#;
    listener.check(diff, "syncing ABC; fetch ABC");
    let again = |decoder: &mut Decoder, out: &mut Updates| decoder.ask_again(InstrumentId(0), out);
    assert_eq!(said(&mut listener, again), "fetch ABC");
}

#[test]
fn two_decoders_of_one_venue_come_to_one_scale() {
    let mut first = Listener::new(Venue::Bybit);
    first.hear(BYBIT_SNAPSHOT);
    let mut second = Listener::new(Venue::Bybit);
    let mut out = Updates::new();
    let id = second.decoder.name("ABC", &mut out).unwrap();
    assert_eq!((id, out.updates.len()), (InstrumentId(0), 0));
    let tick_size = Decimal::parse(b"0.005").ok();
    second.decoder.take_metadata(id, Metadata { tick_size, ..Metadata::default() });
    second.decoder.raise_scale(id, Scale { price_decimals: 1, qty_decimals: 4 });
    let scale = second.decoder.instruments().get(id).scale;
    assert_eq!(scale, Some(Scale { price_decimals: 3, qty_decimals: 4 }));
    second.check(BYBIT_SNAPSHOT, "snapshot ABC b10.5x1 a10.6x2 #7 @1000000");
    first.decoder.raise_scale(id, scale.unwrap());
    assert_eq!(first.decoder.instruments().get(id).scale, scale);
}

#[track_caller]
fn check_heartbeat(venue: Venue, frames: &[(&str, bool)]) {
    let mut decoder = Decoder::new(venue, None, Limits::default());
    let mut out = Updates::new();
    for (frame, expected) in frames {
        out.clear();
        decoder.frame(ConnectionId(0), frame.as_bytes(), &mut out).unwrap();
        assert_eq!(out.heartbeat, *expected, "{venue}: {frame}");
        assert_eq!(decoder.counts().unknown_types, 0, "{venue}: {frame}");
    }
    assert_eq!(decoder.counts().control, frames.len() as u64, "{venue}");
}

#[test]
fn heartbeats_and_pongs_are_told_from_other_control() {
    let coinbase = |channel: &str, number: u64| {
        format!(r#"{{"channel":"{channel}","sequence_num":{number},"events":[]}}"#)
    };
    let (beat, ack) = (coinbase("heartbeats", 0), coinbase("subscriptions", 1));
    check_heartbeat(Venue::Coinbase, &[(&beat, true), (&ack, false)]);
    let beat = r#"{"type":"heartbeat","sequence":90,"product_id":"ABC"}"#;
    let ack = r#"{"type":"subscriptions","channels":[]}"#;
    check_heartbeat(Venue::CoinbaseExchange, &[(beat, true), (ack, false)]);
    let frames = [
        (r#"{"event":"heartbeat"}"#, true),
        (r#"{"event":"pong","reqid":42}"#, true),
        (r#"{"event":"systemStatus","status":"online"}"#, false),
        (r#"{"channel":"heartbeat"}"#, true),
        (r#"{"method":"pong","req_id":101}"#, true),
        (r#"{"channel":"status","data":[],"type":"update"}"#, false),
    ];
    check_heartbeat(Venue::Kraken, &frames);
    let frames =
        [(r#"{"feed":"heartbeat","time":1}"#, true), (r#"{"event":"info","version":1}"#, false)];
    check_heartbeat(Venue::KrakenFutures, &frames);
    let frames = [
        (r#"[9,"hb"]"#, true),
        (r#"{"event":"pong","ts":1,"cid":2}"#, true),
        (r#"[9,"cs",-1]"#, false),
    ];
    check_heartbeat(Venue::Bitfinex, &frames);
    let frames = [
        (r#"{"success":true,"ret_msg":"pong","conn_id":"x","op":"ping"}"#, true),
        (r#"{"req_id":"1","op":"pong","args":["1"]}"#, true),
        (r#"{"success":true,"ret_msg":"","op":"subscribe"}"#, false),
    ];
    check_heartbeat(Venue::Bybit, &frames);
    let subscribed = r#"{"event":"subscribe","arg":{"channel":"books","instId":"ABC"}}"#;
    check_heartbeat(Venue::Okx, &[("pong", true), (subscribed, false)]);
    let welcome = r#"{"info":"Welcome","version":"2"}"#;
    check_heartbeat(Venue::Bitmex, &[("pong", true), (welcome, false)]);
}

#[track_caller]
fn check_trade_id(venue: Venue, frames: &[&str], expected: Option<u64>) {
    let mut decoder = Decoder::new(venue, None, Limits::default());
    let mut out = Updates::new();
    for frame in frames {
        decoder.frame(ConnectionId(0), frame.as_bytes(), &mut out).unwrap();
    }
    let ids: Vec<_> = out
        .updates
        .iter()
        .filter_map(|update| match update {
            Update::Trade(trade) => Some(trade.id),
            _ => None,
        })
        .collect();
    assert_eq!(ids, [expected], "{venue}");
}

#[test]
fn trades_carry_their_number_where_there_is_one() {
    let trade = r#"{"e":"trade","E":2,"T":1,"s":"ABC","t":70,"p":"1","q":"3","m":true}"#;
    check_trade_id(Venue::Binance, &[trade], Some(70));
    let trade = r#"{"e":"aggTrade","E":2,"T":1,"s":"ABC","a":71,"p":"1","q":"3","m":true}"#;
    check_trade_id(Venue::BinanceFutures, &[trade], Some(71));
    let trade = r#"{"arg":{"channel":"trades","instId":"ABC"},"data":[{"instId":"ABC","tradeId":"72","px":"1","sz":"2","side":"buy","ts":"5"}]}"#;
    check_trade_id(Venue::Okx, &[trade], Some(72));
    let trade = r#"{"channel":"market_trades","timestamp":"1970-01-01T00:00:05Z","sequence_num":0,"events":[{"type":"update","trades":[{"trade_id":"73","product_id":"ABC","price":"1","size":"2","side":"BUY","time":"1970-01-01T00:00:05Z"}]}]}"#;
    check_trade_id(Venue::Coinbase, &[trade], Some(73));
    let trade = r#"{"type":"match","trade_id":74,"side":"sell","size":"1","price":"2","product_id":"ABC","time":"1970-01-01T00:00:05Z"}"#;
    check_trade_id(Venue::CoinbaseExchange, &[trade], Some(74));
    let trade = r#"{"channel":"trade","type":"update","data":[{"symbol":"ABC","side":"buy","price":1,"qty":2,"trade_id":75,"timestamp":"1970-01-01T00:00:05Z"}]}"#;
    check_trade_id(Venue::Kraken, &[trade], Some(75));
    let subscribed = r#"{"event":"subscribed","channel":"trades","chanId":9,"symbol":"tABC"}"#;
    check_trade_id(Venue::Bitfinex, &[subscribed, r#"[9,"te",[76,5,1.5,2]]"#], Some(76));
    let trade = r#"{"topic":"publicTrade.ABC","type":"snapshot","ts":5,"data":[{"T":5,"s":"ABC","S":"Buy","v":"1","p":"2","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}"#;
    check_trade_id(Venue::Bybit, &[trade], None);
}

#[test]
fn a_bitfinex_book_is_known_by_its_channel() {
    let mut listener = Listener::new(Venue::Bitfinex);
    listener.hear(
        r#"{"event":"subscribed","channel":"trades","chanId":5,"symbol":"tABC","pair":"ABC"}"#,
    );
    let id = InstrumentId(0);
    assert_eq!(listener.decoder.channel(id), None);
    listener.hear(
        r#"{"event":"subscribed","channel":"book","chanId":7,"symbol":"tABC","prec":"P0","freq":"F0","len":"25","pair":"ABC"}"#,
    );
    listener.check("[7,[10.5,1,2]]", "syncing tABC");
    assert_eq!(listener.decoder.channel(id), Some(7), "its snapshot is awaited");
    listener.hear("[7,[[10.5,1,2]]]");
    assert_eq!(listener.decoder.channel(id), Some(7));
    listener.hear(r#"{"event":"unsubscribed","status":"OK","chanId":7}"#);
    assert_eq!(listener.decoder.channel(id), None);
}
