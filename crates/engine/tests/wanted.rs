//! Instruments asked for and taken back while the others go on.

mod support;

use support::{MS, Stage, Truth};
use tickhawk_engine::{Input, MarketOptions, Silence};
use tickhawk_market::{BookState, InstrumentId, StaleCause};
use tickhawk_venue::Venue;

const ABC: InstrumentId = InstrumentId(0);
const XYZ: InstrumentId = InstrumentId(1);

fn names(symbols: &[&str]) -> Vec<String> {
    symbols.iter().map(|&symbol| symbol.to_owned()).collect()
}

fn wanted(stage: &mut Stage, symbols: &[&str]) {
    stage.input(0, Input::Wanted(&names(symbols)));
}

/// A stage of `links` links that is asked for ABC.
fn stage(venue: Venue, links: u16) -> Stage {
    let silence =
        Silence { book_ns: Some(1_000 * MS), resync_ns: Some(1_000 * MS), ..Silence::default() };
    let mut stage = Stage::new(MarketOptions {
        symbols: Some(names(&["ABC"])),
        links,
        shares_ids: true,
        silence,
        ..MarketOptions::new(venue)
    });
    for link in 0..usize::from(links) {
        stage.input(link, Input::Opened);
    }
    stage
}

/// The next diff of each symbol, on every link.
fn diffs(stage: &mut Stage, truth: &Truth, links: u16, id: usize, symbols: &[&str]) {
    for link in 0..usize::from(links) {
        for symbol in symbols {
            stage.frame(link, &truth.binance_diff(id, id).replace("ABC", symbol));
        }
    }
}

fn snapshots(stage: &mut Stage, truth: &Truth, links: u16, id: usize, symbol: &str) {
    let url = format!("https://host/fapi/v1/depth?symbol={symbol}&limit=1000");
    for link in 0..usize::from(links) {
        let body = truth.binance_snapshot(id);
        let (url, body) = (Some(url.as_str()), body.as_bytes());
        stage.input(link, Input::RestReply { url, status: Some(200), body });
    }
}

/// The instruments of the frames since last asked, in order.
fn framed(stage: &mut Stage) -> Vec<u32> {
    stage.heard.frames.drain(..).map(|frame| frame.instrument().0).collect()
}

fn states(stage: &Stage) -> Vec<(String, BookState, Option<StaleCause>, u32)> {
    let reports = stage.market.reports().into_iter();
    reports.map(|row| (row.symbol, row.state, row.stale_cause, row.epoch)).collect()
}

#[test]
fn one_comes_and_one_goes_and_the_others_do_not_notice() {
    let truth = Truth::new(&(0..200).map(|index| (index * 7, index)).collect::<Vec<_>>());
    for links in [1, 2] {
        let mut stage = stage(Venue::BinanceFutures, links);
        diffs(&mut stage, &truth, links, 1, &["ABC", "XYZ"]);
        snapshots(&mut stage, &truth, links, 1, "ABC");
        diffs(&mut stage, &truth, links, 2, &["ABC", "XYZ"]);
        assert_eq!(framed(&mut stage), [0, 0]);
        assert_eq!(stage.market.decoder_counts().unwanted, 2 * u64::from(links));
        stage.wants();

        wanted(&mut stage, &["XYZ", "ABC"]);
        assert_eq!((stage.wants().len(), framed(&mut stage).len()), (0, 0));
        diffs(&mut stage, &truth, links, 3, &["ABC", "XYZ"]);
        assert_eq!(stage.wants().len(), usize::from(links), "snapshots of the new one");
        snapshots(&mut stage, &truth, links, 3, "XYZ");
        diffs(&mut stage, &truth, links, 4, &["XYZ", "ABC"]);
        assert_eq!(framed(&mut stage), [0, 1, 1, 0]);
        assert_eq!(
            states(&stage),
            [
                ("ABC".to_owned(), BookState::Live, None, 1),
                ("XYZ".to_owned(), BookState::Live, None, 1)
            ]
        );
        truth.check(4, stage.market.book(XYZ).unwrap());

        wanted(&mut stage, &["XYZ"]);
        assert_eq!(stage.heard.stale, [StaleCause::Removed], "told once");
        diffs(&mut stage, &truth, links, 5, &["ABC", "XYZ"]);
        snapshots(&mut stage, &truth, links, 5, "ABC");
        assert_eq!(framed(&mut stage), [1]);
        assert_eq!(stage.market.decoder_counts().unwanted, 4 * u64::from(links));
        stage.timer(5_000 * MS);
        assert_eq!(stage.wants().len(), 0, "nothing is asked for any more");
        assert!(stage.market.is_ready(0), "what is not asked for keeps no link from being ready");

        wanted(&mut stage, &["ABC", "XYZ"]);
        // Its stream goes on from elsewhere, and a snapshot that it had waited for is too old.
        diffs(&mut stage, &truth, links, 100, &["ABC"]);
        snapshots(&mut stage, &truth, links, 7, "ABC");
        assert_eq!(framed(&mut stage).len(), 0);
        snapshots(&mut stage, &truth, links, 100, "ABC");
        diffs(&mut stage, &truth, links, 101, &["ABC"]);
        diffs(&mut stage, &truth, links, 6, &["XYZ"]);
        assert_eq!(framed(&mut stage), [0, 0, 1]);
        assert_eq!(
            states(&stage),
            [
                ("ABC".to_owned(), BookState::Live, None, 2),
                ("XYZ".to_owned(), BookState::Live, None, 1)
            ]
        );
        truth.check(101, stage.market.book(ABC).unwrap());
    }
}

