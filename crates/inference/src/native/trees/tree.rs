//! Trees read from the attribute lists: every claim of the file is checked here, once.

use super::attributes::Attributes;
use crate::native::unsupported::Unsupported;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// The longest way from a root to a leaf: a walk's time grows with it. Trees grown leaf by leaf are
/// seldom deeper than 30, forests grown until their leaves are pure seldom deeper than 60.
pub(super) const DEPTH_MAX: u32 = 256;

/// Where a step leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Index into [`Trees::steps`].
    Step(u32),
    /// Index into [`Trees::leaves`].
    Leaf(u32),
}

/// A question with two answers: `input[feature] <= threshold` leads left, all else right. NaN leads
/// right too, unless `nan_left`. Every mode of ONNX is one or two of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Never NaN, but for a question whose answer is always no.
    pub(super) threshold: f32,
    pub(super) feature: u32,
    pub(super) nan_left: bool,
    pub(super) left: Next,
    pub(super) right: Next,
}

/// One tree. Its steps are behind each other, each before those it leads to.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) root: Next,
    /// Steps on the longest way to a leaf, at most [`DEPTH_MAX`].
    pub(super) depth: u32,
    /// Its part of [`Trees::leaves`].
    pub(super) leaves: Range<u32>,
}

/// All trees of an operator, in the order of the file, which is the order of sums.
#[derive(Debug, Default)]
pub(super) struct Trees {
    pub(super) trees: Vec<Tree>,
    pub(super) steps: Vec<Step>,
    /// The position in the attribute lists of each leaf.
    pub(super) leaves: Vec<u32>,
    /// By tree id and node id, what each node became.
    pub(super) places: HashMap<(i64, i64), Next>,
}

/// How a node compares: ONNX's `BRANCH_` modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Leaf,
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
    Equal,
    NotEqual,
}

impl Mode {
    fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"LEAF" => Self::Leaf,
            b"BRANCH_LEQ" => Self::LessEqual,
            b"BRANCH_LT" => Self::Less,
            b"BRANCH_GTE" => Self::GreaterEqual,
            b"BRANCH_GT" => Self::Greater,
            b"BRANCH_EQ" => Self::Equal,
            b"BRANCH_NEQ" => Self::NotEqual,
            _ => return None,
        })
    }

    /// How many steps stand for it.
    fn steps(self) -> u32 {
        match self {
            Self::Leaf => 0,
            Self::Equal | Self::NotEqual => 2,
            _ => 1,
        }
    }
}

/// The node lists, all of one length.
struct Nodes<'a> {
    attributes: &'a Attributes<'a>,
    tree_ids: &'a [i64],
    node_ids: &'a [i64],
    modes: Vec<Mode>,
    features: &'a [i64],
    thresholds: &'a [f32],
    true_ids: &'a [i64],
    false_ids: &'a [i64],
    /// Empty if the file has none.
    missing_true: &'a [i64],
    feature_count: usize,
}

/// A step node met on the way through a tree.
struct Branch {
    position: usize,
    first_step: u32,
    when_true: usize,
    when_false: usize,
}

impl Trees {
    /// Reads the `nodes_` lists; `features` is how many inputs there are.
    pub(super) fn read(attributes: &Attributes, features: usize) -> Result<Self, Unsupported> {
        let thresholds = attributes.floats("nodes_values")?;
        let nodes = Nodes::of(attributes, &thresholds, features)?;
        let positions = nodes.positions()?;
        let mut trees = Self::default();
        let mut became = vec![None; nodes.modes.len()];
        let (mut from, mut seen) = (0, HashSet::new());
        while from < became.len() {
            let id = nodes.tree_ids[from];
            if !seen.insert(id) {
                return Err(nodes.refuse(from, "is listed apart from the tree's other nodes"));
            }
            let nodes_here = nodes.tree_ids[from..].iter().take_while(|other| **other == id);
            let to = from + nodes_here.count();
            trees.read_tree(&nodes, &positions, &mut became, from..to)?;
            from = to;
        }
        let place = |next: &Option<Next>| next.expect("every node was reached");
        let keys = nodes.tree_ids.iter().copied().zip(nodes.node_ids.iter().copied());
        trees.places = keys.zip(became.iter().map(place)).collect();
        Ok(trees)
    }

