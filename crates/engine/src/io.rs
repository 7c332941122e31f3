//! What stands at the two ends of the stages.

use tickhawk_book::Book;
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, Request, Scale, StaleCause, Trade, UnixNanos,
};
use tickhawk_signal::Signal;
use tickhawk_venue::DecodeError;

/// One thing that happened, without its time.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The connection opened.
    Opened,
    /// The connection closed.
    Closed,
    /// We sent this text.
    Sent(&'a [u8]),
    /// The venue sent this frame.
    Frame(&'a [u8]),
    /// The venue answered a REST request.
    RestReply {
        /// What was asked, where known.
        url: Option<&'a str>,
        /// The HTTP status, where known.
        status: Option<u16>,
        /// The answer.
        body: &'a [u8],
    },
}

/// Who listens to a market stage. All but frames may be ignored.
pub trait MarketSink {
    /// An instrument's state after the input at hand. At most one per instrument and input.
    fn frame(&mut self, frame: &FeatureFrame);

    /// An instrument was named for the first time.
    fn instrument(&mut self, _id: InstrumentId, _symbol: &str) {}

    /// An instrument's integers carry these decimals from here on.
    fn scale(&mut self, _id: InstrumentId, _scale: Scale) {}

    /// A book message was applied; `book` is as it stands after it.
    fn book_applied(&mut self, _at: UnixNanos, _update: &BookUpdate, _book: &Book) {}

    /// A trade happened.
    fn trade(&mut self, _at: UnixNanos, _trade: &Trade) {}

    /// A book stopped being right.
    fn stale(&mut self, _id: InstrumentId, _cause: StaleCause) {}

    /// The decoder needs something from outside.
    fn request(&mut self, _request: Request) {}

    /// A frame or reply could not be read.
    fn malformed(&mut self, _connection: ConnectionId, _error: DecodeError) {}
}

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
