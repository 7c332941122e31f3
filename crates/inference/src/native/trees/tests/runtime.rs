//! Side by side with ONNX Runtime.

use super::lists::Form;
use super::*;
use crate::example::{node, tensor_value};
use crate::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
use crate::{ModelFile, OrtModel, Output, RuntimeOptions};
use proptest::prelude::*;
use prost::Message;

/// The operator in ONNX Runtime. What it gives is brought to one or three columns, which is what
/// [`OrtModel`] takes, by a multiplication with ones and zeros.
fn load(operator: &NodeProto, features: usize, columns: usize) -> OrtModel {
    let wide = if columns == 1 { 1 } else { 3 };
    let mut graph = GraphProto {
        name: Some("trees".into()),
        input: vec![tensor_value("features", 1, &[None, Some(features as i64)])],
        output: vec![tensor_value("columns", 1, &[None, Some(wide)])],
        ..Default::default()
    };
    let identity = (0..columns).flat_map(|row| (0..wide).map(move |column| row as i64 == column));
    graph.initializer.push(TensorProto {
        dims: vec![columns as i64, wide],
        data_type: Some(1),
        name: Some("identity".into()),
        float_data: identity.map(|is_one| f32::from(u8::from(is_one))).collect(),
        ..Default::default()
    });
    graph.node = vec![operator.clone(), node("MatMul", &["out", "identity"], "columns")];
    let opset = |domain: &str, version| OperatorSetIdProto {
        domain: Some(domain.to_owned()),
        version: Some(version),
    };
    let model = ModelProto {
        ir_version: Some(8),
        graph: Some(graph),
        opset_import: vec![opset("", 13), opset("ai.onnx.ml", 3)],
        ..Default::default()
    };
    let file = ModelFile::from_bytes("trees.onnx", model.encode_to_vec()).unwrap();
    OrtModel::load(&file, &RuntimeOptions::default()).unwrap()
}

fn columns_of(output: Output) -> Vec<f32> {
    match output {
        Output::Classes { down, flat, up } => vec![down, flat, up],
        Output::Value(value) => vec![value],
    }
}

/// Both give the same, to `tolerance` times the size of what is above one.
#[track_caller]
fn check(lists: &Lists, features: usize, inputs: &[Vec<f32>], tolerance: f32) {
    let operator = lists.node();
    let ensemble = TreeEnsemble::parse(&operator, features).unwrap();
    let mut ort = load(&operator, features, ensemble.columns());
    let mut out = vec![0.0; ensemble.columns()];
    for input in inputs {
        let wanted = columns_of(ort.run(input).unwrap());
        ensemble.run(input, &mut out);
        for (got, wanted) in out.iter().zip(&wanted) {
            let close = (got - wanted).abs() <= tolerance * wanted.abs().max(1.0);
            assert!(close, "{out:?}, ONNX Runtime gives {wanted:?} for {input:?}");
        }
    }
}

