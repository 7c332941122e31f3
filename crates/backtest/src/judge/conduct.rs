//! How a signal behaves by itself: how often it changes, and how long it stays what it is.

use super::{Horizon, Series, correlation::correlation};
use crate::tape::InstrumentTape;
use serde::{Deserialize, Serialize};
use tickhawk_signal::Decision;

/// What a signal does by itself. Rows next to each other in one stretch of book are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conduct {
    /// Rows with the decision short, flat and long.
    pub short: u64,
    /// Flat.
    pub flat: u64,
    /// Long.
    pub long: u64,
    /// Rows whose decision is not that of the row before.
    pub decision_changes: u64,
    /// The same an hour of receive time between rows; null without two rows in a stretch.
    pub decision_changes_per_hour: Option<f64>,
    /// Turnover of the signal: mean size of its change from row to row over its mean size; null if it
    /// is always 0.
    pub turnover: Option<f64>,
    /// Its correlation with itself some time later.
    pub autocorrelation: Vec<LagRow>,
}

/// One lag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LagRow {
    /// How much later.
    pub lag: Horizon,
    /// Rows whose stretch of book lasts so long.
    pub rows: u64,
    /// Pearson's correlation of the value with the one that stands then; null if it does not vary.
    pub value: Option<f64>,
}

/// The rows of a series with a value: place in the tape and value, by time.
type Valued = Vec<(usize, f64)>;

impl Conduct {
    /// Of a series over an instrument's rows.
    pub fn new(tape: &InstrumentTape, series: &Series, horizons: &[Horizon]) -> Self {
        let valued: Valued = series.valued().collect();
        let count = |decision: Decision| {
            valued.iter().filter(|(row, _)| series.decisions[*row] == decision).count() as u64
        };
        let (mut changes, mut between_ns, mut moved, mut pairs) = (0, 0u64, 0.0, 0u64);
        for pair in valued.windows(2) {
            let [(one, x), (two, y)] = [pair[0], pair[1]];
            if tape.rows[one].segment != tape.rows[two].segment {
                continue;
            }
            changes += u64::from(series.decisions[one] != series.decisions[two]);
            between_ns += tape.at(&tape.rows[two]) - tape.at(&tape.rows[one]);
            moved += (y - x).abs();
            pairs += 1;
        }
        let size = valued.iter().map(|(_, x)| x.abs()).sum::<f64>() / valued.len().max(1) as f64;
        let turns = size > 0.0 && pairs > 0;
        let lags = horizons.iter().filter_map(|horizon| match horizon {
            Horizon::Time(ns) => Some(lag_row(tape, &valued, *ns)),
            Horizon::Events(_) => None,
        });
        Self {
            short: count(Decision::Short),
            flat: count(Decision::Flat),
            long: count(Decision::Long),
            decision_changes: changes,
            decision_changes_per_hour: (between_ns > 0)
                .then(|| changes as f64 / (between_ns as f64 / 3.6e12)),
            turnover: turns.then(|| moved / pairs as f64 / size),
            autocorrelation: lags.collect(),
        }
    }
}

fn lag_row(tape: &InstrumentTape, valued: &Valued, lag_ns: u64) -> LagRow {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut later = 0;
    for (index, (row, value)) in valued.iter().enumerate() {
        let row = &tape.rows[*row];
        let then = tape.at(row).saturating_add(lag_ns);
        if then >= tape.segments[row.segment as usize].until.nanos() {
            continue;
        }
        later = later.max(index);
        while let Some((next, _)) = valued.get(later + 1) {
            let next = &tape.rows[*next];
            if next.segment != row.segment || tape.at(next) > then {
                break;
            }
            later += 1;
        }
        x.push(*value);
        y.push(valued[later].1);
    }
    LagRow { lag: Horizon::Time(lag_ns), rows: x.len() as u64, value: correlation(&x, &y) }
}
