//! Frames that waited in the ring together.

use super::tier::Rung;
use super::tried::By;
use super::{Choice, DecisionStage, Haste, Scored, Scorer};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::MonoNanos;

/// A frame, and when it came off the ring.
#[derive(Clone, Copy, Debug)]
pub struct Popped {
    /// The frame.
    pub frame: FeatureFrame,
    /// When.
    pub popped_mono: MonoNanos,
}

impl DecisionStage {
    /// Takes frames that waited together, and tells `on` what became of each, in their order. Of those
    /// of one instrument only the newest is scored, unless a model must see every one. Processes that
    /// run the primary are all asked before the first answer is waited for.
    ///
    /// # Panics
    /// As [`DecisionStage::step`].
    #[inline]
    pub fn step_batch(&mut self, batch: &[Popped], mut on: impl FnMut(&FeatureFrame, Scored)) {
        if batch.len() < 2 || !self.may_pass() {
            for Popped { frame, popped_mono } in batch {
                self.step_to(frame, *popped_mono, |scored| on(frame, *scored));
            }
            return;
        }
        let mut swapped = self.swap_offered();
        for Popped { frame, .. } in batch {
            self.follow(frame);
        }
        for (at, Popped { frame, popped_mono }) in batch.iter().enumerate() {
            if !superseded(batch, at) {
                self.ask(frame.instrument().index(), *popped_mono);
            }
        }
        for (at, Popped { frame, popped_mono }) in batch.iter().enumerate() {
            let mut scored = if superseded(batch, at) {
                self.counts.superseded += 1;
                Scored { signal: None, choice: Choice::default() }
            } else {
                self.score(frame, *popped_mono, By::Haste)
            };
            scored.choice.swapped = swapped.take();
            on(frame, scored);
            self.count_latencies(&scored);
        }
        self.rungs[0].scorer.forget_asked();
    }

    /// Has the primary's processes begin, if it runs in such and is to be run.
    fn ask(&mut self, instrument: usize, now: MonoNanos) {
        let Rung { scorer: Scorer::Isolated(_), .. } = &self.rungs[0] else { return };
        let (rung, carried) = (&mut self.rungs[0], &self.instruments[instrument]);
        let tier = &carried.tiers[0];
        let Some(rows) = tier.rows().filter(|_| rung.is_ready(carried.warmup.missing())) else {
            return;
        };
        let is_free = self.haste == Haste::Patient || rung.breaker.allows(now);
        if is_free
            && tier.repeats(rung).is_none()
            && let Scorer::Isolated(isolated) = &mut rung.scorer
        {
            isolated.ask(instrument, rows);
        }
    }
}

/// Whether a newer frame of its instrument waits behind it.
fn superseded(batch: &[Popped], at: usize) -> bool {
    let instrument = batch[at].frame.instrument();
    batch[at + 1..].iter().any(|newer| newer.frame.instrument() == instrument)
}
