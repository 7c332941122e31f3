//! What is left of a signal by the time anyone can act on it.

use super::correlation::{Estimate, Overlap, difference, estimate, standardised};
use crate::chance::uniform;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

/// A distribution of latency as some report tells of it: nanoseconds by quantile. Between two
/// quantiles it is a straight line; below the lowest that is told it is what that one is, so that no
/// latency is drawn that is better than was told.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyDistribution {
    name: String,
    /// Quantile, ascending from 0 to 1, and nanoseconds, never falling.
    points: Vec<(f64, f64)>,
}

/// The percentiles of a stage in a report, with their quantiles.
const PERCENTILES: [(&str, f64); 6] = [
    ("p50_ns", 0.5),
    ("p90_ns", 0.9),
    ("p99_ns", 0.99),
    ("p99_9_ns", 0.999),
    ("p99_99_ns", 0.9999),
    ("max_ns", 1.0),
];

/// A text that holds no such distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// Not a report of `replay`, `live` or `bench`: name the file that `--report` or `--json` wrote.
    #[error("is no report: wanted what `replay --report`, `live --report` or `bench --json` wrote")]
    NoReport,
    /// Name one of those that are there.
    #[error("has no latency of the name `{wanted}`: there are {known}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What is there.
        known: String,
    },
    /// Times that fall as quantiles rise, or are not there: the file is damaged.
    #[error("has a latency `{name}` without samples, or whose percentiles do not ascend")]
    Malformed {
        /// Which.
        name: String,
    },
}

impl LatencyDistribution {
    /// Reads it from the JSON of a report: of `replay` or `live` the stage of this name (`total` is
    /// from a message's receipt to its signal), by its percentiles; of `bench` the curve of this name.
    ///
    /// # Errors
    /// If the text is no report, or the name is not in it.
    pub fn from_report(text: &str, name: &str) -> Result<Self, DistributionError> {
        let report: Value = sonic_rs::from_str(text).map_err(|_| DistributionError::NoReport)?;
        let stages = report.get("latency").and_then(|latency| latency.get("stages"));
        let named: Vec<(String, Vec<(f64, f64)>)> = if let Some(stages) = stages {
            let stages = stages.as_array().ok_or(DistributionError::NoReport)?;
            stages.iter().filter_map(stage).collect()
        } else {
            let curves = report.get("curves").and_then(|curves| curves.as_array());
            curves.ok_or(DistributionError::NoReport)?.iter().filter_map(curve).collect()
        };
        let Some((_, points)) = named.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(DistributionError::Unknown { wanted: name.to_owned(), known });
        };
        Self::new(name, points.clone())
    }

    /// Of pairs of quantile, ascending from 0 to 1, and nanoseconds, never falling.
    ///
    /// # Errors
    /// If they are not so.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Result<Self, DistributionError> {
        let ascends = points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let bounded = points.iter().all(|(quantile, ns)| {
            (0.0..=1.0).contains(quantile) && (0.0..=super::LATENCY_MAX_NS as f64).contains(ns)
        });
        if points.is_empty() || !ascends || !bounded {
            return Err(DistributionError::Malformed { name: name.to_owned() });
        }
        Ok(Self { name: name.to_owned(), points })
    }

    /// What it was told as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Nanoseconds at a quantile from 0 to 1.
    pub fn at(&self, quantile: f64) -> f64 {
        let past = self.points.partition_point(|(known, _)| *known < quantile);
        let last = self.points.len() - 1;
        let (after, ns_after) = self.points[past.min(last)];
        if past == 0 || past > last {
            return ns_after;
        }
        let (before, ns_before) = self.points[past - 1];
        ns_before + (ns_after - ns_before) * (quantile - before) / (after - before)
    }

    /// One draw, in whole nanoseconds.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> u64 {
        self.at(uniform(random)).round() as u64
    }
}

fn stage(stage: &Value) -> Option<(String, Vec<(f64, f64)>)> {
    let name = stage.get("stage")?.as_str()?.to_owned();
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (key, quantile) in PERCENTILES {
        let Some(ns) = stage.get(key).and_then(|ns| ns.as_f64()) else { continue };
        points.push((quantile, ns));
    }
    Some((name, points))
}

/// A curve's pairs are of 1 / (1 - quantile) and nanoseconds.
fn curve(curve: &Value) -> Option<(String, Vec<(f64, f64)>)> {
    let [name, pairs] = curve.as_array()?.as_slice() else { return None };
    let mut points: Vec<(f64, f64)> = Vec::new();
    for pair in pairs.as_array()?.iter() {
        let pair = pair.as_array()?;
        let (one_in, ns) = (pair.first()?.as_f64()?, pair.get(1)?.as_f64()?);
        let quantile = 1.0 - 1.0 / one_in;
        match points.last_mut().filter(|(known, _)| *known >= quantile) {
            Some(last) => last.1 = ns,
            None => points.push((quantile, ns)),
        }
    }
    Some((name.as_str()?.to_owned(), points))
}

/// The correlation at one latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelayRow {
    /// How long after the signal the label begins, such as `100us`; `sampled` if drawn.
    pub delay: String,
    /// The mean of it over the rows, in nanoseconds.
    pub mean_ns: f64,
    /// Pearson's correlation over the rows that have a label at every latency of the table.
    pub ic: Estimate,
    /// How much more it is without latency, row by row beside each other; null for no latency.
    pub lost: Option<Estimate>,
    /// The same for 100 us of latency: `lost` over the mean latency in units of 100 us.
    pub lost_per_100us: Option<f64>,
}

/// Labels of the same rows at one latency.
pub struct Delayed {
    /// As in the report.
    pub delay: String,
    /// Mean latency in nanoseconds.
    pub mean_ns: f64,
    /// Returns by row.
    pub returns_bps: Vec<f64>,
}

/// What each latency takes from the correlation; the first one must be none. Empty if signals or
/// returns do not vary.
pub fn delays(x: &[f64], delayed: &[Delayed], overlap: Overlap<'_>) -> Vec<DelayRow> {
    let Some(x) = standardised(x) else { return Vec::new() };
    let standard = |of: &Delayed| standardised(&of.returns_bps);
    let Some(first) = delayed.first().and_then(standard) else { return Vec::new() };
    let row = |of: &Delayed| {
        let y = standard(of)?;
        let lost = (of.mean_ns > 0.0).then(|| difference(&x, &first, &y, overlap));
        Some(DelayRow {
            delay: of.delay.clone(),
            mean_ns: of.mean_ns,
            ic: estimate(&x, &y, overlap),
            lost,
            lost_per_100us: lost.map(|lost| lost.value / (of.mean_ns / 1e5)),
        })
    };
    delayed.iter().filter_map(row).collect()
}
