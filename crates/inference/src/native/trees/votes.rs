//! What the leaves say, and how it is summed: in the order of trees, in float32, as ONNX Runtime
//! does for one row on one thread, so that sums have its very bits.

use super::attributes::Attributes;
use super::forest::Forest;
use super::tree::{Next, Trees};
use crate::native::unsupported::Unsupported;

/// How the trees' votes for a target become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// A weight for a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vote {
    pub(super) target: u32,
    pub(super) weight: f32,
}

/// The votes as the file lists them, by leaf.
#[derive(Debug)]
pub(super) struct Votes {
    /// Those of leaf i are `votes[starts[i]..starts[i + 1]]`, in the file's order.
    starts: Vec<u32>,
    votes: Vec<Vote>,
    /// Whether any is listed for each target, be it for a node that is no leaf.
    pub(super) is_voted: Vec<bool>,
    /// Whether any listed weight is below zero.
    pub(super) has_negative: bool,
}

impl Votes {
    /// Reads the lists whose names begin with `prefix`, `class` or `target`.
    pub(super) fn read(
        attributes: &Attributes,
        prefix: &str,
        trees: &Trees,
        targets: usize,
    ) -> Result<Self, Unsupported> {
        let list = |suffix: &str| attributes.ints(&format!("{prefix}_{suffix}"));
        let (ids, tree_ids, node_ids) = (list("ids"), list("treeids"), list("nodeids"));
        let weights = attributes.floats(&format!("{prefix}_weights"))?;
        let lens = [tree_ids.len(), node_ids.len(), weights.len()];
        if lens != [ids.len(); 3] || u32::try_from(ids.len()).is_err() {
            return Err(attributes.refuse(format!(
                "`{prefix}_ids`, `_treeids`, `_nodeids` and `_weights` have {}, {}, {} and {} \
                 entries",
                ids.len(),
                lens[0],
                lens[1],
                lens[2]
            )));
        }
        let mut is_voted = vec![false; targets];
        let mut placed = Vec::with_capacity(ids.len());
        for (index, (tree, node)) in tree_ids.iter().zip(node_ids).enumerate() {
            let refuse =
                |finding: String| attributes.refuse(format!("tree {tree}: node {node} {finding}"));
            let (id, weight) = (ids[index], weights[index]);
            let target = usize::try_from(id).ok().filter(|target| *target < targets);
            let target =
                target.ok_or_else(|| refuse(format!("votes for target {id} of {targets}")))?;
            if !weight.is_finite() {
                return Err(refuse(format!("votes with {weight}")));
            }
            let next = trees.places.get(&(*tree, *node));
            let next = next.ok_or_else(|| refuse("votes and is not listed".into()))?;
            is_voted[target] = true;
            // Old exporters list votes for steps too. Like ONNX Runtime we pass them over.
            if let Next::Leaf(leaf) = next {
                placed.push((*leaf, Vote { target: target as u32, weight }));
            }
        }
        // Stable, so that a leaf's votes stay in order.
        placed.sort_by_key(|(leaf, _)| *leaf);
        let mut starts = vec![0; trees.leaves.len() + 1];
        for (leaf, _) in &placed {
            starts[*leaf as usize + 1] += 1;
        }
        for leaf in 1..starts.len() {
            starts[leaf] += starts[leaf - 1];
        }
        let votes = placed.into_iter().map(|(_, vote)| vote).collect();
        let has_negative = weights.iter().any(|weight| *weight < 0.0);
        Ok(Self { starts, votes, is_voted, has_negative })
    }

    /// Those of a leaf.
    #[inline]
    pub(super) fn of(&self, leaf: u32) -> &[Vote] {
        let leaf = leaf as usize;
        &self.votes[self.starts[leaf] as usize..self.starts[leaf + 1] as usize]
    }

    /// Whether every row has a vote for the target: some tree votes for it in all its leaves.
    pub(super) fn is_certain(&self, target: usize, trees: &Trees) -> bool {
        let votes = |leaf| self.of(leaf).iter().any(|vote| vote.target as usize == target);
        trees.trees.iter().any(|tree| tree.leaves.clone().all(votes))
    }

    /// The only vote of a leaf, if it has one.
    pub(super) fn only(&self, leaf: u32) -> Option<Vote> {
        if let [vote] = self.of(leaf) { Some(*vote) } else { None }
    }
}

/// Votes laid out for sums.
#[derive(Debug)]
pub(super) enum Ballot {
    /// One vote a leaf, for the first target: its weight by record.
    One(Vec<f32>),
    /// Any.
    Many(Votes),
}

impl Ballot {
    pub(super) fn new(votes: Votes, trees: &Trees, forest: &Forest) -> Self {
        let weight = |leaf: u32| votes.only(leaf).filter(|vote| vote.target == 0);
        if (0..trees.leaves.len() as u32).any(|leaf| weight(leaf).is_none()) {
            return Self::Many(votes);
        }
        let weight = |leaf: u32| weight(leaf).expect("each leaf was looked at").weight;
        // Records that are no leaf are never read here.
        let is_leaf = |leaf: &u32| (*leaf as usize) < trees.leaves.len();
        let leaves = forest.leaves.iter();
        Self::One(leaves.map(|leaf| if is_leaf(leaf) { weight(*leaf) } else { 0.0 }).collect())
    }

    /// Adds what the records `ends` say to `totals`, one of each target.
    #[inline]
    pub(super) fn add(
        &self,
        aggregate: Aggregate,
        forest: &Forest,
        ends: &[u32],
        totals: &mut [f32],
    ) {
        match aggregate {
            Aggregate::Sum | Aggregate::Average => {
                self.fold(forest, ends, totals, |total, weight| total + weight);
            }
            Aggregate::Min => self.fold(forest, ends, totals, f32::min),
            Aggregate::Max => self.fold(forest, ends, totals, f32::max),
        }
    }

    #[inline]
    fn fold(
        &self,
        forest: &Forest,
        ends: &[u32],
        totals: &mut [f32],
        fold: impl Fn(f32, f32) -> f32,
    ) {
        match self {
            Self::One(weights) => {
                let weights = ends.iter().map(|record| weights[*record as usize]);
                totals[0] = weights.fold(totals[0], fold);
            }
            Self::Many(votes) => {
                for record in ends {
                    for vote in votes.of(forest.leaves[*record as usize]) {
                        let total = &mut totals[vote.target as usize];
                        *total = fold(*total, vote.weight);
                    }
                }
            }
        }
    }
}

impl Aggregate {
    /// What a total is before the first vote. Weights are finite, so that a target whose total is
    /// still infinite had none.
    pub(super) fn start(self) -> f32 {
        match self {
            Self::Sum | Self::Average => 0.0,
            Self::Min => f32::INFINITY,
            Self::Max => f32::NEG_INFINITY,
        }
    }

    /// The total once all trees have voted.
    pub(super) fn finish(self, total: f32, trees: usize) -> f32 {
        match self {
            Self::Sum => total,
            Self::Average => total / trees as f32,
            Self::Min | Self::Max => {
                if total == self.start() {
                    0.0
                } else {
                    total
                }
            }
        }
    }
}
