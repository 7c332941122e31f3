//! Classes: how often what was said came, and whether probabilities mean what they say.

use super::correlation::{Estimate, Overlap, mean_of};
use serde::{Deserialize, Serialize};
use tickhawk_signal::Decision;

/// The classes in the order of a model's outputs.
pub const CLASSES: [&str; 3] = ["down", "flat", "up"];

/// Bins of equal width that a probability is sorted into.
pub const BINS: usize = 10;

/// The class a return is of: 0 down, 1 flat, 2 up. Flat is as far as `flat_bps` either way.
pub fn class_of(return_bps: f64, flat_bps: f64) -> usize {
    match return_bps {
        up if up > flat_bps => 2,
        down if down < -flat_bps => 0,
        _ => 1,
    }
}

/// The class of the highest probability, the first of equals.
pub fn most_likely(probabilities: &[f64; 3]) -> usize {
    (1..3).fold(0, |best, class| match probabilities[class] > probabilities[best] {
        true => class,
        false => best,
    })
}

/// What followed one decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HitRow {
    /// The decision that stood.
    pub decision: Decision,
    /// Labelled rows with it.
    pub rows: u64,
    /// Of them, those after which the price was up, flat and down by the flat threshold.
    pub up: u64,
    /// Flat.
    pub flat: u64,
    /// Down.
    pub down: u64,
    /// Share of rows that went as decided; null without rows.
    pub hit_rate: Option<f64>,
    /// Mean return in basis points, or null.
    pub mean_return_bps: Option<Estimate>,
}

/// Rows of each decision, short first.
pub fn hits(
    decisions: &[Decision],
    returns_bps: &[f64],
    flat_bps: f64,
    overlap: Overlap<'_>,
) -> Vec<HitRow> {
    let row = |decision: Decision| {
        let chosen: Vec<bool> = decisions.iter().map(|held| *held == decision).collect();
        let mut counts = [0; 3];
        for (value, _) in returns_bps.iter().zip(&chosen).filter(|(_, chosen)| **chosen) {
            counts[class_of(*value, flat_bps)] += 1;
        }
        let [down, flat, up] = counts;
        let rows = down + flat + up;
        let hit = counts[(decision as i8 + 1) as usize];
        HitRow {
            decision,
            rows,
            up,
            flat,
            down,
            hit_rate: (rows > 0).then(|| hit as f64 / rows as f64),
            mean_return_bps: mean_of(returns_bps, &chosen, overlap),
        }
    };
    [Decision::Short, Decision::Flat, Decision::Long].map(row).to_vec()
}

/// Predicted against actual classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// Share of rows whose class was predicted.
    pub accuracy: f64,
    /// Rows by actual class (outer) and predicted class (inner), each down, flat, up.
    pub confusion: [[u64; 3]; 3],
    /// Each class.
    pub classes: Vec<ClassRow>,
}

/// One class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// `down`, `flat` or `up`.
    pub class: String,
    /// Rows predicted to be of it.
    pub predicted: u64,
    /// Rows that were.
    pub actual: u64,
    /// Of those predicted, the share that were; null if none was predicted.
    pub precision: Option<f64>,
    /// Of those that were, the share predicted; null if none was.
    pub recall: Option<f64>,
    /// Harmonic mean of both; 0 if both are 0, null if one is null.
    pub f1: Option<f64>,
}

