//! Who follows an inline run in one pass.

use crate::{Listener, MarketSink, Notice, Observer, Scored, Want};
use tickhawk_book::Book;
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, Scale, StaleCause, Trade, UnixNanos, Updates,
};
use tickhawk_venue::DecodeError;

/// Hears all that the market stage tells, in its order, and of each frame, right after it was made,
/// what the decision stage concluded: books, trades and signals of a run as one stream. It cannot
/// answer, so that nothing a step concludes depends on who follows.
pub trait Follower: MarketSink {
    /// The frame told last went through the decision stage, and this became of it.
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored);
}

/// A listener and an observer, as one who follows.
pub(crate) struct Heard<'a, L, O> {
    pub(crate) listener: &'a mut L,
    pub(crate) observer: &'a mut O,
}

impl<L: Listener, O: Observer> MarketSink for Heard<'_, L, O> {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.listener.notice(Notice::Instrument { id, symbol: symbol.to_owned() });
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.listener.notice(Notice::Stale { id, cause });
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.listener.notice(Notice::Malformed { connection, error });
    }
}

impl<L: Listener, O: Observer> Follower for Heard<'_, L, O> {
    #[inline]
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        self.observer.scored(frame, scored);
        if let Some(signal) = &scored.signal {
            self.listener.signal(signal);
        }
    }
}

impl<F: MarketSink> MarketSink for &mut F {
    fn frame(&mut self, frame: &FeatureFrame) {
        (**self).frame(frame);
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        (**self).instrument(id, symbol);
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        (**self).scale(id, scale);
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        (**self).epoch(at, id);
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        (**self).book_applied(at, update, book);
    }

    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        (**self).trade(at, trade);
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        (**self).stale(id, cause);
    }

    fn want(&mut self, want: Want) {
        (**self).want(want);
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        (**self).malformed(connection, error);
    }

    fn checked(&mut self, id: InstrumentId, matches: bool) {
        (**self).checked(id, matches);
    }

    fn taken(&mut self, connection: ConnectionId, updates: &Updates) {
        (**self).taken(connection, updates);
    }
}

impl<F: Follower> Follower for &mut F {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        (**self).scored(frame, scored);
    }
}

/// Two of them, each thing to the first one first.
impl<A: MarketSink, B: MarketSink> MarketSink for (A, B) {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.0.frame(frame);
        self.1.frame(frame);
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.0.instrument(id, symbol);
        self.1.instrument(id, symbol);
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.0.scale(id, scale);
        self.1.scale(id, scale);
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        self.0.epoch(at, id);
        self.1.epoch(at, id);
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.0.book_applied(at, update, book);
        self.1.book_applied(at, update, book);
    }

    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        self.0.trade(at, trade);
        self.1.trade(at, trade);
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.0.stale(id, cause);
        self.1.stale(id, cause);
    }

    fn want(&mut self, want: Want) {
        self.0.want(want.clone());
        self.1.want(want);
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.0.malformed(connection, error);
        self.1.malformed(connection, error);
    }

    fn checked(&mut self, id: InstrumentId, matches: bool) {
        self.0.checked(id, matches);
        self.1.checked(id, matches);
    }

    fn taken(&mut self, connection: ConnectionId, updates: &Updates) {
        self.0.taken(connection, updates);
        self.1.taken(connection, updates);
    }
}

impl<A: Follower, B: Follower> Follower for (A, B) {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        self.0.scored(frame, scored);
        self.1.scored(frame, scored);
    }
}
