//! Z-scores of a book feature against its own past.
//!
//! The window holds integers: quantities in their own units, imbalances rounded to 2^-44, values in
//! ticks rounded to 2^-30, so that mean and variance come from exact sums and an unchanging feature
//! has a standard deviation of exactly zero.

use crate::book::{BookFeature, Top};
use crate::measure::{Measure, float, float_of_unsigned};

/// Past values a score needs.
pub(crate) const MIN_PAST_VALUES: u64 = 30;

/// Readings beyond this are not kept, so that sums of squared deviations fit: 2^20 readings (the
/// largest ring) within 2^53 of their mean sum up to 2^126.
pub(crate) const READING_MAX: i64 = 1 << 52;

/// Running sums of integers; the squares wrap around, see [`score`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) sum: i128,
    squares: u128,
}

impl Moments {
    /// Puts a reading in.
    #[inline]
    pub(crate) fn add(&mut self, reading: i64) {
        self.add_first(reading);
        self.squares = self.squares.wrapping_add(square(reading));
    }

    /// Takes a reading out.
    #[inline]
    pub(crate) fn remove(&mut self, reading: i64) {
        self.remove_first(reading);
        self.squares = self.squares.wrapping_sub(square(reading));
    }

    /// As [`add`](Self::add), of what no score is made of. The largest ring holds 2^20 cells, whose
    /// sum fits by far.
    #[inline]
    pub(crate) fn add_first(&mut self, cell: i64) {
        self.sum = self.sum.wrapping_add(i128::from(cell));
    }

    /// As [`remove`](Self::remove), of what no score is made of.
    #[inline]
    pub(crate) fn remove_first(&mut self, cell: i64) {
        self.sum = self.sum.wrapping_sub(i128::from(cell));
    }
}

#[inline]
fn square(reading: i64) -> u128 {
    (i128::from(reading) * i128::from(reading)) as u128
}

/// (x - mean) / sd over `count` readings, population sd; `None` below [`MIN_PAST_VALUES`] and if
/// the readings are all equal.
///
/// n^2 variance = n squares - sum^2, which is taken as it stands where it fits, as it does unless
/// windows are long and values large. Else, with c any integer near the mean and r = sum - n c, the sum of squares around c is
/// S = squares - 2 c sum + n c^2. It is taken modulo 2^128, where it is exact because the true S
/// fits; then n^2 variance = n S - r^2 without cancellation.
pub(crate) fn score(count: u64, moments: Moments, reading: i64) -> Option<f64> {
    if count < MIN_PAST_VALUES {
        return None;
    }
    let scaled_variance = match narrow_variance(count, moments) {
        Some(scaled) => float_of_unsigned(scaled),
        None => centred_variance(count, moments),
    };
    let distance = i128::from(count) * i128::from(reading) - moments.sum;
    (scaled_variance > 0.0).then(|| float(distance) / scaled_variance.sqrt())
}

/// n^2 variance, if n squares is below 2^127: no less than sum^2, by Cauchy and Schwarz.
#[inline]
fn narrow_variance(count: u64, moments: Moments) -> Option<u128> {
    let fits = moments.squares.leading_zeros() + count.leading_zeros() > 64;
    let sum = i64::try_from(moments.sum).ok().filter(|_| fits)?;
    let product = (moments.squares as u64 as u128 * u128::from(count))
        .wrapping_add((((moments.squares >> 64) as u64).wrapping_mul(count) as u128) << 64);
    Some(product - square(sum))
}

/// n^2 variance around the mean.
#[cold]
fn centred_variance(count: u64, moments: Moments) -> f64 {
    let n = i128::from(count);
    let centre = i128::from((float(moments.sum) / count as f64) as i64);
    let rest = moments.sum - n * centre;
    let centred = (moments.squares)
        .wrapping_sub((2 * centre).wrapping_mul(moments.sum) as u128)
        .wrapping_add(n.wrapping_mul(centre).wrapping_mul(centre) as u128)
        as i128;
    match centred.checked_mul(n) {
        Some(product) => float(product - rest * rest),
        None => float(centred) * count as f64,
    }
}

/// A book feature's value as an integer of its quantum; `None` without one and beyond
/// [`READING_MAX`].
#[inline]
pub(crate) fn reading(feature: BookFeature, top: &Top, measure: &Measure) -> Option<i64> {
    if feature.is_quantity() {
        return within(feature.qty_units(top, measure)?);
    }
    rounded(feature.value(top, measure)? * quanta(feature))
}

/// A reading that is not beyond [`READING_MAX`].
#[inline]
pub(crate) fn within(reading: i64) -> Option<i64> {
    (reading.unsigned_abs() <= READING_MAX as u64).then_some(reading)
}

/// The nearest integer, ties to the even one; `None` beyond [`READING_MAX`].
#[inline]
fn rounded(value: f64) -> Option<i64> {
    /// Of doubles between 2^52 and 2^53 only integers are left: the sum is rounded as it should be.
    const INTEGERS: f64 = (1u64 << 52) as f64 * 1.5;
    let whole = match value.abs() < (1u64 << 51) as f64 {
        true => (value + INTEGERS) - INTEGERS,
        false => value.round_ties_even(),
    };
    (whole.abs() <= READING_MAX as f64).then_some(whole as i64)
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
            sum.add(reading);
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
                assert_eq!(rounded(value), Some(expected), "{value}");
            }
        }
        assert_eq!(rounded(limit), Some(READING_MAX));
        for beyond in [limit + 1.0, f64::NAN, f64::INFINITY, -1e300] {
            assert_eq!(rounded(beyond), None);
        }
    }

    #[test]
    fn equal_values_have_no_score() {
        for level in [0, 7, -(1i64 << 52), 1 << 52] {
            assert_eq!(score(40, moments(&[level; 40]), 3), None);
        }
    }

    #[test]
    fn a_known_score() {
        let mut readings = vec![10; 20];
        readings.extend([14; 20]);
        assert_eq!(score(40, moments(&readings), 18), Some(3.0));
        assert_eq!(score(29, moments(&readings[..29]), 18), None);
    }

    #[test]
    fn extremes_stay_exact_though_squares_wrap() {
        let limit = 1i64 << 52;
        let mut readings = vec![limit; 1 << 19];
        readings.extend(vec![-limit; 1 << 19]);
        assert_eq!(score(1 << 20, moments(&readings), limit), Some(1.0));
        // One quantum apart, far from zero: floating point sums would see no variance at all.
        let mut readings = vec![limit; 50];
        readings.extend([limit - 2; 50]);
        assert_eq!(score(100, moments(&readings), limit), Some(1.0));
    }
}
