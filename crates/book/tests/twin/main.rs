//! The book against its naive twin: after every single message, everything readable agrees.

mod market;
mod naive;

use std::num::NonZeroU64;

use market::{Market, Op, op};
use naive::Twin;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tickhawk_book::{Book, BookLimits};
use tickhawk_market::{BookKind, BookUpdate, Change, InstrumentId, Level, Side, StaleCause};

fn update(kind: BookKind, depth: Option<u32>) -> BookUpdate {
    let instrument = InstrumentId(0);
    let (exchange_at, sequence, checksum) = (None, None, None);
    BookUpdate { instrument, kind, changes: 0..0, exchange_at, sequence, checksum, depth }
}

fn limits(levels_per_side: usize) -> BookLimits {
    BookLimits { levels_per_side }
}

/// A book, its twin, and the market both are told of.
struct Pair {
    book: Book,
    twin: Twin,
    market: Market,
}

impl Pair {
    fn new(levels_per_side: usize, mid: i64, tick: i64) -> Self {
        Self {
            book: Book::new(limits(levels_per_side)),
            twin: Twin::new(levels_per_side),
            market: Market::new(mid, tick),
        }
    }

    fn apply(&mut self, kind: BookKind, depth: Option<u32>, changes: &[Change]) {
        let applied = self.book.apply(&update(kind, depth), changes);
        assert_eq!(applied, self.twin.apply(kind, depth, changes));
        self.check();
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Message { snapshot, depth, places } => {
                let kind = if *snapshot { BookKind::Snapshot } else { BookKind::Diff };
                let changes = self.market.changes(places);
                self.apply(kind, *depth, &changes);
            }
            Op::Move(ticks) => self.market.walk(*ticks),
            Op::Scale(scale) => {
                let rescaled = self.book.set_scale(*scale);
                assert_eq!(rescaled, self.twin.set_scale(*scale));
                self.check();
            }
            Op::Tick(tick) => {
                self.book.set_tick(NonZeroU64::new(*tick));
                self.check();
            }
            Op::Syncing => {
                self.book.mark_syncing();
                self.twin.mark_syncing();
                self.check();
            }
            Op::Stale => {
                let news = self.book.mark_stale(StaleCause::Sequence);
                assert_eq!(news, self.twin.mark_stale(StaleCause::Sequence));
                self.check();
            }
        }
    }

    /// Everything readable, compared.
    fn check(&self) {
        let (book, twin) = (&self.book, &self.twin);
        assert_eq!((book.state(), book.stale_cause()), (twin.state, twin.stale_cause));
        assert_eq!((book.epoch(), book.scale()), (twin.epoch, twin.scale));
        assert_eq!(book.counters(), twin.counters);
        for side in [Side::Bid, Side::Ask] {
            let levels = twin.levels(side);
            assert_eq!(book.level_count(side), levels.len());
            assert!(book.levels(side).eq(levels.iter().copied()), "{side:?} levels");
            assert_eq!(book.best(side), levels.first().copied());
            for room in [0, 1, 20] {
                let mut top = vec![Level::default(); room];
                let count = book.top(side, &mut top);
                assert_eq!(top[..count], levels[..room.min(levels.len())], "{side:?} top {room}");
            }
        }
        for (side, price) in self.market.recent() {
            assert_eq!(book.qty_at(side, price), twin.qty_at(side, price));
        }
        assert_eq!(book.is_crossed(), twin.bid_minus_ask().is_some_and(|gap| gap > 0));
        assert_eq!(book.is_locked(), twin.bid_minus_ask() == Some(0));
    }

    /// Snapshot and diffs so far give the book that one snapshot of it, in any order, gives.
    fn check_against_fresh_snapshot(&self) {
        let mut changes = self.twin.all_levels();
        changes.reverse();
        let half = changes.len() / 2;
        changes.rotate_left(half);
        let mut fresh = Book::new(limits(self.twin.limit));
        fresh.apply(&update(BookKind::Snapshot, None), &changes);
        for side in [Side::Bid, Side::Ask] {
            assert!(fresh.levels(side).eq(self.book.levels(side)));
        }
    }
}

fn descends(levels: impl Iterator<Item = Level>) -> bool {
    levels.map(|level| level.price).is_sorted_by(|a, b| a > b)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(0x626f_6f6b),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn agrees_after_every_message(
        limit in prop_oneof![1 => 1..40usize, 3 => Just(3_000usize)],
        mid in prop_oneof![
            4 => Just(6_394_390i64), 1 => Just(0i64), 1 => Just(-250_000i64), 1 => Just(2i64),
            1 => Just(i64::MAX - 900), 1 => Just(i64::MIN + 900),
        ],
        tick in prop_oneof![Just(1i64), Just(10), Just(25), Just(100_000)],
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut pair = Pair::new(limit, mid, tick);
        for op in &ops {
            pair.run(op);
        }
        prop_assert!(descends(pair.book.levels(Side::Bid)));
        let asks: Vec<_> = pair.book.levels(Side::Ask).collect();
        prop_assert!(descends(asks.into_iter().rev()), "asks ascend");
        pair.check_against_fresh_snapshot();
    }
}

/// Walks a market a long way with its touch kept clean, and compares after every message.
fn walk(tick: Option<u64>, step_ticks: i64, messages: usize) {
    let mut pair = Pair::new(3_000, 6_000_000, 10);
    pair.book.set_tick(tick.and_then(NonZeroU64::new));
    let mut random = market::Random(0x7761_6c6b);
    let snapshot = pair.market.random_changes(&mut random, 400);
    pair.apply(BookKind::Snapshot, None, &snapshot);
    for message in 0..messages {
        let direction = if message * 3 < messages { 1 } else { -1 };
        pair.market.walk(direction * step_ticks);
        let mut changes = pair.market.random_changes(&mut random, 12);
        changes.extend(pair.market.traded_through(&pair.twin));
        let depth = (message % 50 == 0).then_some(300);
        pair.apply(BookKind::Diff, depth, &changes);
    }
    pair.check_against_fresh_snapshot();
}

#[test]
fn a_walk_moves_the_window_sector_by_sector() {
    walk(Some(10), 200, 3_000);
}

#[test]
fn a_walk_in_leaps_outruns_the_window() {
    walk(Some(10), 40_000, 1_500);
}

#[test]
fn a_tick_too_wide_gives_way() {
    walk(Some(1_000), 100, 1_500);
}

#[test]
fn a_tick_too_narrow_is_only_slower() {
    walk(Some(1), 300, 1_500);
}

#[test]
fn a_tick_is_found_without_being_named() {
    walk(None, 300, 1_500);
}
