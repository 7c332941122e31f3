//! A file's bytes, whatever they are packed in.

use flate2::bufread::GzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Large enough that a system call is rare, small enough to stay in the second-level cache.
const BUFFER_BYTES: usize = 128 * 1024;

/// Opens a file, plain, gzip or zstd by its first bytes. `bytes_read` follows the file itself.
pub(crate) fn open(path: &Path, bytes_read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
    let file = Counted { file: File::open(path)?, bytes_read };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, file);
    Ok(match raw.fill_buf()? {
        [0x1f, 0x8b, ..] => {
            let members = GzMembers { member: Some(GzDecoder::new(raw)) };
            Box::new(BufReader::with_capacity(BUFFER_BYTES, members))
        }
        // A frame, also one cut off within its mark, or one of the sixteen skippable frames
        // parallel compressors write first.
        [0x28]
        | [0x28, 0xb5]
        | [0x28, 0xb5, 0x2f]
        | [0x28, 0xb5, 0x2f, 0xfd, ..]
        | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let frames = zstd::stream::read::Decoder::with_buffer(raw)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, frames))
        }
        _ => Box::new(raw),
    })
}

/// Counts what is read from the file, for a progress bar.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        // Relaxed: the count orders nothing.
        self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Bytes after a whole gzip stream that are not another one. hftbacktest's collector leaves them:
/// started twice on one day, it overwrites the front of its file without cutting the rest off.
#[derive(Debug, thiserror::Error)]
#[error("bytes after the gzip stream")]
pub(crate) struct TrailingBytes;

/// One gzip stream after another, as `cat a.gz b.gz` makes them.
struct GzMembers<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for GzMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take() {
            let length = member.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                self.member = Some(member);
                return Ok(length);
            }
            let mut rest = member.into_inner();
            match rest.fill_buf()? {
                [] => return Ok(0),
                [0x1f] | [0x1f, 0x8b, ..] => self.member = Some(GzDecoder::new(rest)),
                _ => return Err(io::Error::other(TrailingBytes)),
            }
        }
        Ok(0)
    }
}
