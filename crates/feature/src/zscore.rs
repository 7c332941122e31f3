//! Z-scores of a book feature against its own past.
//!
//! The window holds integers: quantities in their own units, imbalances rounded to 2^-44, values in
//! ticks rounded to 2^-30, so that mean and variance come from exact sums and an unchanging feature
//! has a standard deviation of exactly zero.

use crate::book::{BookFeature, Top};
use crate::measure::{Growth, Measure, float};
use crate::rolling::{Rolling, Sample};
use crate::window::{Now, Window};

/// Past values a score needs.
pub(crate) const MIN_PAST_VALUES: u64 = 30;

/// Readings beyond this are not kept, so that sums of squared deviations fit: 2^20 readings (the
/// largest ring) within 2^53 of their mean sum up to 2^126.
pub(crate) const READING_MAX: i128 = 1 << 52;

/// A book feature's value as an integer of its quantum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading(pub(crate) i64);

/// Running sums of readings; `squares` wraps around, see [`score`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    sum: i128,
    squares: u128,
}

impl Sample for Reading {
    type Sum = Moments;

    #[inline]
    fn add(self, sum: &mut Moments) {
        let reading = i128::from(self.0);
        sum.sum += reading;
        sum.squares = sum.squares.wrapping_add((reading * reading) as u128);
    }

    #[inline]
    fn remove(self, sum: &mut Moments) {
        let reading = i128::from(self.0);
        sum.sum -= reading;
        sum.squares = sum.squares.wrapping_sub((reading * reading) as u128);
    }
}

/// (x - mean) / sd over `count` readings, population sd; `None` below [`MIN_PAST_VALUES`] and if
/// the readings are all equal.
///
/// With c any integer near the mean and r = sum - n c, the sum of squares around c is
/// S = squares - 2 c sum + n c^2. It is taken modulo 2^128, where it is exact because the true S
/// fits; then n^2 variance = n S - r^2 without cancellation.
pub(crate) fn score(count: u64, moments: Moments, reading: Reading) -> Option<f64> {
    if count < MIN_PAST_VALUES {
        return None;
    }
    let n = i128::from(count);
    let centre = i128::from((float(moments.sum) / count as f64) as i64);
    let rest = moments.sum - n * centre;
    let centred = (moments.squares)
        .wrapping_sub((2 * centre).wrapping_mul(moments.sum) as u128)
        .wrapping_add(n.wrapping_mul(centre).wrapping_mul(centre) as u128)
        as i128;
    let scaled_variance = match centred.checked_mul(n) {
        Some(product) => float(product - rest * rest),
        None => float(centred) * count as f64,
    };
    let distance = n * i128::from(reading.0) - moments.sum;
    (scaled_variance > 0.0).then(|| float(distance) / scaled_variance.sqrt())
}

/// One feature's newest value and the windows over the values before it.
#[derive(Clone, Debug)]
pub(crate) struct ZScore {
    feature: BookFeature,
    /// The value at the newest message, which only the next message makes a past one.
    newest: Option<(u64, Reading)>,
    past: Rolling<Reading>,
    past_count: u64,
}

impl ZScore {
    pub(crate) fn new(feature: BookFeature, windows: &[Window], capacity: usize) -> Self {
        Self { feature, newest: None, past: Rolling::new(windows, capacity), past_count: 0 }
    }

    pub(crate) fn feature(&self) -> BookFeature {
        self.feature
    }

    /// Takes the value of the book message just set on `top`; the one before it becomes past.
    #[inline]
    pub(crate) fn on_book(&mut self, at: u64, top: &Top, measure: &Measure) {
        if let Some((past_at, reading)) = self.newest {
            self.past_count += 1;
            self.past.expire(Now { at, index: self.past_count });
            self.past.push(past_at, self.past_count, reading);
        }
        self.newest = self.read(top, measure).map(|reading| (at, reading));
    }

    fn read(&self, top: &Top, measure: &Measure) -> Option<Reading> {
        if self.feature.is_quantity() {
            let units = self.feature.qty_units(top, measure)?;
            return (units.abs() <= READING_MAX).then_some(Reading(units as i64));
        }
        rounded(self.feature.value(top, measure)? * quanta(self.feature))
    }

