//! Both stages on the calling thread.

use crate::{
    DecisionStage, Follower, Listener, MarketSink, MarketStage, Observer, Record, Source, Want,
    follow::Heard,
};
use tickhawk_book::Book;
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, Scale, StaleCause, Trade, UnixNanos, Updates,
};
use tickhawk_venue::DecodeError;

/// The deterministic runner: every frame is scored where it was made.
#[derive(Debug)]
pub struct Inline {
    /// The first stage.
    pub market: MarketStage,
    /// The second stage.
    pub decision: DecisionStage,
    wants: Vec<Want>,
}

impl Inline {
    /// A runner of these two stages.
    pub fn new(market: MarketStage, decision: DecisionStage) -> Self {
        Self { market, decision, wants: Vec::new() }
    }

    /// Takes one record through both stages.
    pub fn step(
        &mut self,
        record: &Record<'_>,
        listener: &mut impl Listener,
        observer: &mut impl Observer,
    ) {
        self.follow(record, &mut Heard { listener, observer });
    }

    /// Takes one record through both stages, and tells all of it.
    pub fn follow(&mut self, record: &Record<'_>, follower: &mut impl Follower) {
        let Self { market, decision, wants } = self;
        wants.clear();
        let received_mono = decision.clock().now();
        let mut sink = InlineSink { decision, follower, wants };
        let Record { connection, received_at, input } = *record;
        market.step(connection, received_at, received_mono, input, &mut sink);
    }

    /// Takes the source's next record through both stages, and hands the source what is wanted;
    /// `false` at its end.
    ///
    /// # Errors
    /// If the source can give no record, but has not ended.
    pub fn step_source<S: Source>(
        &mut self,
        source: &mut S,
        listener: &mut impl Listener,
        observer: &mut impl Observer,
    ) -> Result<bool, S::Error> {
        let Some(record) = source.next_record()? else { return Ok(false) };
        self.step(&record, listener, observer);
        source.stepped(&self.market, &mut self.wants);
        Ok(true)
    }

    /// What the last step left wanted.
    pub fn wants(&self) -> &[Want] {
        &self.wants
    }
}

struct InlineSink<'a, F> {
    decision: &'a mut DecisionStage,
    follower: &'a mut F,
    wants: &'a mut Vec<Want>,
}

impl<F: Follower> MarketSink for InlineSink<'_, F> {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.follower.frame(frame);
        // Nothing stands between the two steps.
        let scored = self.decision.step(frame, frame.framed_mono());
        self.follower.scored(frame, &scored);
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.follower.instrument(id, symbol);
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.follower.scale(id, scale);
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        self.follower.epoch(at, id);
    }

    #[inline]
    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.follower.book_applied(at, update, book);
    }

    #[inline]
    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        self.follower.trade(at, trade);
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.follower.stale(id, cause);
    }

    fn want(&mut self, want: Want) {
        self.follower.want(want.clone());
        self.wants.push(want);
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.follower.malformed(connection, error);
    }

    fn checked(&mut self, id: InstrumentId, matches: bool) {
        self.follower.checked(id, matches);
    }

    fn taken(&mut self, connection: ConnectionId, updates: &Updates) {
        self.follower.taken(connection, updates);
    }
}
