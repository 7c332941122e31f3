//! A model in ONNX Runtime: one thread, no spinning, batch one.

use crate::contract::Golden;
use crate::library::{Runtime, RuntimeOptions};
use crate::native::{Rings, States};
use crate::signature::{OutputKind, Shape, Signature};
use crate::sys::{Binding, Port};
use crate::{InferenceError, Memory, ModelFile, Output, Refusal, ValueInfo};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use std::fmt;
use std::iter::once;
use std::path::PathBuf;

/// A model loaded into ONNX Runtime, with its input and output bound once. Runs allocate nothing
/// on Rust's side. It may be moved to another thread, and used by one at a time.
pub struct OrtModel {
    binding: Binding,
    path: PathBuf,
    shape: Shape,
    kind: OutputKind,
    /// The states carried, each with how many numbers: the inputs and outputs behind the first.
    states: Vec<usize>,
    engine: String,
}

impl OrtModel {
    /// Loads the runtime if this process has none yet, then the model, and runs it once on zeros,
    /// so that one that cannot run is found here. The contract is not looked at; see
    /// [`crate::Model::load`].
    pub fn load(file: &ModelFile, options: &RuntimeOptions) -> Result<Self, InferenceError> {
        Self::with_signature(file, &Signature::of(file)?, options)
    }

    /// As [`OrtModel::load`], of a model whose metadata does not say yet what it carries.
    pub fn with_signature(
        file: &ModelFile,
        signature: &Signature,
        options: &RuntimeOptions,
    ) -> Result<Self, InferenceError> {
        if signature.gives_maps() {
            return Err(Refusal::ZipMap.of(file.path()));
        }
        let runtime = Runtime::load(options)?;
        let refused = |message: String| InferenceError::Session {
            path: file.path().to_path_buf(),
            version: runtime.version().to_owned(),
            message,
        };
        let session =
            open(&runtime, file.bytes()).map_err(|error| refused(error.message().to_owned()))?;
        let states = signature.states.iter();
        let inputs = once(&signature.input).chain(states.clone().map(|state| &state.1));
        let outputs = once(&signature.output).chain(states.map(|state| &state.0));
        let (inputs, outputs) = (ports(inputs), ports(outputs));
        let mut binding = Binding::new(session, &inputs, &outputs).map_err(refused)?;
        binding.run().map_err(refused)?;
        Ok(Self {
            binding,
            path: file.path().to_path_buf(),
            shape: signature.shape,
            kind: signature.kind,
            states: signature.state_values(),
            engine: format!("onnxruntime {}", runtime.version()),
        })
    }

    /// What it takes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What it gives.
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// As in `onnxruntime 1.22.1`.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Runs on `input`: [`Shape::values`] finite numbers, the oldest frame first.
    #[inline]
    pub fn run(&mut self, input: &[f32]) -> Result<Output, InferenceError> {
        let buffer = self.binding.input_mut(0);
        if buffer.len() != input.len() {
            let (expected, got) = (buffer.len(), input.len());
            return Err(InferenceError::InputLength { expected, got });
        }
        buffer.copy_from_slice(input);
        self.run_in_place()
    }

    /// The input of the next [`OrtModel::run_in_place`], for callers that can write it there
    /// themselves and save the copy. It keeps its values from run to run.
    #[inline]
    pub fn input_mut(&mut self) -> &mut [f32] {
        self.binding.input_mut(0)
    }

    /// Runs on what [`OrtModel::input_mut`] holds.
    #[inline]
    pub fn run_in_place(&mut self) -> Result<Output, InferenceError> {
        if !self.states.is_empty() {
            return Err(InferenceError::NeedsMemory);
        }
        self.binding.run().map_err(|message| InferenceError::Run { message })?;
        Output::of(self.kind, self.binding.output(0))
    }

    /// The C call alone, on what [`OrtModel::input_mut`] holds and whatever state was run last; the
    /// output is not looked at. What a caller of the library itself would time.
    #[inline]
    pub fn run_bare(&mut self) -> Result<(), InferenceError> {
        self.binding.run().map_err(|message| InferenceError::Run { message })
    }

    /// What the model is to keep of an instrument between runs: one for each.
    pub fn memory(&self) -> Memory {
        Memory { states: States::new(self.states.iter().sum()), rings: Rings::default() }
    }

    /// Runs on `window` as [`OrtModel::run`] does. A model that carries state takes one step, and
    /// `new_rows`, how many rows came since the last run with this memory, must be 1 but for the
    /// first one.
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
        let input = self.binding.input_mut(0);
        if input.len() != window.len() {
            let (expected, got) = (input.len(), window.len());
            return Err(InferenceError::InputLength { expected, got });
        }
        memory.states.begin_step(new_rows, self.states.iter().sum())?;
        input.copy_from_slice(window);
        let mut rest = &*memory.states.numbers();
        for (index, count) in self.states.iter().enumerate() {
            let (state, behind) = rest.split_at(*count);
            self.binding.input_mut(index + 1).copy_from_slice(state);
            rest = behind;
        }
        self.binding.run().map_err(|message| InferenceError::Run { message })?;
        let mut rest = memory.states.numbers();
        for (index, count) in self.states.iter().enumerate() {
            let (state, behind) = rest.split_at_mut(*count);
            state.copy_from_slice(self.binding.output(index + 1));
            rest = behind;
        }
        memory.states.end_step();
        Output::of(self.kind, self.binding.output(0))
    }

    /// Runs `count` times on what the input holds, whatever comes out, so that later runs find
    /// code, weights and the runtime's own memory in place.
    pub fn warm_up(&mut self, count: u32) -> Result<(), InferenceError> {
        for _ in 0..count {
            self.binding.run().map_err(|message| InferenceError::Run { message })?;
        }
        Ok(())
    }

    /// Runs every golden row, in order from zero states, and compares: each output may be `tolerance` off, times its size
    /// where that is above one.
    pub fn check_golden(&mut self, golden: &Golden, tolerance: f32) -> Result<(), InferenceError> {
        let path = self.path.clone();
        let (mut memory, rows) = (self.memory(), self.shape.steps);
        golden.check(&path, tolerance, |input| self.run_with(&mut memory, input, rows))
    }
}

impl fmt::Debug for OrtModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrtModel")
            .field("path", &self.path)
            .field("shape", &self.shape)
            .field("kind", &self.kind)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

fn ports<'a>(values: impl Iterator<Item = &'a ValueInfo>) -> Vec<Port<'a>> {
    values.map(|value| Port { name: &value.name, dims: value.batch_of_one() }).collect()
}

/// One thread within and between operators, in order, never spinning: with its default threads the
/// runtime has stalled a pinned caller for up to 4 ms at p99.9.
fn open(runtime: &Runtime, bytes: &[u8]) -> Result<Session, ort::Error> {
    let mut builder = Session::builder(runtime.environment())?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_config_entry("session.intra_op.allow_spinning", "0")?
        .with_config_entry("session.inter_op.allow_spinning", "0")?
        .with_optimization_level(GraphOptimizationLevel::All)?;
    builder.commit_from_memory(bytes)
}
