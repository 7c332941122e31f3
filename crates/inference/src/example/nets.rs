//! Networks over windows, put together node by node, with seeded weights.

use super::{integer, node, tensor_value, unstamped};
use crate::proto::{AttributeProto, GraphProto, TensorProto};

/// A graph in the making. Values are called by the names its methods give.
pub(crate) struct Net {
    graph: GraphProto,
    seed: u64,
    count: usize,
}

impl Net {
    /// With the input `x` of `[N, steps, features]`.
    pub(crate) fn new(steps: usize, features: usize, seed: u64) -> Self {
        let graph = GraphProto { name: Some("net".into()), ..Default::default() };
        let mut net = Self { graph, seed, count: 0 };
        net.takes(steps, features);
        net
    }

    /// Makes the input of other dimensions.
    pub(crate) fn takes(&mut self, steps: usize, features: usize) {
        let dims = [None, Some(steps as i64), Some(features as i64)];
        self.graph.input = vec![tensor_value("x", 1, &dims)];
    }

    /// From -1 to 1.
    pub(crate) fn number(&mut self) -> f32 {
        // Numerical Recipes' generator; its high bits are random enough for weights.
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("v{}", self.count)
    }

    /// Random weights of a size that keeps numbers as large as they were, `fan_in` of them summed.
    pub(crate) fn weights(&mut self, dims: &[usize], fan_in: usize) -> String {
        let scale = 1.5 / (fan_in as f32).sqrt();
        let values = (0..dims.iter().product()).map(|_| self.number() * scale).collect();
        self.constant(dims, values)
    }

    pub(crate) fn constant(&mut self, dims: &[usize], values: Vec<f32>) -> String {
        let name = self.name();
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|dim| *dim as i64).collect(),
            data_type: Some(1),
            name: Some(name.clone()),
            float_data: values,
            ..Default::default()
        });
        name
    }

    pub(crate) fn integers(&mut self, values: &[i64]) -> String {
        let name = self.name();
        self.graph.initializer.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(7),
            name: Some(name.clone()),
            int64_data: values.to_vec(),
            ..Default::default()
        });
        name
    }

    pub(crate) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let name = self.name();
        let mut made = node(operator, inputs, &name);
        made.attribute = attributes;
        self.graph.node.push(made);
        name
    }

    pub(crate) fn into_graph(self) -> GraphProto {
        self.graph
    }

    /// A convolution with random weights `[outputs, inputs, kernel...]` and biases.
    pub(crate) fn conv(
        &mut self,
        x: &str,
        outputs: usize,
        inputs: usize,
        kernel: &[usize],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let dims = [&[outputs, inputs], kernel].concat();
        let weights = self.weights(&dims, dims[1..].iter().product());
        let bias = self.weights(&[outputs], 1);
        self.node("Conv", &[x, &weights, &bias], attributes)
    }

    pub(crate) fn leaky(&mut self, x: &str) -> String {
        self.node("LeakyRelu", &[x], vec![float("alpha", 0.01)])
    }

    /// Three probabilities of a value of `[1, inputs]`.
    pub(crate) fn classes(mut self, x: &str, inputs: usize) -> Vec<u8> {
        let weights = self.weights(&[inputs, 3], inputs);
        let logits = self.node("MatMul", &[x, &weights], vec![]);
        let out = self.node("Softmax", &[&logits], vec![integer("axis", 1)]);
        self.graph.output.push(tensor_value(&out, 1, &[None, Some(3)]));
        unstamped(self.graph)
    }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: values.to_vec(),
        r#type: Some(7),
        ..Default::default()
    }
}

pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        f: Some(value),
        r#type: Some(1),
        ..Default::default()
    }
}

/// Whether layers over time lose their first and last moments, or pad them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// A window becomes shorter from layer to layer.
    Valid,
    /// Zeros stand before and behind it.
    Padded,
}

