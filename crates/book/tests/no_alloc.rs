//! After `new`, applying messages allocates nothing, whatever they do to the book.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroU64;

use tickhawk_book::{Applied, Book, BookLimits};
use tickhawk_market::{
    BookKind, BookUpdate, Change, InstrumentId, Level, Price, Qty, Side, StaleCause,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every method hands its arguments to `System` unchanged; counting touches a thread-local
// `Cell` that needs neither allocation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's obligations are `System`'s own.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's obligations are `System`'s own.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are `System`'s own.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// A xorshift generator: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A market that walks, with levels near the touch, far from it and between ticks.
struct Walk {
    random: Random,
    mid: i64,
}

impl Walk {
    fn change(&mut self) -> Change {
        let side = if self.random.below(2) == 0 { Side::Bid } else { Side::Ask };
        let distance = 10
            * match self.random.below(20) {
                0 => self.random.below(2_000_000) as i64,
                1..=4 => self.random.below(60_000) as i64,
                _ => self.random.below(300) as i64,
            };
        let between_ticks = i64::from(self.random.below(50) == 0);
        let distance = distance + between_ticks;
        let price = if side == Side::Bid { self.mid - distance } else { self.mid + 10 + distance };
        let qty = self.random.below(3) as i64;
        Change { side, price: Price::new(price), qty: Qty::new(qty) }
    }

    fn fill(&mut self, changes: &mut [Change]) {
        changes.fill_with(|| self.change());
    }
}

fn update(kind: BookKind, depth: Option<u32>) -> BookUpdate {
    let instrument = InstrumentId(0);
    let (exchange_at, sequence, checksum) = (None, None, None);
    BookUpdate { instrument, kind, changes: 0..0, exchange_at, sequence, checksum, depth }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations_in(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
}

/// Removes, among the best `top` levels of a side, those the market has walked through.
fn trade_through(walk: &Walk, side: Side, top: &[Level], changes: &mut [Change]) {
    for (change, level) in changes.iter_mut().zip(top) {
        let gone = match side {
            Side::Bid => level.price.units() > walk.mid,
            Side::Ask => level.price.units() < walk.mid + 10,
        };
        if gone {
            *change = Change { side, price: level.price, qty: Qty::ZERO };
        }
    }
}

#[test]
fn a_million_diffs_allocate_nothing() {
    let mut walk = Walk { random: Random(0x5eed), mid: 6_400_000 };
    let mut book = Book::new(BookLimits { levels_per_side: 40_000 });
    let mut changes = vec![walk.change(); 30];
    let mut snapshot = vec![walk.change(); 2_000];
    let mut top = [Level::default(); 12];
    book.set_tick(NonZeroU64::new(10));
    walk.fill(&mut snapshot);
    assert_eq!(book.apply(&update(BookKind::Snapshot, None), &snapshot), Applied::NewEpoch);

    let (mut highest, mut lowest) = (walk.mid, walk.mid);
    let allocated = allocations_in(|| {
        for step in 0..1_000_000 {
            // Up for a while, down for a while: far enough to move the window many sectors.
            let drift = if step / 100_000 % 2 == 0 { 9 } else { 10 };
            walk.mid += 10 * (walk.random.below(20) as i64 - drift);
            walk.fill(&mut changes);
            for (side, range) in [(Side::Bid, 6..18), (Side::Ask, 18..30)] {
                let count = book.top(side, &mut top);
                trade_through(&walk, side, &top[..count], &mut changes[range]);
            }
            // Now and then the book is thinned, so that it does not grow without end.
            let depth = (step % 2_000 == 0).then_some(3_000);
            assert_eq!(book.apply(&update(BookKind::Diff, depth), &changes), Applied::Changed);
            if let (Some(bid), Some(ask)) = (book.best(Side::Bid), book.best(Side::Ask)) {
                (highest, lowest) = (highest.max(bid.price.units()), lowest.min(ask.price.units()));
            }
        }
    });
    assert_eq!(allocated, 0);
    let ticks_walked = (highest - lowest) / 10;
    assert!(ticks_walked > 40_000, "the touch moved the window: {lowest} to {highest}");
}

#[test]
fn the_costly_turns_allocate_nothing_either() {
    let mut walk = Walk { random: Random(0xbeef), mid: 50_000 };
    let mut book = Book::new(BookLimits { levels_per_side: 20_000 });
    let mut changes = vec![walk.change(); 5_000];
    let allocated = allocations_in(|| {
        for round in 0..40 {
            // A new market far away each round; snapshots find their own grid, then lose it.
            walk.mid += 7_000_000 * (round % 5 - 2);
            walk.fill(&mut changes);
            book.set_tick(if round % 3 == 0 { NonZeroU64::new(10) } else { None });
            let applied = book.apply(&update(BookKind::Snapshot, None), &changes);
            assert_eq!(applied, Applied::NewEpoch);
            for step in 0..100 {
                walk.mid += 100_000 * (step % 7 - 3);
                walk.fill(&mut changes[..500]);
                changes[..500].iter_mut().for_each(|change| {
                    change.price = Price::new(change.price.units() + round % 4);
                });
                book.apply(&update(BookKind::Diff, None), &changes[..500]);
            }
        }
    });
    assert_eq!(allocated, 0);
    let levels = book.level_count(Side::Bid) + book.level_count(Side::Ask);
    assert!(levels > 1_000, "{levels} levels");
}

#[test]
fn overflowing_the_limit_allocates_nothing() {
    let mut walk = Walk { random: Random(0xcafe), mid: 50_000_000 };
    let mut book = Book::new(BookLimits { levels_per_side: 1_000 });
    let mut changes = vec![walk.change(); 100];
    walk.fill(&mut changes);
    book.apply(&update(BookKind::Snapshot, None), &changes);
    let allocated = allocations_in(|| {
        for _ in 0..20_000 {
            walk.fill(&mut changes);
            book.apply(&update(BookKind::Diff, None), &changes);
        }
    });
    assert_eq!(allocated, 0);
    assert_eq!(book.stale_cause(), Some(StaleCause::TooManyLevels));
    assert!(book.level_count(Side::Bid) <= 1_000);
}
