//! ONNX models: the contract in the file, and runs on the native engine or over ONNX Runtime.
//!
//! Contract: after [`Model::load`], [`Model::run`] allocates nothing on Rust's side, takes no lock,
//! reads no clock, starts no thread and never spins; what ONNX Runtime itself allocates is not
//! visible from here. Loading is cold: it reads the file, compiles its graph for the native engine
//! or starts the runtime (once per process), and proves the model on its own golden table. A model is [`Send`] and used by one thread at a time.
//! Bounds: [`MODEL_BYTES_MAX`], [`FEATURES_MAX`], [`STEPS_MAX`].
//!
//! Four ways in. [`ModelFile`] describes any ONNX file without the runtime; [`Contract`] is what
//! Tickhawk keeps in its metadata, and [`stamp`] writes it; [`Model`] is what an engine runs, and
//! [`Engine`] says which: a [`NativeModel`] where the graph compiles to one, else an [`OrtModel`]; a
//! [`Store`] is a folder of models in which one version of each is in use. A [`Worker`] runs a model in
//! another process, which may crash or hang.
//!
//! ```
//! use tickhawk_inference::{Contract, Model, ModelFile, Output, RuntimeOptions, example};
//!
//! # fn main() -> Result<(), tickhawk_inference::InferenceError> {
//! let bytes = example::classifier(&["obi_5", "spread_ticks"], 1);
//! let file = ModelFile::from_bytes("models/example/1/model.onnx", bytes)?;
//! let contract = Contract::parse(&file)?;
//! assert!(contract.check_features(&["obi_5"]).unwrap_err().missing == ["spread_ticks"]);
//!
//! let mut model = Model::from_file(&file, &RuntimeOptions::default())?;
//! assert_eq!((model.name(), model.version()), ("example", "1"));
//! let output = model.run(&[0.8, 0.2])?;
//! assert!(matches!(output, Output::Classes { .. }));
//! assert!(output.score() > 0.0);
//! # Ok(())
//! # }
//! ```
//!
//! What it refuses: a model without a contract, or whose features, order, schema hash, shape,
//! number type or golden table disagree with it ([`Refusal`] names the difference); weights outside
//! the file; more than one input that is not a carried state; batches; a second ONNX Runtime in the
//! process; and an output that is not finite, which is an error and never a score.
#![deny(unsafe_code)]

mod contract;
mod engine;
mod error;
pub mod example;
mod library;
mod library_error;
mod model;
mod model_file;
mod native;
mod onnx_runtime;
mod output;
mod proto;
mod signature;
mod stamp;
mod store;
mod store_error;
mod successor;
mod sys;
mod value;
mod worker;

pub use contract::{Contract, Golden};
pub use engine::Engine;
pub use error::{FeatureMismatch, InferenceError, OrderDifference, Refusal};
pub use library::{Runtime, RuntimeOptions};
pub use library_error::LibraryError;
pub use model::{GOLDEN_TOLERANCE, Model};
pub use model_file::{MODEL_BYTES_MAX, ModelFile};
pub use native::{Isa, Memory, NativeModel, Unsupported};
pub use onnx_runtime::OrtModel;
pub use output::Output;
pub use signature::{FEATURES_MAX, OutputKind, STEPS_MAX, Shape, Signature, State};
pub use stamp::stamp;
pub use store::{InUse, Store};
pub use store_error::StoreError;
pub use successor::{Incumbent, Unlike};
pub use value::{Dim, ValueInfo, ValueKind};
pub use worker::{
    Loaded, Outcome, Reply, Worker, WorkerCommand, WorkerCounts, WorkerError, WorkerOptions,
    WorkerPool, serve_runs, serve_worker,
};

#[cfg(test)]
mod tests;
