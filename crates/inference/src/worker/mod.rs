//! Inference in a supervised process of its own: a crash or a hang of the model costs the requests
//! in flight and nothing else.
//!
//! Contract: after [`Worker::start`], [`Worker::try_send`] and [`Worker::try_receive`] never block,
//! allocate nothing, take no lock, make no system call and read no clock. Everything cold is on a
//! thread of its own, the supervisor's: it starts the process, notices its end, kills it when it
//! hangs, and starts another with fresh rings after a pause that doubles up to a bound.
//!
//! ```text
//! hot thread            supervisor (cold)               worker process
//!   Link <--- queue ------ launch: segment, spawn ------> open, unlink, load, ready
//!   requests ============= shared memory ===============> run
//!   replies  <==========================================    beat
//!   retired Link -- queue -> watch: ended? no beat? kill, reap, pause, launch
//! ```
//!
//! What is left behind after any end of either side, `kill -9` included: nothing. The worker removes
//! the segment's name as soon as it has opened it, and asks the system to be killed with its parent.
//! It is in a process group of its own, so that Ctrl-C reaches the parent alone: the parent drains
//! what it has, then drops its [`Worker`], which closes the ring, and the worker ends.
//!
//! Start workers before pinning the calling thread: the supervisor and the process inherit its
//! affinity. Linux only.

mod control;
mod error;
mod message;
mod pool;
mod serve;
mod shared;
mod supervisor;

pub use error::WorkerError;
pub use message::{Outcome, Reply};
pub use pool::WorkerPool;
pub use serve::{Loaded, serve_runs, serve_worker};

use crate::signature::{OutputKind, Shape, Signature};
use crate::{Contract, ModelFile};
use control::{Facts, REPLY_WORDS, Terms};
use message::{pack_request, unpack_reply};
use shared::{Link, Shared};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use supervisor::Supervisor;
use tickhawk_handoff::Pop;

/// The most bytes of a requests' ring whose slots are as many as asked for.
const RING_BYTES_MAX: usize = 8 << 20;
/// Slots that a ring has however large the model's input is.
const SLOT_COUNT_MIN: usize = 4;

/// What to run as the worker: `program args... --segment NAME --parent PID`. It must call
/// [`serve_worker`] with these two; its stdout is thrown away, its stderr is the parent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program, usually the running one.
    pub program: PathBuf,
    /// Its arguments before the two that are added.
    pub args: Vec<OsString>,
}

/// How a worker is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Requests that may be in flight: a power of two from 2 up, 16 by default. Halved, but not below
    /// 4, until the ring takes 8 MiB at most.
    pub slot_count: usize,
    /// How long the worker spins for the next request before it begins to nap; 100 ms by default,
    /// [`Duration::MAX`] for a worker with a core of its own.
    pub spin: Duration,
    /// How long a nap is: 50 µs by default, to which the system adds about as much.
    pub nap: Duration,
    /// A worker that gives no sign of life for so long is killed; 1 s by default. It must be longer
    /// than the longest run of the model.
    pub hang_after: Duration,
    /// How long a worker may take to load, prove and warm its model; 10 s by default.
    pub start_timeout: Duration,
    /// How long a worker may take to end by itself; 500 ms by default, then it is killed.
    pub stop_timeout: Duration,
    /// The pause before the first restart, 50 ms by default. It doubles with each further one.
    pub restart_pause_min: Duration,
    /// The longest pause, 5 s by default. A worker that served for so long makes the next pause the
    /// shortest again.
    pub restart_pause_max: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            slot_count: 16,
            spin: Duration::from_millis(100),
            nap: Duration::from_micros(50),
            hang_after: Duration::from_secs(1),
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_millis(500),
            restart_pause_min: Duration::from_millis(50),
            restart_pause_max: Duration::from_secs(5),
        }
    }
}

/// What became of a worker and of what it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerCounts {
    /// Processes that came to be ready.
    pub starts: u64,
    /// Restarts that did not come so far.
    pub failed_starts: u64,
    /// Ready processes that ended without being asked to, by whatever cause.
    pub exits: u64,
    /// Those of them that hung and were killed for it.
    pub kills: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests refused: no worker was there, or as many as there are slots were in flight.
    pub refused: u64,
    /// Replies received.
    pub answered: u64,
    /// Requests that were in flight when their worker ended.
    pub lost: u64,
}

