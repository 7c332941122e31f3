//! What one input's updates do to books and features.

use super::{MarketStage, Source};
use crate::{
    MarketSink,
    publish::{Arrival, Verdict},
};
use tickhawk_market::{
    BookKind, BookState, BookUpdate, Change, InstrumentId, Side, StaleCause, Trade, Update, Updates,
};

impl MarketStage {
    /// Applies what an input became, in order, and tells what is wanted; `named` instruments were
    /// known before it.
    #[inline]
    pub(super) fn take_updates(
        &mut self,
        source: Source,
        updates: &mut Updates,
        named: usize,
        sink: &mut impl MarketSink,
    ) {
        for update in &updates.updates {
            match update {
                Update::Book(book) => {
                    let changes = updates.changes_of(book).iter().copied();
                    self.apply_book(source, book, changes, None, sink);
                }
                Update::Trade(trade) => self.apply_trade(source, trade, sink),
                other => self.apply_other(source, other, sink),
            }
        }
        if named < self.instruments.len() && self.links.len() > 1 {
            self.share_names(source.link, named, updates, sink);
        }
        sink.taken(source.connection, updates);
        self.tell_wants(source.link, source.at, updates, sink);
    }

    fn apply_other(&mut self, source: Source, update: &Update, sink: &mut impl MarketSink) {
        match update {
            Update::Book(_) | Update::Trade(_) => {}
            Update::Ticker(ticker) => {
                self.instruments[ticker.instrument.index()].counts.tickers += 1;
            }
            Update::Scale { instrument, scale } => self.raise_scale(*instrument, *scale, sink),
            Update::Metadata { instrument, metadata } => {
                self.take_metadata(source.link, *instrument, metadata);
            }
            Update::Syncing(id) => self.mark_syncing(source, *id),
            Update::Stale { instrument, cause } => {
                self.decoder_stale(source, *instrument, *cause, sink);
            }
        }
    }

    /// `checked` is whether its checksum is the book's, where that is known before.
    #[inline(never)]
    pub(super) fn apply_book(
        &mut self,
        source: Source,
        update: &BookUpdate,
        changes: impl ExactSizeIterator<Item = Change> + Clone,
        checked: Option<bool>,
        sink: &mut impl MarketSink,
    ) {
        let id = update.instrument;
        let linked = self.links[source.link].book_mut(id);
        let was = linked.book.state();
        let stood_at = linked.sequence.filter(|_| was == BookState::Live);
        linked.apply(source.at, update, changes);
        let alone = self.links.len() == 1;
        if alone {
            if update.kind == BookKind::Snapshot {
                sink.epoch(source.at, id);
            }
            let linked = &self.links[source.link].books[id.index()];
            sink.book_applied(source.at, update, &linked.book);
        }
        self.check_book(source.link, update, checked, was, sink);
        let shared_id = update.sequence.filter(|_| self.options.shares_ids);
        let Source { link, at, .. } = source;
        let arrival = Arrival { link, at, kind: update.kind, shared_id, stood_at };
        if alone {
            self.publish(&arrival, update, update.kind == BookKind::Snapshot);
        } else if self.links[link].books[id.index()].is_live() {
            self.race(&arrival, update, sink);
        }
    }

    /// Publishes the message, if it is not the second copy of what was, or part of a stream that
    /// does not count.
    fn race(&mut self, arrival: &Arrival, update: &BookUpdate, sink: &mut impl MarketSink) {
        let id = update.instrument;
        let other = self.links[1 - arrival.link].books[id.index()].standing();
        let published = &self.instruments[id.index()].published;
        let linked = self.links[arrival.link].book_mut(id);
        let verdict = linked.place.judge(arrival, published, other);
        match verdict {
            Verdict::Held => {}
            Verdict::Late => {
                linked.counts.count_late(published.lag_ns(arrival.shared_id, arrival.at));
            }
            Verdict::NewEpoch | Verdict::GoesOn => {
                let new_epoch = verdict == Verdict::NewEpoch;
                self.publish(arrival, update, new_epoch);
                if new_epoch {
                    let other = self.links[1 - arrival.link].book_mut(id);
                    other.place.after_new_epoch(arrival.shared_id, other.sequence);
                    sink.epoch(arrival.at, id);
                }
                let book = &self.links[arrival.link].books[id.index()].book;
                sink.book_applied(arrival.at, update, book);
            }
        }
    }

