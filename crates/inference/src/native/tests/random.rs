//! Graphs at random, right ones and damaged ones.

use super::agrees;
use super::graphs::{Builder, float, inputs, int, ints};
use crate::proto::{GraphProto, ModelProto};
use crate::{ModelFile, NativeModel, example};
use proptest::prelude::*;
use prost::Message;

/// One stage of a network over a row.
#[derive(Clone, Debug)]
enum Stage {
    Layer { outputs: i64, transposed: bool, bias: bool },
    Activation(&'static str),
    Arithmetic(&'static str),
    Norm,
    Softmax,
    Residual,
    Halves,
}

fn stage() -> impl Strategy<Value = Stage> {
    let activations = vec!["Relu", "Tanh", "Sigmoid", "Elu", "LeakyRelu", "Softplus", "HardSwish"];
    let activation = prop::sample::select(activations);
    let arithmetic = prop::sample::select(vec!["Add", "Sub", "Mul", "Max", "Min"]);
    prop_oneof![
        4 => (1..70i64, any::<bool>(), any::<bool>())
            .prop_map(|(outputs, transposed, bias)| Stage::Layer { outputs, transposed, bias }),
        3 => activation.prop_map(Stage::Activation),
        2 => arithmetic.prop_map(Stage::Arithmetic),
        1 => Just(Stage::Norm),
        1 => Just(Stage::Softmax),
        1 => Just(Stage::Residual),
        1 => Just(Stage::Halves),
    ]
}

/// The stages one after the other.
fn network(features: i64, stages: &[Stage]) -> ModelFile {
    let mut b = Builder::new(17, &[features]);
    let (mut value, mut width) = ("x".to_owned(), features);
    for stage in stages {
        value = match stage {
            Stage::Layer { outputs, transposed, bias } => {
                let dims = if *transposed { [*outputs, width] } else { [width, *outputs] };
                let scale = 1.0 / (width as f32).sqrt();
                let count = (width * outputs) as usize;
                let weights = b.numbers(count).into_iter().map(|weight| weight * scale).collect();
                let weights = b.floats(&dims, weights);
                let bias = if *bias { b.weights(&[*outputs]) } else { String::new() };
                width = *outputs;
                let attributes = vec![int("transB", i64::from(*transposed)), float("alpha", 1.5)];
                b.node("Gemm", &[&value, &weights, &bias], attributes)
            }
            Stage::Activation(operator) => b.node(operator, &[&value], vec![]),
            Stage::Arithmetic(operator) => {
                let row = b.weights(&[width]);
                b.node(operator, &[&row, &value], vec![])
            }
            Stage::Norm if width > 1 => {
                let (scale, bias) = (b.weights(&[width]), b.weights(&[width]));
                let attributes = vec![float("epsilon", 0.1)];
                b.node("LayerNormalization", &[&value, &scale, &bias], attributes)
            }
            Stage::Softmax => b.node("Softmax", &[&value], vec![int("axis", -1)]),
            Stage::Residual => {
                let bent = b.node("Tanh", &[&value], vec![]);
                b.node("Add", &[&value, &bent], vec![])
            }
            Stage::Halves if width > 1 => {
                let sizes = b.integers(&[width / 2, width - width / 2]);
                let parts = b.nodes("Split", &[&value, &sizes], vec![int("axis", 1)], 2);
                b.node("Concat", &[&parts[1], &parts[0]], vec![int("axis", 1)])
            }
            Stage::Norm | Stage::Halves => {
                b.node("Transpose", &[&value], vec![ints("perm", &[0, 1])])
            }
        };
    }
    let weights = b.numbers(width as usize * 3).iter().map(|w| w / (width as f32).sqrt()).collect();
    let weights = b.floats(&[width, 3], weights);
    let logits = b.node("MatMul", &[&value, &weights], vec![]);
    let output = b.node("Softmax", &[&logits], vec![]);
    b.file(&output, 3)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn networks_agree(features in 1..40i64, stages in prop::collection::vec(stage(), 1..7)) {
        agrees(&network(features, &stages), &inputs(3, features as usize));
    }

    /// Whatever is done to a file, it is compiled or refused.
    #[test]
    fn damaged_files_never_panic(
        window in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = if window {
            example::classifier(&["a", "b"], 3)
        } else {
            let stages = [Stage::Norm, Stage::Halves, Stage::Residual];
            network(6, &stages).bytes().to_vec()
        };
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(file) = ModelFile::from_bytes("x", bytes)
            && let Ok(mut native) = NativeModel::compile(&file)
        {
            let values = native.shape().values();
            let _ = native.run(&vec![0.5; values]);
        }
    }

    /// Integers of a graph, wherever they stand, made hostile.
    #[test]
    fn hostile_numbers_never_panic(
        which in 0..HOSTILE.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), hostile()), 1..4),
    ) {
        let mut graph = hostile_graph(HOSTILE[which]);
        let mut numbers = integers(&mut graph);
        for (place, value) in changes {
            let place = place.index(numbers.len());
            *numbers[place] = value;
        }
        let mut builder = Builder::new(if which % 2 == 0 { 17 } else { 11 }, &[4, 6]);
        *builder.graph_mut() = graph;
        // A weight that claims more than the file holds is refused on reading.
        if let Ok(file) = builder.try_encode()
            && let Ok(mut native) = NativeModel::compile(&file)
        {
            let values = native.shape().values();
            let _ = native.run(&vec![0.5; values]);
        }
    }
}

