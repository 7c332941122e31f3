//! What signals foretold, from a tape.
//!
//! ```text
//!   signal at t ---- latency ----> price p at t + latency ---- horizon ----> price q
//!                                  label = 10^4 (q - p) / p, of one stretch of book, else none
//! ```
//!
//! The model's score and a yardstick, a feature of the same frames, are judged alike. Correlations
//! are within one instrument: no two instruments' rows are mixed.

mod classes;
mod conduct;
mod correlation;
mod delay;
mod groups;
mod horizon;
mod label;
mod options;
mod series;
mod shuffled;
mod text;

pub use classes::{
    Calibration, CalibrationBin, CalibrationClass, ClassReport, ClassRow, HitRow, calibration,
    classified,
};
pub use conduct::{Conduct, LagRow};
pub use correlation::{
    Estimate, Overlap, ROWS_MIN, Z_95, average_ranks, bandwidth, bartlett_sum, difference,
    estimate, mean_of, standardised,
};
pub use delay::{DelayRow, Delayed, DistributionError, LatencyDistribution, delays};
pub use groups::{DecileRow, GroupRow, VolatilityRow, deciles};
pub use horizon::{HORIZON_MAX_EVENTS, HORIZON_MAX_NS, Horizon, HorizonError, time_text};
pub use label::{LabelCounts, Labels, Missing};
pub use options::{JudgeError, JudgeOptions, JudgedBy, LATENCY_MAX_NS};
pub use series::{DecayRow, HorizonJudgement, SeriesJudgement};
pub use shuffled::ChanceRow;

use crate::tape::{Break, InstrumentTape, Tape};
use serde::{Deserialize, Serialize};
use series::{Judge, Series};
use tickhawk_signal::Tier;

/// All that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// How it was judged.
    pub judged_by: JudgedBy,
    /// Every instrument with a quote, in the order the run met them.
    pub instruments: Vec<InstrumentJudgement>,
    /// What to know before believing the figures.
    pub warnings: Vec<String>,
}

/// One instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstrumentJudgement {
    /// The venue's own symbol.
    pub symbol: String,
    /// Book messages after which the book was live, with both sides, not crossed.
    pub quotes: u64,
    /// Those after which it was live but crossed: no price stands after them but the one before.
    pub crossed: u64,
    /// Those after which it was live with an empty side.
    pub one_sided: u64,
    /// Signals judged.
    pub signals: u64,
    /// Of them, those that no model but the primary gave.
    pub by_other_tiers: u64,
    /// Seconds over which the book was whole.
    pub covered_s: f64,
    /// Stretches of it, by what ended them.
    pub segments: SegmentCounts,
    /// Past volatility, by which rows are grouped; null if no row has a past that long.
    pub volatility: Option<VolatilityRow>,
    /// The model, then the yardstick.
    pub series: Vec<SeriesJudgement>,
}

/// Stretches over which a book was whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentCounts {
    /// All of them.
    pub count: u64,
    /// Ended by a new epoch.
    pub epoch: u64,
    /// Ended because the book went stale.
    pub stale: u64,
    /// Ended because the recording was silent for too long.
    pub gap: u64,
    /// Ended with the recording.
    pub end: u64,
}

impl SegmentCounts {
    fn new(tape: &InstrumentTape) -> Self {
        let mut counts = Self { count: tape.segments.len() as u64, ..Self::default() };
        for segment in &tape.segments {
            *match segment.cause {
                Break::Epoch => &mut counts.epoch,
                Break::Stale => &mut counts.stale,
                Break::Gap => &mut counts.gap,
                Break::End => &mut counts.end,
            } += 1;
        }
        counts
    }
}

impl Judgement {
    /// Judges what a run left.
    ///
    /// # Errors
    /// If the options contradict each other or ask for too much.
    pub fn new(tape: &Tape, options: &JudgeOptions) -> Result<Self, JudgeError> {
        options.check()?;
        let with_quotes = tape.instruments.iter().enumerate();
        let with_quotes = with_quotes.filter(|(_, instrument)| !instrument.quotes.is_empty());
        let instruments: Vec<_> =
            with_quotes.map(|(index, tape)| instrument(tape, index, options)).collect();
        let warnings = instruments.iter().flat_map(warnings).collect();
        Ok(Self { judged_by: JudgedBy::new(options), instruments, warnings })
    }
}

fn instrument(tape: &InstrumentTape, index: usize, options: &JudgeOptions) -> InstrumentJudgement {
    let (judge, volatility) = Judge::new(tape, index, options);
    let series = Series::all(tape, &options.model, &options.yardstick);
    InstrumentJudgement {
        symbol: tape.symbol.clone(),
        quotes: tape.quotes.len() as u64,
        crossed: tape.crossed,
        one_sided: tape.one_sided,
        signals: tape.rows.len() as u64,
        by_other_tiers: tape.rows.iter().filter(|row| row.tier != Tier::Primary).count() as u64,
        covered_s: tape.covered_ns() as f64 / 1e9,
        segments: SegmentCounts::new(tape),
        volatility,
        series: series.iter().map(|series| judge.series(series)).collect(),
    }
}

/// Bandwidths that an interval by the normal distribution needs to be believed.
const BANDWIDTHS_MIN: f64 = 30.0;

fn warnings(found: &InstrumentJudgement) -> Vec<String> {
    let symbol = &found.symbol;
    if found.signals == 0 {
        return vec![format!("{symbol}: no signal to judge")];
    }
    let mut said = Vec::new();
    for at in found.series.first().iter().flat_map(|series| &series.horizons) {
        match at.ic {
            None => said.push(format!("{symbol}: {}: nothing that varies to judge", at.horizon)),
            Some(ic) if ic.bandwidths < BANDWIDTHS_MIN => said.push(format!(
                "{symbol}: {}: the interval rests on {:.0} bandwidths; too narrow below {BANDWIDTHS_MIN}",
                at.horizon, ic.bandwidths
            )),
            Some(_) => {}
        }
    }
    said
}
