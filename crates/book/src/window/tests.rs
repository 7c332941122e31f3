//! The window against a `BTreeMap`, wherever its ring begins.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{SECTOR_SLOTS, SECTORS, SLOTS, Window};

#[derive(Clone, Debug)]
enum Op {
    Set(usize, i64),
    Drain(usize),
    Up,
    Down,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let anywhere = 0..SLOTS;
    let crowded = 60 * SECTOR_SLOTS - 40..60 * SECTOR_SLOTS + 40;
    let edges = prop_oneof![0..3usize, SLOTS - 3..SLOTS];
    let position = prop_oneof![3 => anywhere, 6 => crowded, 1 => edges];
    prop_oneof![
        60 => (position, -1..3i64).prop_map(|(position, qty)| Op::Set(position, qty)),
        4 => (0..SECTORS).prop_map(Op::Drain),
        4 => Just(Op::Up),
        4 => Just(Op::Down),
        1 => Just(Op::Clear),
    ]
}

fn drain(window: &mut Window, twin: &mut BTreeMap<usize, i64>, sector: usize) {
    let mut drained = Vec::new();
    window.drain_sector(sector, |position, qty| drained.push((position, qty)));
    let positions = sector * SECTOR_SLOTS..(sector + 1) * SECTOR_SLOTS;
    assert!(drained.iter().copied().eq(twin.range(positions.clone()).map(|(&p, &q)| (p, q))));
    twin.retain(|position, _| !positions.contains(position));
}

fn run(window: &mut Window, twin: &mut BTreeMap<usize, i64>, op: &Op) {
    match *op {
        Op::Set(position, 0) => {
            window.set(position, 0);
            twin.remove(&position);
        }
        Op::Set(position, qty) => {
            window.set(position, qty);
            twin.insert(position, qty);
        }
        Op::Drain(sector) => drain(window, twin, sector),
        Op::Up => {
            drain(window, twin, 0);
            window.rename_up();
            *twin = twin.iter().map(|(&p, &q)| (p - SECTOR_SLOTS, q)).collect();
        }
        Op::Down => {
            drain(window, twin, SECTORS - 1);
            window.rename_down();
            *twin = twin.iter().map(|(&p, &q)| (p + SECTOR_SLOTS, q)).collect();
        }
        Op::Clear => {
            window.clear();
            twin.clear();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(0x6861_776b),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn agrees_with_a_btree_map(ops in prop::collection::vec(op(), 1..150)) {
        let (mut window, mut twin) = (Window::new(), BTreeMap::new());
        for op in &ops {
            run(&mut window, &mut twin, op);
            prop_assert_eq!(window.count(), twin.len());
            prop_assert_eq!(window.lowest(), twin.first_key_value().map(|(&position, _)| position));
            prop_assert!(window.descending().eq(twin.iter().rev().map(|(&p, &q)| (p, q))));
            for position in [0, 60 * SECTOR_SLOTS, SLOTS - 1] {
                prop_assert_eq!(window.get(position), twin.get(&position).copied());
            }
        }
    }
}
