//! Every operator at least once against ONNX Runtime, on every instruction set.

use super::agrees;
use super::graphs::{Builder, float, floats, inputs, int, ints, string};
use crate::proto::AttributeProto;

const OPSET: i64 = 17;

/// The operator alone, over an input `[N, dims...]`, giving a value of `count` numbers.
#[track_caller]
fn check(opset: i64, dims: &[i64], count: usize, build: impl Fn(&mut Builder) -> String) {
    let mut builder = Builder::new(opset, dims);
    let value = build(&mut builder);
    agrees(&builder.mixed(&value, count), &inputs(8, dims.iter().product::<i64>() as usize));
}

/// An operator with one input and as many outputs as inputs.
#[track_caller]
fn unary(opset: i64, operator: &str, attributes: &[AttributeProto]) {
    check(opset, &[37], 37, |b| b.node(operator, &["x"], attributes.to_vec()));
}

#[test]
fn functions_of_one_number() {
    for operator in [
        "Abs",
        "Celu",
        "Ceil",
        "Cos",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Neg",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Softplus",
        "Softsign",
        "Tanh",
        "ThresholdedRelu",
    ] {
        unary(OPSET, operator, &[]);
    }
    unary(18, "Mish", &[]);
    unary(20, "Gelu", &[]);
    unary(20, "Gelu", &[string("approximate", "tanh")]);
    let alpha = float("alpha", 0.3);
    for operator in ["Elu", "LeakyRelu", "Celu", "ThresholdedRelu"] {
        unary(OPSET, operator, std::slice::from_ref(&alpha));
    }
    unary(OPSET, "HardSigmoid", &[alpha.clone(), float("beta", 0.4)]);
    unary(OPSET, "Selu", &[alpha, float("gamma", 1.2)]);
    unary(6, "Clip", &[float("min", -0.5), float("max", 1.5)]);
}

#[test]
fn functions_of_one_positive_number() {
    for operator in ["Log", "Sqrt", "Reciprocal"] {
        check(OPSET, &[37], 37, |b| {
            let square = b.node("Mul", &["x", "x"], vec![]);
            let one = b.floats(&[], vec![0.5]);
            let positive = b.node("Add", &[&square, &one], vec![]);
            b.node(operator, &[&positive], vec![])
        });
    }
}

#[test]
fn a_clip_whose_bounds_are_inputs() {
    check(OPSET, &[20], 20, |b| {
        let (low, high) = (b.floats(&[], vec![-1.0]), b.floats(&[], vec![0.75]));
        let low_only = b.node("Clip", &["x", &low], vec![]);
        b.node("Clip", &[&low_only, "", &high], vec![])
    });
}

#[test]
fn functions_of_two_numbers_spread() {
    // Of the same size, one number, a row, a column, and another rank.
    let others: [&[i64]; 6] = [&[1, 5, 6], &[], &[6], &[5, 1], &[1], &[2, 1, 1, 1]];
    for operator in ["Add", "Sub", "Mul", "Min", "Max"] {
        for other in others {
            let count = if other.len() == 4 { 60 } else { 30 };
            check(OPSET, &[5, 6], count, |b| {
                let other = b.weights(other);
                let doubled = b.node("Add", &["x", "x"], vec![]);
                b.node(operator, &[&other, &doubled], vec![])
            });
        }
    }
    check(OPSET, &[5, 6], 30, |b| {
        let others = b.numbers(6).iter().map(|value| value + value.signum()).collect();
        let others = b.floats(&[6], others);
        b.node("Div", &["x", &others], vec![])
    });
    check(OPSET, &[5, 6], 30, |b| {
        let slope = b.weights(&[6]);
        b.node("PRelu", &["x", &slope], vec![])
    });
    check(OPSET, &[6], 6, |b| {
        let (one, two) = (b.weights(&[6]), b.weights(&[1]));
        let sum = b.node("Sum", &["x", &one, &two], vec![]);
        b.node("Max", &[&sum, &one, "x", &two], vec![])
    });
}

#[test]
fn powers() {
    for power in [2.0, 3.0, 0.5, 1.7, -1.0] {
        check(OPSET, &[20], 20, |b| {
            let size = b.node("Abs", &["x"], vec![]);
            let (half, power) = (b.floats(&[], vec![0.5]), b.floats(&[], vec![power]));
            let positive = b.node("Add", &[&size, &half], vec![]);
            b.node("Pow", &[&positive, &power], vec![])
        });
    }
}

