//! Ensembles of trees, with seeded thresholds.

use super::{integer, nets::Net, tensor_value};
use crate::proto::{AttributeProto, ModelProto, NodeProto, OperatorSetIdProto};
use prost::Message;
use prost::bytes::Bytes;

/// A regressor of so many full trees of that depth over `[N, features]`, without a contract:
/// thresholds from -1 to 1, leaves that sum to about that.
///
/// # Panics
/// If there are no features, or a tree has no level.
pub fn forest(trees: usize, depth: u32, features: usize, seed: u64) -> Vec<u8> {
    assert!(features > 0, "a tree asks after features");
    assert!(depth > 0, "a tree has a root");
    let mut net = Net::new(1, features, seed);
    let inner = (1i64 << depth) - 1;
    let nodes = 2 * inner + 1;
    let ids = || (0..trees as i64).flat_map(move |tree| (0..nodes).map(move |node| (tree, node)));
    let if_inner = |node: i64, value: i64| if node < inner { value } else { 0 };
    let leaves: Vec<(i64, i64)> = ids().filter(|(_, node)| *node >= inner).collect();
    let asked = ids().map(|(_, node)| {
        let feature = (net.number().abs() * features as f32) as i64;
        if_inner(node, feature.min(features as i64 - 1))
    });
    let asked = integers("nodes_featureids", asked.collect());
    let scale = 1.0 / (trees as f32).sqrt();
    let thresholds = ids().map(|(_, node)| if node < inner { net.number() } else { 0.0 });
    let thresholds = floats("nodes_values", thresholds.collect());
    let weights = floats("target_weights", leaves.iter().map(|_| net.number() * scale).collect());
    let modes = ids().map(|(_, node)| if node < inner { "BRANCH_LEQ" } else { "LEAF" });
    let attribute = vec![
        integer("n_targets", 1),
        integers("nodes_treeids", ids().map(|(tree, _)| tree).collect()),
        integers("nodes_nodeids", ids().map(|(_, node)| node).collect()),
        asked,
        thresholds,
        AttributeProto {
            name: Some("nodes_modes".into()),
            strings: modes.map(|mode| Bytes::from_static(mode.as_bytes())).collect(),
            r#type: Some(8),
            ..Default::default()
        },
        integers("nodes_truenodeids", ids().map(|(_, n)| if_inner(n, 2 * n + 1)).collect()),
        integers("nodes_falsenodeids", ids().map(|(_, n)| if_inner(n, 2 * n + 2)).collect()),
        integers("target_treeids", leaves.iter().map(|(tree, _)| *tree).collect()),
        integers("target_nodeids", leaves.iter().map(|(_, node)| *node).collect()),
        integers("target_ids", vec![0; leaves.len()]),
        weights,
    ];
    let node = NodeProto {
        input: vec!["x".into()],
        output: vec!["value".into()],
        op_type: Some("TreeEnsembleRegressor".into()),
        domain: Some("ai.onnx.ml".into()),
        attribute,
        ..Default::default()
    };
    let mut graph = net.into_graph();
    graph.input = vec![tensor_value("x", 1, &[None, Some(features as i64)])];
    graph.node.push(node);
    graph.output.push(tensor_value("value", 1, &[None, Some(1)]));
    let opset = |domain: &str, version| OperatorSetIdProto {
        domain: Some(domain.to_owned()),
        version: Some(version),
    };
    ModelProto {
        ir_version: Some(8),
        producer_name: Some("tickhawk".into()),
        graph: Some(graph),
        opset_import: vec![opset("", 13), opset("ai.onnx.ml", 3)],
        ..Default::default()
    }
    .encode_to_vec()
}

fn integers(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: Some(name.into()), ints, r#type: Some(7), ..Default::default() }
}

fn floats(name: &str, floats: Vec<f32>) -> AttributeProto {
    AttributeProto { name: Some(name.into()), floats, r#type: Some(6), ..Default::default() }
}
