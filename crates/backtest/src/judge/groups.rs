//! Rows in groups: tenths of the signal, hours of the day, calm and wild times.

use super::correlation::{
    Estimate, Overlap, average_ranks, bandwidth, estimate, mean_of, standardised,
};
use crate::tape::InstrumentTape;
use serde::{Deserialize, Serialize};

/// One tenth of the rows by signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecileRow {
    /// 1 for the lowest signals, 10 for the highest.
    pub decile: u32,
    /// The lowest signal in it.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// Mean return in basis points, with its rows.
    pub mean_return_bps: Estimate,
}

/// Mean returns by tenths of the signal. A row's tenth is that of its average rank, so that equal
/// signals stay together: tenths may then differ in size, or be missing.
pub fn deciles(signals: &[f64], returns_bps: &[f64], overlap: Overlap<'_>) -> Vec<DecileRow> {
    let count = signals.len() as f64;
    let tenth = |rank: &f64| (((rank - 0.5) / count * 10.0) as u32).min(9) + 1;
    let tenths: Vec<u32> = average_ranks(signals).iter().map(tenth).collect();
    let row = |decile: u32| {
        let chosen: Vec<bool> = tenths.iter().map(|of| *of == decile).collect();
        let of = || signals.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(x, _)| *x);
        Some(DecileRow {
            decile,
            low: of().reduce(f64::min)?,
            high: of().reduce(f64::max)?,
            mean_return_bps: mean_of(returns_bps, &chosen, overlap)?,
        })
    };
    (1..=10).filter_map(row).collect()
}

/// The correlation within one group of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Which: an hour of the day in UTC (`00` to `23`), or `low`, `middle`, `high` volatility.
    pub group: String,
    /// Labelled rows in it.
    pub rows: u64,
    /// Pearson's correlation, or null where signal or return do not vary.
    pub ic: Option<Estimate>,
    /// Spearman's, or null.
    pub rank_ic: Option<Estimate>,
}

/// The correlations of the rows whose group is this one.
pub fn grouped<G: PartialEq>(
    groups: &[G],
    group: &G,
    name: &str,
    (x, y): (&[f64], &[f64]),
    (positions, reach): (&[u64], u64),
) -> GroupRow {
    let chosen = || groups.iter().enumerate().filter(|(_, of)| *of == group).map(|(row, _)| row);
    let x: Vec<f64> = chosen().map(|row| x[row]).collect();
    let y: Vec<f64> = chosen().map(|row| y[row]).collect();
    let positions: Vec<u64> = chosen().map(|row| positions[row]).collect();
    let [ic, rank_ic] = correlations(&x, &y, &positions, reach);
    GroupRow { group: name.to_owned(), rows: x.len() as u64, ic, rank_ic }
}

/// Pearson's and Spearman's correlation, where both vary.
pub fn correlations(x: &[f64], y: &[f64], positions: &[u64], reach: u64) -> [Option<Estimate>; 2] {
    let overlap = Overlap { positions, bandwidth: bandwidth(positions, reach) };
    let of = |x: &[f64], y: &[f64]| Some(estimate(&standardised(x)?, &standardised(y)?, overlap));
    [of(x, y), of(&average_ranks(x), &average_ranks(y))]
}

/// How a row's past volatility compares with that of other rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// No stretch of book that long lies before it.
    Unknown,
    /// The lowest third.
    Low,
    /// The one between.
    Middle,
    /// The highest third.
    High,
}

impl Regime {
    /// Those with a name.
    pub const NAMED: [(Self, &str); 3] =
        [(Self::Low, "low"), (Self::Middle, "middle"), (Self::High, "high")];
}

/// Past volatility over all signals of an instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolatilityRow {
    /// How far back is looked, in milliseconds.
    pub window_ms: f64,
    /// Up to this, in basis points, is low.
    pub lower_bps: f64,
    /// Above this is high.
    pub upper_bps: f64,
    /// Signals with no such stretch of book before them: they are in no group.
    pub without: u64,
}

/// Realised volatility before each row: the square root of the sum of squared returns of the mid
/// from book message to book message, in basis points, over the window up to and with the row's own
/// message. It is known when the signal is made.
pub fn past_volatility(tape: &InstrumentTape, window_ns: u64) -> Vec<Option<f64>> {
    let mut sums = vec![0.0; tape.quotes.len()];
    for (index, pair) in tape.quotes.windows(2).enumerate() {
        let (before, after) = (pair[0].mid(), pair[1].mid());
        let change = if before > 0.0 { (after - before) / before * 1e4 } else { 0.0 };
        sums[index + 1] = sums[index] + change * change;
    }
    let mut from = 0usize;
    let volatility = |row: &crate::tape::Row| {
        let first = tape.segments[row.segment as usize].first as usize;
        let begins = tape.at(row).checked_sub(window_ns)?;
        from = from.max(first);
        if tape.quotes[first].received_at.nanos() > begins {
            return None;
        }
        while tape.quotes[from + 1..=row.quote as usize]
            .first()
            .is_some_and(|next| next.received_at.nanos() <= begins)
        {
            from += 1;
        }
        Some((sums[row.quote as usize] - sums[from]).max(0.0).sqrt())
    };
    tape.rows.iter().map(volatility).collect()
}

/// Thirds of the rows by past volatility. Where the thirds begin is known only of the whole
/// recording; in which one a row would be, from then on, at once.
pub fn regimes(volatility: &[Option<f64>], window_ns: u64) -> (Vec<Regime>, Option<VolatilityRow>) {
    let mut known: Vec<f64> = volatility.iter().flatten().copied().collect();
    known.sort_unstable_by(f64::total_cmp);
    if known.is_empty() {
        return (vec![Regime::Unknown; volatility.len()], None);
    }
    let at = |third: usize| known[(known.len() * third).div_ceil(3) - 1];
    let (lower_bps, upper_bps) = (at(1), at(2));
    let regime = |volatility: &Option<f64>| match volatility {
        None => Regime::Unknown,
        Some(low) if *low <= lower_bps => Regime::Low,
        Some(middle) if *middle <= upper_bps => Regime::Middle,
        Some(_) => Regime::High,
    };
    let row = VolatilityRow {
        window_ms: window_ns as f64 / 1e6,
        lower_bps,
        upper_bps,
        without: (volatility.len() - known.len()) as u64,
    };
    (volatility.iter().map(regime).collect(), Some(row))
}

/// The hour of the day, UTC.
pub fn hour_of(at_ns: u64) -> u32 {
    (at_ns / 3_600_000_000_000 % 24) as u32
}
