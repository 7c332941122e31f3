//! What a recording is made of.

use tickhawk_market::UnixNanos;

/// One thing that crossed the connection, in the order a recorder would have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When, by the receiver's clock. Never earlier than the message before.
    pub received_at: UnixNanos,
    /// What.
    pub kind: MessageKind,
}

/// What crossed the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The WebSocket opened.
    Opened {
        /// Where to.
        url: String,
    },
    /// The client sent this text.
    Sent(String),
    /// The venue sent this text.
    Frame(String),
    /// The answer to a REST request arrived.
    RestReply {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The answer.
        body: String,
    },
    /// The WebSocket closed; only [`crate::Recording::reconnect`] brings it about.
    Closed,
}
