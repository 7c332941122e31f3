//! The trees as the kernels walk them.
//!
//! A tree is walked from record to record: `next = left + !(input[feature] <= threshold)`, with the
//! two children of a step behind each other and a leaf that leads to itself, so that a walk has no
//! branches and trees of all forms go side by side. A group is 16 trees. The records:
//!
//! ```text
//! | entries: 16 a tree, its nodes below the top | roots: 1 a tree | pairs of children ... |
//! ```
//!
//! The top four levels of each tree stand apart as well, filled up to 15 steps and transposed, so
//! that a kernel with 16 lanes chooses among them with blends, where fetching 16 records costs a
//! gather of 16 loads; it enters the records at the entry that the top leads to. Kernels without
//! such lanes start at the roots. Both find the same leaves.

use super::tree::{Next, Step, Trees};
use std::collections::VecDeque;

/// Trees in a group.
pub(super) const LANES: usize = 16;
/// Levels of the top, and what follows from it.
pub(super) const TOP_LEVELS: u32 = 4;
const TOP_STEPS: usize = (1 << TOP_LEVELS) - 1;
const ENTRIES: usize = 1 << TOP_LEVELS;
/// Bits a feature has at least in [`Record::link`]: AVX-512 chooses among 32 inputs by the low five
/// bits of a number, so the link's other part must be above them.
const FEATURE_BITS_MIN: u32 = 5;
/// In [`Forest::leaves`], for a record that is no leaf.
const NO_LEAF: u32 = u32::MAX;

/// A step or a leaf, 8 bytes: a cache line holds eight.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Record {
    pub(super) threshold: f32,
    /// The left child's index above [`Forest::feature_bits`] bits of feature.
    pub(super) link: u32,
}

/// The top of 16 trees: step j of lane i is at `[j][i]`, its children are steps 2j + 1 and 2j + 2.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Top {
    pub(super) thresholds: [[f32; LANES]; TOP_STEPS],
    pub(super) features: [[u32; LANES]; TOP_STEPS],
}

/// All trees of an operator.
///
/// Invariant: each link leads to an index such that it and the next one are in `records`, or from
/// a leaf to itself; each feature, also in `tops`, is below `features`. `tops`, `depths` are as long
/// as there are groups, and entries and roots are there for whole groups.
#[derive(Debug)]
pub(super) struct Forest {
    /// How many values an input has.
    pub(super) features: usize,
    pub(super) feature_bits: u32,
    /// How many trees there are, without those that fill up the last group.
    pub(super) trees: usize,
    pub(super) records: Vec<Record>,
    pub(super) tops: Vec<Top>,
    /// Steps on the longest way in each group.
    pub(super) depths: Vec<u32>,
    /// For each record: the leaf's index in [`Trees::leaves`], or [`NO_LEAF`].
    pub(super) leaves: Vec<u32>,
    /// For each record, whether NaN leads left.
    nan_left: Vec<bool>,
}

