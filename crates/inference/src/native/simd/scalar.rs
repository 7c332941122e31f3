//! The twin of the vector registers: arrays.
#![allow(unsafe_code, reason = "lines are seen as plain numbers")]

use super::{Kernel, LANES, Lanes, Line};
use std::slice;

/// Any machine.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

/// Each lane. Operations are functions of their own here, or every kernel would have sixteen copies
/// of each: this is the twin to compare with, not the way to be fast.
#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> [f32; LANES] {
    std::array::from_fn(f)
}

impl Lanes for Scalar {
    type F = [f32; LANES];
    const GROUP: usize = 1;
    const ROWS: usize = 1;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        *from
    }

    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        *to = value;
    }

    #[inline(always)]
    fn fours(self, from: &[f32; 4]) -> Self::F {
        each(|lane| from[lane / 4])
    }

    #[inline(never)]
    fn swapped<const BY: usize>(self, a: Self::F) -> Self::F {
        each(|lane| a[lane ^ BY])
    }

    #[inline(always)]
    fn first(self, a: Self::F) -> f32 {
        a[0]
    }

    #[inline(never)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(never)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] + b[lane])
    }

    #[inline(never)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] - b[lane])
    }

    #[inline(never)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] * b[lane])
    }

    #[inline(never)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] / b[lane])
    }

    #[inline(never)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(never)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(never)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(never)]
    fn sqrt(self, a: Self::F) -> Self::F {
        each(|lane| a[lane].sqrt())
    }

    #[inline(never)]
    fn abs(self, a: Self::F) -> Self::F {
        each(|lane| a[lane].abs())
    }

    #[inline(never)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        each(|lane| if a[lane] < b[lane] { yes[lane] } else { no[lane] })
    }

    #[inline(never)]
    fn exp2_of_bits(self, a: Self::F) -> Self::F {
        each(|lane| f32::from_bits(a[lane].to_bits().wrapping_add(127) << 23))
    }
}

pub(super) fn flat(lines: &[Line]) -> &[f32] {
    // SAFETY: a line is sixteen numbers and nothing else, by its layout: 64 bytes, aligned to 64.
    unsafe { slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LANES) }
}

pub(super) fn flat_mut(lines: &mut [Line]) -> &mut [f32] {
    // SAFETY: as in `flat`; every value of these bytes is a line, and the borrow is exclusive.
    unsafe { slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LANES) }
}
