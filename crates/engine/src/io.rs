//! What stands at the two ends of the stages.

use crate::Input;
use tickhawk_market::{ConnectionId, InstrumentId, StaleCause, UnixNanos};
use tickhawk_signal::Signal;
use tickhawk_venue::DecodeError;

/// One input and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which connection it belongs to.
    pub connection: ConnectionId,
    /// Receive time.
    pub received_at: UnixNanos,
    /// What happened.
    pub input: Input<'a>,
}

/// Where records come from: a recording, later a socket.
pub trait Source {
    /// What can stop it.
    type Error: Send;

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// If there may be more, but it cannot be had.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, Self::Error>;
}

/// Something that is not the ordinary course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An instrument was named for the first time; said before its first signal.
    Instrument {
        /// Its id in this session.
        id: InstrumentId,
        /// The venue's own symbol.
        symbol: String,
    },
    /// A book stopped being right.
    Stale {
        /// Whose.
        id: InstrumentId,
        /// Why.
        cause: StaleCause,
    },
    /// A frame or reply could not be read.
    Malformed {
        /// Which connection it came by.
        connection: ConnectionId,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// Who hears of signals, and of what is not the ordinary course.
pub trait Listener {
    /// A signal; its instrument was named by a [`Notice`] before.
    fn signal(&mut self, signal: &Signal);

    /// Something happened that is not the ordinary course.
    fn notice(&mut self, notice: Notice);
}