    #[inline]
    fn publish(&mut self, arrival: &Arrival, update: &BookUpdate, new_epoch: bool) {
        let linked = &mut self.links[arrival.link].books[update.instrument.index()];
        let instrument = &mut self.instruments[update.instrument.index()];
        if new_epoch {
            let alone = self.options.links == 1;
            let next = instrument.published.epoch + 1;
            instrument.published.epoch = if alone { linked.book.epoch() } else { next };
            instrument.published.live_since = arrival.at;
            instrument.features.restart();
        }
        instrument.published.take(arrival, update.sequence, update.exchange_at);
        linked.counts.first += 1;
        self.feed_features(arrival, update.instrument);
    }

    #[inline]
    fn feed_features(&mut self, arrival: &Arrival, id: InstrumentId) {
        let instrument = &mut self.instruments[id.index()];
        let book = &self.links[arrival.link].books[id.index()].book;
        if book.state() != BookState::Live {
            return;
        }
        let [bids, asks] = &mut self.top;
        let bid_count = book.top(Side::Bid, bids);
        let ask_count = book.top(Side::Ask, asks);
        instrument.features.on_book(arrival.at, &bids[..bid_count], &asks[..ask_count]);
        if !instrument.touched {
            instrument.touched = true;
            self.touched.push(id);
        }
    }

    #[inline]
    pub(super) fn apply_trade(
        &mut self,
        source: Source,
        trade: &Trade,
        sink: &mut impl MarketSink,
    ) {
        if self.links.len() > 1 && !self.is_first_told(source, trade) {
            return;
        }
        let instrument = &mut self.instruments[trade.instrument.index()];
        instrument.counts.trades += 1;
        instrument.features.on_trade(source.at, trade);
        sink.trade(source.at, trade);
    }

    /// Whether this copy of a trade counts: the first one of its id, or, where trades have no ids,
    /// the one of the link that tells them. Another link takes that over when the teller's
    /// connection is closed, or its book is Stale while the other's is Live.
    fn is_first_told(&mut self, source: Source, trade: &Trade) -> bool {
        let index = trade.instrument.index();
        let race = &mut self.instruments[index].trades;
        if let Some(id) = trade.id {
            return race.is_first(self.inputs, id);
        }
        if let Some((teller, connection)) = race.teller.filter(|(link, _)| *link != source.link) {
            let stale = self.links[teller].books[index].book.state() == BookState::Stale;
            let own_live = self.links[source.link].books[index].is_live();
            let gone = self.connections.is_closed(connection) || (stale && own_live);
            if !gone {
                return false;
            }
        }
        race.teller = Some((source.link, source.connection));
        true
    }

    /// Updates of a link's book arrive, but a snapshot has not.
    pub(super) fn mark_syncing(&mut self, source: Source, id: InstrumentId) {
        let linked = self.links[source.link].book_mut(id);
        linked.book.mark_syncing();
        linked.asked_at = source.at;
    }

    /// A link's decoder cannot follow its book any more.
    #[cold]
    #[inline(never)]
    pub(super) fn decoder_stale(
        &mut self,
        source: Source,
        id: InstrumentId,
        cause: StaleCause,
        sink: &mut impl MarketSink,
    ) {
        let other_live = (0..self.links.len())
            .any(|link| link != source.link && self.links[link].books[id.index()].is_live());
        let instrument = &mut self.instruments[id.index()];
        instrument.counts.gaps += u64::from(cause == StaleCause::Sequence);
        let is_gone =
            matches!(cause, StaleCause::Closed | StaleCause::Silence | StaleCause::Removed);
        if is_gone && !other_live {
            // Trades may be missed until someone tells of them again.
            instrument.features.restart_trades();
            instrument.trades = Default::default();
        }
        let linked = self.links[source.link].book_mut(id);
        linked.asked_at = source.at;
        if cause == StaleCause::Removed && linked.book.state() == BookState::Stale {
            // What was wrong with it before is no answer to why there is nothing more of it.
            linked.book.mark_syncing();
        }
        self.mark_stale(source.link, id, cause, sink);
    }
}
