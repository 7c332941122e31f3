//! Logs outcomes without holding up the thread that concludes them.

use crate::error::CaptureError;
use crate::outcomes::OutcomeWriter;
use crate::recording_thread::{Queue, RecorderThread, Status};
use crate::run_files::{Counted, Create, Form, Pen, Place, RunFiles, on_disk};
use crate::runs::OUTCOMES;
use crossbeam_queue::ArrayQueue;
use std::path::Path;
use std::sync::Arc;

/// The most words an outcome may have on the way to its log: the widest frame and its result take
/// fewer than 100.
pub const RECORDER_OUTCOME_WORDS: usize = 128;

/// A log that has reached this many bytes is followed by the next.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// One outcome in the queue.
struct Slot {
    length: usize,
    words: [u64; RECORDER_OUTCOME_WORDS],
}

/// The handle of an outcome log on the thread that concludes. Dropping it ends the log's input;
/// call [`RecorderThread::finish`] for a clean end.
///
/// A log that fails stops for good and says so by [`OutcomeRecorder::alarm`]; nothing else is
/// affected.
pub struct OutcomeRecorder {
    queue: Arc<ArrayQueue<Slot>>,
    status: Arc<Status>,
}

impl OutcomeRecorder {
    /// Creates the folder and the first file `{run}.0000.outcomes`, and starts the thread
    /// `outcomes`. The header text says what the words mean, and starts every file. Up to
    /// `queue_records` (at least 1; each takes about 1 KiB from the start) may wait to be written.
    pub fn start(
        folder: &Path,
        run: &str,
        header_json: &str,
        queue_records: usize,
    ) -> Result<(Self, RecorderThread), CaptureError> {
        let place = place(folder, run, FILE_BYTES_MAX);
        Self::start_on(place, header_json, queue_records, on_disk())
    }

    pub(crate) fn start_on(
        place: Place,
        header_json: &str,
        queue_records: usize,
        create: Create,
    ) -> Result<(Self, RecorderThread), CaptureError> {
        let form = OutcomeLog { header_json: header_json.to_owned() };
        let files = RunFiles::start(place, form, create)?;
        let queue = Arc::new(ArrayQueue::new(queue_records.max(1)));
        let status = Arc::<Status>::default();
        let thread = RecorderThread::spawn("outcomes", Arc::clone(&queue), files, &status)?;
        Ok((Self { queue, status }, thread))
    }

    /// Queues an outcome of 1 to [`RECORDER_OUTCOME_WORDS`] words; it never blocks, fails or
    /// allocates. An outcome of another size, or one that finds the queue full, stops the log for
    /// good: a log with a hole proves nothing.
    pub fn record(&mut self, words: &[u64]) {
        if self.status.is_over() {
            return self.status.lose();
        }
        let mut slot = Slot { length: words.len(), words: [0; RECORDER_OUTCOME_WORDS] };
        match slot.words.get_mut(..words.len()) {
            Some(place) if !words.is_empty() => place.copy_from_slice(words),
            _ => {
                let limit = RECORDER_OUTCOME_WORDS;
                return self.stop(CaptureError::OutcomeSize { words: words.len(), limit });
            }
        }
        if self.queue.push(slot).is_err() {
            let limit = self.queue.capacity();
            self.stop(CaptureError::DiskTooSlow { limit, unit: "outcomes" });
        }
    }

    #[cold]
    fn stop(&self, error: CaptureError) {
        self.status.fail(error);
        self.status.lose();
    }

    /// Why the log stopped, with the path, the cause and the cure, once it has. While it goes on
    /// this costs one atomic read.
    pub fn alarm(&self) -> Option<String> {
        self.status.alarm().map(str::to_owned)
    }
}

impl Drop for OutcomeRecorder {
    fn drop(&mut self) {
        self.status.close();
    }
}

pub(crate) fn place(folder: &Path, run: &str, file_bytes_max: u64) -> Place {
    Place { folder: folder.to_owned(), run: run.to_owned(), file_bytes_max }
}

impl Queue for Arc<ArrayQueue<Slot>> {
    type Item = Slot;

    fn take(&mut self) -> Option<Slot> {
        self.pop()
    }
}

/// Outcome logs as a form of file.
struct OutcomeLog {
    header_json: String,
}

impl Form for OutcomeLog {
    type Item = Slot;
    type Pen = OutcomeWriter<Counted>;
    const SUFFIX: &'static str = OUTCOMES;

    fn begin(
        &self,
        output: Counted,
        _sequence: u32,
        _first: Option<&Slot>,
    ) -> Result<Self::Pen, CaptureError> {
        OutcomeWriter::new(output, &self.header_json)
    }

    fn day(_item: &Slot) -> Option<u64> {
        None
    }
}

impl Pen<Slot> for OutcomeWriter<Counted> {
    fn write(&mut self, slot: &Slot) -> Result<(), CaptureError> {
        self.record(&slot.words[..slot.length])
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
