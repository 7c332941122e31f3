//! The cold thread that starts the worker, watches it, ends it and starts it again.

use super::control::{Control, Facts, State, Terms};
use super::{Link, Shared, WorkerCommand, WorkerError, WorkerOptions};
use crossbeam_queue::ArrayQueue;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};
use tickhawk_handoff::{GatedWriter, Reader, Segment, Start};

/// How often a starting worker is looked at.
const START_POLL: Duration = Duration::from_millis(1);

pub(super) struct Supervisor {
    pub(super) command: WorkerCommand,
    pub(super) options: WorkerOptions,
    pub(super) terms: Terms,
    /// What the parent's own file says; its engine is not compared.
    pub(super) expected: Facts,
    pub(super) shared: Arc<Shared>,
}

/// Why a watched worker is watched no longer.
enum End {
    /// It ended, and was reaped.
    Exited,
    /// Its owner wants no more of it; it still runs.
    Closing,
}

impl Supervisor {
    /// Starts workers one after the other until the owner closes; says how the first start went, and
    /// ends if that failed. The system ties a worker's life to the *thread* that started it, so all
    /// of them are started here.
    pub(super) fn run(self, first: &SyncSender<Result<(), WorkerError>>) {
        let mut pause = self.options.restart_pause_min;
        for generation in 1.. {
            self.shared.drop_retired();
            match self.launch(generation) {
                Ok((child, control)) => {
                    // Release: pairs with the Acquire loads in `Worker`; its rings are on offer.
                    self.shared.alive.store(generation, Ordering::Release);
                    // No one listens but for the first. It may send at once.
                    let _ = first.try_send(Ok(()));
                    let ready = Instant::now();
                    let ended = self.live(child, &control);
                    if matches!(ended, End::Closing) {
                        return;
                    }
                    if ready.elapsed() >= self.options.restart_pause_max {
                        pause = self.options.restart_pause_min;
                    }
                }
                Err(WorkerError::Closing) => return,
                Err(error) if generation == 1 => {
                    let _ = first.try_send(Err(error));
                    return;
                }
                Err(error) => {
                    self.shared.failed_starts.fetch_add(1, Ordering::Relaxed);
                    self.shared.say(error);
                }
            }
            if self.paused_or_closing(pause) {
                return;
            }
            pause = pause.saturating_mul(2).min(self.options.restart_pause_max);
        }
    }

