//! Recordings of exchange feeds: read several recorders' files as one session, write Tickhawk's
//! own, convert between them.
//!
//! Contract: reading blocks on the file and streams it. Memory is bound by the longest line
//! ([`MAX_LINE_BYTES`], and twice that while a buffer grows) and the packer's window, never by the
//! file. After buffers have grown, [`Session::next_record`] does not allocate; opening a file,
//! connection events and a connection's first record do. No threads, no locks, no clock: every
//! time comes from the file, and the caller names the times it writes.
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
//! What it refuses to do: understand a venue's messages (payloads are bytes; only the conversion
//! to hftbacktest looks for a symbol), sort (files are read in the order named and lines in the
//! order written, also when the recorder's clock ran backwards), read files that were not named,
//! skip a damaged line without saying so, overwrite a file.
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
mod parsed;
mod plan;
mod receive_time;
mod record;
mod session;
mod timed;
mod unpack;
mod writer;

pub use convert::convert_to_tickhawk;
pub use error::{CaptureError, Recovery, Warning};
pub use format::{Format, VERSION};
pub use hftbacktest::{HftbacktestFiles, convert_to_hftbacktest};
pub use lines::MAX_LINE_BYTES;
pub use record::{Header, Record, RecordKind};
pub use session::Session;
pub use writer::Writer;
