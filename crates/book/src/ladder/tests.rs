//! Where the window is: that no reader can see, only the clock.

use core::num::NonZeroU64;

use tickhawk_market::{Change, Price, Qty, Side};

use super::{EASY_SECTORS, Ladder, STRAYS_MAX};
use crate::grid::Grid;
use crate::window::{SECTOR_SLOTS, SLOTS};

const TICK: i64 = 10;

fn ladder(side: Side, best: i64) -> Ladder {
    let mut ladder = Ladder::new(side, 1_000);
    ladder.restart(Grid::new(NonZeroU64::new(TICK as u64).unwrap()), Price::new(best));
    ladder
}

/// Each level is where the ladder's invariant says; how many of them are in the window.
#[track_caller]
fn check(ladder: &Ladder) -> usize {
    for (key, _) in ladder.far.descending() {
        assert!(ladder.steps_to(key) >= SLOTS as u64, "{key} belongs into the window");
    }
    assert_eq!(ladder.levels().count(), ladder.count());
    ladder.window.count()
}

fn set(ladder: &mut Ladder, price: i64, qty: i64) {
    let side = if ladder.flip == 0 { Side::Bid } else { Side::Ask };
    let change = Change { side, price: Price::new(price), qty: Qty::new(qty) };
    ladder.set(change, &mut core::iter::empty());
    ladder.settle();
}

fn best_sector(ladder: &Ladder) -> i128 {
    let (position, _) = ladder.window.descending().next().unwrap();
    (position / SECTOR_SLOTS) as i128
}

#[test]
fn the_window_follows_the_best_price_both_ways() {
    for (side, away) in [(Side::Bid, -TICK), (Side::Ask, TICK)] {
        let mut ladder = ladder(side, 1_000_000);
        let mut best = 1_000_000;
        for message in 0..2_000 {
            let direction = if message < 1_000 { 1 } else { -1 };
            set(&mut ladder, best, 0);
            best += 200 * TICK * direction;
            set(&mut ladder, best, 1);
            set(&mut ladder, best + away * 40_000, 1);
            ladder.truncate(500);
            ladder.settle();
            check(&ladder);
            assert!(EASY_SECTORS.contains(&best_sector(&ladder)), "{side:?} {message}");
        }
    }
}

#[test]
fn levels_leave_and_enter_the_window_as_it_moves() {
    let mut ladder = ladder(Side::Bid, 0);
    let deep = -52 * SECTOR_SLOTS as i64 * TICK;
    set(&mut ladder, 0, 1);
    for tick in 0..100 {
        set(&mut ladder, deep + tick * TICK, 1);
        set(&mut ladder, deep + tick * TICK + 3, 1);
    }
    assert_eq!(check(&ladder), 101, "between ticks is far");
    let top = 10 * SECTOR_SLOTS as i64 * TICK;
    for _ in 0..20 {
        set(&mut ladder, top, 1);
    }
    assert_eq!(check(&ladder), 2, "the deep levels are out of reach");
    set(&mut ladder, top, 0);
    for _ in 0..20 {
        set(&mut ladder, 0, 1);
    }
    assert_eq!(check(&ladder), 101, "and in reach again");
}

#[test]
fn a_wild_order_does_not_carry_the_window_off_but_a_new_market_does() {
    let mut ladder = ladder(Side::Ask, 5_000_000);
    for tick in 0..200 {
        set(&mut ladder, 5_000_000 + tick * TICK, 1);
    }
    set(&mut ladder, 40, 7);
    for _ in 0..STRAYS_MAX - 2 {
        set(&mut ladder, 5_000_000, 1);
    }
    assert_eq!(check(&ladder), 200);
    set(&mut ladder, 5_000_000, 1);
    assert_eq!(check(&ladder), 1);
    assert_eq!(ladder.get(Price::new(5_000_000)), Some(Qty::new(1)));
}

#[test]
fn a_flickering_wild_order_never_carries_the_window_off() {
    let mut ladder = ladder(Side::Bid, 5_000_000);
    for tick in 0..200 {
        set(&mut ladder, 5_000_000 - tick * TICK, 1);
    }
    for message in 0..4 * i64::from(STRAYS_MAX) {
        set(&mut ladder, 9_000_000_000, message % 50);
    }
    assert_eq!(check(&ladder), 200);
}

#[test]
fn an_empty_window_waits_for_nothing() {
    let mut ladder = ladder(Side::Bid, 0);
    set(&mut ladder, 77_000_000_000, 1);
    assert_eq!(check(&ladder), 1);
}

#[test]
fn the_window_stops_at_the_ends_of_the_integers() {
    for end in [i64::MIN, i64::MAX] {
        for side in [Side::Bid, Side::Ask] {
            let best = end / TICK * TICK;
            let mut ladder = ladder(side, best);
            for message in 0..200 {
                set(&mut ladder, best - best.signum() * message * TICK, 1);
            }
            // The last step before the end may be out of reach, the others are not.
            assert!(check(&ladder) >= 199, "{side:?} at {end}");
            assert_eq!(ladder.count(), 200);
        }
    }
}
