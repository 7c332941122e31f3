//! How to judge.

use super::{Horizon, LatencyDistribution, time_text};
use serde::{Deserialize, Serialize};
use tickhawk_feature::Microprice;

/// The longest latency that can be asked for, in nanoseconds: a minute, as the histograms have it.
pub const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// Horizons at most, of either list: each is a pass over all rows.
const HORIZONS_MAX: usize = 32;

/// Latencies at most.
const LATENCIES_MAX: usize = 16;

/// Turns at most: each is a pass over all rows.
const TURNS_MAX: u32 = 10_000;

/// How to judge.
#[derive(Clone, Debug)]
pub struct JudgeOptions {
    /// What the model is called.
    pub model: String,
    /// The feature it is held against.
    pub yardstick: String,
    /// Horizons at which all is judged, one at least.
    pub horizons: Vec<Horizon>,
    /// More horizons for the decay curve.
    pub decay: Vec<Horizon>,
    /// Nanoseconds from a signal to the beginning of its label, up to a minute.
    pub latency_ns: u64,
    /// Latencies in nanoseconds whose cost is told; none (0) is always among them.
    pub latencies_ns: Vec<u64>,
    /// A latency that is drawn for each row.
    pub sampled: Option<LatencyDistribution>,
    /// Returns as far from zero as this, in basis points, are flat.
    pub flat_bps: f64,
    /// How far past volatility looks back, in nanoseconds.
    pub volatility_window_ns: u64,
    /// Turns of the labels for the p-value.
    pub turns: u32,
    /// Seed of all that is drawn.
    pub seed: u64,
    /// The table of the micro-price, if there is one.
    pub microprice: Option<Microprice>,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        let parsed = |text: &str| text.split(',').filter_map(|text| text.parse().ok()).collect();
        Self {
            model: "model".to_owned(),
            yardstick: "obi_5".to_owned(),
            horizons: parsed(HORIZONS),
            decay: parsed(DECAY),
            latency_ns: 0,
            latencies_ns: LATENCIES_NS.to_vec(),
            sampled: None,
            flat_bps: 0.0,
            volatility_window_ns: 10_000_000_000,
            turns: 199,
            seed: 1,
            microprice: None,
        }
    }
}

/// Where nobody says otherwise.
pub(crate) const HORIZONS: &str = "100ms,1s,10s";
/// A decade in three steps, and book messages.
pub(crate) const DECAY: &str = "10ms,30ms,300ms,3s,30s,60s,1u,10u,100u,1000u";
/// None, 100 us, 1 ms, 10 ms, 100 ms.
const LATENCIES_NS: [u64; 5] = [0, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Options that cannot be. The cure is in the words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// Name one at least and not too many.
    #[error("{count} {what}: wanted {least} to {most}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many were given.
        count: usize,
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
    /// Name a latency of up to a minute.
    #[error("a latency of {ns} ns: wanted up to a minute")]
    Latency {
        /// What was given.
        ns: u64,
    },
    /// Name a threshold that is a number, 0 or more.
    #[error("a flat threshold of {bps} basis points: wanted a number, 0 or more")]
    Flat {
        /// What was given.
        bps: f64,
    },
    /// Name a window above zero.
    #[error("a volatility window of nothing: wanted a time above zero")]
    Window,
}

impl JudgeOptions {
    /// Whether they can be judged by.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self) -> Result<(), JudgeError> {
        let count = |what, count, least, most| match (least..=most).contains(&count) {
            true => Ok(()),
            false => Err(JudgeError::Count { what, count, least, most }),
        };
        count("horizons", self.horizons.len(), 1, HORIZONS_MAX)?;
        count("horizons of the decay curve", self.decay.len(), 0, HORIZONS_MAX)?;
        count("latencies", self.latencies_ns.len(), 0, LATENCIES_MAX)?;
        count("turns", self.turns as usize, 0, TURNS_MAX as usize)?;
        let latencies = self.latencies_ns.iter().chain([&self.latency_ns]);
        if let Some(ns) = latencies.copied().find(|ns| *ns > LATENCY_MAX_NS) {
            return Err(JudgeError::Latency { ns });
        }
        if !(self.flat_bps >= 0.0 && self.flat_bps.is_finite()) {
            return Err(JudgeError::Flat { bps: self.flat_bps });
        }
        if self.volatility_window_ns == 0 {
            return Err(JudgeError::Window);
        }
        Ok(())
    }

    /// Those at which all is judged, ascending, each once.
    pub(crate) fn main_horizons(&self) -> Vec<Horizon> {
        sorted(self.horizons.clone())
    }

    /// Those of the decay curve, those at which all is judged among them.
    pub(crate) fn all_horizons(&self) -> Vec<Horizon> {
        sorted(self.horizons.iter().chain(&self.decay).copied().collect())
    }

    /// From none upwards, each once.
    pub(crate) fn all_latencies_ns(&self) -> Vec<u64> {
        sorted(self.latencies_ns.iter().copied().chain([0]).collect())
    }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}

/// How a judgement was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedBy {
    /// The model.
    pub model: String,
    /// The feature it is held against.
    pub yardstick: String,
    /// Horizons at which all is judged.
    pub horizons: Vec<Horizon>,
    /// Horizons of the decay curve.
    pub decay: Vec<Horizon>,
    /// From a signal to the beginning of its label, but where latencies are compared.
    pub label_delay: String,
    /// Latencies that are compared.
    pub delays: Vec<String>,
    /// What the sampled latency was told as, or null.
    pub sampled: Option<String>,
    /// Returns as far from zero as this, in basis points, are flat.
    pub flat_bps: f64,
    /// Whether there is a micro-price.
    pub microprice: bool,
    /// Turns of the labels.
    pub turns: u32,
    /// The seed.
    pub seed: u64,
}

impl JudgedBy {
    pub(crate) fn new(options: &JudgeOptions) -> Self {
        Self {
            model: options.model.clone(),
            yardstick: options.yardstick.clone(),
            horizons: options.main_horizons(),
            decay: options.all_horizons(),
            label_delay: time_text(options.latency_ns),
            delays: options.all_latencies_ns().into_iter().map(time_text).collect(),
            sampled: options.sampled.as_ref().map(|sampled| sampled.name().to_owned()),
            flat_bps: options.flat_bps,
            microprice: options.microprice.is_some(),
            turns: options.turns,
            seed: options.seed,
        }
    }
}
