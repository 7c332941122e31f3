//! What chance alone gives: shuffled and turned labels.

use super::correlation::{Estimate, Overlap, average_ranks, estimate, mean_product, standardised};
use crate::chance::{below, shuffle};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What becomes of the correlation when labels are not those of their rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChanceRow {
    /// The correlation with the labels in random order. Its interval holds zero 95 times in 100.
    pub shuffled_ic: Estimate,
    /// The same by average ranks.
    pub shuffled_rank_ic: Estimate,
    /// How many times the labels were turned against the signals: shifted by a random number of rows,
    /// the last ones to the front, by no less than the bandwidth either way. What neighbours share
    /// stays as it is.
    pub turns: u32,
    /// Share of turns, the one of no shift counted among them, whose correlation is at least as far
    /// from zero as the one found; null if there are too few rows to turn.
    pub turned_p_value: Option<f64>,
}

impl ChanceRow {
    /// Of signals and returns as they are; `None` if one does not vary.
    pub fn new(
        x: &[f64],
        y: &[f64],
        overlap: Overlap<'_>,
        turns: u32,
        mut random: ChaCha8Rng,
    ) -> Option<Self> {
        let (x_standard, y_standard) = (standardised(x)?, standardised(y)?);
        let mut shuffled = y.to_vec();
        shuffle(&mut shuffled, &mut random);
        let shuffled_ic = estimate(&x_standard, &standardised(&shuffled)?, overlap);
        let ranks = |values: &[f64]| standardised(&average_ranks(values));
        let shuffled_rank_ic = estimate(&ranks(x)?, &ranks(&shuffled)?, overlap);
        let turned_p_value = turned(&x_standard, &y_standard, overlap, turns, &mut random);
        Some(Self { shuffled_ic, shuffled_rank_ic, turns, turned_p_value })
    }
}

fn turned(
    x: &[f64],
    y: &[f64],
    overlap: Overlap<'_>,
    turns: u32,
    random: &mut ChaCha8Rng,
) -> Option<f64> {
    let rows = x.len();
    let span = overlap.positions.last()?.checked_sub(*overlap.positions.first()?)?;
    // Rows a bandwidth, at the mean distance.
    let least = (overlap.bandwidth as f64 / span.max(1) as f64 * rows as f64).ceil() as usize;
    if turns == 0 || rows <= 2 * least.max(1) + 20 {
        return None;
    }
    let found = mean_product(x, y).abs();
    let choices = (rows - 2 * least.max(1)) as u64;
    let beyond = (0..turns).filter(|_| {
        let by = least.max(1) + below(random, choices) as usize;
        let whole = rows - by;
        let front = x[..by].iter().zip(&y[whole..]).map(|(x, y)| x * y).sum::<f64>();
        let back = x[by..].iter().zip(&y[..whole]).map(|(x, y)| x * y).sum::<f64>();
        ((front + back) / rows as f64).abs() >= found
    });
    Some((beyond.count() + 1) as f64 / f64::from(turns + 1))
}
