//! What a recording yields, whoever wrote it.

use tickhawk_market::{ConnectionId, UnixNanos};

/// One thing that happened while recording. It borrows the session's buffers: copy what must
/// outlive the next call of [`Session::next_record`](crate::Session::next_record).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The recorder's own clock. It may run backwards and may be behind the exchange's.
    pub received_at: UnixNanos,
    /// Which connection it belongs to. Of a [`RecordKind::RestReply`] it says nothing: replies
    /// belong to no connection, and carry one of their recording's. A [`RecordKind::Timer`] and a
    /// [`RecordKind::Wanted`] belong to none either, and carry connection 0.
    pub connection: ConnectionId,
    /// What happened.
    pub kind: RecordKind<'a>,
}

/// What happened. A recording without connection events yields frames alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind<'a> {
    /// The connection was opened.
    Opened {
        /// The address; empty when the recorder did not write it.
        url: &'a str,
    },
    /// The connection was closed. Made up at the next `Opened` when the recorder wrote none.
    Closed,
    /// The recorder sent this text to the venue.
    Sent(&'a [u8]),
    /// The venue sent this frame.
    Frame(&'a [u8]),
    /// The venue answered a REST request.
    RestReply {
        /// What was asked, when the recorder wrote it.
        url: Option<&'a str>,
        /// The HTTP status, when the recorder wrote it.
        status: Option<u16>,
        /// The answer.
        body: &'a [u8],
    },
    /// A WebSocket ping or pong came: the connection lives, whatever its channels say.
    Alive,
    /// From here on these instruments were asked for, and no others, in the venue's own names.
    Wanted(&'a [String]),
    /// Time passed and nothing else: what silence is judged by.
    Timer,
}

/// The first line of Tickhawk's own recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// When recording began; of a run's later file, when that file began.
    pub started_at: UnixNanos,
    /// The venue's slug, such as `binance-futures`.
    pub venue: Option<String>,
    /// What was subscribed to when the run began, in the venue's own names.
    pub instruments: Vec<String>,
    /// How many redundant links the connections are spread over: connection n belongs to link
    /// n % links. `None` is one link.
    pub links: Option<u16>,
    /// Which file of its run this is, from 0.
    pub sequence: u32,
}
