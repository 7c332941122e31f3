//! Intervals for statistics of series whose values hang together.

use super::TradeError;
use crate::chance::below;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The circular block bootstrap (Politis and Romano, "A circular block-resampling procedure for
/// stationary data", 1992): a resample is blocks of the series, begun anywhere, laid end to end, the
/// series' end going on at its beginning. Intervals are percentiles of the statistic over resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Resamples, 0 for no intervals, up to 100,000. The work is as many times the series.
    pub resamples: u32,
    /// Values a block, at least 1; `None` takes the cube root of the series' length, rounded up, the
    /// order that Hall, Horowitz and Jing (1995) find best for a variance.
    pub block: Option<u32>,
    /// The share of resamples within the interval, above 0 and below 1.
    pub confidence: f64,
}

impl Default for Bootstrap {
    /// A thousand resamples, 95 %.
    fn default() -> Self {
        Self { resamples: 1_000, block: None, confidence: 0.95 }
    }
}

/// A statistic and its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resampled {
    /// Its value; `None` where it has none.
    pub value: Option<f64>,
    /// The lower end of the interval; `None` where most resamples have no value either.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// A statistic of a series.
pub(crate) type Statistic = fn(&[f64]) -> Option<f64>;

impl Bootstrap {
    pub(crate) fn validate(&self) -> Result<(), TradeError> {
        let wrong = |key, found: String, wanted| Err(TradeError::Setting { key, found, wanted });
        if self.resamples > 100_000 {
            return wrong("bootstrap.resamples", self.resamples.to_string(), "0 to 100000");
        }
        if self.block == Some(0) {
            return wrong("bootstrap.block", "0".to_owned(), "at least 1");
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return wrong("bootstrap.confidence", self.confidence.to_string(), "above 0, below 1");
        }
        Ok(())
    }

    /// Each statistic with its interval, all over the same resamples.
    pub(crate) fn estimate<const N: usize>(
        &self,
        values: &[f64],
        statistics: [Statistic; N],
        mut random: ChaCha8Rng,
    ) -> [Resampled; N] {
        let mut found = statistics.map(|_| Vec::new());
        let block = self.block.map_or_else(|| cube_root(values.len()), |block| block as usize);
        let mut resample = Vec::with_capacity(values.len());
        let resamples = if values.is_empty() { 0 } else { self.resamples };
        for _ in 0..resamples {
            resample.clear();
            while resample.len() < values.len() {
                let begin = below(&mut random, values.len() as u64) as usize;
                let left = values.len() - resample.len();
                let around = values[begin..].iter().chain(&values[..begin]);
                resample.extend(around.take(block.min(left)));
            }
            for (found, statistic) in found.iter_mut().zip(statistics) {
                found.extend(statistic(&resample));
            }
        }
        let mut found = found.into_iter();
        statistics.map(|statistic| {
            let mut drawn = found.next().unwrap_or_default();
            drawn.sort_by(f64::total_cmp);
            let is_enough = 2 * drawn.len() > resamples as usize;
            let tail = (1.0 - self.confidence) / 2.0;
            Resampled {
                value: statistic(values),
                low: is_enough.then(|| quantile(&drawn, tail)),
                high: is_enough.then(|| quantile(&drawn, 1.0 - tail)),
            }
        })
    }
}

/// Between the two values nearest to the share, which is not empty (type 7 of Hyndman and Fan, 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

/// The smallest whole number whose cube is at least this, 1 or more.
fn cube_root(number: usize) -> usize {
    let mut root = 1usize;
    while root.saturating_mul(root).saturating_mul(root) < number {
        root += 1;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::{super::statistics::mean, *};
    use crate::chance::random;

    #[test]
    fn roots_and_quantiles() {
        for (number, root) in [(0, 1), (1, 1), (2, 2), (8, 2), (9, 3), (1_000_000, 100)] {
            assert_eq!(cube_root(number), root);
        }
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
    }

    /// A series that stays where it is for long: blocks must find the mean far less certain than single
    /// values do.
    #[test]
    fn blocks_see_what_hangs_together() {
        let values: Vec<f64> = (0..1_000).map(|at| f64::from(at / 100 % 2)).collect();
        let width = |block| {
            let bootstrap = Bootstrap { block: Some(block), ..Bootstrap::default() };
            let [estimate] = bootstrap.estimate(&values, [mean], random(1, 0));
            assert_eq!(estimate.value, Some(0.5));
            let (low, high) = estimate.low.zip(estimate.high).unwrap();
            assert!(low < 0.5 && 0.5 < high);
            high - low
        };
        // Of independent halves: 2 x 1.96 x 0.5 / sqrt(1000).
        assert!((width(1) - 0.062).abs() < 0.01, "{}", width(1));
        assert!(width(100) > 4.0 * width(1), "{} {}", width(100), width(1));
    }

    #[test]
    fn a_seed_gives_the_same_interval() {
        let values: Vec<f64> = (0..50).map(|at| f64::from(at * 7919 % 50)).collect();
        let draw = |seed| Bootstrap::default().estimate(&values, [mean], random(seed, 0));
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let none = Bootstrap::default().estimate(&[], [mean], random(3, 0));
        assert_eq!(none, [Resampled::default()]);
    }
}
