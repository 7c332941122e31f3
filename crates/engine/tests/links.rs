//! Two links tell of one true book, each in its own batches, each late by its own measure, now and
//! then closed and opened: what is published is always true, and goes on where it can.

mod support;

use proptest::prelude::*;
use std::rc::Rc;
use support::{Heard, MS, Stage, Truth};
use tickhawk_engine::Input;
use tickhawk_market::{BookState, BookUpdate, UnixNanos};
use tickhawk_venue::Venue;

/// What may happen next; the number says how much of it.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The book changes so many times.
    Change(usize),
    /// A link hears so many changes as one message.
    Hear(usize, usize),
    /// A link hears a snapshot, so many changes old at most.
    Snapshot(usize, usize),
    /// A link's connection closes, or opens again.
    Turn(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5usize).prop_map(Step::Change),
        6 => (0..2usize, 1..6usize).prop_map(|(link, count)| Step::Hear(link, count)),
        2 => (0..2usize, 0..6usize).prop_map(|(link, age)| Step::Snapshot(link, age)),
        1 => (0..2usize).prop_map(Step::Turn),
    ]
}

fn changes() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0..40u64, 0..5u64), 800)
}

/// What one link's connection has brought.
#[derive(Clone, Copy, Default)]
struct Line {
    open: bool,
    /// A snapshot was heard since it opened.
    whole: bool,
    /// The first id it may tell of, and the next.
    begin: usize,
    next: usize,
}

/// A stage with two links, and the truth they tell of.
struct World {
    venue: Venue,
    truth: Rc<Truth>,
    head: usize,
    stage: Stage,
    lines: [Line; 2],
    was_live: bool,
}

/// Whose state a message claims to be: by its id, or by the time Kraken's messages carry.
fn id_of(update: &BookUpdate) -> usize {
    let time = update.exchange_at.map_or(0, UnixNanos::nanos);
    update.sequence.unwrap_or(time / 10) as usize
}