/// A network like DeepLOB's, without a contract, with weights of that seed: over `[N, steps,
/// features]`, 4 features for each level of a book. Three blocks of convolutions with so many channels
/// join price and size, the two sides, and all levels, each with two of four moments behind it; then
/// branches over one, three and five moments, the mean of each channel over time, and three
/// probabilities.
///
/// # Panics
/// If features are not a positive multiple of four, or a [`Ends::Valid`] window is no longer than the 18 rows it loses.
pub fn deep_lob(steps: usize, features: usize, channels: usize, ends: Ends, seed: u64) -> Vec<u8> {
    assert!(features > 0 && features.is_multiple_of(4), "four features for each level");
    assert!(steps > 18 || ends == Ends::Padded, "a window for layers that lose 18 moments");
    let mut net = Net::new(steps, features, seed);
    let axes = net.integers(&[1]);
    let mut x = net.node("Unsqueeze", &["x", &axes], vec![]);
    let pads = match ends {
        Ends::Valid => vec![],
        Ends::Padded => vec![ints("pads", &[1, 0, 2, 0])],
    };
    let mut inputs = 1;
    for (width, stride) in [(2, 2), (2, 2), (features / 4, 1)] {
        x = net.conv(&x, channels, inputs, &[1, width], vec![ints("strides", &[1, stride])]);
        x = net.leaky(&x);
        for _ in 0..2 {
            x = net.conv(&x, channels, channels, &[4, 1], pads.clone());
            x = net.leaky(&x);
        }
        inputs = channels;
    }
    let wide = 2 * channels;
    let mut branches = Vec::new();
    for length in [3, 5] {
        let narrow = net.conv(&x, wide, channels, &[1, 1], vec![]);
        let narrow = net.leaky(&narrow);
        let half = length as i64 / 2;
        let pads = vec![ints("pads", &[half, 0, half, 0])];
        let branch = net.conv(&narrow, wide, wide, &[length, 1], pads);
        branches.push(net.leaky(&branch));
    }
    let attributes = vec![ints("kernel_shape", &[3, 1]), ints("pads", &[1, 0, 1, 0])];
    let pooled = net.node("MaxPool", &[&x], attributes);
    let pooled = net.conv(&pooled, wide, channels, &[1, 1], vec![]);
    branches.push(net.leaky(&pooled));
    let names: Vec<&str> = branches.iter().map(String::as_str).collect();
    let joined = net.node("Concat", &names, vec![integer("axis", 1)]);
    let mean = net.node("GlobalAveragePool", &[&joined], vec![]);
    let flat = net.node("Flatten", &[&mean], vec![]);
    net.classes(&flat, 3 * wide)
}

/// An LSTM of so many units over `[N, steps, features]` and three probabilities of its last state,
/// without a contract, with weights of that seed. If it is `carried`, its states are inputs `h0` and
/// `c0` and outputs `h1` and `c1`: a model that carries state, of one step a run.
///
/// # Panics
/// If a model that carries state is to take more than one step.
pub fn lstm(steps: usize, features: usize, units: usize, carried: bool, seed: u64) -> Vec<u8> {
    assert!(steps == 1 || !carried, "a model that carries state takes a step");
    let mut net = Net::new(steps, features, seed);
    let time_first = net.node("Transpose", &["x"], vec![ints("perm", &[1, 0, 2])]);
    let gates = 4 * units;
    let w = net.weights(&[1, gates, features], features + units);
    let r = net.weights(&[1, gates, units], features + units);
    let b = net.weights(&[1, 2 * gates], features + units);
    let mut inputs = vec![time_first.as_str(), &w, &r, &b];
    if carried {
        inputs.extend(["", "h0", "c0"]);
        let dims = [Some(1), None, Some(units as i64)];
        net.graph.input.push(tensor_value("h0", 1, &dims));
        net.graph.input.push(tensor_value("c0", 1, &dims));
    }
    let mut layer = node("LSTM", &inputs, "y");
    layer.output.extend(["h1".into(), "c1".into()]);
    layer.attribute.push(integer("hidden_size", units as i64));
    net.graph.node.push(layer);
    let axes = net.integers(&[0]);
    let last = net.node("Squeeze", &["h1", &axes], vec![]);
    if carried {
        let dims = [Some(1), None, Some(units as i64)];
        net.graph.output.push(tensor_value("h1", 1, &dims));
        net.graph.output.push(tensor_value("c1", 1, &dims));
    }
    net.classes(&last, units)
}
