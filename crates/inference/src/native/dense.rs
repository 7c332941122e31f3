//! Rows times a constant matrix: Gemm, MatMul, linear models, and what recurrent layers are made of.
//!
//! Weights are packed in blocks of sixteen outputs, `[block][k][16]`, the last one padded with zeros.
//! An output sums over k in four interleaved parts, p0 takes k = 0, 4, 8 and so on, each with one
//! rounding a step; the result is `((p0 + p1) + (p2 + p3)) + bias`. This order is the same for every
//! instruction set and every number of rows. How many blocks are in registers at a time is not part
//! of it.

use super::plan::apart;
use super::simd::{LANES, Lanes, Line};
use std::ops::Range;

/// `out[row] = act(in[row] x weights + bias)`.
#[derive(Debug)]
pub(crate) struct Dense {
    pub(crate) layer: Layer,
    /// Negative outputs become zero.
    pub(crate) relu: bool,
    pub(crate) rows: usize,
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<usize>,
}

/// Weights as the kernel wants them.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Numbers a row takes.
    pub(crate) inputs: usize,
    /// Numbers a row gives.
    pub(crate) outputs: usize,
    weights: Vec<Line>,
    bias: Vec<Line>,
}

impl Layer {
    /// Packs the matrix whose entry for input `k` and output `n` is `weight(k, n)`. At least one
    /// input and one output.
    pub(crate) fn pack(
        inputs: usize,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        let blocks = outputs.div_ceil(LANES);
        let line = |number: &dyn Fn(usize) -> f32, block: usize| {
            let place = |lane| block * LANES + lane;
            Line(std::array::from_fn(
                |lane| if place(lane) < outputs { number(place(lane)) } else { 0.0 },
            ))
        };
        let weights = (0..blocks)
            .flat_map(|block| (0..inputs).map(move |k| (block, k)))
            .map(|(block, k)| line(&|n| weight(k, n), block))
            .collect();
        let bias = (0..blocks).map(|block| line(&bias, block)).collect();
        Self { inputs, outputs, weights, bias }
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.weights.len() + self.bias.len()) * size_of::<Line>()
    }

    /// One row: `input` has as many numbers as it takes; `output` has room for what it gives,
    /// and is written with padding as far as it has room.
    #[inline(always)]
    pub(crate) fn row<L: Lanes>(&self, l: L, relu: bool, input: &[f32], output: &mut [f32]) {
        let input = &input[..self.inputs];
        let mut block = 0;
        if L::GROUP >= 4 {
            while block + 4 <= self.bias.len() {
                self.blocks::<L, 4>(l, relu, block, input, output);
                block += 4;
            }
        }
        if L::GROUP >= 2 && block + 2 <= self.bias.len() {
            self.blocks::<L, 2>(l, relu, block, input, output);
            block += 2;
        }
        while block < self.bias.len() {
            self.blocks::<L, 1>(l, relu, block, input, output);
            block += 1;
        }
    }

    /// `G` blocks from `first` on.
    #[inline(always)]
    fn blocks<L: Lanes, const G: usize>(
        &self,
        l: L,
        relu: bool,
        first: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let inputs = input.len();
        let weights: [&[Line]; G] =
            std::array::from_fn(|g| &self.weights[(first + g) * inputs..][..inputs]);
        let mut sums = [[l.splat(0.0); 4]; G];
        let (quads, rest) = input.as_chunks::<4>();
        for (quad, numbers) in quads.iter().enumerate() {
            for part in 0..4 {
                let number = l.splat(numbers[part]);
                for g in 0..G {
                    let weight = l.load(&weights[g][quad * 4 + part].0);
                    sums[g][part] = l.fma(number, weight, sums[g][part]);
                }
            }
        }
        for (part, number) in rest.iter().enumerate() {
            let number = l.splat(*number);
            for g in 0..G {
                let weight = l.load(&weights[g][quads.len() * 4 + part].0);
                sums[g][part] = l.fma(number, weight, sums[g][part]);
            }
        }
        for (g, [p0, p1, p2, p3]) in sums.into_iter().enumerate() {
            let sum = l.add(l.add(p0, p1), l.add(p2, p3));
            let sum = l.add(sum, l.load(&self.bias[first + g].0));
            // Zero where it is the greater, else the sum: NaN stays NaN.
            let sum = if relu { l.max(l.splat(0.0), sum) } else { sum };
            let rest = &mut output[(first + g) * LANES..];
            match rest.first_chunk_mut() {
                Some(whole) => l.store(sum, whole),
                None => l.store_part(sum, rest),
            }
        }
    }
}

#[inline(always)]
pub(crate) fn run<L: Lanes>(l: L, step: &Dense, arena: &mut [f32]) {
    let (input, output) = apart(arena, step.from.clone(), step.to.clone());
    let layer = &step.layer;
    if step.rows == 1 {
        layer.row(l, step.relu, input, output);
        return;
    }
    for (input, output) in input.chunks_exact(layer.inputs).zip(output.chunks_mut(layer.outputs)) {
        layer.row(l, step.relu, input, output);
    }
}
