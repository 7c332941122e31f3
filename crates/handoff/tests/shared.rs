//! Rings in shared memory, seen through two mappings: the same as on the heap, and unharmed by
//! whatever the other side writes.
#![cfg(not(miri))]

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tickhawk_handoff::{
    GatedWriter, Geometry, HeapRegion, Pop, Reader, Segment, SharedRegion, Start, Storage, Writer,
};

/// Two mappings of one unlinked segment, at different addresses.
fn two_mappings(len_words: usize) -> (SharedRegion, SharedRegion) {
    let segment = Segment::create(len_words).unwrap();
    let other = SharedRegion::open(segment.name(), len_words).unwrap();
    (segment.unlink(), other)
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<u64>),
    Pop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        prop::collection::vec(any::<u64>(), 0..=5).prop_map(Step::Push),
        Just(Step::Pop),
    ];
    prop::collection::vec(step, 0..100)
}

fn config() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(20_140_102);
    ProptestConfig { cases: 200, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// What a step brought: a push taken or not, or a pop and the buffer after it.
type Seen = (Option<bool>, Option<Pop>, [u64; 5]);

fn trace<S: Storage>(steps: &[Step], gated: bool, near: S, far: S) -> Vec<Seen> {
    let geometry = Geometry::new(4, 5).unwrap();
    let (mut lossy, mut held) = (None, None);
    if gated {
        held = Some(GatedWriter::create_unread(near, geometry).unwrap());
    } else {
        lossy = Some(Writer::create(near, geometry).unwrap());
    }
    let mut reader = Reader::attach(far, Start::Oldest).unwrap();
    let mut item = [0; 5];
    let mut seen = Vec::new();
    for step in steps {
        match (step, &mut lossy, &mut held) {
            (Step::Pop, ..) => {
                let popped = reader.pop(&mut item);
                seen.push((None, Some(popped), item));
            }
            (Step::Push(payload), Some(writer), _) => writer.push(payload),
            (Step::Push(payload), None, Some(writer)) => {
                seen.push((Some(writer.try_push(payload)), None, item));
            }
            (Step::Push(_), None, None) => unreachable!("one of them was made"),
        }
    }
    drop((lossy, held));
    for _ in 0..=geometry.slot_count() + 1 {
        let popped = reader.pop(&mut item);
        seen.push((None, Some(popped), item));
    }
    seen
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn shared_memory_agrees_with_the_heap(steps in steps(), gated: bool) {
        let geometry = Geometry::new(4, 5).unwrap();
        let heap = HeapRegion::new(geometry.region_words());
        let (near, far) = two_mappings(geometry.region_words());
        prop_assert_eq!(
            trace(&steps, gated, near, far),
            trace(&steps, gated, heap.clone(), heap)
        );
    }

    /// Words anywhere in the region are overwritten between the steps: every step ends, and neither
    /// end panics.
    #[test]
    fn a_peer_that_writes_anything_harms_no_one(
        writes in prop::collection::vec((any::<prop::sample::Index>(), word()), 1..200),
        gated: bool,
    ) {
        let geometry = Geometry::new(4, 5).unwrap();
        let region = HeapRegion::new(geometry.region_words());
        let scribble = |index: &prop::sample::Index, value| {
            // Half of them where it hurts most: the header's words and the slots' first two.
            let index = index.index(2 * geometry.region_words());
            let index = match index.checked_sub(geometry.region_words()) {
                None => index,
                Some(index) => (index / 16 * 16 + index % 2) % geometry.region_words(),
            };
            region.store(index, value, Ordering::Relaxed);
        };
        let mut item = [0; 5];
        let mut lossy = Writer::create(region.clone(), geometry).unwrap();
        let mut reader = lossy.reader();
        let mut held = None;
        if gated {
            let (writer, reader_of_gated) = GatedWriter::create(region.clone(), geometry).unwrap();
            (held, reader) = (Some(writer), reader_of_gated);
        }
        for (index, value) in &writes {
            match &mut held {
                Some(writer) => drop(writer.try_push(&[1, 2, 3])),
                None => lossy.push(&[1, 2, 3]),
            }
            scribble(index, *value);
            for _ in 0..3 {
                if let Pop::Item { len } = reader.pop(&mut item) {
                    prop_assert!(len <= 5);
                }
            }
            if let Ok(mut other) = Reader::attach(region.clone(), Start::Oldest) {
                let mut long = vec![0; other.geometry().payload_words()];
                let _ = other.pop(&mut long);
                let _ = other.pop(&mut long);
            }
        }
    }
}

/// Numbers that break sums, and any others.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0u64..20,
        (0u64..20).prop_map(|below| u64::MAX - below),
        (0u64..20).prop_map(|below| (1 << 63) - below),
    ]
}
