//! Long short-term memory.

use super::activation::{Activation, apply, one_and_exp, tanh_parts};
use super::packed::Packed;
use super::{Row, State};
use crate::native::simd::Lanes;

/// Gates in ONNX's order: input, output, forget, cell.
pub(super) const GATES: usize = 4;

/// What a step of an LSTM does with the old state and the projected input.
#[derive(Debug)]
pub(super) struct Lstm {
    pub(super) recurrent: Packed<GATES>,
    /// Of the gates, of what enters the cell, of what leaves it.
    pub(super) functions: [Activation; 3],
}

impl Lstm {
    /// One step over `blocks`; `projected` is what the gates take of the input. The state's `carried`
    /// is the cell.
    ///
    /// The functions of a block are a long chain of dependent operations, beside which the next
    /// block's sums run.
    #[inline(always)]
    pub(super) fn step<L: Lanes>(
        &self,
        l: L,
        blocks: impl Iterator<Item = usize>,
        projected: &[Row],
        state: &mut State,
    ) {
        let (projected, _) = projected.as_chunks::<GATES>();
        let (sums, _) = state.sums.as_chunks_mut::<GATES>();
        let h = state.h.as_flattened();
        let (cell, out) = (&mut state.carried, &mut state.new);
        if let [Activation::Sigmoid, Activation::Tanh, Activation::Tanh] = self.functions {
            for block in blocks {
                let start = projected[block].each_ref();
                let [gates] = self.recurrent.sums::<L, 4, 1>(l, block, [h], start);
                let (new, hidden) = usual(l, gates, l.load(&cell[block]));
                l.store(new, &mut cell[block]);
                l.store(hidden, &mut out[block]);
            }
            return;
        }
        for block in blocks {
            let (start, out) = (projected[block].each_ref(), sums[block].each_mut());
            self.recurrent.put_sums(l, block, h, start, out);
        }
        let [gate, entering, leaving] = self.functions;
        let of_gates = [gate, gate, gate, entering].into_iter().cycle();
        apply(l, of_gates.zip(sums.as_flattened_mut()));
        for (block, [i, _, f, g]) in sums.iter().enumerate() {
            let entered = l.mul(l.load(i), l.load(g));
            l.store(l.fma(l.load(f), l.load(&cell[block]), entered), &mut cell[block]);
        }
        out.copy_from_slice(cell);
        apply(l, out.iter_mut().map(|row| (leaving, row)));
        for (out, [_, o, ..]) in out.iter_mut().zip(sums) {
            l.store(l.mul(l.load(o), l.load(out)), out);
        }
    }
}

/// Logistic gates and hyperbolic tangents: seven quotients in two divisions, each of which costs
/// as much as an exponential.
#[inline(always)]
fn usual<L: Lanes>(l: L, [i, o, f, g]: [L::F; GATES], old: L::F) -> (L::F, L::F) {
    let (entering, entering_over) = tanh_parts(l, g);
    let entering_over = l.mul(entering_over, one_and_exp(l, i));
    let kept_over = one_and_exp(l, f);
    // old / kept_over + entering / entering_over
    let sum = l.fma(old, entering_over, l.mul(entering, kept_over));
    let new = l.div(sum, l.mul(kept_over, entering_over));
    let (leaving, leaving_over) = tanh_parts(l, new);
    (new, l.div(leaving, l.mul(leaving_over, one_and_exp(l, o))))
}
