//! The functions of activations, on sixteen lanes: the same bits on every instruction set.
//!
//! Polynomials and range reductions are the usual ones of single precision (Moshier's Cephes for the
//! exponential); errors are said where they are measured, in the tests.

use super::simd::Lanes;

/// 1.5 x 2^23: added to a small number, it leaves the nearest whole one in the low mantissa bits.
const ROUNDER: f32 = 12_582_912.0;

/// e^a. Below -87.3 it gives 1.2e-38, above 88.37 it gives 2.4e38: never zero, never infinite.
/// NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(l: L, a: L::F) -> L::F {
    exp_within(l, l.min(l.splat(88.37), l.max(l.splat(-87.3), a)))
}

/// e^a for a of -87.3 to 88.37; of NaN, NaN.
#[inline(always)]
pub(crate) fn exp_within<L: Lanes>(l: L, a: L::F) -> L::F {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts: the first one has so few digits that its multiples are exact.
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = l.fma(a, l.splat(LOG2_E), l.splat(ROUNDER));
    let n = l.sub(shifted, l.splat(ROUNDER));
    let r = l.fma(n, l.splat(-LN2_HIGH), a);
    let r = l.fma(n, l.splat(-LN2_LOW), r);
    // Terms in pairs, and pairs in pairs: a shorter wait than for one after the other.
    let square = l.mul(r, r);
    let first = l.fma(l.splat(1.666_666_5e-1), r, l.splat(0.5));
    let second = l.fma(l.splat(8.333_452e-3), r, l.splat(4.166_579_6e-2));
    let third = l.fma(l.splat(1.987_569_1e-4), r, l.splat(1.398_2e-3));
    let p = l.fma(l.fma(third, square, second), square, first);
    let p = l.fma(p, square, l.add(l.splat(1.0), r));
    l.mul(p, l.exp2_of_bits(shifted))
}

/// 1 / (1 + e^-a).
#[inline(always)]
pub(crate) fn sigmoid<L: Lanes>(l: L, a: L::F) -> L::F {
    let one = l.splat(1.0);
    l.div(one, l.add(one, exp(l, l.sub(l.splat(0.0), a))))
}

/// The hyperbolic tangent: a polynomial near zero, where the quotient would lose digits.
#[inline(always)]
pub(crate) fn tanh<L: Lanes>(l: L, a: L::F) -> L::F {
    let one = l.splat(1.0);
    let size = l.abs(a);
    let e = exp(l, l.mul(size, l.splat(-2.0)));
    let far = l.div(l.sub(one, e), l.add(one, e));
    let far = l.select_less(a, l.splat(0.0), l.sub(l.splat(0.0), far), far);
    let z = l.mul(a, a);
    let mut p = l.splat(-5.704_988e-3);
    for coefficient in [2.063_909e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328e-1] {
        p = l.fma(p, z, l.splat(coefficient));
    }
    let near = l.fma(l.mul(p, z), a, a);
    l.select_less(size, l.splat(0.625), near, far)
}
