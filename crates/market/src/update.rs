//! What a venue's messages become.

use crate::{Change, Decimal, Level, Price, Qty, Scale, Side, UnixNanos};
use core::ops::Range;

/// An instrument of this session: the index at which its venue decoder listed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// As an index into per-instrument tables.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One connection (or one recording of one) of this session, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct ConnectionId(pub u16);

/// What is known of a book's truth. Only a `Live` book makes frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum BookState {
    /// Nothing seen.
    #[default]
    Empty,
    /// Updates seen, waiting for a snapshot.
    Syncing,
    /// Snapshot and every update since.
    Live,
    /// Known to be wrong, or not known to be right.
    Stale,
}

impl BookState {
    /// The word outputs use: `empty`, `syncing`, `live`, `stale`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Syncing => "syncing",
            Self::Live => "live",
            Self::Stale => "stale",
        }
    }
}

/// Why a book stopped being right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StaleCause {
    /// The venue's sequence broke: a message was lost, doubled or out of order.
    Sequence,
    /// The venue's checksum does not match the book.
    Checksum,
    /// Bids stayed above asks for longer than the venue's way of sending explains.
    Crossed,
    /// A frame of the connection could not be read, and the venue has no sequence that would show
    /// what it held.
    Malformed,
    /// The connection closed.
    Closed,
    /// More levels a side than the cap.
    TooManyLevels,
    /// A price or quantity that does not fit once decimals grew.
    Overflow,
    /// Nothing was heard for too long: of the connection, or of the book.
    Silence,
    /// The instrument is no longer asked for.
    Removed,
}

/// Whether a message replaces the book or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookKind {
    /// The whole book: clear, then apply.
    Snapshot,
    /// Changes to what is there.
    Diff,
}

/// One book message of one instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookUpdate {
    /// Whose book.
    pub instrument: InstrumentId,
    /// Replace or change.
    pub kind: BookKind,
    /// Its changes, as a range of [`Updates::changes`].
    pub changes: Range<u32>,
    /// The exchange's own time of the change, where it gives one.
    pub exchange_at: Option<UnixNanos>,
    /// The venue's update id after this message, where it has one.
    pub sequence: Option<u64>,
    /// The venue's checksum of the book after this message, to be held against it.
    pub checksum: Option<u32>,
    /// Levels a side to keep after this message: the depth subscribed to, on venues that leave
    /// dropping the rest to the reader.
    pub depth: Option<u32>,
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Whose.
    pub instrument: InstrumentId,
    /// Where.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// The taker's side: [`Side::Bid`] bought, [`Side::Ask`] sold.
    pub taker: Side,
    /// The venue's number of the trade, where it has one that rises from trade to trade of the
    /// instrument: two copies of one trade are told by it. The trades of one message may come in
    /// any order (Coinbase sends the latest first).
    pub id: Option<u64>,
    /// The exchange's own time of the trade, where it gives one.
    pub exchange_at: Option<UnixNanos>,
}

/// Best bid and ask as the venue's ticker says. It never alters a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticker {
    /// Whose.
    pub instrument: InstrumentId,
    /// Best bid; its quantity is zero where the venue gives none.
    pub bid: Option<Level>,
    /// Best ask; its quantity is zero where the venue gives none.
    pub ask: Option<Level>,
    /// The book update id this is the top of, where the venue gives one.
    pub sequence: Option<u64>,
}

/// Whether an instrument trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TradingStatus {
    /// The venue has not said, or said a word we do not know (counted).
    #[default]
    Unknown,
    /// Orders match.
    Trading,
    /// Listed, but orders do not match now.
    Halted,
}

/// What a venue says of an instrument. A message like any other: it may come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Decimals the venue writes its prices with.
    pub price_decimals: Option<u8>,
    /// Decimals the venue writes its quantities with.
    pub qty_decimals: Option<u8>,
    /// One price step.
    pub tick_size: Option<Decimal>,
    /// One quantity step.
    pub lot_size: Option<Decimal>,
    /// Whether it trades.
    pub status: TradingStatus,
}

/// Something a message said, in the order it said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// From here on, the instrument's integers carry these decimals; what is held must be
    /// multiplied up. The first one for an instrument announces it.
    Scale {
        /// Whose.
        instrument: InstrumentId,
        /// The new decimals, never fewer than before.
        scale: Scale,
    },
    /// What the venue says of the instrument.
    Metadata {
        /// Whose.
        instrument: InstrumentId,
        /// What it says.
        metadata: Metadata,
    },
    /// The book message is to be applied.
    Book(BookUpdate),
    /// A trade happened.
    Trade(Trade),
    /// Best bid and ask by the venue's own account.
    Ticker(Ticker),
    /// Updates are arriving but a snapshot has not: the book is Syncing.
    Syncing(InstrumentId),
    /// The book is not to be believed until the next snapshot.
    Stale {
        /// Whose.
        instrument: InstrumentId,
        /// Why.
        cause: StaleCause,
    },
}

/// What a decoder needs from outside to be right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Fetch the instrument's REST snapshot.
    Snapshot(InstrumentId),
    /// Unsubscribe from and subscribe to the instrument's book again.
    Resubscribe(InstrumentId),
    /// Close the connection and open it again.
    Reconnect(ConnectionId),
    /// Give up a channel that carries nothing asked for any more, by the venue's number of it.
    GiveUp(ConnectionId, u64),
}

/// What one input became: updates in order, the changes they refer to, and requests. Reused from
/// input to input, so it allocates only while growing to the largest one.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    /// What was said, in order.
    pub updates: Vec<Update>,
    /// The changes of every book message, end to end.
    pub changes: Vec<Change>,
    /// What the decoder asks for.
    pub requests: Vec<Request>,
    /// Whether the input was a heartbeat of the venue, or its answer to an application's ping.
    pub heartbeat: bool,
}

/// A place in [`Updates`] to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    updates: usize,
    changes: usize,
    requests: usize,
}

impl Updates {
    /// Empty, with room for a large diff.
    pub fn new() -> Self {
        Self {
            updates: Vec::with_capacity(64),
            changes: Vec::with_capacity(4096),
            requests: Vec::with_capacity(8),
            heartbeat: false,
        }
    }

    /// Forgets everything, keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.updates.clear();
        self.changes.clear();
        self.requests.clear();
        self.heartbeat = false;
    }

    /// The place after all that is here now.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark {
            updates: self.updates.len(),
            changes: self.changes.len(),
            requests: self.requests.len(),
        }
    }

    /// Forgets all that came after `mark`: a frame that turns out malformed half-way says nothing.
    #[cold]
    pub fn rewind(&mut self, mark: Mark) {
        self.updates.truncate(mark.updates);
        self.changes.truncate(mark.changes);
        self.requests.truncate(mark.requests);
    }

    /// Where the next change will stand, as [`BookUpdate::changes`] counts.
    ///
    /// # Panics
    /// If one input held more than 2^32 changes, which the frame size limit excludes.
    #[inline]
    pub fn next_change(&self) -> u32 {
        u32::try_from(self.changes.len()).expect("frames are bounded far below 2^32 levels")
    }

    /// The changes of one book message.
    #[inline]
    pub fn changes_of(&self, book: &BookUpdate) -> &[Change] {
        &self.changes[book.changes.start as usize..book.changes.end as usize]
    }
}
