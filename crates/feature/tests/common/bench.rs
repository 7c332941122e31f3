//! A few features fed and read by hand.

use super::{SCALE, START, level, options, trade};
use tickhawk_feature::{FeaturePlan, FeatureState, PlanOptions};
use tickhawk_market::{Level, Side, UnixNanos};

/// A few features of one instrument with prices to 1 decimal, quantities to 3, and a tick of 5.
pub struct Bench {
    pub state: FeatureState,
    count: usize,
}

impl Bench {
    pub fn new(names: &[&str]) -> Self {
        Self::with(names, options(64), Some(5))
    }

    pub fn with(names: &[&str], options: PlanOptions, tick: Option<i64>) -> Self {
        let plan = FeaturePlan::compile(names, options).unwrap();
        Self { state: FeatureState::new(&plan, SCALE, tick), count: names.len() }
    }

    pub fn book(&mut self, at: u64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> &mut Self {
        let side = |levels: &[(i64, i64)]| -> Vec<Level> {
            levels.iter().map(|&(price, qty)| level(price, qty)).collect()
        };
        self.state.on_book(UnixNanos::new(START + at), &side(bids), &side(asks));
        self
    }

    pub fn trade(&mut self, at: u64, price: i64, qty: i64, taker: Side) -> &mut Self {
        self.state.on_trade(UnixNanos::new(START + at), &trade(price, qty, taker));
        self
    }

    pub fn read(&mut self, at: u64) -> Vec<Option<f64>> {
        let (mut values, mut valid) = (vec![f64::NAN; self.count], [u64::MAX; 2]);
        self.state.fill_f64(UnixNanos::new(START + at), &mut values, &mut valid);
        for (index, value) in values.iter().enumerate() {
            let is_valid = valid[index / 64] >> (index % 64) & 1 == 1;
            assert!(value.is_finite());
            assert!(is_valid || *value == 0.0, "an unavailable feature is 0");
        }
        let is_valid = |index: usize| valid[index / 64] >> (index % 64) & 1 == 1;
        values.into_iter().enumerate().map(|(i, value)| is_valid(i).then_some(value)).collect()
    }
}
