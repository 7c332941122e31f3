//! Nets as files, with LSTM and GRU nodes as exporters write them.

use super::{Activation, Case, Kind};
use crate::ModelFile;
use crate::example::{node, tensor_value, unstamped};
use crate::native::tests::graphs::{floats, int, ints, string, strings};
use crate::proto::{GraphProto, NodeProto, TensorProto};
use prost::bytes::Bytes;

/// A graph in the making.
#[derive(Default)]
pub(crate) struct Net {
    pub(crate) graph: GraphProto,
}

pub(crate) fn weights(name: &str, dims: &[usize], values: Vec<f32>) -> TensorProto {
    TensorProto {
        dims: dims.iter().map(|dim| *dim as i64).collect(),
        data_type: Some(1),
        name: Some(name.to_owned()),
        float_data: values,
        ..Default::default()
    }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        dims: vec![values.len() as i64],
        data_type: Some(7),
        name: Some(name.to_owned()),
        raw_data: Some(Bytes::from(
            values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>(),
        )),
        ..Default::default()
    }
}

/// The function's name, and what it takes of the lists of alphas and betas.
fn written(function: Activation) -> (&'static str, Option<f32>, Option<f32>) {
    match function {
        Activation::Sigmoid => ("Sigmoid", None, None),
        Activation::Tanh => ("Tanh", None, None),
        Activation::Relu => ("Relu", None, None),
        Activation::Softsign => ("Softsign", None, None),
        Activation::LeakyRelu { alpha } => ("LeakyRelu", Some(alpha), None),
        Activation::HardSigmoid { alpha, beta } => ("HardSigmoid", Some(alpha), Some(beta)),
        Activation::Affine { alpha, beta } => ("Affine", Some(alpha), Some(beta)),
    }
}

impl Net {
    pub(crate) fn node(&mut self, operator: &str, inputs: &[&str], output: &str) -> &mut NodeProto {
        self.graph.node.push(node(operator, inputs, output));
        self.graph.node.last_mut().unwrap()
    }

    /// `[N, T, F]` as a recurrent node takes it.
    pub(crate) fn time_first(&mut self, from: &str, to: &str) {
        self.node("Transpose", &[from], to).attribute.push(ints("perm", &[1, 0, 2]));
    }

    /// The value in these dimensions.
    pub(crate) fn reshape(&mut self, from: &str, to: &str, dims: &[i64]) {
        let shape = format!("{to}_shape");
        self.graph.initializer.push(integers(&shape, dims));
        self.node("Reshape", &[from, &shape], to);
    }

    pub(crate) fn squeeze(&mut self, from: &str, to: &str, axis: i64) {
        let axes = format!("{to}_axes");
        self.graph.initializer.push(integers(&axes, &[axis]));
        self.node("Squeeze", &[from, &axes], to);
    }

    /// The case's layer over `x`, started from `initial` if its names are not empty; its outputs are
    /// `y`, `y_h` and `y_c` behind `prefix`.
    pub(crate) fn layer(&mut self, case: &Case, prefix: &str, x: &str, initial: [&str; 2]) {
        let (directions, hidden) = (case.reversed.len(), case.hidden);
        let gates = case.kind.gates() * hidden;
        let [w, r, b] = ["w", "r", "b"].map(|name| format!("{prefix}{name}"));
        let all = &mut self.graph.initializer;
        all.push(weights(&w, &[directions, gates, case.inputs], case.w.clone()));
        all.push(weights(&r, &[directions, gates, hidden], case.r.clone()));
        let mut inputs = vec![x, &w, &r, "", "", initial[0], initial[1]];
        if !case.b.is_empty() {
            all.push(weights(&b, &[directions, 2 * gates], case.b.clone()));
            inputs[3] = &b;
        }
        let (operator, outputs) = match case.kind {
            Kind::Lstm => ("LSTM", &["y", "y_h", "y_c"][..]),
            Kind::Gru { .. } => ("GRU", &["y", "y_h"][..]),
        };
        while inputs.last() == Some(&"") {
            inputs.pop();
        }
        let layer = self.node(operator, &inputs, "");
        layer.output = outputs.iter().map(|name| format!("{prefix}{name}")).collect();
        layer.attribute.push(int("hidden_size", hidden as i64));
        if case.kind == (Kind::Gru { linear_before_reset: true }) {
            layer.attribute.push(int("linear_before_reset", 1));
        }
        let direction = match case.reversed[..] {
            [false] => "forward",
            [true] => "reverse",
            _ => "bidirectional",
        };
        layer.attribute.push(string("direction", direction));
        if case.functions != case.kind.usual().repeat(directions) {
            let all: Vec<_> = case.functions.iter().copied().map(written).collect();
            let names: Vec<&str> = all.iter().map(|(name, ..)| *name).collect();
            let alphas = all.iter().filter_map(|(_, alpha, _)| *alpha).collect();
            let betas = all.iter().filter_map(|(_, _, beta)| *beta).collect();
            layer.attribute.extend([
                strings("activations", &names),
                floats("activation_alpha", alphas),
                floats("activation_beta", betas),
            ]);
        }
    }

