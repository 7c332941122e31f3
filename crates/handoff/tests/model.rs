//! The ring under loom: every interleaving within the preemption bound, and every value a relaxed
//! load may see. Two slots of two words, the smallest ring with every behaviour.
//!
//! The ring is generic in its storage, so this needs no special build: the words are loom's.
//!
//! Weakening any ordering of the stamps, the fences or the magic fails here. The gated cursor's pair
//! cannot fail here: it forbids a load to be overtaken by a later store, which loom never tries.
#![cfg(not(miri))]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::model::Builder;
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;
use tickhawk_handoff::{GatedWriter, Geometry, Pop, Reader, RingError, Start, Storage, Writer};

/// The words that mean something; the layout never touches the padding but to zero it.
const HEADER_INDICES: [usize; 9] = [0, 1, 2, 3, 4, 16, 32, 33, 48];
const SLOT_INDICES: [usize; 8] = [64, 65, 66, 67, 80, 81, 82, 83];

#[derive(Clone)]
struct LoomRegion {
    words: Arc<BTreeMap<usize, AtomicU64>>,
    len_words: usize,
    /// Off in the test that shows this model notices their absence.
    fences_work: bool,
}

impl LoomRegion {
    fn new(geometry: Geometry) -> Self {
        let indices = HEADER_INDICES.into_iter().chain(SLOT_INDICES);
        let words = indices.map(|index| (index, AtomicU64::new(0))).collect();
        Self { words: Arc::new(words), len_words: geometry.region_words(), fences_work: true }
    }
}

impl Storage for LoomRegion {
    fn len_words(&self) -> usize {
        self.len_words
    }

    fn load(&self, index: usize, order: Ordering) -> u64 {
        self.words[&index].load(order)
    }

    fn store(&self, index: usize, value: u64, order: Ordering) {
        match self.words.get(&index) {
            Some(word) => word.store(value, order),
            None => assert_eq!(value, 0, "word {index} is padding"),
        }
    }

    fn fence(&self, order: Ordering) {
        if self.fences_work {
            fence(order);
        }
    }
}

fn geometry() -> Geometry {
    Geometry::new(2, 2).unwrap()
}

/// Item `number`: even numbers have two words, odd ones one.
fn payload(number: u64) -> [u64; 2] {
    [100 + number, 200 + number]
}

fn payload_len(number: u64) -> usize {
    2 - (number % 2) as usize
}

fn check_within(preemption_bound: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemption_bound);
    builder.check(model);
}

/// Pops once; checks that what comes is whole and in its place, and says whether to go on.
#[track_caller]
fn pop_checked(reader: &mut Reader<LoomRegion>) -> Pop {
    let (number, missed_count) = (reader.position(), reader.missed_count());
    let mut item = [0; 2];
    let popped = reader.pop(&mut item);
    match popped {
        Pop::Item { len } => {
            assert_eq!(len, payload_len(number), "torn length of item {number}");
            assert_eq!(item[..len], payload(number)[..len], "torn payload of item {number}");
            assert_eq!(reader.position(), number + 1);
        }
        Pop::Missed { count } => {
            assert!(count > 0);
            assert_eq!(reader.position(), number + count);
            assert_eq!(reader.missed_count(), missed_count + count);
        }
        Pop::Empty | Pop::Closed => assert_eq!(reader.position(), number),
    }
    popped
}

/// A writer pushes `pushed_count` items and closes while a reader pops `racing_pops` times; then
/// the reader, alone, must account for every item.
fn lossy_model(fences_work: bool, pushed_count: u64, racing_pops: usize) {
    let mut region = LoomRegion::new(geometry());
    region.fences_work = fences_work;
    let mut writer = Writer::create(region, geometry()).unwrap();
    let mut reader = writer.reader();
    let writing = thread::spawn(move || {
        for number in 0..pushed_count {
            writer.push(&payload(number)[..payload_len(number)]);
        }
    });
    let mut received_count = 0;
    for _ in 0..racing_pops {
        received_count += u64::from(matches!(pop_checked(&mut reader), Pop::Item { .. }));
    }
    writing.join().unwrap();

    // Nothing moves now: whatever was lapped resumes exactly at the oldest slot, in one step.
    let oldest = pushed_count - 2;
    if reader.position() < oldest {
        let count = oldest - reader.position();
        assert_eq!(pop_checked(&mut reader), Pop::Missed { count });
    }
    while let Pop::Item { .. } = pop_checked(&mut reader) {
        received_count += 1;
    }
    assert_eq!(pop_checked(&mut reader), Pop::Closed);
    assert_eq!(reader.missed_count() + received_count, pushed_count);
}

#[test]
fn a_reader_is_never_handed_a_torn_item_and_every_loss_is_told() {
    check_within(3, || lossy_model(true, 3, 2));
}

#[test]
fn a_writer_a_lap_and_a_half_ahead() {
    check_within(2, || lossy_model(true, 5, 2));
}

#[test]
#[should_panic(expected = "torn")]
fn the_model_notices_when_the_fences_are_missing() {
    check_within(3, || lossy_model(false, 3, 2));
}

#[test]
fn a_gated_ring_loses_nothing() {
    check_within(3, || {
        let (mut writer, mut reader) =
            GatedWriter::create(LoomRegion::new(geometry()), geometry()).unwrap();
        let writing = thread::spawn(move || {
            for number in 0..4 {
                while !writer.try_push(&payload(number)[..payload_len(number)]) {
                    thread::yield_now();
                }
            }
        });
        loop {
            match pop_checked(&mut reader) {
                Pop::Item { .. } => {}
                Pop::Empty => thread::yield_now(),
                Pop::Closed => break,
                Pop::Missed { count } => panic!("a gated ring lost {count}"),
            }
        }
        assert_eq!(reader.position(), 4);
        writing.join().unwrap();
    });
}

#[test]
fn readers_that_attach_meanwhile_see_a_whole_header_and_whole_items() {
    check_within(3, || {
        let region = LoomRegion::new(geometry());
        let writer_region = region.clone();
        let writing = thread::spawn(move || {
            let mut writer = Writer::create(writer_region, geometry()).unwrap();
            for number in 0..2 {
                writer.push(&payload(number)[..payload_len(number)]);
            }
        });
        match Reader::attach(region.clone(), Start::Oldest) {
            Ok(mut reader) => {
                assert_eq!(reader.geometry(), geometry());
                let _ = pop_checked(&mut reader);
            }
            Err(error) => assert_eq!(error, RingError::NotARing { found: 0 }),
        }
        writing.join().unwrap();
        let mut reader = Reader::attach(region, Start::Oldest).unwrap();
        assert_eq!(pop_checked(&mut reader), Pop::Item { len: 2 });
        assert_eq!(pop_checked(&mut reader), Pop::Item { len: 1 });
        assert_eq!(pop_checked(&mut reader), Pop::Closed);
    });
}
