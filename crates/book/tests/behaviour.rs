//! What the book promises of states, limits, depth, decimals and counters, case by case.

use std::num::NonZeroU64;

use tickhawk_book::{Applied, Book, BookLimits, Rescaled};
use tickhawk_market::{
    BookKind, BookState, BookUpdate, Change, InstrumentId, Level, Price, Qty, Scale, Side,
    StaleCause,
};

fn bid(price: i64, qty: i64) -> Change {
    Change { side: Side::Bid, price: Price::new(price), qty: Qty::new(qty) }
}

fn ask(price: i64, qty: i64) -> Change {
    Change { side: Side::Ask, price: Price::new(price), qty: Qty::new(qty) }
}

fn update(kind: BookKind, depth: Option<u32>) -> BookUpdate {
    let instrument = InstrumentId(0);
    let (exchange_at, sequence, checksum) = (None, None, None);
    BookUpdate { instrument, kind, changes: 0..0, exchange_at, sequence, checksum, depth }
}

fn snapshot(book: &mut Book, changes: &[Change]) -> Applied {
    book.apply(&update(BookKind::Snapshot, None), changes)
}

fn diff(book: &mut Book, changes: &[Change]) -> Applied {
    book.apply(&update(BookKind::Diff, None), changes)
}

fn book(levels_per_side: usize) -> Book {
    Book::new(BookLimits { levels_per_side })
}

#[track_caller]
fn check(book: &Book, side: Side, expected: &[(i64, i64)]) {
    let levels: Vec<_> = book.levels(side).map(|l| (l.price.units(), l.qty.units())).collect();
    assert_eq!(levels, expected, "{side:?}");
}

#[test]
fn states_from_empty_to_live_to_stale_and_back() {
    let mut book = book(100);
    assert_eq!((book.state(), book.epoch(), book.stale_cause()), (BookState::Empty, 0, None));
    assert_eq!(diff(&mut book, &[bid(1, 1)]), Applied::Ignored);
    assert_eq!((book.state(), book.level_count(Side::Bid)), (BookState::Empty, 0));
    book.mark_syncing();
    assert_eq!(book.state(), BookState::Syncing);
    assert_eq!(diff(&mut book, &[bid(1, 1)]), Applied::Ignored);
    assert_eq!(snapshot(&mut book, &[bid(10, 1), ask(11, 1)]), Applied::NewEpoch);
    assert_eq!((book.state(), book.epoch()), (BookState::Live, 1));

    assert!(book.mark_stale(StaleCause::Checksum));
    assert!(!book.mark_stale(StaleCause::Closed), "the first cause stands");
    assert_eq!(book.stale_cause(), Some(StaleCause::Checksum));
    assert_eq!(diff(&mut book, &[bid(9, 5)]), Applied::ChangedNotLive);
    check(&book, Side::Bid, &[(10, 1), (9, 5)]);
    assert_eq!((book.state(), book.epoch()), (BookState::Stale, 1));

    book.mark_syncing();
    assert_eq!((book.state(), book.stale_cause()), (BookState::Syncing, None));
    assert_eq!(diff(&mut book, &[bid(9, 0)]), Applied::ChangedNotLive);
    check(&book, Side::Bid, &[(10, 1)]);
    assert_eq!(snapshot(&mut book, &[bid(8, 2)]), Applied::NewEpoch);
    assert_eq!((book.state(), book.epoch(), book.stale_cause()), (BookState::Live, 2, None));
    check(&book, Side::Bid, &[(8, 2)]);
    check(&book, Side::Ask, &[]);
}

#[test]
fn snapshots_may_be_unsorted_doubled_or_empty() {
    let mut book = book(100);
    snapshot(&mut book, &[bid(5, 1), bid(9, 1), bid(7, 1), bid(9, 3), bid(5, 0), ask(12, 0)]);
    check(&book, Side::Bid, &[(9, 3), (7, 1)]);
    check(&book, Side::Ask, &[]);
    assert_eq!(snapshot(&mut book, &[]), Applied::NewEpoch);
    assert_eq!((book.best(Side::Bid), book.epoch()), (None, 2));
}

#[test]
fn removing_what_is_not_there_is_nothing() {
    let mut book = book(100);
    snapshot(&mut book, &[bid(10, 1)]);
    let absent = [bid(9, 0), bid(-1_000_000_000_000, 0), ask(i64::MAX, 0)];
    assert_eq!(diff(&mut book, &absent), Applied::Changed);
    check(&book, Side::Bid, &[(10, 1)]);
    assert_eq!(book.qty_at(Side::Bid, Price::new(10)), Some(Qty::new(1)));
    assert_eq!(book.qty_at(Side::Bid, Price::new(9)), None);
}

#[test]
fn the_ends_of_the_integers_are_prices() {
    let mut book = book(100);
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
    snapshot(&mut book, &ends.map(|price| bid(price, 1)));
    diff(&mut book, &ends.map(|price| ask(price, 2)));
    check(&book, Side::Ask, &ends.map(|price| (price, 2)));
    let mut down = ends;
    down.reverse();
    check(&book, Side::Bid, &down.map(|price| (price, 1)));
    assert!(book.is_crossed());
}

