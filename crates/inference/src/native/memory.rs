//! What a model keeps of one instrument between runs.

use super::conv::Rings;
use crate::InferenceError;

/// What a model keeps of one instrument from run to run: made by [`crate::Model::memory`], and of use
/// to that model alone. All its room is taken when it is made.
#[derive(Clone, Debug)]
pub struct Memory {
    pub(crate) states: States,
    pub(crate) rings: Rings,
}

impl Memory {
    /// Forgets everything: what comes next has nothing to do with what came before, as at the
    /// beginning of an epoch. States are zeros again.
    pub fn forget(&mut self) {
        self.states.forget();
        self.rings.forget();
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.states.bytes() + self.rings.bytes()
    }
}

/// The numbers a stateful model carries, all states one after the other.
#[derive(Clone, Debug)]
pub(crate) struct States {
    numbers: Vec<f32>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// No step was taken: zeros.
    Begun,
    /// As the last step left them.
    Following,
    /// Steps are missing.
    Broken,
}

impl States {
    /// Of so many numbers in all.
    pub(crate) fn new(count: usize) -> Self {
        Self { numbers: vec![0.0; count], progress: Progress::Begun }
    }

    pub(crate) fn forget(&mut self) {
        self.numbers.fill(0.0);
        self.progress = Progress::Begun;
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.numbers[..])
    }

    /// Begins a step. Whether it follows the one before is known from `new_rows`; until
    /// [`States::end_step`] it counts as missing.
    ///
    /// # Panics
    /// If the model carries another count of numbers: the memory is another model's.
    pub(crate) fn begin_step(
        &mut self,
        new_rows: usize,
        count: usize,
    ) -> Result<(), InferenceError> {
        assert_eq!(self.numbers.len(), count, "the memory is another model's");
        let follows = match self.progress {
            Progress::Begun => true,
            Progress::Following => new_rows == 1,
            Progress::Broken => false,
        };
        self.progress = Progress::Broken;
        if follows || count == 0 { Ok(()) } else { Err(InferenceError::StateGap { new_rows }) }
    }

    /// The states, to be read before a step's run and written after it.
    pub(crate) fn numbers(&mut self) -> &mut [f32] {
        &mut self.numbers
    }

    /// The step was taken.
    pub(crate) fn end_step(&mut self) {
        self.progress = Progress::Following;
    }
}
