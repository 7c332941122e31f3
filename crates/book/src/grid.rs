//! The price grid: which keys lie on it, and how many steps apart, without dividing.

use core::num::NonZeroU64;

/// Strides above this leave no room for a whole window inside an `i64`; no venue's tick is near.
const STRIDE_MAX: u64 = 1 << 46;

/// Multiples of one stride. Asking how many strides an offset is costs one multiplication and one
/// rotation: an offset that is a multiple, times the inverse of the stride's odd part, rotated by
/// its power of two, is the quotient; any other offset comes out larger than every true quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    stride: u64,
    inverse: u64,
    shift: u32,
}

impl Grid {
    /// A step of one unit, on which every price lies.
    pub(crate) const UNIT: Self = Self { stride: 1, inverse: 1, shift: 0 };

    /// Multiples of `stride`; of one unit if a window of such strides would not fit an `i64`.
    pub(crate) fn new(stride: NonZeroU64) -> Self {
        if stride.get() > STRIDE_MAX {
            return Self::UNIT;
        }
        let shift = stride.trailing_zeros();
        let odd = stride.get() >> shift;
        // Newton: an odd number inverts itself in its lowest 3 bits, and each round doubles them.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { stride: stride.get(), inverse, shift }
    }

    /// The distance between neighbours.
    #[inline]
    pub(crate) fn stride(self) -> u64 {
        self.stride
    }

    /// `offset / stride` if the stride divides it, else something above `u64::MAX / stride`.
    #[inline]
    pub(crate) fn steps(self, offset: u64) -> u64 {
        offset.wrapping_mul(self.inverse).rotate_right(self.shift)
    }

    /// The grid price at or below `price`.
    pub(crate) fn floor(self, price: i64) -> i128 {
        let stride = i128::from(self.stride);
        i128::from(price).div_euclid(stride) * stride
    }
}

/// The greatest common divisor; `gcd(0, n) = n`.
pub(crate) fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::{Grid, STRIDE_MAX, gcd};
    use core::num::NonZeroU64;

    fn grid(stride: u64) -> Grid {
        Grid::new(NonZeroU64::new(stride).unwrap())
    }

    #[test]
    fn steps_are_exact_quotients_or_out_of_reach() {
        for stride in [1, 2, 3, 5, 8, 10, 25, 50, 96, 1000, 1_000_003, 12_345_678, STRIDE_MAX] {
            let reach = u64::MAX / stride;
            for offset in (0..3 * stride.min(2000)).chain([u64::MAX, 1 << 63, stride * 65_535]) {
                let steps = grid(stride).steps(offset);
                if offset % stride == 0 {
                    assert_eq!(steps, offset / stride, "{offset} by {stride}");
                } else {
                    assert!(steps > reach, "{offset} by {stride} gave {steps}");
                }
            }
        }
    }

    #[test]
    fn absurd_strides_become_units() {
        assert_eq!(grid(STRIDE_MAX + 1), Grid::UNIT);
        assert_eq!(grid(1), Grid::UNIT);
    }

    #[test]
    fn floors_towards_minus_infinity() {
        assert_eq!(grid(10).floor(-1), -10);
        assert_eq!(grid(10).floor(19), 10);
        assert_eq!(grid(10).floor(i64::MIN), i128::from(i64::MIN) - 2);
    }

    #[test]
    fn greatest_common_divisors() {
        assert_eq!([gcd(0, 7), gcd(7, 0), gcd(30, 50), gcd(1 << 63, 6)], [7, 7, 10, 2]);
    }
}
