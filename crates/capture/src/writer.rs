//! Tickhawk's own recordings: zstd lines `<19-digit receive ns> <frame as received>`.

use crate::error::CaptureError;
use crate::format::VERSION;
use crate::lines::MAX_LINE_BYTES;
use crate::record::{Header, Record, RecordKind};
use crate::timed::EVENT_PREFIX;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::io::Write;
use tickhawk_market::{ConnectionId, UnixNanos};
use zstd::stream::write::Encoder;

/// Fast enough for any feed (hundreds of MB/s), a tenth of the size.
const DEFAULT_LEVEL: i32 = 3;

/// Writes a recording. It blocks on what it writes to; it allocates only while its line buffer
/// grows, and for events.
///
/// What was not flushed is lost when the process is killed, and [`Writer::finish`] must be called
/// for a clean end: dropping a writer leaves a recording that reads with a
/// [`Warning`](crate::Warning).
pub struct Writer<W: Write> {
    output: Encoder<'static, W>,
    /// The connection frames are taken to come from.
    source: ConnectionId,
    line: Vec<u8>,
}

/// One line of our own, in the order of its fields.
#[derive(Serialize)]
struct EventLine<'a> {
    stream: &'static str,
    data: Event<'a>,
}

#[derive(Default, Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    venue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instruments: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<W: Write> Writer<W> {
    /// Starts a recording with its header, at zstd level 3.
    pub fn new(output: W, header: &Header) -> Result<Self, CaptureError> {
        Self::with_level(output, header, DEFAULT_LEVEL)
    }

    /// Starts a recording at a zstd level of 1 to 22; each step is slower and smaller.
    pub fn with_level(output: W, header: &Header, level: i32) -> Result<Self, CaptureError> {
        let mut output = Encoder::new(output, level).map_err(CaptureError::Write)?;
        output.include_checksum(true).map_err(CaptureError::Write)?;
        let mut writer = Self { output, source: ConnectionId(0), line: Vec::new() };
        let event = Event {
            event: "header",
            version: Some(VERSION),
            venue: header.venue.as_deref(),
            instruments: Some(&header.instruments),
            links: header.links,
            sequence: Some(header.sequence).filter(|sequence| *sequence != 0),
            ..Event::default()
        };
        writer.event(header.started_at, event, 0)?;
        Ok(writer)
    }

    /// A connection was opened.
    pub fn opened(
        &mut self,
        connection: ConnectionId,
        at: UnixNanos,
        url: &str,
    ) -> Result<(), CaptureError> {
        let event = Event {
            event: "opened",
            connection: Some(connection.0),
            url: Some(url),
            ..Event::default()
        };
        self.event(at, event, url.len())
    }

    /// A connection was closed; the reason is for people.
    pub fn closed(
        &mut self,
        connection: ConnectionId,
        at: UnixNanos,
        reason: &str,
    ) -> Result<(), CaptureError> {
        let event = Event {
            event: "closed",
            connection: Some(connection.0),
            reason: Some(reason),
            ..Event::default()
        };
        self.event(at, event, reason.len())
    }

    /// A message was sent to the venue. Secrets do not belong into a recording.
    pub fn sent(
        &mut self,
        connection: ConnectionId,
        at: UnixNanos,
        message: &[u8],
    ) -> Result<(), CaptureError> {
        let (text, base64) = text_or_base64(message);
        let connection = Some(connection.0);
        let event = Event { event: "sent", connection, text, base64, ..Event::default() };
        self.event(at, event, message.len())
    }

    /// A frame was received. It is written byte for byte where it can stand on a line, else as an
    /// event; reading gives the same bytes either way.
    pub fn frame(
        &mut self,
        connection: ConnectionId,
        at: UnixNanos,
        frame: &[u8],
    ) -> Result<(), CaptureError> {
        let (text, base64) = text_or_base64(frame);
        let stands_alone =
            text.is_some() && !frame.contains(&b'\n') && !frame.starts_with(EVENT_PREFIX);
        if !stands_alone {
            let connection = Some(connection.0);
            let event = Event { event: "frame", connection, text, base64, ..Event::default() };
            return self.event(at, event, frame.len());
        }
        if connection != self.source {
            let number = Some(connection.0);
            self.event(at, Event { event: "source", connection: number, ..Event::default() }, 0)?;
            self.source = connection;
        }
        self.begin(at)?;
        self.line.extend_from_slice(frame);
        self.end(frame.len())
    }

    /// A REST request was answered.
    pub fn rest_reply(
        &mut self,
        connection: ConnectionId,
        at: UnixNanos,
        url: Option<&str>,
        status: Option<u16>,
        body: &[u8],
    ) -> Result<(), CaptureError> {
        let (text, base64) = text_or_base64(body);
        let event = Event {
            event: "rest_reply",
            connection: Some(connection.0),
            url,
            status,
            body: text,
            base64,
            ..Event::default()
        };
        self.event(at, event, body.len())
    }

    /// A WebSocket ping or pong was received.
    pub fn alive(&mut self, connection: ConnectionId, at: UnixNanos) -> Result<(), CaptureError> {
        let connection = Some(connection.0);
        self.event(at, Event { event: "alive", connection, ..Event::default() }, 0)
    }

    /// From here on these instruments are asked for, and no others.
    pub fn wanted(&mut self, at: UnixNanos, symbols: &[String]) -> Result<(), CaptureError> {
        let bytes = symbols.iter().map(String::len).sum();
        let event = Event { event: "wanted", instruments: Some(symbols), ..Event::default() };
        self.event(at, event, bytes)
    }

    /// Time passed and nothing else.
    pub fn timer(&mut self, at: UnixNanos) -> Result<(), CaptureError> {
        self.event(at, Event { event: "timer", ..Event::default() }, 0)
    }

    /// Writes what a session read.
    pub fn record(&mut self, record: &Record<'_>) -> Result<(), CaptureError> {
        let Record { received_at: at, connection, kind } = *record;
        match kind {
            RecordKind::Opened { url } => self.opened(connection, at, url),
            RecordKind::Closed => self.closed(connection, at, ""),
            RecordKind::Sent(message) => self.sent(connection, at, message),
            RecordKind::Frame(frame) => self.frame(connection, at, frame),
            RecordKind::RestReply { url, status, body } => {
                self.rest_reply(connection, at, url, status, body)
            }
            RecordKind::Alive => self.alive(connection, at),
            RecordKind::Wanted(symbols) => self.wanted(at, symbols),
            RecordKind::Timer => self.timer(at),
        }
    }

    /// Ends a zstd block, so that everything so far can be read after a kill. Each costs a few
    /// per cent of size: once a second is plenty.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.output.flush().map_err(CaptureError::Write)
    }

    /// Ends the recording and hands back what it was written to, flushed.
    pub fn finish(self) -> Result<W, CaptureError> {
        let mut output = self.output.finish().map_err(CaptureError::Write)?;
        output.flush().map_err(CaptureError::Write)?;
        Ok(output)
    }

    /// What is written to, to look at.
    pub(crate) fn output(&self) -> &W {
        self.output.get_ref()
    }

    fn event(&mut self, at: UnixNanos, data: Event<'_>, bytes: usize) -> Result<(), CaptureError> {
        self.begin(at)?;
        sonic_rs::to_writer(&mut self.line, &EventLine { stream: "tickhawk", data })
            .map_err(|error| CaptureError::Write(std::io::Error::other(error)))?;
        self.end(bytes)
    }

    fn begin(&mut self, at: UnixNanos) -> Result<(), CaptureError> {
        self.line.clear();
        write!(self.line, "{:019} ", at.nanos()).map_err(CaptureError::Write)
    }

    fn end(&mut self, bytes: usize) -> Result<(), CaptureError> {
        if self.line.len() > MAX_LINE_BYTES {
            return Err(CaptureError::FrameTooLong { bytes, limit: MAX_LINE_BYTES });
        }
        self.line.push(b'\n');
        self.output.write_all(&self.line).map_err(CaptureError::Write)
    }
}

fn text_or_base64(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}
