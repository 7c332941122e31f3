//! Lists that no exporter writes.

use super::lists::{Form, MODES, floats, strings};
use super::*;
use crate::proto::TensorProto;
use proptest::prelude::*;
use prost::Message;
use prost::bytes::Bytes;

#[track_caller]
fn check(change: impl Fn(&mut Lists), expected: &str) {
    let mut lists = Lists::stump(&[(1, 0, 0.3), (2, 0, -0.7)], 1);
    change(&mut lists);
    let refusal = TreeEnsemble::parse(&lists.node(), 1).unwrap_err();
    assert_eq!(refusal.reason, expected);
    assert!(refusal.to_string().contains(&refusal.operator));
}

#[test]
fn a_refusal_names_the_tree_and_the_node() {
    check(|lists| lists.true_ids[0] = 0, "tree 0: node 0 is reached twice");
    check(|lists| lists.true_ids[0] = 2, "tree 0: node 2 is reached twice");
    check(|lists| lists.false_ids[0] = 9, "tree 0: node 0 leads to no node 9 when false");
    check(|lists| lists.true_ids[0] = -1, "tree 0: node 0 leads to no node -1 when true");
    check(|lists| lists.features[0] = 1, "tree 0: node 0 asks for feature 1 of 1");
    check(|lists| lists.features[0] = -1, "tree 0: node 0 asks for feature -1 of 1");
    check(|lists| lists.values[0] = f32::NAN, "tree 0: node 0 compares with NaN");
    check(|lists| lists.node_ids[2] = 1, "tree 0: node 1 is listed twice");
    check(|lists| lists.modes[0] = "LEAF", "tree 0: node 1 is never reached");
    check(|lists| lists.modes[0] = "MEMBER", "tree 0: node 0 has the unknown mode `MEMBER`");
    check(|lists| lists.tree_ids[1] = 5, "tree 0: node 0 leads to no node 1 when true");
    check(|lists| lists.vote_nodes[0] = 7, "tree 0: node 7 votes and is not listed");
    check(|lists| lists.vote_ids[1] = 1, "tree 0: node 2 votes for target 1 of 1");
    check(|lists| lists.weights[1] = f32::INFINITY, "tree 0: node 2 votes with inf");
    check(|lists| lists.vote_nodes[1] = 1, "tree 0: node 2 is a leaf with 0 votes");
    let split = |lists: &mut Lists| {
        lists.tree_ids = vec![0, 1, 0];
        lists.modes = vec!["LEAF"; 3];
    };
    check(split, "tree 0: node 2 is listed apart from the tree's other nodes");
}

#[test]
fn a_refusal_names_the_list() {
    check(|lists| lists.modes.clear(), "`nodes_treeids` has 3 entries where `nodes_modes` has 0");
    check(|lists| lists.values.push(0.0), "`nodes_values` has 4 entries where `nodes_modes` has 3");
    let short = "`nodes_missing_value_tracks_true` has 1 entries where `nodes_modes` has 3";
    check(|lists| lists.missing.push(0), short);
    let uneven = "`target_ids`, `_treeids`, `_nodeids` and `_weights` have 2, 2, 2 and 3 entries";
    check(|lists| lists.weights.push(0.0), uneven);
    check(|lists| lists.base = vec![0.0; 2], "2 base values");
    check(|lists| lists.base = vec![f32::NAN], "the base value NaN");
    check(|lists| lists.transform = "PROBIT", "post_transform `PROBIT`");
    check(|lists| lists.aggregate = Some("MEDIAN"), "aggregate_function `MEDIAN`");
    check(
        |lists| lists.targets = i64::MAX,
        &format!("{} targets, where 1 to 1024 can be run", i64::MAX),
    );
    check(|lists| lists.is_classifier = true, "1 classes, where 2 to 1024 can be run");
    check(
        |lists| *lists = Lists { targets: 1, transform: "NONE", ..Lists::default() },
        "it has no nodes",
    );
}

/// Conventions for two classes that releases of ONNX Runtime, or rows, would take differently.
#[test]
fn what_two_classes_leave_open_is_refused() {
    let class = |votes: &[(i64, i64, f32)], base: &[f32], transform: &'static str| {
        let mut lists = Lists::stump(votes, 2);
        (lists.is_classifier, lists.base, lists.transform) = (true, base.to_vec(), transform);
        TreeEnsemble::parse(&lists.node(), 1).unwrap_err().reason
    };
    let positive = [(1, 0, 0.3), (2, 0, 0.7)];
    assert!(class(&positive, &[], "LOGISTIC").contains("releases read differently"));
    assert_eq!(class(&[], &[], "NONE"), "no class has a vote");
    let second = [(1, 1, 0.3), (2, 1, 0.7)];
    let found = class(&second, &[0.1, 0.2], "NONE");
    assert_eq!(found, "two base values, and votes for the second class");
    let found = class(&[(1, 0, 0.3), (2, 1, 0.7)], &[], "NONE");
    assert_eq!(found, "no tree votes for the second class in every leaf");
    let found = class(&positive[..1], &[0.1], "NONE");
    let expected = "target 0 has a base value, and no tree votes for it in every leaf";
    assert_eq!(found, expected);
}

