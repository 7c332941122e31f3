//! cryptofeed's first form, one file per connection:
//!
//! ```text
//! configuration: ..                     skipped
//! <url> <-> <seconds>                   connected
//! <url> <- <seconds>: <text>            sent
//! <url> -> <seconds>: <body>            REST reply
//! <seconds>: <frame>                    received
//! ```
//!
//! Bytes are written as Python literals, `b'..'`; they are decoded.

use crate::parsed::{Entry, Origin, Parsed, Place, Scratch, Shape};
use crate::receive_time;
use tickhawk_market::UnixNanos;

/// What kind of connection a file records, told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    /// Polled replies of old files stand there as plain received lines.
    Http,
}

pub(crate) fn parse(
    line: &[u8],
    transport: Transport,
    scratch: &mut Scratch,
) -> Result<Parsed, &'static str> {
    if line.trim_ascii().is_empty() || line.starts_with(b"configuration: ") {
        return Ok(Parsed::Nothing);
    }
    let (first, at) = token(line, 0).ok_or("expected `<seconds>: ` or an address")?;
    let entry =
        |received_at, origin, shape| Ok(Parsed::Entry(Entry { received_at, origin, shape }));
    if let Some(time) = first.strip_suffix(b":").and_then(receive_time::from_seconds) {
        let place = payload(line, at, scratch)?;
        return match transport {
            Transport::WebSocket => entry(time, Origin::Current, Shape::Frame(place)),
            Transport::Http => {
                let shape = Shape::RestReply { has_url: false, status: None, body: place };
                entry(time, Origin::Nowhere, shape)
            }
        };
    }
    let (arrow, at) = token(line, at).ok_or("expected `<->`, `<-` or `->` after the address")?;
    scratch.set_url(first)?;
    match arrow {
        b"<->" => {
            let time = receive_time::from_seconds(line[at..].trim_ascii_end());
            entry(time.ok_or("expected seconds after `<->`")?, Origin::Current, Shape::Opened)
        }
        b"<-" => {
            let (time, at) = time(line, at)?;
            entry(time, Origin::Current, Shape::Sent(payload(line, at, scratch)?))
        }
        b"->" => {
            let (time, at) = time(line, at)?;
            let body = payload(line, at, scratch)?;
            let shape = Shape::RestReply { has_url: true, status: None, body };
            entry(time, Origin::Nowhere, shape)
        }
        _ => Err("expected `<->`, `<-` or `->` after the address"),
    }
}

/// The text up to the next space, and where the text after it starts.
fn token(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = line[at..].iter().position(|byte| *byte == b' ')?;
    Some((&line[at..at + length], at + length + 1))
}

fn time(line: &[u8], at: usize) -> Result<(UnixNanos, usize), &'static str> {
    const EXPECTED: &str = "expected `<seconds>: ` after the arrow";
    let (text, at) = token(line, at).ok_or(EXPECTED)?;
    let time = text.strip_suffix(b":").and_then(receive_time::from_seconds);
    Ok((time.ok_or(EXPECTED)?, at))
}

/// The payload as it is, or decoded if it is a Python literal of bytes.
fn payload(line: &[u8], at: usize, scratch: &mut Scratch) -> Result<Place, &'static str> {
    match &line[at..] {
        [b'b', quote @ (b'\'' | b'"'), inner @ .., last] if quote == last => {
            scratch.decoded.clear();
            python_bytes(inner, &mut scratch.decoded)?;
            Ok(Place::Decoded)
        }
        [b'b', b'\'' | b'"', ..] => Err("expected the closing quote of a bytes literal"),
        _ => Ok(Place::Line { from: at, to: line.len() }),
    }
}

/// What Python's `ast` makes of the inside of a bytes literal.
fn python_bytes(mut inner: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected a bytes literal's escape";
    while let Some(at) = inner.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&inner[..at]);
        let escape = &inner[at..];
        let (byte, length) = match *escape.get(1).ok_or(EXPECTED)? {
            same @ (b'\\' | b'\'' | b'"') => (same, 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'a' => (7, 2),
            b'b' => (8, 2),
            b'v' => (11, 2),
            b'f' => (12, 2),
            b'x' => (number(escape.get(2..4).ok_or(EXPECTED)?, 16).ok_or(EXPECTED)?, 4),
            b'0'..=b'7' => {
                let is_octal = |byte: &&u8| (b'0'..=b'7').contains(*byte);
                let digits = escape[1..].iter().take(3).take_while(is_octal).count();
                (number(&escape[1..1 + digits], 8).ok_or(EXPECTED)?, 1 + digits)
            }
            // Python keeps the backslash of an escape it does not know.
            _ => (b'\\', 1),
        };
        out.push(byte);
        inner = &escape[length..];
    }
    out.extend_from_slice(inner);
    Ok(())
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let value = digits
        .iter()
        .try_fold(0u32, |value, digit| Some(value * radix + char::from(*digit).to_digit(radix)?))?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::python_bytes;

    #[track_caller]
    fn check(inner: &str, expected: Option<&[u8]>) {
        let mut out = Vec::new();
        let result = python_bytes(inner.as_bytes(), &mut out);
        assert_eq!(result.ok().map(|()| out.as_slice()), expected, "{inner}");
    }

    #[test]
    fn python_bytes_are_decoded() {
        check("plain", Some(b"plain"));
        check(r"\x1f\x8B\x00", Some(&[0x1f, 0x8b, 0]));
        check(r#"\\ \' \" \n\r\t"#, Some(b"\\ ' \" \n\r\t"));
        check(r"\0\101\7x", Some(b"\0A\x07x"));
        check(r"\q", Some(b"\\q"));
        check(r"\777", None);
        check(r"\x1", None);
        check(r"\xzz", None);
        check("end\\", None);
    }
}
