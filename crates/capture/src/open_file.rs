//! One file of a lane: its lines parsed, its connections given their session ids.

use crate::connections::Connections;
use crate::cryptofeed_text::Transport;
use crate::error::{CaptureError, Warning};
use crate::format::Format;
use crate::lane::Shared;
use crate::lines::{End, LineError, Lines, MAX_LINE_BYTES};
use crate::parsed::{Entry, Origin, Parsed, Place, Scratch, Shape};
use crate::plan::{FilePlan, LanePlan};
use crate::{bare_json, cryptofeed_json, cryptofeed_text, json, timed, unpack};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tickhawk_market::{ConnectionId, UnixNanos};

/// A file being read.
pub(crate) struct OpenFile {
    pub plan: FilePlan,
    format: Format,
    pub lines: Lines,
    pub bytes_read: Arc<AtomicU64>,
    pub whole_lines: u64,
    pub bytes_left_out: usize,
    /// Session ids by the file's own connection numbers.
    ids: Vec<Option<ConnectionId>>,
    /// Session id the file's connection 0 would like.
    first_id: usize,
    /// The file's own number of the connection frames come from.
    current: u16,
    pub previous: UnixNanos,
}

impl OpenFile {
    /// `None` for a file that holds no line, which is noted.
    pub fn open(plan: FilePlan, shared: &mut Shared) -> Result<Option<Self>, CaptureError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let input = unpack::open(&plan.path, Arc::clone(&bytes_read))
            .map_err(|source| CaptureError::Open { path: plan.path.clone(), source })?;
        let mut lines = Lines::new(input, MAX_LINE_BYTES);
        let Some(format) = plan.format else {
            let path = plan.path.clone();
            shared.bytes_finished += plan.bytes;
            shared.warnings.push(match lines.skip_to_end() {
                (End::Truncated, bytes_left_out) => {
                    Warning::Truncated { path, lines: 0, bytes_left_out }
                }
                _ => Warning::Empty { path },
            });
            return Ok(None);
        };
        Ok(Some(Self {
            format,
            lines,
            bytes_read,
            whole_lines: 0,
            bytes_left_out: 0,
            ids: Vec::new(),
            first_id: shared.connections.first_of(&plan),
            current: 0,
            previous: UnixNanos::default(),
            plan,
        }))
    }

    pub fn parse(
        &mut self,
        line: &[u8],
        scratch: &mut Scratch,
        shared: &mut Shared,
    ) -> Result<Option<Entry>, &'static str> {
        let parsed = match self.format {
            Format::Timed => timed::parse(line, scratch),
            Format::CryptofeedText => cryptofeed_text::parse(line, self.plan.transport, scratch),
            Format::CryptofeedJson => cryptofeed_json::parse(line, scratch),
            Format::BareJson => bare_json::parse(line, self.previous),
        };
        match parsed? {
            Parsed::Nothing => {}
            Parsed::Unknown => shared.unknown_events += 1,
            Parsed::Header => self.current = 0,
            Parsed::Source(number) => self.current = number,
            Parsed::Entry(entry) => return Ok(Some(entry)),
        }
        Ok(None)
    }

    /// Is a last line without a newline all there? Its payload then is one whole JSON value, or
    /// its decoding found the closing quote; a time alone may have lost digits.
    pub fn is_whole(&self, entry: Entry, line: &[u8]) -> bool {
        let place = match entry.shape {
            Shape::Sent(place) | Shape::Frame(place) => place,
            Shape::RestReply { body, .. } => body,
            Shape::Opened | Shape::Closed | Shape::Alive | Shape::Wanted | Shape::Timer => {
                return self.format != Format::CryptofeedText;
            }
        };
        match place {
            Place::Line { from, to } => json::is_whole(&line[from..to]),
            Place::Decoded => true,
        }
    }

    pub fn resolve(
        &mut self,
        origin: Origin,
        name: &str,
        shared: &mut Shared,
    ) -> Result<ConnectionId, CaptureError> {
        let connections = &mut shared.connections;
        let id = match origin {
            Origin::Nowhere => Some(connections.of_nowhere()),
            Origin::Clock => Some(ConnectionId(0)),
            Origin::Name => connections.find(name).or_else(|| {
                connections.add(name.to_owned(), name.to_owned(), connections.next_index(), 1)
            }),
            Origin::Current => self.id_of(self.current, connections),
            Origin::Number(number) => self.id_of(number, connections),
        };
        id.ok_or_else(|| CaptureError::TooManyConnections {
            path: self.plan.path.clone(),
            line: self.whole_lines,
        })
    }

    fn id_of(&mut self, number: u16, connections: &mut Connections) -> Option<ConnectionId> {
        let index = usize::from(number);
        if let Some(Some(id)) = self.ids.get(index) {
            return Some(*id);
        }
        let (key, name) = self.plan.connection(number);
        let id = match connections.find(&key) {
            Some(id) => id,
            None => connections.add(key, name, self.first_id + index, self.plan.links())?,
        };
        if self.ids.len() <= index {
            self.ids.resize(index + 1, None);
        }
        self.ids[index] = Some(id);
        Some(id)
    }

    pub fn finish(&mut self, end: End, shared: &mut Shared) {
        shared.bytes_finished += self.plan.bytes;
        let path = || self.plan.path.clone();
        let (lines, bytes_left_out) = (self.whole_lines, self.bytes_left_out);
        let warning = match end {
            End::Truncated => Warning::Truncated { path: path(), lines, bytes_left_out },
            End::TrailingBytes => Warning::TrailingBytes { path: path(), lines },
            End::Clean if bytes_left_out > 0 => {
                Warning::UnfinishedLine { path: path(), lines, bytes_left_out }
            }
            End::Clean => return,
        };
        shared.warnings.push(warning);
    }

    pub fn fail(&mut self, error: LineError, shared: &mut Shared) -> CaptureError {
        shared.bytes_finished += self.plan.bytes;
        let path = self.plan.path.clone();
        match error {
            LineError::TooLong => CaptureError::LineTooLong {
                path,
                line: self.whole_lines + 1,
                limit: MAX_LINE_BYTES,
            },
            LineError::Io(source) => CaptureError::Read { path, line: self.whole_lines, source },
        }
    }
}

/// Gives the connections of text captures their ids, in the order their files were named.
pub(crate) fn name_connections(lanes: &[LanePlan], shared: &mut Shared) -> Option<()> {
    for file in lanes.iter().flatten() {
        let is_socket = file.transport == Transport::WebSocket;
        if file.format == Some(Format::CryptofeedText) && is_socket {
            let connections = &mut shared.connections;
            let (key, name) = file.connection(0);
            if connections.find(&key).is_none() {
                connections.add(key, name, connections.next_index(), 1)?;
            }
        }
    }
    Some(())
}
