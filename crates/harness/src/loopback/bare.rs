//! The floor: the same frames, read as bytes by whoever does nothing else.
//!
//! A socket that does not block, read again and again, and of WebSocket no more than it takes to
//! count frames. What is left is the kernel's own share, and the server's system call.

use crate::HarnessError;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};
use tickhawk_feed::monotonic_ns;

/// Room for what is read and not yet counted; a frame that does not fit is none of this server's.
const BUFFER_BYTES: usize = 1 << 20;
/// Longest answer to the request to speak WebSocket.
const ANSWER_BYTES: usize = 4_096;

/// Subscribes by that path and hears so many frames; when each was read, by the clock that all
/// processes share.
///
/// # Errors
/// If the server does not speak WebSocket, says too little within `limit`, or closes.
pub(super) fn listen(
    ws: &str,
    path: &str,
    frames: u64,
    limit: Duration,
) -> Result<Vec<u64>, HarnessError> {
    let failed = |what: String| HarnessError::Wire { what };
    let lost = |error: std::io::Error| failed(format!("a bare socket: {error}"));
    let host = ws.strip_prefix("ws://").unwrap_or(ws);
    let mut stream = TcpStream::connect(host).map_err(lost)?;
    stream.set_read_timeout(Some(limit)).map_err(lost)?;
    upgrade(&mut stream, host, path).map_err(lost)?;
    stream.set_nonblocking(true).map_err(lost)?;
    let until_ns = monotonic_ns() + limit.as_nanos() as u64;
    let mut heard = Vec::with_capacity(frames as usize + 64);
    let mut buffer = Buffer { bytes: vec![0; BUFFER_BYTES], start: 0, end: 0 };
    while (heard.len() as u64) < frames {
        match stream.read(buffer.room()) {
            Ok(0) => return Err(failed("the server closed a bare socket".to_owned())),
            Ok(count) => {
                let at_ns = monotonic_ns();
                buffer.end += count;
                while buffer.take_frame() {
                    heard.push(at_ns);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if monotonic_ns() > until_ns {
                    let what = format!("{} of {frames} frames in {limit:?}", heard.len());
                    return Err(failed(what));
                }
            }
            Err(error) => return Err(lost(error)),
        }
    }
    heard.truncate(frames as usize);
    Ok(heard)
}

/// Asks to speak WebSocket; no more is read than the answer.
fn upgrade(stream: &mut TcpStream, host: &str, path: &str) -> std::io::Result<()> {
    // RFC 6455, section 4.1; the key is its own example, and nobody checks what comes of it.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < ANSWER_BYTES {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    match answer.starts_with(b"HTTP/1.1 101") {
        true => Ok(()),
        false => Err(std::io::Error::other("the server does not speak WebSocket")),
    }
}

/// Bytes that were read, up to the last whole frame.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// Where the next bytes go.
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end > self.bytes.len() / 2 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.bytes[self.end..]
    }

    /// Steps over one whole frame; whether there was one. A server's frames are not masked.
    fn take_frame(&mut self) -> bool {
        let bytes = &self.bytes[self.start..self.end];
        let (head, length) = match bytes {
            [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            [_, 127, length @ ..] if length.len() >= 8 => {
                let length: [u8; 8] = std::array::from_fn(|index| length[index]);
                (10, usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX))
            }
            [_, length @ ..=125, ..] => (2, usize::from(*length)),
            _ => return false,
        };
        let is_whole = bytes.len() - head >= length;
        if is_whole {
            self.start += head + length;
        }
        is_whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_whole() {
        let frame = |length: usize| -> Vec<u8> {
            let mut frame = match length {
                ..126 => vec![0x81, length as u8],
                _ => [&[0x81, 126], &(length as u16).to_be_bytes()[..]].concat(),
            };
            frame.resize(frame.len() + length, b'x');
            frame
        };
        let all = [frame(0), frame(125), frame(126), frame(3_000), frame(7)].concat();
        for piece in [1, 2, 3, 64, all.len()] {
            let mut buffer = Buffer { bytes: vec![0; 8_192], start: 0, end: 0 };
            let mut count = 0;
            for bytes in all.chunks(piece) {
                buffer.room()[..bytes.len()].copy_from_slice(bytes);
                buffer.end += bytes.len();
                while buffer.take_frame() {
                    count += 1;
                }
            }
            assert_eq!((count, buffer.start), (5, buffer.end), "in pieces of {piece}");
        }
    }
}
