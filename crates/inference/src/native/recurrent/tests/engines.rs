//! Whole nets against ONNX Runtime.

use super::graphs::{one_layer, stacked};
use super::{Activation, Case, case, numbers, plain};
use crate::native::NativeModel;
use crate::native::tests::agrees;
use crate::native::tests::graphs::{float, int};
use crate::native::tests::windows::slides;
use crate::proto::NodeProto;
use proptest::prelude::*;

/// Weights that make errors grow from step to step would do so to anyone's.
fn tamed(mut case: Case) -> Case {
    let rows = case.r.chunks_exact(case.hidden);
    let sums = rows.map(|row| row.iter().map(|weight| weight.abs()).sum());
    let largest = sums.fold(1.0, f32::max);
    case.r.iter_mut().for_each(|weight| *weight /= largest);
    // Nor are functions without bounds of use in a cell, where products of them grow.
    for function in &mut case.functions {
        if matches!(
            function,
            Activation::Relu | Activation::LeakyRelu { .. } | Activation::Affine { .. }
        ) {
            *function = Activation::Tanh;
        }
    }
    case
}

fn windows(case: &Case) -> Vec<Vec<f32>> {
    (0..3).map(|seed| numbers(case.steps * case.inputs, 2.0, &mut (seed + 1))).collect()
}

/// A layer of that many inputs and steps, made of a case.
fn after(case: &Case, steps: usize, inputs: usize) -> Case {
    let mut case =
        Case { steps, inputs, initial_h: Vec::new(), initial_c: Vec::new(), ..case.clone() };
    let gates = case.reversed.len() * case.kind.gates() * case.hidden;
    case.w = numbers(gates * inputs, 0.3, &mut 9);
    case
}

/// Layers that fit each other.
fn stack(cases: Vec<Case>) -> Vec<Case> {
    let steps = cases[0].steps;
    let mut inputs = cases[0].inputs;
    let mut stack = Vec::new();
    for case in cases {
        let case = after(&tamed(case), steps, inputs);
        inputs = case.reversed.len() * case.hidden;
        stack.push(case);
    }
    stack
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn layers_agree(case in case()) {
        let case = tamed(case);
        agrees(&one_layer(&case), &windows(&case));
    }

    #[test]
    fn stacks_agree(cases in prop::collection::vec(case(), 2..4)) {
        let cases = stack(cases);
        agrees(&stacked(&cases), &windows(&cases[0]));
    }

    /// A window that slides projects its new rows alone.
    #[test]
    fn kept_projections_give_the_bits_of_new_ones(
        cases in prop::collection::vec(case(), 1..3),
        gaps in prop::collection::vec(
            prop_oneof![8 => Just(Some(1)), 1 => Just(None), 3 => (0usize..12).prop_map(Some)],
            1..40,
        ),
        seed in any::<u64>(),
    ) {
        let file = if let [case] = &cases[..] {
            one_layer(&tamed(case.clone()))
        } else {
            stacked(&stack(cases))
        };
        slides(&file, &gaps, seed);
    }
}

#[test]
fn what_is_not_done_is_named() {
    let case = plain(true, 2, 2, 3);
    let check = |change: &dyn Fn(&mut NodeProto), words: &str| {
        let mut file = one_layer(&case);
        let graph = file.proto.graph.as_mut().unwrap();
        graph.initializer.push(super::graphs::weights("extra", &[1, 9], vec![0.5; 9]));
        let node = graph.node.iter_mut().find(|node| node.op_type() == "LSTM").unwrap();
        change(node);
        let refused = NativeModel::compile(&file).unwrap_err();
        assert_eq!(refused.operator, "LSTM");
        assert!(refused.reason.contains(words), "{refused}");
    };
    let flag = |name: &'static str| move |node: &mut NodeProto| node.attribute.push(int(name, 1));
    check(&flag("layout"), "batch first");
    check(&flag("input_forget"), "couples");
    check(&|node| node.attribute[0].i = Some(4), "weights of dimensions");
    check(&|node| node.attribute[1].s = Some("sideways".into()), "sideways");
    check(&|node| node.attribute.push(float("clip", 3.0)), "clips");
    check(
        &|node| {
            node.input.resize(7, String::new());
            node.input.push("extra".into());
        },
        "peepholes",
    );
    check(
        &|node| {
            node.input.resize(4, String::new());
            node.input[3] = "extra".into();
        },
        "bias of dimensions",
    );
}
