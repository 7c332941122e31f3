//! Stoikov's micro-price (2018): where the mid is expected to settle, given the imbalance and the
//! spread, by a table fitted to the instrument's own past.

use tickhawk_market::Level;

/// Buckets the imbalance qb / (qb + qa) is cut into: `[0, 0.1)`, ..., `[0.9, 1]`.
pub const IMBALANCE_BUCKETS: usize = 10;

/// Spreads the table knows: 1 to this many ticks.
pub const SPREADS: usize = 4;

/// A fitted table: micro-price minus mid in ticks, by spread and imbalance. A state that was never
/// observed has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Microprice {
    offsets_ticks: [[Option<f64>; IMBALANCE_BUCKETS]; SPREADS],
}

/// One observation of the top of the book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Imbalance bucket, below [`IMBALANCE_BUCKETS`].
    pub imbalance_bucket: usize,
    /// Spread in ticks, 1 to [`SPREADS`]. An observation outside that breaks the sequence.
    pub spread_ticks: usize,
    /// Change of the mid since the observation before, in ticks.
    pub mid_change_ticks: f64,
}

impl Microprice {
    /// A table from elsewhere: `offsets_ticks[spread in ticks - 1][imbalance bucket]`.
    pub fn from_table(offsets_ticks: [[Option<f64>; IMBALANCE_BUCKETS]; SPREADS]) -> Self {
        Self { offsets_ticks }
    }

    /// The table: `[spread in ticks - 1][imbalance bucket]`.
    pub fn table(&self) -> &[[Option<f64>; IMBALANCE_BUCKETS]; SPREADS] {
        &self.offsets_ticks
    }

    /// Micro-price minus mid in ticks, at a tick of `tick` price units, above 0; `None` for a spread
    /// or a state the table does not know.
    #[inline]
    pub fn offset_ticks_of(&self, bid: Level, ask: Level, tick: i64) -> Option<f64> {
        let (spread, bucket) = state(bid, ask, tick)?;
        self.offsets_ticks[spread - 1][bucket]
    }
}

/// Spread in whole ticks (the nearest, 1 to [`SPREADS`]) and imbalance bucket.
#[inline]
pub(crate) fn state(bid: Level, ask: Level, tick: i64) -> Option<(usize, usize)> {
    let (bid_qty, ask_qty) = (i128::from(bid.qty.units()), i128::from(ask.qty.units()));
    let tick = i128::from(tick);
    let spread = i128::from(ask.price.units()) - i128::from(bid.price.units());
    let spread_ticks = (spread + tick / 2).div_euclid(tick);
    if !(1..=SPREADS as i128).contains(&spread_ticks) || bid_qty + ask_qty <= 0 {
        return None;
    }
    let bucket = bid_qty * IMBALANCE_BUCKETS as i128 / (bid_qty + ask_qty);
    Some((spread_ticks as usize, (bucket as usize).min(IMBALANCE_BUCKETS - 1)))
}
