//! The functions a recurrent cell may be written with.

use super::Row;
use crate::native::math;
use crate::native::simd::Lanes;

/// One of ONNX's activation functions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Sigmoid,
    Tanh,
    Relu,
    LeakyRelu { alpha: f32 },
    HardSigmoid { alpha: f32, beta: f32 },
    Affine { alpha: f32, beta: f32 },
    Softsign,
}

impl Activation {
    /// By ONNX's name, whose case it does not mind. `alpha` and `beta` yield the next number the
    /// node gives, and are asked only by functions that have one.
    pub(super) fn named(
        name: &str,
        mut alpha: impl FnMut() -> Option<f32>,
        mut beta: impl FnMut() -> Option<f32>,
    ) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "softsign" => Self::Softsign,
            "leakyrelu" => Self::LeakyRelu { alpha: alpha().unwrap_or(0.01) },
            "hardsigmoid" => {
                Self::HardSigmoid { alpha: alpha().unwrap_or(0.2), beta: beta().unwrap_or(0.5) }
            }
            "affine" => Self::Affine { alpha: alpha().unwrap_or(1.0), beta: beta().unwrap_or(0.0) },
            _ => return None,
        })
    }
}

/// Each function of its row, in place. All of a cell's go through here at once: the code of seven
/// functions is long, and stands wherever they are called.
#[inline(always)]
pub(super) fn apply<'a, L: Lanes>(l: L, rows: impl Iterator<Item = (Activation, &'a mut Row)>) {
    let zero = l.splat(0.0);
    for (function, row) in rows {
        let a = l.load(row);
        let value = match function {
            Activation::Sigmoid => l.div(l.splat(1.0), one_and_exp(l, a)),
            Activation::Tanh => math::tanh(l, a),
            Activation::Relu => l.max(zero, a),
            Activation::LeakyRelu { alpha } => l.select_less(a, zero, l.mul(a, l.splat(alpha)), a),
            Activation::HardSigmoid { alpha, beta } => {
                l.min(l.splat(1.0), l.max(zero, linear(l, a, alpha, beta)))
            }
            Activation::Affine { alpha, beta } => linear(l, a, alpha, beta),
            Activation::Softsign => l.div(a, l.add(l.splat(1.0), l.abs(a))),
        };
        l.store(value, row);
    }
}

#[inline(always)]
fn linear<L: Lanes>(l: L, a: L::F, alpha: f32, beta: f32) -> L::F {
    l.fma(a, l.splat(alpha), l.splat(beta))
}

/// What a logistic function is one over: 1 + e^-a. Beyond 30 either way the function is zero or
/// one to 1e-13, and products of a few of these stay finite.
#[inline(always)]
pub(super) fn one_and_exp<L: Lanes>(l: L, a: L::F) -> L::F {
    l.add(l.splat(1.0), exp_minus(l, a, 30.0))
}

/// e^-a, with a held between `-bound` and `bound`; of NaN, NaN.
#[inline(always)]
pub(super) fn exp_minus<L: Lanes>(l: L, a: L::F, bound: f32) -> L::F {
    let held = l.min(l.splat(bound), l.max(l.splat(-bound), a));
    math::exp_within(l, l.sub(l.splat(0.0), held))
}

/// A hyperbolic tangent as a quotient, for cells that have another to divide by at once:
/// `1 - e^-2a` and `1 + e^-2a`. Beyond 9.1 it is one in single precision.
#[inline(always)]
pub(super) fn tanh_parts<L: Lanes>(l: L, a: L::F) -> (L::F, L::F) {
    let e = exp_minus(l, l.add(a, a), 18.2);
    (l.sub(l.splat(1.0), e), l.add(l.splat(1.0), e))
}
