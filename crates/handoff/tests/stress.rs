//! Real threads on real memory: a bounded number of items, each with a checksum.
//!
//! Under Miri, set `MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-disable-stacked-borrows"`: the crate
//! has no unsafe code, and the aliasing check would walk the whole region at every word.

use std::hint::spin_loop;
use std::thread;

use tickhawk_handoff::{Geometry, HeapRegion, Pop, Reader, gated, lossy};

const ITEM_COUNT: u64 = if cfg!(miri) { 100 } else { 1_000_000 };
const PAYLOAD_WORDS: usize = 24;

/// Item `number`: its number, words that depend on it, and their sum; 2 to 24 words long.
fn fill(number: u64, item: &mut [u64; PAYLOAD_WORDS]) -> usize {
    let len = 2 + (number % (PAYLOAD_WORDS as u64 - 1)) as usize;
    item[0] = number;
    for (offset, word) in item[1..len - 1].iter_mut().enumerate() {
        *word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(offset as u32);
    }
    item[len - 1] = item[..len - 1].iter().fold(len as u64, |sum, word| sum.wrapping_add(*word));
    len
}

/// Spins, and gives the core away now and then: the two threads may share one.
fn wait(turn: u64) {
    if turn.is_multiple_of(64) { thread::yield_now() } else { spin_loop() }
}

/// Reads to the end, checking every item; returns how many came and how many were missed.
fn drain(mut reader: Reader<HeapRegion>) -> (u64, u64) {
    let (mut item, mut expected) = ([0; PAYLOAD_WORDS], [0; PAYLOAD_WORDS]);
    let (mut received_count, mut empty_count) = (0, 0u64);
    loop {
        let number = reader.position();
        match reader.pop(&mut item) {
            Pop::Item { len } => {
                assert_eq!(len, fill(number, &mut expected), "item {number}");
                assert_eq!(item[..len], expected[..len], "item {number}");
                received_count += 1;
            }
            Pop::Missed { count } => assert_eq!(reader.position(), number + count),
            Pop::Empty => {
                empty_count += 1;
                wait(empty_count);
            }
            Pop::Closed => return (received_count, reader.missed_count()),
        }
    }
}

fn lossy_stress(slot_count: usize, reader_count: usize) {
    let (mut writer, reader) = lossy(Geometry::new(slot_count, PAYLOAD_WORDS).unwrap());
    let mut readers = vec![reader];
    readers.resize_with(reader_count, || writer.reader());
    thread::scope(|scope| {
        let reading: Vec<_> =
            readers.into_iter().map(|reader| scope.spawn(move || drain(reader))).collect();
        let mut item = [0; PAYLOAD_WORDS];
        for number in 0..ITEM_COUNT {
            let len = fill(number, &mut item);
            writer.push(&item[..len]);
        }
        writer.close();
        for handle in reading {
            let (received_count, missed_count) = handle.join().unwrap();
            assert_eq!(received_count + missed_count, ITEM_COUNT);
            // What was in the ring at the end is always received.
            assert!(received_count >= slot_count as u64);
        }
    });
}

#[test]
fn lossy_with_few_slots_is_lapped_and_never_torn() {
    lossy_stress(2, 1);
}

#[test]
fn lossy_broadcast_to_three_readers() {
    lossy_stress(64, 3);
}

#[test]
fn gated_hands_over_everything_in_order() {
    for slot_count in [2, 256] {
        let (mut writer, reader) = gated(Geometry::new(slot_count, PAYLOAD_WORDS).unwrap());
        thread::scope(|scope| {
            let reading = scope.spawn(move || drain(reader));
            let mut item = [0; PAYLOAD_WORDS];
            for number in 0..ITEM_COUNT {
                let len = fill(number, &mut item);
                let mut refusals = 0u64;
                while !writer.try_push(&item[..len]) {
                    assert!(!writer.is_reader_gone(), "the reader stopped at a failed check");
                    refusals += 1;
                    wait(refusals);
                }
            }
            writer.close();
            assert_eq!(reading.join().unwrap(), (ITEM_COUNT, 0));
        });
    }
}
