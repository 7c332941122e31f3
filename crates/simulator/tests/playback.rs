//! When a tape begins to play.

use tickhawk_simulator::{
    ClientId, Cue, Exchange, FaultPlan, Faults, MarketConfig, Pace, Playback, Recording,
    TapeRecord, WireFormat,
};

const MS: u64 = 1_000_000;

/// Virtual time at which a client that subscribes to two things, `gap_ms` apart, hears the first
/// book message, and how many records had been played before its second word.
fn begins(quiet_ms: Option<u64>, gap_ms: u64) -> (u64, u64) {
    let config = MarketConfig::new(WireFormat::Bybit.symbols(), 7);
    let tape = Recording::new(WireFormat::Bybit, &config).unwrap().map(TapeRecord::from);
    let exchange = Exchange::new("bybit", Box::new(tape)).unwrap();
    let mut playback = Playback::new(exchange, Faults::new(FaultPlan::none(), 1), Pace::Max);
    if let Some(quiet_ms) = quiet_ms {
        playback = playback.quiet(quiet_ms * MS);
    }
    let client = ClientId(1);
    playback.connected(client, "/v5/public/linear", 0);
    playback.received(client, r#"{"op":"subscribe","args":["orderbook.200.BTCUSDT"]}"#, 0);
    let mut second = Some(r#"{"op":"subscribe","args":["publicTrade.BTCUSDT"]}"#);
    let (mut now_ns, mut steps_before) = (0, 0);
    loop {
        if now_ns >= gap_ms * MS
            && let Some(text) = second.take()
        {
            steps_before = playback.steps();
            playback.received(client, text, now_ns);
        }
        match playback.poll(now_ns) {
            Cue::Frame { text, .. } if text.contains("\"snapshot\"") => {
                return (now_ns / MS, steps_before);
            }
            Cue::Wait { until_ns } => now_ns = until_ns,
            Cue::Ended => panic!("the tape holds a snapshot"),
            _ => {}
        }
    }
}

#[test]
fn whoever_keeps_a_venue_s_pace_is_heard_out() {
    let (began_ms, _) = begins(None, 0);
    assert!((400..440).contains(&began_ms), "{began_ms}");
    let (began_ms, _) = begins(Some(1), 0);
    assert!((400..440).contains(&began_ms), "no less than 400 ms: {began_ms}");
    let (began_ms, steps_before) = begins(Some(1_200), 500);
    assert_eq!(steps_before, 0);
    assert!((1_700..1_740).contains(&began_ms), "{began_ms}");
}

/// Virtual times at which a client that hears the trades of one instrument hears them, at a rate.
fn heard_at(per_s: f64, until_ns: u64) -> Vec<u64> {
    let config = MarketConfig::new(WireFormat::Bybit.symbols(), 7);
    let tape = Recording::new(WireFormat::Bybit, &config).unwrap().map(TapeRecord::from);
    let exchange = Exchange::new("bybit", Box::new(tape)).unwrap();
    let faults = Faults::new(FaultPlan::none(), 1);
    let mut playback = Playback::new(exchange, faults, Pace::Rate(per_s));
    let client = ClientId(1);
    playback.connected(client, "/v5/public/linear", 0);
    playback.received(client, r#"{"op":"subscribe","args":["publicTrade.BTCUSDT"]}"#, 0);
    let (mut now_ns, mut heard) = (0, Vec::new());
    while now_ns < until_ns {
        match playback.poll(now_ns) {
            Cue::Frame { .. } => heard.push(now_ns),
            Cue::Wait { until_ns } => now_ns = until_ns,
            Cue::Ended => panic!("the tape is long enough"),
            _ => {}
        }
    }
    heard
}

/// The first frame answers the request; what others would hear leaves no gap.
#[test]
fn a_rate_is_of_messages_that_are_heard() {
    let heard = heard_at(1_000.0, 700 * MS);
    let gaps: Vec<u64> = heard[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() > 200, "{}", gaps.len());
    assert!(gaps.iter().all(|gap_ns| *gap_ns == MS), "{gaps:?}");
}
