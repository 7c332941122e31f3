//! Several workers that share instruments out among them.

use super::{Reply, Worker, WorkerCommand, WorkerError, WorkerOptions};
use crate::ModelFile;

/// Workers of one model: instrument `i` is always served by worker `i` modulo their number, so that
/// a crash or a slow run is felt by that share of the instruments only. Used by one thread.
#[derive(Debug)]
pub struct WorkerPool {
    workers: Vec<Worker>,
    /// Whose reply is looked for first.
    next: usize,
}

impl WorkerPool {
    /// Starts `count` workers (1 or more), one after the other.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn start(
        count: usize,
        command: &WorkerCommand,
        file: &ModelFile,
        options: &WorkerOptions,
    ) -> Result<Self, WorkerError> {
        assert!(count > 0, "a pool has a worker at least");
        let start = |_| Worker::start(command.clone(), file, options.clone());
        Ok(Self { workers: (0..count).map(start).collect::<Result<_, _>>()?, next: 0 })
    }

    /// As [`Worker::try_send`], to the worker of that instrument.
    #[inline]
    pub fn try_send(&mut self, instrument_index: usize, ticket: u64, input: &[f32]) -> bool {
        self.worker_mut(instrument_index).try_send(ticket, input)
    }

    /// The next reply of any worker, each in its turn. Looks once at each, never waits.
    #[inline]
    pub fn try_receive(&mut self) -> Option<Reply> {
        for _ in 0..self.workers.len() {
            let worker = self.next;
            self.next = (worker + 1) % self.workers.len();
            if let Some(reply) = self.workers[worker].try_receive() {
                return Some(reply);
            }
        }
        None
    }

    /// The worker of that instrument.
    #[inline]
    pub fn worker_mut(&mut self, instrument_index: usize) -> &mut Worker {
        let worker = instrument_index % self.workers.len();
        &mut self.workers[worker]
    }

    /// All of them.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }
}
