//! Tests over models encoded here, by hand, field by field.

mod contracts;
mod files;
mod runs;
mod stamps;
mod states;
mod stores;
mod successors;

use crate::example::{linear, node, tensor_value, unstamped};
use crate::proto::{GraphProto, ModelProto, StringStringEntryProto};
use crate::{Contract, Golden, InferenceError, ModelFile, Refusal};
use prost::Message;

/// Four features; what a model of theirs takes is `[N, 4]`.
const FEATURES: [&str; 4] = ["obi_5", "spread_ticks", "ofi_1@1s", "obi_5_z@60s"];

fn names(features: &[&str]) -> Vec<String> {
    features.iter().map(|name| (*name).to_owned()).collect()
}

/// A contract over [`FEATURES`] with one golden row of zeros.
fn contract(outputs: &[f32]) -> Contract {
    let golden = Golden { inputs: vec![vec![0.0; 4]], outputs: vec![outputs.to_vec()] };
    Contract::new(names(&FEATURES), "mid_return@1s".into(), 1000, None, golden).unwrap()
}

/// `[N, 4]` to softmax of `x W`, with `W[i][j] = (i + 1) (j - 1) / 4`.
fn classes_graph() -> GraphProto {
    let weights = (0..4).flat_map(|i| [-1.0, 0.0, 1.0].map(|w| w * (i + 1) as f32 / 4.0)).collect();
    let mut graph = linear(4, 1, weights, "logits");
    let mut softmax = node("Softmax", &["logits"], "probabilities");
    softmax.attribute.push(crate::example::integer("axis", 1));
    graph.node.push(softmax);
    graph.output.push(tensor_value("probabilities", 1, &[None, Some(3)]));
    graph
}

/// `[N, 4]` to `[N, 1]`: `x0 + 2 x1 + 3 x2 + 4 x3`.
fn value_graph() -> GraphProto {
    let mut graph = linear(4, 1, vec![1.0, 2.0, 3.0, 4.0], "value");
    graph.output.push(tensor_value("value", 1, &[None, Some(1)]));
    graph
}

/// A parsed file of the graph, without a contract.
fn file(graph: GraphProto) -> ModelFile {
    ModelFile::from_bytes("test.onnx", unstamped(graph)).unwrap()
}

/// The file with these metadata entries and no others.
fn with_metadata(graph: GraphProto, entries: &[(&str, &str)]) -> ModelFile {
    let mut proto = ModelProto::decode(unstamped(graph).as_slice()).unwrap();
    proto.metadata_props = entries
        .iter()
        .map(|(key, value)| StringStringEntryProto {
            key: Some((*key).into()),
            value: Some((*value).into()),
        })
        .collect();
    ModelFile::from_bytes("test.onnx", proto.encode_to_vec()).unwrap()
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, InferenceError>) -> Refusal {
    match outcome.unwrap_err() {
        InferenceError::Refused { refusal, .. } => *refusal,
        other => panic!("not a refusal: {other}"),
    }
}
