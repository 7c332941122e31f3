//! The decision stage: feature frames to signals, by a ladder of tiers.
//!
//! ```text
//!   frame -> primary model -- late, failed, breaker open --> fallback model -- … --> rule
//!                |                                              |                     |
//!                +----------------- score, policy --------------+---------------------+-> signal
//! ```
//!
//! Budgets and breakers look at the clock, so what they decide is told with each frame ([`Choice`])
//! and written down; a replay of a recording repeats it. Where there is none to repeat, a stage with
//! [`Haste::Patient`] waits for every answer, and what it concludes depends on nothing but frames.

mod batch;
mod breaker;
mod carried;
mod isolated;
mod rehearse;
mod swap;
mod tier;
mod tried;

pub use batch::Popped;
pub use breaker::BreakerOptions;
pub use isolated::{Isolated, IsolatedError};
pub use swap::{Swap, SwapError, Swaps};
pub use tier::{Scorer, TierCounts, TierError, TierOptions};

use breaker::Run;
use carried::Carried;
use isolated::Unanswered;
use rehearse::StandIn;
use tickhawk_feature::FeatureFrame;
use tickhawk_inference::{Model, Output};
use tickhawk_latency::{Clock, StageHistograms, Stamps};
use tickhawk_market::MonoNanos;
use tickhawk_signal::{ModelId, Policy, Signal, Tier};
use tier::Rung;
use tried::{Answer, By, Tried};

/// What the decision stage counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionCounts {
    /// Frames taken.
    pub frames: u64,
    /// Signals made.
    pub signals: u64,
    /// Frames that made no signal because a feature had not been valid yet in the epoch, or the
    /// model's window of frames was not full.
    pub warming: u64,
    /// Frames that made no signal because no tier had an answer in time.
    pub failed: u64,
    /// Frames an instrument's numbering says were missed before they came here.
    pub missed: u64,
    /// Frames not scored because a newer one of the same instrument waited behind them.
    pub superseded: u64,
    /// Models put in another's place.
    pub swaps: u64,
}

/// Whether the stage keeps to budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Haste {
    /// It waits for every answer, and tries every tier every time: what replay does.
    #[default]
    Patient,
    /// Late answers are dropped, and breakers open: what live does.
    Live,
}

/// What was decided about one frame by anything but the frames themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Tiers whose model was run on it, a bit each by their number.
    pub ran: u8,
    /// Before it, a model was put on a rung.
    pub swapped: Option<(Tier, ModelId)>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The signal, if there was one.
    pub signal: Option<Signal>,
    /// What a replay must repeat to come to it again.
    pub choice: Choice,
}

/// Feature frames in, signals out.
#[derive(Debug)]
pub struct DecisionStage {
    rungs: Vec<Rung>,
    features: usize,
    haste: Haste,
    swaps: Swaps,
    clock: Clock,
    instruments: Vec<Carried>,
    stand_in: Option<Box<StandIn>>,
    histograms: StageHistograms,
    counts: DecisionCounts,
}

impl DecisionStage {
    /// A patient stage that scores with one model, whose own list of features its frames carry.
    pub fn new(model: Model, policy: Policy, clock: Clock) -> Self {
        let plan = model.contract().features().to_vec();
        let primary = TierOptions::new(Scorer::Model(Box::new(model)), policy);
        Self::tiered(vec![primary], &plan, Haste::Patient, clock)
            .expect("a model's own features are its own plan")
    }

    /// A stage with one to three tiers, tried in this order: the primary, the fallback where there
    /// are two models, and the rule where one is given. `plan` has the features of its frames.
    ///
    /// # Errors
    /// If a tier scores from a feature that is not in the plan, or repeats scores of windows.
    ///
    /// # Panics
    /// If there is no tier, or more than one rule or two models, or the rule is not the last.
    pub fn tiered(
        tiers: Vec<TierOptions>,
        plan: &[String],
        haste: Haste,
        clock: Clock,
    ) -> Result<Self, TierError> {
        let mut names = [Tier::Primary, Tier::Fallback].into_iter();
        let mut rungs: Vec<Rung> = Vec::with_capacity(tiers.len());
        for options in tiers {
            assert!(rungs.last().is_none_or(|rung| rung.tier != Tier::Rule), "a rule is the last");
            let tier = match options.scorer {
                Scorer::Rule(_) => Tier::Rule,
                _ => names.next().expect("there are at most two models"),
            };
            rungs.push(Rung::new(tier, options, plan)?);
        }
        assert!(!rungs.is_empty(), "a ladder has a rung");
        let models = rungs.iter().filter_map(|rung| Some((rung.tier, rung.scorer.model()?)));
        Ok(Self {
            swaps: Swaps::new(models),
            rungs,
            features: plan.len(),
            haste,
            clock,
            instruments: Vec::new(),
            stand_in: None,
            histograms: StageHistograms::new(),
            counts: DecisionCounts::default(),
        })
    }

