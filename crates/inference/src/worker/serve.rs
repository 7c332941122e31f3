//! The worker's side.

use super::WorkerError;
use super::control::{Control, Facts};
use super::message::{pack_reply, unpack_request};
use crate::signature::{OutputKind, Shape};
use crate::{InferenceError, Model, Output};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::os::unix::process::parent_id;
use std::time::{Duration, Instant};
use std::{hint, thread};
use tickhawk_handoff::{GatedWriter, Pop, Reader, SharedRegion, Start};

/// Looks for a request between two looks at the clock, while spinning; others may run then, where the
/// core is shared.
const LOOKS_PER_CLOCK: u32 = 256;

/// How often a waiting worker asks whose child it is. The system ends it with its parent anyway;
/// this is for systems that forbid that.
const PARENT_CHECK: Duration = Duration::from_millis(50);

/// What a worker serves: a model's facts, and how to run it.
#[derive(Debug)]
pub struct Loaded<R> {
    /// What it takes.
    pub shape: Shape,
    /// What it gives.
    pub kind: OutputKind,
    /// SHA-256 of the model's file, lowercase hex; the parent compares it with its own file's.
    pub sha256: String,
    /// What runs it, as in `onnxruntime 1.22.1`.
    pub engine: String,
    /// Runs on T times F values. It is not called again after it panicked: the process ends.
    pub run: R,
}

/// Serves a model from the segment until the parent closes the ring; then it is `Ok`. `load` is
/// called once the segment is open, and what it says if it fails is told to the parent.
///
/// To be called by a process that [`crate::Worker::start`] started, with the arguments it gave; the
/// calling thread does all the work. It ends with its parent: the system kills it, however the
/// parent ended.
pub fn serve_worker(
    segment: &str,
    parent_pid: u32,
    load: impl FnOnce() -> Result<Model, InferenceError>,
) -> Result<(), WorkerError> {
    serve_runs(segment, parent_pid, || {
        let mut model = load()?;
        Ok(Loaded {
            shape: model.shape(),
            kind: model.kind(),
            sha256: model.sha256().to_owned(),
            engine: model.engine().to_owned(),
            run: move |input: &[f32]| model.run(input),
        })
    })
}

/// As [`serve_worker`], for anything that can be run.
pub fn serve_runs<R>(
    segment: &str,
    parent_pid: u32,
    load: impl FnOnce() -> Result<Loaded<R>, InferenceError>,
) -> Result<(), WorkerError>
where
    R: FnMut(&[f32]) -> Result<Output, InferenceError>,
{
    // First of all, before anything can take long. A parent that ended before this is found below.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| WorkerError::DeathSignal(error.into()))?;
    // Both sides have it from here on, so its name goes: also if the parent is gone already.
    let region = SharedRegion::take(segment, Control::words())?;
    check_parent(parent_pid)?;
    let control = Control::join(region)?;
    match open(&control, load) {
        Ok(mut server) => server.serve(&control, parent_pid),
        Err(error) => {
            control.say_failed(&causes(&error));
            Err(error)
        }
    }
}

fn check_parent(expected: u32) -> Result<(), WorkerError> {
    let found = parent_id();
    if found == expected { Ok(()) } else { Err(WorkerError::ParentGone { expected, found }) }
}

/// An error and what led to it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Loads the model, makes the replies' ring and says that all is ready.
fn open<R>(
    control: &Control,
    load: impl FnOnce() -> Result<Loaded<R>, InferenceError>,
) -> Result<Server<R>, WorkerError> {
    let (region, geometry) = control.requests()?;
    let requests = Reader::attach(region, Start::Oldest)?;
    // Only items of the geometry agreed on fit the buffer.
    if requests.geometry() != geometry {
        return Err(WorkerError::Geometry { expected: geometry, found: requests.geometry() });
    }
    let (region, reply_geometry) = control.replies()?;
    let replies = GatedWriter::create_unread(region, reply_geometry)?;
    let Loaded { shape, kind, sha256, engine, run } = load()?;
    let values = control.terms().values;
    if shape.values() != values {
        let (expected, got) = (shape.values(), values);
        return Err(WorkerError::Model(InferenceError::InputLength { expected, got }));
    }
    let item = vec![0; geometry.payload_words()];
    let server = Server { requests, replies, item, input: vec![0.0; values], run };
    control.say_ready(&Facts { shape, kind, sha256, engine });
    Ok(server)
}

struct Server<R> {
    requests: Reader<SharedRegion>,
    replies: GatedWriter<SharedRegion>,
    /// The request as it came.
    item: Vec<u64>,
    /// Its values.
    input: Vec<f32>,
    run: R,
}

impl<R: FnMut(&[f32]) -> Result<Output, InferenceError>> Server<R> {
    fn serve(&mut self, control: &Control, parent_pid: u32) -> Result<(), WorkerError> {
        let mut waiting = Waiting::new(control.terms().spin, control.terms().nap);
        for beat in 1.. {
            control.beat(beat);
            match self.requests.pop(&mut self.item) {
                Pop::Item { len } => {
                    self.answer(len, parent_pid)?;
                    waiting.begin();
                }
                Pop::Empty => {
                    if waiting.wait() {
                        check_parent(parent_pid)?;
                    }
                }
                // A gated ring loses nothing; a broken one may say so, and goes on.
                Pop::Missed { .. } => {}
                Pop::Closed => return Ok(()),
            }
        }
        Ok(())
    }

    fn answer(&mut self, len: usize, parent_pid: u32) -> Result<(), WorkerError> {
        let result = if len == self.item.len() {
            unpack_request(&self.item, &mut self.input);
            (self.run)(&self.input)
        } else {
            let (expected, got) = (self.item.len(), len);
            Err(InferenceError::InputLength { expected, got })
        };
        let reply = pack_reply(self.item[0], &result);
        // The parent sends no more than it has room for, so that this is done at once. One that
        // does not keep to it is waited for, without a beat.
        while !self.replies.try_push(&reply) {
            check_parent(parent_pid)?;
            thread::yield_now();
        }
        Ok(())
    }
}

/// How a worker waits for a request: it spins for a while, then naps between looks.
struct Waiting {
    spin: Duration,
    nap: Duration,
    looks: u32,
    /// When this wait began, once it has lasted some looks.
    began: Option<Instant>,
    checked: Instant,
}

impl Waiting {
    fn new(spin: Duration, nap: Duration) -> Self {
        Self { spin, nap, looks: 0, began: None, checked: Instant::now() }
    }

    /// The next wait is a new one.
    #[inline]
    fn begin(&mut self) {
        (self.looks, self.began) = (0, None);
    }

    /// Waits a little; says whether it is time to look for the parent.
    #[inline]
    fn wait(&mut self) -> bool {
        self.looks = self.looks.wrapping_add(1);
        if !self.looks.is_multiple_of(LOOKS_PER_CLOCK) {
            hint::spin_loop();
            return false;
        }
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        if now.duration_since(began) >= self.spin {
            // One look a nap from here on.
            self.looks = LOOKS_PER_CLOCK - 1;
            thread::sleep(self.nap);
        } else {
            thread::yield_now();
        }
        let due = now.duration_since(self.checked) >= PARENT_CHECK;
        if due {
            self.checked = now;
        }
        due
    }
}
