//! One input, decoded.

use crate::{
    about::Named,
    item::Items,
    layout::{HAS_BOOK, ItemHead},
};
use tickhawk_market::{ConnectionId, UnixNanos};

/// What an input was, without what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum InputKind {
    /// The connection opened.
    Opened,
    /// The connection closed.
    Closed,
    /// Something was sent.
    Sent,
    /// The venue sent a frame.
    Frame,
    /// The venue answered a REST request.
    RestReply,
    /// A ping or pong came.
    Alive,
    /// Other instruments are asked for.
    Wanted,
    /// Time passed.
    Timer,
}

impl InputKind {
    const ALL: [Self; 8] = [
        Self::Opened,
        Self::Closed,
        Self::Sent,
        Self::Frame,
        Self::RestReply,
        Self::Alive,
        Self::Wanted,
        Self::Timer,
    ];

    /// Whether it is of no connection.
    #[inline]
    pub fn is_of_no_connection(self) -> bool {
        matches!(self, Self::Wanted | Self::Timer)
    }
}

/// One input and what became of it: a place in a form.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub(crate) head: StepHead,
    pub(crate) received_at: UnixNanos,
    pub(crate) items: Items<'a>,
    pub(crate) names: &'a [Named],
}

/// The parts of a step's first word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepHead {
    pub(crate) kind: InputKind,
    pub(crate) has_book: bool,
    pub(crate) connection: ConnectionId,
    /// Its words, the head included.
    pub(crate) words: u32,
}

impl StepHead {
    pub(crate) fn word(self) -> u64 {
        let flags = if self.has_book { HAS_BOOK } else { 0 };
        let Self { kind, connection, words, .. } = self;
        ItemHead { tag: kind as u8, flags, low: connection.0, high: words }.word()
    }

    /// `None` if its kind is not known.
    #[inline]
    pub(crate) fn of(word: u64) -> Option<Self> {
        let ItemHead { tag, flags, low, high } = ItemHead::of(word);
        let kind = *InputKind::ALL.get(usize::from(tag))?;
        let has_book = flags & HAS_BOOK != 0;
        Some(Self { kind, has_book, connection: ConnectionId(low), words: high })
    }
}

impl<'a> Step<'a> {
    /// What the input was.
    #[inline]
    pub fn kind(&self) -> InputKind {
        self.head.kind
    }

    /// The connection it came by.
    #[inline]
    pub fn connection(&self) -> ConnectionId {
        self.head.connection
    }

    /// Its receive time, or the one of an input before it that was later.
    #[inline]
    pub fn received_at(&self) -> UnixNanos {
        self.received_at
    }

    /// Whether a book message is among its items.
    #[inline]
    pub fn has_book(&self) -> bool {
        self.head.has_book
    }

    /// What was concluded from it, in order.
    #[inline]
    pub fn items(&self) -> Items<'a> {
        self.items
    }

    /// The symbol of an instrument that an item is of.
    ///
    /// # Panics
    /// If it is not one of this form's.
    pub fn symbol(&self, id: tickhawk_market::InstrumentId) -> &'a str {
        &self.names[id.index()].symbol
    }
}
