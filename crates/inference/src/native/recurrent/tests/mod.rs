//! Layers against a twin in double precision, their instruction sets against each other, and steps
//! against windows.

mod engines;
pub(crate) mod graphs;
mod twin;

use super::activation::Activation;
use super::spec::{Kind, Spec};
use super::{Ends, Layer};
use crate::native::isa::Isa;
use crate::native::simd::{Kernel, Lanes, dispatch};
use proptest::prelude::*;

/// A layer and what it is run on.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    kind: Kind,
    steps: usize,
    inputs: usize,
    hidden: usize,
    reversed: Vec<bool>,
    functions: Vec<Activation>,
    w: Vec<f32>,
    r: Vec<f32>,
    b: Vec<f32>,
    x: Vec<f32>,
    initial_h: Vec<f32>,
    initial_c: Vec<f32>,
}

/// Y, Y_h and Y_c in ONNX's order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Results<T> {
    y: Vec<T>,
    y_h: Vec<T>,
    y_c: Vec<T>,
}

impl Case {
    fn layer(&self, steps: usize) -> Layer {
        let Self { kind, inputs, hidden, reversed, w, r, b, functions, .. } = self;
        let (kind, inputs, hidden) = (*kind, *inputs, *hidden);
        Layer::new(&Spec { kind, steps, inputs, hidden, reversed, w, r, b, functions })
    }
}

/// Projects all rows, and scans them.
struct Run<'a> {
    layer: &'a Layer,
    x: &'a [f32],
    initial: [&'a [f32]; 2],
    results: &'a mut Results<f32>,
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let mut projections = vec![f32::NAN; self.layer.steps * self.layer.projected()];
        self.layer.project(l, self.x, 0..self.layer.steps, &mut projections);
        let Results { y, y_h, y_c } = self.results;
        let [initial_h, initial_c] = self.initial;
        let ends = Ends { initial_h, initial_c, y, y_h, y_c };
        // What a scan works on may hold anything.
        let mut spare = vec![7.0; self.layer.spare()];
        self.layer.scan(l, &projections, &mut spare, ends);
    }
}

fn room(case: &Case, steps: usize) -> Results<f32> {
    let state = case.reversed.len() * case.hidden;
    let y_c = if case.kind == Kind::Lstm { vec![0.0; state] } else { Vec::new() };
    Results { y: vec![0.0; steps * state], y_h: vec![0.0; state], y_c }
}

/// The whole of it at once.
fn whole(case: &Case, isa: Isa) -> Results<f32> {
    let layer = case.layer(case.steps);
    let mut results = room(case, case.steps);
    dispatch(
        isa,
        Run {
            layer: &layer,
            x: &case.x,
            initial: [&case.initial_h, &case.initial_c],
            results: &mut results,
        },
    );
    results
}

/// One step after the other, each from what the one before left.
fn stepped(case: &Case, isa: Isa) -> Results<f32> {
    let layer = case.layer(1);
    let (mut h, mut c) = (case.initial_h.clone(), case.initial_c.clone());
    let mut all = Results::default();
    for x in case.x.chunks_exact(case.inputs) {
        let mut results = room(case, 1);
        dispatch(isa, Run { layer: &layer, x, initial: [&h, &c], results: &mut results });
        all.y.extend(&results.y);
        (h, c) = (results.y_h, results.y_c);
    }
    Results { y: all.y, y_h: h, y_c: c }
}

/// Bits, with all that is not a number alike.
fn bits(results: &Results<f32>) -> Vec<u32> {
    let all = results.y.iter().chain(&results.y_h).chain(&results.y_c);
    all.map(|value| if value.is_nan() { f32::NAN } else { *value }.to_bits()).collect()
}

/// Numbers of a linear congruential generator, from `-scale` to `scale`.
fn numbers(count: usize, scale: f32, seed: &mut u32) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f32::from((*seed >> 16) as u16) / 32_768.0 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// A layer of the usual functions from zeros: an LSTM, or a GRU as PyTorch exports it.
pub(crate) fn plain(lstm: bool, steps: usize, inputs: usize, hidden: usize) -> Case {
    let kind = if lstm { Kind::Lstm } else { Kind::Gru { linear_before_reset: true } };
    let (gates, mut seed) = (kind.gates() * hidden, 11);
    let scale = 1.0 / (hidden as f32).sqrt();
    Case {
        kind,
        steps,
        inputs,
        hidden,
        reversed: vec![false],
        functions: kind.usual().to_vec(),
        w: numbers(gates * inputs, scale, &mut seed),
        r: numbers(gates * hidden, scale, &mut seed),
        b: numbers(2 * gates, scale, &mut seed),
        x: Vec::new(),
        initial_h: Vec::new(),
        initial_c: Vec::new(),
    }
}

