//! Records a run without holding up the thread that receives it.

use crate::error::CaptureError;
use crate::record::Header;
use crate::recording_thread::{Queue, RecorderThread, Status};
use crate::run_files::{Counted, Create, Form, Pen, Place, RunFiles, on_disk};
use crate::runs::RECORDING;
use crate::writer::Writer;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tickhawk_market::{ConnectionId, UnixNanos};

/// Nanoseconds of a UTC day.
const DAY: u64 = 86_400_000_000_000;

/// What to record, and where to.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// The folder; it is created if it is missing.
    pub folder: PathBuf,
    /// What the names of the files start with: `{run}.{sequence:04}.jsonl.zst`. Not empty, no
    /// slashes; a name with the time in it tells runs apart.
    pub run: String,
    /// What each file starts with. Its sequence is counted by the recorder.
    pub header: Header,
    /// A file that has reached this many bytes, compressed, is followed by the next.
    pub file_bytes_max: u64,
    /// How many bytes of records may wait to be written.
    pub queue_bytes_max: usize,
}

impl RecorderOptions {
    /// Files of up to 1 GiB, and 256 MiB that may wait: some ten seconds of the busiest feed with
    /// a disk that stands still.
    pub fn new(folder: impl Into<PathBuf>, run: impl Into<String>, header: Header) -> Self {
        Self {
            folder: folder.into(),
            run: run.into(),
            header,
            file_bytes_max: 1 << 30,
            queue_bytes_max: 256 << 20,
        }
    }
}

/// What is recorded. Payloads are shared, not copied: one that is a part of a larger buffer keeps
/// all of that buffer until it is written, of which only the part counts as waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedEvent {
    /// A connection was opened.
    Opened {
        /// The address, without secrets.
        url: String,
    },
    /// A connection was closed.
    Closed {
        /// Why, for people.
        reason: String,
    },
    /// This text was sent to the venue. Secrets do not belong into a recording.
    Sent(Bytes),
    /// The venue sent this frame.
    Frame(Bytes),
    /// The venue answered a REST request.
    RestReply {
        /// What was asked.
        url: Option<String>,
        /// The HTTP status.
        status: Option<u16>,
        /// The answer.
        body: Bytes,
    },
    /// A WebSocket ping or pong was received.
    Alive,
    /// From here on these instruments are asked for, and no others.
    Wanted(Vec<String>),
    /// Time passed and nothing else.
    Timer,
}

impl RecordedEvent {
    fn bytes(&self) -> usize {
        let payload = match self {
            Self::Opened { url: text } | Self::Closed { reason: text } => text.len(),
            Self::Sent(bytes) | Self::Frame(bytes) => bytes.len(),
            Self::RestReply { url, body, .. } => body.len() + url.as_ref().map_or(0, String::len),
            Self::Wanted(symbols) => {
                symbols.iter().map(|symbol| symbol.len() + size_of::<String>()).sum()
            }
            Self::Alive | Self::Timer => 0,
        };
        payload + size_of::<Waiting>()
    }
}

/// A record in the queue.
struct Waiting {
    at: UnixNanos,
    connection: ConnectionId,
    event: RecordedEvent,
}

/// The handle of a recording on the thread that receives. Dropping it ends the recording's input;
/// call [`RecorderThread::finish`] for a clean end.
///
/// A recording that fails stops for good and says so by [`Recorder::alarm`]; nothing else is
/// affected.
pub struct Recorder {
    queue: Sender<Waiting>,
    status: Arc<Status>,
    queue_bytes_max: u64,
    /// Bytes ever queued. A `u64` of bytes lasts for centuries.
    queued: u64,
    /// Bytes of those that wait no more, as last looked up.
    freed_seen: u64,
    freed: Arc<AtomicU64>,
}

impl Recorder {
    /// Creates the folder and the first file, and starts the thread `recorder`. What cannot be
    /// created, as for want of permission, is told here.
    pub fn start(options: RecorderOptions) -> Result<(Self, RecorderThread), CaptureError> {
        Self::start_on(options, on_disk())
    }

    pub(crate) fn start_on(
        options: RecorderOptions,
        create: Create,
    ) -> Result<(Self, RecorderThread), CaptureError> {
        let RecorderOptions { folder, run, header, file_bytes_max, queue_bytes_max } = options;
        let place = Place { folder, run, file_bytes_max };
        let files = RunFiles::start(place, Recording { header }, create)?;
        let (queue, waiting) = unbounded();
        let (status, freed) = (Arc::<Status>::default(), Arc::<AtomicU64>::default());
        let from = ByteQueue { waiting, freed: Arc::clone(&freed), taken: 0 };
        let thread = RecorderThread::spawn("recorder", from, files, &status)?;
        let queue_bytes_max = queue_bytes_max as u64;
        Ok((Self { queue, status, queue_bytes_max, queued: 0, freed_seen: 0, freed }, thread))
    }

