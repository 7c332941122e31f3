//! Book and features from the decoded form, mapped from a file.

use crate::recording::{CONNECTION, Recording};
use anyhow::{Context, Result, ensure};
use std::{env, fs, process};
use tickhawk_decoded::Reader;
use tickhawk_engine::{Compiler, MarketOptions, Record};
use tickhawk_feature::{FeaturePlan, PlanOptions, default_features};
use tickhawk_harness::{DecodedReplay, Passed, Subject};
use tickhawk_latency::Clock;
use tickhawk_market::Decimal;
use tickhawk_venue::Venue;

/// The recording, compiled, and a market stage over it.
pub struct Decoded {
    replay: DecodedReplay,
    events: u64,
}

impl Decoded {
    /// Compiles the recording into a file, which has a name only until it is mapped.
    pub fn new(recording: &Recording) -> Result<Self> {
        let tick_size = recording.tick_size.to_string();
        let tick_size = Decimal::parse(tick_size.as_bytes()).context("the tick")?;
        let options = MarketOptions {
            tick_size: Some(tick_size),
            ..MarketOptions::new(Venue::BinanceFutures)
        };
        let mut compiler = Compiler::new(options.clone(), Vec::new())?;
        for received in &recording.received {
            let (received_at, input) = received.input();
            compiler.step(&Record { connection: CONNECTION, received_at, input }, &mut ())?;
        }
        let (about, _, form) = compiler.finish(Vec::new())?;
        let path = env::temp_dir().join(format!("tickhawk-rivals-{}.decoded", process::id()));
        fs::write(&path, form).with_context(|| format!("writing `{}`", path.display()))?;
        let reader = Reader::open(&path);
        fs::remove_file(&path)?;
        let plan = FeaturePlan::compile(default_features(), PlanOptions::default());
        let plan = plan.context("the default features")?;
        let mut replay = DecodedReplay::new(reader?, options, plan, &Clock::still())?;
        replay.take(0..replay.naming());
        ensure!(replay.passed().frames == 0, "what names the instrument is not timed");
        let events = about.totals.levels + about.totals.trades;
        Ok(Self { replay, events })
    }

    /// Levels and trades of a pass.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A new stage, with all the memory it takes.
    pub fn begin(&mut self) {
        self.replay.restart();
        self.replay.take(0..self.replay.naming());
    }

    /// To the end: reading, the book, the features, a frame a book message.
    pub fn run(&mut self) -> Passed {
        self.replay.take(self.replay.naming()..self.replay.len());
        self.replay.passed()
    }
}
