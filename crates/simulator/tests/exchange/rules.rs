//! What holds at every venue: tapes of several connections, tapes that break off, and clients and
//! tapes that make no sense.

use crate::play::{Hall, Manners, check};
use crate::{bitmex, coinbase_exchange, kraken, kraken_futures};
use tickhawk_simulator::{
    ClientId, Effect, Exchange, FaultPlan, Faults, MarketConfig, Output, Recording, RestId,
    TapeKind, TapeRecord, WireFormat,
};

/// The venues, what a client says to subscribe to everything, and a tape's format.
fn venues() -> Vec<(Manners, WireFormat, Vec<String>)> {
    let symbols = |format: WireFormat| -> Vec<String> {
        format.symbols().into_iter().map(|spec| spec.symbol).collect()
    };
    let no_rest: fn(&str) -> String = |_| String::new();
    let quoted = |names: Vec<String>| format!("\"{}\"", names.join("\",\""));
    let manners = |slug, path: &str, says: String, rest| Manners {
        slug,
        path: path.to_owned(),
        says: vec![says],
        rest,
    };
    let mut all = Vec::new();
    for (slug, format) in
        [("binance", WireFormat::Binance), ("binance-futures", WireFormat::BinanceFutures)]
    {
        let names = symbols(format);
        let streams = |symbol: &String| format!("{}@depth", symbol.to_ascii_lowercase());
        let streams = quoted(names.iter().map(streams).collect());
        let says = format!(r#"{{"method":"SUBSCRIBE","params":[{streams}],"id":1}}"#);
        let rest: fn(&str) -> String = |symbol| format!("/api/v3/depth?symbol={symbol}&limit=1000");
        all.push((manners(slug, "/stream", says, rest), format, names));
    }
    let names = symbols(WireFormat::Bybit);
    let topics = quoted(names.iter().map(|symbol| format!("orderbook.200.{symbol}")).collect());
    let says = format!(r#"{{"op":"subscribe","args":[{topics}]}}"#);
    all.push((manners("bybit", "/v5/public/linear", says, no_rest), WireFormat::Bybit, names));
    let names = symbols(WireFormat::Okx);
    let arg = |symbol: &String| format!(r#"{{"channel":"books","instId":"{symbol}"}}"#);
    let args: Vec<String> = names.iter().map(arg).collect();
    let says = format!(r#"{{"op":"subscribe","args":[{}]}}"#, args.join(","));
    all.push((manners("okx", "/ws/v5/public", says, no_rest), WireFormat::Okx, names));
    let names = symbols(WireFormat::Kraken);
    let says = format!(
        r#"{{"method":"subscribe","params":{{"channel":"book","symbol":[{}],"depth":100}}}}"#,
        quoted(names.clone())
    );
    all.push((manners("kraken", "/v2", says, no_rest), WireFormat::Kraken, names));
    let names = symbols(WireFormat::Coinbase);
    let products = quoted(names.clone());
    let says = format!(r#"{{"type":"subscribe","channel":"level2","product_ids":[{products}]}}"#);
    all.push((manners("coinbase", "/", says, no_rest), WireFormat::Coinbase, names));
    let names = symbols(WireFormat::Bitfinex);
    let mut bitfinex = manners("bitfinex", "/ws/2", String::new(), no_rest);
    bitfinex.says = vec![r#"{"event":"conf","flags":65536}"#.to_owned()];
    bitfinex.says.extend(names.iter().map(|symbol| {
        format!(r#"{{"event":"subscribe","channel":"book","symbol":"{symbol}","len":"100"}}"#)
    }));
    all.push((bitfinex, WireFormat::Bitfinex, names));
    all
}

fn tape(format: WireFormat, seconds: u64) -> Vec<TapeRecord> {
    crate::tapes::synthetic(format, seconds)
}

#[track_caller]
fn check_all(make: impl Fn(WireFormat) -> Vec<TapeRecord>) {
    for (manners, format, symbols) in venues() {
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        check(&manners, make(format), &symbols);
    }
}

/// Two connections carry the same; the first one ends half-way and the second carries on.
#[test]
fn a_second_connection_takes_over() {
    check_all(|format| {
        let single = tape(format, 6);
        let half = single.len() / 2;
        let mut double = Vec::new();
        for (at, record) in single.into_iter().enumerate() {
            let copy = TapeRecord { connection: 1, ..record.clone() };
            if at == half {
                double.push(TapeRecord { kind: TapeKind::Closed, ..record.clone() });
            } else if at < half {
                double.push(record);
            }
            // A REST reply belongs to no connection.
            if at >= half || !matches!(copy.kind, TapeKind::RestReply { .. }) {
                double.push(copy);
            }
        }
        double
    });
}

/// The recorder lost its connection and came back.
#[test]
fn a_tape_that_breaks_off_and_goes_on() {
    check_all(|format| {
        let mut config = MarketConfig::new(format.symbols(), 3);
        config.duration_ns = 8_000_000_000;
        let mut recording = Recording::new(format, &config).unwrap();
        let mut tape: Vec<TapeRecord> = recording.by_ref().take(600).map(Into::into).collect();
        recording.reconnect();
        tape.extend(recording.map(TapeRecord::from));
        assert!(tape.iter().any(|record| record.kind == TapeKind::Closed));
        tape
    });
}

/// Whatever was on the tape, a broken connection leaves no book until the next snapshot, and
/// nobody gets a change it cannot use.
#[test]
fn nothing_is_true_while_the_tape_is_cut() {
    let (manners, format, symbols) = venues().remove(2);
    let calm = |config: &mut MarketConfig| config.rare_events = false;
    let mut cut = crate::tapes::synthetic_with(format, 4, calm);
    let half = cut.len() / 2;
    let at = cut[half].at;
    cut.insert(half, TapeRecord { at, connection: 0, kind: TapeKind::Closed });
    let left = cut.len() - half - 1;
    let mut hall = Hall::new(&manners, cut);
    hall.join(0, &manners);
    hall.play(half);
    assert!(hall.exchange.truth(&symbols[0]).is_some());
    hall.play(1);
    assert!(hall.exchange.truth(&symbols[0]).is_none());
    for _ in 0..left {
        hall.exchange.step();
        assert!(hall.exchange.take().is_none());
    }
}

#[test]
fn messages_that_are_too_much() {
    for (manners, format, _) in venues() {
        let mut hall = Hall::new(&manners, tape(format, 1));
        let client = ClientId(1);
        hall.exchange.connected(client, &manners.path);
        while hall.exchange.take().is_some() {}
        for (text, code) in [(" ".repeat(65 << 10), 1009), ("[".repeat(60 << 10), 1008)] {
            hall.exchange.received(client, &text);
            let output = hall.exchange.take();
            let closed =
                matches!(&output, Some(Output::Close { code: found, .. }) if *found == code);
            assert!(closed, "{}: {output:?}", manners.slug);
        }
    }
    let (manners, format, _) = venues().remove(0);
    let mut hall = Hall::new(&manners, tape(format, 1));
    hall.exchange.connected(ClientId(1), "/ws");
    let mut refused = 0;
    for at in 0..5_000 {
        let text = format!(r#"{{"method":"SUBSCRIBE","params":["s{at}@depth"],"id":1}}"#);
        let said = hall.answers(ClientId(1), &text);
        refused += u32::from(said[0].contains("error"));
    }
    assert_eq!(refused, 5_000 - 4_096);
}

/// Damaged tapes and damaged requests: nothing panics, and whoever is connected is told something.
#[test]
fn nonsense_is_survived() {
    for (manners, format, _) in venues() {
        survive(&manners, tape(format, 3));
    }
    let often = |tape: Vec<TapeRecord>| tape.iter().cycle().take(3_000).cloned().collect();
    let pair = ["A", "B"];
    let products = ["A-USD", "B-USD"];
    survive(&coinbase_exchange::manners(&products), often(coinbase_exchange::tape()));
    survive(&kraken_futures::manners(&["PI_A", "PI_B"]), often(kraken_futures::tape()));
    survive(&bitmex::manners("orderBookL2", &pair), often(bitmex::tape()));
    survive(&kraken::v1(10, &["XBT/CHF"]), often(kraken::tape_v1()));
}

fn survive(manners: &Manners, tape: Vec<TapeRecord>) {
    let mut faults = Faults::new(FaultPlan::parse("corrupt=0.4,truncate=0.1").unwrap(), 5);
    let mut damage = |text: &str| -> String {
        match faults.frame(ClientId(0), text.to_owned()).pop() {
            Some(Effect::Deliver(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let mut damaged = tape;
    for record in &mut damaged {
        if let TapeKind::Sent(text)
        | TapeKind::Frame(text)
        | TapeKind::RestReply { body: text, .. } = &mut record.kind
        {
            *text = damage(text);
        }
    }
    let deep = TapeKind::Frame("[".repeat(1 << 20));
    damaged.insert(50, TapeRecord { kind: deep, ..damaged[0].clone() });
    let mut exchange = Exchange::new(manners.slug, Box::new(damaged.into_iter())).unwrap();
    for round in 0..200u32 {
        let client = ClientId(round % 7);
        exchange.connected(client, &damage(&manners.path));
        for text in [manners.says[0].as_str(), r#"{"op":"ping"}"#, "{}", "[]", "\"\u{e9}\"", ""] {
            exchange.received(client, &damage(text));
        }
        manners.says.iter().for_each(|text| exchange.received(client, text));
        exchange.rest(RestId(round), &damage("/api/v3/depth?symbol=BTCUSDT&limit=9"));
        for _ in 0..20 {
            exchange.step();
        }
        exchange.resnapshot();
        exchange.maintenance();
        exchange.idle(u64::from(round) * 1_000_000_000);
        if round % 3 == 0 {
            exchange.disconnected(client);
        }
    }
    assert!(std::iter::from_fn(|| exchange.take()).count() > 200);
}

#[test]
fn a_venue_nobody_knows() {
    let error = Exchange::new("nyse", Box::new(std::iter::empty())).unwrap_err().to_string();
    assert!(error.starts_with("no exchange `nyse`; known are binance, "), "{error}");
    let mut empty = Exchange::new("bybit", Box::new(std::iter::empty())).unwrap();
    assert_eq!(empty.next_at(), None);
    empty.step();
    assert_eq!(empty.take(), None);
}

/// A tape with two depths of one book: the deeper one is played as soon as it begins, and whoever
/// asked for either goes on.
#[test]
fn a_deeper_book_takes_over() {
    for (at, from, to) in
        [(2, "orderbook.200.", "orderbook.50."), (3, r#""books""#, r#""books50-l2-tbt""#)]
    {
        let (manners, format, symbols) = venues().remove(at);
        let mut tape = tape(format, 4);
        let half = tape.len() / 2;
        let copies: Vec<TapeRecord> = tape.clone();
        for record in &mut tape[..half] {
            if let TapeKind::Frame(text) = &mut record.kind {
                *text = text.replace(from, to);
            }
        }
        let deep = copies
            .iter()
            .filter(|record| matches!(&record.kind, TapeKind::Frame(text) if text.contains(from)));
        let restarted: Vec<TapeRecord> =
            deep.take_while(|record| record.at <= copies[half - 1].at).cloned().collect();
        tape.splice(half..half, restarted);
        let other = Manners {
            says: manners.says.iter().map(|text| text.replace(from, to)).collect(),
            path: manners.path.clone(),
            ..manners
        };
        let mut hall = Hall::new(&manners, tape);
        hall.join(0, &manners);
        hall.join(1, &other);
        hall.play(usize::MAX);
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        hall.compare(&symbols);
    }
}
