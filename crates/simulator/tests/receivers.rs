//! Whoever reads a recording by the venue's rules finds no gap, no bad checksum and no crossed
//! book, and has the oracle's book after every message.

mod support;

use support::{Reader, Tally};
use tickhawk_market::UnixNanos;
use tickhawk_simulator::{MarketConfig, MessageKind, Recording, WireFormat};

/// Reads to the end and compares with the oracle all the way.
fn read_all(format: WireFormat, config: &MarketConfig) -> Tally {
    let mut reader = Reader::new(format, &config.symbols);
    let mut recording = Recording::new(format, config).unwrap();
    follow(&mut reader, &mut recording, usize::MAX);
    let (right, wrong) = reader.tally.sides;
    assert!(right > 5 * wrong, "takers on the wrong side: {:?}", reader.tally);
    reader.tally
}

/// Reads at most `count` messages.
fn follow(reader: &mut Reader, recording: &mut Recording, count: usize) {
    for _ in 0..count {
        let Some(message) = recording.next() else { return };
        let changed = reader.read(&message);
        let mut claimed = recording.changed_by_last_message().to_vec();
        claimed.sort_unstable();
        assert_eq!(changed, claimed, "{:.200}", format!("{:?}", message.kind));
        for symbol in changed {
            let (ours, oracle) = (reader.book(symbol), recording.oracle_after_last_message(symbol));
            assert!(ours.is_some());
            // Not assert_eq: it would print both books.
            assert!(ours == oracle, "symbol {symbol}, {:.200}", format!("{:?}", message.kind));
        }
    }
}

fn config(format: WireFormat, seconds: u64) -> MarketConfig {
    let mut config = MarketConfig::new(format.symbols(), 7);
    config.duration_ns = seconds * 1_000_000_000;
    config
}

#[track_caller]
fn saw(tally: &Tally, kinds: &[&str]) {
    for kind in kinds {
        assert!(tally.kinds.contains_key(*kind), "no {kind} in {tally:?}");
    }
}

#[test]
fn binance() {
    let tally = read_all(WireFormat::Binance, &config(WireFormat::Binance, 20));
    saw(&tally, &["response", "depth@100ms", "bookTicker", "trade", "miniTicker"]);
    assert_eq!(tally.snapshots, 3);
    assert!(tally.stale_diffs >= 3, "{tally:?}");
    assert!(tally.tops_compared > 50, "{tally:?}");
    assert!(tally.book_messages > 500 && tally.trades > 100, "{tally:?}");
}

#[test]
fn binance_futures() {
    let tally = read_all(WireFormat::BinanceFutures, &config(WireFormat::BinanceFutures, 20));
    saw(&tally, &["response", "depth@0ms", "bookTicker", "trade", "markPrice@1s"]);
    assert_eq!(tally.snapshots, 3);
    assert!(tally.stale_diffs >= 9, "{tally:?}");
    assert!(tally.tops_compared > 200, "{tally:?}");
    assert!(tally.book_messages > 1_000 && tally.trades > 100, "{tally:?}");
}

#[test]
fn binance_snapshot_shallower_than_the_book() {
    for format in [WireFormat::Binance, WireFormat::BinanceFutures] {
        let mut config = config(format, 10);
        config.snapshot_levels = 100;
        assert_eq!(read_all(format, &config).snapshots, 3);
    }
}

#[test]
fn kraken() {
    let tally = read_all(WireFormat::Kraken, &config(WireFormat::Kraken, 35));
    saw(&tally, &["status", "instrument", "book", "trade", "ticker", "heartbeat"]);
    saw(&tally, &["subscribe", "pong"]);
    assert_eq!((tally.snapshots, tally.checksums), (3, tally.book_messages));
    assert!(tally.book_messages > 2_000, "{tally:?}");
}

#[test]
fn okx() {
    let tally = read_all(WireFormat::Okx, &config(WireFormat::Okx, 30));
    saw(&tally, &["subscribe", "channel-conn-count", "books", "trades", "tickers"]);
    assert_eq!((tally.snapshots, tally.checksums), (3, tally.book_messages));
    assert!(tally.book_messages > 500, "{tally:?}");
}

#[test]
fn bybit() {
    let tally = read_all(WireFormat::Bybit, &config(WireFormat::Bybit, 30));
    saw(&tally, &["subscribe", "ping", "orderbook.200", "publicTrade", "tickers", "kline.1"]);
    assert_eq!(tally.snapshots, 6, "three at the start, three in mid-stream");
    assert!(tally.book_messages > 500, "{tally:?}");
}

#[test]
fn coinbase() {
    let tally = read_all(WireFormat::Coinbase, &config(WireFormat::Coinbase, 20));
    saw(&tally, &["subscriptions", "l2_data", "market_trades", "ticker", "candles"]);
    saw(&tally, &["heartbeats", "l2_data of several products"]);
    assert_eq!(tally.snapshots, 3);
    assert!(tally.book_messages > 2_000, "{tally:?}");
}

