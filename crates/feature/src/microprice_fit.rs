//! Fitting the micro-price. Cold: before trading, over recorded books.
//!
//! A state x is an imbalance bucket and a spread. Over the observed steps x -> y, each also counted
//! mirrored (imbalance turned over, mid change negated), so that buying and selling pressure weigh
//! the same:
//!
//! ```text
//! Q[x][y] = P(mid unchanged, next state y | x)      G1 = (1 - Q)^-1 E   first mid change
//! T[x][y] = P(mid changed,   next state y | x)      B  = (1 - Q)^-1 T   state after it
//! E[x]    = expected mid change | x                 G* = G1 + B G1 + B^2 G1 + ...
//! ```

use crate::error::FeatureError;
use crate::microprice::{IMBALANCE_BUCKETS, Microprice, Observation, SPREADS, state};
use tickhawk_market::Level;

const STATES: usize = IMBALANCE_BUCKETS * SPREADS;

/// Terms of G* until it must have settled. Each is a mid change ahead; dozens suffice in practice.
const MAX_TERMS: usize = 100_000;

/// What a term of G* may still add, in ticks.
const SETTLED_TICKS: f64 = 1e-13;

/// A pivot below this means that the mid never moves from there.
const LEAST_PIVOT: f64 = 1e-12;

/// Counts of observed steps, from which [`fit`](Self::fit) makes a table.
#[derive(Clone, Debug)]
pub struct MicropriceFit {
    visits: [f64; STATES],
    unmoved: Box<[[f64; STATES]; STATES]>,
    moved: Box<[[f64; STATES]; STATES]>,
    mid_change_ticks: [f64; STATES],
    last: Option<usize>,
    last_doubled_mid: i128,
}

impl Default for MicropriceFit {
    fn default() -> Self {
        Self::new()
    }
}

impl MicropriceFit {
    /// No step observed.
    pub fn new() -> Self {
        Self {
            visits: [0.0; STATES],
            unmoved: Box::new([[0.0; STATES]; STATES]),
            moved: Box::new([[0.0; STATES]; STATES]),
            mid_change_ticks: [0.0; STATES],
            last: None,
            last_doubled_mid: 0,
        }
    }

    /// Counts the step from the observation before to this one.
    pub fn observe(&mut self, observation: Observation) {
        let known = observation.imbalance_bucket < IMBALANCE_BUCKETS
            && (1..=SPREADS).contains(&observation.spread_ticks);
        let next = known.then(|| index(observation.spread_ticks, observation.imbalance_bucket));
        if let (Some(from), Some(to)) = (self.last, next) {
            self.count(from, to, observation.mid_change_ticks);
            self.count(mirror(from), mirror(to), -observation.mid_change_ticks);
        }
        self.last = next;
    }

    /// Counts the step to this best bid and ask. A spread outside 1 to [`SPREADS`] ticks breaks
    /// the sequence.
    ///
    /// # Panics
    /// If `tick` is not positive.
    pub fn on_book(&mut self, bid: Level, ask: Level, tick: i64) {
        assert!(tick > 0, "a tick is a positive number of price units");
        let Some((spread_ticks, imbalance_bucket)) = state(bid, ask, tick) else {
            return self.interrupt();
        };
        let doubled_mid = i128::from(bid.price.units()) + i128::from(ask.price.units());
        let change = (doubled_mid - self.last_doubled_mid) as f64 / (2.0 * tick as f64);
        self.last_doubled_mid = doubled_mid;
        self.observe(Observation { imbalance_bucket, spread_ticks, mid_change_ticks: change });
    }

