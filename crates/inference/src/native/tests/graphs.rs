//! Graphs made in memory, node by node.

use crate::ModelFile;
use crate::example::tensor_value;
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
};
use prost::Message;
use prost::bytes::Bytes;

/// A graph in the making. Its input is `x`.
pub(crate) struct Builder {
    graph: GraphProto,
    opset: i64,
    seed: u32,
}

impl Builder {
    /// Of an input `[N, dims...]`.
    pub(crate) fn new(opset: i64, dims: &[i64]) -> Self {
        let dims: Vec<Option<i64>> =
            [None].into_iter().chain(dims.iter().copied().map(Some)).collect();
        let graph = GraphProto {
            name: Some("test".into()),
            input: vec![tensor_value("x", 1, &dims)],
            ..Default::default()
        };
        Self { graph, opset, seed: 1 }
    }

    /// Numbers between -1 and 1, the same ones every time.
    pub(crate) fn numbers(&mut self, count: usize) -> Vec<f32> {
        let mut next = || {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((self.seed >> 16) as u16) / 32_768.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn name(&mut self) -> String {
        format!("v{}", self.graph.node.len() + self.graph.initializer.len())
    }

    /// A float32 constant of these numbers.
    pub(crate) fn floats(&mut self, dims: &[i64], values: Vec<f32>) -> String {
        let name = self.name();
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.graph.initializer.push(TensorProto {
            dims: dims.to_vec(),
            data_type: Some(1),
            name: Some(name.clone()),
            raw_data: Some(Bytes::from(raw)),
            ..Default::default()
        });
        name
    }

    /// A float32 constant of numbers between -1 and 1.
    pub(crate) fn weights(&mut self, dims: &[i64]) -> String {
        let values = self.numbers(dims.iter().product::<i64>() as usize);
        self.floats(dims, values)
    }

    /// A list of int64.
    pub(crate) fn integers(&mut self, values: &[i64]) -> String {
        let dims = [values.len() as i64];
        self.integer_tensor(&dims, values)
    }

    /// An int64 constant.
    pub(crate) fn integer_tensor(&mut self, dims: &[i64], values: &[i64]) -> String {
        let name = self.name();
        self.graph.initializer.push(TensorProto {
            dims: dims.to_vec(),
            data_type: Some(7),
            name: Some(name.clone()),
            int64_data: values.to_vec(),
            ..Default::default()
        });
        name
    }

    /// A node; its first output. A domain stands before the operator, as in `ai.onnx.ml:Scaler`.
    pub(crate) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.nodes(operator, inputs, attributes, 1).remove(0)
    }

    /// A node with several outputs.
    pub(crate) fn nodes(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
        outputs: usize,
    ) -> Vec<String> {
        let name = self.name();
        let output: Vec<String> = (0..outputs).map(|index| format!("{name}_{index}")).collect();
        let (domain, operator) = operator.split_once(':').unwrap_or(("", operator));
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: output.clone(),
            op_type: Some(operator.to_owned()),
            domain: Some(domain.to_owned()),
            attribute,
            ..Default::default()
        });
        output
    }

    /// The file, with that output: `[N, 3]` or `[N, 1]`.
    pub(crate) fn file(mut self, output: &str, values: i64) -> ModelFile {
        self.graph.output.push(tensor_value(output, 1, &[None, Some(values)]));
        self.encode()
    }

    /// The file whose output is three sums, seeded weights each, over all numbers of the value.
    pub(crate) fn mixed(mut self, value: &str, count: usize) -> ModelFile {
        let shape = self.integers(&[1, count as i64]);
        let flat = self.node("Reshape", &[value, &shape], vec![]);
        let weights = self.weights(&[count as i64, 3]);
        let output = self.node("MatMul", &[&flat, &weights], vec![]);
        self.file(&output, 3)
    }

    /// As [`Builder::file`], with outputs of the graph's own making.
    pub(crate) fn encode(self) -> ModelFile {
        self.try_encode().unwrap()
    }

    /// As [`Builder::encode`], of what may be no file that can be read.
    pub(crate) fn try_encode(self) -> Result<ModelFile, crate::InferenceError> {
        let opset = |domain: &str, version| OperatorSetIdProto {
            domain: Some(domain.into()),
            version: Some(version),
        };
        let proto = ModelProto {
            ir_version: Some(8),
            graph: Some(self.graph),
            opset_import: vec![opset("", self.opset), opset("ai.onnx.ml", 3)],
            ..Default::default()
        };
        ModelFile::from_bytes("test.onnx", proto.encode_to_vec())
    }

    pub(crate) fn graph_mut(&mut self) -> &mut GraphProto {
        &mut self.graph
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(kind), ..Default::default() }
}

pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, 2) }
}

pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, 1) }
}

pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(Bytes::copy_from_slice(value.as_bytes())), ..attribute(name, 3) }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, 7) }
}

pub(crate) fn floats(name: &str, values: Vec<f32>) -> AttributeProto {
    AttributeProto { floats: values, ..attribute(name, 6) }
}

pub(crate) fn strings(name: &str, values: &[&str]) -> AttributeProto {
    let strings = values.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
    AttributeProto { strings, ..attribute(name, 8) }
}

/// Inputs of that many numbers, between -3 and 3, with zeros and equals among them.
pub(crate) fn inputs(rows: usize, values: usize) -> Vec<Vec<f32>> {
    let mut seed = Builder { graph: GraphProto::default(), opset: 0, seed: 7 };
    let row =
        |_| seed.numbers(values).into_iter().map(|value| (value * 24.0).round() / 8.0).collect();
    (0..rows).map(row).collect()
}
