//! What a model must show before it is put to use.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt;
use tickhawk_feature::{FeatureError, FeaturePlan, PlanOptions, VpinOptions};
use tickhawk_inference::{Incumbent, InferenceError, Model, ModelFile, RuntimeOptions};
use tickhawk_latency::{Clock, LatencyHistogram, Percentiles};
use tickhawk_market::Decimal;

/// Rounds of measuring, of which the best counts: what a busy host takes away in the others is not
/// the model's doing.
const ROUNDS: usize = 3;

/// Runs in a round: enough for a p99 that ten worse runs stand behind.
const ROUND_RUNS: usize = 1_000;

/// A model that may be put to use.
pub struct Proven {
    /// Loaded, checked and warm.
    pub model: Model,
    /// How long its runs took here, in the best round.
    pub took: Percentiles,
}

/// What a model is held to.
#[derive(Default)]
pub struct Terms<'a> {
    /// Whose place it takes, if anyone's.
    pub incumbent: Option<&'a Incumbent>,
    /// The longest that the 99th percentile of its runs may take.
    pub budget_ns: Option<u64>,
    /// How the model is loaded.
    pub options: RuntimeOptions,
}

/// Loads the model in the file and holds it to the terms, the cheap ones first: its contract and
/// whether this build knows its features, whether it may take the incumbent's place, its golden
/// table, its p99 on this machine, warm.
pub fn prove(file: &ModelFile, terms: &Terms<'_>) -> Result<Proven> {
    let this = Incumbent::of_file("this model", file)?;
    if let Some(incumbent) = terms.incumbent {
        incumbent.check(file)?;
    }
    let known = check_features(this.features());
    known.with_context(|| format!("model `{}`", file.path().display()))?;
    let mut model = Model::from_file(file, &terms.options)?;
    let took = measure(&mut model, &Clock::new())?;
    match terms.budget_ns {
        Some(budget_ns) if took.p99_ns > budget_ns => {
            Err(OverBudget { path: file.path().display().to_string(), took, budget_ns }.into())
        }
        _ => Ok(Proven { model, took }),
    }
}

/// Whether this build knows the features. What their names leave to the config is not looked at.
fn check_features(names: &[String]) -> Result<(), FeatureError> {
    let vpin = VpinOptions { bucket: Decimal::parse(b"1").expect("1 is a number"), buckets: 1 };
    let options = PlanOptions { vpin: Some(vpin), ..Default::default() };
    FeaturePlan::compile(names, options)?;
    Ok(())
}

/// The percentiles of the best round over the model's own golden rows.
fn measure(model: &mut Model, clock: &Clock) -> Result<Percentiles, InferenceError> {
    let rows = model.contract().golden().inputs.clone();
    let (mut memory, steps) = (model.memory(), model.shape().steps);
    let mut best: Option<Percentiles> = None;
    for _ in 0..ROUNDS {
        let mut histogram = LatencyHistogram::new();
        for row in rows.iter().cycle().take(ROUND_RUNS) {
            let began = clock.now();
            model.run_with(&mut memory, row, steps)?;
            histogram.record(clock.now() - began);
        }
        let took = histogram.percentiles().expect("a round has runs");
        best = Some(best.filter(|best| best.p99_ns <= took.p99_ns).unwrap_or(took));
    }
    Ok(best.expect("there are rounds"))
}

/// The model is too slow for this machine, or the budget too small.
#[derive(Debug)]
pub struct OverBudget {
    path: String,
    took: Percentiles,
    budget_ns: u64,
}

impl std::error::Error for OverBudget {}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Percentiles { p50_ns, p99_ns, .. } = self.took;
        let (path, budget) = (&self.path, micros(self.budget_ns));
        let (p50, p99) = (micros(p50_ns), micros(p99_ns));
        write!(
            f,
            "model `{path}` takes {p99} at the 99th percentile on this machine ({p50} at the \
             50th), its budget is {budget}"
        )
    }
}

/// As in `3.21 µs`.
pub fn micros(nanos: u64) -> String {
    format!("{:.2} µs", nanos as f64 / 1e3)
}

/// What was measured, as outputs have it.
#[derive(Serialize)]
pub struct TookRow {
    p50_ns: u64,
    p99_ns: u64,
}

impl From<Percentiles> for TookRow {
    fn from(Percentiles { p50_ns, p99_ns, .. }: Percentiles) -> Self {
        Self { p50_ns, p99_ns }
    }
}
