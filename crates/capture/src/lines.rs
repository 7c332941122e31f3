//! Lines of a bound length, and how a file ended.

use crate::unpack::TrailingBytes;
use std::io::{self, BufRead, Read};

/// Longer lines are refused. The largest message known, a Coinbase snapshot, takes 5.8 MB.
pub const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;

pub(crate) struct Lines {
    input: Box<dyn BufRead + Send>,
    max_line_bytes: usize,
    end: Option<End>,
}

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    /// The packed stream stops before its end mark.
    Truncated,
    TrailingBytes,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line; its newline is not in the buffer.
    Whole,
    /// The file's last bytes, without a newline.
    Unfinished,
    End(End),
}

#[derive(Debug)]
pub(crate) enum LineError {
    TooLong,
    Io(io::Error),
}

impl Lines {
    pub fn new(input: Box<dyn BufRead + Send>, max_line_bytes: usize) -> Self {
        Self { input, max_line_bytes, end: None }
    }

    /// Replaces `line` with the next line. After an error, nothing more comes.
    pub fn read_into(&mut self, line: &mut Vec<u8>) -> Result<Line, LineError> {
        line.clear();
        if let Some(end) = self.end {
            return Ok(Line::End(end));
        }
        let limit = self.max_line_bytes as u64 + 1;
        let result = self.input.as_mut().take(limit).read_until(b'\n', line);
        if line.last() == Some(&b'\n') {
            line.pop();
            return Ok(Line::Whole);
        }
        let end = match result {
            Ok(_) if line.len() > self.max_line_bytes => {
                self.end = Some(End::Clean);
                return Err(LineError::TooLong);
            }
            Ok(_) => End::Clean,
            Err(error) => match end_of(&error) {
                Some(end) => end,
                None => {
                    self.end = Some(End::Clean);
                    return Err(LineError::Io(error));
                }
            },
        };
        self.end = Some(end);
        Ok(if line.is_empty() { Line::End(end) } else { Line::Unfinished })
    }

    /// Reads the rest away: how it ends, and how long its last, unfinished line is.
    pub fn skip_to_end(&mut self) -> (End, usize) {
        let mut line = Vec::new();
        let mut unfinished = 0;
        loop {
            match self.read_into(&mut line) {
                Ok(Line::Whole) => {}
                Ok(Line::Unfinished) => unfinished = line.len(),
                Ok(Line::End(end)) => return (end, unfinished),
                Err(_) => return (End::Clean, unfinished),
            }
        }
    }
}

/// The end an error stands for, if it is one a killed recorder leaves.
fn end_of(error: &io::Error) -> Option<End> {
    if error.get_ref().is_some_and(|inner| inner.is::<TrailingBytes>()) {
        return Some(End::TrailingBytes);
    }
    (error.kind() == io::ErrorKind::UnexpectedEof).then_some(End::Truncated)
}

#[cfg(test)]
mod tests {
    use super::{End, Line, LineError, Lines};

    fn lines(text: &'static [u8], limit: usize) -> Lines {
        Lines::new(Box::new(text), limit)
    }

    #[test]
    fn lines_lose_their_newline_only() {
        let mut lines = lines(b"one\r\n\ntwo", 100);
        let mut line = Vec::new();
        assert_eq!(lines.read_into(&mut line).unwrap(), Line::Whole);
        assert_eq!(line, b"one\r");
        assert_eq!(lines.read_into(&mut line).unwrap(), Line::Whole);
        assert_eq!(line, b"");
        assert_eq!(lines.read_into(&mut line).unwrap(), Line::Unfinished);
        assert_eq!(line, b"two");
        assert_eq!(lines.read_into(&mut line).unwrap(), Line::End(End::Clean));
        assert_eq!(lines.read_into(&mut line).unwrap(), Line::End(End::Clean));
    }

    #[test]
    fn the_bound_is_exact() {
        let mut line = Vec::new();
        assert_eq!(lines(b"12345\n", 5).read_into(&mut line).unwrap(), Line::Whole);
        assert_eq!(lines(b"12345", 5).read_into(&mut line).unwrap(), Line::Unfinished);
        for text in [&b"123456\n"[..], b"123456"] {
            let mut lines = lines(text, 5);
            assert!(matches!(lines.read_into(&mut line), Err(LineError::TooLong)));
            assert_eq!(lines.read_into(&mut line).unwrap(), Line::End(End::Clean));
        }
    }
}