    /// Takes one frame, which came off the ring at `popped_mono`.
    ///
    /// # Panics
    /// If the frame has another number of features than the plan.
    #[inline]
    pub fn step(&mut self, frame: &FeatureFrame, popped_mono: MonoNanos) -> Scored {
        self.step_to(frame, popped_mono, |_| {})
    }

    /// The same, and hands on what became of the frame before its latencies are counted: who waits for
    /// the signal does not wait for that.
    ///
    /// # Panics
    /// As [`DecisionStage::step`].
    #[inline]
    pub fn step_to(
        &mut self,
        frame: &FeatureFrame,
        popped_mono: MonoNanos,
        hand_on: impl FnOnce(&Scored),
    ) -> Scored {
        let swapped = self.swap_offered();
        let mut scored = self.take(frame, popped_mono, By::Haste);
        scored.choice.swapped = swapped;
        hand_on(&scored);
        self.count_latencies(&scored);
        if let (Some(stand_in), Some(_)) = (&mut self.stand_in, scored.signal) {
            stand_in.learn(frame, &self.instruments[frame.instrument().index()]);
        }
        scored
    }

    /// Takes one frame as it was taken before: runs what was run then, and lets that tier answer
    /// which did. Swaps are the caller's, by [`DecisionStage::replace`].
    ///
    /// # Panics
    /// As [`DecisionStage::step`].
    pub fn repeat(
        &mut self,
        frame: &FeatureFrame,
        popped_mono: MonoNanos,
        choice: Choice,
        answered: Option<Tier>,
    ) -> Scored {
        let mut scored = self.take(frame, popped_mono, By::Record(choice, answered));
        scored.choice.swapped = choice.swapped;
        self.count_latencies(&scored);
        scored
    }

    #[inline]
    fn count_latencies(&mut self, scored: &Scored) {
        if let Some(signal) = scored.signal.as_ref().filter(|_| !self.clock.is_still()) {
            self.histograms.record_stamps(&signal.stamps);
        }
    }

    /// Whether frames may be passed over at all: not if a model must see every one.
    pub fn may_pass(&self) -> bool {
        self.rungs.iter().all(|rung| !rung.is_stateful)
    }

    /// The primary model.
    ///
    /// # Panics
    /// If the primary tier is no model of this process.
    pub fn model(&self) -> &Model {
        self.rungs[0].scorer.model().expect("the primary tier is a model")
    }

    /// Each tier with the number of its model, who scores, and what it did.
    pub fn tiers(&self) -> impl Iterator<Item = (Tier, ModelId, &Scorer, TierCounts)> {
        self.rungs.iter().map(|rung| {
            let counts = TierCounts { opened: rung.breaker.opened(), ..rung.counts };
            (rung.tier, rung.model, &rung.scorer, counts)
        })
    }

    /// What was counted.
    pub fn counts(&self) -> DecisionCounts {
        self.counts
    }

    /// How long each stage took, for every signal.
    pub fn histograms(&self) -> &StageHistograms {
        &self.histograms
    }

    /// Forgets how long stages took so far: what follows a warm-up is what is told.
    #[cold]
    pub fn forget_latencies(&mut self) {
        self.histograms = StageHistograms::new();
    }

    /// The clock it stamps by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Brings what is carried up to the frame.
    #[inline]
    fn follow(&mut self, frame: &FeatureFrame) {
        assert_eq!(frame.features().len(), self.features, "frames are of the plan");
        self.counts.frames += 1;
        let index = frame.instrument().index();
        if self.instruments.len() <= index {
            self.add_instruments(index + 1);
        }
        self.counts.missed += self.instruments[index].follow(frame, &self.rungs);
    }

    /// A function of its own: rehearsals are to run this very code.
    #[inline(never)]
    fn take(&mut self, frame: &FeatureFrame, popped_mono: MonoNanos, by: By) -> Scored {
        self.follow(frame);
        self.score(frame, popped_mono, by)
    }