#[test]
fn too_many_levels_make_it_stale_and_keep_the_best() {
    let mut book = book(3);
    let full = [bid(1, 1), bid(2, 1), bid(3, 1), ask(9, 1)];
    assert_eq!(snapshot(&mut book, &full), Applied::NewEpoch);
    assert_eq!(diff(&mut book, &[bid(4, 1)]), Applied::WentStale(StaleCause::TooManyLevels));
    check(&book, Side::Bid, &[(4, 1), (3, 1), (2, 1)]);
    assert_eq!(diff(&mut book, &[bid(5, 1)]), Applied::ChangedNotLive);
    let deep = [bid(1, 1), bid(2, 1), bid(3, 1), bid(4, 1)];
    let applied = snapshot(&mut book, &deep);
    assert_eq!(applied, Applied::WentStale(StaleCause::TooManyLevels));
    assert_eq!((book.state(), book.epoch()), (BookState::Stale, 1));
    assert_eq!(snapshot(&mut book, &deep[1..]), Applied::NewEpoch);
    assert_eq!((book.state(), book.epoch()), (BookState::Live, 2));
}

#[test]
fn depth_cuts_after_the_changes() {
    let mut book = book(100);
    snapshot(&mut book, &[bid(10, 1), bid(9, 1), bid(8, 1), ask(11, 1), ask(12, 1), ask(99, 1)]);
    let kept = book.apply(&update(BookKind::Diff, Some(3)), [bid(7, 1), bid(10, 0), ask(5, 1)]);
    assert_eq!(kept, Applied::Changed);
    check(&book, Side::Bid, &[(9, 1), (8, 1), (7, 1)]);
    check(&book, Side::Ask, &[(5, 1), (11, 1), (12, 1)]);
}

#[test]
fn locked_is_not_crossed() {
    let mut book = book(100);
    snapshot(&mut book, &[bid(10, 1), ask(11, 1)]);
    assert!(!book.is_locked());
    diff(&mut book, &[ask(10, 1)]);
    assert!(book.is_locked());
    assert!(!book.is_crossed());
    diff(&mut book, &[bid(12, 1)]);
    assert!(book.is_crossed());
    assert!(!book.is_locked());
    diff(&mut book, &[bid(12, 0), bid(10, 0)]);
    let counters = book.counters();
    assert_eq!((counters.applied_book_messages, counters.snapshots_applied), (4, 1));
    assert_eq!((counters.crossed_after_apply, counters.ignored_diffs), (1, 0));
}

fn scale(price_decimals: u8, qty_decimals: u8) -> Scale {
    Scale { price_decimals, qty_decimals }
}

#[test]
fn decimals_grow_and_never_shrink() {
    let mut book = book(100);
    assert_eq!(book.set_scale(scale(1, 3)), Rescaled::Grown);
    snapshot(&mut book, &[bid(639_439, 46_371), bid(-10, 2), ask(639_440, 95)]);
    assert_eq!(book.set_scale(scale(1, 3)), Rescaled::Unchanged);
    assert_eq!(book.set_scale(scale(3, 4)), Rescaled::Grown);
    check(&book, Side::Bid, &[(63_943_900, 463_710), (-1000, 20)]);
    check(&book, Side::Ask, &[(63_944_000, 950)]);
    let best = Level { price: Price::new(63_944_000), qty: Qty::new(950) };
    assert_eq!(book.best(Side::Ask), Some(best));
    assert_eq!(book.set_scale(scale(2, 5)), Rescaled::Refused);
    assert_eq!(book.set_scale(scale(19, 4)), Rescaled::Refused);
    assert_eq!((book.scale(), book.state(), book.epoch()), (scale(3, 4), BookState::Live, 1));
}

#[test]
fn decimals_that_do_not_fit_empty_the_book() {
    for (price, qty) in [(i64::MAX / 5, 1), (1, i64::MIN / 5)] {
        let mut book = book(100);
        book.set_tick(NonZeroU64::new(u64::MAX / 2));
        snapshot(&mut book, &[bid(price, qty), ask(7, 7)]);
        assert_eq!(book.set_scale(scale(1, 1)), Rescaled::Overflowed);
        assert_eq!(book.stale_cause(), Some(StaleCause::Overflow));
        check(&book, Side::Ask, &[]);
        assert_eq!(book.scale(), scale(1, 1));
        assert_eq!(snapshot(&mut book, &[bid(10, 1)]), Applied::NewEpoch);
        check(&book, Side::Bid, &[(10, 1)]);
    }
}

#[test]
fn debug_text_is_short() {
    let mut book = Book::new(BookLimits::default());
    snapshot(&mut book, &[bid(10, 1), ask(12, 1)]);
    let text = format!("{book:?} {:?}", book.levels(Side::Bid));
    assert!(text.contains("Live") && text.len() < 500, "{text}");
}

#[test]
#[should_panic(expected = "room for a level")]
fn a_book_without_room_is_a_mistake() {
    book(0);
}
