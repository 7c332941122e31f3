//! A recording and both steps set up for it: what `replay` and `backtest` run.

use crate::{
    cli::VenueArgs,
    config::Config,
    ladder::{Ladder, ModelNames},
    replay::bundled,
    session::Recording,
};
use anyhow::Result;
use std::path::PathBuf;
use tickhawk_engine::{DecisionStage, Haste, MarketStage};
use tickhawk_latency::Clock;
use tickhawk_venue::Venue;

/// The recording that is taken when none is named; from the root of the repository.
const BUNDLED_RECORDING: &str = "replay-data/binance-futures.jsonl.zst";

/// What a run over a recording begins with. Nothing of the recording is read yet but its header.
pub struct Scoring {
    /// Whose messages they are.
    pub venue: Venue,
    /// The recording.
    pub recording: Recording,
    /// The first step.
    pub market: MarketStage,
    /// The second one, patient: it waits for every answer.
    pub decision: DecisionStage,
    /// What signals call the models.
    pub names: ModelNames,
    /// What both stamp by.
    pub clock: Clock,
    /// The tiers in a few words.
    pub described: String,
}

impl Scoring {
    /// Opens the files and readies the steps, with the model and the ticks of the config.
    pub fn open(
        config: &Config,
        files: &[PathBuf],
        venue: &VenueArgs,
        ladder: Ladder,
    ) -> Result<Self> {
        let (mut recording, named) = Recording::open(files, venue.venue)?;
        let described = ladder.describe();
        let options = config.market_options(named, venue.symbols.clone(), ladder.tick_size);
        let options = recording.options(options)?;
        let clock = Clock::new();
        let market = MarketStage::new(options, ladder.plan.clone(), clock.clone());
        let names = ladder.names.clone();
        let decision = ladder.stage(Haste::Patient, clock.clone())?;
        Ok(Self { venue: named, recording, market, decision, names, clock, described })
    }
}

/// The files, or the bundled recording.
pub fn files_or_bundled(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    match files.is_empty() {
        true => Ok(vec![bundled(BUNDLED_RECORDING)?]),
        false => Ok(files.to_vec()),
    }
}
