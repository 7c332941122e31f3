//! After `new`, a million events allocate nothing.

mod common;

use common::{EVERYTHING, Happening, Market, options};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tickhawk_feature::{FeaturePlan, FeatureState, default_features};
use tickhawk_market::UnixNanos;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system allocator unchanged; counting touches a thread-local
// without a destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps realloc's contract.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn a_million_events_allocate_nothing() {
    let mut names: Vec<&str> = EVERYTHING.to_vec();
    names.extend(default_features().iter().filter(|name| !EVERYTHING.contains(name)));
    let plan = FeaturePlan::compile(&names, options(1024)).unwrap();
    let mut market = Market::new(9);
    let happenings: Vec<(u64, Happening)> = (0..20_000).map(|_| (0, market.next(2_000))).collect();
    let mut state = FeatureState::new(&plan, common::SCALE, Some(5));
    let (mut values, mut valid) = (vec![0.0f32; plan.count()], [0; 2]);

    let before = allocations();
    let mut at = common::START;
    for step in 0..1_000_000usize {
        at += (step as u64 * 7_919) % 30_000_000;
        match &happenings[step % happenings.len()].1 {
            Happening::Book(bids, asks) => state.on_book(UnixNanos::new(at), bids, asks),
            Happening::Trade(trade) => state.on_trade(UnixNanos::new(at), trade),
            Happening::Restart => state.restart(),
            Happening::RestartTrades => state.restart_trades(),
            Happening::Finer { .. } => _ = state.set_scale(state.scale()),
            Happening::TickTimes(_) => state.set_tick(Some(5 + at as i64 % 2)),
        }
        state.fill(UnixNanos::new(at), &mut values, &mut valid);
        assert!(values.iter().all(|value| value.is_finite()));
    }
    assert_eq!(allocations() - before, 0);
    let counted = names.clone();
    assert_eq!(allocations() - before, 1, "the counter counts: {}", counted.len());
}
