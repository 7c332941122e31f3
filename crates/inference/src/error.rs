//! What can go wrong, said so that the reader can act.

use crate::{LibraryError, Unlike, Unsupported};
use std::fmt;
use std::path::PathBuf;

/// A failure of this crate. Every text ends with a `hint:` line where there is something to try.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The file could not be read: check the path and its permissions.
    #[error("cannot read model `{}`", path.display())]
    Read {
        /// The model file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is beyond [`crate::MODEL_BYTES_MAX`]: it is not a model for this engine.
    #[error("model `{}` is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The model file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// The file was read and is not a model this engine may run: the refusal says why.
    #[error("model `{}` {refusal}", path.display())]
    Refused {
        /// The model file.
        path: PathBuf,
        /// The difference between what is there and what must be.
        refusal: Box<Refusal>,
    },
    /// ONNX Runtime itself could not be had.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// ONNX Runtime read the model and does not accept it: export it again, for an opset this
    /// runtime knows.
    #[error(
        "model `{}` is not accepted by ONNX Runtime {version}: {message}\n\
         hint: export it for an opset that version knows, or point ORT_DYLIB_PATH at a newer one",
        path.display()
    )]
    Session {
        /// The model file.
        path: PathBuf,
        /// The runtime's version.
        version: String,
        /// What it said.
        message: String,
    },
    /// A run failed inside ONNX Runtime. The next one may succeed; a model that does this often
    /// is broken.
    #[error("ONNX Runtime failed on a run: {message}")]
    Run {
        /// What it said.
        message: String,
    },
    /// The model gave NaN or infinity for finite features: no signal may be made of it.
    #[error("the model's output is not finite")]
    NonFinite,
    /// A model that carries state was run with other than one new row since the last run of its
    /// memory, or after a run that failed: what lies between is missing. Forget it first.
    #[error("the model carries state, and a row before this one is missing ({new_rows} are new)")]
    StateGap {
        /// Rows since the last run.
        new_rows: usize,
    },
    /// A model that carries state was run without a [`crate::Memory`]: a mistake of the program.
    #[error("the model carries state: it runs with a memory only")]
    NeedsMemory,
    /// The caller's vector is not as long as the model's input: a mistake of the program.
    #[error("an input of {got} values for a model that takes {expected}")]
    InputLength {
        /// What the model takes.
        expected: usize,
        /// What came.
        got: usize,
    },
}