/// The parent's end of a worker process: used by one thread at a time, and may be moved.
///
/// A [`Worker`] always exists, whether its process runs at the moment or not; [`Worker::try_send`]
/// says false as long as it does not. Dropping it ends the process and waits for that, for at most
/// [`WorkerOptions::stop_timeout`] and what the system takes for a kill.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    /// The rings of the process last taken over; `None` only while this is dropped.
    link: Option<Box<Link>>,
    /// A request as it goes into the ring.
    packed: Vec<u64>,
    terms: Terms,
    facts: Facts,
    counts: WorkerCounts,
    supervisor: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker for the model in `file`, which `command` must load, and waits until it is
    /// ready. A leftover of killed processes in shared memory is swept up first.
    pub fn start(
        command: WorkerCommand,
        file: &ModelFile,
        options: WorkerOptions,
    ) -> Result<Self, WorkerError> {
        let signature = Signature::of(file)?;
        let contract = Contract::parse(file)?;
        contract.check_signature(&signature).map_err(|refusal| refusal.of(file.path()))?;
        let Signature { shape, kind, .. } = signature;
        let facts = Facts { shape, kind, sha256: file.sha256(), engine: String::new() };
        let slot_count = slot_count(options.slot_count, shape.values());
        let (values, spin, nap) = (shape.values(), options.spin, options.nap);
        let terms = Terms { values, slot_count, spin, nap };
        let packed = vec![0; terms.request_geometry()?.payload_words()];
        tickhawk_handoff::sweep();

        let shared = Arc::new(Shared::new(supervisor::queue(), supervisor::queue()));
        let (said, heard) = mpsc::sync_channel(1);
        let expected = facts.clone();
        let for_thread = Arc::clone(&shared);
        let supervisor = Supervisor { command, options, terms, expected, shared: for_thread };
        let spawned = thread::Builder::new()
            .name("worker-supervisor".into())
            .spawn(move || supervisor.run(&said));
        let supervisor = Some(spawned.map_err(WorkerError::Thread)?);
        let counts = WorkerCounts::default();
        let mut worker = Self { shared, link: None, packed, terms, facts, counts, supervisor };
        // It fails only with the supervisor's thread, which answers or ends within the timeout.
        heard.recv().unwrap_or(Err(WorkerError::Closing))?;
        worker.adopt();
        Ok(worker)
    }

    /// Sends a request of T times F finite values, the oldest frame first, and says true; or sends
    /// nothing and says false, if no worker is ready or [`Worker::slot_count`] requests are in
    /// flight. The ticket comes back with the reply; each should be used once.
    ///
    /// # Panics
    /// If `input` is not as long as the model's.
    #[inline]
    pub fn try_send(&mut self, ticket: u64, input: &[f32]) -> bool {
        assert_eq!(input.len(), self.terms.values, "the input is the model's window");
        let ready = self.is_current() || self.adopt();
        let slot_count = self.terms.slot_count as u64;
        let link = self.link.as_mut().filter(|link| ready && link.in_flight < slot_count);
        let Some(link) = link else {
            self.counts.refused += 1;
            return false;
        };
        pack_request(&mut self.packed, ticket, input);
        if !link.requests.try_push(&self.packed) {
            self.counts.refused += 1;
            return false;
        }
        link.in_flight += 1;
        self.counts.sent += 1;
        true
    }

    /// The next reply, if there is one: of any request sent before, so callers that gave one up
    /// drop its reply by the ticket. Looks once, never waits.
    #[inline]
    pub fn try_receive(&mut self) -> Option<Reply> {
        // Before the ring, so that an empty ring of a worker that was gone by then stays empty.
        let current = self.is_current();
        let link = self.link.as_mut()?;
        if link.in_flight > 0 {
            let mut item = [0; REPLY_WORDS];
            if let Pop::Item { .. } = link.replies.pop(&mut item) {
                link.in_flight -= 1;
                self.counts.answered += 1;
                return Some(unpack_reply(&item));
            }
        }
        if !current {
            self.lose();
            self.adopt();
        }
        None
    }

    /// Whether a worker is ready.
    #[inline]
    pub fn is_alive(&self) -> bool {
        // Acquire: pairs with the Release stores in `supervisor.rs`.
        self.shared.alive.load(Ordering::Acquire) != 0
    }

    /// Requests that were sent, and neither answered nor known to be lost.
    #[inline]
    pub fn in_flight(&self) -> u64 {
        self.link.as_ref().map_or(0, |link| link.in_flight)
    }

    /// What was counted so far. Of a worker that ended, `lost` knows once one of the two calls has
    /// noticed.
    pub fn counts(&self) -> WorkerCounts {
        let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        WorkerCounts {
            starts: read(&self.shared.starts),
            failed_starts: read(&self.shared.failed_starts),
            exits: read(&self.shared.exits),
            kills: read(&self.shared.kills),
            ..self.counts
        }
    }

    /// The process that serves now. Cold.
    pub fn process_id(&self) -> Option<u32> {
        Some(self.shared.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// Why the last restart failed, told once. Cold.
    pub fn take_error(&self) -> Option<WorkerError> {
        self.shared.take_error()
    }

    /// What runs the model in the worker, as in `onnxruntime 1.22.1`. Cold.
    pub fn engine(&self) -> String {
        self.shared.engine()
    }

    /// What the model takes.
    pub fn shape(&self) -> Shape {
        self.facts.shape
    }

    /// What it gives.
    pub fn kind(&self) -> OutputKind {
        self.facts.kind
    }

    /// SHA-256 of its file, lowercase hex.
    pub fn sha256(&self) -> &str {
        &self.facts.sha256
    }

    /// Requests that may be in flight.
    pub fn slot_count(&self) -> usize {
        self.terms.slot_count
    }

    #[inline]
    fn is_current(&self) -> bool {
        // Acquire: pairs with the Release stores in `supervisor.rs`.
        let alive = self.shared.alive.load(Ordering::Acquire);
        self.link.as_ref().is_some_and(|link| link.generation == alive)
    }

    /// Takes over the rings on offer, if there are any; says whether their worker serves. Rings are
    /// offered just before `alive` says so, and once: they are taken even if it does not say so yet.
    #[cold]
    fn adopt(&mut self) -> bool {
        if let Some(link) = self.shared.take_offer() {
            self.lose();
            if let Some(old) = self.link.replace(link) {
                self.shared.retire(old);
            }
        }
        self.is_current()
    }

    /// The requests in flight to a worker that is gone will not be answered.
    fn lose(&mut self) {
        if let Some(link) = &mut self.link {
            self.counts.lost += std::mem::take(&mut link.in_flight);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Closes the rings, so that the worker ends by itself.
        self.link = None;
        self.shared.close();
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.thread().unpark();
            let _ = supervisor.join();
        }
    }
}

/// As many slots as `asked`, or fewer for large inputs.
fn slot_count(asked: usize, values: usize) -> usize {
    let mut count = asked;
    while count > SLOT_COUNT_MIN && count.saturating_mul(values * size_of::<f32>()) > RING_BYTES_MAX
    {
        count /= 2;
    }
    count
}