#[test]
fn bitfinex() {
    let tally = read_all(WireFormat::Bitfinex, &config(WireFormat::Bitfinex, 20));
    saw(&tally, &["info", "conf", "subscribed", "ticker", "trades", "tu", "hb"]);
    assert_eq!((tally.snapshots, tally.kinds["hb"]), (3, 9));
    assert!(tally.book_messages > 5_000 && tally.trades > 100, "{tally:?}");
}

#[test]
fn okx_oddities() {
    // Once in the middle, ids start over; a quiet book is repeated empty after a minute.
    let format = WireFormat::Okx;
    let mut config = config(format, 150);
    config.symbols.truncate(1);
    config.symbols[0].events_per_second = 1;
    config.intensity_permille = 1;
    let (mut restarts, mut repeats) = (0, 0);
    for message in Recording::new(format, &config).unwrap() {
        let MessageKind::Frame(frame) = message.kind else { continue };
        if !frame.contains(r#""action":"update""#) {
            continue;
        }
        let id = |key: &str| -> i64 {
            let rest = frame.split(&format!("\"{key}\":")).nth(1).unwrap();
            rest.split([',', '}']).next().unwrap().parse().unwrap()
        };
        restarts += usize::from(id("seqId") < id("prevSeqId"));
        repeats += usize::from(frame.contains(r#""asks":[],"bids":[]"#));
    }
    assert_eq!(restarts, 1);
    assert!(repeats >= 1);
    config.okx_checksum = false;
    let mut frames = Recording::new(format, &config).unwrap().filter_map(|message| {
        let MessageKind::Frame(frame) = message.kind else { return None };
        frame.contains(r#""channel":"books""#).then_some(frame)
    });
    let book = frames.find(|frame| frame.contains("action")).unwrap();
    assert!(book.contains(r#""checksum":0,"#));
}

#[test]
fn a_recorder_whose_clock_is_behind() {
    for format in WireFormat::ALL {
        let mut config = config(format, 3);
        config.clock_offset_ns = -1_500_000_000;
        config.jitter_ns = 20_000_000;
        config.start = UnixNanos::new(1_800_000_000_123_456_789);
        let mut recording = Recording::new(format, &config).unwrap();
        let first = recording.next().unwrap();
        assert!(matches!(first.kind, MessageKind::Opened { .. }));
        assert_eq!(first.received_at.nanos(), 1_799_999_998_623_456_789);
        let mut reader = Reader::new(format, &config.symbols);
        follow(&mut reader, &mut recording, usize::MAX);
        assert!(reader.tally.frames > 100, "{format}");
    }
}

#[test]
fn resync_and_reconnect_bring_the_book_back() {
    for format in WireFormat::ALL {
        let config = config(format, 100);
        let mut recording = Recording::new(format, &config).unwrap();
        let mut reader = Reader::new(format, &config.symbols);
        recording.resync(0);
        follow(&mut reader, &mut recording, 3_000);
        assert!(reader.book(1).is_some(), "{format}");
        // Twice in a row, as an impatient reader does.
        reader.forget(1);
        recording.resync(1);
        recording.resync(1);
        assert_eq!(recording.oracle_after_last_message(1), None);
        let mut fresh = Reader::new(format, &config.symbols);
        let snapshots = reader.tally.snapshots;
        follow_after_resync(&mut reader, &mut recording, 1);
        assert!(reader.tally.snapshots > snapshots, "{format}");
        recording.reconnect();
        assert_eq!(recording.oracle_after_last_message(0), None);
        assert_eq!(recording.next().map(|message| message.kind), Some(MessageKind::Closed));
        follow(&mut fresh, &mut recording, 2_500);
        assert!(fresh.tally.snapshots >= 3, "{format}: {:?}", fresh.tally);
        assert!((0..3).all(|symbol| fresh.book(symbol).is_some()));
    }
}

#[test]
fn the_reader_notices_lost_messages() {
    for format in WireFormat::ALL {
        let config = config(format, 20);
        let mut recording = Recording::new(format, &config).unwrap();
        let mut reader = Reader::new(format, &config.symbols);
        follow(&mut reader, &mut recording, 1_500);
        // Kraken has no sequence, so a single loss may heal with the next message about the level.
        for _ in 0..200 {
            recording.next();
        }
        let follow_on = std::panic::AssertUnwindSafe(|| {
            follow(&mut reader, &mut recording, 1_500);
        });
        assert!(
            std::panic::catch_unwind(follow_on).is_err(),
            "{format}: read on as if nothing was"
        );
    }
}

/// Neither oracle nor reader has a book of `symbol` until the venue has answered; both agree from
/// the answer on.
fn follow_after_resync(reader: &mut Reader, recording: &mut Recording, symbol: usize) {
    let mut answered = false;
    for _ in 0..2_000 {
        let Some(message) = recording.next() else { break };
        reader.read(&message);
        if let Some(oracle) = recording.oracle_after_last_message(symbol) {
            answered = true;
            let same = reader.book(symbol) == Some(oracle);
            assert!(same, "{:.200}", format!("{:?}", message.kind));
        }
    }
    assert!(answered);
}