    /// Breaks the sequence, as a new epoch does: the next observation begins another.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    fn count(&mut self, from: usize, to: usize, mid_change_ticks: f64) {
        self.visits[from] += 1.0;
        let moved = mid_change_ticks != 0.0;
        let steps = if moved { &mut self.moved } else { &mut self.unmoved };
        steps[from][to] += 1.0;
        self.mid_change_ticks[from] += mid_change_ticks;
    }

    /// The table that the observed steps give.
    pub fn fit(&self) -> Result<Microprice, FeatureError> {
        let Equations { after, change: first_change, .. } = self.equations().solve()?;
        let mut offsets = first_change;
        let mut term = first_change;
        let mut terms = 0;
        while term.iter().any(|ticks| ticks.abs() > SETTLED_TICKS) {
            terms += 1;
            if terms > MAX_TERMS || term.iter().any(|ticks| !ticks.is_finite()) {
                return Err(FeatureError::MicropriceDiverges);
            }
            let row_times_term =
                |row: &[f64; STATES]| row.iter().zip(&term).map(|(b, g)| b * g).sum::<f64>();
            term = core::array::from_fn(|state| row_times_term(&after[state]));
            offsets.iter_mut().zip(&term).for_each(|(offset, ticks)| *offset += ticks);
        }
        let table = core::array::from_fn(|row| {
            core::array::from_fn(|bucket| {
                let state = index(row + 1, bucket);
                // Symmetric counts make an odd table; the last rounding is taken out as well.
                let odd = (offsets[state] - offsets[mirror(state)]) / 2.0;
                (self.visits[state] > 0.0).then_some(odd)
            })
        });
        Ok(Microprice::from_table(table))
    }

    /// (1 - Q | T E), still to be solved.
    fn equations(&self) -> Equations {
        let mut equations = Equations {
            left: Box::new([[0.0; STATES]; STATES]),
            after: self.moved.clone(),
            change: self.mid_change_ticks,
        };
        for state in 0..STATES {
            let visits = self.visits[state].max(1.0);
            for other in 0..STATES {
                let unit = if state == other { 1.0 } else { 0.0 };
                equations.left[state][other] = unit - self.unmoved[state][other] / visits;
                equations.after[state][other] /= visits;
            }
            equations.change[state] /= visits;
        }
        equations
    }
}

/// `left` times the unknowns is `after` and `change`: solved, those are B and G1.
struct Equations {
    left: Box<[[f64; STATES]; STATES]>,
    after: Box<[[f64; STATES]; STATES]>,
    change: [f64; STATES],
}

impl Equations {
    /// Gauss-Jordan elimination with the largest pivots.
    fn solve(mut self) -> Result<Self, FeatureError> {
        for column in 0..STATES {
            self.pivot(column)?;
            let scale = self.left[column][column];
            self.left[column].iter_mut().for_each(|value| *value /= scale);
            self.after[column].iter_mut().for_each(|value| *value /= scale);
            self.change[column] /= scale;
            let (left, after) = (self.left[column], self.after[column]);
            for row in (0..STATES).filter(|row| *row != column) {
                let factor = self.left[row][column];
                if factor != 0.0 {
                    subtract(&mut self.left[row], &left, factor);
                    subtract(&mut self.after[row], &after, factor);
                    self.change[row] -= factor * self.change[column];
                }
            }
        }
        Ok(self)
    }

    /// Brings the row with the largest entry of `column` to its place.
    fn pivot(&mut self, column: usize) -> Result<(), FeatureError> {
        let size = |row: &usize| self.left[*row][column].abs();
        let largest = (column..STATES)
            .max_by(|a, b| size(a).total_cmp(&size(b)))
            .expect("a column has at least its own row");
        if size(&largest) < LEAST_PIVOT {
            let (bucket, spread_ticks) =
                (column % IMBALANCE_BUCKETS, column / IMBALANCE_BUCKETS + 1);
            return Err(FeatureError::MicropriceUnmoved { bucket, spread_ticks });
        }
        self.left.swap(largest, column);
        self.after.swap(largest, column);
        self.change.swap(largest, column);
        Ok(())
    }
}

impl Microprice {
    /// Fits a table to one unbroken sequence; [`MicropriceFit`] takes several.
    pub fn fit(observations: impl IntoIterator<Item = Observation>) -> Result<Self, FeatureError> {
        let mut fit = MicropriceFit::new();
        observations.into_iter().for_each(|observation| fit.observe(observation));
        fit.fit()
    }
}

fn subtract(row: &mut [f64; STATES], pivot: &[f64; STATES], factor: f64) {
    row.iter_mut().zip(pivot).for_each(|(value, pivot)| *value -= factor * pivot);
}

fn index(spread_ticks: usize, bucket: usize) -> usize {
    (spread_ticks - 1) * IMBALANCE_BUCKETS + bucket
}

