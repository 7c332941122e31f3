//! An ONNX file, read and described without ONNX Runtime.

use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto,
};
use crate::{InferenceError, Refusal, ValueInfo};
use prost::Message;
use prost::bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest model file read: far above any model that answers within microseconds, far below
/// what would trouble the machine.
pub const MODEL_BYTES_MAX: u64 = 512 << 20;

/// A model file: its bytes, and what they say of inputs, outputs, operators and metadata.
///
/// What was checked is what runs: the runtime is given these bytes, the file is not read again.
#[derive(Clone, Debug)]
pub struct ModelFile {
    path: PathBuf,
    bytes: Bytes,
    pub(crate) proto: ModelProto,
}

impl ModelFile {
    /// Reads and parses the file, up to [`MODEL_BYTES_MAX`] bytes.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, InferenceError> {
        let path = path.as_ref().to_path_buf();
        match read_bounded(&path) {
            Ok(Some(bytes)) => Self::from_bytes(path, bytes),
            Ok(None) => Err(InferenceError::TooLarge { path, limit: MODEL_BYTES_MAX }),
            Err(source) => Err(InferenceError::Read { path, source }),
        }
    }

    /// Parses bytes already in memory; `path` is what errors and [`crate::Model`] call them.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Self, InferenceError> {
        let (path, bytes) = (path.into(), Bytes::from(bytes));
        match parse(&bytes) {
            Ok(proto) => Ok(Self { path, bytes, proto }),
            Err(refusal) => Err(refusal.of(path)),
        }
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of all of it, lowercase hex: what identifies the model in a report.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }

    /// The `metadata_props` under `key`, in file order; ONNX asks for at most one.
    pub fn metadata<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let entries = self.proto.metadata_props.iter();
        entries.filter(move |entry| entry.key() == key).map(|entry| entry.value())
    }

    /// Operator sets the model was written for: domain (empty for ONNX's own) and version.
    pub fn opsets(&self) -> impl Iterator<Item = (&str, i64)> {
        self.proto.opset_import.iter().map(|opset| (opset.domain(), opset.version()))
    }

    /// The operators it uses, subgraphs and functions included, sorted, each once; those outside
    /// ONNX's own domain as `domain:operator`.
    pub fn operators(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        visit(&self.proto, &mut |item| {
            if let Item::Node(node) = item {
                names.insert(match node.domain() {
                    "" | "ai.onnx" => node.op_type().to_owned(),
                    domain => format!("{domain}:{}", node.op_type()),
                });
            }
            Ok(())
        })
        .expect("the visitor never refuses");
        names.into_iter().collect()
    }

    /// The graph's inputs that the caller must give: those that are not weights.
    pub fn inputs(&self) -> Vec<ValueInfo> {
        let graph = self.graph();
        let weights: BTreeSet<&str> = graph.initializer.iter().map(TensorProto::name).collect();
        let inputs = graph.input.iter().filter(|input| !weights.contains(input.name()));
        inputs.map(ValueInfo::of).collect()
    }

    /// The graph's outputs.
    pub fn outputs(&self) -> Vec<ValueInfo> {
        self.graph().output.iter().map(ValueInfo::of).collect()
    }

    pub(crate) fn graph(&self) -> &GraphProto {
        self.proto.graph.as_ref().expect("a file without a graph was refused on reading")
    }
}

/// The file's bytes, `None` if they are too many: by its own account, or by what comes, since a
/// file may grow and a pipe has no length.
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > MODEL_BYTES_MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let count = file.take(MODEL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|_| count as u64 <= MODEL_BYTES_MAX))
}