    /// Scores a frame that what is carried was brought up to.
    #[inline]
    fn score(&mut self, frame: &FeatureFrame, popped_mono: MonoNanos, by: By) -> Scored {
        let instrument = frame.instrument().index();
        let mut choice = Choice::default();
        let mut warming = true;
        let mut now = popped_mono;
        let mut answer = None;
        for index in 0..self.rungs.len() {
            let tried = self.try_tier(index, instrument, &mut now, by);
            warming &= matches!(tried, Tried::Warming | Tried::Carried);
            let ran = matches!(tried, Tried::Ran(_) | Tried::Carried);
            choice.ran |= u8::from(ran) << self.rungs[index].tier as u8;
            if let Tried::Ran(Some(found)) | Tried::Repeated(found) = tried {
                answer = Some(found);
                break;
            }
        }
        let signal = match answer {
            Some(answer) => Some(self.signal(&answer, instrument, frame, popped_mono, now)),
            None if warming => {
                self.counts.warming += 1;
                None
            }
            None => {
                self.counts.failed += 1;
                None
            }
        };
        Scored { signal, choice }
    }

    /// Asks one tier, and moves `now` on to when it was done.
    #[inline]
    fn try_tier(&mut self, index: usize, instrument: usize, now: &mut MonoNanos, by: By) -> Tried {
        let rung = &mut self.rungs[index];
        let index_of = instrument;
        let instrument = &mut self.instruments[index_of];
        let ready = rung.is_ready(instrument.warmup.missing());
        let carried = &mut instrument.tiers[index];
        if let By::Record(choice, answered) = by
            && choice.ran >> rung.tier as u8 & 1 == 0
            && answered != Some(rung.tier)
        {
            return Tried::Skipped;
        }
        // What is carried is carried from the epoch's first frame on, before anyone may hear of it.
        if carried.rows().is_none() || !(ready || rung.is_stateful) {
            return Tried::Warming;
        }
        if matches!(by, By::Haste) && self.haste == Haste::Live && !rung.breaker.allows(*now) {
            rung.counts.skipped += 1;
            return Tried::Skipped;
        }
        if let Some(output) = carried.repeats(rung) {
            rung.counts.repeated += 1;
            return Tried::Repeated(Answer { index, output, repeated: true });
        }
        let begun = *now;
        let (output, broken) = carried.run(rung, index_of, (&self.clock, begun));
        instrument.restarted |= broken;
        *now = self.clock.now();
        let spent_ns = now.nanos().saturating_sub(begun.nanos());
        let run = match output {
            Err(Unanswered::Failed) => Run::Failed,
            Err(Unanswered::Late) => Run::Late,
            Ok(_) if spent_ns > rung.budget_ns => Run::Late,
            Ok(_) => Run::Good,
        };
        let answers = match by {
            By::Haste if self.haste == Haste::Live => {
                rung.breaker.observe(run, *now);
                run == Run::Good
            }
            By::Haste => output.is_ok(),
            By::Record(_, answered) => answered == Some(rung.tier),
        };
        rung.counts.failed += u64::from(run == Run::Failed);
        if !ready {
            return Tried::Carried;
        }
        rung.counts.late += u64::from(run == Run::Late);
        let Some(output) = output.ok().filter(|_| answers) else { return Tried::Ran(None) };
        carried.keep(rung, output);
        Tried::Ran(Some(Answer { index, output, repeated: false }))
    }

    #[inline]
    fn signal(
        &mut self,
        answer: &Answer,
        instrument: usize,
        frame: &FeatureFrame,
        popped_mono: MonoNanos,
        scored_mono: MonoNanos,
    ) -> Signal {
        let Answer { index, output, repeated } = *answer;
        let rung = &mut self.rungs[index];
        let carried = &mut self.instruments[instrument];
        rung.counts.answered += 1;
        let score = output.score();
        carried.held = rung.policy.decide(carried.held, score);
        let probabilities = match output {
            Output::Classes { down, flat, up } => Some([down, flat, up]),
            Output::Value(_) => None,
        };
        let signal = Signal {
            instrument: frame.instrument(),
            epoch: frame.epoch(),
            number: frame.number(),
            received_at: frame.received_at(),
            exchange_at: frame.exchange_at(),
            sequence: frame.sequence(),
            book_age_ns: frame.book_age_ns(),
            mid: frame.mid(),
            score,
            probabilities,
            decision: carried.held,
            restarted: std::mem::take(&mut carried.restarted),
            tier: rung.tier,
            model: rung.model,
            repeated,
            stamps: Stamps {
                received_mono: frame.received_mono(),
                decoded_mono: frame.decoded_mono(),
                framed_mono: frame.framed_mono(),
                popped_mono,
                scored_mono,
                emitted_mono: self.clock.now(),
            },
        };
        self.counts.signals += 1;
        signal
    }

    #[cold]
    #[inline(never)]
    fn add_instruments(&mut self, count: usize) {
        let (features, rungs) = (self.features, &self.rungs);
        self.instruments.resize_with(count, || Carried::new(features, rungs));
    }
}
