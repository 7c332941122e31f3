//! Which recorder wrote a file, told by its first line.

use crate::error::{CaptureError, excerpt};
use crate::json;
use crate::lines::{End, Line, LineError, Lines, MAX_LINE_BYTES};
use crate::record::Header;
use crate::{cryptofeed_json, cryptofeed_text, parsed::Scratch, timed, unpack};
use cryptofeed_text::Transport;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The version of Tickhawk's own form this build writes and reads.
pub const VERSION: u64 = 1;

/// The forms of recordings. Each may be plain, gzip or zstd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `<receive time> <json>`: hftbacktest's collector, and Tickhawk's own.
    Timed,
    /// `<seconds>: <payload>` and the like: cryptofeed's text captures.
    CryptofeedText,
    /// `{"t":"recv",..}`: cryptofeed's second form.
    CryptofeedJson,
    /// Every line a frame, without a receive time.
    BareJson,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timed => "timed lines",
            Self::CryptofeedText => "cryptofeed text",
            Self::CryptofeedJson => "cryptofeed JSON lines",
            Self::BareJson => "bare JSON lines",
        })
    }
}

impl Format {
    fn of(line: &[u8]) -> Option<Self> {
        let mut scratch = Scratch::default();
        if timed::split(line).is_ok() {
            return Some(Self::Timed);
        }
        if cryptofeed_text::parse(line, Transport::WebSocket, &mut scratch).is_ok() {
            return Some(Self::CryptofeedText);
        }
        if cryptofeed_json::recognises(line) {
            return Some(Self::CryptofeedJson);
        }
        // A line may be cut short, so being whole is not asked.
        let is_json = match line.trim_ascii() {
            [b'{', rest @ ..] => {
                matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}') | None)
            }
            text @ [b'[', ..] => json::is_whole(text),
            _ => false,
        };
        is_json.then_some(Self::BareJson)
    }
}

/// Reads the first line. `None` for a file that holds none, or none that is whole.
pub(crate) fn detect(path: &Path) -> Result<Option<(Format, Option<Header>)>, CaptureError> {
    let open = |source| CaptureError::Open { path: path.to_owned(), source };
    let input = unpack::open(path, Arc::default()).map_err(open)?;
    let mut lines = Lines::new(input, MAX_LINE_BYTES);
    let mut line = Vec::new();
    let mut blank_lines = 0;
    loop {
        let read = lines.read_into(&mut line).map_err(|error| match error {
            LineError::TooLong => CaptureError::LineTooLong {
                path: path.to_owned(),
                line: blank_lines + 1,
                limit: MAX_LINE_BYTES,
            },
            LineError::Io(source) => {
                CaptureError::Read { path: path.to_owned(), line: blank_lines, source }
            }
        })?;
        match read {
            Line::End(_) => return Ok(None),
            Line::Whole if line.trim_ascii().is_empty() => blank_lines += 1,
            Line::Whole => break,
            Line::Unfinished if Format::of(&line).is_none() && is_truncated(&mut lines) => {
                return Ok(None);
            }
            Line::Unfinished => break,
        }
    }
    let format = Format::of(&line).ok_or_else(|| CaptureError::UnknownFormat {
        path: path.to_owned(),
        found: excerpt(&line),
    })?;
    let header = timed::header(&line);
    if let Some((_, version)) = header.as_ref().filter(|(_, version)| *version > VERSION) {
        return Err(CaptureError::UnsupportedVersion { path: path.to_owned(), version: *version });
    }
    Ok(Some((format, header.map(|(header, _)| header))))
}

fn is_truncated(lines: &mut Lines) -> bool {
    matches!(lines.read_into(&mut Vec::new()), Ok(Line::End(End::Truncated)))
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[track_caller]
    fn check(line: &str, expected: Option<Format>) {
        assert_eq!(Format::of(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn the_first_line_tells() {
        check(r#"1700000000000000001 {"stream":"a"}"#, Some(Format::Timed));
        check(r#"1700000000000001 {"stream":"a"}"#, Some(Format::Timed));
        check("1700000000.25: [1,2]", Some(Format::CryptofeedText));
        check("configuration: {'a': 1}", Some(Format::CryptofeedText));
        check("wss://example.invalid/ws <-> 1700000000.25", Some(Format::CryptofeedText));
        check("https://example.invalid/d -> 1700000000.25: {}", Some(Format::CryptofeedText));
        check(r#"{"conn":"A.ws.1","ts":1.5,"t":"recv","data":"x"}"#, Some(Format::CryptofeedJson));
        check(r#"{"t":"header","format":2}"#, Some(Format::CryptofeedJson));
        check(r#"{"t":"recv","p":"1"}"#, Some(Format::BareJson));
        check(r#"{"topic":"a","ts":1700000000000}"#, Some(Format::BareJson));
        check("[1,[2]]", Some(Format::BareJson));
        check("[section]", None);
        check("time,price,qty", None);
        check("hello", None);
        check("17 {}", None);
    }
}
