//! What the tests of this crate share.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tickhawk_capture::{CaptureError, Record, RecordKind, Session};

/// A folder of hand-written recordings.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

pub fn gz(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub fn zst(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(bytes.as_ref(), 3).unwrap()
}

/// A record on one line: `<ns> #<connection> <what>`.
pub fn text_of(record: &Record<'_>) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let what = match record.kind {
        RecordKind::Opened { url } => format!("opened {url}"),
        RecordKind::Closed => "closed".to_owned(),
        RecordKind::Sent(message) => format!("sent {}", text(message)),
        RecordKind::Frame(frame) => format!("frame {}", text(frame)),
        RecordKind::RestReply { url, status, body } => {
            let status = status.map_or("-".to_owned(), |status| status.to_string());
            format!("reply {} {status} {}", url.unwrap_or("-"), text(body))
        }
        RecordKind::Alive => "alive".to_owned(),
        RecordKind::Wanted(symbols) => format!("wanted {symbols:?}"),
        RecordKind::Timer => "timer".to_owned(),
    };
    format!("{} #{} {what}", record.received_at.nanos(), record.connection.0)
}

/// All records of a session as text.
pub fn read_all(session: &mut Session) -> Result<Vec<String>, CaptureError> {
    let mut records = Vec::new();
    while let Some(record) = session.next_record()? {
        records.push(text_of(&record));
    }
    Ok(records)
}

pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<String>, CaptureError> {
    read_all(&mut Session::open(paths)?)
}

/// The folder of real recordings: `TICKHAWK_CAPTURES`, else beside the workspace. `None` when it
/// is missing, which fails the test when `TICKHAWK_REQUIRE_CAPTURES=1`.
pub fn captures() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("TICKHAWK_CAPTURES").map_or_else(beside, PathBuf::from);
    if folder.join("raw").is_dir() && folder.join("golden").is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("TICKHAWK_REQUIRE_CAPTURES").is_some_and(|value| value == "1");
    assert!(!required, "no recordings at `{}`", folder.display());
    eprintln!("no recordings at `{}`; set TICKHAWK_CAPTURES to test with them", folder.display());
    None
}