    /// Reads the nodes in `range`, a tree whose root is the first of them.
    fn read_tree(
        &mut self,
        nodes: &Nodes,
        positions: &HashMap<(i64, i64), usize>,
        became: &mut [Option<Next>],
        range: Range<usize>,
    ) -> Result<(), Unsupported> {
        let (first_leaf, mut depth_max) = (self.leaves.len() as u32, 0);
        let mut branches = Vec::new();
        let mut reached = 0;
        let mut ways = vec![(range.start, 0)];
        while let Some((position, depth)) = ways.pop() {
            if became[position].is_some() {
                return Err(nodes.refuse(position, "is reached twice"));
            }
            reached += 1;
            let mode = nodes.modes[position];
            if mode == Mode::Leaf {
                became[position] = Some(Next::Leaf(self.leaves.len() as u32));
                self.leaves.push(position as u32);
                depth_max = depth_max.max(depth);
                continue;
            }
            let depth = depth + mode.steps();
            if depth > DEPTH_MAX {
                let reason = format!("is more than {DEPTH_MAX} steps below its root");
                return Err(nodes.refuse(position, &reason));
            }
            let first_step = self.steps.len() as u32;
            became[position] = Some(Next::Step(first_step));
            let step = nodes.step(position)?;
            self.steps.extend((0..mode.steps()).map(|_| step));
            let child = |ids: &[i64], answer: &str| {
                positions.get(&(nodes.tree_ids[position], ids[position])).copied().ok_or_else(
                    || {
                        let reason = format!("leads to no node {} when {answer}", ids[position]);
                        nodes.refuse(position, &reason)
                    },
                )
            };
            let when_true = child(nodes.true_ids, "true")?;
            let when_false = child(nodes.false_ids, "false")?;
            branches.push(Branch { position, first_step, when_true, when_false });
            ways.extend([(when_true, depth), (when_false, depth)]);
        }
        if reached < range.len() {
            let lost = range.clone().find(|position| became[*position].is_none());
            return Err(nodes.refuse(lost.expect("fewer were reached"), "is never reached"));
        }
        let next = |position: usize| became[position].expect("every child was reached");
        for branch in branches {
            let (yes, no) = (next(branch.when_true), next(branch.when_false));
            self.link(nodes, &branch, yes, no);
        }
        let leaves = first_leaf..self.leaves.len() as u32;
        self.trees.push(Tree { root: next(range.start), depth: depth_max, leaves });
        Ok(())
    }

    /// Turns a mode into questions of the form `x <= t`. In floats `x < t` is `x <= t'`, where t'
    /// is the float before t, and `x == t` is `x <= t` and not `x <= t'`.
    fn link(&mut self, nodes: &Nodes, branch: &Branch, yes: Next, no: Next) {
        let missing = nodes.missing_true.get(branch.position) == Some(&1);
        let first = branch.first_step as usize;
        let step = &mut self.steps[first];
        let before = before(step.threshold);
        let mode = nodes.modes[branch.position];
        match mode {
            Mode::Leaf => unreachable!("leaves are no branches"),
            Mode::LessEqual | Mode::Less => {
                (step.left, step.right, step.nan_left) = (yes, no, missing);
            }
            Mode::Greater | Mode::GreaterEqual => {
                (step.left, step.right, step.nan_left) = (no, yes, !missing);
            }
            Mode::Equal | Mode::NotEqual => {
                // NaN equals nothing: it goes the way of the unequal, unless tracked as true.
                let (equal, unequal) = if mode == Mode::Equal { (yes, no) } else { (no, yes) };
                let second = Next::Step(branch.first_step + 1);
                (step.left, step.right) = (second, unequal);
                step.nan_left = missing && mode == Mode::Equal;
                let step = &mut self.steps[first + 1];
                (step.threshold, step.left, step.right) = (before, unequal, equal);
            }
        }
        if matches!(mode, Mode::Less | Mode::GreaterEqual) {
            self.steps[first].threshold = before;
        }
    }
}

