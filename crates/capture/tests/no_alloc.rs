//! Reading allocates only while its buffers grow, and they grow with the longest line only. Handing
//! an outcome to its recorder never does.
//!
//! Counted are Rust's allocations; zstd's own window, in C, is not visible here.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use support::{Folder, gz, zst};
use tickhawk_capture::{OutcomeRecorder, RecordKind, Session};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

impl Counting {
    fn count() {
        // The cell is gone while a thread ends; what it allocates then is not under test.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: every call is handed on to `System` with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` by `alloc` or `realloc`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::count();
        // SAFETY: `pointer` came from `System` by `alloc` or `realloc`, with this layout.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LINES: u64 = 200_000;
const LONGEST_LINE: usize = 200;

/// Reads all of a session; after a warm-up nothing may be allocated.
fn check(session: &mut Session, expected: u64) {
    assert!(ALLOCATIONS.get() > 0, "opening the session was not counted");
    let mut allocated = 0;
    for index in 0..expected {
        let before = ALLOCATIONS.get();
        let record = session.next_record().unwrap().unwrap();
        let RecordKind::Frame(frame) = record.kind else { panic!("not a frame") };
        assert!(frame.starts_with(b"{\"n\":"));
        if index >= 100 {
            allocated += ALLOCATIONS.get() - before;
        }
    }
    assert!(session.next_record().unwrap().is_none());
    assert_eq!(allocated, 0);
    assert!(session.buffer_bytes() <= 8 * LONGEST_LINE, "{}", session.buffer_bytes());
}

#[test]
fn reading_does_not_allocate() {
    let mut timed = String::new();
    let mut json = String::new();
    let mut text = String::new();
    let mut bare = String::new();
    for n in 0..LINES {
        let (second, nano) = (1_893_456_000 + n / 1000, n % 1000);
        writeln!(timed, "{second}000000{nano:03} {{\"n\":{n:06},\"e\":\"\\n\"}}").unwrap();
        writeln!(
            json,
            r#"{{"t":"recv","conn":"V.ws.{}","ts":{second}.{nano:03},"data":"{{\"n\":{n:06}}}"}}"#,
            n % 3
        )
        .unwrap();
        writeln!(text, "{second}.{nano:03}: b'{{\"n\":{n:06},\"e\":\"\\x00\"}}'").unwrap();
        writeln!(bare, "{{\"n\":{n:06},\"ts\":{second}{nano:03}}}").unwrap();
    }
    let folder = Folder::new();
    for (name, lines) in [("a", timed), ("a.jsonl", json), ("V.ws.1.0", text), ("b", bare)] {
        let plain = folder.file(name, &lines);
        check(&mut Session::open(&[plain]).unwrap(), LINES);
        let packed = folder.file(&format!("{name}.zst"), zst(&lines));
        check(&mut Session::open(&[packed]).unwrap(), LINES);
        let packed = folder.file(&format!("{name}.gz"), gz(&lines));
        check(&mut Session::open(&[packed]).unwrap(), LINES);
    }
}

#[test]
fn recording_an_outcome_does_not_allocate() {
    const OUTCOMES: u64 = 10_000;
    let folder = Folder::new();
    let (mut recorder, thread) =
        OutcomeRecorder::start(folder.path(), "run", "{}", OUTCOMES as usize).unwrap();
    let before = ALLOCATIONS.get();
    for number in 0..OUTCOMES {
        recorder.record(&[number; 100]);
    }
    assert!(recorder.alarm().is_none());
    assert_eq!(ALLOCATIONS.get() - before, 0);
    drop(recorder);
    assert_eq!(thread.finish().records, OUTCOMES);
}