#[test]
fn integers_and_truths_among_floats() {
    check(OPSET, &[6], 6, |b| {
        let (two, zeros) = (b.integers(&[2]), b.integers(&[0, 1, 0, 1, 1, 0]));
        let square = b.node("Pow", &["x", &two], vec![]);
        let mask = b.node("Cast", &[&zeros], vec![int("to", 9)]);
        b.node("Where", &[&mask, &square, "x"], vec![])
    });
}

#[test]
fn comparisons_choose() {
    for operator in ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"] {
        check(OPSET, &[6, 6], 36, |b| {
            let turned = b.node("Transpose", &["x"], vec![ints("perm", &[0, 2, 1])]);
            let truth = b.node(operator, &["x", &turned], vec![]);
            let zero = b.floats(&[], vec![0.0]);
            let positive = b.node("Greater", &["x", &zero], vec![]);
            let (both, not) =
                (b.node("And", &[&truth, &positive], vec![]), b.node("Not", &[&truth], vec![]));
            let any = b.node("Or", &[&both, &not], vec![]);
            let chosen = b.node("Where", &[&any, "x", &zero], vec![]);
            let number = b.node("Cast", &[&truth], vec![int("to", 1)]);
            b.node("Add", &[&chosen, &number], vec![])
        });
    }
}

#[test]
fn gemm_in_all_its_forms() {
    for (trans_b, bias) in [(0, None), (1, Some(&[21][..])), (0, Some(&[1, 21])), (0, Some(&[1]))] {
        check(OPSET, &[37], 21, |b| {
            let weights = b.weights(if trans_b == 1 { &[21, 37] } else { &[37, 21] });
            let bias = bias.map(|dims| b.weights(dims)).unwrap_or_default();
            let attributes = vec![int("transB", trans_b), float("alpha", 0.7), float("beta", -1.5)];
            b.node("Gemm", &["x", &weights, &bias], attributes)
        });
    }
    check(OPSET, &[16], 16, |b| {
        let weights = b.weights(&[16, 16]);
        b.node("Gemm", &["x", &weights, "x"], vec![float("beta", 0.5)])
    });
}

#[test]
fn layers_of_many_sizes_with_what_follows_them() {
    let follow = ["Relu", "Sigmoid", "Tanh", "Softplus", "LeakyRelu"];
    for (index, (inputs, outputs)) in
        [(1, 1), (3, 16), (4, 17), (5, 64), (32, 33), (7, 80), (64, 128), (31, 96), (6, 130)]
            .into_iter()
            .enumerate()
    {
        check(OPSET, &[inputs], outputs, |b| {
            let (weights, bias) =
                (b.weights(&[inputs, outputs as i64]), b.weights(&[outputs as i64]));
            let product = b.node("MatMul", &["x", &weights], vec![]);
            let sum = b.node("Add", &[&bias, &product], vec![]);
            b.node(follow[index % follow.len()], &[&sum], vec![])
        });
    }
}

#[test]
fn a_layer_over_a_window() {
    for outputs in [5, 16, 40] {
        check(OPSET, &[7, 6], 7 * outputs as usize, |b| {
            let (weights, bias) = (b.weights(&[6, outputs]), b.weights(&[outputs]));
            let product = b.node("MatMul", &["x", &weights], vec![]);
            let sum = b.node("Add", &[&product, &bias], vec![]);
            b.node("Relu", &[&sum], vec![])
        });
    }
}

#[test]
fn a_batch_normalisation_alone_and_behind_a_layer() {
    let norm = |b: &mut Builder, value: &str, channels: i64| {
        let mut names = vec![value.to_owned()];
        names.extend((0..3).map(|_| b.weights(&[channels])));
        let variance = b.numbers(channels as usize).iter().map(|value| value.abs() + 0.1).collect();
        names.push(b.floats(&[channels], variance));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        b.node("BatchNormalization", &names, vec![float("epsilon", 0.001)])
    };
    check(OPSET, &[5, 6], 30, |b| norm(b, "x", 5));
    check(OPSET, &[5], 5, |b| norm(b, "x", 5));
    check(OPSET, &[12], 20, |b| {
        let weights = b.weights(&[12, 20]);
        let layer = b.node("Gemm", &["x", &weights], vec![]);
        let normal = norm(b, &layer, 20);
        b.node("Relu", &[&normal], vec![])
    });
}