#[test]
fn too_deep_a_tree_is_refused() {
    let mut lists = Lists::stump(&[], 1);
    for list in [&mut lists.tree_ids, &mut lists.node_ids, &mut lists.features] {
        list.clear();
    }
    (lists.true_ids, lists.false_ids) = (vec![], vec![]);
    (lists.modes, lists.values) = (vec![], vec![]);
    for node in 0..200_001 {
        lists.tree_ids.push(4);
        lists.node_ids.push(node);
        lists.modes.push(if node % 2 == 0 && node < 200_000 { "BRANCH_LT" } else { "LEAF" });
        lists.features.push(0);
        lists.values.push(0.0);
        lists.true_ids.push(node + 1);
        lists.false_ids.push(node + 2);
    }
    let reason = TreeEnsemble::parse(&lists.node(), 1).unwrap_err().reason;
    assert_eq!(reason, "tree 4: node 512 is more than 256 steps below its root");
}

/// Doubles are refused; a tensor of floats is a list of floats if it says what it holds.
#[test]
fn numbers_may_be_a_tensor() {
    let lists = Lists::stump(&[(1, 0, 0.3), (2, 0, -0.7)], 1);
    let with = |change: fn(&mut TensorProto)| {
        let mut tensor = TensorProto { dims: vec![3], data_type: Some(1), ..Default::default() };
        tensor.raw_data = Some([0.25_f32, 0.0, 0.0].iter().flat_map(|v| v.to_le_bytes()).collect());
        change(&mut tensor);
        let mut node = lists.node();
        node.attribute.retain(|list| list.name() != "nodes_values");
        let mut attribute = floats("nodes_values_as_tensor", &[]);
        attribute.t = Some(tensor);
        node.attribute.push(attribute);
        TreeEnsemble::parse(&node, 1).map_err(|refusal| refusal.reason)
    };
    let mut out = [0.0];
    with(|_| {}).unwrap().run(&[0.3], &mut out);
    assert_eq!(out, [-0.7]);
    let refusal = |change| with(change).unwrap_err();
    let name = "nodes_values_as_tensor";
    assert_eq!(refusal(|tensor| tensor.data_type = Some(11)), format!("`{name}` holds doubles"));
    assert_eq!(refusal(|t| t.data_type = Some(10)), format!("`{name}` has number type 10"));
    assert_eq!(
        refusal(|t| t.dims = vec![1 << 40]),
        format!("`{name}` says [1099511627776] and holds 3")
    );
    let cut = |tensor: &mut TensorProto| tensor.raw_data = Some(Bytes::from_static(&[0; 11]));
    assert_eq!(refusal(cut), format!("`{name}` ends within a number"));
    let mut node = lists.node();
    node.attribute.push(strings("nodes_modes", &["LEAF"]));
    let twice = TreeEnsemble::parse(&node, 1).unwrap_err().reason;
    assert_eq!(twice, "two attributes `nodes_modes`");
}

/// One change to one entry of one list.
fn corrupt(lists: &mut Lists, rng: &mut Draw) {
    let at = rng.below(lists.values.len());
    let vote = rng.below(lists.weights.len());
    let near = rng.below(lists.values.len() + 2) as i64 - 1;
    let number = *[near, i64::MIN, i64::MAX, 1 << 32, 0].get(rng.below(8)).unwrap_or(&near);
    match rng.below(14) {
        0 => lists.tree_ids[at] = number,
        1 => lists.node_ids[at] = number,
        2 => lists.modes[at] = MODES[rng.below(6)],
        3 => lists.modes[at] = "LEAF",
        4 => lists.features.iter_mut().skip(at).take(1).for_each(|feature| *feature = number),
        5 => lists.values[at] = [f32::NAN, f32::INFINITY, 0.0][rng.below(3)],
        6 => lists.true_ids[at] = number,
        7 => lists.false_ids[at] = number,
        8 => lists.vote_ids[vote] = number,
        9 => lists.vote_trees[vote] = number,
        10 => lists.vote_nodes[vote] = number,
        11 => lists.targets = number,
        12 => drop(lists.features.pop()),
        _ => lists.missing[at] = number,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// What is still accepted means what the lists say, and takes memory in proportion to them.
    #[test]
    fn corrupted_lists_are_refused_or_run_as_they_stand(
        trees in 1..=20_usize,
        depth in 0..=5_u32,
        targets in 1..=2_usize,
        changes in 1..=3,
        seed in any::<u64>(),
    ) {
        let mut rng = Draw(seed);
        let form = Form { trees, depth, features: 3, targets, modes: 6 };
        let mut lists = Lists::random(form, &mut rng);
        for _ in 0..changes {
            corrupt(&mut lists, &mut rng);
        }
        let node = lists.node();
        if let Ok(ensemble) = TreeEnsemble::parse(&node, 3) {
            let records = ensemble.forest.records.capacity();
            prop_assert!(records * 16 <= 8192 + 64 * node.encoded_len());
            let mut rng = Draw(seed);
            let input = (0..3).map(|_| rng.coarse()).collect();
            super::walks::check(&lists, 3, &[input]);
        }
    }
}
