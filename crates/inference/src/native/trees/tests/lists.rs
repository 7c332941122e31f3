//! Attribute lists: random ones, what they mean node by node, and the operator that holds them.

use crate::proto::{AttributeProto, NodeProto};
use prost::bytes::Bytes;

pub(super) const MODES: [&str; 6] =
    ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

/// SplitMix64: a seed is all that a failing case needs to be told by.
pub(super) struct Draw(pub(super) u64);

impl Draw {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From -1 to 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// One of few values, so that inputs meet thresholds and thresholds each other.
    pub(super) fn coarse(&mut self) -> f32 {
        match self.below(20) {
            0 => f32::INFINITY,
            1 => f32::NEG_INFINITY,
            2 => -0.0,
            3 => f32::MIN_POSITIVE / 2.0,
            _ => (self.below(9) as f32 - 4.0) / 4.0,
        }
    }
}

/// What a random ensemble is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) trees: usize,
    pub(super) depth: u32,
    pub(super) features: usize,
    pub(super) targets: usize,
    /// How many of [`MODES`] occur.
    pub(super) modes: usize,
}

/// An operator's attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    pub(super) is_classifier: bool,
    pub(super) targets: i64,
    pub(super) tree_ids: Vec<i64>,
    pub(super) node_ids: Vec<i64>,
    pub(super) modes: Vec<&'static str>,
    pub(super) features: Vec<i64>,
    pub(super) values: Vec<f32>,
    pub(super) true_ids: Vec<i64>,
    pub(super) false_ids: Vec<i64>,
    pub(super) missing: Vec<i64>,
    pub(super) vote_ids: Vec<i64>,
    pub(super) vote_trees: Vec<i64>,
    pub(super) vote_nodes: Vec<i64>,
    pub(super) weights: Vec<f32>,
    pub(super) base: Vec<f32>,
    pub(super) transform: &'static str,
    pub(super) aggregate: Option<&'static str>,
}

impl Lists {
    /// A regressor with one vote a target and leaf, nodes listed in any order behind the root.
    pub(super) fn random(form: Form, rng: &mut Draw) -> Self {
        let targets = form.targets as i64;
        let mut lists = Self { targets, transform: "NONE", ..Self::default() };
        for tree in 0..form.trees {
            let root = lists.values.len();
            // Tree ids are names: neither dense nor ascending.
            lists.grow((tree as i64 * 7) % 1009 - 3, 0, form.depth, form, rng);
            lists.shuffle(root + 1, rng);
        }
        lists
    }

    /// One feature, `x <= 0.5` to the first of two leaves.
    pub(super) fn stump(votes: &[(i64, i64, f32)], targets: i64) -> Self {
        Self {
            targets,
            tree_ids: vec![0; 3],
            node_ids: vec![0, 1, 2],
            modes: vec!["BRANCH_LEQ", "LEAF", "LEAF"],
            features: vec![0; 3],
            values: vec![0.5, 0.0, 0.0],
            true_ids: vec![1, 0, 0],
            false_ids: vec![2, 0, 0],
            vote_nodes: votes.iter().map(|vote| vote.0).collect(),
            vote_ids: votes.iter().map(|vote| vote.1).collect(),
            weights: votes.iter().map(|vote| vote.2).collect(),
            vote_trees: vec![0; votes.len()],
            transform: "NONE",
            ..Self::default()
        }
    }

    /// Appends a subtree whose node ids begin at `id`, and returns the first id behind it.
    fn grow(&mut self, tree: i64, id: i64, depth: u32, form: Form, rng: &mut Draw) -> i64 {
        let at = self.values.len();
        self.tree_ids.push(tree);
        self.node_ids.push(id);
        self.missing.push(rng.below(2) as i64);
        self.features.push(rng.below(form.features) as i64);
        self.values.push(rng.coarse());
        self.true_ids.push(0);
        self.false_ids.push(0);
        if depth == 0 || rng.below(6) == 0 {
            self.modes.push("LEAF");
            for target in 0..form.targets {
                self.vote_trees.push(tree);
                self.vote_nodes.push(id);
                self.vote_ids.push(target as i64);
                self.weights.push(rng.unit());
            }
            return id + 1;
        }
        self.modes.push(MODES[rng.below(form.modes)]);
        self.true_ids[at] = id + 1;
        self.false_ids[at] = self.grow(tree, id + 1, depth - 1, form, rng);
        self.grow(tree, self.false_ids[at], depth - 1, form, rng)
    }

    fn shuffle(&mut self, from: usize, rng: &mut Draw) {
        for last in (from + 1..self.values.len()).rev() {
            let other = from + rng.below(last + 1 - from);
            self.node_ids.swap(last, other);
            self.modes.swap(last, other);
            self.features.swap(last, other);
            self.values.swap(last, other);
            self.true_ids.swap(last, other);
            self.false_ids.swap(last, other);
            self.missing.swap(last, other);
        }
    }

    /// Inputs that often stand on a threshold, and are sometimes missing.
    pub(super) fn input(&self, features: usize, with_nan: bool, rng: &mut Draw) -> Vec<f32> {
        let mut input: Vec<f32> = (0..features)
            .map(|_| match rng.below(8) {
                0 if with_nan => f32::NAN,
                0..4 => rng.unit(),
                _ => rng.coarse(),
            })
            .collect();
        for _ in 0..features {
            let node = rng.below(self.values.len());
            input[self.features[node] as usize] = match rng.below(4) {
                0 => self.values[node],
                1 => self.values[node].next_up(),
                2 => self.values[node].next_down(),
                _ => continue,
            };
        }
        input
    }

