//! Time that passes without a word, on one link and on two.

mod support;

use support::{MS, Stage, Truth};
use tickhawk_engine::{Input, MarketOptions, Silence};
use tickhawk_market::{BookState, StaleCause};
use tickhawk_venue::Venue;

const SECOND: u64 = 1_000 * MS;

fn stage(silence: Silence) -> Stage {
    Stage::new(MarketOptions { silence, ..MarketOptions::new(Venue::BinanceFutures) })
}

fn truth() -> Truth {
    let changes: Vec<_> = (0..600).map(|index| (index * 7, index)).collect();
    Truth::new(&changes)
}

/// Opened, and whole at id 1.
fn begin(stage: &mut Stage, truth: &Truth) {
    stage.input(0, Input::Opened);
    stage.frame(0, &truth.binance_diff(1, 1));
    stage.reply(0, &truth.binance_snapshot(1));
    stage.wants();
}

#[test]
fn a_connection_without_frames_is_opened_anew_once() {
    let truth = truth();
    let mut stage = stage(Silence { frame_ns: Some(10 * SECOND), ..Silence::default() });
    begin(&mut stage, &truth);
    let frames = stage.heard.frames.len();
    stage.timer(10 * SECOND - 1);
    assert_eq!((stage.book().state(), stage.wants().len()), (BookState::Live, 0));
    stage.timer(1);
    assert_eq!(stage.heard.stale, [StaleCause::Silence]);
    assert_eq!(stage.wants(), ["0 Reconnect { connection: ConnectionId(0) }"]);
    stage.timer(20 * SECOND);
    assert_eq!(stage.wants().len(), 0, "said once");
    stage.input(0, Input::Closed);
    stage.timer(20 * SECOND);
    assert_eq!(stage.wants().len(), 0, "a closed connection has nothing to say");
    begin(&mut stage, &truth);
    assert_eq!(stage.book().state(), BookState::Live);
    stage.timer(10 * SECOND);
    assert_eq!(stage.wants().len(), 1, "opened again, it is silent again");
    let made = stage.heard.frames.len() - frames;
    assert_eq!(made, 1, "only the new snapshot makes a frame, timers make none");
}