/// The same spread with the imbalance turned over.
fn mirror(state: usize) -> usize {
    let bucket = state % IMBALANCE_BUCKETS;
    state - bucket + (IMBALANCE_BUCKETS - 1 - bucket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickhawk_market::{Price, Qty};

    /// A market where heavy bids precede a rise of one tick three times in four.
    fn observations() -> Vec<Observation> {
        let mut out = Vec::new();
        let mut seed = 7u64;
        let mut last = 5;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = (seed >> 33) % 100;
            let mid_change_ticks = match (last, draw) {
                (8.., 0..30) | (..2, 0..10) => 1.0,
                (8.., 30..40) | (..2, 10..40) => -1.0,
                _ => 0.0,
            };
            last = ((seed >> 17) % 10) as usize;
            out.push(Observation { imbalance_bucket: last, spread_ticks: 1, mid_change_ticks });
        }
        out
    }

    #[test]
    fn pressure_moves_the_microprice() {
        let fitted = Microprice::fit(observations()).unwrap();
        let row = fitted.table()[0];
        for bucket in 0..10 {
            let (here, there) = (row[bucket].unwrap(), row[9 - bucket].unwrap());
            assert_eq!(here, -there, "antisymmetric by construction");
        }
        // From bucket 9 the expected move is 0.3 - 0.1, and what comes after is symmetric.
        assert!((row[9].unwrap() - 0.2).abs() < 0.02, "{row:?}");
        assert!(row[5].unwrap().abs() < 0.02, "{row:?}");
        assert_eq!(fitted.table()[1], [None; 10]);
    }

    #[test]
    fn a_two_state_chain_by_hand() {
        // Bucket 9 goes to bucket 0 with the mid a tick up every other time, else stays. By
        // mirror, bucket 0 goes back a tick down: G1(9) = 1, B swaps them, G* = 1 - 1 + 1 ...
        let step = |bucket, change| Observation {
            imbalance_bucket: bucket,
            spread_ticks: 1,
            mid_change_ticks: change,
        };
        let swing = [step(9, 0.0), step(9, 0.0), step(0, 1.0), step(0, 0.0)];
        assert_eq!(Microprice::fit(swing), Err(FeatureError::MicropriceDiverges));
        // If it lands in the middle, where moves are even, the sum ends with its first term.
        let settle = [
            step(9, 0.0),
            step(9, 0.0),
            step(4, 1.0),
            step(5, 0.5),
            step(9, 0.0),
            step(4, 1.0),
            step(5, -0.5),
            step(4, 0.0),
            step(5, 0.0),
        ];
        let fitted = Microprice::fit(settle).unwrap();
        let row = fitted.table()[0];
        assert!((row[9].unwrap() - 1.0).abs() < 0.2, "{row:?}");
    }

    #[test]
    fn a_mid_that_never_moves_is_refused() {
        let still = [5, 5, 5].map(|imbalance_bucket| Observation {
            imbalance_bucket,
            spread_ticks: 2,
            mid_change_ticks: 0.0,
        });
        let error = Microprice::fit(still).unwrap_err();
        assert!(matches!(error, FeatureError::MicropriceUnmoved { spread_ticks: 2, .. }));
    }

    #[test]
    fn books_become_observations() {
        let level = |price, qty| Level { price: Price::new(price), qty: Qty::new(qty) };
        assert_eq!(state(level(100, 9), level(105, 1), 5), Some((1, 9)));
        assert_eq!(state(level(100, 1), level(110, 9), 5), Some((2, 1)));
        assert_eq!(state(level(100, 1), level(100, 0), 5), None, "locked");
        assert_eq!(state(level(100, 1), level(125, 1), 5), None, "too wide");
        assert_eq!(state(level(100, 7), level(105, 0), 5), Some((1, 9)));
        let mut fit = MicropriceFit::new();
        fit.on_book(level(100, 9), level(105, 1), 5);
        fit.on_book(level(105, 1), level(110, 1), 5);
        assert_eq!(fit.visits.iter().sum::<f64>(), 2.0);
        assert_eq!(fit.mid_change_ticks[9], 1.0);
        fit.interrupt();
        fit.on_book(level(200, 9), level(205, 1), 5);
        assert_eq!(fit.visits.iter().sum::<f64>(), 2.0);
    }
}