    /// Starts a process and waits until it is ready; then its rings are on offer to the hot side.
    fn launch(&self, generation: u64) -> Result<(Child, Control), WorkerError> {
        let segment = Segment::create(self.terms.segment_words()?)?;
        let control = Control::create(segment.region(), self.terms);
        let (region, geometry) = control.requests()?;
        let requests = GatedWriter::create_unread(region, geometry)?;
        let mut child = self.spawn(segment.name())?;
        let replies = self.await_ready(&mut child, &control).and_then(|facts| {
            check_facts(&self.expected, &facts)?;
            let (region, geometry) = control.replies()?;
            let replies = Reader::attach(region, Start::Oldest)?;
            // The worker made that ring; only the geometry agreed on is safe to read.
            if replies.geometry() == geometry {
                return Ok((facts, replies));
            }
            Err(WorkerError::Geometry { expected: geometry, found: replies.geometry() })
        });
        match replies {
            Ok((facts, replies)) => {
                let shared = &self.shared;
                shared.starts.fetch_add(1, Ordering::Relaxed);
                shared.set_engine(facts.engine);
                shared.pid.store(child.id(), Ordering::Relaxed);
                let link = Link { generation, requests, replies, in_flight: 0 };
                shared.offer(Box::new(link));
                Ok((child, control))
            }
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    fn spawn(&self, segment: &str) -> Result<Child, WorkerError> {
        let WorkerCommand { program, args } = &self.command;
        let mut command = Command::new(program);
        command.args(args).arg("--segment").arg(segment);
        command.arg("--parent").arg(std::process::id().to_string());
        // A group of its own: Ctrl-C in a terminal is for the parent, which ends the worker once it
        // needs it no more. Its stdout would be taken for the parent's data.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().map_err(|source| WorkerError::Spawn { program: program.clone(), source })
    }

    fn await_ready(&self, child: &mut Child, control: &Control) -> Result<Facts, WorkerError> {
        let after = self.options.start_timeout;
        let deadline = Instant::now() + after;
        loop {
            let exited = child.try_wait().ok().flatten();
            // Looked at after the exit, so that the last word of one that ended is not missed.
            match (control.state(), exited) {
                (State::Failed, _) => {
                    return Err(WorkerError::Refused { message: control.error() });
                }
                (_, Some(status)) => {
                    return Err(WorkerError::Exited { status: status.to_string() });
                }
                (State::Ready, None) => {
                    return control.facts();
                }
                (State::Starting, None) if self.shared.is_closing() => {
                    return Err(WorkerError::Closing);
                }
                (State::Starting, None) if Instant::now() >= deadline => {
                    return Err(WorkerError::NotReady { after });
                }
                (State::Starting, None) => thread::park_timeout(START_POLL),
            }
        }
    }

    /// From ready to reaped, or to closing and reaped.
    fn live(&self, mut child: Child, control: &Control) -> End {
        let ended = self.watch(&mut child, control);
        if matches!(ended, End::Closing) {
            // The owner has dropped its own end; one that it never took is dropped here. Closed
            // rings let the worker end by itself.
            self.shared.drop_offered();
            self.await_exit(&mut child);
            end(&mut child);
        }
        self.shared.pid.store(0, Ordering::Relaxed);
        // Release: pairs with the Acquire loads in `Worker`; who sees it sees all that the worker
        // replied, since it is reaped.
        self.shared.alive.store(0, Ordering::Release);
        if matches!(ended, End::Exited) {
            self.shared.exits.fetch_add(1, Ordering::Relaxed);
        }
        ended
    }

    /// Until the worker ended, or hung and was killed, or is not wanted any more.
    fn watch(&self, child: &mut Child, control: &Control) -> End {
        let hang_after = self.options.hang_after;
        let poll = (hang_after / 20).clamp(Duration::from_millis(1), Duration::from_millis(10));
        let mut stood_still = Duration::ZERO;
        let (mut beats, mut looked) = (control.beats(), Instant::now());
        loop {
            if self.shared.is_closing() {
                return End::Closing;
            }
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                return End::Exited;
            }
            self.shared.drop_retired();
            thread::park_timeout(poll);
            let now = Instant::now();
            if control.beats() == beats {
                // A pause of the whole machine stops both sides, so a long one counts as a short.
                stood_still += now.duration_since(looked).min(poll * 2);
            } else {
                (beats, stood_still) = (control.beats(), Duration::ZERO);
            }
            looked = now;
            if stood_still >= hang_after {
                self.shared.kills.fetch_add(1, Ordering::Relaxed);
                end(child);
                return End::Exited;
            }
        }
    }

    fn await_exit(&self, child: &mut Child) {
        let deadline = Instant::now() + self.options.stop_timeout;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::park_timeout(START_POLL);
        }
    }

    /// Waits before the next start; true if there will be none.
    fn paused_or_closing(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.shared.is_closing() {
                return self.shared.is_closing();
            }
            thread::park_timeout(left);
        }
    }
}

/// Kills the process, if it still runs, and reaps it. SIGKILL ends stopped ones too.
fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        // Not reaped yet, so that the number is still its own.
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = child.wait();
    }
}

fn check_facts(expected: &Facts, found: &Facts) -> Result<(), WorkerError> {
    let differs = |what, expected: String, found: String| {
        Err(WorkerError::OtherModel { what, expected, found })
    };
    if expected.sha256 != found.sha256 {
        return differs("the SHA-256", expected.sha256.clone(), found.sha256.clone());
    }
    if expected.shape != found.shape {
        let text = |facts: &Facts| format!("{} x {}", facts.shape.steps, facts.shape.features);
        return differs("the shape", text(expected), text(found));
    }
    if expected.kind != found.kind {
        return differs("the output", format!("{:?}", expected.kind), format!("{:?}", found.kind));
    }
    Ok(())
}

/// Two ends that one thread has put there for another.
pub(super) fn queue() -> ArrayQueue<Box<Link>> {
    // One on its way, and room for one of an earlier life that no one fetched.
    ArrayQueue::new(4)
}
