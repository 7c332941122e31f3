//! Both stages on the calling thread.

use crate::{
    DecisionStage, Listener, MarketSink, MarketStage, Notice, Observer, Record, Source, Want,
};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{ConnectionId, InstrumentId, StaleCause};
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
        let Self { market, decision, wants } = self;
        wants.clear();
        let received_mono = decision.clock().now();
        let mut sink = InlineSink { decision, listener, observer, wants };
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

struct InlineSink<'a, L, O> {
    decision: &'a mut DecisionStage,
    listener: &'a mut L,
    observer: &'a mut O,
    wants: &'a mut Vec<Want>,
}

impl<L: Listener, O: Observer> MarketSink for InlineSink<'_, L, O> {
    fn frame(&mut self, frame: &FeatureFrame) {
        // Nothing stands between the two steps.
        let scored = self.decision.step(frame, frame.framed_mono());
        self.observer.scored(frame, &scored);
        if let Some(signal) = &scored.signal {
            self.listener.signal(signal);
        }
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.listener.notice(Notice::Instrument { id, symbol: symbol.to_owned() });
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.listener.notice(Notice::Stale { id, cause });
    }

    fn want(&mut self, want: Want) {
        self.wants.push(want);
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.listener.notice(Notice::Malformed { connection, error });
    }
}