/// Lowercase hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(bytes: &Bytes) -> Result<ModelProto, Refusal> {
    if let Some(what) = other_format(bytes) {
        return Err(Refusal::NotOnnx(what));
    }
    let proto = ModelProto::decode(bytes.clone())
        .map_err(|error| Refusal::Damaged(error.to_string().replace('\n', " ")))?;
    if proto.ir_version.is_none_or(|version| version < 1) {
        return Err(Refusal::NotOnnx("a file without ONNX's format version"));
    }
    let graph = proto.graph.as_ref().ok_or_else(|| Refusal::Damaged("no graph".into()))?;
    if graph.output.is_empty() {
        return Err(Refusal::Damaged("its graph gives nothing".into()));
    }
    if proto.opset_import.is_empty() {
        return Err(Refusal::Damaged("no operator set".into()));
    }
    visit(&proto, &mut |item| match item {
        Item::Tensor(tensor) if tensor.data_location() != 0 || !tensor.external_data.is_empty() => {
            Err(Refusal::ExternalData { tensor: tensor.name().to_owned() })
        }
        Item::Tensor(tensor) => check_claim(tensor, bytes.len()),
        Item::Node(_) => Ok(()),
    })?;
    Ok(proto)
}

/// Whether the file has room for what the tensor claims to hold: the smallest numbers there are take
/// half a byte. Engines hold a tensor to its exact size; this keeps them from making room for it.
fn check_claim(tensor: &TensorProto, file_bytes: usize) -> Result<(), Refusal> {
    let size = |dim: &i64| usize::try_from(*dim).ok();
    let claimed = tensor.dims.iter().try_fold(1usize, |all, dim| all.checked_mul(size(dim)?));
    if claimed.is_some_and(|claimed| claimed <= 2 * file_bytes) {
        return Ok(());
    }
    Err(Refusal::Damaged(format!(
        "the tensor `{}` claims dimensions {:?} in a file of {file_bytes} bytes",
        tensor.name(),
        tensor.dims
    )))
}

/// Names the formats most often given in ONNX's place.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("empty");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Some("a zip archive (a PyTorch or Keras checkpoint?)");
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Some("a Git LFS pointer (fetch the file with `git lfs pull`)");
    }
    if matches!(bytes, [0x80, 2..=5, ..]) {
        return Some("a Python pickle");
    }
    if bytes.get(4..8) == Some(b"ORTM") {
        return Some("an ONNX Runtime .ort file (use the .onnx it was made from)");
    }
    None
}

/// What [`visit`] meets.
enum Item<'a> {
    Node(&'a NodeProto),
    Tensor(&'a TensorProto),
}

type Visitor<'v> = dyn FnMut(Item<'_>) -> Result<(), Refusal> + 'v;

/// Walks every node and weight, wherever it hides: subgraphs of attributes, functions, sparse
/// weights. Recursion is bounded by prost's own limit on nesting.
fn visit(proto: &ModelProto, visitor: &mut Visitor<'_>) -> Result<(), Refusal> {
    proto.functions.iter().try_for_each(|function| visit_nodes(&function.node, visitor))?;
    proto.graph.iter().try_for_each(|graph| visit_graph(graph, visitor))
}

fn visit_graph(graph: &GraphProto, visitor: &mut Visitor<'_>) -> Result<(), Refusal> {
    graph.initializer.iter().try_for_each(|tensor| visitor(Item::Tensor(tensor)))?;
    graph.sparse_initializer.iter().try_for_each(|sparse| visit_sparse(sparse, visitor))?;
    visit_nodes(&graph.node, visitor)
}

fn visit_nodes(nodes: &[NodeProto], visitor: &mut Visitor<'_>) -> Result<(), Refusal> {
    for node in nodes {
        visitor(Item::Node(node))?;
        node.attribute.iter().try_for_each(|attribute| visit_attribute(attribute, visitor))?;
    }
    Ok(())
}

fn visit_attribute(attribute: &AttributeProto, visitor: &mut Visitor<'_>) -> Result<(), Refusal> {
    let tensors = attribute.t.iter().chain(&attribute.tensors);
    tensors.into_iter().try_for_each(|tensor| visitor(Item::Tensor(tensor)))?;
    let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
    sparse.into_iter().try_for_each(|sparse| visit_sparse(sparse, visitor))?;
    let graphs = attribute.g.iter().chain(&attribute.graphs);
    graphs.into_iter().try_for_each(|graph| visit_graph(graph, visitor))
}

fn visit_sparse(sparse: &SparseTensorProto, visitor: &mut Visitor<'_>) -> Result<(), Refusal> {
    let tensors = sparse.values.iter().chain(&sparse.indices);
    tensors.into_iter().try_for_each(|tensor| visitor(Item::Tensor(tensor)))
}
