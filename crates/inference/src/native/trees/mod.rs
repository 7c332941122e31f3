//! Tree ensembles: `TreeEnsembleClassifier` and `TreeEnsembleRegressor` of `ai.onnx.ml`, as
//! LightGBM, XGBoost and scikit-learn are exported.
//!
//! Contract: after [`TreeEnsemble::parse`], a run allocates nothing, takes no lock and has no bound
//! on time but the trees' depth. Leaves are those ONNX Runtime finds, exactly: thresholds and inputs
//! are float32 there too. Sums have its bits, whatever the instruction set; only exponentials, from
//! another library, may differ in the last digits.
//!
//! The way of a model: [`attributes`] are the file's lists, [`tree`] checks them, [`forest`] lays
//! them out, the kernels walk, [`votes`] are summed and [`finish`] makes them outputs.

mod attributes;
mod finish;
mod forest;
mod kernels;
mod kernels_avx512;
mod tree;
mod votes;

use super::isa::Isa;
use super::unsupported::Unsupported;
use crate::proto::NodeProto;
use attributes::Attributes;
use finish::{Finish, Pair, Transform};
use forest::{Forest, LANES};
use kernels::{CHUNK, CHUNK_GROUPS};
use tree::Trees;
use votes::{Aggregate, Ballot, Votes};

/// The most outputs: far more classes than a signal has, few enough that a run stays short.
const COLUMNS_MAX: usize = 1024;

/// An ensemble, ready to run.
#[derive(Debug)]
pub(crate) struct TreeEnsemble {
    isa: Isa,
    forest: Forest,
    ballot: Ballot,
    aggregate: Aggregate,
    finish: Finish,
    columns: usize,
    /// The position in the attribute lists of each leaf.
    #[cfg(test)]
    leaves: Vec<u32>,
}

impl TreeEnsemble {
    /// Reads the operator over `features` inputs. Allocates in proportion to the file.
    ///
    /// # Errors
    /// If it is another operator, or holds what the module does not run or ONNX Runtime would not:
    /// the reason names the tree and the node.
    pub(crate) fn parse(node: &NodeProto, features: usize) -> Result<Self, Unsupported> {
        let attributes = Attributes::of(node)?;
        let is_classifier = match (node.domain(), node.op_type()) {
            ("ai.onnx.ml", "TreeEnsembleClassifier") => true,
            ("ai.onnx.ml", "TreeEnsembleRegressor") => false,
            (domain, _) => return Err(attributes.refuse(format!("unknown in domain `{domain}`"))),
        };
        let columns = columns(&attributes, is_classifier)?;
        let trees = Trees::read(&attributes, features)?;
        let prefix = if is_classifier { "class" } else { "target" };
        let votes = Votes::read(&attributes, prefix, &trees, columns)?;
        let (aggregate, finish) = if is_classifier {
            (Aggregate::Sum, classifier(&attributes, &trees, &votes, columns)?)
        } else {
            regressor(&attributes, &trees, &votes, columns)?
        };
        let forest = Forest::plant(&trees, features).map_err(|reason| attributes.refuse(reason))?;
        let ballot = Ballot::new(votes, &trees, &forest);
        Ok(Self {
            isa: Isa::best(),
            forest,
            ballot,
            aggregate,
            finish,
            columns,
            #[cfg(test)]
            leaves: trees.leaves,
        })
    }

    /// Uses the kernels of `isa` from here on.
    ///
    /// # Panics
    /// If the processor does not have it.
    pub(crate) fn set_isa(&mut self, isa: Isa) {
        assert!(isa.is_available(), "{isa} on a processor without it");
        self.isa = isa;
    }

    /// What its records take.
    pub(crate) fn bytes(&self) -> usize {
        self.forest.bytes()
    }

    /// How many values a run gives: classes, in the order of their labels, or targets.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// How many trees it has.
    pub(crate) fn trees(&self) -> usize {
        self.forest.trees
    }

