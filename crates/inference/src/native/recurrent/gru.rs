//! The gated recurrent unit, in ONNX's two forms.

use super::activation::{Activation, apply, exp_minus, one_and_exp, tanh_parts};
use super::packed::Packed;
use super::{Row, State};
use crate::native::simd::{Lanes, Line};

/// Gates in ONNX's order: update, reset, hidden.
pub(super) const GATES: usize = 3;

/// What a step of a GRU does with the old state and the projected input.
#[derive(Debug)]
pub(super) struct Gru {
    pub(super) form: Form,
    /// Of the gates, of the hidden one.
    pub(super) functions: [Activation; 2],
}

/// Whether the reset gate works before or after the recurrent weights.
#[derive(Debug)]
pub(super) enum Form {
    /// `linear_before_reset` 0: on what the hidden gate's weights are taken of.
    Before {
        /// Of update and reset.
        gates: Packed<2>,
        /// Of the hidden gate.
        hidden: Packed<1>,
    },
    /// `linear_before_reset` 1: on their sums with a bias of their own. What PyTorch exports.
    After {
        /// Of all three.
        gates: Packed<GATES>,
        /// The hidden gate's recurrent bias.
        bias: Vec<Line>,
    },
}

impl Gru {
    /// Bytes of weights.
    pub(super) fn bytes(&self) -> usize {
        match &self.form {
            Form::Before { gates, hidden } => gates.bytes() + hidden.bytes(),
            Form::After { gates, .. } => gates.bytes(),
        }
    }

    /// One step over `blocks`; `projected` is what the gates take of the input. Sums come before
    /// functions, as in an LSTM.
    #[inline(always)]
    pub(super) fn step<L: Lanes>(
        &self,
        l: L,
        blocks: impl Iterator<Item = usize> + Clone,
        projected: &[Row],
        state: &mut State,
    ) {
        let (projected, _) = projected.as_chunks::<GATES>();
        let (h, out) = (&*state.h, &mut *state.new);
        let (sums, _) = state.sums[..h.len() * GATES].as_chunks_mut::<GATES>();
        let x = h.as_flattened();
        for block in blocks.clone() {
            let [z, r, _] = projected[block];
            let [of_z, of_r, of_n] = &mut sums[block];
            match &self.form {
                Form::Before { gates, .. } => {
                    gates.put_sums(l, block, x, [&z, &r], [of_z, of_r]);
                }
                Form::After { gates, bias } => {
                    gates.put_sums(l, block, x, [&z, &r, &bias[block].0], [of_z, of_r, of_n]);
                }
            }
        }
        let [gate, new] = self.functions;
        let usual = matches!(self.functions, [Activation::Sigmoid, Activation::Tanh]);
        if usual {
            for [_, r, _] in &mut *sums {
                l.store(l.div(l.splat(1.0), one_and_exp(l, l.load(r))), r);
            }
        } else {
            let gates = sums.iter_mut().flat_map(|[z, r, _]| [z, r]);
            apply(l, gates.map(|row| (gate, row)));
        }
        match &self.form {
            Form::Before { hidden, .. } => {
                let passed = &mut *state.carried;
                for ((passed, [_, r, _]), h) in passed.iter_mut().zip(&*sums).zip(h) {
                    l.store(l.mul(l.load(r), l.load(h)), passed);
                }
                for block in blocks {
                    let ([.., n], [.., of_n]) = (&projected[block], &mut sums[block]);
                    hidden.put_sums(l, block, passed.as_flattened(), [n], [of_n]);
                }
            }
            Form::After { .. } => {
                for ([_, r, n], [.., of_x]) in sums.iter_mut().zip(projected) {
                    l.store(l.fma(l.load(r), l.load(n), l.load(of_x)), n);
                }
            }
        }
        if usual {
            for ((out, [z, _, n]), h) in out.iter_mut().zip(&*sums).zip(h) {
                l.store(blend(l, l.load(z), l.load(n), l.load(h)), out);
            }
            return;
        }
        apply(l, sums.iter_mut().map(|[.., n]| (new, n)));
        for ((out, [z, _, n]), h) in out.iter_mut().zip(&*sums).zip(h) {
            let z = l.load(z);
            let kept = l.mul(z, l.load(h));
            l.store(l.fma(l.sub(l.splat(1.0), z), l.load(n), kept), out);
        }
    }
}

/// `(1 - f(z)) g(n) + f(z) old` of a logistic function and a hyperbolic tangent, two quotients in
/// one division: 1 - f(z) is e^-z f(z).
#[inline(always)]
fn blend<L: Lanes>(l: L, z: L::F, n: L::F, old: L::F) -> L::F {
    let (new, new_over) = tanh_parts(l, n);
    let sum = l.fma(exp_minus(l, z, 30.0), new, l.mul(old, new_over));
    l.div(sum, l.mul(one_and_exp(l, z), new_over))
}