/// Precision, recall and F1 of each class; `None` without rows.
pub fn classified(predicted: &[usize], actual: &[usize]) -> Option<ClassReport> {
    let mut confusion = [[0u64; 3]; 3];
    for (predicted, actual) in predicted.iter().zip(actual) {
        confusion[*actual][*predicted] += 1;
    }
    let rows: u64 = confusion.iter().flatten().sum();
    let right: u64 = (0..3).map(|class| confusion[class][class]).sum();
    let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
    let class = |class: usize| {
        let actual = confusion[class].iter().sum();
        let predicted = confusion.iter().map(|row| row[class]).sum();
        let precision = share(confusion[class][class], predicted);
        let recall = share(confusion[class][class], actual);
        let f1 = precision.zip(recall).map(|(precision, recall)| match precision + recall {
            0.0 => 0.0,
            sum => 2.0 * precision * recall / sum,
        });
        ClassRow { class: CLASSES[class].to_owned(), predicted, actual, precision, recall, f1 }
    };
    let accuracy = share(right, rows)?;
    Some(ClassReport { accuracy, confusion, classes: (0..3).map(class).collect() })
}

/// Whether class probabilities are what they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Brier's (1950) score: mean over rows of the sum over classes of (p - o)^2, o being 1 for the
    /// class that came and 0 for the others. 0 is perfect, 2 the worst.
    pub brier: f64,
    /// The same, had each row been given the shares that the classes had over all rows.
    pub brier_of_shares: f64,
    /// Each class.
    pub classes: Vec<CalibrationClass>,
}

/// One class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationClass {
    /// `down`, `flat` or `up`.
    pub class: String,
    /// Mean of (p - o)^2 of this class alone.
    pub brier: f64,
    /// Expected calibration error: the distance of mean probability and share, a bin, weighted by
    /// rows.
    pub error: f64,
    /// Ten bins of equal width from 0 to 1.
    pub bins: Vec<CalibrationBin>,
}

/// Rows whose probability lies in [low, low + 0.1), in the last one 1 included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Lower end.
    pub low: f64,
    /// Rows in it.
    pub rows: u64,
    /// Their mean probability, or null.
    pub mean_probability: Option<f64>,
    /// The share of them that came to be of the class, or null.
    pub share: Option<f64>,
}

/// Probabilities against the classes that came; `None` without rows.
pub fn calibration(probabilities: &[[f64; 3]], actual: &[usize]) -> Option<Calibration> {
    if actual.is_empty() {
        return None;
    }
    let count = actual.len() as f64;
    let class = |class: usize| {
        let pairs = || {
            let came = actual.iter().map(move |actual| f64::from(u8::from(*actual == class)));
            probabilities.iter().map(move |all| all[class]).zip(came)
        };
        let mut bins = [(0u64, 0.0, 0.0); BINS];
        for (probability, came) in pairs() {
            let (rows, sum, hits) = &mut bins[bin_of(probability)];
            (*rows, *sum, *hits) = (*rows + 1, *sum + probability, *hits + came);
        }
        let apart = bins.iter().map(|(_, sum, hits)| f64::abs(sum - hits)).sum::<f64>();
        let bin = |(index, (rows, sum, hits)): (usize, &(u64, f64, f64))| {
            let mean = |sum: &f64| (*rows > 0).then(|| sum / *rows as f64);
            let low = index as f64 / BINS as f64;
            CalibrationBin { low, rows: *rows, mean_probability: mean(sum), share: mean(hits) }
        };
        let share = pairs().map(|(_, came)| came).sum::<f64>() / count;
        let squares = |of: &dyn Fn(f64) -> f64| {
            pairs().map(|(p, came)| (of(p) - came) * (of(p) - came)).sum::<f64>() / count
        };
        let brier = squares(&|p| p);
        let row = CalibrationClass {
            class: CLASSES[class].to_owned(),
            brier,
            error: apart / count,
            bins: bins.iter().enumerate().map(bin).collect(),
        };
        (row, squares(&|_| share))
    };
    let (classes, of_shares): (Vec<_>, Vec<f64>) = (0..3).map(class).unzip();
    let brier = classes.iter().map(|class| class.brier).sum();
    Some(Calibration { brier, brier_of_shares: of_shares.iter().sum(), classes })
}

fn bin_of(probability: f64) -> usize {
    ((probability * BINS as f64).max(0.0) as usize).min(BINS - 1)
}
