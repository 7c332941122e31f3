//! Correlations of a signal with what followed, and how sure they are where labels overlap.
//!
//! An information coefficient (IC) is the correlation of signal and forward return: Pearson's, or of
//! average ranks Spearman's. Labels of neighbouring signals share most of their time, so rows are far
//! from independent. The standard error is that of the slope of the least-squares line through both,
//! each standardised, by Newey and West (1987): products of signal and residual are summed with each
//! other by Bartlett's weights, which fall from 1 to 0 over a bandwidth. Here the distance is that of
//! time (or of book messages), not of rows, since signals come unevenly; with evenly spaced rows it is
//! the usual estimator with `bandwidth - 1` lags.
//!
//! ```text
//!   r  = mean(x y)                                  x, y: mean 0, mean square 1
//!   g  = x (y - r x)
//!   se = sqrt(sum over i, j of max(0, 1 - |t_i - t_j| / bandwidth) g_i g_j) / n
//! ```
//!
//! Bartlett's weights are what two boxes of the bandwidth's length have in common, so the double sum
//! is the integral of the square of a moving sum: one pass, and never below zero.

use serde::{Deserialize, Serialize};

/// Half of the width of a 95 % interval in standard errors, of the normal distribution.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Rows that an estimate needs at least.
pub const ROWS_MIN: usize = 10;

/// A figure and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its standard error by Newey and West.
    pub standard_error: f64,
    /// Lower end of the 95 % interval, by the normal distribution.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Rows it rests on.
    pub rows: u64,
    /// How often the bandwidth fits into the time (or book messages) the rows span: with few, below
    /// thirty or so, the interval is too narrow.
    pub bandwidths: f64,
}

/// Where rows stand, ascending, and how far from each other they may depend on one another, in the
/// same unit: nanoseconds or book messages.
#[derive(Clone, Copy, Debug)]
pub struct Overlap<'a> {
    /// A row's place; as many as there are values.
    pub positions: &'a [u64],
    /// Above 0.
    pub bandwidth: u64,
}

impl Estimate {
    fn new(value: f64, variance: f64, overlap: Overlap<'_>) -> Self {
        let standard_error = variance.max(0.0).sqrt();
        let span = span(overlap.positions);
        Self {
            value,
            standard_error,
            low: value - Z_95 * standard_error,
            high: value + Z_95 * standard_error,
            rows: overlap.positions.len() as u64,
            bandwidths: span as f64 / overlap.bandwidth as f64,
        }
    }

    /// Whether the interval holds zero.
    pub fn holds_zero(&self) -> bool {
        self.low <= 0.0 && 0.0 <= self.high
    }
}

fn span(positions: &[u64]) -> u64 {
    positions.last().zip(positions.first()).map_or(0, |(last, first)| last - first)
}

/// The bandwidth for labels that reach `reach` ahead: twice that, since weights that fall over the
/// overlap itself would leave a third of it out; at least Newey and West's 4 (n / 100)^(2/9) rows of
/// the mean distance.
pub fn bandwidth(positions: &[u64], reach: u64) -> u64 {
    let rows = positions.len() as f64;
    let distance = span(positions) as f64 / (rows - 1.0).max(1.0);
    let least = 4.0 * libm::pow(rows / 100.0, 2.0 / 9.0) * distance;
    (least as u64).max(reach.saturating_mul(2)).max(1)
}

/// The values with mean 0 and mean square 1; `None` if they are all the same or fewer than
/// [`ROWS_MIN`].
pub fn standardised(values: &[f64]) -> Option<Vec<f64>> {
    if values.len() < ROWS_MIN || values.iter().all(|value| *value == values[0]) {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    let deviation = variance.sqrt();
    let fine = deviation > 0.0 && deviation.is_finite();
    fine.then(|| values.iter().map(|value| (value - mean) / deviation).collect())
}

/// Ranks from 1; equal values share the mean of theirs.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    // A negative zero is a zero.
    let value = |index: u32| values[index as usize] + 0.0;
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by(|one, two| value(*one).total_cmp(&value(*two)).then(one.cmp(two)));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let same = order[first..].iter().take_while(|index| value(**index) == value(order[first]));
        let past = first + same.count().max(1);
        let rank = (first + 1 + past) as f64 / 2.0;
        order[first..past].iter().for_each(|index| ranks[*index as usize] = rank);
        first = past;
    }
    ranks
}

/// The mean product of both: the correlation of standardised values.
pub fn mean_product(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / x.len() as f64
}

/// What is left of `y` on the line through both, times `x`.
fn scores(x: &[f64], y: &[f64], r: f64) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x * (y - r * x)).collect()
}

/// The correlation of both; `None` if one does not vary.
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    Some(mean_product(&standardised(x)?, &standardised(y)?))
}

/// The correlation of standardised values, and how sure it is.
pub fn estimate(x: &[f64], y: &[f64], overlap: Overlap<'_>) -> Estimate {
    let r = mean_product(x, y);
    let sum = bartlett_sum(&scores(x, y, r), overlap);
    let count = x.len() as f64;
    Estimate::new(r, sum / (count * count), overlap)
}

/// How much the correlation of `x` with `before` is above that with `after`, row by row beside each
/// other.
pub fn difference(x: &[f64], before: &[f64], after: &[f64], overlap: Overlap<'_>) -> Estimate {
    let (r_before, r_after) = (mean_product(x, before), mean_product(x, after));
    let (one, two) = (scores(x, before, r_before), scores(x, after, r_after));
    let apart: Vec<f64> = one.iter().zip(&two).map(|(one, two)| one - two).collect();
    let count = x.len() as f64;
    Estimate::new(r_before - r_after, bartlett_sum(&apart, overlap) / (count * count), overlap)
}

/// The mean of the values that are `chosen`, and how sure it is; `None` if none are.
pub fn mean_of(values: &[f64], chosen: &[bool], overlap: Overlap<'_>) -> Option<Estimate> {
    let of = || values.iter().zip(chosen).filter(|(_, chosen)| **chosen).map(|(value, _)| *value);
    let count = of().count() as f64;
    if count == 0.0 {
        return None;
    }
    let mean = of().sum::<f64>() / count;
    let apart = values.iter().zip(chosen);
    let apart: Vec<f64> =
        apart.map(|(value, chosen)| if *chosen { value - mean } else { 0.0 }).collect();
    let found = Estimate::new(mean, bartlett_sum(&apart, overlap) / (count * count), overlap);
    Some(Estimate { rows: count as u64, ..found })
}

/// The double sum of all products by Bartlett's weights, as the integral of a squared moving sum.
pub fn bartlett_sum(values: &[f64], overlap: Overlap<'_>) -> f64 {
    let Overlap { positions, bandwidth } = overlap;
    debug_assert_eq!(values.len(), positions.len());
    let (mut entered, mut left) = (0, 0);
    let (mut at, mut moving, mut total) = (0, 0.0, 0.0);
    while left < values.len() {
        let leaves = positions[left].saturating_add(bandwidth);
        let enters = positions.get(entered).filter(|position| **position <= leaves);
        let next = enters.copied().unwrap_or(leaves);
        total += moving * moving * (next - at) as f64;
        at = next;
        if enters.is_some() {
            moving += values[entered];
            entered += 1;
        } else {
            moving -= values[left];
            left += 1;
            if left == entered {
                // Nothing of what was rounded is carried on.
                moving = 0.0;
            }
        }
    }
    total / bandwidth as f64
}