#[test]
fn attention() {
    // softmax(q k' / 2) v, over a window of 5 steps.
    check(OPSET, &[5, 6], 5 * 7, |b| {
        let layer = |b: &mut Builder, outputs: i64| {
            let weights = b.weights(&[6, outputs]);
            b.node("MatMul", &["x", &weights], vec![])
        };
        let (q, k, v) = (layer(b, 4), layer(b, 4), layer(b, 7));
        let k = b.node("Transpose", &[&k], vec![ints("perm", &[0, 2, 1])]);
        let scores = b.node("MatMul", &[&q, &k], vec![]);
        let two = b.floats(&[], vec![2.0]);
        let scores = b.node("Div", &[&scores, &two], vec![]);
        let weights = b.node("Softmax", &[&scores], vec![int("axis", -1)]);
        b.node("MatMul", &[&weights, &v], vec![])
    });
    check(OPSET, &[4, 6], 3 * 4 * 5, |b| {
        let stack = b.weights(&[3, 6, 5]);
        b.node("MatMul", &["x", &stack], vec![])
    });
}

#[test]
fn softmax_along_every_axis() {
    for operator in ["Softmax", "LogSoftmax"] {
        for opset in [11, 13] {
            for axis in [1, 2, -1] {
                check(opset, &[5, 18], 90, |b| b.node(operator, &["x"], vec![int("axis", axis)]));
            }
            check(opset, &[3], 3, |b| b.node(operator, &["x"], vec![]));
        }
    }
}

#[test]
fn reductions() {
    for operator in
        ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"]
    {
        for (axes, count) in [(&[1][..], 18), (&[-1], 5), (&[1, 2], 1)] {
            check(OPSET, &[5, 18], count, |b| b.node(operator, &["x"], vec![ints("axes", axes)]));
            let attributes = vec![ints("axes", axes), int("keepdims", 0)];
            check(OPSET, &[5, 18], count, |b| b.node(operator, &["x"], attributes.clone()));
        }
    }
    check(OPSET, &[5, 18], 18, |b| {
        let axes = b.integers(&[1]);
        b.node("ReduceSum", &["x", &axes], vec![int("keepdims", 0)])
    });
    check(18, &[5, 18], 1, |b| b.node("ReduceMean", &["x"], vec![]));
    check(OPSET, &[5, 18], 5, |b| b.node("GlobalAveragePool", &["x"], vec![]));
}

#[test]
fn layer_normalisation_whole_and_in_parts() {
    check(OPSET, &[5, 18], 90, |b| {
        let (scale, bias) = (b.weights(&[18]), b.weights(&[18]));
        b.node("LayerNormalization", &["x", &scale, &bias], vec![int("axis", -1)])
    });
    check(13, &[5, 18], 90, |b| {
        let axes = || vec![ints("axes", &[-1])];
        let mean = b.node("ReduceMean", &["x"], axes());
        let centred = b.node("Sub", &["x", &mean], vec![]);
        let two = b.floats(&[], vec![2.0]);
        let square = b.node("Pow", &[&centred, &two], vec![]);
        let variance = b.node("ReduceMean", &[&square], axes());
        let epsilon = b.floats(&[], vec![1e-5]);
        let variance = b.node("Add", &[&variance, &epsilon], vec![]);
        let deviation = b.node("Sqrt", &[&variance], vec![]);
        b.node("Div", &[&centred, &deviation], vec![])
    });
}

#[test]
fn what_scikit_learn_uses() {
    check(OPSET, &[6], 6, |b| {
        let (offset, scale) = (b.numbers(6), b.numbers(6));
        b.node("ai.onnx.ml:Scaler", &["x"], vec![floats("offset", offset), floats("scale", scale)])
    });
    for norm in ["L1", "L2"] {
        check(OPSET, &[19], 19, |b| {
            b.node("ai.onnx.ml:Normalizer", &["x"], vec![string("norm", norm)])
        });
    }
    check(OPSET, &[19], 2, |b| {
        let (weights, bias) = (b.numbers(38), b.numbers(2));
        let attributes =
            vec![floats("coefficients", weights), floats("intercepts", bias), int("targets", 2)];
        b.node("ai.onnx.ml:LinearRegressor", &["x"], attributes)
    });
    for transform in ["NONE", "SOFTMAX", "LOGISTIC"] {
        check(OPSET, &[19], 3, |b| {
            let (weights, bias) = (b.numbers(57), b.numbers(3));
            let attributes = vec![
                floats("coefficients", weights),
                floats("intercepts", bias),
                ints("classlabels_ints", &[0, 1, 2]),
                string("post_transform", transform),
            ];
            b.nodes("ai.onnx.ml:LinearClassifier", &["x"], attributes, 2).remove(1)
        });
    }
}