fn hostile() -> impl Strategy<Value = i64> {
    let edges = vec![0, 1, -1, 2, 3, -7, 1 << 22, 1 << 31, 1 << 40, i64::MAX, i64::MIN];
    prop_oneof![prop::sample::select(edges), any::<i64>(), -8..8i64]
}

/// Operators whose integers decide what is read and where.
const HOSTILE: [&str; 14] = [
    "Reshape",
    "Slice",
    "Gather",
    "Expand",
    "Tile",
    "Split",
    "Concat",
    "Transpose",
    "Unsqueeze",
    "Squeeze",
    "ConstantOfShape",
    "Range",
    "MatMul",
    "Flatten",
];

fn hostile_graph(operator: &str) -> GraphProto {
    let mut b = Builder::new(17, &[4, 6]);
    let axis = || vec![int("axis", 1)];
    let lists: Vec<String> = (0..4).map(|list| b.integers(&[1, [4, 6, 2, 1][list]])).collect();
    let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
    let matrix = b.weights(&[6, 5]);
    let value = match operator {
        "Slice" => b.node("Slice", &["x", lists[3], lists[0], lists[3], lists[3]], vec![]),
        "Gather" | "Concat" | "Flatten" => b.node(operator, &["x", lists[1]], axis()),
        "Split" => b.nodes("Split", &["x", lists[2]], axis(), 2).remove(1),
        "Transpose" => b.node("Transpose", &["x"], vec![ints("perm", &[2, 0, 1])]),
        "ConstantOfShape" => b.node(operator, &[lists[0]], vec![]),
        "Range" => b.node(operator, &lists[..3], vec![]),
        "MatMul" => b.node(operator, &["x", &matrix], vec![]),
        _ => b.node(operator, &["x", lists[0]], vec![]),
    };
    let shape = b.node("Shape", &[&value], vec![]);
    let filled = b.node("ConstantOfShape", &[&shape], vec![]);
    let sum = b.node("Add", &[&filled, &value], vec![]);
    let mean = b.node("ReduceMean", &[&sum], vec![ints("axes", &[0, 1, 2]), int("keepdims", 0)]);
    let shape = b.integers(&[1, 1]);
    let output = b.node("Reshape", &[&mean, &shape], vec![]);
    let file = b.file(&output, 1);
    ModelProto::decode(file.bytes()).unwrap().graph.unwrap()
}

/// Every integer of the graph: dimensions, lists, attributes.
fn integers(graph: &mut GraphProto) -> Vec<&mut i64> {
    let tensors = graph.initializer.iter_mut();
    let held = tensors.flat_map(|tensor| tensor.dims.iter_mut().chain(&mut tensor.int64_data));
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let said = attributes.flat_map(|attribute| attribute.i.iter_mut().chain(&mut attribute.ints));
    held.chain(said).collect()
}
