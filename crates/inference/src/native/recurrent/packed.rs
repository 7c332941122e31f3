//! Weights of several gates side by side, and their sums.

use super::Row;
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

    /// For each gate of a block, the sum over `x` of weight times number.
    ///
    /// The order is the contract, the same for every instruction set: number k goes into partial
    /// sum k modulo 4, each by one fused step in the order of k, and the four are added as
    /// `(p0 + p1) + (p2 + p3)`.
    #[inline(always)]
    pub(super) fn sums<L: Lanes>(&self, l: L, block: usize, x: &[f32]) -> [L::F; G] {
        let weights = &self.lines[block * self.inputs..(block + 1) * self.inputs];
        if L::GROUP >= G {
            return sums_from(l, weights, x, 0);
        }
        // The registers hold the partial sums of one gate.
        let mut sums = [l.splat(0.0); G];
        for (gate, sum) in sums.iter_mut().enumerate() {
            [*sum] = sums_from::<L, G, 1>(l, weights, x, gate);
        }
        sums
    }
}

impl<const G: usize> Packed<G> {
    /// [`Packed::sums`] of a block over the beginning of `x`, each added to its `start`.
    #[inline(always)]
    pub(super) fn add_sums<L: Lanes>(
        &self,
        l: L,
        block: usize,
        x: &[f32],
        start: [&Row; G],
        out: [&mut Row; G],
    ) {
        let sums = self.sums(l, block, &x[..self.inputs]);
        for ((start, out), sum) in start.into_iter().zip(out).zip(sums) {
            l.store(l.add(l.load(start), sum), out);
        }
    }
}

/// The sums of `N` gates from `first` on.
#[inline(always)]
fn sums_from<L: Lanes, const G: usize, const N: usize>(
    l: L,
    weights: &[[Line; G]],
    x: &[f32],
    first: usize,
) -> [L::F; N] {
    let mut partial = [[l.splat(0.0); N]; 4];
    let (weight_fours, weight_rest) = weights.as_chunks::<4>();
    let (x_fours, x_rest) = x.as_chunks::<4>();
    for (weights, x) in weight_fours.iter().zip(x_fours) {
        for k in 0..4 {
            add(l, &mut partial[k], &weights[k], x[k], first);
        }
    }
    for ((partial, weights), x) in partial.iter_mut().zip(weight_rest).zip(x_rest) {
        add(l, partial, weights, *x, first);
    }
    let mut sums = partial[0];
    for (gate, sum) in sums.iter_mut().enumerate() {
        let first_pair = l.add(partial[0][gate], partial[1][gate]);
        *sum = l.add(first_pair, l.add(partial[2][gate], partial[3][gate]));
    }
    sums
}

#[inline(always)]
fn add<L: Lanes, const G: usize, const N: usize>(
    l: L,
    partial: &mut [L::F; N],
    weights: &[Line; G],
    x: f32,
    first: usize,
) {
    let x = l.splat(x);
    for (gate, partial) in partial.iter_mut().enumerate() {
        *partial = l.fma(l.load(&weights[first + gate].0), x, *partial);
    }
}

/// One number a gate and unit, as the weights of one input stand, padded as they are.
pub(super) fn pack_bias<const G: usize>(
    units: usize,
    bias: impl Fn(usize, usize) -> f32,
) -> Vec<Line> {
    Packed::<G>::new(units, 1, |gate, unit, _| bias(gate, unit)).lines.as_flattened().to_vec()
}