impl World {
    fn new(venue: Venue, changes: &[(u64, u64)]) -> Self {
        let truth = Rc::new(Truth::new(changes));
        let shares_ids = venue == Venue::BinanceFutures;
        let mut stage = Stage::linked(venue, shares_ids);
        stage.heard = Heard { truth: Some((truth.clone(), id_of)), ..Heard::default() };
        let lines = [Line::default(); 2];
        Self { venue, truth, head: 1, stage, lines, was_live: false }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Change(count) => self.head = (self.head + count).min(self.truth.last_id()),
            Step::Hear(link, count) => self.hear(link, count),
            Step::Snapshot(link, age) => self.snapshot(link, age),
            Step::Turn(link) if self.lines[link].open => self.close(link),
            Step::Turn(link) => self.open(link),
        }
        self.check_state();
    }

    fn open(&mut self, link: usize) {
        self.stage.input(link, Input::Opened);
        let subscribe =
            br#"{"method":"subscribe","params":{"channel":"book","symbol":["ABC"],"depth":1000}}"#;
        if self.venue == Venue::Kraken {
            self.stage.input(link, Input::Sent(subscribe));
        }
        self.lines[link] = Line { open: true, whole: false, begin: self.head, next: self.head };
    }

    /// Never both at once.
    fn close(&mut self, link: usize) {
        if self.lines[1 - link].open {
            self.stage.input(link, Input::Closed);
            self.lines[link] = Line::default();
        }
    }

    fn hear(&mut self, link: usize, count: usize) {
        let line = self.lines[link];
        // Kraken begins with a snapshot; Binance's comes beside the stream.
        let begun = line.whole || self.venue != Venue::Kraken;
        if !line.open || !begun || line.next > self.head {
            return;
        }
        let last = self.head.min(line.next + count - 1);
        let message = match self.venue {
            Venue::Kraken => self.truth.kraken(Some(line.next), last, link),
            _ => self.truth.binance_diff(line.next, last),
        };
        self.lines[link].next = last + 1;
        self.stage.frame(link, &message);
    }

    fn snapshot(&mut self, link: usize, age: usize) {
        let line = &mut self.lines[link];
        if !line.open || line.whole {
            return;
        }
        line.whole = true;
        if self.venue == Venue::Kraken {
            line.next = self.head + 1;
            let message = self.truth.kraken(None, self.head, link);
            return self.stage.frame(link, &message);
        }
        let id = self.head.saturating_sub(age).max(line.begin);
        let body = self.truth.binance_snapshot(id);
        self.stage.reply(link, &body);
    }

    /// What is published is Live as long as a link's book is, and the end of that is told once.
    fn check_state(&mut self) {
        let Some(report) = self.stage.market.reports().pop() else { return };
        let live = report.links.iter().any(|link| link.state == BookState::Live);
        assert_eq!(report.state == BookState::Live, live, "{report:?}");
        let ended = usize::from(self.was_live && !live);
        assert_eq!(self.stage.heard.stale.drain(..).count(), ended, "{report:?}");
        self.was_live = live;
    }

    /// Both links hear of everything.
    fn catch_up(&mut self) {
        for link in 0..2 {
            self.snapshot(link, 0);
            while self.lines[link].open && self.lines[link].next <= self.head {
                self.hear(link, 3);
            }
        }
    }

    fn published_id(&self) -> usize {
        let (time, sequence) = *self.stage.heard.applied.last().expect("something is published");
        sequence.or(time.map(|time| time / 10)).unwrap() as usize
    }

    /// Ids rise from frame to frame of an epoch, and epochs rise.
    fn check_frames(&self) {
        for pair in self.stage.heard.frames.windows(2) {
            let ids = [0, 1].map(|index| {
                pair[index]
                    .sequence()
                    .or_else(|| pair[index].exchange_at().map(|time| time.nanos() / 10))
            });
            let epochs = [pair[0].epoch(), pair[1].epoch()];
            assert!(epochs[0] < epochs[1] || (epochs[0] == epochs[1] && ids[0] < ids[1]));
            assert_eq!(pair[1].number(), pair[0].number() + 1);
            assert_eq!(pair[1].restarted(), epochs[0] < epochs[1]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// One link is up all the time: nobody notices what the other does, and nothing is lost.
    #[test]
    fn one_link_that_stays_carries_one_epoch(
        changes in changes(),
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let mut world = World::new(Venue::BinanceFutures, &changes);
        world.open(0);
        world.take(Step::Snapshot(0, 0));
        for step in steps {
            if !matches!(step, Step::Turn(0)) {
                world.stage.now_ns += MS;
                world.take(step);
            }
            prop_assert!(world.published_id() + 1 >= world.lines[0].next);
        }
        world.catch_up();
        prop_assert_eq!(world.published_id(), world.head);
        world.check_frames();
        let report = world.stage.market.reports().pop().unwrap();
        prop_assert_eq!(report.epoch, 1);
        prop_assert_eq!(report.stale, 0);
        prop_assert!(world.stage.heard.frames.iter().all(|frame| frame.epoch() == 1));
    }

    /// Either link closes and opens at any time, and some are half a second late: what is published
    /// is true all the same, and comes to the end of what is told.
    #[test]
    fn links_that_come_and_go_publish_the_truth(
        changes in changes(),
        steps in prop::collection::vec((step(), 0..60u64), 1..400),
    ) {
        let mut world = World::new(Venue::BinanceFutures, &changes);
        world.open(0);
        for (step, after_ms) in steps {
            world.stage.now_ns += after_ms * MS;
            world.take(step);
        }
        // A link that is not in step may hold its messages back for half a second.
        for _ in 0..2 {
            world.catch_up();
            world.stage.now_ns += 600 * MS;
            world.head += 1;
        }
        world.catch_up();
        prop_assert_eq!(world.published_id(), world.head);
        world.check_frames();
        prop_assert_eq!(world.stage.market.decoder_counts().gaps, 0);
    }

    /// Where ids are not shared, one link leads at a time, and an epoch is of one link.
    #[test]
    fn without_shared_ids_an_epoch_is_of_one_link(
        changes in changes(),
        steps in prop::collection::vec((step(), 0..60u64), 1..400),
    ) {
        let mut world = World::new(Venue::Kraken, &changes);
        world.open(0);
        for (step, after_ms) in steps {
            world.stage.now_ns += after_ms * MS;
            world.take(step);
        }
        world.catch_up();
        world.head += 1;
        world.catch_up();
        prop_assert_eq!(world.published_id(), world.head);
        world.check_frames();
        let link = |at: Option<UnixNanos>| at.unwrap().nanos() % 10;
        for pair in world.stage.heard.frames.windows(2) {
            let same_link = link(pair[0].exchange_at()) == link(pair[1].exchange_at());
            prop_assert!(same_link || pair[0].epoch() < pair[1].epoch());
        }
    }
}

/// Two links, both whole at id 10.
fn both_at_ten() -> World {
    let changes: Vec<_> = (0..100).map(|index| (index * 7, index)).collect();
    let mut world = World::new(Venue::BinanceFutures, &changes);
    world.head = 10;
    for link in 0..2 {
        world.open(link);
        world.take(Step::Snapshot(link, 0));
        world.take(Step::Hear(link, 1));
    }
    world
}

#[test]
fn who_comes_first_is_counted_and_how_late_the_other_is() {
    let mut world = both_at_ten();
    for (first, late_ms) in [(0, 3), (1, 5), (1, 2)] {
        world.head += 1;
        world.take(Step::Hear(first, 1));
        world.stage.now_ns += late_ms * MS;
        world.take(Step::Hear(1 - first, 1));
    }
    let report = world.stage.market.reports().pop().unwrap();
    let [zero, one] = report.links[..] else { panic!("two links") };
    // The snapshot of the first was published; its bridging diff told nothing new.
    assert_eq!((zero.messages, zero.first, zero.late), (5, 2, 3));
    assert_eq!((one.messages, one.first, one.late), (5, 2, 2));
    assert_eq!((zero.lag_ns_max, zero.lag_ns_sum, zero.lagged), (5 * MS, 7 * MS, 3));
    assert_eq!((one.lag_ns_max, one.lag_ns_sum, one.lagged), (3 * MS, 3 * MS, 2));
    assert_eq!((report.epoch, report.frames), (1, 4));
}

#[test]
fn a_link_is_ready_when_it_has_all_that_is_live() {
    let mut world = both_at_ten();
    assert!(world.stage.market.is_ready(0));
    assert!(world.stage.market.is_ready(1));
    world.close(0);
    assert!(!world.stage.market.is_ready(0));
    assert!(world.stage.market.is_ready(1));
    assert!(!world.stage.market.is_ready(2), "there is no such link");
    let nothing = Stage::linked(Venue::BinanceFutures, true);
    assert!(!nothing.market.is_ready(0), "nothing is Live");
}

#[test]
fn a_hole_between_links_begins_a_new_epoch() {
    let mut world = both_at_ten();
    world.close(1);
    world.head = 20;
    world.open(1);
    world.take(Step::Snapshot(1, 0));
    world.head = 21;
    world.take(Step::Hear(1, 5));
    assert_eq!(world.published_id(), 10, "held: link 0 may still tell of 11 to 20");
    world.close(0);
    world.head = 22;
    world.take(Step::Hear(1, 5));
    assert_eq!(world.published_id(), 22);
    assert_eq!(world.stage.market.reports()[0].epoch, 2, "11 to 21 were never published");
}

#[test]
fn a_link_that_hangs_is_waited_for_half_a_second() {
    let mut world = both_at_ten();
    world.close(1);
    world.head = 20;
    world.open(1);
    world.take(Step::Snapshot(1, 0));
    let mut publishes_after = |after_ms: u64| {
        world.stage.now_ns += after_ms * MS;
        world.head += 1;
        world.take(Step::Hear(1, 5));
        (world.published_id(), world.stage.market.reports()[0].epoch)
    };
    assert_eq!(publishes_after(1), (10, 1));
    assert_eq!(publishes_after(498), (10, 1));
    assert_eq!(publishes_after(1), (23, 2));
    // What the slow one tells then is late, and no news.
    world.take(Step::Hear(0, 5));
    assert_eq!(world.published_id(), 23);
}

#[test]
fn links_learn_names_and_decimals_from_each_other() {
    let mut stage = Stage::linked(Venue::BinanceFutures, true);
    let snapshot = |symbol: &str, id: u64, price: &str| {
        format!(
            r#"{{"lastUpdateId":{id},"symbol":"{symbol}","bids":[["{price}","1"]],"asks":[["9","2.25"]]}}"#
        )
    };
    for (link, symbol, id, price) in
        [(0, "ABC", 5, "1.5"), (1, "XYZ", 6, "1"), (1, "ABC", 5, "1.125"), (0, "XYZ", 6, "1.5")]
    {
        stage.frame(link, &snapshot(symbol, id, price));
    }
    let reports = stage.market.reports();
    let symbols: Vec<_> = reports.iter().map(|report| report.symbol.as_str()).collect();
    assert_eq!(symbols, ["ABC", "XYZ"]);
    let scale = reports[0].scale;
    assert_eq!((scale.price_decimals, scale.qty_decimals), (3, 2), "the finer of both");
    assert_eq!(stage.book().scale(), scale, "the leading link's, which knew fewer decimals");
    assert!(reports.iter().all(|report| report.links.len() == 2 && report.epoch == 1));
    assert!(stage.market.is_ready(0));
    assert!(stage.market.is_ready(1));
}
