//! What can go wrong with a recording, and what was lost without going wrong.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A recording that cannot be read, written or converted.
///
/// Paths and line numbers (from 1, after decompression) say where; the text says what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A session needs at least one file: name the recording's files, oldest first.
    #[error("no recording given; name its files, oldest first")]
    NoFiles,
    /// The folder holds no recording of Tickhawk's. Other recorders' files are named one by one.
    #[error("`{}` holds no recording of Tickhawk's, files such as `RUN.0000.jsonl.zst`; of other recorders name the files themselves, oldest first, not their folder", folder.display())]
    NoRuns {
        /// The folder.
        folder: PathBuf,
    },
    /// The file or folder does not exist or may not be read.
    #[error("cannot open recording `{}`: {source}; name a recording's files, or a folder of Tickhawk's recordings", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading or unpacking failed after `line` whole lines. A file that merely ends early is a
    /// [`Warning`], not this: here bytes in the middle are wrong, so copy the file again.
    #[error("cannot read `{}` after line {line}: {source}; the file is damaged, copy it again or test it with `zstd -t` or `gzip -t`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Whole lines read before.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The first line is in no form this crate knows; [`Format`](crate::Format) lists them.
    #[error("`{}` starts with `{found}`, which no known recorder writes; expected lines such as `<receive time> <json>`, `<seconds>: <payload>`, `{{\"t\":\"recv\",..}}` or bare JSON", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The start of its first line, escaped.
        found: String,
    },
    /// One line does not have its file's form. The session goes on with the next line if asked.
    #[error("`{}` line {line}: {problem}, found `{found}`; correct or delete the line", path.display())]
    MalformedLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected.
        problem: &'static str,
        /// The start of the line, escaped.
        found: String,
    },
    /// A line longer than [`MAX_LINE_BYTES`](crate::MAX_LINE_BYTES): probably not a recording.
    #[error("`{}` line {line} is longer than {limit} bytes; the largest known snapshots are a fifth of that, so look at the file", path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The bound in bytes.
        limit: usize,
    },
    /// More connections than a `ConnectionId` can name: split the session.
    #[error("`{}` line {line} opens connection number 65,537; replay fewer files at a time", path.display())]
    TooManyConnections {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// Written by a newer Tickhawk: read it with that one.
    #[error("`{}` is a Tickhawk recording of version {version}, this build reads version {}; read it with the Tickhawk that wrote it", path.display(), crate::VERSION)]
    UnsupportedVersion {
        /// The file.
        path: PathBuf,
        /// The version its header names.
        version: u64,
    },
    /// The recording could not be written: disk full, pipe closed.
    #[error("cannot write the recording: {0}")]
    Write(#[source] io::Error),
    /// One frame is too large to be read back; it was not written.
    #[error(
        "a frame of {bytes} bytes makes a line longer than {limit} bytes, which could not be read back"
    )]
    FrameTooLong {
        /// The frame's own length.
        bytes: usize,
        /// The bound of a line in bytes.
        limit: usize,
    },
    /// A file of a recording could not be written: recording stopped there. What was written
    /// before can be read.
    #[error("cannot write `{}`: {source}; what was written before can be read; {}", path.display(), cure(source))]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More waits to be written than may: recording stopped, since a recording with a hole is
    /// worthless. Record to a faster disk, or allow more to wait.
    #[error(
        "more than {limit} {unit} wait to be written; what came before is kept; record to a faster disk or allow more to wait"
    )]
    DiskTooSlow {
        /// How much may wait.
        limit: usize,
        /// What is counted: bytes, outcomes.
        unit: &'static str,
    },
    /// The name of a run makes no file name.
    #[error("`{run}` cannot be the name of a run; choose one that is not empty and has no slashes")]
    RunName {
        /// The name.
        run: String,
    },
    /// The system gave no thread to record on: raise its limits.
    #[error(
        "cannot start the recording thread: {source}; raise the limit of threads (`ulimit -u`)"
    )]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// The recording thread panicked: what it printed tells why.
    #[error("the recording thread ended by itself; report what it printed as a bug")]
    ThreadEnded,
    /// An outcome has no word, or too many; it was not written.
    #[error("an outcome of {words} words cannot be logged; 1 to {limit} can")]
    OutcomeSize {
        /// Its words.
        words: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The header text of an outcome log is too long to be read back.
    #[error("a header of {bytes} bytes is longer than an outcome log's {limit}")]
    HeaderTooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The file is no outcome log, or one of another version of Tickhawk's.
    #[error("`{}` is not an outcome log this build can read; name files such as `RUN.0000.outcomes`, written by this version", path.display())]
    NotOutcomes {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder could not be created; existing files are never overwritten.
    #[error("cannot create `{}`: {source}; {}", path.display(), cure(source))]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No frame has a form hftbacktest's converters read.
    #[error(
        "none of the {frames} frames is of Binance, Bybit, Hyperliquid or BitMart, the venues hftbacktest converts; convert to Tickhawk's own form instead"
    )]
    NothingToConvert {
        /// Frames seen.
        frames: u64,
    },
    /// More symbols than one conversion holds files open for.
    #[error("the recording names more than {limit} symbols; convert fewer files at a time")]
    TooManySymbols {
        /// The bound.
        limit: usize,
    },
}

