//! What is done to each number by itself, and to each two.

use super::math;
use super::plan::apart;
use super::simd::{LANES, Lanes};
use std::ops::Range;

/// `to = op(from)`, over whole lines; `from` may be `to`.
#[derive(Debug)]
pub(crate) struct Unary {
    pub(crate) op: UnaryOp,
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<usize>,
}

/// `to = op(a, b)`, over whole lines.
#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) a: Range<usize>,
    pub(crate) b: Range<usize>,
    pub(crate) to: Range<usize>,
}

/// `to = yes` where `truth` is 1, else `no`, over whole lines.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) truth: Range<usize>,
    pub(crate) yes: Range<usize>,
    pub(crate) no: Range<usize>,
    pub(crate) to: Range<usize>,
}

/// A function of one number. NaN stays NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum UnaryOp {
    Abs,
    Celu { alpha: f32 },
    Ceil,
    Clip { min: f32, max: f32 },
    Cos,
    Elu { alpha: f32, gamma: f32 },
    Erf,
    Exp,
    Floor,
    Gelu,
    GeluTanh,
    HardSigmoid { alpha: f32, beta: f32 },
    HardSwish,
    LeakyRelu { alpha: f32 },
    Log,
    Mish,
    Neg,
    Not,
    Reciprocal,
    Relu,
    Round,
    Sigmoid,
    Sign,
    Sin,
    Softplus,
    Softsign,
    Sqrt,
    Tanh,
    ThresholdedRelu { alpha: f32 },
}

/// A function of two numbers. Truth is 1 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Pow,
    PRelu,
    Less,
    LessOrEqual,
    Equal,
    And,
    Or,
}

impl UnaryOp {
    #[inline(always)]
    pub(crate) fn apply<L: Lanes>(self, l: L, a: L::F) -> L::F {
        let zero = l.splat(0.0);
        let one = l.splat(1.0);
        match self {
            Self::Abs => l.abs(a),
            Self::Clip { min, max } => l.min(l.splat(max), l.max(l.splat(min), a)),
            Self::Exp => {
                // Of half, squared: so that it becomes infinite and zero where it should.
                let half = math::exp(l, l.mul(a, l.splat(0.5)));
                l.mul(half, half)
            }
            Self::HardSigmoid { alpha, beta } => {
                let line = l.add(l.mul(a, l.splat(alpha)), l.splat(beta));
                l.min(one, l.max(zero, line))
            }
            Self::HardSwish => {
                let line = l.add(l.mul(a, l.splat(1.0 / 6.0)), l.splat(0.5));
                l.mul(a, l.min(one, l.max(zero, line)))
            }
            Self::LeakyRelu { alpha } => l.select_less(a, zero, l.mul(a, l.splat(alpha)), a),
            Self::Neg => l.sub(zero, a),
            Self::Not => l.sub(one, a),
            Self::Reciprocal => l.div(one, a),
            Self::Relu => l.max(zero, a),
            Self::Sigmoid => math::sigmoid(l, a),
            Self::Softsign => l.div(a, l.add(one, l.abs(a))),
            Self::Sqrt => l.sqrt(a),
            Self::Tanh => math::tanh(l, a),
            Self::ThresholdedRelu { alpha } => l.select_less(l.splat(alpha), a, a, zero),
            _ => each(l, a, |number| self.rare(number)),
        }
    }

    /// What is too rare for vectors of its own.
    fn rare(self, a: f32) -> f32 {
        const SQRT_2_OVER_PI: f32 = 0.797_884_6;
        match self {
            Self::Celu { alpha } => {
                if a < 0.0 {
                    alpha * libm::expm1f(a / alpha)
                } else {
                    a
                }
            }
            Self::Ceil => a.ceil(),
            Self::Cos => libm::cosf(a),
            Self::Elu { alpha, gamma } => {
                if a < 0.0 {
                    gamma * alpha * libm::expm1f(a)
                } else {
                    gamma * a
                }
            }
            Self::Erf => libm::erff(a),
            Self::Floor => a.floor(),
            Self::Gelu => 0.5 * a * (1.0 + libm::erff(a * std::f32::consts::FRAC_1_SQRT_2)),
            Self::GeluTanh => {
                0.5 * a * (1.0 + libm::tanhf(SQRT_2_OVER_PI * (a + 0.044_715 * a * a * a)))
            }
            Self::Log => libm::logf(a),
            Self::Mish => a * libm::tanhf(softplus(a)),
            Self::Round => a.round_ties_even(),
            Self::Sign => {
                if a == 0.0 || a.is_nan() {
                    a
                } else {
                    a.signum()
                }
            }
            Self::Sin => libm::sinf(a),
            Self::Softplus => softplus(a),
            _ => a,
        }
    }
}