    /// One row: scores or probabilities, after the post transform.
    ///
    /// # Panics
    /// If `input` is not as long as the features given to [`TreeEnsemble::parse`], or `out` as
    /// [`TreeEnsemble::columns`].
    #[inline]
    pub(crate) fn run(&self, input: &[f32], out: &mut [f32]) {
        assert_eq!(out.len(), self.columns);
        out.fill(self.aggregate.start());
        self.walk(input, |_, ends| self.ballot.add(self.aggregate, &self.forest, ends, out));
        if self.aggregate != Aggregate::Sum {
            let finish = |total: &mut f32| *total = self.aggregate.finish(*total, self.trees());
            out.iter_mut().for_each(finish);
        }
        self.finish.apply(out);
    }

    /// The leaf each tree ends in, as its position in the attribute lists.
    ///
    /// # Panics
    /// As [`TreeEnsemble::run`]; `out` is as long as [`TreeEnsemble::trees`].
    #[cfg(test)]
    pub(crate) fn leaves(&self, input: &[f32], out: &mut [u32]) {
        assert_eq!(out.len(), self.trees());
        self.walk(input, |first, ends| {
            for (out, record) in out[first..].iter_mut().zip(ends) {
                *out = self.leaves[self.forest.leaves[*record as usize] as usize];
            }
        });
    }

    /// Hands over the records that trees end at, chunk by chunk, with the first tree's index.
    #[inline]
    fn walk(&self, input: &[f32], mut visit: impl FnMut(usize, &[u32])) {
        let trees = self.trees();
        // All of them are looked at: a loop that may end early is not vectorised.
        let has_nan = input.iter().fold(false, |found, value| found | value.is_nan());
        let mut ends = [[0; LANES]; CHUNK_GROUPS];
        for chunk in 0..trees.div_ceil(CHUNK) {
            let first = chunk * CHUNK;
            let count = CHUNK.min(trees - first);
            if has_nan {
                assert_eq!(input.len(), self.forest.features);
                for (tree, end) in (first..trees).zip(ends.as_flattened_mut()) {
                    *end = self.forest.walk_with_nan(tree, input);
                }
            } else {
                kernels::walk(self.isa, &self.forest, input, chunk, &mut ends);
            }
            visit(first, &ends.as_flattened()[..count]);
        }
    }
}

/// How many classes or targets there are.
fn columns(attributes: &Attributes, is_classifier: bool) -> Result<usize, Unsupported> {
    let columns = if is_classifier {
        let strings = attributes.strings("classlabels_strings").len();
        let ints = attributes.ints("classlabels_int64s").len();
        if strings > 0 { strings as i64 } else { ints as i64 }
    } else {
        attributes.int("n_targets").unwrap_or(0)
    };
    let least = if is_classifier { 2 } else { 1 };
    let in_range = usize::try_from(columns).ok().filter(|n| (least..=COLUMNS_MAX).contains(n));
    in_range.ok_or_else(|| {
        let what = if is_classifier { "classes" } else { "targets" };
        attributes.refuse(format!("{columns} {what}, where {least} to {COLUMNS_MAX} can be run"))
    })
}

fn transform(attributes: &Attributes) -> Result<Transform, Unsupported> {
    let word = attributes.word("post_transform", "NONE");
    Transform::of(&word).ok_or_else(|| attributes.refuse(format!("post_transform `{word}`")))
}

/// The base values, of one of these lengths.
fn base_values(
    attributes: &Attributes,
    lens: impl Fn(usize) -> bool,
) -> Result<Vec<f32>, Unsupported> {
    let base = attributes.floats("base_values")?;
    if !lens(base.len()) {
        return Err(attributes.refuse(format!("{} base values", base.len())));
    }
    if let Some(value) = base.iter().find(|value| !value.is_finite()) {
        return Err(attributes.refuse(format!("the base value {value}")));
    }
    Ok(base.into_owned())
}

