//! Every kernel against a walk over the lists.

use super::lists::Form;
use super::*;
use proptest::prelude::*;

/// Every kernel finds the leaves and the bits that the definition gives.
#[track_caller]
pub(super) fn check(lists: &Lists, features: usize, inputs: &[Vec<f32>]) {
    for isa in Isa::available() {
        let ensemble = TreeEnsemble::parse(&lists.node(), features).unwrap();
        let ensemble = super::with_isa(ensemble, isa);
        let mut leaves = vec![0; ensemble.trees()];
        let mut out = vec![f32::NAN; ensemble.columns()];
        for input in inputs {
            ensemble.leaves(input, &mut leaves);
            assert_eq!(leaves, lists.leaves(input), "{isa:?}");
            ensemble.run(input, &mut out);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            // A sum that starts from zero is never minus zero.
            let wanted: Vec<f32> = lists.regress(input).iter().map(|value| value + 0.0).collect();
            out.iter_mut().for_each(|value| *value += 0.0);
            assert_eq!(bits(&out), bits(&wanted), "{isa:?}: {out:?}, expected {wanted:?}");
        }
    }
}

fn form() -> impl Strategy<Value = Form> {
    (1..=70_usize, 0..=9_u32, 1..=40_usize, 1..=3_usize, 1..=6_usize).prop_map(
        |(trees, depth, features, targets, modes)| {
            // Nodes are looked up one by one here: deep trees only in small forests.
            let trees = if depth > 4 { trees.div_ceil(10) } else { trees };
            Form { trees, depth, features, targets, modes }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn kernels_agree_with_the_definition(
        form in form(),
        aggregate in prop::sample::select(vec![None, Some("SUM"), Some("AVERAGE"), Some("MIN"), Some("MAX")]),
        with_base in any::<bool>(),
        with_nan in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut rng = Draw(seed);
        let mut lists = Lists::random(form, &mut rng);
        lists.aggregate = aggregate;
        if with_base {
            lists.base = (0..form.targets).map(|_| rng.unit()).collect();
        }
        let inputs: Vec<_> =
            (0..4).map(|_| lists.input(form.features, with_nan, &mut rng)).collect();
        check(&lists, form.features, &inputs);
    }
}

/// A comb: each step leads to a leaf and to the next step, so that one tree is as deep as may be
/// while its neighbours in the group are shallow.
#[test]
fn deep_trees_stand_beside_shallow_ones() {
    let depth = 256;
    let mut lists = Lists::stump(&[(1, 0, 1.0), (2, 0, 2.0)], 1);
    for node in 0..2 * depth + 1 {
        let is_step = node % 2 == 0 && node < 2 * depth;
        lists.tree_ids.push(1);
        lists.node_ids.push(node);
        lists.modes.push(if is_step { "BRANCH_LEQ" } else { "LEAF" });
        lists.features.push(0);
        lists.values.push(node as f32);
        lists.true_ids.push(node + 1);
        lists.false_ids.push(node + 2);
        if !is_step {
            lists.vote_trees.push(1);
            lists.vote_nodes.push(node);
            lists.vote_ids.push(0);
            lists.weights.push(node as f32);
        }
    }
    let inputs: Vec<_> = (-1..2 * depth + 2).map(|x| vec![x as f32]).collect();
    check(&lists, 1, &inputs);
}

#[test]
fn a_tree_may_be_one_leaf() {
    let mut lists = Lists::stump(&[(0, 0, 0.75)], 1);
    lists.modes = vec!["LEAF"];
    for list in [&mut lists.tree_ids, &mut lists.node_ids, &mut lists.features] {
        list.truncate(1);
    }
    lists.true_ids.truncate(1);
    lists.false_ids.truncate(1);
    lists.values.truncate(1);
    check(&lists, 1, &[vec![0.0], vec![f32::NAN], vec![f32::INFINITY]]);
}

/// Three per leaf, two of them for one class, in the file's order.
#[test]
fn votes_of_a_leaf_are_summed_in_order() {
    let votes = [(2, 1, 0.1), (1, 0, 1e8), (1, 1, 0.25), (1, 0, 1.0), (1, 0, -1e8), (2, 0, 3.0)];
    let lists = Lists::stump(&votes, 2);
    check(&lists, 1, &[vec![0.5], vec![0.6]]);
}