/// ln(1 + e^a), without losing the small ones or overflowing on the large ones.
fn softplus(a: f32) -> f32 {
    a.max(0.0) + libm::log1pf(libm::expf(-a.abs()))
}

impl BinaryOp {
    #[inline(always)]
    pub(crate) fn apply<L: Lanes>(self, l: L, a: L::F, b: L::F) -> L::F {
        let zero = l.splat(0.0);
        let one = l.splat(1.0);
        match self {
            Self::Add => l.add(a, b),
            Self::Sub => l.sub(a, b),
            Self::Mul | Self::And => l.mul(a, b),
            Self::Div => l.div(a, b),
            // The second where either is NaN, so only the first's needs care.
            Self::Min => l.select_less(l.splat(f32::NEG_INFINITY), a, l.min(a, b), a),
            Self::Max | Self::Or => l.select_less(a, l.splat(f32::INFINITY), l.max(a, b), a),
            Self::PRelu => l.select_less(a, zero, l.mul(a, b), a),
            Self::Less => l.select_less(a, b, one, zero),
            Self::Pow => each_two(l, a, b, power),
            Self::LessOrEqual => each_two(l, a, b, |a, b| f32::from(u8::from(a <= b))),
            Self::Equal => each_two(l, a, b, |a, b| f32::from(u8::from(a == b))),
        }
    }
}

/// The powers that graphs use are exact products; the rest is `libm`'s.
fn power(a: f32, b: f32) -> f32 {
    if b == 2.0 {
        a * a
    } else if b == 3.0 {
        a * a * a
    } else if b == 0.5 {
        a.sqrt()
    } else {
        libm::powf(a, b)
    }
}

#[inline(always)]
fn each<L: Lanes>(l: L, a: L::F, function: impl Fn(f32) -> f32) -> L::F {
    let mut numbers = [0.0; LANES];
    l.store(a, &mut numbers);
    numbers.iter_mut().for_each(|number| *number = function(*number));
    l.load(&numbers)
}

#[inline(always)]
fn each_two<L: Lanes>(l: L, a: L::F, b: L::F, function: impl Fn(f32, f32) -> f32) -> L::F {
    let (mut numbers, mut others) = ([0.0; LANES], [0.0; LANES]);
    l.store(a, &mut numbers);
    l.store(b, &mut others);
    numbers.iter_mut().zip(others).for_each(|(a, b)| *a = function(*a, b));
    l.load(&numbers)
}

// A loop, and no closure over lanes: a large one is a function without the instructions.
#[inline(always)]
pub(crate) fn unary<L: Lanes>(l: L, step: &Unary, arena: &mut [f32]) {
    if step.from == step.to {
        let (lines, _) = arena[step.to.clone()].as_chunks_mut::<LANES>();
        for line in lines {
            l.store(step.op.apply(l, l.load(line)), line);
        }
        return;
    }
    let (from, to) = apart(arena, step.from.clone(), step.to.clone());
    let (from, to) = (from.as_chunks::<LANES>().0, to.as_chunks_mut::<LANES>().0);
    for (from, to) in from.iter().zip(to) {
        l.store(step.op.apply(l, l.load(from)), to);
    }
}

#[inline(always)]
pub(crate) fn binary<L: Lanes>(l: L, step: &Binary, arena: &mut [f32]) {
    let (before, to) = arena.split_at_mut(step.to.start);
    let (to, _) = to[..step.to.len()].as_chunks_mut::<LANES>();
    let (a, _) = before[step.a.clone()].as_chunks::<LANES>();
    let (b, _) = before[step.b.clone()].as_chunks::<LANES>();
    for ((a, b), to) in a.iter().zip(b).zip(to) {
        l.store(step.op.apply(l, l.load(a), l.load(b)), to);
    }
}

#[inline(always)]
pub(crate) fn choice<L: Lanes>(l: L, step: &Choice, arena: &mut [f32]) {
    let (before, to) = arena.split_at_mut(step.to.start);
    let (to, _) = to[..step.to.len()].as_chunks_mut::<LANES>();
    let lines = |range: &Range<usize>| before[range.clone()].as_chunks::<LANES>().0;
    let both = lines(&step.yes).iter().zip(lines(&step.no));
    for ((truth, (yes, no)), to) in lines(&step.truth).iter().zip(both).zip(to) {
        let (truth, yes, no) = (l.load(truth), l.load(yes), l.load(no));
        l.store(l.select_less(l.splat(0.0), truth, yes, no), to);
    }
}