#[test]
fn heartbeats_are_missed_by_who_has_heard_one() {
    let silence = Silence { heartbeat_ns: Some(5 * SECOND), ..Silence::default() };
    let options = MarketOptions { silence, ..MarketOptions::new(Venue::Kraken) };
    let mut stage = Stage::new(options);
    for connection in 0..2 {
        stage.input(connection, Input::Opened);
        stage.frame(connection, r#"{"channel":"status","data":[],"type":"update"}"#);
    }
    stage.frame(1, r#"{"channel":"heartbeat"}"#);
    stage.timer(4 * SECOND);
    // Other frames are no heartbeats.
    stage.frame(1, r#"{"channel":"status","data":[],"type":"update"}"#);
    assert_eq!(stage.wants().len(), 0);
    stage.timer(SECOND);
    assert_eq!(stage.wants(), ["0 Reconnect { connection: ConnectionId(1) }"]);
}

#[test]
fn a_book_that_used_to_tick_is_asked_for_when_it_stops() {
    let truth = truth();
    let book_ns = Some(3 * SECOND);
    let mut stage = stage(Silence { book_ns, ..Silence::default() });
    begin(&mut stage, &truth);
    // The snapshot, the diff it was built on, and 61 more: one short of a pace.
    for id in 2..63 {
        stage.now_ns += 500 * MS;
        stage.frame(0, &truth.binance_diff(id, id));
    }
    stage.timer(100 * SECOND);
    assert_eq!(stage.wants().len(), 0, "63 messages tell no pace");
    stage.now_ns -= 100 * SECOND;
    let mut stage = self::stage(Silence { book_ns, ..Silence::default() });
    begin(&mut stage, &truth);
    for id in 2..70 {
        stage.now_ns += 500 * MS;
        stage.frame(0, &truth.binance_diff(id, id));
    }
    stage.timer(4 * SECOND);
    assert_eq!(stage.wants().len(), 0, "eight times its longest gap counts, being more");
    stage.timer(1);
    assert_eq!(stage.wants(), [r#"0 Resubscribe { symbol: "ABC", channel: None }"#]);
    assert_eq!(stage.heard.stale, [StaleCause::Silence]);
    stage.timer(60 * SECOND);
    assert_eq!(stage.wants().len(), 0, "once in an epoch");
    stage.frame(0, &truth.binance_diff(70, 70));
    assert_eq!(stage.wants(), [r#"0 Snapshot { symbol: "ABC" }"#], "it ticks again");
    stage.reply(0, &truth.binance_snapshot(70));
    assert_eq!(stage.book().state(), BookState::Live);
    stage.timer(60 * SECOND);
    assert_eq!(stage.wants().len(), 0, "the new epoch has no pace yet");
}

#[test]
fn what_does_not_come_is_asked_for_again_while_it_can() {
    let truth = truth();
    let mut stage = stage(Silence { resync_ns: Some(5 * SECOND), ..Silence::default() });
    stage.input(0, Input::Opened);
    stage.frame(0, &truth.binance_diff(1, 1));
    let snapshot = [r#"0 Snapshot { symbol: "ABC" }"#];
    assert_eq!(stage.wants(), snapshot);
    stage.timer(5 * SECOND - 1);
    assert_eq!(stage.wants().len(), 0);
    stage.timer(1);
    assert_eq!(stage.wants(), snapshot);
    stage.timer(4 * SECOND);
    assert_eq!(stage.wants().len(), 0);
    stage.timer(SECOND);
    assert_eq!(stage.wants(), snapshot);
    stage.input(0, Input::Closed);
    stage.wants();
    stage.timer(60 * SECOND);
    assert_eq!(stage.wants().len(), 0, "nobody could answer");
    stage.input(0, Input::Opened);
    stage.timer(4 * SECOND);
    assert_eq!(stage.wants().len(), 0, "counts from the opening");
    stage.timer(SECOND);
    assert_eq!(stage.wants(), snapshot);
    stage.frame(0, &truth.binance_diff(2, 2));
    assert_eq!(stage.wants(), snapshot, "the first diff since it opened");
    stage.reply(0, &truth.binance_snapshot(2));
    assert_eq!(stage.book().state(), BookState::Live);
    stage.timer(60 * SECOND);
    assert_eq!(stage.wants().len(), 0);
}

#[test]
fn a_snapshot_that_comes_after_the_close_makes_no_book_live() {
    let truth = truth();
    let mut stage = stage(Silence::default());
    begin(&mut stage, &truth);
    stage.input(0, Input::Closed);
    let frames = stage.heard.frames.len();
    stage.reply(0, &truth.binance_snapshot(5));
    assert_eq!(stage.book().state(), BookState::Stale);
    assert_eq!(stage.heard.frames.len(), frames);
}

#[test]
fn a_link_that_falls_silent_is_not_missed_while_the_other_talks() {
    let truth = truth();
    let silence = Silence { frame_ns: Some(10 * SECOND), ..Silence::default() };
    let options = MarketOptions {
        links: 2,
        shares_ids: true,
        silence,
        ..MarketOptions::new(Venue::BinanceFutures)
    };
    let mut stage = Stage::new(options);
    for link in 0..2 {
        stage.input(link, Input::Opened);
        stage.frame(link, &truth.binance_diff(1, 1));
        stage.reply(link, &truth.binance_snapshot(1));
    }
    stage.wants();
    for id in 2..8 {
        stage.timer(2 * SECOND);
        stage.frame(1, &truth.binance_diff(id, id));
    }
    assert_eq!(stage.wants(), ["0 Reconnect { connection: ConnectionId(0) }"]);
    assert_eq!(stage.heard.stale, []);
    let report = stage.market.reports().pop().unwrap();
    assert_eq!((report.state, report.epoch, report.stale), (BookState::Live, 1, 0));
    assert_eq!((report.links[0].stale, report.links[0].state), (1, BookState::Stale));
    truth.check(7, stage.book());
}
