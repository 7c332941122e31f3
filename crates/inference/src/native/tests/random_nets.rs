//! Networks over windows, made at random.

use crate::ModelFile;
use crate::example::integer;
use crate::example::nets::{Net, float, ints};
use crate::proto::AttributeProto;

impl Net {
    fn transpose(&mut self, x: &str, permutation: &[i64]) -> String {
        self.node("Transpose", &[x], vec![ints("perm", permutation)])
    }

    fn reshape(&mut self, x: &str, dims: &[i64]) -> String {
        let dims = self.integers(dims);
        self.node("Reshape", &[x, &dims], vec![])
    }
}

fn text(name: &str, value: &'static str) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        s: Some(value.as_bytes().into()),
        r#type: Some(3),
        ..Default::default()
    }
}

/// A value of `[1, channels, time]` or `[1, channels, time, width]`.
#[derive(Clone)]
struct Value {
    name: String,
    channels: usize,
    time: usize,
    /// Zero where there is no such axis.
    width: usize,
}

/// A network in the making, and the dice.
struct Maker {
    net: Net,
}

impl Maker {
    /// A number below the bound; 0 if there is none.
    fn below(&mut self, bound: usize) -> usize {
        let number = (self.net.number() + 1.0) / 2.0;
        ((number * bound as f32) as usize).min(bound.saturating_sub(1))
    }

    fn among<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Kernel, dilation, stride and pads along an axis of that size, and how many positions are left.
    fn slide(&mut self, size: usize) -> Option<([usize; 3], [usize; 2], usize)> {
        let (kernel, dilation) = (1 + self.below(5), self.among(&[1, 1, 1, 2, 3]));
        let stride = self.among(&[1, 1, 1, 1, 1, 2, 3]);
        let span = (kernel - 1) * dilation + 1;
        let pad = match self.below(4) {
            0 | 1 => [0, 0],
            2 => [span - 1, 0],
            _ => [self.below(span), self.below(span)],
        };
        let room = (size + pad[0] + pad[1]).checked_sub(span)?;
        Some(([kernel, dilation, stride], pad, room / stride + 1))
    }

    /// A convolution or a pool, unless it does not fit.
    fn window(&mut self, x: &Value, pools: bool) -> Option<Value> {
        let mut axes = vec![self.slide(x.time)?];
        if x.width > 0 {
            axes.push(self.slide(x.width)?);
        }
        let list = |index: usize| -> Vec<i64> {
            axes.iter().map(|(sizes, ..)| sizes[index] as i64).collect()
        };
        let side = |side: usize| axes.iter().map(move |(_, pad, _)| pad[side] as i64);
        let pads: Vec<i64> = side(0).chain(side(1)).collect();
        let mut attributes =
            vec![ints("kernel_shape", &list(0)), ints("strides", &list(2)), ints("pads", &pads)];
        let mut made =
            Value { time: axes[0].2, width: axes.get(1).map_or(0, |axis| axis.2), ..x.clone() };
        let kernel: Vec<usize> = axes.iter().map(|(sizes, ..)| sizes[0]).collect();
        // ONNX Runtime refuses a pool whose padding is as long as its kernel.
        if pools && axes.iter().any(|([kernel, ..], pad, _)| pad.iter().max() >= Some(kernel)) {
            return None;
        }
        if pools {
            let operator = self.among(&["MaxPool", "AveragePool"]);
            if operator == "MaxPool" {
                attributes.push(ints("dilations", &list(1)));
                // Else some windows would see padding alone, which is refused.
                axes.iter().all(|(sizes, pad, _)| sizes[1] == 1 || *pad == [0, 0]).then_some(())?;
            } else {
                axes.iter().all(|(sizes, ..)| sizes[1] == 1).then_some(())?;
                attributes.push(integer("count_include_pad", self.below(2) as i64));
            }
            made.name = self.net.node(operator, &[&x.name], attributes);
            return Some(made);
        }
        attributes.push(ints("dilations", &list(1)));
        let groups = match self.below(5) {
            0 => x.channels,
            1 if x.channels.is_multiple_of(2) => 2,
            _ => 1,
        };
        made.channels = groups * (1 + self.below(40 / groups));
        attributes.push(integer("group", groups as i64));
        let inputs = x.channels / groups;
        made.name = self.net.conv(&x.name, made.channels, inputs, &kernel, attributes);
        Some(made)
    }

    /// Something that leaves dimensions as they are.
    fn same(&mut self, x: &Value) -> Value {
        let spread = if x.width > 0 { vec![x.channels, 1, 1] } else { vec![x.channels, 1] };
        let name = match self.below(9) {
            0 => self.net.node("Relu", &[&x.name], vec![]),
            1 | 2 => self.net.leaky(&x.name),
            3 => self.net.node("Tanh", &[&x.name], vec![]),
            4 => {
                let factors = self.net.weights(&spread, 1);
                self.net.node("Mul", &[&x.name, &factors], vec![])
            }
            5 => {
                let summands = self.net.weights(&[1], 1);
                self.net.node("Sub", &[&summands, &x.name], vec![])
            }
            6 => self.normal(&x.name, x.channels),
            7 => {
                let squashed = self.net.node("Sigmoid", &[&x.name], vec![]);
                self.net.node("Mul", &[&x.name, &squashed], vec![])
            }
            _ => {
                let kernel = vec![1; if x.width > 0 { 2 } else { 1 }];
                let other = self.net.conv(&x.name, x.channels, x.channels, &kernel, vec![]);
                let other = self.normal(&other, x.channels);
                let other = self.net.leaky(&other);
                self.net.node("Add", &[&other, &x.name], vec![])
            }
        };
        Value { name, ..x.clone() }
    }