/// Who acts next after a [`CaptureError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Only one line is lost: reading may go on with the next.
    SkipLine,
    /// The user must change something first.
    Stop,
}

impl CaptureError {
    /// Who acts next.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::MalformedLine { .. } => Recovery::SkipLine,
            _ => Recovery::Stop,
        }
    }

    /// The same with the file that could not be written.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Write(source) => Self::WriteFile { path: path.to_owned(), source },
            other => other,
        }
    }
}

/// What to try when a file cannot be created or written.
fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space, or name a folder on another disk"
        }
        io::ErrorKind::FileTooLarge => "raise the limit of file sizes (`ulimit -f`)",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a folder that may be written to"
        }
        io::ErrorKind::AlreadyExists => {
            "nothing is ever overwritten, so choose another name or an empty folder"
        }
        _ => "check the folder and its disk",
    }
}

/// Something a recording lost, of the kind a killed recorder leaves. At most one a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The packed stream ends early. Everything before was read.
    Truncated {
        /// The file.
        path: PathBuf,
        /// Whole lines read.
        lines: u64,
        /// Bytes of an unfinished last line, left out.
        bytes_left_out: usize,
    },
    /// The last line has no newline and is not whole.
    UnfinishedLine {
        /// The file.
        path: PathBuf,
        /// Whole lines read.
        lines: u64,
        /// Bytes of the unfinished line, left out.
        bytes_left_out: usize,
    },
    /// Bytes after a whole gzip stream that are not another one, left out.
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Whole lines read.
        lines: u64,
    },
    /// The file holds no line.
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// An outcome log ends early or is damaged. Everything before was read.
    Outcomes {
        /// The file.
        path: PathBuf,
        /// Whole outcomes read.
        records: u64,
        /// What is wrong.
        problem: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { path, lines, bytes_left_out } => write!(
                f,
                "`{}` ends early (its recorder was probably killed): {lines} whole lines read, {bytes_left_out} bytes of an unfinished line left out",
                path.display()
            ),
            Self::UnfinishedLine { path, lines, bytes_left_out } => write!(
                f,
                "`{}` ends in an unfinished line: {lines} whole lines read, {bytes_left_out} bytes left out",
                path.display()
            ),
            Self::TrailingBytes { path, lines } => write!(
                f,
                "`{}` has bytes after its gzip stream (an older recording was overwritten?): {lines} whole lines read, the rest left out",
                path.display()
            ),
            Self::Empty { path } => write!(f, "`{}` holds no line", path.display()),
            Self::Outcomes { path, records, problem } => write!(
                f,
                "`{}`: {problem} after {records} whole outcomes, the rest left out",
                path.display()
            ),
        }
    }
}

/// The first bytes of a line, escaped, for an error message.
pub(crate) fn excerpt(line: &[u8]) -> String {
    const SHOWN: usize = 60;
    let shown = &line[..line.len().min(SHOWN)];
    let dots = if line.len() > SHOWN { ".." } else { "" };
    format!("{}{dots}", shown.escape_ascii())
}

pub(crate) fn malformed(
    path: &Path,
    line: u64,
    problem: &'static str,
    found: &[u8],
) -> CaptureError {
    CaptureError::MalformedLine { path: path.to_owned(), line, problem, found: excerpt(found) }
}