impl Forest {
    /// What it takes, beside its leaves' votes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.records[..]) + size_of_val(&self.tops[..])
    }

    /// Lays the trees out; an error is a reason to refuse them.
    pub(super) fn plant(trees: &Trees, features: usize) -> Result<Self, String> {
        let groups = trees.trees.len().div_ceil(LANES);
        let feature_bits = features.next_power_of_two().ilog2().max(FEATURE_BITS_MIN);
        let records_max = (u32::MAX >> feature_bits) as usize;
        let fixed = groups * LANES * (ENTRIES + 1);
        // Each step has one pair of children.
        let count = fixed + 2 * trees.steps.len();
        if count > records_max {
            return Err(format!(
                "{} nodes over {features} features are too many",
                trees.steps.len() + trees.leaves.len()
            ));
        }
        let always_left = Top {
            thresholds: [[f32::INFINITY; LANES]; TOP_STEPS],
            features: [[0; LANES]; TOP_STEPS],
        };
        let mut forest = Self {
            features,
            feature_bits,
            trees: trees.trees.len(),
            records: Vec::with_capacity(count),
            tops: vec![always_left; groups],
            depths: vec![0; groups],
            leaves: Vec::with_capacity(count),
            nan_left: Vec::with_capacity(count),
        };
        forest.grow(fixed);
        let mut planter =
            Planter { steps: &trees.steps, pairs: vec![0; trees.steps.len()], forest };
        for (index, tree) in trees.trees.iter().enumerate() {
            let depth = &mut planter.forest.depths[index / LANES];
            *depth = tree.depth.max(*depth);
            let root = planter.forest.root(index);
            planter.put(root, tree.root);
            planter.put_top(index, 0, tree.root);
        }
        Ok(planter.forest)
    }

    /// Appends leaves that lead to themselves.
    fn grow(&mut self, count: usize) {
        let from = self.records.len();
        self.records.extend((from..from + count).map(|at| Record::leaf(at, self.feature_bits)));
        self.leaves.resize(from + count, NO_LEAF);
        self.nan_left.resize(from + count, false);
    }

    /// The index of a tree's root; those of a group are behind each other.
    #[inline]
    pub(super) fn root(&self, tree: usize) -> usize {
        self.tops.len() * LANES * ENTRIES + tree
    }

    /// Walks one tree on an input that may hold NaN, to its leaf's record.
    pub(super) fn walk_with_nan(&self, tree: usize, input: &[f32]) -> u32 {
        let mut at = self.root(tree);
        while self.leaves[at] == NO_LEAF {
            let record = self.records[at];
            let value = input[(record.link & ((1 << self.feature_bits) - 1)) as usize];
            let is_left = value <= record.threshold || (value.is_nan() && self.nan_left[at]);
            at = (record.link >> self.feature_bits) as usize + usize::from(!is_left);
        }
        at as u32
    }
}

impl Record {
    /// Infinity, and all below it, leads back.
    fn leaf(at: usize, feature_bits: u32) -> Self {
        Self { threshold: f32::INFINITY, link: (at as u32) << feature_bits }
    }
}

/// A forest and how far it is planted.
struct Planter<'a> {
    steps: &'a [Step],
    /// Where each step's children are; 0, where an entry is, for those not placed yet. Two ways to
    /// one step share them.
    pairs: Vec<u32>,
    forest: Forest,
}

impl Planter<'_> {
    /// Writes the record at `at`, and all below it that is not there yet, level by level.
    fn put(&mut self, at: usize, next: Next) {
        let mut waiting = VecDeque::new();
        self.put_one(at, next, &mut waiting);
        while let Some(index) = waiting.pop_front() {
            let (step, pair) = (self.steps[index], self.pairs[index] as usize);
            self.put_one(pair, step.left, &mut waiting);
            self.put_one(pair + 1, step.right, &mut waiting);
        }
    }

    fn put_one(&mut self, at: usize, next: Next, waiting: &mut VecDeque<usize>) {
        let forest = &mut self.forest;
        match next {
            Next::Leaf(leaf) => {
                forest.records[at] = Record::leaf(at, forest.feature_bits);
                forest.leaves[at] = leaf;
            }
            Next::Step(index) => {
                let step = self.steps[index as usize];
                let pair = &mut self.pairs[index as usize];
                if *pair == 0 {
                    *pair = forest.records.len() as u32;
                    forest.grow(2);
                    waiting.push_back(index as usize);
                }
                let link = *pair << forest.feature_bits | step.feature;
                forest.records[at] = Record { threshold: step.threshold, link };
                forest.nan_left[at] = step.nan_left;
            }
        }
    }

    /// Writes what is at place `at` of a tree's top, and all of the top below it. Below a leaf all
    /// ways lead to that leaf.
    fn put_top(&mut self, tree: usize, at: usize, next: Next) {
        if at >= TOP_STEPS {
            self.put(tree * ENTRIES + at - TOP_STEPS, next);
            return;
        }
        let (mut left, mut right) = (next, next);
        if let Next::Step(index) = next {
            let step = self.steps[index as usize];
            let (top, lane) = (&mut self.forest.tops[tree / LANES], tree % LANES);
            top.thresholds[at][lane] = step.threshold;
            top.features[at][lane] = step.feature;
            (left, right) = (step.left, step.right);
        }
        self.put_top(tree, 2 * at + 1, left);
        self.put_top(tree, 2 * at + 2, right);
    }
}
