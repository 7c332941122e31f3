//! The built-in engine: an ONNX graph compiled at load to a straight line of kernels.

mod compile;
mod conv;
pub(crate) mod dense;
mod elementwise;
mod fold;
mod graph;
pub(crate) mod isa;
mod lower;
pub(crate) mod math;
mod matmul;
mod memory;
mod moves;
mod plan;
pub(crate) mod recurrent;
mod rows;
pub(crate) mod simd;
mod tensor;
pub(crate) mod trees;
mod unsupported;

pub(crate) use conv::Rings;
pub use isa::Isa;
pub use memory::Memory;
pub(crate) use memory::States;
pub use unsupported::Unsupported;

use crate::contract::Golden;
use crate::signature::{OutputKind, Shape, Signature};
use crate::{InferenceError, ModelFile, Output};
use conv::Slide;
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
        Self::with_signature(file, &signature)
    }

    /// As [`NativeModel::compile`], of a model whose metadata does not say yet what it carries.
    pub fn with_signature(file: &ModelFile, signature: &Signature) -> Result<Self, Unsupported> {
        let plan = compile::Compiler::compile(&Graph::of(file, signature)?)?;
        let Signature { shape, kind, .. } = *signature;
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
        if !self.plan.states.is_empty() {
            return Err(InferenceError::NeedsMemory);
        }
        self.run_whole();
        Output::of(self.kind, self.output())
    }

    fn run_whole(&mut self) {
        let Plan { steps, arena, rings, .. } = &mut self.plan;
        rings.forget();
        let (rings, turn) = rings.turn(0);
        let slide = Slide { window: None, rings, turn };
        plan::execute(self.isa, &mut Run { steps, arena, slide });
    }

    /// What it keeps: weights, the arena, and the steps' own lists.
    pub fn memory_bytes(&self) -> usize {
        self.plan.bytes()
    }

    /// What the model is to keep of an instrument between runs: one for each.
    pub fn memory(&self) -> Memory {
        let mut rings = self.plan.rings.clone();
        rings.forget();
        Memory { states: States::new(self.plan.state_numbers), rings }
    }

    /// Runs on `window` as [`NativeModel::run`] does, to the same bits. `new_rows` says how many of
    /// its last rows came since the last run with this memory: of layers over time, only what they
    /// change is computed. A model that carries state takes one step, and `new_rows` must be 1 but
    /// for the first one.
    ///
    /// # Panics
    /// If the memory is another model's.
    #[inline]
    pub fn run_with(
        &mut self,
        memory: &mut Memory,
        window: &[f32],
        new_rows: usize,
    ) -> Result<Output, InferenceError> {
        let expected = self.shape.values();
        if window.len() != expected {
            return Err(InferenceError::InputLength { expected, got: window.len() });
        }
        let plan = &mut self.plan;
        assert_eq!(memory.rings.bytes(), plan.rings.bytes(), "the memory is another model's");
        memory.states.begin_step(new_rows, plan.state_numbers)?;
        let arena = simd::flat_mut(&mut plan.arena);
        if plan.reads_input {
            arena[plan.input.clone()].copy_from_slice(window);
        }
        let mut rest = &*memory.states.numbers();
        for (input, _) in &plan.states {
            let (state, behind) = rest.split_at(input.len());
            arena[input.clone()].copy_from_slice(state);
            rest = behind;
        }
        let (rings, turn) = memory.rings.turn(new_rows);
        let slide = Slide { window: Some(window), rings, turn };
        plan::execute(self.isa, &mut Run { steps: &plan.steps, arena: &mut plan.arena, slide });
        let arena = simd::flat(&plan.arena);
        let mut rest = memory.states.numbers();
        for (_, output) in &plan.states {
            let (state, behind) = rest.split_at_mut(output.len());
            state.copy_from_slice(&arena[output.clone()]);
            rest = behind;
        }
        memory.states.end_step();
        Output::of(self.kind, self.output())
    }

    /// Runs `count` times on what the input holds, whatever comes out.
    pub fn warm_up(&mut self, count: u32) -> Result<(), InferenceError> {
        (0..count).for_each(|_| self.run_whole());
        Ok(())
    }

    /// Runs every golden row and compares, as [`crate::OrtModel::check_golden`] does.
    pub fn check_golden(&mut self, golden: &Golden, tolerance: f32) -> Result<(), InferenceError> {
        let path = self.path.clone();
        let (mut memory, rows) = (self.memory(), self.shape.steps);
        golden.check(&path, tolerance, |input| self.run_with(&mut memory, input, rows))
    }

    fn output(&self) -> &[f32] {
        &simd::flat(&self.plan.arena)[self.plan.output.clone()]
    }
}

#[cfg(test)]
pub(crate) mod tests;