/// The float before, and NaN, which nothing is below, for minus infinity.
fn before(threshold: f32) -> f32 {
    if threshold == f32::NEG_INFINITY { f32::NAN } else { threshold.next_down() }
}

impl<'a> Nodes<'a> {
    fn of(
        attributes: &'a Attributes<'a>,
        thresholds: &'a [f32],
        feature_count: usize,
    ) -> Result<Self, Unsupported> {
        let list = |name: &str| attributes.ints(name);
        let words = attributes.strings("nodes_modes");
        let nodes = Self {
            attributes,
            tree_ids: list("nodes_treeids"),
            node_ids: list("nodes_nodeids"),
            modes: Vec::with_capacity(words.len()),
            features: list("nodes_featureids"),
            thresholds,
            true_ids: list("nodes_truenodeids"),
            false_ids: list("nodes_falsenodeids"),
            missing_true: list("nodes_missing_value_tracks_true"),
            feature_count,
        };
        let count = words.len();
        let lists = [
            ("nodes_treeids", nodes.tree_ids.len()),
            ("nodes_nodeids", nodes.node_ids.len()),
            ("nodes_featureids", nodes.features.len()),
            ("nodes_values", thresholds.len()),
            ("nodes_truenodeids", nodes.true_ids.len()),
            ("nodes_falsenodeids", nodes.false_ids.len()),
        ];
        let missing = ("nodes_missing_value_tracks_true", nodes.missing_true.len());
        let missing = Some(missing).filter(|(_, len)| *len > 0);
        if let Some((name, len)) = lists.into_iter().chain(missing).find(|list| list.1 != count) {
            let reason = format!("`{name}` has {len} entries where `nodes_modes` has {count}");
            return Err(attributes.refuse(reason));
        }
        if count == 0 {
            return Err(attributes.refuse("it has no nodes"));
        }
        if u32::try_from(count).is_err() {
            return Err(attributes.refuse(format!("{count} nodes are too many")));
        }
        nodes.with_modes(words)
    }

    fn with_modes(mut self, words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Unsupported> {
        for (position, word) in words.enumerate() {
            let Some(mode) = Mode::of(word) else {
                let word: String = String::from_utf8_lossy(word).chars().take(40).collect();
                return Err(self.refuse(position, &format!("has the unknown mode `{word}`")));
            };
            self.modes.push(mode);
        }
        Ok(self)
    }

    /// Of every tree id and node id.
    fn positions(&self) -> Result<HashMap<(i64, i64), usize>, Unsupported> {
        let mut positions = HashMap::with_capacity(self.modes.len());
        let keys = self.tree_ids.iter().copied().zip(self.node_ids.iter().copied());
        for (position, key) in keys.enumerate() {
            if positions.insert(key, position).is_some() {
                return Err(self.refuse(position, "is listed twice"));
            }
        }
        Ok(positions)
    }

    /// The node's question, which leads nowhere yet.
    fn step(&self, position: usize) -> Result<Step, Unsupported> {
        let (threshold, feature) = (self.thresholds[position], self.features[position]);
        if threshold.is_nan() {
            return Err(self.refuse(position, "compares with NaN"));
        }
        let known = usize::try_from(feature).is_ok_and(|feature| feature < self.feature_count);
        if !known {
            let reason = format!("asks for feature {feature} of {}", self.feature_count);
            return Err(self.refuse(position, &reason));
        }
        let nowhere = Next::Leaf(u32::MAX);
        let feature = feature as u32;
        Ok(Step { threshold, feature, nan_left: false, left: nowhere, right: nowhere })
    }

    fn refuse(&self, position: usize, finding: &str) -> Unsupported {
        let (tree, node) = (self.tree_ids[position], self.node_ids[position]);
        self.attributes.refuse(format!("tree {tree}: node {node} {finding}"))
    }
}
