//! Nothing is allocated once a ring is made.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tickhawk_handoff::{Geometry, Pop, gated, lossy};

thread_local! {
    /// Allocations of this thread: the test harness has others.
    static ALLOCATION_COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Miri is some thousand times slower.
const STEP_COUNT: u64 = if cfg!(miri) { 200 } else { 10_000 };

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
fn pushing_and_popping_allocate_nothing() {
    let geometry = Geometry::new(8, 16).unwrap();
    let before_rings = ALLOCATION_COUNT.get();
    let (mut writer, mut reader) = lossy(geometry);
    let (mut gated_writer, mut gated_reader) = gated(geometry);
    let after_rings = ALLOCATION_COUNT.get();
    assert!(after_rings > before_rings, "the counter counts");

    let (mut item, mut outcomes) = ([0; 16], [0u64; 4]);
    for number in 0..STEP_COUNT {
        writer.push(&[number; 16][..(number % 17) as usize]);
        // Every third step, so that the reader is lapped now and then.
        if number % 3 == 0 {
            match reader.pop(&mut item) {
                Pop::Item { .. } => outcomes[0] += 1,
                Pop::Missed { .. } => outcomes[1] += 1,
                Pop::Empty | Pop::Closed => unreachable!("the ring is never empty here"),
            }
        }
        outcomes[2] += u64::from(!gated_writer.try_push(&[number]));
        if number % 2 == 0 {
            outcomes[3] += u64::from(matches!(gated_reader.pop(&mut item), Pop::Item { len: 1 }));
        }
    }
    assert_eq!(ALLOCATION_COUNT.get(), after_rings);
    assert!(outcomes.iter().all(|&count| count > 0), "{outcomes:?}");
}