/// Why a file that could be read is refused. The text continues a sentence that names the file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Not ONNX at all.
    #[error("is not an ONNX file: it is {0}")]
    NotOnnx(&'static str),
    /// ONNX by its beginning, but broken off or altered: fetch or export it again.
    #[error("is truncated or damaged: {0}\nhint: compare its size with the original's")]
    Damaged(String),
    /// Weights outside the file: save the model with them inside.
    #[error(
        "keeps the tensor `{tensor}` outside the file\n\
         hint: save it as one file, e.g. `onnx.save(model, path, save_as_external_data=False)`"
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
    },
    /// The contract is not in the file, or not all of it: stamp the model.
    #[error("has no `{key}` in its metadata\nhint: write the contract with `tickhawk model stamp`")]
    MissingKey {
        /// The metadata key.
        key: &'static str,
    },
    /// A contract entry that does not say what it must.
    #[error("has a wrong `{key}` in its metadata: {detail}")]
    BadValue {
        /// The metadata key.
        key: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The hash and the list were not written together: stamp the model again.
    #[error(
        "has `tickhawk.schema` {stored}, but its feature list hashes to {computed}\n\
         hint: the list was edited after stamping; stamp the model again"
    )]
    SchemaMismatch {
        /// The hash in the file.
        stored: String,
        /// The hash of the list in the file.
        computed: String,
    },
    /// The model's features are not the ones this build produces.
    #[error("{0}")]
    Features(Box<FeatureMismatch>),
    /// The model takes or gives something else than the one in whose place it was to come.
    #[error("{0}")]
    Unlike(Box<Unlike>),
    /// The feature list and the graph's input disagree.
    #[error("lists {listed} features, but its input is {input}")]
    FeatureCount {
        /// Names in the contract.
        listed: usize,
        /// The graph's input.
        input: String,
    },
    /// More or fewer than one input.
    #[error("has {count} inputs ({names}), exactly one is supported")]
    InputCount {
        /// How many.
        count: usize,
        /// Their names.
        names: String,
    },
    /// The input's numbers are not float32.
    #[error("takes {found}, the input must be float32")]
    InputType {
        /// The graph's input.
        found: String,
    },
    /// The input's shape is not one this engine can fill.
    #[error(
        "takes {found}, the input must be [N, F] or [N, T, F] with N free or 1 and the rest fixed"
    )]
    InputShape {
        /// The graph's input.
        found: String,
    },
    /// No output this engine can read.
    #[error(
        "gives {found}, it must give float32 probabilities [N, 3] (down, flat, up) or one float32 \
         value [N, 1] or [N]"
    )]
    OutputShape {
        /// The graph's outputs.
        found: String,
    },
    /// An output of the right shape whose numbers are not float32.
    #[error("gives {found}, the output must be float32\nhint: cast it inside the graph")]
    OutputType {
        /// The graph's output.
        found: String,
    },
    /// Several outputs that would all do.
    #[error("gives {found}: several outputs could be the score, keep one")]
    OutputAmbiguous {
        /// The graph's outputs.
        found: String,
    },
    /// Probabilities as a sequence of maps.
    #[error(
        "gives its probabilities as a sequence of maps\n\
         hint: export it with zipmap off, e.g. skl2onnx `options={{'zipmap': False}}` or \
         onnxmltools `zipmap=False`"
    )]
    ZipMap,
    /// The native engine was asked for, and does not run this graph.
    #[error(
        "is not run by the native engine: {0}\nhint: with `engine = \"auto\"` such a model runs on \
         ONNX Runtime"
    )]
    Native(Unsupported),
    /// A state that the graph does not have: stamp the model with the names it was exported with.
    #[error("carries state in its {side} `{name}`, but its {side}s are {found}")]
    StateMissing {
        /// `input` or `output`.
        side: &'static str,
        /// The name in the contract.
        name: String,
        /// The graph's inputs or outputs.
        found: String,
    },
    /// A state whose numbers are not float32.
    #[error("carries state in {found}, states must be float32")]
    StateType {
        /// The graph's input or output.
        found: String,
    },
    /// A state whose shape is unknown, too large, or not fixed but for a batch.
    #[error(
        "carries state in {found}, every dimension must be fixed, but for a batch, and there may \
         be at most {limit} numbers"
    )]
    StateShape {
        /// The graph's input or output.
        found: String,
        /// The bound.
        limit: usize,
    },
    /// A state that comes out in another shape than it goes in.
    #[error("carries state from {output} to {input}, which differ")]
    StateDiffers {
        /// The graph's output.
        output: String,
        /// The graph's input.
        input: String,
    },
    /// A window for a model that carries what came before.
    #[error(
        "carries state and takes {found}: it must take one frame, [N, F] or [N, 1, F]\n\
         hint: export one step of the network, with the states as inputs and outputs"
    )]
    StateWindow {
        /// The graph's input.
        found: String,
    },
    /// The model's own example does not come out: it was altered after stamping, or this runtime
    /// computes it differently.
    #[error(
        "gives {got} for golden row {row}, output {column}, where it must give {expected} within \
         {tolerance}\nhint: stamp it again if the weights were changed on purpose"
    )]
    Golden {
        /// Row of the golden table, from 0.
        row: usize,
        /// Which of the row's outputs, from 0.
        column: usize,
        /// The table's value.
        expected: f32,
        /// The runtime's.
        got: f32,
        /// How far they may be apart.
        tolerance: f32,
    },
}

impl Refusal {
    /// As an error about the model at `path`.
    pub fn of(self, path: impl Into<PathBuf>) -> InferenceError {
        InferenceError::Refused { path: path.into(), refusal: Box::new(self) }
    }

    /// Why the native engine does not run the model, in one line.
    pub(crate) fn reason(&self) -> String {
        let text = match self {
            Self::Native(unsupported) => unsupported.to_string(),
            other => other.to_string(),
        };
        text.lines().next().unwrap_or_default().to_owned()
    }
}

/// How the features a model expects differ from those on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureMismatch {
    /// How many the model expects.
    pub expected_count: usize,
    /// How many are on offer.
    pub produced_count: usize,
    /// Expected, not on offer; in the model's order.
    pub missing: Vec<String>,
    /// On offer, not expected; in the order on offer.
    pub surplus: Vec<String>,
    /// If the names are the same: the first place where their order differs.
    pub order: Option<OrderDifference>,
    /// The model's schema hash.
    pub schema: String,
}

/// The first place where two feature lists of the same names differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderDifference {
    /// Place in the list, from 0.
    pub index: usize,
    /// The model's feature there.
    pub expected: String,
    /// The feature on offer there.
    pub produced: String,
}

impl std::error::Error for FeatureMismatch {}

impl fmt::Display for FeatureMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expects {} features, this build produces {}",
            self.expected_count, self.produced_count
        )?;
        for (word, names) in [("missing", &self.missing), ("surplus", &self.surplus)] {
            if !names.is_empty() {
                write!(f, "\n  {word}: `{}`", names.join("`, `"))?;
            }
        }
        if let Some(order) = &self.order {
            write!(
                f,
                "\n  order: feature {} is `{}` in the model, `{}` here",
                order.index, order.expected, order.produced
            )?;
        }
        let schema = self.schema.get(..8).unwrap_or(&self.schema);
        write!(
            f,
            "\nhint: leave `features` out of the configuration to take the model's own list \
             (schema {schema})"
        )
    }
}
