//! What the exchange plays.

use crate::{Message, MessageKind};
use tickhawk_market::UnixNanos;

/// One thing that happened when the tape was recorded, at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeRecord {
    /// Receive time on the tape, nanoseconds since the Unix epoch.
    pub at: UnixNanos,
    /// The recorder's connection it belongs to.
    pub connection: u16,
    /// What happened.
    pub kind: TapeKind,
}

/// What happened when the tape was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapeKind {
    /// The recorder's connection opened.
    Opened,
    /// It closed.
    Closed,
    /// The recorder sent this text.
    Sent(String),
    /// The venue sent this text.
    Frame(String),
    /// The venue answered a REST request of the recorder.
    RestReply {
        /// What was asked, where known.
        url: Option<String>,
        /// The HTTP status, where known.
        status: Option<u16>,
        /// The answer.
        body: String,
    },
}

impl TapeKind {
    /// Bytes of text, for bounds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Opened | Self::Closed => 0,
            Self::Sent(text) | Self::Frame(text) | Self::RestReply { body: text, .. } => text.len(),
        }
    }
}

/// A message of the synthetic market, as of connection 0.
impl From<Message> for TapeRecord {
    fn from(message: Message) -> Self {
        let kind = match message.kind {
            MessageKind::Opened { .. } => TapeKind::Opened,
            MessageKind::Closed => TapeKind::Closed,
            MessageKind::Sent(text) => TapeKind::Sent(text),
            MessageKind::Frame(text) => TapeKind::Frame(text),
            MessageKind::RestReply { url, status, body } => {
                TapeKind::RestReply { url: Some(url), status: Some(status), body }
            }
        };
        Self { at: message.received_at, connection: 0, kind }
    }
}
