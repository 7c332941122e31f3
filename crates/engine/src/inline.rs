//! Both stages on the calling thread.

use crate::{DecisionStage, Listener, MarketSink, MarketStage, Notice, Record};
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
}

impl Inline {
    /// Takes one record through both stages.
    pub fn step(&mut self, record: &Record<'_>, listener: &mut impl Listener) {
        let Self { market, decision } = self;
        let received_mono = decision.clock().now();
        let mut sink = InlineSink { decision, listener };
        let Record { connection, received_at, input } = *record;
        market.step(connection, received_at, received_mono, input, &mut sink);
    }
}

struct InlineSink<'a, L> {
    decision: &'a mut DecisionStage,
    listener: &'a mut L,
}

impl<L: Listener> MarketSink for InlineSink<'_, L> {
    fn frame(&mut self, frame: &FeatureFrame) {
        let popped_mono = self.decision.clock().now();
        if let Some(signal) = self.decision.step(frame, popped_mono) {
            self.listener.signal(&signal);
        }
    }

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