    /// Queues a record; it never blocks and never fails. A timer and a list of wanted
    /// instruments belong to no connection.
    ///
    /// It allocates once in 31 records. When more waits than may, recording stops for good, since
    /// a recording with a hole cannot be replayed.
    pub fn record(&mut self, at: UnixNanos, connection: ConnectionId, event: RecordedEvent) {
        if self.status.is_over() {
            return self.status.lose();
        }
        let bytes = event.bytes() as u64;
        if self.queued - self.freed_seen + bytes > self.queue_bytes_max {
            // Relaxed: the count orders nothing.
            self.freed_seen = self.freed.load(Ordering::Relaxed);
            if self.queued - self.freed_seen + bytes > self.queue_bytes_max {
                return self.overrun();
            }
        }
        self.queued += bytes;
        if self.queue.send(Waiting { at, connection, event }).is_err() {
            self.is_alone();
        }
    }

    /// The thread is gone: it was finished this moment, or it has a bug.
    #[cold]
    fn is_alone(&self) {
        if !self.status.is_over() {
            self.status.fail(CaptureError::ThreadEnded);
        }
        self.status.lose();
    }

    #[cold]
    fn overrun(&self) {
        let limit = usize::try_from(self.queue_bytes_max).unwrap_or(usize::MAX);
        self.status.fail(CaptureError::DiskTooSlow { limit, unit: "bytes" });
        self.status.lose();
    }

    /// Why recording stopped, with the path, the cause and the cure, once it has. While it goes on
    /// this costs one atomic read.
    pub fn alarm(&self) -> Option<String> {
        self.status.alarm().map(str::to_owned)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.status.close();
    }
}

/// The thread's end of the queue, which counts what no longer waits.
struct ByteQueue {
    waiting: Receiver<Waiting>,
    /// Written here only, so that the market thread reads one word and never contends.
    freed: Arc<AtomicU64>,
    /// Bytes of the item taken last.
    taken: u64,
}

impl Queue for ByteQueue {
    type Item = Waiting;

    fn take(&mut self) -> Option<Waiting> {
        let freed = self.freed.load(Ordering::Relaxed) + std::mem::take(&mut self.taken);
        self.freed.store(freed, Ordering::Relaxed);
        let item = self.waiting.try_recv().ok()?;
        self.taken = item.event.bytes() as u64;
        Some(item)
    }
}

/// Recordings as a form of file.
struct Recording {
    header: Header,
}

impl Form for Recording {
    type Item = Waiting;
    type Pen = Writer<Counted>;
    const SUFFIX: &'static str = RECORDING;

    fn begin(
        &self,
        output: Counted,
        sequence: u32,
        first: Option<&Waiting>,
    ) -> Result<Self::Pen, CaptureError> {
        let started_at = first.map_or(self.header.started_at, |first| first.at);
        Writer::new(output, &Header { started_at, sequence, ..self.header.clone() })
    }

    fn day(item: &Waiting) -> Option<u64> {
        Some(item.at.nanos() / DAY)
    }
}

impl Pen<Waiting> for Writer<Counted> {
    fn write(&mut self, item: &Waiting) -> Result<(), CaptureError> {
        let Waiting { at, connection, ref event } = *item;
        match event {
            RecordedEvent::Opened { url } => self.opened(connection, at, url),
            RecordedEvent::Closed { reason } => self.closed(connection, at, reason),
            RecordedEvent::Sent(message) => self.sent(connection, at, message),
            RecordedEvent::Frame(frame) => self.frame(connection, at, frame),
            RecordedEvent::RestReply { url, status, body } => {
                self.rest_reply(connection, at, url.as_deref(), *status, body)
            }
            RecordedEvent::Alive => self.alive(connection, at),
            RecordedEvent::Wanted(symbols) => self.wanted(at, symbols),
            RecordedEvent::Timer => self.timer(at),
        }
    }

    fn flush(&mut self) -> Result<(), CaptureError> {
        Self::flush(self)
    }

    fn bytes(&self) -> u64 {
        self.output().bytes
    }

    fn finish(self) -> Result<Counted, CaptureError> {
        Self::finish(self)
    }
}
