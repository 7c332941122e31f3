//! The built-in engine: an ONNX graph compiled at load to a straight line of kernels.

mod compile;
pub(crate) mod dense;
mod elementwise;
mod fold;
mod graph;
pub(crate) mod isa;
mod lower;
pub(crate) mod math;
mod matmul;
mod moves;
mod plan;
mod rows;
pub(crate) mod simd;
mod tensor;
pub(crate) mod trees;
mod unsupported;

pub use isa::Isa;
pub use unsupported::Unsupported;

use crate::contract::Golden;
use crate::signature::{OutputKind, Shape, Signature};
use crate::{InferenceError, ModelFile, Output};
use graph::Graph;
use plan::{Plan, Run, Step};
use std::path::PathBuf;

/// A model compiled by the native engine. Runs allocate nothing and give the same bits on every
/// instruction set.
#[derive(Debug)]
pub struct NativeModel {
    plan: Plan,
    isa: Isa,
    path: PathBuf,
    shape: Shape,
    kind: OutputKind,
    engine: String,
}

impl NativeModel {
    /// Compiles the file's graph. The contract is not looked at; see [`crate::Model::load`].
    pub fn compile(file: &ModelFile) -> Result<Self, Unsupported> {
        let signature =
            Signature::of(file).map_err(|error| Unsupported::graph(error.to_string()))?;
        let plan = compile::Compiler::compile(&Graph::of(file, &signature)?)?;
        let Signature { shape, kind, .. } = signature;
        let path = file.path().to_path_buf();
        let model = Self { plan, isa: Isa::Scalar, path, shape, kind, engine: String::new() };
        Ok(model.with_isa(Isa::best()))
    }

    /// The same model with other instructions, for tests and measurements.
    ///
    /// # Panics
    /// If this machine does not have them.
    pub fn with_isa(mut self, isa: Isa) -> Self {
        assert!(isa.is_available(), "this machine has no {isa}");
        self.isa = isa;
        for step in &mut self.plan.steps {
            if let Step::Forest(forest) = step {
                forest.trees.set_isa(isa);
            }
        }
        self.engine = format!("native {isa}");
        self
    }

    /// What it takes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What it gives.
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// As in `native avx512`.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Runs on `input`: [`Shape::values`] finite numbers, the oldest frame first.
    #[inline]
    pub fn run(&mut self, input: &[f32]) -> Result<Output, InferenceError> {
        let buffer = self.input_mut();
        if buffer.len() != input.len() {
            let (expected, got) = (buffer.len(), input.len());
            return Err(InferenceError::InputLength { expected, got });
        }
        buffer.copy_from_slice(input);
        self.run_in_place()
    }

    /// The input of the next [`NativeModel::run_in_place`]. It keeps its values from run to run.
    #[inline]
    pub fn input_mut(&mut self) -> &mut [f32] {
        &mut simd::flat_mut(&mut self.plan.arena)[self.plan.input.clone()]
    }

    /// Runs on what [`NativeModel::input_mut`] holds.
    #[inline]
    pub fn run_in_place(&mut self) -> Result<Output, InferenceError> {
        simd::dispatch(self.isa, Run { steps: &self.plan.steps, arena: &mut self.plan.arena });
        Output::of(self.kind, self.output())
    }

    /// What it keeps: weights, the arena, and the steps' own lists.
    pub fn memory_bytes(&self) -> usize {
        self.plan.bytes()
    }

    /// Runs `count` times on what the input holds, whatever comes out.
    pub fn warm_up(&mut self, count: u32) -> Result<(), InferenceError> {
        for _ in 0..count {
            simd::dispatch(self.isa, Run { steps: &self.plan.steps, arena: &mut self.plan.arena });
        }
        Ok(())
    }

    /// Runs every golden row and compares, as [`crate::OrtModel::check_golden`] does.
    pub fn check_golden(&mut self, golden: &Golden, tolerance: f32) -> Result<(), InferenceError> {
        let path = self.path.clone();
        golden.check(&path, tolerance, |input| self.run(input))
    }

    fn output(&self) -> &[f32] {
        &simd::flat(&self.plan.arena)[self.plan.output.clone()]
    }
}

#[cfg(test)]
mod tests;
