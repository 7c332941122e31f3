//! The challenger: a model that scores the same frames beside the one in use, and answers nobody.

use crate::{config::Config, ladder};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};
use tickhawk_engine::{Challenged, Challenger, DecisionStage, Haste, Scorer, TierOptions};
use tickhawk_inference::{Model, RuntimeOptions};
use tickhawk_latency::{Clock, Percentiles, Stage};

/// The challenger as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengerSection {
    /// The ONNX file; relative to the config's folder.
    path: Option<PathBuf>,
    /// The core its thread is pinned to; without one it works when nobody else wants the processor.
    core: Option<usize>,
    /// How long one of its answers may take before it is counted as late.
    budget_us: Option<f64>,
    /// Its own threshold to take a decision.
    enter: Option<f32>,
    /// Its own threshold to leave one.
    exit: Option<f32>,
}

impl ChallengerSection {
    /// Takes the model named by a flag.
    pub fn take(&mut self, path: PathBuf) {
        self.path = Some(path);
    }

    /// Loads it, if one is named; `features` are those of the frames it will see.
    pub fn load(&self, config: &Config, features: &[String]) -> Result<Option<Challenger>> {
        let Some(path) = &self.path else {
            let alone = self.core.is_none() && self.budget_us.is_none();
            ensure!(alone, "config `challenger` names no model: wanted its `path`");
            return Ok(None);
        };
        let options = RuntimeOptions { engine: config.engine, ..RuntimeOptions::default() };
        let model = Model::load(config.folder.join(path), &options).context("the challenger")?;
        let policy = ladder::policy("challenger", self.enter, self.exit, config.thresholds)?;
        let budget_ns = ladder::budget_ns("challenger.budget_us", self.budget_us)?;
        eprintln!("challenger {} {} on {}", model.name(), model.version(), model.engine());
        let tiers = vec![TierOptions::new(Scorer::Model(Box::new(model)), policy)];
        let stage = DecisionStage::tiered(tiers, features, Haste::Patient, Clock::new()).context(
            "the challenger scores the frames of the models in use, and of no other features",
        )?;
        Ok(Some(Challenger::new(stage, self.core, budget_ns)))
    }
}

/// What came of it, for the report.
#[derive(Serialize)]
pub struct ChallengerRow {
    model: String,
    version: String,
    engine: String,
    sha256: String,
    frames: u64,
    signals: u64,
    failed: u64,
    missed_frames: u64,
    dropped_answers: u64,
    compared: u64,
    agreement: Option<f64>,
    score_difference_mean: Option<f64>,
    score_difference_max: Option<f32>,
    champion_alone: u64,
    challenger_alone: u64,
    late: u64,
    latency: Option<Percentiles>,
}

impl ChallengerRow {
    /// Once the run is over.
    pub fn new(challenger: Challenger) -> Self {
        let Challenged { stage, agreement, missed_frames, dropped_answers, late, pin_failure } =
            challenger.finish();
        if let Some(failure) = pin_failure {
            eprintln!("warning: the challenger ran unpinned: {failure}");
        }
        let (model, counts) = (stage.model(), stage.counts());
        let share = |sum: f64| (agreement.compared > 0).then(|| sum / agreement.compared as f64);
        Self {
            model: model.name().to_owned(),
            version: model.version().to_owned(),
            engine: model.engine().to_owned(),
            sha256: model.sha256().to_owned(),
            frames: counts.frames,
            signals: counts.signals,
            failed: counts.failed,
            missed_frames,
            dropped_answers,
            compared: agreement.compared,
            agreement: share(agreement.same_decisions as f64),
            score_difference_mean: share(agreement.difference_sum),
            score_difference_max: share(0.0).map(|_| agreement.difference_max),
            champion_alone: agreement.champion_alone,
            challenger_alone: agreement.challenger_alone,
            late,
            latency: stage.histograms().stage(Stage::Score).percentiles(),
        }
    }
}

impl fmt::Display for ChallengerRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, version, compared, missed_frames, late, .. } = self;
        write!(f, "challenger {model} {version}: ")?;
        match (self.agreement, self.score_difference_mean, self.score_difference_max) {
            (Some(share), Some(mean), Some(max)) => write!(
                f,
                "{:.2} % of {compared} decisions alike, scores {mean:.6} apart on average, {max:.6} \
                 at most",
                share * 100.0
            )?,
            _ => write!(f, "nothing to compare")?,
        }
        write!(f, "; {missed_frames} frames missed, {late} answers late")
    }
}