fn function() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Sigmoid),
        Just(Activation::Tanh),
        Just(Activation::Relu),
        Just(Activation::Softsign),
        Just(Activation::LeakyRelu { alpha: 0.1 }),
        Just(Activation::HardSigmoid { alpha: 0.25, beta: 0.4 }),
        Just(Activation::Affine { alpha: 0.5, beta: 0.1 }),
    ]
}

prop_compose! {
    /// Usual functions and forward as often as not; weights so large that gates saturate.
    fn case()(
        kind in prop_oneof![
            2 => Just(Kind::Lstm),
            1 => any::<bool>().prop_map(|linear_before_reset| Kind::Gru { linear_before_reset }),
        ],
        reversed in prop::sample::select(vec![vec![false], vec![false], vec![true], vec![false, true]]),
        (steps, inputs, hidden) in (1usize..9, 1usize..40, 1usize..40),
        functions in prop::option::of(prop::collection::vec(function(), 6)),
        (bias, initial) in any::<(bool, bool)>(),
        scale in prop::sample::select(vec![0.1f32, 0.3, 3.0]),
        mut seed in any::<u32>(),
    ) -> Case {
        let directions = reversed.len();
        let count = kind.usual().len() * directions;
        let functions = functions.map(|mut all| { all.truncate(count); all });
        let gates = directions * kind.gates() * hidden;
        let state = if initial { directions * hidden } else { 0 };
        Case {
            w: numbers(gates * inputs, scale, &mut seed),
            r: numbers(gates * hidden, scale, &mut seed),
            b: numbers(if bias { 2 * gates } else { 0 }, 1.0, &mut seed),
            x: numbers(steps * inputs, 2.0, &mut seed),
            initial_h: numbers(state, 1.0, &mut seed),
            initial_c: numbers(if kind == Kind::Lstm { state } else { 0 }, 2.0, &mut seed),
            functions: functions.unwrap_or_else(|| kind.usual().repeat(directions)),
            kind, steps, inputs, hidden, reversed,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn instruction_sets_give_the_same_bits(case in case()) {
        let expected = bits(&whole(&case, Isa::Scalar));
        for isa in Isa::available() {
            prop_assert_eq!(bits(&whole(&case, isa)), expected.clone(), "{}", isa);
        }
    }

    #[test]
    fn steps_give_the_bits_of_the_whole(mut case in case()) {
        case.reversed = vec![false];
        let parts = (case.kind.gates() * case.hidden, case.hidden);
        case.w.truncate(parts.0 * case.inputs);
        case.r.truncate(parts.0 * case.hidden);
        case.b.truncate(2 * parts.0);
        case.initial_h.truncate(parts.1);
        case.initial_c.truncate(parts.1);
        case.functions.truncate(case.kind.usual().len());
        prop_assert_eq!(bits(&stepped(&case, Isa::best())), bits(&whole(&case, Isa::best())));
    }

    #[test]
    fn what_comes_out_is_what_onnx_says(mut case in case()) {
        // Weights that make errors grow from step to step would do so to anyone's.
        let rows = case.r.chunks_exact(case.hidden);
        let sums = rows.map(|row| row.iter().map(|weight| weight.abs()).sum());
        let largest = sums.fold(1.0, f32::max);
        case.r.iter_mut().for_each(|weight| *weight /= largest);
        let (found, expected) = (whole(&case, Isa::best()), twin::run(&case));
        let mut pairs = Vec::new();
        for (found, expected) in [
            (found.y, expected.y), (found.y_h, expected.y_h), (found.y_c, expected.y_c),
        ] {
            prop_assert_eq!(found.len(), expected.len());
            pairs.extend(found.into_iter().map(f64::from).zip(expected));
        }
        // Functions without bounds may run away, and errors with them.
        let usual = case.functions == case.kind.usual().repeat(case.reversed.len());
        prop_assume!(usual || pairs.iter().all(|pair| pair.1.abs() < 30.0));
        for (found, expected) in pairs {
            let slack = 2e-5 * expected.abs().max(1.0);
            prop_assert!((found - expected).abs() <= slack, "{found}, {expected}");
        }
    }
}
