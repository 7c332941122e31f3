//! Networks over windows: against ONNX Runtime, and row by row against the whole.

use super::random_nets::random;
use super::{agrees, bits};
use crate::example::nets::{Ends, Net, deep_lob};
use crate::{ModelFile, NativeModel};
use proptest::prelude::*;

fn rows(count: usize, features: usize, seed: u64) -> Vec<f32> {
    let mut net = Net::new(1, 1, seed);
    (0..count * features).map(|_| net.number() * 2.0).collect()
}

/// Slides the model's window over random rows by those gaps (a row at least is dropped at `None`).
#[track_caller]
pub(crate) fn slides(file: &ModelFile, gaps: &[Option<usize>], seed: u64) {
    let mut model = NativeModel::compile(file).unwrap_or_else(|reason| panic!("{reason}"));
    let mut whole = NativeModel::compile(file).unwrap();
    let mut memory = model.memory();
    let shape = model.shape();
    let count = shape.steps + gaps.iter().map(|gap| gap.unwrap_or(3)).sum::<usize>();
    let rows = rows(count, shape.features, seed);
    let mut at = 0;
    for gap in gaps {
        at += gap.unwrap_or(3);
        if gap.is_none() {
            memory.forget();
        }
        let window = &rows[at * shape.features..][..shape.values()];
        let got = model.run_with(&mut memory, window, gap.unwrap_or(1)).unwrap();
        assert_eq!(bits(got), bits(whole.run(window).unwrap()), "after {gap:?}, row {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn networks_at_random(
        seed in any::<u64>(),
        gaps in prop::collection::vec(
            prop_oneof![8 => Just(Some(1)), 1 => Just(None), 3 => (0usize..7).prop_map(Some)],
            1..60,
        ),
    ) {
        let file = random(seed);
        let shape = NativeModel::compile(&file).unwrap_or_else(|reason| panic!("{reason}")).shape();
        agrees(&file, &[rows(shape.steps, shape.features, seed ^ 1)]);
        slides(&file, &gaps, seed ^ 2);
    }
}

#[test]
fn a_network_like_deep_lob() {
    for ends in [Ends::Valid, Ends::Padded] {
        let file = ModelFile::from_bytes("net.onnx", deep_lob(60, 40, 16, ends, 5)).unwrap();
        let inputs: Vec<Vec<f32>> = (0..5).map(|seed| rows(60, 40, seed)).collect();
        agrees(&file, &inputs);
        let gaps: Vec<Option<usize>> = (0..150)
            .map(|step| match step % 23 {
                7 => Some(0),
                11 => Some(2),
                12 => Some(5),
                19 => None,
                22 if step > 100 => Some(70),
                _ => Some(1),
            })
            .collect();
        slides(&file, &gaps, 9);
    }
}
