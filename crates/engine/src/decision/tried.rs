//! How a tier is asked, and what came of it.

use super::Choice;
use tickhawk_inference::Output;
use tickhawk_signal::Tier;

/// How the tiers of one frame are chosen.
#[derive(Clone, Copy)]
pub(super) enum By {
    Haste,
    /// As it was done before: these were run, this one answered.
    Record(Choice, Option<Tier>),
}

/// An answer, and who gave it.
pub(super) struct Answer {
    /// The rung's index.
    pub(super) index: usize,
    pub(super) output: Output,
    pub(super) repeated: bool,
}

/// What became of asking a tier.
pub(super) enum Tried {
    /// Something it needs was not there yet.
    Warming,
    /// So it was, and the model was run for what it carries.
    Carried,
    /// It was not asked.
    Skipped,
    /// No input had changed.
    Repeated(Answer),
    /// Its model was run, and answered in time or not.
    Ran(Option<Answer>),
}