    /// The position of the leaf that each tree ends in, by the operator's definition.
    pub(super) fn leaves(&self, input: &[f32]) -> Vec<u32> {
        let starts = (0..self.tree_ids.len())
            .filter(|at| *at == 0 || self.tree_ids[at - 1] != self.tree_ids[*at]);
        starts.map(|root| self.leaf(root, input) as u32).collect()
    }

    fn leaf(&self, mut at: usize, input: &[f32]) -> usize {
        let tree = self.tree_ids[at];
        while self.modes[at] != "LEAF" {
            let (x, value) = (input[self.features[at] as usize], self.values[at]);
            let answer = match self.modes[at] {
                "BRANCH_LEQ" => x <= value,
                "BRANCH_LT" => x < value,
                "BRANCH_GTE" => x >= value,
                "BRANCH_GT" => x > value,
                "BRANCH_EQ" => x == value,
                _ => x != value,
            };
            let answer = answer || (x.is_nan() && self.missing.get(at) == Some(&1));
            let next = if answer { self.true_ids[at] } else { self.false_ids[at] };
            let is_next = |at: &usize| self.tree_ids[*at] == tree && self.node_ids[*at] == next;
            at = (0..self.values.len()).find(is_next).expect("the tree was accepted");
        }
        at
    }

    /// What a regressor without transform gives, summed vote by vote in the order of trees.
    pub(super) fn regress(&self, input: &[f32]) -> Vec<f32> {
        let leaves = self.leaves(input);
        let mut totals = vec![None; self.targets as usize];
        for leaf in &leaves {
            let key = (self.tree_ids[*leaf as usize], self.node_ids[*leaf as usize]);
            for vote in 0..self.vote_ids.len() {
                if (self.vote_trees[vote], self.vote_nodes[vote]) != key {
                    continue;
                }
                let (weight, total) =
                    (self.weights[vote], &mut totals[self.vote_ids[vote] as usize]);
                *total = Some(match (self.aggregate, *total) {
                    (Some("MIN"), Some(total)) => weight.min(total),
                    (Some("MAX"), Some(total)) => weight.max(total),
                    (Some("MIN" | "MAX"), None) => weight,
                    (_, total) => total.unwrap_or(0.0) + weight,
                });
            }
        }
        let is_average = self.aggregate == Some("AVERAGE");
        let trees = if is_average { leaves.len() as f32 } else { 1.0 };
        let base = |target: usize| self.base.get(target).copied().unwrap_or(0.0);
        let finish = |(target, total): (usize, &Option<f32>)| match total {
            Some(total) => total / trees + base(target),
            None => 0.0,
        };
        totals.iter().enumerate().map(finish).collect()
    }

    /// The operator, from `features` to `out`.
    pub(super) fn node(&self) -> NodeProto {
        let (operator, prefix) = match self.is_classifier {
            true => ("TreeEnsembleClassifier", "class"),
            false => ("TreeEnsembleRegressor", "target"),
        };
        let vote = |suffix: &str| format!("{prefix}_{suffix}");
        let mut attribute = vec![
            ints("nodes_treeids", &self.tree_ids),
            ints("nodes_nodeids", &self.node_ids),
            ints("nodes_featureids", &self.features),
            ints("nodes_truenodeids", &self.true_ids),
            ints("nodes_falsenodeids", &self.false_ids),
            ints("nodes_missing_value_tracks_true", &self.missing),
            floats("nodes_values", &self.values),
            strings("nodes_modes", &self.modes),
            ints(&vote("ids"), &self.vote_ids),
            ints(&vote("treeids"), &self.vote_trees),
            ints(&vote("nodeids"), &self.vote_nodes),
            floats(&vote("weights"), &self.weights),
            floats("base_values", &self.base),
            word("post_transform", self.transform),
        ];
        attribute.extend(self.aggregate.map(|name| word("aggregate_function", name)));
        let mut output = vec!["out".to_owned()];
        if self.is_classifier {
            let labels: Vec<i64> = (0..self.targets).collect();
            attribute.push(ints("classlabels_int64s", &labels));
            output.insert(0, "label".to_owned());
        } else {
            let name = Some("n_targets".to_owned());
            let i = Some(self.targets);
            attribute.push(AttributeProto { name, i, r#type: Some(2), ..Default::default() });
        }
        attribute.retain(|list| {
            list.i.is_some()
                || list.s.is_some()
                || list.ints.len() + list.floats.len() > 0
                || !list.strings.is_empty()
        });
        NodeProto {
            input: vec!["features".to_owned()],
            output,
            op_type: Some(operator.to_owned()),
            domain: Some("ai.onnx.ml".to_owned()),
            attribute,
            ..Default::default()
        }
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let (name, ints) = (Some(name.to_owned()), values.to_vec());
    AttributeProto { name, ints, r#type: Some(7), ..Default::default() }
}

pub(super) fn floats(name: &str, values: &[f32]) -> AttributeProto {
    let (name, floats) = (Some(name.to_owned()), values.to_vec());
    AttributeProto { name, floats, r#type: Some(6), ..Default::default() }
}

pub(super) fn strings(name: &str, values: &[&'static str]) -> AttributeProto {
    let strings = values.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
    AttributeProto { name: Some(name.to_owned()), strings, r#type: Some(8), ..Default::default() }
}

fn word(name: &str, value: &'static str) -> AttributeProto {
    let s = Some(Bytes::from_static(value.as_bytes()));
    AttributeProto { name: Some(name.to_owned()), s, r#type: Some(3), ..Default::default() }
}
