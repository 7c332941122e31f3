//! The twin of the vector registers: arrays.
#![allow(unsafe_code, reason = "lines are seen as plain numbers")]

use super::{LANES, Lanes, Line};
use std::slice;

/// Any machine.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

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
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        each(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        each(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        each(|lane| a[lane].sqrt())
    }

    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        each(|lane| a[lane].abs())
    }

    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        each(|lane| if a[lane] < b[lane] { yes[lane] } else { no[lane] })
    }

    #[inline(always)]
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
