//! Models made in memory: for doc examples, and for the tests and measurements of whatever runs
//! models. Tiny ones with a contract, and larger ones without.

mod forest;
pub(crate) mod nets;

pub use forest::forest;
pub use nets::{Ends, deep_lob, lstm};

use crate::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::stamp::splice;
use crate::{Contract, Golden};
use prost::Message;

/// Probabilities of down, flat and up, `softmax(-m, 0, m)`, where m is the mean of all inputs: the
/// score rises with it and is zero at zero. Takes `[N, F]` if `steps` is 1, else `[N, steps, F]`.
///
/// # Panics
/// If the features are not ones a contract may list, or `steps` is zero.
pub fn classifier(features: &[&str], steps: usize) -> Vec<u8> {
    let count = features.len() * steps;
    let weights = (0..count).flat_map(|_| [-1.0, 0.0, 1.0].map(|w| w / count as f32)).collect();
    let mut graph = linear(features.len(), steps, weights, "logits");
    let mut softmax = node("Softmax", &["logits"], "probabilities");
    softmax.attribute.push(integer("axis", 1));
    graph.node.push(softmax);
    graph.output.push(tensor_value("probabilities", 1, &[None, Some(3)]));
    stamped(graph, features, steps, |mean| {
        let exponents = [-mean, 0.0, mean].map(f32::exp);
        let sum: f32 = exponents.iter().sum();
        exponents.map(|e| e / sum).to_vec()
    })
}

/// One value: the mean of all inputs. Takes what [`classifier`] takes.
///
/// # Panics
/// As [`classifier`].
pub fn regressor(features: &[&str], steps: usize) -> Vec<u8> {
    let count = features.len() * steps;
    let mut graph = linear(features.len(), steps, vec![1.0 / count as f32; count], "value");
    graph.output.push(tensor_value("value", 1, &[None, Some(1)]));
    stamped(graph, features, steps, |mean| vec![mean])
}

/// `output = flatten(features) x weights`, without an output declared yet.
pub(crate) fn linear(features: usize, steps: usize, weights: Vec<f32>, output: &str) -> GraphProto {
    assert!(steps > 0, "a window has at least one frame");
    let rows = features * steps;
    let (f, t) = (Some(features as i64), Some(steps as i64));
    let dims = if steps == 1 { vec![None, f] } else { vec![None, t, f] };
    let weight = TensorProto {
        dims: vec![rows as i64, (weights.len() / rows) as i64],
        data_type: Some(1),
        name: Some("weights".into()),
        float_data: weights,
        ..Default::default()
    };
    let mut graph = GraphProto {
        name: Some("tickhawk_example".into()),
        initializer: vec![weight],
        input: vec![tensor_value("features", 1, &dims)],
        ..Default::default()
    };
    let mut input = "features";
    if steps > 1 {
        graph.node.push(node("Flatten", &[input], "flat"));
        input = "flat";
    }
    graph.node.push(node("Gemm", &[input, "weights"], output));
    graph
}

pub(crate) fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: Some(operator.to_owned()),
        ..Default::default()
    }
}

pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(2),
        ..Default::default()
    }
}

/// A graph's input or output; `None` is a free dimension.
pub(crate) fn tensor_value(name: &str, element: i32, dims: &[Option<i64>]) -> ValueInfoProto {
    let dimension = |dim: &Option<i64>| DimensionProto {
        dim_value: *dim,
        dim_param: if dim.is_none() { Some("N".into()) } else { None },
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dimension).collect() };
    let tensor = TensorTypeProto { elem_type: Some(element), shape: Some(shape) };
    let kind = TypeProto { tensor: Some(tensor), ..Default::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(kind) }
}

/// The file of a graph, without a contract. Operator set 13 is what every runtime since 2020 knows.
pub(crate) fn unstamped(graph: GraphProto) -> Vec<u8> {
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(13) };
    ModelProto {
        ir_version: Some(8),
        producer_name: Some("tickhawk".into()),
        graph: Some(graph),
        opset_import: vec![opset],
        ..Default::default()
    }
    .encode_to_vec()
}

fn stamped(
    graph: GraphProto,
    features: &[&str],
    steps: usize,
    outcome: impl Fn(f32) -> Vec<f32>,
) -> Vec<u8> {
    let count = features.len() * steps;
    let rows = [-0.5f32, 0.0, 1.0];
    let golden = Golden {
        inputs: rows.iter().map(|value| vec![*value; count]).collect(),
        outputs: rows.iter().map(|value| outcome(*value)).collect(),
    };
    let features = features.iter().map(|name| (*name).to_owned()).collect();
    let contract = Contract::new(features, "example".into(), 1000, None, golden)
        .expect("the caller names features a contract may list");
    splice(&unstamped(graph), &contract.entries()).expect("what was just encoded is well formed")
}