/// Where every node asks for equality, they compare otherwise: ONNX Runtime 1.22 then makes sets of
/// those that equal small whole numbers, and goes astray at the others (x = -0.25, where true y = 1:
/// it takes y = 1 for false). The twin walks have such trees.
fn avoid_sets(lists: &mut Lists) {
    if lists.modes.iter().all(|mode| ["BRANCH_EQ", "LEAF"].contains(mode)) {
        let equal = lists.modes.iter_mut().filter(|mode| **mode == "BRANCH_EQ");
        equal.for_each(|mode| *mode = "BRANCH_LEQ");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// Weights are digits of base 64: the sum, exact in float32, tells the leaf of each tree.
    #[test]
    fn leaves_are_the_same(
        trees in 1..=4_usize,
        depth in 0..=5_u32,
        features in 1..=5_usize,
        modes in 1..=6_usize,
        with_nan in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut rng = Draw(seed);
        let mut lists =
            Lists::random(Form { trees, depth, features, targets: 1, modes }, &mut rng);
        let (mut leaf, mut unit) = (0.0, 1.0 / 64.0);
        for vote in 0..lists.weights.len() {
            if vote == 0 || lists.vote_trees[vote] != lists.vote_trees[vote - 1] {
                (leaf, unit) = (0.0, unit * 64.0);
            }
            lists.weights[vote] = leaf * unit;
            leaf += 1.0;
        }
        avoid_sets(&mut lists);
        let inputs: Vec<_> = (0..30).map(|_| lists.input(features, with_nan, &mut rng)).collect();
        check(&lists, features, &inputs, 0.0);
    }

    /// Without exponentials the very bits are the same.
    #[test]
    fn sums_are_the_same(
        trees in 1..=100_usize,
        depth in 0..=6_u32,
        features in prop::sample::select(vec![1, 7, 32, 33]),
        targets in prop::sample::select(vec![1, 3]),
        aggregate in prop::sample::select(vec!["SUM", "AVERAGE", "MIN", "MAX"]),
        with_base in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut rng = Draw(seed);
        let form = Form { trees, depth, features, targets, modes: 2 };
        let mut lists = Lists::random(form, &mut rng);
        lists.aggregate = Some(aggregate);
        if with_base {
            lists.base = (0..targets).map(|_| rng.unit()).collect();
        }
        let inputs: Vec<_> = (0..10).map(|_| lists.input(features, false, &mut rng)).collect();
        check(&lists, features, &inputs, 0.0);
    }

    #[test]
    fn transforms_are_the_same(
        trees in 1..=20_usize,
        depth in 1..=4_u32,
        targets in 1..=3_usize,
        is_classifier in any::<bool>(),
        transform in prop::sample::select(vec!["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]),
        with_base in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut rng = Draw(seed);
        let is_classifier = is_classifier && targets > 1;
        let mut lists =
            Lists::random(Form { trees, depth, features: 4, targets, modes: 1 }, &mut rng);
        (lists.is_classifier, lists.transform) = (is_classifier, transform);
        // Two base values are refused where both of two classes have votes.
        if with_base && !(is_classifier && targets == 2) {
            lists.base = (0..targets).map(|_| rng.unit()).collect();
        }
        let inputs: Vec<_> = (0..10).map(|_| lists.input(4, false, &mut rng)).collect();
        check(&lists, 4, &inputs, 1e-5);
    }
}

/// As LightGBM, XGBoost and scikit-learn export a binary classifier: votes for one class alone.
#[test]
fn two_classes_follow_the_conventions() {
    let mixed = [(1, 0.3), (2, -0.7)];
    let positive = [(1, 0.3), (2, 0.7)];
    let mut accepted = 0;
    for votes in [mixed, positive] {
        for class in [0, 1] {
            for transform in ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"] {
                for base in [&[][..], &[0.25], &[0.25, 0.125]] {
                    let votes = votes.map(|(node, weight)| (node, class, weight));
                    let mut lists = Lists::stump(&votes, 2);
                    lists.is_classifier = true;
                    (lists.transform, lists.base) = (transform, base.to_vec());
                    if TreeEnsemble::parse(&lists.node(), 1).is_ok() {
                        check(&lists, 1, &[vec![0.5], vec![0.75]], 1e-6);
                        accepted += 1;
                    }
                }
            }
        }
    }
    // Of 48, ten have two base values beside votes for the second class, or a logistic of votes
    // that are all positive.
    assert_eq!(accepted, 38);
}

/// Targets that no leaf votes for, or not every leaf.
#[test]
fn a_target_without_votes_is_zero() {
    for aggregate in ["SUM", "AVERAGE", "MIN", "MAX"] {
        let mut lists = Lists::stump(&[(1, 0, 0.3), (2, 0, -0.7), (2, 2, 0.4)], 3);
        lists.aggregate = Some(aggregate);
        check(&lists, 1, &[vec![0.5], vec![0.75]], 0.0);
        lists.base = vec![0.1, 0.2, 0.0];
        check(&lists, 1, &[vec![0.5], vec![0.75]], 0.0);
    }
    let mut lists = Lists::stump(&[(1, 0, 0.3), (2, 0, -0.7), (2, 2, 0.4)], 3);
    lists.is_classifier = true;
    lists.base = vec![0.1, 0.2, 0.3];
    check(&lists, 1, &[vec![0.5], vec![0.75]], 0.0);
}

/// The model of this repository, on inputs around and on its thresholds.
#[test]
fn the_bundled_trees_agree() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/trees/1/model.onnx");
    let file = ModelFile::read(root).unwrap();
    let [operator] = &file.graph().node[..] else { panic!("one operator") };
    let list = |name: &str| operator.attribute.iter().find(|list| list.name() == name).unwrap();
    let values = &list("nodes_values").floats;
    let features = &list("nodes_featureids").ints;
    let mut ort = OrtModel::load(&file, &RuntimeOptions::default()).unwrap();
    let ensembles: Vec<_> = Isa::available()
        .map(|isa| super::with_isa(TreeEnsemble::parse(operator, 32).unwrap(), isa))
        .collect();
    let mut rng = Draw(1);
    let mut input = [0.0; 32];
    for _ in 0..10_000 {
        for _ in 0..8 {
            let node = rng.below(values.len());
            let near = [values[node], values[node].next_up(), values[node] + rng.unit()];
            input[features[node] as usize] = near[rng.below(3)];
        }
        let wanted = columns_of(ort.run(&input).unwrap());
        for ensemble in &ensembles {
            let mut out = [0.0];
            ensemble.run(&input, &mut out);
            assert_eq!(out[0].to_bits(), wanted[0].to_bits(), "{out:?}, expected {wanted:?}");
        }
    }
}