    fn normal(&mut self, x: &str, channels: usize) -> String {
        let parts: Vec<String> = (0..4)
            .map(|part| {
                let values = (0..channels).map(|_| self.net.number() * 0.5);
                let values = values.map(|v| if part == 3 { v + 1.0 } else { v }).collect();
                self.net.constant(&[channels], values)
            })
            .collect();
        let inputs = [x, &parts[0], &parts[1], &parts[2], &parts[3]];
        self.net.node("BatchNormalization", &inputs, vec![float("epsilon", 1e-3)])
    }

    /// What moves numbers and joins values.
    fn moved(&mut self, x: &Value) -> Option<Value> {
        let mut made = x.clone();
        match self.below(4) {
            0 => {
                let narrow = self.below(2) as i64;
                let attributes = vec![text("auto_pad", "SAME_UPPER")];
                let other = Value { channels: 1 + self.below(20), ..x.clone() };
                let kernel = vec![2 + narrow as usize; if x.width > 0 { 2 } else { 1 }];
                let name = self.net.conv(&x.name, other.channels, x.channels, &kernel, attributes);
                made.name =
                    self.net.node("Concat", &[&x.name, &name, &x.name], vec![integer("axis", 1)]);
                made.channels = 2 * x.channels + other.channels;
            }
            1 => {
                // The end of time is cut off, as causal networks do it after padding both sides.
                let cut = self.below(3).min(x.time - 1);
                let start = self.below(2).min(x.time - cut - 1);
                let bounds = [start as i64, -(cut as i64), 2];
                let bounds = if cut == 0 { [start as i64, i64::MAX, 2] } else { bounds };
                let [a, b, c] = bounds.map(|value| self.net.integers(&[value]));
                made.name = self.net.node("Slice", &[&x.name, &a, &b, &c], vec![]);
                made.time = x.time - cut - start;
            }
            2 => {
                let mut pads = vec![0; if x.width > 0 { 8 } else { 6 }];
                let half = pads.len() / 2;
                for at in [2, half + 2, half - 1] {
                    pads[at] = self.below(3) as i64;
                }
                made.time += (pads[2] + pads[half + 2]) as usize;
                if x.width > 0 {
                    made.width += (pads[3] + pads[7]) as usize;
                }
                let pads = self.net.integers(&pads);
                // ONNX Runtime makes the pad a pool's own where one follows, and may then refuse it.
                let padded = self.net.node("Pad", &[&x.name, &pads], vec![]);
                made.name = self.net.leaky(&padded);
            }
            _ => {
                // A linear layer over the channels of each moment.
                (x.width == 0).then_some(())?;
                made.channels = 1 + self.below(24);
                let turned = self.net.transpose(&x.name, &[0, 2, 1]);
                let weights = self.net.weights(&[x.channels, made.channels], x.channels);
                let product = self.net.node("MatMul", &[&turned, &weights], vec![]);
                let bias = self.net.weights(&[made.channels], 1);
                let sum = self.net.node("Add", &[&bias, &product], vec![]);
                made.name = self.net.transpose(&sum, &[0, 2, 1]);
            }
        }
        Some(made)
    }

    fn head(mut self, x: &Value) -> ModelFile {
        let mut inputs = x.channels;
        let flat = match self.below(3) {
            0 => {
                let mean = self.net.node("GlobalAveragePool", &[&x.name], vec![]);
                self.net.node("Flatten", &[&mean], vec![])
            }
            1 => {
                let last = self.net.integers(&[-1]);
                let last = self.net.node("Gather", &[&x.name, &last], vec![integer("axis", 2)]);
                inputs *= x.width.max(1);
                self.net.reshape(&last, &[-1, inputs as i64])
            }
            _ => {
                inputs *= x.time * x.width.max(1);
                self.net.node("Flatten", &[&x.name], vec![])
            }
        };
        ModelFile::from_bytes("net.onnx", self.net.classes(&flat, inputs)).unwrap()
    }
}

/// A network of up to six layers, and of either kind: along time alone, or along features too.
pub(super) fn random(seed: u64) -> ModelFile {
    let mut maker = Maker { net: Net::new(1, 1, seed) };
    for _ in 0..3 {
        maker.net.number();
    }
    let (steps, features) = (2 + maker.below(30), 1 + maker.below(9));
    maker.net.takes(steps, features);
    let mut x = if maker.below(2) == 0 {
        let name = maker.net.transpose("x", &[0, 2, 1]);
        Value { name, channels: features, time: steps, width: 0 }
    } else {
        let axes = maker.net.integers(&[1]);
        let name = maker.net.node("Unsqueeze", &["x", &axes], vec![]);
        Value { name, channels: 1, time: steps, width: features }
    };
    for _ in 0..1 + maker.below(6) {
        let made = match maker.below(8) {
            0..=3 => maker.window(&x, false),
            4 => maker.window(&x, true),
            5 => maker.moved(&x),
            _ => Some(maker.same(&x)),
        };
        x = made.unwrap_or(x);
    }
    maker.head(&x)
}
