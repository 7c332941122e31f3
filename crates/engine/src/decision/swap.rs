//! A model put in another's place between two frames.

use super::{DecisionStage, Scorer};
use crossbeam_queue::ArrayQueue;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tickhawk_inference::Model;
use tickhawk_signal::{ModelId, Tier};

/// Swaps that may wait for the next frame, and models that may wait to be taken away.
const WAITING_MAX: usize = 16;

/// A model, loaded, proven and warm, to be put on a rung.
#[derive(Debug)]
pub struct Swap {
    /// Which rung.
    pub tier: Tier,
    /// The model's number in this run: one that no other model of the run has had.
    pub id: ModelId,
    /// The model, in this process or in its own. It has the features, the window and the kind of output
    /// of the one before.
    pub scorer: Scorer,
}

/// A swap that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// Its frames would not be scored alike, or windows would have to fill again.
    #[error("it takes other inputs than the model in use: {difference}\nhint: start again with it")]
    Inputs {
        /// What differs.
        difference: String,
    },
    /// Swaps come faster than frames.
    #[error("{WAITING_MAX} models wait for the next frame already")]
    Full,
}

/// The way to a decision stage that is at work on another thread.
#[derive(Clone, Debug)]
pub struct Swaps {
    shared: Arc<Shared>,
    expected: Vec<Expected>,
}

/// What a model must keep to, a rung each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    tier: Tier,
    features: Vec<String>,
    steps: usize,
    values: usize,
    is_stateful: bool,
}

impl DecisionStage {
    /// Puts the model on its rung; what stood there goes to [`Swaps::retired`].
    #[cold]
    pub fn replace(&mut self, swap: Swap) {
        let Swap { tier, id, scorer } = swap;
        let Some(rung) = self.rungs.iter_mut().find(|rung| rung.tier == tier) else { return };
        let before = std::mem::replace(&mut rung.scorer, scorer);
        let before_id = std::mem::replace(&mut rung.model, id);
        rung.generation += 1;
        rung.breaker.close();
        self.counts.swaps += 1;
        self.swaps.retire(Swap { tier, id: before_id, scorer: before });
    }

    /// The way to put another model in place while the stage is at work.
    pub fn swaps(&self) -> Swaps {
        self.swaps.clone()
    }

    #[inline]
    pub(super) fn swap_offered(&mut self) -> Option<(Tier, ModelId)> {
        let swap = self.swaps.take()?;
        let what = (swap.tier, swap.id);
        self.replace(swap);
        Some(what)
    }
}

#[derive(Debug)]
struct Shared {
    is_waiting: AtomicBool,
    offered: ArrayQueue<Swap>,
    retired: ArrayQueue<Swap>,
}

impl Expected {
    fn of(tier: Tier, model: &Model) -> Self {
        Self {
            tier,
            features: model.contract().features().to_vec(),
            steps: model.shape().steps,
            values: model.kind().values(),
            is_stateful: model.is_stateful(),
        }
    }

    fn difference(&self, other: &Self) -> Option<String> {
        if self.steps != other.steps {
            return Some(format!("{} frames, not {}", other.steps, self.steps));
        }
        if self.values != other.values {
            return Some(format!("{} outputs, not {}", other.values, self.values));
        }
        if self.is_stateful != other.is_stateful {
            let carries = |stateful| if stateful { "state" } else { "no state" };
            let (ours, theirs) = (carries(self.is_stateful), carries(other.is_stateful));
            return Some(format!("it carries {theirs}, not {ours}"));
        }
        if self.features.len() != other.features.len() {
            let (ours, theirs) = (self.features.len(), other.features.len());
            return Some(format!("{theirs} features, not {ours}"));
        }
        let mut pairs = self.features.iter().zip(&other.features).enumerate();
        let (index, (ours, theirs)) = pairs.find(|(_, (ours, theirs))| ours != theirs)?;
        Some(format!("feature {index} is `{theirs}`, not `{ours}`"))
    }
}

impl Swaps {
    pub(super) fn new<'a>(models: impl Iterator<Item = (Tier, &'a Model)>) -> Self {
        let shared = Shared {
            is_waiting: AtomicBool::new(false),
            offered: ArrayQueue::new(WAITING_MAX),
            retired: ArrayQueue::new(WAITING_MAX),
        };
        let expected = models.map(|(tier, model)| Expected::of(tier, model)).collect();
        Self { shared: Arc::new(shared), expected }
    }

    /// Whether the model could be put on the rung.
    ///
    /// # Errors
    /// If it takes or gives something else than the one that stands there, or none does.
    pub fn check(&self, tier: Tier, model: &Model) -> Result<(), SwapError> {
        let inputs = |difference| SwapError::Inputs { difference };
        let expected = self.expected.iter().find(|expected| expected.tier == tier);
        let expected = expected.ok_or_else(|| inputs(format!("no model is {}", tier.as_str())))?;
        expected.difference(&Expected::of(tier, model)).map_or(Ok(()), |text| Err(inputs(text)))
    }

    /// Has the model put in place before the next frame.
    ///
    /// # Errors
    /// As [`Swaps::check`], and if too many wait already.
    pub fn offer(&self, swap: Swap) -> Result<(), SwapError> {
        let model = swap.scorer.model();
        let none = || SwapError::Inputs { difference: "it is no model".to_owned() };
        self.check(swap.tier, model.ok_or_else(none)?)?;
        self.shared.offered.push(swap).map_err(|_| SwapError::Full)?;
        self.shared.is_waiting.store(true, Ordering::Release);
        Ok(())
    }

    /// A model that was replaced, with the rung it stood on.
    pub fn retired(&self) -> Option<Swap> {
        self.shared.retired.pop()
    }

    /// The next swap; costs one load while there is none.
    #[inline]
    pub(super) fn take(&self) -> Option<Swap> {
        if !self.shared.is_waiting.load(Ordering::Relaxed) {
            return None;
        }
        self.take_waiting()
    }

    #[cold]
    #[inline(never)]
    fn take_waiting(&self) -> Option<Swap> {
        // Cleared first: an offer made meanwhile is seen next time at the latest.
        self.shared.is_waiting.store(false, Ordering::SeqCst);
        let swap = self.shared.offered.pop();
        if !self.shared.offered.is_empty() {
            self.shared.is_waiting.store(true, Ordering::Relaxed);
        }
        swap
    }

    /// Hands back what was replaced. If nobody took the ones before, it is dropped here.
    #[cold]
    pub(super) fn retire(&self, swap: Swap) {
        let _ = self.shared.retired.push(swap);
    }
}
