//! Running sums of pairs: what a regression slope and a covariance are made of.

use crate::measure::float;
use crate::rolling::Sample;

/// Two numbers observed together, each small enough that [`PairSums`] are exact.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) x: i64,
    pub(crate) y: i64,
}

/// Sums over pairs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PairSums {
    x: i128,
    y: i128,
    xx: i128,
    xy: i128,
}

impl Pair {
    /// A pair whose members are below 2^`bits` in magnitude.
    #[inline]
    pub(crate) fn within(x: i128, y: i128, bits: u32) -> Option<Self> {
        let limit = 1i128 << bits;
        let fits = x.abs() < limit && y.abs() < limit;
        fits.then_some(Self { x: x as i64, y: y as i64 })
    }
}

impl Sample for Pair {
    type Sum = PairSums;

    #[inline]
    fn add(self, sum: &mut PairSums) {
        let (x, y) = (i128::from(self.x), i128::from(self.y));
        sum.x += x;
        sum.y += y;
        sum.xx += x * x;
        sum.xy += x * y;
    }

    #[inline]
    fn remove(self, sum: &mut PairSums) {
        let (x, y) = (i128::from(self.x), i128::from(self.y));
        sum.x -= x;
        sum.y -= y;
        sum.xx -= x * x;
        sum.xy -= x * y;
    }
}

impl PairSums {
    /// n^2 times the covariance over `n` pairs.
    pub(crate) fn scaled_covariance(&self, n: u64) -> i128 {
        i128::from(n) * self.xy - self.x * self.y
    }

    /// The least-squares slope of y on x over `n` pairs; `None` if x does not vary.
    pub(crate) fn slope(&self, n: u64) -> Option<f64> {
        let scaled_variance = i128::from(n) * self.xx - self.x * self.x;
        (scaled_variance > 0).then(|| float(self.scaled_covariance(n)) / float(scaled_variance))
    }
}
