//! A model as the engine holds it: checked, warm, and with its name.

use crate::engine::{Engine, Runner};
use crate::signature::{OutputKind, Shape, Signature};
use crate::{Contract, InferenceError, Memory, ModelFile, Output, Refusal, RuntimeOptions};
use std::path::{Path, PathBuf};

/// How far a golden output may be off at start: float32 kernels of other releases and processors
/// sum in another order, which moves the last digits.
pub const GOLDEN_TOLERANCE: f32 = 1e-5;

/// Runs at load, before the first real one: caches and the runtime's memory arena settle within a
/// few.
const WARM_UP_RUNS: u32 = 100;

/// A model file that keeps its contract, loaded and proven on its own golden table.
#[derive(Debug)]
pub struct Model {
    path: PathBuf,
    sha256: String,
    name: String,
    version: String,
    contract: Contract,
    runner: Runner,
    engine_reason: Option<String>,
}

impl Model {
    /// Reads, checks, loads, warms up and proves the model at `path`.
    pub fn load(path: impl AsRef<Path>, options: &RuntimeOptions) -> Result<Self, InferenceError> {
        Self::from_file(&ModelFile::read(path)?, options)
    }

    /// As [`Model::load`], from a file already read.
    pub fn from_file(file: &ModelFile, options: &RuntimeOptions) -> Result<Self, InferenceError> {
        let contract = Contract::parse(file)?;
        let signature = Signature::of(file)?;
        contract.check_signature(&signature).map_err(|refusal| refusal.of(file.path()))?;
        let (mut runner, engine_reason) = Runner::choose(file, contract.golden(), options)?;
        runner.warm_up(WARM_UP_RUNS)?;
        let (name, version) = name_and_version(file.path());
        let path = file.path().to_path_buf();
        Ok(Self { path, sha256: file.sha256(), name, version, contract, runner, engine_reason })
    }

    /// The same under another name and version than its path tells.
    pub fn named(mut self, name: &str, version: &str) -> Self {
        (self.name, self.version) = (name.to_owned(), version.to_owned());
        self
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of its file, lowercase hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// `obi` for `models/obi/3/model.onnx`, else the file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `3` for `models/obi/3/model.onnx`, else `0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it was trained for.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Whether `produced` is the model's feature list, name by name in order.
    pub fn check_features(&self, produced: &[impl AsRef<str>]) -> Result<(), InferenceError> {
        let outcome = self.contract.check_features(produced);
        outcome.map_err(|mismatch| Refusal::Features(mismatch).of(&self.path))
    }

    /// What it takes.
    pub fn shape(&self) -> Shape {
        self.runner.shape()
    }

    /// What it gives.
    pub fn kind(&self) -> OutputKind {
        self.runner.kind()
    }

    /// What runs it, as in `native avx512` or `onnxruntime 1.22.1`.
    pub fn engine(&self) -> &str {
        self.runner.engine()
    }

    /// Which engine that is: native or ONNX Runtime, never auto.
    pub fn engine_kind(&self) -> Engine {
        self.runner.which()
    }

    /// Why the native engine does not run it; `None` where it does.
    pub fn engine_reason(&self) -> Option<&str> {
        self.engine_reason.as_deref()
    }

    /// What it takes in memory; ONNX Runtime does not tell.
    pub fn memory_bytes(&self) -> Option<usize> {
        self.runner.memory_bytes()
    }

    /// See [`crate::OrtModel::run`].
    #[inline]
    pub fn run(&mut self, input: &[f32]) -> Result<Output, InferenceError> {
        self.runner.run(input)
    }

    /// See [`crate::OrtModel::input_mut`].
    #[inline]
    pub fn input_mut(&mut self) -> &mut [f32] {
        self.runner.input_mut()
    }

    /// See [`crate::OrtModel::run_in_place`].
    #[inline]
    pub fn run_in_place(&mut self) -> Result<Output, InferenceError> {
        self.runner.run_in_place()
    }

    /// What the model is to keep of an instrument between runs: one for each.
    pub fn memory(&self) -> Memory {
        self.runner.memory()
    }

    /// Runs on `window`, [`Shape::values`] finite numbers with the oldest frame first. `new_rows`
    /// says how many of its last frames came since the last run with this memory, at most all. A
    /// model that carries state takes one step: `new_rows` must be 1, but for the first one since
    /// the memory was made or forgot, else [`InferenceError::StateGap`] until it forgets.
    ///
    /// # Panics
    /// If the memory is another model's.
    #[inline(never)]
    pub fn run_with(
        &mut self,
        memory: &mut Memory,
        window: &[f32],
        new_rows: usize,
    ) -> Result<Output, InferenceError> {
        self.runner.run_with(memory, window, new_rows)
    }

    /// Whether the model carries state from run to run, so that it runs with a memory only.
    pub fn is_stateful(&self) -> bool {
        !self.contract.states().is_empty()
    }

    /// See [`crate::OrtModel::warm_up`].
    pub fn warm_up(&mut self, count: u32) -> Result<(), InferenceError> {
        self.runner.warm_up(count)
    }

    /// Runs the model's golden table again, see [`crate::OrtModel::check_golden`].
    pub fn check_golden(&mut self, tolerance: f32) -> Result<(), InferenceError> {
        self.runner.check_golden(self.contract.golden(), tolerance)
    }
}

/// `models/<name>/<version>/model.onnx`, or the file's stem and `0`.
fn name_and_version(path: &Path) -> (String, String) {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let mut folders = path.ancestors().skip(1).map(Path::file_name);
    let parents = (folders.next().flatten(), folders.next().flatten(), folders.next().flatten());
    if let (Some(version), Some(name), Some(models)) = parents
        && models == "models"
        && path.file_name().is_some_and(|file| file == "model.onnx")
    {
        return (name.to_string_lossy().into_owned(), version.to_string_lossy().into_owned());
    }
    (text(path.file_stem()).unwrap_or_else(|| "model".into()), "0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: (&str, &str)) {
        let (name, version) = name_and_version(Path::new(path));
        assert_eq!((name.as_str(), version.as_str()), expected, "{path}");
    }

    #[test]
    fn names_come_from_the_path() {
        check("models/obi/3/model.onnx", ("obi", "3"));
        check("/srv/models/obi/2024-06-01/model.onnx", ("obi", "2024-06-01"));
        check("/srv/obi/3/model.onnx", ("model", "0"));
        check("models/obi/3/other.onnx", ("other", "0"));
        check("obi.v2.onnx", ("obi.v2", "0"));
        check("..", ("model", "0"));
    }
}
