//! One copy of the venue's feed.

use crate::{
    Want, WantKind,
    publish::{Place, Standing},
    silence::Pace,
};
use tickhawk_book::{Book, BookLimits};
use tickhawk_market::{BookKind, BookState, BookUpdate, Change, InstrumentId, Request, UnixNanos};
use tickhawk_venue::Decoder;

/// One copy of the venue's feed: a decoder, and a book of every instrument. All links know the same
/// instruments by the same ids, and their integers carry the same decimals.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) decoder: Decoder,
    pub(crate) books: Vec<LinkBook>,
}

/// One instrument's book as one link tells it.
#[derive(Debug)]
pub(crate) struct LinkBook {
    pub(crate) book: Book,
    /// Book messages in a row after which the book was crossed.
    pub(crate) crossed_messages: u32,
    /// The venue's update id of the last message applied.
    pub(crate) sequence: Option<u64>,
    pub(crate) place: Place,
    pub(crate) pace: Pace,
    /// When something was last asked for to put it right, or it went wrong.
    pub(crate) asked_at: UnixNanos,
    pub(crate) counts: LinkCounts,
}

/// What became of one link's messages of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkCounts {
    pub(crate) messages: u64,
    pub(crate) first: u64,
    pub(crate) late: u64,
    pub(crate) stale: u64,
    pub(crate) lagged: u64,
    pub(crate) lag_ns_max: u64,
    pub(crate) lag_ns_sum: u64,
}

/// What one link gave to one instrument. Of its messages those are neither `first` nor `late` that
/// were not needed: of a book that is not right, snapshots beside a whole book, diffs that run
/// ahead of it, and all of a link that does not lead where ids are not shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkReport {
    /// Which link, 0 or 1.
    pub link: u16,
    /// Its own book's state.
    pub state: BookState,
    /// Book messages applied to its own book.
    pub messages: u64,
    /// Messages that came first, and so were published.
    pub first: u64,
    /// Messages that the other link had told before.
    pub late: u64,
    /// Times its own book went Stale.
    pub stale: u64,
    /// Late messages whose lag is known: no later one had been published yet.
    pub lagged: u64,
    /// The longest of these lags behind the copy that came first, in nanoseconds of receive time.
    pub lag_ns_max: u64,
    /// Their sum.
    pub lag_ns_sum: u64,
}

impl LinkBook {
    #[cold]
    pub(crate) fn new(limits: BookLimits) -> Self {
        Self {
            book: Book::new(limits),
            crossed_messages: 0,
            sequence: None,
            place: Place::default(),
            pace: Pace::default(),
            asked_at: UnixNanos::default(),
            counts: LinkCounts::default(),
        }
    }

    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.book.state() == BookState::Live
    }

    pub(crate) fn standing(&self) -> Standing {
        self.place.standing(self.is_live(), self.sequence)
    }

    /// Applies one message.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        at: UnixNanos,
        update: &BookUpdate,
        changes: impl ExactSizeIterator<Item = Change> + Clone,
    ) {
        self.book.apply(update, changes);
        if update.kind == BookKind::Snapshot {
            self.crossed_messages = 0;
            self.pace.restart(at);
        } else {
            self.pace.tick(at);
        }
        self.sequence = update.sequence;
        self.counts.messages += 1;
    }

    /// Whether the book is crossed, and has been for so many messages now.
    #[inline]
    pub(crate) fn crossed_too_long(&mut self, messages_limit: u32) -> bool {
        if !self.book.is_crossed() {
            self.crossed_messages = 0;
            return false;
        }
        self.crossed_messages += 1;
        self.crossed_messages >= messages_limit
    }

    pub(crate) fn report(&self, link: usize) -> LinkReport {
        let LinkCounts { messages, first, late, stale, lagged, lag_ns_max, lag_ns_sum } =
            self.counts;
        LinkReport {
            link: link as u16,
            state: self.book.state(),
            messages,
            first,
            late,
            stale,
            lagged,
            lag_ns_max,
            lag_ns_sum,
        }
    }
}

impl LinkCounts {
    /// A message came that the other link had told `lag_ns` before.
    pub(crate) fn count_late(&mut self, lag_ns: Option<u64>) {
        self.late += 1;
        let Some(lag_ns) = lag_ns else { return };
        self.lagged += 1;
        self.lag_ns_max = self.lag_ns_max.max(lag_ns);
        self.lag_ns_sum = self.lag_ns_sum.saturating_add(lag_ns);
    }
}

impl Link {
    pub(crate) fn book_mut(&mut self, id: InstrumentId) -> &mut LinkBook {
        &mut self.books[id.index()]
    }

    /// What a request of this link's decoder means outside, where only names are known.
    #[cold]
    pub(crate) fn want(&mut self, link: usize, request: Request, at: UnixNanos) -> Want {
        let symbol = |id| self.decoder.instruments().get(id).symbol.clone();
        let kind = match request {
            Request::Snapshot(id) => WantKind::Snapshot { symbol: symbol(id) },
            Request::Resubscribe(id) => {
                WantKind::Resubscribe { symbol: symbol(id), channel: self.decoder.channel(id) }
            }
            Request::Reconnect(connection) => WantKind::Reconnect { connection },
            Request::GiveUp(connection, channel) => WantKind::GiveUp { connection, channel },
        };
        if let Request::Snapshot(id) | Request::Resubscribe(id) = request {
            self.book_mut(id).asked_at = at;
        }
        Want { link: link as u16, kind }
    }
}