#[test]
fn a_book_that_was_stale_before_says_why_there_is_no_more_of_it() {
    let truth = Truth::new(&[(1, 2), (3, 4), (5, 1), (6, 1)]);
    let mut stage = stage(Venue::BinanceFutures, 2);
    diffs(&mut stage, &truth, 2, 1, &["ABC"]);
    snapshots(&mut stage, &truth, 2, 1, "ABC");
    for link in 0..2 {
        stage.input(link, Input::Closed);
    }
    wanted(&mut stage, &[]);
    assert_eq!(states(&stage)[0].2, Some(StaleCause::Removed));
    assert_eq!(stage.heard.stale, [StaleCause::Closed], "it was told of once");
}

#[test]
fn channels_that_only_numbers_end_are_given_up() {
    let mut stage = stage(Venue::Bitfinex, 1);
    let subscribed = |channel: &str, number: u64| {
        format!(
            r#"{{"event":"subscribed","channel":"{channel}","chanId":{number},"symbol":"tABC","prec":"P0"}}"#
        )
    };
    stage.heard.stale.clear();
    wanted(&mut stage, &["tABC", "tXYZ"]);
    stage.frame(0, &subscribed("book", 7));
    stage.frame(0, "[7,[[10,1,2],[11,1,-2]]]");
    assert_eq!(framed(&mut stage), [0]);
    wanted(&mut stage, &["tXYZ"]);
    assert_eq!(stage.wants(), ["0 GiveUp { connection: ConnectionId(0), channel: 7 }"]);
    stage.frame(0, "[7,[10,1,3]]");
    assert_eq!(stage.market.decoder_counts().unwanted, 1);
    // This one was asked for before, and the venue answers now.
    stage.frame(0, &subscribed("trades", 8));
    assert_eq!(stage.wants(), ["0 GiveUp { connection: ConnectionId(0), channel: 8 }"]);
    for channel in [7, 8] {
        stage.frame(0, &format!(r#"{{"event":"unsubscribed","status":"OK","chanId":{channel}}}"#));
    }
    assert_eq!((framed(&mut stage).len(), stage.heard.stale.len()), (0, 1));
    // The venue gives numbers anew.
    wanted(&mut stage, &["tXYZ", "tABC"]);
    stage.frame(0, &subscribed("book", 9));
    stage.frame(0, "[9,[[10,1,2],[11,1,-2]]]");
    assert_eq!(framed(&mut stage), [0]);
    assert_eq!(states(&stage), [("tABC".to_owned(), BookState::Live, None, 2)]);
}
