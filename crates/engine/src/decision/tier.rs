//! One rung of the ladder: who scores, from which features, by when.

use super::breaker::{Breaker, BreakerOptions};
use super::isolated::{Isolated, Unanswered};
use std::fmt;
use tickhawk_feature::{FeatureFrame, ValidMask};
use tickhawk_inference::{Memory, Model, Output, Shape};
use tickhawk_latency::Clock;
use tickhawk_market::MonoNanos;
use tickhawk_signal::{ModelId, Policy, Tier};

/// Who scores.
#[derive(Debug)]
pub enum Scorer {
    /// A model in this process.
    Model(Box<Model>),
    /// A model in processes of its own, which may crash or hang. It needs a budget.
    Isolated(Box<Isolated>),
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
    /// Workers that hang would be waited for.
    #[error("{tier} runs in a process of its own, and has no budget by which it must answer")]
    NoBudget {
        /// Whose.
        tier: &'static str,
    },
    /// Repeating scores would leave out frames of a window, or of what is carried.
    #[error("{tier} looks at more than the last frame: an epsilon is for models that do not")]
    Epsilon {
        /// Whose.
        tier: &'static str,
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
    /// Whether its model must see every frame.
    pub(super) is_stateful: bool,
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
        let is_stateful = scorer.model().is_some_and(Model::is_stateful);
        if epsilon.is_some() && (is_stateful || scorer.shape().steps > 1) {
            return Err(TierError::Epsilon { tier: tier.as_str() });
        }
        if budget_ns.is_none() && matches!(scorer, Scorer::Isolated(_)) {
            return Err(TierError::NoBudget { tier: tier.as_str() });
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
            is_stateful,
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
        let features = frame.features();
        match &self.columns {
            None => row.copy_from_slice(features),
            Some(columns) => {
                for (value, column) in row.iter_mut().zip(columns) {
                    *value = features[*column];
                }
            }
        }
    }

    /// Scores the window of an instrument, of which so many rows are new, from `begun` on. Only
    /// workers are not waited for beyond the budget.
    #[inline]
    pub(super) fn run(
        &mut self,
        instrument: usize,
        rows: &[f32],
        memory: &mut Option<Memory>,
        new_rows: usize,
        (clock, begun): (&Clock, MonoNanos),
    ) -> Result<Output, Unanswered> {
        self.counts.runs += 1;
        let output = match (&mut self.scorer, memory) {
            (Scorer::Model(model), Some(memory)) => model.run_with(memory, rows, new_rows).ok(),
            (Scorer::Isolated(isolated), _) => {
                return isolated.run(instrument, rows, (clock, begun, self.budget_ns));
            }
            _ => rows[0].is_finite().then_some(Output::Value(rows[0])),
        };
        output.ok_or(Unanswered::Failed)
    }
}

impl Scorer {
    /// What it takes.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Model(model) => model.shape(),
            Self::Isolated(isolated) => isolated.model.shape(),
            Self::Rule(_) => Shape { steps: 1, features: 1 },
        }
    }

    /// The features it scores from, in order.
    pub fn features(&self) -> &[String] {
        match self {
            Self::Model(model) => model.contract().features(),
            Self::Isolated(isolated) => isolated.model.contract().features(),
            Self::Rule(feature) => std::slice::from_ref(feature),
        }
    }

    /// What was asked of its processes and not fetched will not be.
    #[inline]
    pub(super) fn forget_asked(&mut self) {
        if let Self::Isolated(isolated) = self {
            isolated.asked.clear();
        }
    }

    /// What a model of this process keeps of one instrument.
    pub(super) fn memory(&self) -> Option<Memory> {
        match self {
            Self::Model(model) => Some(model.memory()),
            Self::Isolated(_) | Self::Rule(_) => None,
        }
    }

    /// The model, if it is one.
    pub fn model(&self) -> Option<&Model> {
        match self {
            Self::Model(model) => Some(model),
            Self::Isolated(isolated) => Some(&isolated.model),
            Self::Rule(_) => None,
        }
    }
}

impl fmt::Debug for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rung").field("tier", &self.tier).field("scorer", &self.scorer).finish()
    }
}
