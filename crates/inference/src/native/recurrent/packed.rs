//! Weights of several gates side by side, and their sums.

use super::Row;
use crate::native::dense::sums;
use crate::native::simd::{LANES, Lanes, Line};

/// The weights of `G` gates, in the order a sum reads them: block of sixteen units, input, gate,
/// unit. Units that are only there to fill the last block weigh nothing.
#[derive(Debug)]
pub(super) struct Packed<const G: usize> {
    lines: Vec<[Line; G]>,
    inputs: usize,
}

impl<const G: usize> Packed<G> {
    /// Of `weight(gate, unit, input)`.
    pub(super) fn new(
        units: usize,
        inputs: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let line = |block: usize, input: usize, gate: usize| {
            let unit = |lane: usize| block * LANES + lane;
            let lane =
                |lane| if unit(lane) < units { weight(gate, unit(lane), input) } else { 0.0 };
            Line(std::array::from_fn(lane))
        };
        let blocks = 0..units.div_ceil(LANES);
        let pairs = blocks.flat_map(|block| (0..inputs).map(move |input| (block, input)));
        let gates = |(block, input)| std::array::from_fn(|gate| line(block, input, gate));
        Self { lines: pairs.map(gates).collect(), inputs }
    }

    /// Bytes of weights.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.lines[..])
    }

    /// For each row and gate of a block, its start and the sum over the row's beginning of weight
    /// times number, in `P` parts as [`sums`] has them.
    #[inline(always)]
    pub(super) fn sums<L: Lanes, const P: usize, const R: usize>(
        &self,
        l: L,
        block: usize,
        rows: [&[f32]; R],
        start: [&Row; G],
    ) -> [[L::F; G]; R] {
        let weights = &self.lines[block * self.inputs..(block + 1) * self.inputs];
        let rows = rows.map(|row| &row[..self.inputs]);
        let mut gates = [l.splat(0.0); G];
        for (gate, from) in gates.iter_mut().zip(start) {
            *gate = l.load(from);
        }
        if L::GROUP >= G {
            return sums::<L, G, G, P, R>(l, weights, rows, 0, gates);
        }
        // The registers hold the parts of one gate.
        let mut all = [gates; R];
        for gate in 0..G {
            let of_gate = sums::<L, G, 1, P, R>(l, weights, rows, gate, [gates[gate]]);
            for row in 0..R {
                all[row][gate] = of_gate[row][0];
            }
        }
        all
    }

    /// [`Packed::sums`] of one row in four parts, to memory.
    #[inline(always)]
    pub(super) fn put_sums<L: Lanes>(
        &self,
        l: L,
        block: usize,
        x: &[f32],
        start: [&Row; G],
        out: [&mut Row; G],
    ) {
        let [sums] = self.sums::<L, 4, 1>(l, block, [x], start);
        for (out, sum) in out.into_iter().zip(&sums) {
            l.store(*sum, out);
        }
    }
}

/// One number a gate and unit, as the weights of one input stand, padded as they are.
pub(super) fn pack_bias<const G: usize>(
    units: usize,
    bias: impl Fn(usize, usize) -> f32,
) -> Vec<Line> {
    Packed::<G>::new(units, 1, |gate, unit, _| bias(gate, unit)).lines.as_flattened().to_vec()
}
