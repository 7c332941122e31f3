//! Which engine runs a model: the native one where it can, else ONNX Runtime.

use crate::contract::Golden;
use crate::{
    GOLDEN_TOLERANCE, InferenceError, Memory, ModelFile, NativeModel, OrtModel, Output, OutputKind,
    Refusal, RuntimeOptions, Shape,
};
use std::fmt;

/// Which engine is to run a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The native one where it compiles the graph and agrees with the golden table, else ONNX
    /// Runtime, which is not even loaded otherwise.
    #[default]
    Auto,
    /// The native one: a graph it does not compile is refused.
    Native,
    /// ONNX Runtime.
    OnnxRuntime,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Native, Self::OnnxRuntime];

    /// The word for it: `auto`, `native` or `onnxruntime`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::OnnxRuntime => "onnxruntime",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == word)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A model in the engine that runs it.
#[derive(Debug)]
pub(crate) enum Runner {
    Native(Box<NativeModel>),
    OnnxRuntime(Box<OrtModel>),
}

/// Passes a call on to whichever engine there is.
macro_rules! either {
    ($runner:expr, $model:ident => $call:expr) => {
        match $runner {
            Runner::Native($model) => $call,
            Runner::OnnxRuntime($model) => $call,
        }
    };
}

impl Runner {
    /// The engine of the options with the golden table proven on it; and why it is not the native
    /// one, if it is not.
    pub(crate) fn choose(
        file: &ModelFile,
        golden: &Golden,
        options: &RuntimeOptions,
    ) -> Result<(Self, Option<String>), InferenceError> {
        let reason = match options.engine {
            Engine::OnnxRuntime => "asked for".to_owned(),
            Engine::Native => return Ok((Self::native(file, golden)?, None)),
            Engine::Auto => match Self::native(file, golden) {
                Ok(native) => return Ok((native, None)),
                Err(InferenceError::Refused { refusal, .. }) => refusal.reason(),
                Err(other) => other.to_string(),
            },
        };
        let mut model = OrtModel::load(file, options)?;
        model.check_golden(golden, GOLDEN_TOLERANCE)?;
        Ok((Self::OnnxRuntime(Box::new(model)), Some(reason)))
    }

    fn native(file: &ModelFile, golden: &Golden) -> Result<Self, InferenceError> {
        let refused = |unsupported| Refusal::Native(unsupported).of(file.path());
        let mut model = NativeModel::compile(file).map_err(refused)?;
        model.check_golden(golden, GOLDEN_TOLERANCE)?;
        Ok(Self::Native(Box::new(model)))
    }

    pub(crate) fn memory_bytes(&self) -> Option<usize> {
        match self {
            Self::Native(model) => Some(model.memory_bytes()),
            Self::OnnxRuntime(_) => None,
        }
    }

    pub(crate) fn which(&self) -> Engine {
        match self {
            Self::Native(_) => Engine::Native,
            Self::OnnxRuntime(_) => Engine::OnnxRuntime,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        either!(self, model => model.shape())
    }

    pub(crate) fn kind(&self) -> OutputKind {
        either!(self, model => model.kind())
    }

    pub(crate) fn engine(&self) -> &str {
        either!(self, model => model.engine())
    }

    #[inline]
    pub(crate) fn run(&mut self, input: &[f32]) -> Result<Output, InferenceError> {
        either!(self, model => model.run(input))
    }

    #[inline]
    pub(crate) fn input_mut(&mut self) -> &mut [f32] {
        either!(self, model => model.input_mut())
    }

    #[inline]
    pub(crate) fn run_in_place(&mut self) -> Result<Output, InferenceError> {
        either!(self, model => model.run_in_place())
    }

    pub(crate) fn memory(&self) -> Memory {
        either!(self, model => model.memory())
    }

    #[inline]
    pub(crate) fn run_with(
        &mut self,
        memory: &mut Memory,
        window: &[f32],
        new_rows: usize,
    ) -> Result<Output, InferenceError> {
        either!(self, model => model.run_with(memory, window, new_rows))
    }

    pub(crate) fn warm_up(&mut self, count: u32) -> Result<(), InferenceError> {
        either!(self, model => model.warm_up(count))
    }

    pub(crate) fn check_golden(
        &mut self,
        golden: &Golden,
        tolerance: f32,
    ) -> Result<(), InferenceError> {
        either!(self, model => model.check_golden(golden, tolerance))
    }
}
