//! What can go wrong between a worker process and its parent.

use crate::InferenceError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tickhawk_handoff::{Geometry, RingError, SegmentError};

/// A worker that cannot be had, or cannot serve. What happens to one that runs is not an error: it is
/// counted, see [`crate::WorkerCounts`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// Shared memory could not be had; its text names the cure.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The rings cannot be: see the reason.
    #[error("the worker's rings cannot be had")]
    Ring(#[from] RingError),
    /// The other side made a ring of another form: run both sides from the same build.
    #[error(
        "the other side's ring has {} slots of {} words, not {} of {}",
        found.slot_count(), found.payload_words(), expected.slot_count(), expected.payload_words()
    )]
    Geometry {
        /// What was agreed on.
        expected: Geometry,
        /// What the ring's header says.
        found: Geometry,
    },
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] InferenceError),
    /// Check the program's path and the limit of processes.
    #[error("cannot start the worker `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system gives no thread for the supervision.
    #[error("cannot start the thread that supervises the worker")]
    Thread(#[source] io::Error),
    /// The worker ended before it was ready and left no word; its own stderr may say more.
    #[error("the worker ended before it was ready ({status})")]
    Exited {
        /// Its exit code or signal.
        status: String,
    },
    /// The worker said why it cannot serve.
    #[error("the worker cannot serve: {message}")]
    Refused {
        /// Its own words.
        message: String,
    },
    /// The worker was ended since it was not ready in time: give it more, or find what its model or
    /// library waits for.
    #[error("the worker was not ready within {} ms", after.as_millis())]
    NotReady {
        /// How long it had.
        after: Duration,
    },
    /// The worker loaded something else than the parent: the file changed in between, or the command
    /// names another one.
    #[error("the worker's model has {what} {found}, expected is {expected}")]
    OtherModel {
        /// What is different.
        what: &'static str,
        /// What the parent's file says.
        expected: String,
        /// What the worker says.
        found: String,
    },
    /// The worker is being ended by its owner.
    #[error("the worker is being ended")]
    Closing,
    /// In the worker: its parent is gone, so no one is there to serve.
    #[error("the parent process {expected} is gone, this process now belongs to {found}")]
    ParentGone {
        /// Who started it.
        expected: u32,
        /// Whose child it is.
        found: u32,
    },
    /// The other side wrote what this build does not.
    #[error("the segment's control word {index} says {found}: run both sides from the same build")]
    Control {
        /// Which word.
        index: usize,
        /// What it says.
        found: u64,
    },
    /// In the worker: the system refuses to tie its life to its parent's.
    #[error("cannot ask to be ended with the parent process")]
    DeathSignal(#[source] io::Error),
}
