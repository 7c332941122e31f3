//! What the decision stage plays while no frame comes.

use super::carried::Carried;
use super::tried::By;
use super::{DecisionStage, Scorer};
use std::mem;
use tickhawk_feature::FeatureFrame;

/// Frames from one that is learned to the next.
const LEARN_EVERY: u64 = 64;

/// A frame that became a signal, and who stands in for its instrument.
#[derive(Debug)]
pub(super) struct StandIn {
    frame: Option<FeatureFrame>,
    carried: Carried,
}

impl StandIn {
    /// Learns the frame, if it is time, and what `real` needs to score it.
    #[inline]
    pub(super) fn learn(&mut self, frame: &FeatureFrame, real: &Carried) {
        if self.frame.is_none() || frame.number().is_multiple_of(LEARN_EVERY) {
            self.frame = Some(*frame);
            self.carried.be_ready_for(frame, real);
        }
    }
}

impl DecisionStage {
    /// Learns from what comes what [`DecisionStage::rehearse`] plays.
    #[cold]
    pub fn learn_to_rehearse(&mut self) {
        let carried = Carried::new(self.features, &self.rungs);
        self.stand_in = Some(Box::new(StandIn { frame: None, carried }));
    }

    /// Takes a frame that came before once more, with another in the place of its instrument, and
    /// forgets that it did: the next one finds the models in the caches. Processes that run a model
    /// are left alone.
    pub fn rehearse(&mut self) {
        let is_own = |scorer: &Scorer| !matches!(scorer, Scorer::Isolated(_));
        if !self.rungs.iter().all(|rung| is_own(&rung.scorer)) {
            return;
        }
        let Some(mut stand_in) = self.stand_in.take() else { return };
        if let Some(frame) = stand_in.frame {
            let index = frame.instrument().index();
            let counts = self.counts;
            // Of one to three tiers.
            let kept: [_; 3] = std::array::from_fn(|index| {
                self.rungs.get(index).map(|rung| (rung.counts, rung.breaker))
            });
            mem::swap(&mut self.instruments[index], &mut stand_in.carried);
            self.take(&frame, self.clock.now(), By::Haste);
            mem::swap(&mut self.instruments[index], &mut stand_in.carried);
            self.counts = counts;
            for (rung, (counts, breaker)) in self.rungs.iter_mut().zip(kept.into_iter().flatten()) {
                (rung.counts, rung.breaker) = (counts, breaker);
            }
        }
        self.stand_in = Some(stand_in);
    }
}
