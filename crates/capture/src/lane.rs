//! Files read one after another: the next record to be, and the buffers it stands in.

use crate::connections::Connections;
use crate::error::{CaptureError, Warning, malformed};
use crate::lines::Line;
use crate::open_file::OpenFile;
use crate::parsed::{Entry, Place, Scratch, Shape};
use crate::plan::{FilePlan, LanePlan};
use crate::record::{Record, RecordKind};
use std::sync::atomic::Ordering;
use tickhawk_market::{ConnectionId, UnixNanos};

/// What all lanes of a session share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub connections: Connections,
    pub warnings: Vec<Warning>,
    pub unknown_events: u64,
    /// File bytes of the files done with.
    pub bytes_finished: u64,
}

pub(crate) struct Lane {
    files: std::vec::IntoIter<FilePlan>,
    file: Option<OpenFile>,
    line: Vec<u8>,
    scratch: Scratch,
    state: State,
}

enum State {
    /// The next line is to be read.
    Empty,
    Ready(Ready),
    Done,
}

#[derive(Clone, Copy)]
struct Ready {
    received_at: UnixNanos,
    connection: ConnectionId,
    shape: Shape,
}

impl Lane {
    pub fn new(files: LanePlan) -> Self {
        Self {
            files: files.into_iter(),
            file: None,
            line: Vec::new(),
            scratch: Scratch::default(),
            state: State::Empty,
        }
    }

    /// When the next record was received, if there is one. Call [`Self::fill`] first.
    pub fn received_at(&self) -> Option<UnixNanos> {
        match &self.state {
            State::Ready(ready) => Some(ready.received_at),
            State::Empty | State::Done => None,
        }
    }

    /// Reads on until a record is ready or the files are at their end.
    pub fn fill(&mut self, shared: &mut Shared) -> Result<(), CaptureError> {
        while let State::Empty = self.state {
            if self.file.is_none() {
                let Some(plan) = self.files.next() else {
                    self.state = State::Done;
                    return Ok(());
                };
                self.file = OpenFile::open(plan, shared)?;
            } else {
                self.read_line(shared)?;
            }
        }
        Ok(())
    }

    fn read_line(&mut self, shared: &mut Shared) -> Result<(), CaptureError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let is_finished = match file.lines.read_into(&mut self.line) {
            Ok(Line::Whole) => true,
            Ok(Line::Unfinished) => false,
            Ok(Line::End(end)) => {
                file.finish(end, shared);
                self.file = None;
                return Ok(());
            }
            Err(error) => {
                let error = file.fail(error, shared);
                self.file = None;
                return Err(error);
            }
        };
        let entry = match file.parse(&self.line, &mut self.scratch, shared) {
            Ok(entry)
                if is_finished || entry.is_none_or(|entry| file.is_whole(entry, &self.line)) =>
            {
                file.whole_lines += 1;
                entry
            }
            Err(problem) if is_finished => {
                file.whole_lines += 1;
                return Err(malformed(&file.plan.path, file.whole_lines, problem, &self.line));
            }
            _ => {
                file.bytes_left_out = self.line.len();
                None
            }
        };
        if let Some(Entry { received_at, origin, shape }) = entry {
            let connection = file.resolve(origin, &self.scratch.name, shared)?;
            file.previous = received_at;
            self.state = State::Ready(Ready { received_at, connection, shape });
        }
        Ok(())
    }

    /// The record made ready by [`Self::fill`]; `None` at the end of the files.
    pub fn take(&mut self, shared: &mut Shared) -> Option<Record<'_>> {
        let State::Ready(Ready { received_at, connection, shape }) = self.state else {
            return None;
        };
        let connections = &mut shared.connections;
        if shape == Shape::Opened && connections.is_open(connection) {
            // Nobody wrote that the earlier connection closed: say so now, and stay ready.
            connections.set_open(connection, false);
            return Some(Record { received_at, connection, kind: RecordKind::Closed });
        }
        match shape {
            Shape::Opened => connections.set_open(connection, true),
            Shape::Closed => connections.set_open(connection, false),
            _ => {}
        }
        self.state = State::Empty;
        Some(Record { received_at, connection, kind: self.kind(shape) })
    }

    fn kind(&self, shape: Shape) -> RecordKind<'_> {
        match shape {
            Shape::Opened => RecordKind::Opened { url: &self.scratch.url },
            Shape::Closed => RecordKind::Closed,
            Shape::Sent(place) => RecordKind::Sent(self.bytes(place)),
            Shape::Frame(place) => RecordKind::Frame(self.bytes(place)),
            Shape::RestReply { has_url, status, body } => RecordKind::RestReply {
                url: has_url.then_some(&self.scratch.url),
                status,
                body: self.bytes(body),
            },
            Shape::Alive => RecordKind::Alive,
            Shape::Wanted => RecordKind::Wanted(&self.scratch.symbols),
            Shape::Timer => RecordKind::Timer,
        }
    }

    fn bytes(&self, place: Place) -> &[u8] {
        match place {
            Place::Line { from, to } => &self.line[from..to],
            Place::Decoded => &self.scratch.decoded,
        }
    }

    /// File bytes read of the file being read.
    pub fn bytes_read(&self) -> u64 {
        // Relaxed: the count orders nothing.
        self.file.as_ref().map_or(0, |file| file.bytes_read.load(Ordering::Relaxed))
    }

    pub fn buffer_bytes(&self) -> usize {
        let Scratch { decoded, url, name, symbols } = &self.scratch;
        let symbols = symbols.iter().map(|symbol| symbol.capacity() + size_of::<String>());
        let symbols: usize = symbols.sum();
        self.line.capacity() + decoded.capacity() + url.capacity() + name.capacity() + symbols
    }
}
