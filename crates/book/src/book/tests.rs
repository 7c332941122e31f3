//! Which grid a book counts in: that no reader can see, only the clock.

use core::num::NonZeroU64;

use std::vec::Vec;

use tickhawk_market::{BookKind, BookUpdate, Change, InstrumentId, Price, Qty, Scale, Side};

use super::{Book, BookLimits, MISFITS_MAX};

fn apply(book: &mut Book, kind: BookKind, prices: impl Iterator<Item = i64>) {
    let change = |price| Change { side: Side::Ask, price: Price::new(price), qty: Qty::new(1) };
    let changes: Vec<_> = prices.map(change).collect();
    let instrument = InstrumentId(0);
    let (exchange_at, sequence, checksum, depth) = (None, None, None, None);
    let update =
        BookUpdate { instrument, kind, changes: 0..0, exchange_at, sequence, checksum, depth };
    book.apply(&update, &changes);
}

fn book() -> Book {
    Book::new(BookLimits { levels_per_side: 10_000 })
}

#[track_caller]
fn check(book: &Book, stride: u64) {
    assert_eq!(book.sides.each_ref().map(|side| side.grid().stride()), [stride, stride]);
}

#[test]
fn a_snapshot_says_its_tick() {
    let mut book = book();
    apply(&mut book, BookKind::Snapshot, (0..20).map(|n| 50_000 - 50 * n));
    check(&book, 50);
    apply(&mut book, BookKind::Snapshot, [7, -49, 0].into_iter());
    check(&book, 7);
    apply(&mut book, BookKind::Snapshot, [0].into_iter());
    check(&book, 1);
}

#[test]
fn a_named_tick_is_taken_and_scaled_and_outlives_snapshots() {
    let mut book = book();
    apply(&mut book, BookKind::Snapshot, [300, 600].into_iter());
    book.set_tick(NonZeroU64::new(10));
    check(&book, 10);
    book.set_scale(Scale { price_decimals: 2, qty_decimals: 0 });
    check(&book, 1_000);
    apply(&mut book, BookKind::Snapshot, [5_000, 10_000].into_iter());
    check(&book, 1_000);
    book.set_tick(None);
    check(&book, 1_000);
    apply(&mut book, BookKind::Snapshot, [5_000, 10_000].into_iter());
    check(&book, 5_000);
}

#[test]
fn a_tick_that_many_contradict_gives_way() {
    let mut book = book();
    apply(&mut book, BookKind::Snapshot, [600_000, 601_000].into_iter());
    check(&book, 1_000);
    for round in 0..i64::from(MISFITS_MAX) / 64 {
        apply(&mut book, BookKind::Diff, (0..64).map(|n| 600_010 + 1_000 * round + 20 * n % 60));
    }
    check(&book, 10);
}

#[test]
fn a_tick_that_few_contradict_stands() {
    let mut book = book();
    book.set_tick(NonZeroU64::new(10));
    apply(&mut book, BookKind::Snapshot, [600_000].into_iter());
    for round in 0..4 * i64::from(MISFITS_MAX) {
        let stray = core::iter::once(600_003 + round % 9 * 10);
        apply(&mut book, BookKind::Diff, stray.chain((0..15).map(|n| 600_000 + 10 * n)));
    }
    check(&book, 10);
}
