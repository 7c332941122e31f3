//! What the tests of workers share.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tickhawk_inference::{
    Model, ModelFile, Outcome, RuntimeOptions, Worker, WorkerCommand, WorkerOptions,
};

thread_local! {
    static ALLOCATION_COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting touches no heap, since the
// thread-local is constant-initialised and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATION_COUNT.set(ALLOCATION_COUNT.get() + 1);
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread so far.
pub fn allocations() -> u64 {
    ALLOCATION_COUNT.get()
}

/// How long anything may take that must happen: far beyond what it takes, and not asserted.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Tests look at this process's children, descriptors and segments, so they run one by one.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of patience.
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    #[track_caller]
    pub fn check(&self) {
        assert!(Instant::now() < self.0, "it did not happen");
        thread::yield_now();
    }
}

#[track_caller]
pub fn wait_until(mut happened: impl FnMut() -> bool) {
    let deadline = Deadline::after(ANSWER_WITHIN);
    while !happened() {
        deadline.check();
    }
}

pub fn bundled() -> [PathBuf; 3] {
    ["linear", "mlp", "trees"].map(|name| format!("models/{name}/1/model.onnx").into())
}

pub fn model(path: &Path) -> (ModelFile, Model) {
    let file = ModelFile::read(path).unwrap();
    let model = Model::from_file(&file, &RuntimeOptions::default()).unwrap();
    (file, model)
}

/// The program as a worker.
pub fn tickhawk(model: &Path) -> WorkerCommand {
    let program = env!("CARGO_BIN_EXE_tickhawk").into();
    WorkerCommand { program, args: vec!["worker".into(), "--model".into(), model.into()] }
}

/// Options for tests in which no worker hangs: however busy the machine, none is taken to.
pub fn patient() -> WorkerOptions {
    WorkerOptions {
        spin: Duration::from_micros(200),
        hang_after: Duration::from_secs(600),
        start_timeout: Duration::from_secs(60),
        restart_pause_min: Duration::from_millis(1),
        restart_pause_max: Duration::from_millis(4),
        ..WorkerOptions::default()
    }
}

/// Options for tests in which workers hang: a busy machine may make it look as if more of them did.
pub fn impatient() -> WorkerOptions {
    WorkerOptions { hang_after: Duration::from_millis(100), ..patient() }
}

/// Numbers in [-1, 1) from a linear congruential generator.
pub fn rows(len: usize, count: u32) -> Vec<Vec<f32>> {
    (0..count).map(|row| row_of(u64::from(row), len)).collect()
}

/// The input that goes with a ticket.
pub fn row_of(ticket: u64, len: usize) -> Vec<f32> {
    let mut state = ticket as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16) / 32_768.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

pub fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

pub fn process_of(worker: &Worker) -> Pid {
    pid(worker.process_id().unwrap())
}

/// Sends a signal to the worker's process, unless it ended a moment ago.
pub fn signal(worker: &Worker, signal: Signal) {
    if let Some(process) = worker.process_id() {
        let _ = kill_process(pid(process), signal);
    }
}

/// Sends until a request from `ticket` on is answered, and holds every answer against the model.
#[track_caller]
pub fn answers_again(worker: &mut Worker, own: &mut Model, ticket: u64) -> u64 {
    let len = own.shape().values();
    let mut next = ticket;
    let mut input = row_of(next, len);
    let deadline = Deadline::after(ANSWER_WITHIN);
    loop {
        // One at a time, so that a lost one is not waited for.
        if worker.in_flight() == 0 && worker.try_send(next, &input) {
            next += 1;
            input = row_of(next, len);
        }
        if let Some(reply) = worker.try_receive() {
            check_reply(own, reply.ticket, reply.outcome);
            if reply.ticket >= ticket {
                return next;
            }
        }
        deadline.check();
    }
}

#[track_caller]
pub fn check_reply(own: &mut Model, ticket: u64, outcome: Outcome) {
    let expected = own.run(&row_of(ticket, own.shape().values())).unwrap();
    assert_eq!(outcome, Outcome::Output(expected), "ticket {ticket}");
}

/// Open descriptors of this process.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Names in shared memory that the process made.
pub fn segments_of(process: u32) -> Vec<String> {
    let prefix = format!("tickhawk-{process}-");
    let names = fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

/// This process has no child, running or dead, and no name in shared memory.
#[track_caller]
pub fn nothing_left() {
    let child = waitpid(None, WaitOptions::NOHANG);
    assert_eq!(child.unwrap_err(), rustix::io::Errno::CHILD);
    assert_eq!(segments_of(std::process::id()), Vec::<String>::new());
}
