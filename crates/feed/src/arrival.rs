//! What a client hears.

use bytes::Bytes;
use tickhawk_market::{ConnectionId, UnixNanos};

/// Something that came, or was done.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// By which connection.
    pub connection: ConnectionId,
    /// When it came to user space.
    pub received_at: UnixNanos,
    /// What.
    pub kind: ArrivalKind,
}

/// What came, or was done. Payloads are shared, not copied.
#[derive(Clone, Debug)]
pub enum ArrivalKind {
    /// The connection opened.
    Opened {
        /// To this address.
        url: String,
    },
    /// The connection closed.
    Closed {
        /// Why, for people.
        reason: String,
    },
    /// We sent this text.
    Sent(Bytes),
    /// The venue sent this frame.
    Frame(Bytes),
    /// The venue answered a REST request.
    RestReply {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The answer.
        body: Bytes,
    },
    /// A WebSocket ping or pong came: the connection lives, whatever its channels say.
    Alive,
    /// A tenth of a second passed.
    Timer,
}
