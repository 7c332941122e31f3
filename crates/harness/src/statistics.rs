//! Medians, and how far they can be trusted.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap: the ends of a 95 % interval then move by less than a hundredth of it.
const RESAMPLES: usize = 2_000;

/// A figure and the interval that holds its true value with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The median.
    pub value: f64,
    /// Both ends of the interval.
    pub interval: [f64; 2],
}

impl Estimate {
    /// The median of these, and its percentile bootstrap interval (Efron, 1979). The resampling is
    /// seeded: the same values give the same interval. `None` of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let value = median(values)?;
        let mut random = ChaCha8Rng::seed_from_u64(0x7469_636b);
        let mut resample = vec![0.0; values.len()];
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                resample.fill_with(|| values[random.random_range(0..values.len())]);
                middle(&mut resample)
            })
            .collect();
        medians.sort_unstable_by(f64::total_cmp);
        let end = |parts_per_1000: usize| medians[(RESAMPLES - 1) * parts_per_1000 / 1_000];
        Some(Self { value, interval: [end(25), end(975)] })
    }

    /// A figure that was counted and not measured.
    pub fn exact(value: f64) -> Self {
        Self { value, interval: [value, value] }
    }

    /// The ratio of two figures of one run that were not measured in pairs: the interval takes both
    /// ends at their worst.
    pub fn over(self, other: Self) -> Self {
        let [low, high] = self.interval;
        let [other_low, other_high] = other.interval;
        let interval = [low / other_high, high / other_low];
        Self { value: self.value / other.value, interval }
    }
}

/// The median; of an even number of values the upper one of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| middle(&mut values.to_vec()))
}

fn middle(values: &mut [f64]) -> f64 {
    let at = values.len() / 2;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

/// The value at or below which `parts` of 10,000 stand; `sorted` rises and is not empty.
pub(crate) fn percentile(sorted: &[f64], parts: usize) -> f64 {
    let rank = (sorted.len() * parts).div_ceil(10_000).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            [5_000, 9_900, 9_999, 10_000, 0].map(|p| percentile(&sorted, p)),
            [50.0, 99.0, 100.0, 100.0, 1.0]
        );
    }

    /// The interval of a median of 99 values from 0 to 1 is about the middle plus and minus 0.1
    /// (ranks 50 -+ 9.8), it always holds the median, and it is the same every time.
    #[test]
    fn intervals_hold_the_median() {
        let values: Vec<f64> = (0..99).map(|i| f64::from(i * 37 % 99) / 98.0).collect();
        let estimate = Estimate::of(&values).unwrap();
        assert_eq!(estimate.value, 0.5);
        let [low, high] = estimate.interval;
        assert!((0.35..0.47).contains(&low) && (0.53..0.65).contains(&high), "{estimate:?}");
        assert_eq!(Estimate::of(&values), Some(estimate));
    }

    #[test]
    fn ratios_take_both_ends_at_their_worst() {
        let one = Estimate { value: 2.0, interval: [1.0, 4.0] };
        let other = Estimate { value: 4.0, interval: [2.0, 8.0] };
        let ratio = one.over(other);
        assert_eq!((ratio.value, ratio.interval), (0.5, [0.125, 2.0]));
    }
}