    #[inline]
    pub(crate) fn expire(&mut self, at: u64) {
        self.past.expire(Now { at, index: self.past_count });
    }

    pub(crate) fn touch(&self) {
        self.past.touch();
    }

    pub(crate) fn value(&self, window: usize) -> Option<f64> {
        score(self.past.count(window), self.past.sum(window), self.newest?.1)
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.past.overflows()
    }

    pub(crate) fn clear(&mut self) {
        self.newest = None;
        self.past.clear();
        self.past_count = 0;
    }

    /// Values in base units grow with the decimals; a window whose values then go beyond
    /// [`READING_MAX`] begins anew.
    #[cold]
    pub(crate) fn rescale(&mut self, growth: Growth) {
        if !self.feature.is_quantity() {
            return;
        }
        let grow = |reading: Reading| {
            let units = i128::from(reading.0) * i128::from(growth.qty);
            (units.abs() <= READING_MAX).then_some(Reading(units as i64))
        };
        let newest = self.newest.map(|(at, reading)| grow(reading).map(|grown| (at, grown)));
        if newest == Some(None) || !self.past.rescale(grow) {
            self.clear();
        } else {
            self.newest = newest.flatten();
        }
    }
}

/// The nearest integer, ties to the even one; `None` beyond [`READING_MAX`].
#[inline]
fn rounded(value: f64) -> Option<Reading> {
    /// Of doubles between 2^52 and 2^53 only integers are left: the sum is rounded as it should be.
    const INTEGERS: f64 = (1u64 << 52) as f64 * 1.5;
    let whole = match value.abs() < (1u64 << 51) as f64 {
        true => (value + INTEGERS) - INTEGERS,
        false => value.round_ties_even(),
    };
    (whole.abs() <= READING_MAX as f64).then_some(Reading(whole as i64))
}

/// Quanta to one: 2^44 for imbalances, 2^30 for values in ticks (up to 4 million of them).
pub(crate) fn quanta(feature: BookFeature) -> f64 {
    match feature {
        BookFeature::Obi { .. } => (1u64 << 44) as f64,
        _ => (1u64 << 30) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(readings: &[i64]) -> Moments {
        let mut sum = Moments::default();
        for &reading in readings {
            Reading(reading).add(&mut sum);
        }
        sum
    }

    #[test]
    fn readings_are_rounded_to_even() {
        let limit = READING_MAX as f64;
        let half_way = (1u64 << 51) as f64 - 0.5;
        for value in [0.0, 0.5, 1.5, 2.5, 0.49999999999999994, 1e15 + 0.5, half_way, limit - 0.5] {
            for value in [value, -value] {
                let expected = value.round_ties_even() as i64;
                assert_eq!(rounded(value), Some(Reading(expected)), "{value}");
            }
        }
        assert_eq!(rounded(limit), Some(Reading(READING_MAX as i64)));
        for beyond in [limit + 1.0, f64::NAN, f64::INFINITY, -1e300] {
            assert_eq!(rounded(beyond), None);
        }
    }

    #[test]
    fn equal_values_have_no_score() {
        for level in [0, 7, -(1i64 << 52), 1 << 52] {
            assert_eq!(score(40, moments(&[level; 40]), Reading(3)), None);
        }
    }

    #[test]
    fn a_known_score() {
        let mut readings = vec![10; 20];
        readings.extend([14; 20]);
        assert_eq!(score(40, moments(&readings), Reading(18)), Some(3.0));
        assert_eq!(score(29, moments(&readings[..29]), Reading(18)), None);
    }

    #[test]
    fn extremes_stay_exact_though_squares_wrap() {
        let limit = 1i64 << 52;
        let mut readings = vec![limit; 1 << 19];
        readings.extend(vec![-limit; 1 << 19]);
        assert_eq!(score(1 << 20, moments(&readings), Reading(limit)), Some(1.0));
        // One quantum apart, far from zero: floating point sums would see no variance at all.
        let mut readings = vec![limit; 50];
        readings.extend([limit - 2; 50]);
        assert_eq!(score(100, moments(&readings), Reading(limit)), Some(1.0));
    }
}
