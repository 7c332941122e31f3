//! A model in ONNX Runtime: one thread, no spinning, batch one.

use crate::contract::Golden;
use crate::library::{Runtime, RuntimeOptions};
use crate::signature::{OutputKind, Shape, Signature};
use crate::sys::{Binding, Port};
use crate::{InferenceError, ModelFile, Output, Refusal};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use std::fmt;
use std::path::PathBuf;

/// A model loaded into ONNX Runtime, with its input and output bound once. Runs allocate nothing
/// on Rust's side. It may be moved to another thread, and used by one at a time.
pub struct OrtModel {
    binding: Binding,
    path: PathBuf,
    shape: Shape,
    kind: OutputKind,
    engine: String,
}

impl OrtModel {
    /// Loads the runtime if this process has none yet, then the model, and runs it once on zeros,
    /// so that one that cannot run is found here. The contract is not looked at; see
    /// [`crate::Model::load`].
    pub fn load(file: &ModelFile, options: &RuntimeOptions) -> Result<Self, InferenceError> {
        let signature = Signature::of(file)?;
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
        let input = Port { name: &signature.input.name, dims: &signature.input_dims() };
        let output = Port { name: &signature.output.name, dims: &signature.output_dims() };
        let mut binding = Binding::new(session, input, output).map_err(refused)?;
        binding.run().map_err(refused)?;
        Ok(Self {
            binding,
            path: file.path().to_path_buf(),
            shape: signature.shape,
            kind: signature.kind,
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
        let buffer = self.binding.input_mut();
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
        self.binding.input_mut()
    }

    /// Runs on what [`OrtModel::input_mut`] holds.
    #[inline]
    pub fn run_in_place(&mut self) -> Result<Output, InferenceError> {
        self.binding.run().map_err(|message| InferenceError::Run { message })?;
        Output::of(self.kind, self.binding.output())
    }

    /// Runs `count` times on what the input holds, whatever comes out, so that later runs find
    /// code, weights and the runtime's own memory in place.
    pub fn warm_up(&mut self, count: u32) -> Result<(), InferenceError> {
        for _ in 0..count {
            self.binding.run().map_err(|message| InferenceError::Run { message })?;
        }
        Ok(())
    }

    /// Runs every golden row and compares: each output may be `tolerance` off, times its size
    /// where that is above one.
    pub fn check_golden(&mut self, golden: &Golden, tolerance: f32) -> Result<(), InferenceError> {
        let path = self.path.clone();
        golden.check(&path, tolerance, |input| self.run(input))
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