/// ONNX Runtime forgets the base value of a target that no leaf of a row votes for. One that never
/// has votes loses it here as well; one that has them for some rows only is refused.
fn settle(
    base: &mut [f32],
    attributes: &Attributes,
    trees: &Trees,
    votes: &Votes,
) -> Result<(), Unsupported> {
    for (target, base) in base.iter_mut().enumerate() {
        if !votes.is_voted[target] {
            *base = 0.0;
        } else if *base != 0.0 && !votes.is_certain(target, trees) {
            return Err(attributes.refuse(format!(
                "target {target} has a base value, and no tree votes for it in every leaf"
            )));
        }
    }
    Ok(())
}

fn regressor(
    attributes: &Attributes,
    trees: &Trees,
    votes: &Votes,
    columns: usize,
) -> Result<(Aggregate, Finish), Unsupported> {
    let word = attributes.word("aggregate_function", "SUM");
    let aggregate = match &*word {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        _ => return Err(attributes.refuse(format!("aggregate_function `{word}`"))),
    };
    let mut base = base_values(attributes, |len| len == 0 || len == columns)?;
    settle(&mut base, attributes, trees, votes)?;
    base.resize(columns, 0.0);
    // With one target ONNX Runtime takes no transform but PROBIT, and a leaf has one vote.
    let transform = transform(attributes)?;
    let transform = if columns == 1 { Transform::None } else { transform };
    let leaf = (0..trees.leaves.len() as u32).find(|leaf| votes.only(*leaf).is_none());
    if let Some(leaf) = leaf.filter(|_| columns == 1) {
        let (position, count) = (trees.leaves[leaf as usize] as usize, votes.of(leaf).len());
        let tree = attributes.ints("nodes_treeids")[position];
        let node = attributes.ints("nodes_nodeids")[position];
        let reason = format!("tree {tree}: node {node} is a leaf with {count} votes");
        return Err(attributes.refuse(reason));
    }
    Ok((aggregate, Finish::Columns { base, transform }))
}

/// Two classes are special in ONNX Runtime: what it does depends on which of them has votes, on the
/// signs of all weights, and on how many base values there are.
fn classifier(
    attributes: &Attributes,
    trees: &Trees,
    votes: &Votes,
    columns: usize,
) -> Result<Finish, Unsupported> {
    let transform = transform(attributes)?;
    let fits = |len| len == 0 || len == columns || (len == 1 && columns == 2);
    let mut base = base_values(attributes, fits)?;
    if columns > 2 {
        base.resize(columns, 0.0);
        return Ok(Finish::Columns { base, transform });
    }
    if votes.is_voted == [false, false] {
        return Err(attributes.refuse("no class has a vote"));
    }
    if votes.is_voted[1] {
        if base.len() == 2 {
            return Err(attributes.refuse("two base values, and votes for the second class"));
        }
        // Otherwise the convention would depend on the leaves a row ends in.
        if !votes.is_certain(1, trees) {
            return Err(attributes.refuse("no tree votes for the second class in every leaf"));
        }
    }
    settle(&mut base, attributes, trees, votes)?;
    if votes.is_voted[1] || base.len() == 2 {
        base.resize(columns, 0.0);
        return Ok(Finish::Columns { base, transform });
    }
    let base = base.first().copied().unwrap_or(0.0);
    let pair = match (transform, votes.has_negative) {
        (Transform::Logistic, true) => Pair::Logistic,
        (Transform::Logistic, false) => {
            let reason = "two classes, no weight below zero, and post_transform LOGISTIC, which \
                          ONNX Runtime's releases read differently";
            return Err(attributes.refuse(reason));
        }
        (_, true) => Pair::Negated,
        (_, false) => Pair::Complement,
    };
    Ok(Finish::Pair { base, pair })
}

#[cfg(test)]
mod tests;
