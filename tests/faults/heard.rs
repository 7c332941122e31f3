//! What the market step says in a test.

use tickhawk_engine::{MarketSink, Want};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{InstrumentId, StaleCause};

/// A frame that left, as far as tests look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub instrument: InstrumentId,
    pub epoch: u32,
    pub number: u64,
    pub sequence: Option<u64>,
    pub is_true: bool,
    pub step: u64,
}

/// What the market step said.
#[derive(Default)]
pub struct Heard {
    pub frames: Vec<(InstrumentId, u32, u64, Option<u64>)>,
    pub wants: Vec<Want>,
    pub symbols: Vec<String>,
    pub stale: Vec<(InstrumentId, StaleCause)>,
}

impl MarketSink for Heard {
    fn frame(&mut self, frame: &FeatureFrame) {
        let of = (frame.instrument(), frame.epoch(), frame.number(), frame.sequence());
        self.frames.push(of);
    }

    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        self.symbols.push(symbol.to_owned());
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.stale.push((id, cause));
    }

    fn want(&mut self, want: Want) {
        self.wants.push(want);
    }
}
