//! A model run by processes of its own, each for its share of the instruments.

use std::{hint, thread};
use tickhawk_inference::{
    InferenceError, Model, ModelFile, Outcome, Output, Worker, WorkerCommand, WorkerCounts,
    WorkerError, WorkerOptions, WorkerPool,
};
use tickhawk_latency::Clock;
use tickhawk_market::MonoNanos;

/// Workers, and the model they run. What they do not answer in time is not waited for, so a budget is
/// kept whatever becomes of them.
#[derive(Debug)]
pub struct Isolated {
    /// Loaded here too, for what it says of itself; it is never run on frames.
    pub(super) model: Model,
    pool: WorkerPool,
    tickets: u64,
    /// Instruments whose worker was asked ahead of their turn, and the tickets of that.
    pub(super) asked: Vec<(usize, u64)>,
}

/// Instruments that may be asked ahead without room being made: more than wait together.
const ASKED_CAPACITY: usize = 64;

/// Looks for an answer before others may run, where the worker shares the core: some microseconds.
const LOOKS_BEFORE_YIELD: u32 = 64;

/// Workers that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IsolatedError {
    /// Their processes or their shared memory.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The model's file.
    #[error(transparent)]
    Model(#[from] InferenceError),
    /// What a model carries would be lost with each process.
    #[error(
        "the model carries state, which a process of its own would lose\nhint: run it in a thread"
    )]
    Stateful,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// No worker was there, it ended meanwhile, or its model failed.
    Failed,
    /// The time was up.
    Late,
}

impl Isolated {
    /// Starts `count` workers (1 or more) of the model's file.
    ///
    /// # Errors
    /// If one does not come to be ready, or the model carries state.
    pub fn start(
        model: Model,
        count: usize,
        command: &WorkerCommand,
        options: &WorkerOptions,
    ) -> Result<Self, IsolatedError> {
        if model.is_stateful() {
            return Err(IsolatedError::Stateful);
        }
        let file = ModelFile::read(model.path())?;
        let pool = WorkerPool::start(count, command, &file, options)?;
        Ok(Self { model, pool, tickets: 0, asked: Vec::with_capacity(ASKED_CAPACITY) })
    }

    /// The model they run.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What became of each worker and of what it was sent.
    pub fn counts(&self) -> impl Iterator<Item = WorkerCounts> {
        self.pool.workers().iter().map(Worker::counts)
    }

    /// Has the instrument's worker begin on the window, if it can; [`Isolated::run`] fetches the answer.
    pub(super) fn ask(&mut self, instrument: usize, rows: &[f32]) {
        if let Some(ticket) = self.send(instrument, rows) {
            self.asked.push((instrument, ticket));
        }
    }

    #[inline]
    fn send(&mut self, instrument: usize, rows: &[f32]) -> Option<u64> {
        self.tickets += 1;
        self.pool.try_send(instrument, self.tickets, rows).then_some(self.tickets)
    }

    /// Has the window scored by the instrument's worker, and waits for that until `budget_ns` after
    /// `begun`. An answer that comes later is dropped when it comes.
    #[inline]
    pub(super) fn run(
        &mut self,
        instrument: usize,
        rows: &[f32],
        (clock, begun, budget_ns): (&Clock, MonoNanos, u64),
    ) -> Result<Output, Unanswered> {
        let ahead = self.asked.iter().position(|(asked, _)| *asked == instrument);
        let ticket = match ahead {
            Some(at) => self.asked.swap_remove(at).1,
            None => self.send(instrument, rows).ok_or(Unanswered::Failed)?,
        };
        let worker = self.pool.worker_mut(instrument);
        let mut looks = 0u32;
        loop {
            match worker.try_receive() {
                Some(reply) if reply.ticket == ticket => {
                    return match reply.outcome {
                        Outcome::Output(output) => Ok(output),
                        Outcome::NonFinite | Outcome::Failed => Err(Unanswered::Failed),
                    };
                }
                // The answer to a frame that was given up.
                Some(_) => {}
                None if worker.in_flight() == 0 => return Err(Unanswered::Failed),
                None => {
                    let spent_ns = clock.now().nanos().saturating_sub(begun.nanos());
                    if spent_ns > budget_ns {
                        return Err(Unanswered::Late);
                    }
                    looks = looks.wrapping_add(1);
                    if looks.is_multiple_of(LOOKS_BEFORE_YIELD) {
                        thread::yield_now();
                    } else {
                        hint::spin_loop();
                    }
                }
            }
        }
    }
}
