//! What was measured, as rows, and what was to be reached, as goals.

use crate::{Estimate, statistics::percentile};
use serde::{Deserialize, Serialize};
use tickhawk_latency::LatencyHistogram;

/// One case of one stage on one implementation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `stage/case/implementation`.
    pub name: String,
    /// What a number is the time of: a message, a level, a frame, a run.
    pub per: String,
    /// The median, in nanoseconds.
    pub ns: f64,
    /// Its interval.
    pub interval: [f64; 2],
    /// 90 % of the samples are at or below this.
    pub p90_ns: f64,
    /// 99 % are.
    pub p99_ns: f64,
    /// 99.9 % are.
    pub p99_9_ns: f64,
    /// The largest sample.
    pub max_ns: f64,
    /// How many samples there are.
    pub samples: u64,
    /// How many items were timed between two stamps; the sample is their mean.
    pub batch: u64,
}

impl Row {
    /// A row of these samples, in nanoseconds an item.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(name: impl Into<String>, per: &str, batch: u64, mut samples: Vec<f64>) -> Self {
        let median = Estimate::of(&samples).expect("a row has samples");
        samples.sort_unstable_by(f64::total_cmp);
        Self {
            name: name.into(),
            per: per.to_owned(),
            ns: median.value,
            interval: median.interval,
            p90_ns: percentile(&samples, 9_000),
            p99_ns: percentile(&samples, 9_900),
            p99_9_ns: percentile(&samples, 9_990),
            max_ns: samples[samples.len() - 1],
            samples: samples.len() as u64,
            batch,
        }
    }

    /// A row of single samples, each between two stamps. The interval of the median is that of its
    /// rank, n / 2 -+ 0.98 sqrt n, which needs no more than counts.
    ///
    /// # Panics
    /// If there are none.
    pub fn of_histogram(name: impl Into<String>, per: &str, series: &LatencyHistogram) -> Self {
        let percentiles = series.percentiles().expect("a row has samples");
        let samples = series.sample_count();
        let half = 0.98 / (samples as f64).sqrt();
        let at = |quantile: f64| series.value_at(quantile) as f64;
        Self {
            name: name.into(),
            per: per.to_owned(),
            ns: percentiles.p50_ns as f64,
            interval: [at((0.5 - half).max(0.0)), at((0.5 + half).min(1.0))],
            p90_ns: percentiles.p90_ns as f64,
            p99_ns: percentiles.p99_ns as f64,
            p99_9_ns: percentiles.p99_9_ns as f64,
            max_ns: percentiles.max_ns as f64,
            samples,
            batch: 1,
        }
    }

    /// The median and its interval.
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.ns, interval: self.interval }
    }
}

/// Which way a goal is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The value may be at most the goal.
    AtMost,
    /// The value must be at least the goal.
    AtLeast,
}

/// A figure that was to be reached, and what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Which.
    pub id: String,
    /// What was measured.
    pub value: f64,
    /// The interval that holds its true value with 95 % confidence.
    pub interval: [f64; 2],
    /// What was to be reached.
    pub goal: f64,
    /// Whether the goal is an upper or a lower bound.
    pub bound: Bound,
    /// Whether the value reaches it.
    pub met: bool,
    /// What the value is: of what, over what, on which input.
    pub what: String,
}

impl Goal {
    /// A value that may be at most `goal`.
    pub fn at_most(id: &str, measured: Estimate, goal: f64, what: impl Into<String>) -> Self {
        Self::new(id, measured, goal, Bound::AtMost, what.into())
    }

    /// A value that must be at least `goal`.
    pub fn at_least(id: &str, measured: Estimate, goal: f64, what: impl Into<String>) -> Self {
        Self::new(id, measured, goal, Bound::AtLeast, what.into())
    }

    fn new(id: &str, measured: Estimate, goal: f64, bound: Bound, what: String) -> Self {
        let Estimate { value, interval } = measured;
        let met = match bound {
            Bound::AtMost => value <= goal,
            Bound::AtLeast => value >= goal,
        };
        Self { id: id.to_owned(), value, interval, goal, bound, met, what }
    }
}
