//! What is carried from frame to frame of one instrument.

use super::isolated::Unanswered;
use super::tier::Rung;
use tickhawk_feature::{FeatureFrame, Warmup};
use tickhawk_inference::{Memory, Output};
use tickhawk_latency::Clock;
use tickhawk_market::MonoNanos;
use tickhawk_signal::Decision;

/// One instrument's.
#[derive(Debug)]
pub(super) struct Carried {
    next_number: u64,
    epoch: u32,
    pub(super) warmup: Warmup,
    pub(super) held: Decision,
    pub(super) restarted: bool,
    pub(super) tiers: Vec<TierCarried>,
}

/// One instrument's on one rung.
#[derive(Debug)]
pub(super) struct TierCarried {
    window: Window,
    /// What the model keeps from run to run; a rule keeps nothing.
    memory: Option<Memory>,
    /// Rows pushed since the model ran.
    new_rows: usize,
    /// Whether the model ran since it began anew.
    has_run: bool,
    /// The vector last scored and what came of it, where scores are repeated.
    last: Option<Output>,
    vector: Vec<f32>,
    generation: u32,
}

/// The last T rows of F features, oldest first, always one contiguous slice: each row is written
/// twice, T rows apart.
#[derive(Debug)]
pub(super) struct Window {
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

    fn push(&mut self, write: impl Fn(&mut [f32])) {
        let (first, second) = self.values.split_at_mut(self.steps * self.row);
        let place = self.next * self.row..(self.next + 1) * self.row;
        write(&mut first[place.clone()]);
        second[place.clone()].copy_from_slice(&first[place]);
        self.next = (self.next + 1) % self.steps;
        self.len = (self.len + 1).min(self.steps);
    }

    /// All T rows; `None` until there are so many.
    fn rows(&self) -> Option<&[f32]> {
        let rows = &self.values[self.next * self.row..(self.next + self.steps) * self.row];
        (self.len == self.steps).then_some(rows)
    }
}

impl Carried {
    pub(super) fn new(features: usize, rungs: &[Rung]) -> Self {
        Self {
            next_number: 0,
            epoch: 0,
            warmup: Warmup::new(features),
            held: Decision::Flat,
            restarted: true,
            tiers: rungs.iter().map(TierCarried::new).collect(),
        }
    }

    /// Takes note that all that went before the frame is known, as it is to `real`.
    pub(super) fn be_ready_for(&mut self, frame: &FeatureFrame, real: &Self) {
        (self.epoch, self.next_number) = (frame.epoch(), frame.number());
        self.warmup = real.warmup;
    }

    /// Takes note of the frame; what was carried begins anew with an epoch, or after frames that
    /// were missed, whose number it returns.
    pub(super) fn follow(&mut self, frame: &FeatureFrame, rungs: &[Rung]) -> u64 {
        let missed = frame.number() - self.next_number.min(frame.number());
        if frame.epoch() != self.epoch || missed > 0 {
            self.held = Decision::Flat;
            self.restarted = true;
            self.tiers.iter_mut().for_each(TierCarried::restart);
        }
        if frame.epoch() != self.epoch {
            self.warmup.restart();
        }
        self.epoch = frame.epoch();
        self.next_number = frame.number() + 1;
        self.warmup.observe(frame.valid());
        for (carried, rung) in self.tiers.iter_mut().zip(rungs) {
            if carried.generation != rung.generation {
                carried.succeed(rung);
            }
            carried.window.push(|row| rung.gather(frame, row));
            carried.new_rows += 1;
        }
        missed
    }
}

impl TierCarried {
    fn new(rung: &Rung) -> Self {
        let shape = rung.scorer.shape();
        let kept = if rung.epsilon.is_some() { shape.features } else { 0 };
        Self {
            window: Window::new(shape.steps, shape.features),
            memory: rung.scorer.memory(),
            new_rows: 0,
            has_run: false,
            last: None,
            vector: vec![0.0; kept],
            generation: rung.generation,
        }
    }

    fn restart(&mut self) {
        self.window.clear();
        self.last = None;
        self.forget();
    }

    /// Another model stands there: the window is its own too, what the one before made of it is not.
    #[cold]
    fn succeed(&mut self, rung: &Rung) {
        (self.generation, self.last) = (rung.generation, None);
        (self.memory, self.has_run) = (rung.scorer.memory(), false);
    }

    /// What the model carries begins anew.
    pub(super) fn forget(&mut self) {
        self.memory.iter_mut().for_each(Memory::forget);
        self.has_run = false;
    }

    /// The window, once it is full.
    #[inline]
    pub(super) fn rows(&self) -> Option<&[f32]> {
        self.window.rows()
    }

    /// Scores the window. A state that a frame was kept from begins anew, which is also told.
    #[inline]
    pub(super) fn run(
        &mut self,
        rung: &mut Rung,
        instrument: usize,
        times: (&Clock, MonoNanos),
    ) -> (Result<Output, Unanswered>, bool) {
        let broken = rung.is_stateful && self.has_run && self.new_rows != 1;
        if broken {
            self.forget();
        }
        let new_rows = std::mem::take(&mut self.new_rows);
        let rows = self.window.rows().ok_or(Unanswered::Failed);
        let memory = &mut self.memory;
        let output = rows.and_then(|rows| rung.run(instrument, rows, memory, new_rows, times));
        self.has_run = true;
        if output.is_err() {
            // Whatever it made of it may be in what it carries.
            self.forget();
        }
        (output, broken)
    }

    /// What was scored last, if no feature has moved further than the tier's epsilon from it since.
    #[inline]
    pub(super) fn repeats(&self, rung: &Rung) -> Option<Output> {
        let epsilon = rung.epsilon?;
        let output = self.last?;
        let mut pairs = self.window.rows()?.iter().zip(&self.vector);
        pairs.all(|(now, then)| (now - then).abs() <= epsilon).then_some(output)
    }

    /// Keeps what came of this vector.
    #[inline]
    pub(super) fn keep(&mut self, rung: &Rung, output: Output) {
        if let Some(rows) = self.window.rows().filter(|_| rung.epsilon.is_some()) {
            self.vector.copy_from_slice(rows);
            self.last = Some(output);
        }
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
            window.push(|row| row.copy_from_slice(&[value, -value]));
        }
        assert_eq!(window.rows().unwrap(), [7.0, -7.0, 8.0, -8.0, 9.0, -9.0]);
        window.clear();
        assert_eq!(window.rows(), None);
    }
}
