//! The decision stage: feature frames to signals.

use tickhawk_feature::{FeatureFrame, Warmup};
use tickhawk_inference::{Model, Output};
use tickhawk_latency::{Clock, StageHistograms, Stamps};
use tickhawk_market::MonoNanos;
use tickhawk_signal::{Decision, Policy, Signal};

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
    /// Frames that made no signal because the model failed or answered with no finite number.
    pub failed: u64,
    /// Frames an instrument's numbering says were missed before they came here.
    pub missed: u64,
}

/// Feature frames in, signals out.
#[derive(Debug)]
pub struct DecisionStage {
    model: Model,
    policy: Policy,
    clock: Clock,
    instruments: Vec<Carried>,
    histograms: StageHistograms,
    counts: DecisionCounts,
}

/// What is carried from frame to frame of one instrument.
#[derive(Debug)]
struct Carried {
    next_number: u64,
    epoch: u32,
    warmup: Warmup,
    held: Decision,
    restarted: bool,
    window: Window,
}

/// The last T rows of F features, oldest first, always one contiguous slice: each row is written
/// twice, T rows apart.
#[derive(Debug)]
struct Window {
    values: Vec<f32>,
    steps: usize,
    row: usize,
    len: usize,
    next: usize,
}

impl Window {
    fn new(steps: usize, row: usize) -> Self {
        Self { values: vec![0.0; 2 * steps * row], steps, row, len: 0, next: 0 }
    }

    fn clear(&mut self) {
        (self.len, self.next) = (0, 0);
    }

    fn push(&mut self, features: &[f32]) {
        for at in [self.next, self.next + self.steps] {
            self.values[at * self.row..(at + 1) * self.row].copy_from_slice(features);
        }
        self.next = (self.next + 1) % self.steps;
        self.len = (self.len + 1).min(self.steps);
    }

    /// All T rows; `None` until there are so many.
    fn rows(&self) -> Option<&[f32]> {
        let rows = &self.values[self.next * self.row..(self.next + self.steps) * self.row];
        (self.len == self.steps).then_some(rows)
    }
}

impl DecisionStage {
    /// A stage that scores with `model` and decides by `policy`.
    pub fn new(model: Model, policy: Policy, clock: Clock) -> Self {
        Self {
            model,
            policy,
            clock,
            instruments: Vec::new(),
            histograms: StageHistograms::new(),
            counts: DecisionCounts::default(),
        }
    }

    /// Takes one frame, which came off the ring at `popped_mono`.
    ///
    /// # Panics
    /// If the frame has another number of features than the model's contract.
    pub fn step(&mut self, frame: &FeatureFrame, popped_mono: MonoNanos) -> Option<Signal> {
        let shape = self.model.shape();
        assert_eq!(frame.features().len(), shape.features, "the plan is the model's own list");
        self.counts.frames += 1;
        let index = frame.instrument().index();
        if self.instruments.len() <= index {
            self.add_instruments(index + 1);
        }
        let carried = &mut self.instruments[index];
        self.counts.missed += carried.follow(frame);
        carried.window.push(frame.features());
        let ready = carried.warmup.is_complete();
        let Some(rows) = carried.window.rows().filter(|_| ready) else {
            self.counts.warming += 1;
            return None;
        };
        self.model.input_mut().copy_from_slice(rows);
        let Ok(output) = self.model.run_in_place() else {
            self.counts.failed += 1;
            return None;
        };
        let scored_mono = self.clock.now();
        let score = output.score();
        carried.held = self.policy.decide(carried.held, score);
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
        self.histograms.record_stamps(&signal.stamps);
        Some(signal)
    }

    /// The model in use.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What was counted.
    pub fn counts(&self) -> DecisionCounts {
        self.counts
    }

    /// How long each stage took, for every signal.
    pub fn histograms(&self) -> &StageHistograms {
        &self.histograms
    }

    /// The clock it stamps by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    #[cold]
    #[inline(never)]
    fn add_instruments(&mut self, count: usize) {
        let shape = self.model.shape();
        self.instruments.resize_with(count, || Carried {
            next_number: 0,
            epoch: 0,
            warmup: Warmup::new(shape.features),
            held: Decision::Flat,
            restarted: true,
            window: Window::new(shape.steps, shape.features),
        });
    }
}

impl Carried {
    /// Takes note of the frame; what was carried begins anew with an epoch, or after frames that
    /// were missed, whose number it returns.
    fn follow(&mut self, frame: &FeatureFrame) -> u64 {
        let missed = frame.number() - self.next_number.min(frame.number());
        if frame.epoch() != self.epoch || missed > 0 {
            self.held = Decision::Flat;
            self.restarted = true;
            self.window.clear();
        }
        if frame.epoch() != self.epoch {
            self.warmup.restart();
        }
        self.epoch = frame.epoch();
        self.next_number = frame.number() + 1;
        self.warmup.observe(frame.valid());
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_the_last_rows_in_order() {
        let mut window = Window::new(3, 2);
        for step in 0..10 {
            let value = step as f32;
            assert_eq!(window.rows().is_some(), step >= 3);
            window.push(&[value, -value]);
        }
        assert_eq!(window.rows().unwrap(), [7.0, -7.0, 8.0, -8.0, 9.0, -9.0]);
        window.clear();
        assert_eq!(window.rows(), None);
    }
}
