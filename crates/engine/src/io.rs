//! What stands at the two ends of the stages.

use crate::{Frames, MarketStage, Scored};
use tickhawk_book::Book;
use tickhawk_decoded::{InputKind, Step};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, Scale, StaleCause, Trade, UnixNanos, Updates,
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
    /// A WebSocket ping or pong came: the connection lives, whatever its channels say.
    Alive,
    /// From here on these instruments are asked for, and no others; of no connection. Whoever reads
    /// the feed says it before it subscribes.
    Wanted(&'a [String]),
    /// Time passed, on no connection: what has been silent for too long is found out. A source
    /// gives one every so often; without them silence is never noticed.
    Timer,
    /// One of the above that was decoded before. Who gives one gives all of them so, from the first
    /// step of a form on.
    Decoded(Step<'a>),
}

impl Input<'_> {
    /// What it is, without what it holds.
    #[inline]
    pub fn kind(&self) -> InputKind {
        match self {
            Self::Opened => InputKind::Opened,
            Self::Closed => InputKind::Closed,
            Self::Sent(_) => InputKind::Sent,
            Self::Frame(_) => InputKind::Frame,
            Self::RestReply { .. } => InputKind::RestReply,
            Self::Alive => InputKind::Alive,
            Self::Wanted(_) => InputKind::Wanted,
            Self::Timer => InputKind::Timer,
            Self::Decoded(step) => step.kind(),
        }
    }
}

/// Something a decoder needs from outside to be right again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Whose: what is fetched or sent must be of a connection of this link.
    pub link: u16,
    /// What.
    pub kind: WantKind,
}

/// What is needed, in the venue's own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantKind {
    /// Fetch the instrument's REST snapshot.
    Snapshot {
        /// Whose.
        symbol: String,
    },
    /// Unsubscribe from and subscribe to the instrument's book again.
    Resubscribe {
        /// Whose.
        symbol: String,
        /// The number of the channel the book comes by, on venues that number them.
        channel: Option<u64>,
    },
    /// Close the connection and open it again.
    Reconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Unsubscribe from a channel that carries nothing asked for any more.
    GiveUp {
        /// Where it comes.
        connection: ConnectionId,
        /// The venue's number of it.
        channel: u64,
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

    /// A new epoch of the instrument begins with the book message that is told next.
    fn epoch(&mut self, _at: UnixNanos, _id: InstrumentId) {}

    /// A book message was applied; `book` is as it stands after it. With two links only messages
    /// that are published are told; those held back before one of them are not made up for.
    fn book_applied(&mut self, _at: UnixNanos, _update: &BookUpdate, _book: &Book) {}

    /// A trade happened.
    fn trade(&mut self, _at: UnixNanos, _trade: &Trade) {}

    /// A book stopped being right; with two links, on the last one of them.
    fn stale(&mut self, _id: InstrumentId, _cause: StaleCause) {}

    /// A decoder needs something from outside.
    fn want(&mut self, _want: Want) {}

    /// A frame or reply could not be read.
    fn malformed(&mut self, _connection: ConnectionId, _error: DecodeError) {}

    /// A book message's checksum was held against the book.
    fn checked(&mut self, _id: InstrumentId, _matches: bool) {}

    /// The input, or a part of it that is of this connection, was decoded to these updates, and all
    /// they say was done. Told before what is wanted, and not of inputs that were decoded before.
    fn taken(&mut self, _connection: ConnectionId, _updates: &Updates) {}
}

/// Nobody listens.
impl MarketSink for () {
    fn frame(&mut self, _frame: &FeatureFrame) {}
}

/// One input and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which connection it belongs to; a timer and a list of wanted instruments belong to none, and
    /// any number does.
    pub connection: ConnectionId,
    /// Receive time.
    pub received_at: UnixNanos,
    /// What happened.
    pub input: Input<'a>,
}

/// As the stage takes what was decoded before.
impl<'a> From<Step<'a>> for Record<'a> {
    #[inline]
    fn from(step: Step<'a>) -> Self {
        let (connection, received_at) = (step.connection(), step.received_at());
        Self { connection, received_at, input: Input::Decoded(step) }
    }
}

/// Where records come from: a recording, or sockets.
pub trait Source {
    /// What can stop it.
    type Error: Send;

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// If there may be more, but it cannot be had.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, Self::Error>;

    /// The same, where a rehearsal may use the time: a source that waits without sleeping calls `idle`
    /// again and again meanwhile, each time when it has just found nothing.
    ///
    /// # Errors
    /// As [`Source::next_record`].
    fn await_record(&mut self, _idle: &mut dyn FnMut()) -> Result<Option<Record<'_>>, Self::Error> {
        self.next_record()
    }

    /// The record given last went through `market`, which now has these wants: a source that can
    /// meet them takes them out. What is left is forgotten. Called on the market thread.
    fn stepped(&mut self, _market: &MarketStage, _wants: &mut Vec<Want>) {}
}

/// Who looks over the decision stage's shoulder, on its own thread: it must not block.
pub trait Observer: Send {
    /// A lossy run is about to begin: `frames` gives out readers of them, for threads of the
    /// observer's own. Called on the thread that started the run.
    fn begin(&mut self, _frames: &Frames<'_>) {}

    /// A frame went through the stage, and this became of it.
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored);
}

impl Observer for () {
    fn scored(&mut self, _frame: &FeatureFrame, _scored: &Scored) {}
}

impl<O: Observer> Observer for &mut O {
    fn begin(&mut self, frames: &Frames<'_>) {
        (**self).begin(frames);
    }

    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        (**self).scored(frame, scored);
    }
}

/// Nobody, or somebody.
impl<O: Observer> Observer for Option<O> {
    fn begin(&mut self, frames: &Frames<'_>) {
        if let Some(observer) = self {
            observer.begin(frames);
        }
    }

    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        if let Some(observer) = self {
            observer.scored(frame, scored);
        }
    }
}

/// Two of them, in this order.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn begin(&mut self, frames: &Frames<'_>) {
        self.0.begin(frames);
        self.1.begin(frames);
    }

    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        self.0.scored(frame, scored);
        self.1.scored(frame, scored);
    }
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

    /// There is nothing to hear at the moment: what is held may go out.
    fn idle(&mut self) {}
}
