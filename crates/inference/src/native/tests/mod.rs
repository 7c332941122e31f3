//! The native engine against ONNX Runtime, and its instruction sets against each other.

mod bundled;
mod choice;
pub(crate) mod graphs;
mod operators;
mod random;
mod random_nets;
mod views;
pub(crate) mod windows;

use super::Isa;
use crate::{ModelFile, NativeModel, OrtModel, Output, RuntimeOptions};

/// How far the engines may be apart, times the size of the number where that is above one.
pub(crate) const TOLERANCE: f32 = 1e-5;

/// Runs the inputs through ONNX Runtime and through every instruction set: all of these give the
/// same bits, and the runtime's numbers to [`TOLERANCE`].
#[track_caller]
pub(crate) fn agrees(file: &ModelFile, inputs: &[Vec<f32>]) {
    let mut runtime = OrtModel::load(file, &RuntimeOptions::default()).unwrap();
    let compile = || NativeModel::compile(file).unwrap_or_else(|reason| panic!("{reason}"));
    let mut natives: Vec<NativeModel> =
        Isa::available().map(|isa| compile().with_isa(isa)).collect();
    for input in inputs {
        let expected = runtime.run(input).unwrap();
        let outputs: Vec<Output> = natives.iter_mut().map(|n| n.run(input).unwrap()).collect();
        assert!(outputs.iter().all(|output| bits(*output) == bits(outputs[0])), "{outputs:?}");
        for (got, wanted) in outputs[0].numbers().into_iter().zip(expected.numbers()) {
            let apart = (got - wanted).abs();
            assert!(apart <= TOLERANCE * wanted.abs().max(1.0), "{got}, {wanted} for {input:?}");
        }
    }
}

fn bits(output: Output) -> Vec<u32> {
    output.numbers().into_iter().map(f32::to_bits).collect()
}
