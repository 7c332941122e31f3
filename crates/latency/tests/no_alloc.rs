//! Reading the clock and recording allocate nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tickhawk_latency::{Clock, Stage, StageHistograms, Stamps};
use tickhawk_market::Nanos;

thread_local! {
    /// Allocations of this thread: the test harness has others.
    static ALLOCATION_COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting touches no heap, since the
// thread-local is constant-initialised and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATION_COUNT.set(ALLOCATION_COUNT.get() + 1);
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn recording_allocates_nothing() {
    let clock = Clock::new();
    let before_histograms = ALLOCATION_COUNT.get();
    let mut histograms = StageHistograms::new();
    let after_histograms = ALLOCATION_COUNT.get();
    assert!(after_histograms > before_histograms, "the counter counts");

    // Every power of two, both signs: every bucket size, and both ends out of range.
    for magnitude in 0..63 {
        histograms.record(Stage::Hop, Nanos::new(1 << magnitude));
        histograms.record(Stage::Hop, Nanos::new(-(1 << magnitude)));
    }
    for _ in 0..10_000 {
        let mut stamps = Stamps { received_mono: clock.now(), ..Stamps::default() };
        stamps.emitted_mono = clock.now();
        histograms.record_stamps(&stamps);
    }
    assert_eq!(ALLOCATION_COUNT.get(), after_histograms);
    assert_eq!(histograms.stage(Stage::Hop).sample_count(), 10_126);
}
