//! Outcome logs: what inference concluded, as words, so that a replay can be held against it.
//!
//! A log is a zstd stream of [`MAGIC`], the header text behind a head, and records, each a head and
//! its words. Words and heads are little-endian `u64`. A head has a length in its low half, of the
//! text in bytes or of the record in words, and in its high half the CRC-32 of that half and of
//! what follows.

use crate::error::CaptureError;
use std::io::Write;
use zstd::stream::write::Encoder;

/// The most words a record may have: eight times the widest frame.
pub const MAX_OUTCOME_WORDS: usize = 4096;

/// Name and version of the form.
pub(crate) const MAGIC: &[u8; 8] = b"THKOUTC1";
/// The most bytes a header text may have; a whole configuration takes a few kilobytes.
pub(crate) const MAX_HEADER_BYTES: usize = 1 << 20;

/// Fast: words of floats hardly pack better at higher levels.
const LEVEL: i32 = 1;

/// Writes an outcome log. It blocks on what it writes to, and allocates only while its buffer
/// grows.
///
/// What was not flushed is lost when the process is killed; [`OutcomeWriter::finish`] makes a clean
/// end.
pub struct OutcomeWriter<W: Write> {
    output: Encoder<'static, W>,
    bytes: Vec<u8>,
}

impl<W: Write> OutcomeWriter<W> {
    /// Starts a log with a header text of up to 1 MiB, which says what the words mean.
    pub fn new(output: W, header_json: &str) -> Result<Self, CaptureError> {
        let length = u32::try_from(header_json.len())
            .ok()
            .filter(|length| *length as usize <= MAX_HEADER_BYTES)
            .ok_or(CaptureError::HeaderTooLong {
                bytes: header_json.len(),
                limit: MAX_HEADER_BYTES,
            })?;
        let mut output = Encoder::new(output, LEVEL).map_err(CaptureError::Write)?;
        output.include_checksum(true).map_err(CaptureError::Write)?;
        let head = head_of(length, header_json.as_bytes());
        let parts = [&MAGIC[..], &head.to_le_bytes(), header_json.as_bytes()];
        output.write_all(&parts.concat()).map_err(CaptureError::Write)?;
        Ok(Self { output, bytes: Vec::new() })
    }

    /// Writes a record of 1 to [`MAX_OUTCOME_WORDS`] words;
    /// [`CaptureError::OutcomeSize`] for others, which are not written.
    pub fn record(&mut self, words: &[u64]) -> Result<(), CaptureError> {
        if words.is_empty() || words.len() > MAX_OUTCOME_WORDS {
            let limit = MAX_OUTCOME_WORDS;
            return Err(CaptureError::OutcomeSize { words: words.len(), limit });
        }
        self.bytes.clear();
        self.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let head = head_of(words.len() as u32, &self.bytes);
        self.output.write_all(&head.to_le_bytes()).map_err(CaptureError::Write)?;
        self.output.write_all(&self.bytes).map_err(CaptureError::Write)
    }

    /// Ends a zstd block, so that everything so far can be read after a kill.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.output.flush().map_err(CaptureError::Write)
    }

    /// Ends the log and hands back what it was written to, flushed.
    pub fn finish(self) -> Result<W, CaptureError> {
        let mut output = self.output.finish().map_err(CaptureError::Write)?;
        output.flush().map_err(CaptureError::Write)?;
        Ok(output)
    }

    /// What is written to, to look at.
    pub(crate) fn output(&self) -> &W {
        self.output.get_ref()
    }
}

/// The head of what has this length and these bytes.
pub(crate) fn head_of(length: u32, bytes: &[u8]) -> u64 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length.to_le_bytes());
    crc.update(bytes);
    u64::from(crc.finalize()) << 32 | u64::from(length)
}
