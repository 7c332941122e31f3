//! Reads outcome logs back.

use crate::error::{CaptureError, Warning};
use crate::outcomes::{MAGIC, MAX_HEADER_BYTES, MAX_OUTCOME_WORDS, head_of};
use crate::unpack;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// The outcome logs of a run, read one after another.
///
/// Memory is bound by [`MAX_OUTCOME_WORDS`] and the packer's window. A log that was cut off or
/// damaged gives what stands before that, and a warning; reading goes on with the next file.
pub struct OutcomeReader {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<Log>,
    header: Option<String>,
    words: Vec<u64>,
    warnings: Vec<Warning>,
}

struct Log {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    bytes: Vec<u8>,
    records: u64,
}

/// Why nothing more can be read of a log.
enum Stop {
    /// The log was ended there.
    End,
    Problem(String),
}

impl OutcomeReader {
    /// Opens logs that are one run's, in their sequence. The beginning of each is looked at:
    /// [`CaptureError::NotOutcomes`] for what is no outcome log of this version.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        if paths.is_empty() {
            return Err(CaptureError::NoFiles);
        }
        let mut header = None;
        for path in paths {
            let found = Log::open(path.as_ref())?;
            header = header.or(found.ok().map(|(_, header)| header));
        }
        let files: Vec<PathBuf> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
        Ok(Self {
            files: files.into_iter(),
            open: None,
            header,
            words: Vec::with_capacity(MAX_OUTCOME_WORDS),
            warnings: Vec::new(),
        })
    }

    /// The header text of the first log that has one whole.
    pub fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }

    /// What was lost so far, at most one warning a file. Complete after the last record.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The words of the next record, 1 to [`MAX_OUTCOME_WORDS`]; `None` at the end.
    pub fn next_record(&mut self) -> Option<&[u64]> {
        loop {
            let Some(log) = &mut self.open else {
                let path = self.files.next()?;
                self.begin(path);
                continue;
            };
            match log.read(&mut self.words) {
                Ok(()) => return Some(&self.words),
                Err(stop) => {
                    let (path, records) = (log.path.clone(), log.records);
                    self.open = None;
                    self.warn(path, records, stop);
                }
            }
        }
    }

    fn begin(&mut self, path: PathBuf) {
        match Log::open(&path) {
            Ok(Ok((log, _))) => self.open = Some(log),
            Ok(Err(stop)) => self.warn(path, 0, stop),
            Err(error) => self.warn(path, 0, Stop::Problem(error.to_string())),
        }
    }

    fn warn(&mut self, path: PathBuf, records: u64, stop: Stop) {
        if let Stop::Problem(problem) = stop {
            self.warnings.push(Warning::Outcomes { path, records, problem });
        }
    }
}

impl Log {
    /// Opens a log and reads its header; the inner error if it ends before its header does.
    fn open(path: &Path) -> Result<Result<(Self, String), Stop>, CaptureError> {
        let input = unpack::open(path, Arc::default())
            .map_err(|source| CaptureError::Open { path: path.to_owned(), source })?;
        let mut log = Self { path: path.to_owned(), input, bytes: Vec::new(), records: 0 };
        let not_ours = || CaptureError::NotOutcomes { path: path.to_owned() };
        if let Err(stop) = log.fill(MAGIC.len()) {
            // What is there must still be the beginning of a log.
            let is_ours = MAGIC.starts_with(&log.bytes);
            return if is_ours { Ok(Err(stop.early())) } else { Err(not_ours()) };
        }
        if log.bytes != MAGIC {
            return Err(not_ours());
        }
        let header = log.header().map_err(Stop::early);
        Ok(header.map(|header| (log, header)))
    }

    fn header(&mut self) -> Result<String, Stop> {
        self.part(1, MAX_HEADER_BYTES)?;
        String::from_utf8(self.bytes.clone()).map_err(|_| Stop::damaged())
    }

    fn read(&mut self, words: &mut Vec<u64>) -> Result<(), Stop> {
        self.part(WORD, MAX_OUTCOME_WORDS)?;
        if self.bytes.is_empty() {
            return Err(Stop::damaged());
        }
        words.clear();
        words.extend(self.bytes.chunks_exact(WORD).map(word));
        self.records += 1;
        Ok(())
    }

    /// Reads a head and what it stands for: up to `most` units.
    fn part(&mut self, unit_bytes: usize, most: usize) -> Result<(), Stop> {
        self.fill(WORD)?;
        let head = word(&self.bytes);
        let low_half = head as u32;
        let length = usize::try_from(low_half).unwrap_or(usize::MAX);
        if length > most {
            return Err(Stop::damaged());
        }
        self.fill(length * unit_bytes).map_err(Stop::early)?;
        match head_of(low_half, &self.bytes) == head {
            true => Ok(()),
            false => Err(Stop::damaged()),
        }
    }

    /// Replaces `bytes` with the next ones. `End` only if there is none and the log was ended.
    fn fill(&mut self, length: usize) -> Result<(), Stop> {
        self.bytes.clear();
        let wanted = self.input.as_mut().take(length as u64).read_to_end(&mut self.bytes);
        match wanted {
            Ok(read) if read == length => Ok(()),
            Ok(0) => Err(Stop::End),
            Ok(_) => Err(Stop::End.early()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Stop::End.early()),
            Err(error) => Err(Stop::Problem(format!("the log cannot be read ({error})"))),
        }
    }
}

impl Stop {
    fn damaged() -> Self {
        Self::Problem("the log is damaged".to_owned())
    }

    /// The same where a log cannot have been ended.
    fn early(self) -> Self {
        match self {
            Self::End => Self::Problem("the log ends early".to_owned()),
            problem @ Self::Problem(_) => problem,
        }
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
