//! Recordings of exchange feeds: read several recorders' files as one session, write Tickhawk's
//! own, also while the feed runs, convert between them; and logs of what was concluded from them.
//!
//! Contract: reading blocks on the file and streams it. Memory is bound by the longest line
//! ([`MAX_LINE_BYTES`], and twice that while a buffer grows) and the packer's window, never by the
//! file. After buffers have grown, [`Session::next_record`] does not allocate; opening a file,
//! connection events and a connection's first record do. No clock: every time comes from the file,
//! and the caller names the times it writes. Threads and locks only where a thread must not wait:
//! a [`Recorder`] writes on a thread of its own named `recorder`, an [`OutcomeRecorder`] on one
//! named `outcomes`. Both inherit the affinity of the thread that starts them, so start them before
//! pinning. They alone wait for the disk; what may wait for them is bound, by bytes or by records,
//! and the handle's `record` takes some hundred nanoseconds, without a system call or a lock.
//!
//! A session yields [`Record`]s that borrow its buffers. What each line of a file means is told by
//! the first one ([`Format`]), whether it is plain, gzip or zstd by its first bytes:
//!
//! | recorder | lines | receive time |
//! | --- | --- | --- |
//! | hftbacktest's collector | `<time> <json>` | ns, µs or ms, by its length |
//! | Tickhawk | the same, and events `<time> {"stream":"tickhawk","data":{..}}` | ns |
//! | cryptofeed, text | `<seconds>: <frame>`, `<url> <-> ..`, `<url> <- ..`, `<url> -> ..` | decimal seconds, exactly |
//! | cryptofeed, JSON | `{"t":"recv","conn":..,"ts":..,"data":..}` | the same |
//! | bare JSON | `<json>` | none: the exchange's `ts`, `E` or `timestamp`, else the line before's |
//!
//! A recorder may have been killed: of a file that ends early, what is whole is yielded and
//! [`Session::warnings`] says once what was lost. A last line without a newline counts as whole if
//! its payload is one whole JSON value.
//!
//! ```
//! use tickhawk_capture::{Header, RecordKind, Session, Writer};
//! use tickhawk_market::{ConnectionId, UnixNanos};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("recording.zst");
//!
//! let header = Header { venue: Some("binance".into()), ..Header::default() };
//! let mut writer = Writer::new(std::fs::File::create(&path).unwrap(), &header).unwrap();
//! let received_at = UnixNanos::new(1_700_000_000_000_000_001);
//! writer.opened(ConnectionId(0), received_at, "wss://example.invalid/ws").unwrap();
//! writer.frame(ConnectionId(0), received_at, br#"{"e":"trade"}"#).unwrap();
//! writer.finish().unwrap();
//!
//! let mut session = Session::open(&[path]).unwrap();
//! let mut frames = 0;
//! while let Some(record) = session.next_record().unwrap() {
//!     if let RecordKind::Frame(bytes) = record.kind {
//!         assert_eq!(bytes, br#"{"e":"trade"}"#);
//!         assert_eq!(record.received_at, received_at);
//!         frames += 1;
//!     }
//! }
//! assert_eq!(frames, 1);
//! assert!(session.warnings().is_empty());
//! ```
//!
//! # Recording a run
//!
//! A run is written to `{run}.0000.jsonl.zst` and on, a new file each UTC day of the receive time
//! and at a size; its outcome log beside it to `{run}.0000.outcomes`. Every file starts with the
//! header and opens alone; all of them, or their folder, are one session whose connections have
//! the ids they were recorded with ([`Header::sequence`] orders the files). What was recorded is
//! handed to the system within a second, so a killed recorder loses no more than that, and is on
//! the disk when a file is ended.
//!
//! A recording that cannot be written, or that the disk cannot keep up with, stops for good: a
//! hole would make the rest worthless. Then [`Recorder::alarm`] says why, what was written before
//! can be read, and nothing else is affected.
//!
//! ```
//! use tickhawk_capture::{Header, RecordedEvent, Recorder, RecorderOptions, Session};
//! use tickhawk_market::{ConnectionId, UnixNanos};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let options = RecorderOptions::new(folder.path(), "btc-20300101", Header::default());
//! let (mut recorder, thread) = Recorder::start(options).unwrap();
//! let at = UnixNanos::new(1_893_456_000_000_000_001);
//! recorder.record(at, ConnectionId(3), RecordedEvent::Frame("{\"e\":\"trade\"}".into()));
//! assert_eq!(recorder.alarm(), None);
//! drop(recorder);
//! let summary = thread.finish();
//! assert_eq!((summary.records, summary.lost_records), (1, 0));
//!
//! let mut session = Session::open(&[folder.path()]).unwrap();
//! assert_eq!(session.next_record().unwrap().unwrap().connection, ConnectionId(3));
//! ```
//!
//! What it refuses to do: understand a venue's messages (payloads are bytes; only the conversion
//! to hftbacktest looks for a symbol), sort (files are read in the order named, those of a run in
//! their sequence, and lines in the order written, also when the recorder's clock ran backwards),
//! read files that were not named (of a folder, only Tickhawk's runs), skip a damaged line without
//! saying so, overwrite a file.
#![forbid(unsafe_code)]

mod bare_json;
mod connections;
mod convert;
mod cryptofeed_json;
mod cryptofeed_text;
mod error;
mod format;
mod hftbacktest;
mod json;
mod lane;
mod lines;
mod open_file;
mod outcome_reader;
mod outcome_recorder;
mod outcomes;
mod parsed;
mod plan;
mod receive_time;
mod record;
mod recorder;
mod recording_thread;
mod run_files;
mod runs;
mod session;
#[cfg(test)]
mod test_disk;
mod timed;
mod unpack;
mod writer;

pub use convert::convert_to_tickhawk;
pub use error::{CaptureError, Recovery, Warning};
pub use format::{Format, VERSION};
pub use hftbacktest::{HftbacktestFiles, convert_to_hftbacktest};
pub use lines::MAX_LINE_BYTES;
pub use outcome_reader::OutcomeReader;
pub use outcome_recorder::{OutcomeRecorder, RECORDER_OUTCOME_WORDS};
pub use outcomes::{MAX_OUTCOME_WORDS, OutcomeWriter};
pub use record::{Header, Record, RecordKind};
pub use recorder::{RecordedEvent, Recorder, RecorderOptions};
pub use recording_thread::{RecorderThread, RecordingSummary};
pub use runs::{Run, expand, runs};
pub use session::Session;
pub use writer::Writer;
