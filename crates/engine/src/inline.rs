//! Both stages on the calling thread.

use crate::{
    DecisionStage, Follower, Listener, MarketSink, MarketStage, Observer, Record, Rehearsals,
    Source, Want, follow::Heard,
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
    rehearsals: Option<Rehearsals>,
}

impl Inline {
    /// A runner of these two stages.
    pub fn new(market: MarketStage, decision: DecisionStage) -> Self {
        Self { market, decision, wants: Vec::new(), rehearsals: None }
    }

    /// Rehearses while a source waits without sleeping, so that what comes finds the caches warm.
    pub fn keep_warm(&mut self) {
        self.market.learn_to_rehearse();
        self.decision.learn_to_rehearse();
        self.rehearsals = Some(Rehearsals::new(self.market.clock().clone()));
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
        let Self { market, decision, wants, .. } = self;
        wants.clear();
        let received_mono = decision.clock().now();
        let mut sink = InlineSink { decision, follower, wants, is_rehearsal: false };
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
        let next = match self.rehearsals.take() {
            None => source.next_record(),
            Some(mut rehearsals) => {
                let follower = &mut Heard { listener, observer };
                let next = source.await_record(&mut || rehearsals.wait(|| self.rehearse(follower)));
                rehearsals.put_off();
                self.rehearsals = Some(rehearsals);
                next
            }
        };
        let Some(record) = next? else { return Ok(false) };
        self.step(&record, listener, observer);
        source.stepped(&self.market, &mut self.wants);
        Ok(true)
    }

    /// Plays through what the next record may need, once both stages have learned to: see
    /// [`MarketStage::rehearse`]. The follower hears nothing.
    pub fn rehearse(&mut self, follower: &mut impl Follower) {
        let Self { market, decision, wants, .. } = self;
        market.rehearse(&mut InlineSink { decision, follower, wants, is_rehearsal: true });
        decision.rehearse();
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
    /// Nothing that it is told has happened.
    is_rehearsal: bool,
}

impl<F: Follower> InlineSink<'_, F> {
    /// Who hears what has happened.
    #[inline]
    fn follower(&mut self) -> Option<&mut F> {
        (!self.is_rehearsal).then_some(&mut *self.follower)
    }
}

impl<F: Follower> MarketSink for InlineSink<'_, F> {
    fn frame(&mut self, frame: &FeatureFrame) {
        if self.is_rehearsal {
            return;
        }
        self.follower.frame(frame);
        // Nothing stands between the two steps.
        let Self { decision, follower, .. } = self;
        decision.step_to(frame, frame.framed_mono(), |scored| follower.scored(frame, scored));
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.follower().into_iter().for_each(|follower| follower.instrument(id, symbol));
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.follower().into_iter().for_each(|follower| follower.scale(id, scale));
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        self.follower().into_iter().for_each(|follower| follower.epoch(at, id));
    }

    #[inline]
    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.follower().into_iter().for_each(|follower| follower.book_applied(at, update, book));
    }

    #[inline]
    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        self.follower().into_iter().for_each(|follower| follower.trade(at, trade));
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.follower().into_iter().for_each(|follower| follower.stale(id, cause));
    }

    fn want(&mut self, want: Want) {
        if let Some(follower) = self.follower() {
            follower.want(want.clone());
            self.wants.push(want);
        }
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.follower().into_iter().for_each(|follower| follower.malformed(connection, error));
    }

    fn checked(&mut self, id: InstrumentId, matches: bool) {
        self.follower().into_iter().for_each(|follower| follower.checked(id, matches));
    }

    fn taken(&mut self, connection: ConnectionId, updates: &Updates) {
        self.follower().into_iter().for_each(|follower| follower.taken(connection, updates));
    }
}
