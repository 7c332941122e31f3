//! The far book against a `BTreeMap`, and its own invariant.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{CHUNK, Far, MERGE};

#[derive(Clone, Debug)]
enum Op {
    Set(i64, i64),
    Run { from: i64, step: i64, count: usize, qty: i64 },
    Extract(i64, i64, i64),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let key = prop_oneof![8 => -400..400i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let run = (-400..400i64, prop_oneof![Just(-1i64), Just(1), Just(3)], 1..300usize, 0..3i64);
    prop_oneof![
        30 => (key.clone(), 0..4i64).prop_map(|(key, qty)| Op::Set(key, qty)),
        3 => run.prop_map(|(from, step, count, qty)| Op::Run { from, step, count, qty }),
        2 => (key.clone(), key, 1..4i64).prop_map(|(a, b, n)| Op::Extract(a.min(b), a.max(b), n)),
        1 => Just(Op::Clear),
    ]
}

fn set(far: &mut Far, twin: &mut BTreeMap<i64, i64>, key: i64, qty: i64) {
    far.set(key, qty);
    if qty == 0 {
        twin.remove(&key);
    } else {
        twin.insert(key, qty);
    }
}

fn run(far: &mut Far, twin: &mut BTreeMap<i64, i64>, op: &Op) {
    match *op {
        Op::Set(key, qty) => set(far, twin, key, qty),
        Op::Run { from, step, count, qty } => {
            (0..count as i64).for_each(|i| set(far, twin, from + i * step, qty));
        }
        Op::Extract(low, high, modulus) => {
            let takes = |key: i64| key.rem_euclid(modulus) == 0;
            let mut taken = Vec::new();
            far.extract(low, high, |key, qty| {
                let takes = takes(key);
                taken.extend(takes.then_some((key, qty)));
                takes
            });
            let expected: Vec<_> =
                twin.range(low..=high).filter(|(k, _)| takes(**k)).map(|(k, q)| (*k, *q)).collect();
            assert_eq!(taken, expected);
            twin.retain(|&key, _| !(low..=high).contains(&key) || !takes(key));
        }
        Op::Clear => {
            far.clear();
            twin.clear();
        }
    }
}

fn check(far: &Far, twin: &BTreeMap<i64, i64>) {
    assert_eq!(far.count(), twin.len());
    assert_eq!(far.highest(), twin.last_key_value().map(|(&key, _)| key));
    assert_eq!(far.lowest(), twin.first_key_value().map(|(&key, _)| key));
    assert!(far.descending().eq(twin.iter().rev().map(|(&key, &qty)| (key, qty))));
    for key in [i64::MIN, -400, -1, 0, 7, 399, i64::MAX] {
        assert_eq!(far.get(key), twin.get(&key).copied());
    }
    let lens: Vec<_> = far.order.iter().map(|&id| far.chunks[id as usize].len).collect();
    assert!(lens.iter().all(|&len| len > 0 && len <= CHUNK), "{lens:?}");
    assert!(lens.windows(2).all(|pair| pair[0] + pair[1] > MERGE), "{lens:?}");
    assert_eq!(far.order.len() + far.free.len(), far.chunks.len());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(0x7469_636b),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn agrees_with_a_btree_map(ops in prop::collection::vec(op(), 1..80)) {
        let (mut far, mut twin) = (Far::new(2000), BTreeMap::new());
        let reserved = far.chunks.capacity();
        for op in &ops {
            run(&mut far, &mut twin, op);
            check(&far, &twin);
        }
        prop_assert_eq!(far.chunks.capacity(), reserved);
    }
}

#[test]
fn a_remembered_place_is_forgotten_when_its_chunk_goes() {
    let mut far = Far::new(1_000);
    for key in 0..2 * CHUNK as i64 {
        far.set(key, 1);
    }
    // Setting a key that is there remembers where; then its chunk is merged into the other.
    let first_above = CHUNK as i64;
    far.set(first_above, 2);
    for key in (10..2 * CHUNK as i64).filter(|&key| key != first_above) {
        far.set(key, 0);
    }
    assert_eq!(far.order.len(), 1);
    far.set(first_above, 3);
    assert_eq!(far.get(first_above), Some(3));
    assert_eq!(far.descending().next(), Some((first_above, 3)));
}

#[test]
fn the_worst_filling_fits_what_was_reserved() {
    // Full chunks, then all but the fewest levels that forbid merging taken out of each.
    let capacity = 10_000;
    let mut far = Far::new(capacity);
    for round in 0..40 {
        let mut key = round;
        while far.count() < capacity {
            far.set(key, 1);
            key += 41;
        }
        let keys: Vec<_> = far.descending().map(|(key, _)| key).collect();
        for (index, &key) in keys.iter().enumerate() {
            if index % CHUNK > MERGE / 2 {
                far.set(key, 0);
            }
        }
    }
    let lens: Vec<_> = far.order.iter().map(|&id| far.chunks[id as usize].len).collect();
    assert!(lens.windows(2).all(|pair| pair[0] + pair[1] > MERGE));
    assert!(far.chunks.len() <= 2 * (capacity / (MERGE + 1)) + 3);
}