    /// Gives `value`: a mean of those values, each number weighed differently.
    pub(crate) fn value_of(&mut self, parts: &[(&str, usize)]) {
        let mut sums = Vec::new();
        for (name, count) in parts {
            let [row, weight, sum] = ["row", "weight", "sum"].map(|word| format!("{name}_{word}"));
            self.reshape(name, &row, &[1, -1]);
            let values = (0..*count).map(|k| ((k as f32).sin() + 0.1) / *count as f32).collect();
            self.graph.initializer.push(weights(&weight, &[*count, 1], values));
            self.node("MatMul", &[&row, &weight], &sum);
            sums.push(sum);
        }
        let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
        self.node("Sum", &sums, "value");
        self.graph.output.insert(0, tensor_value("value", 1, &[None, Some(1)]));
    }

    /// A graph's further input or output.
    pub(crate) fn carry(&mut self, input: &str, output: &str, dims: &[Option<i64>]) {
        self.graph.input.push(tensor_value(input, 1, dims));
        self.graph.output.push(tensor_value(output, 1, dims));
    }

    pub(crate) fn of_features(dims: &[Option<i64>]) -> Self {
        let input = vec![tensor_value("features", 1, dims)];
        Self { graph: GraphProto { name: Some("net".into()), input, ..Default::default() } }
    }

    pub(crate) fn file(self) -> ModelFile {
        ModelFile::from_bytes("net.onnx", unstamped(self.graph)).unwrap()
    }
}

/// One layer over a window, of which every output counts.
pub(crate) fn one_layer(case: &Case) -> ModelFile {
    let (steps, state) = (case.steps, case.reversed.len() * case.hidden);
    let dims = [None, Some(steps as i64), Some(case.inputs as i64)];
    let mut net = Net::of_features(&dims);
    net.time_first("features", "x");
    let dims = [case.reversed.len(), 1, case.hidden];
    let mut initial = ["", ""];
    for (name, values, index) in [("h0", &case.initial_h, 0), ("c0", &case.initial_c, 1)] {
        if !values.is_empty() {
            net.graph.initializer.push(weights(name, &dims, values.clone()));
            initial[index] = name;
        }
    }
    net.layer(case, "", "x", initial);
    let parts = [("y", steps * state), ("y_h", state), ("y_c", state)];
    net.value_of(if case.kind == Kind::Lstm { &parts } else { &parts[..2] });
    net.file()
}

/// Layers one after the other, each over all that the one before gives: two directions as one row.
/// The last row of the last one counts.
pub(crate) fn stacked(cases: &[Case]) -> ModelFile {
    let steps = cases[0].steps;
    let dims = [None, Some(steps as i64), Some(cases[0].inputs as i64)];
    let mut net = Net::of_features(&dims);
    net.time_first("features", "x0");
    for (index, case) in cases.iter().enumerate() {
        let [prefix, x, next] = ["l", "x", "t"].map(|word| format!("{word}{index}"));
        net.layer(case, &prefix, &x, ["", ""]);
        let (y, x) = (format!("{prefix}y"), format!("x{}", index + 1));
        if case.reversed.len() == 1 {
            net.squeeze(&y, &x, 1);
        } else {
            net.node("Transpose", &[&y], &next).attribute.push(ints("perm", &[0, 2, 1, 3]));
            net.reshape(&next, &x, &[0, 0, -1]);
        }
    }
    let last = &cases[cases.len() - 1];
    net.time_first(&format!("x{}", cases.len()), "batch");
    let index = TensorProto { dims: Vec::new(), ..integers("last", &[-1]) };
    net.graph.initializer.push(index);
    net.node("Gather", &["batch", "last"], "row").attribute.push(int("axis", 1));
    net.value_of(&[("row", last.reversed.len() * last.hidden)]);
    net.file()
}
