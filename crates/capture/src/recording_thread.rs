//! The thread behind a recorder: it alone waits for the disk.

use crate::error::CaptureError;
use crate::run_files::{Done, Form, RunFiles};
use crossbeam_channel::{Receiver, tick};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often what was written is made safe against a kill: well within each second.
const FLUSH_EVERY: Duration = Duration::from_millis(750);
/// How long the thread rests when nothing waits. It is never woken: waking costs the market thread
/// a system call.
const PAUSE: Duration = Duration::from_millis(10);
/// Records between two looks at whether a flush is due.
const RECORDS_PER_ROUND: usize = 256;

/// What a recorder's handle and its thread tell each other.
#[derive(Debug, Default)]
pub(crate) struct Status {
    alarm: OnceLock<String>,
    failure: Mutex<Option<CaptureError>>,
    is_closed: AtomicBool,
    lost: AtomicU64,
}

impl Status {
    /// Says why recording stops. Only the first reason counts.
    #[cold]
    pub fn fail(&self, error: CaptureError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() && self.alarm.set(format!("recording stopped: {error}")).is_ok() {
            *failure = Some(error);
        }
    }

    /// Why recording stopped, once it has.
    pub fn alarm(&self) -> Option<&str> {
        self.alarm.get().map(String::as_str)
    }

    /// Is nothing more to be queued?
    pub fn is_over(&self) -> bool {
        self.alarm.get().is_some() || self.is_closed.load(Ordering::Relaxed)
    }

    pub fn lose(&self) {
        // Relaxed: the count orders nothing.
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Nothing more will be queued by the caller.
    pub fn close(&self) {
        // Release: whoever sees this (the Acquire in `run`) sees in the queue all that was put
        // there before.
        self.is_closed.store(true, Ordering::Release);
    }
}

/// Where a thread takes from what a handle queued.
pub(crate) trait Queue: Send + 'static {
    type Item;
    /// The item that has waited longest. What the one before took up is free by now.
    fn take(&mut self) -> Option<Self::Item>;
}

/// What was recorded, and how it ended.
#[derive(Debug)]
pub struct RecordingSummary {
    /// The files, in their sequence.
    pub files: Vec<PathBuf>,
    /// Records written. After a failure the last of them may be in the torn end of the last file.
    pub records: u64,
    /// Bytes of all files.
    pub bytes_written: u64,
    /// Records handed over after recording had stopped, or that it could no longer write.
    pub lost_records: u64,
    /// Why recording stopped early, if it did.
    pub failure: Option<CaptureError>,
}

/// The thread of a [`Recorder`](crate::Recorder) or an
/// [`OutcomeRecorder`](crate::OutcomeRecorder). Dropping this lets it run on until the handle is
/// dropped.
pub struct RecorderThread {
    thread: JoinHandle<Done>,
    status: Arc<Status>,
}

impl RecorderThread {
    /// Starts the thread. It inherits the affinity of the thread that calls.
    pub(crate) fn spawn<F: Form>(
        name: &str,
        queue: impl Queue<Item = F::Item>,
        files: RunFiles<F>,
        status: &Arc<Status>,
    ) -> Result<Self, CaptureError> {
        let told = Arc::clone(status);
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || run(queue, files, &told, &tick(FLUSH_EVERY)))
            .map_err(|source| CaptureError::Thread { source })?;
        Ok(Self { thread, status: Arc::clone(status) })
    }

    /// Writes what was queued so far, ends the files and joins the thread; it waits for the disk.
    /// What a handle that still lives records after this is lost.
    pub fn finish(self) -> RecordingSummary {
        self.status.close();
        let done = self.thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        let mut failure = self.status.failure.lock().unwrap_or_else(PoisonError::into_inner);
        RecordingSummary {
            files: done.files,
            records: done.records,
            bytes_written: done.bytes,
            lost_records: self.status.lost.load(Ordering::Relaxed),
            failure: failure.take(),
        }
    }
}

fn run<F: Form>(
    mut queue: impl Queue<Item = F::Item>,
    mut files: RunFiles<F>,
    status: &Status,
    flush_due: &Receiver<Instant>,
) -> Done {
    let mut writes = true;
    loop {
        // Acquire, and before the queue is looked into: pairs with the Release in `close`.
        let is_closed = status.is_closed.load(Ordering::Acquire);
        let is_empty = round(&mut queue, &mut files, status, &mut writes);
        if is_closed && is_empty {
            break;
        }
        let is_due = match is_empty {
            true => flush_due.recv_timeout(PAUSE).is_ok(),
            false => flush_due.try_recv().is_ok(),
        };
        if writes && is_due {
            files.flush().unwrap_or_else(|error| stop(error, &mut files, status, &mut writes));
        }
    }
    // A file begun is always ended if it can be.
    files.finish().unwrap_or_else(|error| status.fail(error));
    files.done
}

/// Writes some of what waits. Is the queue empty now?
fn round<F: Form>(
    queue: &mut impl Queue<Item = F::Item>,
    files: &mut RunFiles<F>,
    status: &Status,
    writes: &mut bool,
) -> bool {
    for _ in 0..RECORDS_PER_ROUND {
        let Some(item) = queue.take() else { return true };
        if !*writes {
            status.lose();
        } else if let Err(error) = files.write(&item) {
            status.lose();
            stop(error, files, status, writes);
        }
    }
    false
}

/// Ends the recording early: what can be ended of its file is, and from now on what waits is only
/// freed.
#[cold]
fn stop<F: Form>(error: CaptureError, files: &mut RunFiles<F>, status: &Status, writes: &mut bool) {
    *writes = false;
    status.fail(error);
    // The reason is told already; that its file cannot be ended either adds nothing.
    let _ = files.finish();
}
