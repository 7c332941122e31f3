//! What the market stage plays while nothing comes.

use super::{MarketStage, Source};
use crate::{
    Input, MarketSink,
    instrument::Instrument,
    link::LinkBook,
    rehearsal::{Cast, Learned, Understudy},
};
use std::{mem, num::NonZeroU64};
use tickhawk_feature::FeatureState;
use tickhawk_market::{
    BookKind, BookUpdate, Change, InstrumentId, Level, Side, UnixNanos, Updates,
};

/// Receive time from each message that is played to the next: about what a busy instrument has.
const GAP_NS: u64 = 5_000_000;

impl MarketStage {
    /// Learns from what comes what [`MarketStage::rehearse`] plays.
    #[cold]
    pub fn learn_to_rehearse(&mut self) {
        self.understudy.get_or_insert_with(|| Box::new(Understudy::new()));
    }

    /// Plays through what a message needs, while none comes; nothing changes by it, but that the next
    /// one finds it in the caches. Does nothing before a diff was learned.
    ///
    /// `sink` is of the type that steps are given, so that this is their code, but does nothing with
    /// what it is told.
    pub fn rehearse(&mut self, sink: &mut impl MarketSink) {
        let Some(mut understudy) = self.understudy.take() else { return };
        if let Some(learned) = &understudy.learned {
            let decoder = &mut self.links[learned.link].decoder;
            decoder.rehearse(learned.connection, &understudy.frame, &mut self.updates);
            self.play(&mut understudy, sink);
            self.look_again(InstrumentId(
                (understudy.turns % self.instruments.len() as u64) as u32,
            ));
        }
        self.understudy = Some(understudy);
    }

    /// Messages played so far.
    pub fn rehearsals(&self) -> u64 {
        self.understudy.as_ref().map_or(0, |understudy| understudy.turns)
    }

    /// Takes the diff that was learned through the step's own functions, as if it came once more, with
    /// others in the place of its instrument and books.
    fn play(&mut self, understudy: &mut Understudy, sink: &mut impl MarketSink) {
        let Understudy { learned, acts, scene, is_set, cast, turns, .. } = understudy;
        let Some(Learned { link, connection, update }) = learned else { return };
        let id = update.instrument;
        let cast = cast.get_or_insert_with(|| self.cast(id));
        cast.at += GAP_NS;
        let source = Source { link: *link, connection: *connection, at: UnixNanos::new(cast.at) };
        let numbered = |kind: BookKind, ahead: u64| BookUpdate {
            kind,
            sequence: update.sequence.map(|sequence| sequence.wrapping_add(2 * *turns + ahead)),
            checksum: None,
            depth: None,
            ..update.clone()
        };
        let counts = self.counts;
        self.change_places(id, cast);
        if !*is_set {
            let snapshot = numbered(BookKind::Snapshot, 0);
            self.apply_book(source, &snapshot, scene.iter().copied(), None, sink);
        }
        let act = &acts[(*turns % 2) as usize];
        self.apply_book(source, &numbered(BookKind::Diff, 1), act.iter().copied(), None, sink);
        let now = self.clock.now();
        self.make_frames(source, now, now, sink);
        *is_set = self.links[*link].books[id.index()].is_live();
        self.change_places(id, cast);
        self.counts = counts;
        self.suspects.clear();
        *turns += 1;
    }

    fn change_places(&mut self, id: InstrumentId, cast: &mut Cast) {
        mem::swap(&mut self.instruments[id.index()], &mut cast.instrument);
        for (link, book) in self.links.iter_mut().zip(&mut cast.books) {
            mem::swap(&mut link.books[id.index()], book);
        }
    }

    /// Who knows as much of the instrument as it does itself, but for its past.
    #[cold]
    fn cast(&self, id: InstrumentId) -> Cast {
        let real = &self.instruments[id.index()];
        let mut instrument = Instrument::new(&real.symbol, &self.plan);
        let (scale, tick) = (real.scale, real.tick_units());
        instrument.scale = scale;
        instrument.features = FeatureState::new(&self.plan, scale, tick);
        let book = || {
            let mut linked = LinkBook::new(self.options.book_limits);
            linked.book.set_scale(scale);
            linked.book.set_tick(tick.and_then(|tick| NonZeroU64::new(tick.unsigned_abs())));
            linked
        };
        Cast { instrument, books: self.links.iter().map(|_| book()).collect(), at: 0 }
    }

    /// Looks at the best levels and the features of an instrument.
    fn look_again(&mut self, id: InstrumentId) {
        let Some(leader) = self.leading_link(id) else { return };
        let book = &self.links[leader].books[id.index()].book;
        for (side, levels) in [Side::Bid, Side::Ask].into_iter().zip(&mut self.top) {
            book.top(side, levels);
        }
        self.instruments[id.index()].features.look_again(&mut self.frame);
    }

    /// Learns the input at hand, if it is a diff of a book that is whole.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&mut self, source: Source, input: Input<'_>, updates: &Updates) {
        let Some(understudy) = &mut self.understudy else { return };
        let Input::Frame(bytes) = input else { return };
        let Some(update) = understudy.can_learn(bytes, updates) else { return };
        let Source { link, connection, .. } = source;
        let linked = &self.links[link].books[update.instrument.index()];
        if !linked.is_live() {
            return;
        }
        let [bids, asks] = &mut self.top;
        let bid_count = linked.book.top(Side::Bid, bids);
        let ask_count = linked.book.top(Side::Ask, asks);
        let change = |side| move |&Level { price, qty }: &Level| Change { side, price, qty };
        let bids = bids[..bid_count].iter().map(change(Side::Bid));
        let scene = bids.chain(asks[..ask_count].iter().map(change(Side::Ask)));
        let learned = Learned { link, connection, update: update.clone() };
        understudy.learn(self.inputs, learned, (bytes, updates.changes_of(update)), scene);
    }
}
