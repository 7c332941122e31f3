//! Books that are not right: how it is found, who is told, what is wanted.

use super::MarketStage;
use crate::{MarketSink, link::Link};
use tickhawk_market::{
    BookState, BookUpdate, InstrumentId, Level, Side, StaleCause, UnixNanos, Updates,
};

/// Levels a side that any venue's checksum covers at most (OKX: 25).
const CHECKSUM_LEVELS_MAX: usize = 25;

impl MarketStage {
    /// Holds a link's book against what it must be after a message; `was` is its state before, and
    /// `checked` what came of its checksum, where that is known.
    #[inline]
    pub(super) fn check_book(
        &mut self,
        link: usize,
        update: &BookUpdate,
        checked: Option<bool>,
        was: BookState,
        sink: &mut impl MarketSink,
    ) {
        let id = update.instrument;
        self.check_book_itself(link, id, was, sink);
        let check = |checksum| self.checksum_matches(link, id, checksum);
        let checked = checked.or_else(|| update.checksum.map(check));
        if let Some(matches) = checked {
            let counts = &mut self.instruments[id.index()].counts;
            counts.checksum_ok += u64::from(matches);
            counts.checksum_bad += u64::from(!matches);
            sink.checked(id, matches);
        }
        if checked == Some(false) {
            self.found_wrong(link, id, StaleCause::Checksum, sink);
        } else if self.links[link].book_mut(id).crossed_too_long(self.crossed_messages_limit) {
            self.found_wrong(link, id, StaleCause::Crossed, sink);
        }
    }

    /// The book itself goes Stale when it holds too many levels, or numbers that no longer fit.
    #[inline]
    pub(super) fn check_book_itself(
        &mut self,
        link: usize,
        id: InstrumentId,
        was: BookState,
        sink: &mut impl MarketSink,
    ) {
        let cause = self.links[link].books[id.index()].book.stale_cause();
        if let Some(cause) = cause.filter(|_| was != BookState::Stale) {
            self.went_stale(link, id, cause, was, sink);
            self.suspects.push((link, id));
        }
    }

    fn checksum_matches(&mut self, link: usize, id: InstrumentId, checksum: u32) -> bool {
        let Link { decoder, books } = &mut self.links[link];
        let book = &books[id.index()].book;
        let count = decoder.checksum_levels().min(CHECKSUM_LEVELS_MAX);
        let mut bids = [Level::default(); CHECKSUM_LEVELS_MAX];
        let mut asks = [Level::default(); CHECKSUM_LEVELS_MAX];
        let bid_count = book.top(Side::Bid, &mut bids[..count]);
        let ask_count = book.top(Side::Ask, &mut asks[..count]);
        let (bids, asks) = (&bids[..bid_count], &asks[..ask_count]);
        decoder.checksum_matches(id, checksum, bids, asks)
    }

    /// The book built from an unbroken sequence is wrong all the same: no more frames of it until
    /// the snapshot that its decoder asks for.
    #[cold]
    #[inline(never)]
    fn found_wrong(
        &mut self,
        link: usize,
        id: InstrumentId,
        cause: StaleCause,
        sink: &mut impl MarketSink,
    ) {
        self.mark_stale(link, id, cause, sink);
        self.suspects.push((link, id));
    }

    #[cold]
    #[inline(never)]
    pub(super) fn mark_stale(
        &mut self,
        link: usize,
        id: InstrumentId,
        cause: StaleCause,
        sink: &mut impl MarketSink,
    ) {
        let book = &mut self.links[link].book_mut(id).book;
        let was = book.state();
        if book.mark_stale(cause) {
            self.went_stale(link, id, cause, was, sink);
        }
    }

    /// A link's book went Stale. Of two links it is told when the last one's Live book is gone.
    #[cold]
    #[inline(never)]
    fn went_stale(
        &mut self,
        link: usize,
        id: InstrumentId,
        cause: StaleCause,
        was: BookState,
        sink: &mut impl MarketSink,
    ) {
        self.links[link].book_mut(id).counts.stale += 1;
        let live = self.links.iter().any(|link| link.books[id.index()].is_live());
        let told = was == BookState::Live && !live;
        if told || self.links.len() == 1 {
            self.instruments[id.index()].counts.stale += 1;
            sink.stale(id, cause);
        }
    }

    /// The states of every link's book of the instrument; a link that is not there is Empty.
    pub(super) fn book_states(&self, id: InstrumentId) -> [BookState; 2] {
        let state = |link: &Link| link.books[id.index()].book.state();
        let mut states = [BookState::Empty; 2];
        for (own, link) in states.iter_mut().zip(&self.links) {
            *own = state(link);
        }
        states
    }

    /// Tells what the decoders need: that of the input's link, then the others.
    #[inline]
    pub(super) fn tell_wants(
        &mut self,
        link: usize,
        at: UnixNanos,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        if !updates.requests.is_empty() || !self.suspects.is_empty() {
            self.tell_wants_now(link, at, updates, sink);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_wants_now(
        &mut self,
        first: usize,
        at: UnixNanos,
        updates: &mut Updates,
        sink: &mut impl MarketSink,
    ) {
        for turn in 0..self.links.len() {
            let index = (first + turn) % self.links.len();
            let link = &mut self.links[index];
            for (_, id) in self.suspects.iter().filter(|(suspect, _)| *suspect == index) {
                link.decoder.suspect(*id, updates);
            }
            for request in updates.requests.drain(..) {
                sink.want(link.want(index, request, at));
            }
        }
        self.suspects.clear();
    }
}
