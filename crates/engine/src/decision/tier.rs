//! One rung of the ladder: who scores, from which features, by when.

use super::breaker::{Breaker, BreakerOptions};
use std::fmt;
use tickhawk_feature::{FeatureFrame, ValidMask};
use tickhawk_inference::{Model, Output, Shape};
use tickhawk_signal::{ModelId, Policy, Tier};

/// Who scores.
#[derive(Debug)]
pub enum Scorer {
    /// A model in this process.
    Model(Box<Model>),
    /// The value of one feature of the plan, by name.
    Rule(String),
}

/// A rung of the ladder, as it is asked for.
#[derive(Debug)]
pub struct TierOptions {
    /// Who scores.
    pub scorer: Scorer,
    /// How long one answer may take, in nanoseconds; a later one is dropped and the next tier is
    /// asked. `None` is for ever.
    pub budget_ns: Option<u64>,
    /// Thresholds on its scores.
    pub policy: Policy,
    /// When it is left alone.
    pub breaker: BreakerOptions,
    /// Repeat the last score while no feature has moved further than this from the vector it was
    /// made of. `None` is to score always; only for models of one frame.
    pub epsilon: Option<f32>,
}

impl TierOptions {
    /// A tier without a budget.
    pub fn new(scorer: Scorer, policy: Policy) -> Self {
        let breaker = BreakerOptions::default();
        Self { scorer, budget_ns: None, policy, breaker, epsilon: None }
    }
}

/// A ladder that cannot be stood on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TierError {
    /// The frames do not carry what it scores from.
    #[error("{tier} needs feature `{feature}`, which is not in the plan")]
    Feature {
        /// Whose.
        tier: &'static str,
        /// Which.
        feature: String,
    },
    /// Repeating scores would leave out frames of a window.
    #[error("{tier} scores windows of {steps} frames: an epsilon is for models of one frame")]
    Epsilon {
        /// Whose.
        tier: &'static str,
        /// Frames of its window.
        steps: usize,
    },
}

/// What one tier did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierCounts {
    /// Frames it was run on.
    pub runs: u64,
    /// Its answers that became signals, repeated ones included.
    pub answered: u64,
    /// Answers that came after the budget, and were dropped.
    pub late: u64,
    /// Runs that failed or gave no finite number.
    pub failed: u64,
    /// Frames it was not asked about because its breaker was open.
    pub skipped: u64,
    /// Scores repeated because no input had changed.
    pub repeated: u64,
    /// Times its breaker opened.
    pub opened: u64,
}

/// A rung of the ladder at work.
pub(super) struct Rung {
    pub(super) tier: Tier,
    pub(super) model: ModelId,
    pub(super) scorer: Scorer,
    /// Where each of its features stands in the frame; `None` if it takes all, in order.
    columns: Option<Vec<usize>>,
    /// The features it needs to have been valid.
    needs: ValidMask,
    pub(super) budget_ns: u64,
    pub(super) policy: Policy,
    pub(super) breaker: Breaker,
    pub(super) epsilon: Option<f32>,
    pub(super) counts: TierCounts,
    /// Models that stood here so far.
    pub(super) generation: u32,
}

impl Rung {
    /// Checks that frames of these features can be scored.
    pub(super) fn new(
        tier: Tier,
        options: TierOptions,
        plan: &[String],
    ) -> Result<Self, TierError> {
        let TierOptions { scorer, budget_ns, policy, breaker, epsilon } = options;
        let steps = scorer.shape().steps;
        if epsilon.is_some() && steps > 1 {
            return Err(TierError::Epsilon { tier: tier.as_str(), steps });
        }
        let place = |name: &String| {
            plan.iter()
                .position(|planned| planned == name)
                .ok_or_else(|| TierError::Feature { tier: tier.as_str(), feature: name.clone() })
        };
        let columns: Vec<usize> = scorer.features().iter().map(place).collect::<Result<_, _>>()?;
        let mut needs = [0; 2];
        for column in &columns {
            needs[column / 64] |= 1 << (column % 64);
        }
        let all = columns.len() == plan.len() && columns.iter().copied().eq(0..plan.len());
        Ok(Self {
            tier,
            model: ModelId::first_of(tier),
            scorer,
            columns: if all { None } else { Some(columns) },
            needs,
            budget_ns: budget_ns.unwrap_or(u64::MAX),
            policy,
            breaker: Breaker::new(breaker),
            epsilon,
            counts: TierCounts::default(),
            generation: 0,
        })
    }

    /// Whether every feature it needs has been valid, `missing` being those that have not.
    #[inline]
    pub(super) fn is_ready(&self, missing: &ValidMask) -> bool {
        self.needs[0] & missing[0] == 0 && self.needs[1] & missing[1] == 0
    }

    /// Copies its own features out of the frame's.
    #[inline]
    pub(super) fn gather(&self, frame: &FeatureFrame, row: &mut [f32]) {
        gather(self.columns.as_deref(), frame, row);
    }

    /// Its own features of the frame.
    pub(super) fn values<'a>(&'a self, frame: &'a FeatureFrame) -> impl Iterator<Item = f32> + 'a {
        let features = frame.features();
        let count = self.columns.as_ref().map_or(features.len(), Vec::len);
        (0..count).map(move |index| match &self.columns {
            None => features[index],
            Some(columns) => features[columns[index]],
        })
    }

    /// Scores the frame, or the window that ends with it. `None` if it could not.
    #[inline]
    pub(super) fn run(&mut self, frame: &FeatureFrame, window: Option<&[f32]>) -> Option<Output> {
        self.counts.runs += 1;
        match &mut self.scorer {
            Scorer::Model(model) => {
                match window {
                    Some(rows) => model.input_mut().copy_from_slice(rows),
                    None => gather(self.columns.as_deref(), frame, model.input_mut()),
                }
                model.run_in_place().ok()
            }
            Scorer::Rule(_) => {
                let mut value = [0.0];
                gather(self.columns.as_deref(), frame, &mut value);
                value[0].is_finite().then_some(Output::Value(value[0]))
            }
        }
    }
}

#[inline]
fn gather(columns: Option<&[usize]>, frame: &FeatureFrame, row: &mut [f32]) {
    let features = frame.features();
    match columns {
        None => row.copy_from_slice(features),
        Some(columns) => {
            for (value, column) in row.iter_mut().zip(columns) {
                *value = features[*column];
            }
        }
    }
}

impl Scorer {
    /// What it takes.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Model(model) => model.shape(),
            Self::Rule(_) => Shape { steps: 1, features: 1 },
        }
    }

    /// The features it scores from, in order.
    pub fn features(&self) -> &[String] {
        match self {
            Self::Model(model) => model.contract().features(),
            Self::Rule(feature) => std::slice::from_ref(feature),
        }
    }

    /// The model, if it is one.
    pub fn model(&self) -> Option<&Model> {
        match self {
            Self::Model(model) => Some(model),
            Self::Rule(_) => None,
        }
    }
}

impl fmt::Debug for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rung").field("tier", &self.tier).field("scorer", &self.scorer).finish()
    }
}
