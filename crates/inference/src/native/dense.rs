//! Rows times a constant matrix: Gemm, MatMul, linear models, and what recurrent layers are made of.
//!
//! Weights are packed in blocks of sixteen outputs, `[block][k][16]`, the last one padded with zeros.
//! An output sums over k in four interleaved parts, p0 takes k = 0, 4, 8 and so on, each with one
//! rounding a step; the result is `((p0 + p1) + (p2 + p3)) + bias`. A layer of one block has eight
//! parts, and the second four are added likewise before the two sums are: a lone chain of additions
//! would wait for itself. This order is the same for every instruction set and every number of rows.
//! How many blocks are in registers at a time is not part of it.

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
        if self.bias.len() == 1 {
            return self.blocks::<L, 1, 8>(l, relu, 0, input, output);
        }
        let mut block = 0;
        if L::GROUP >= 4 {
            while block + 4 <= self.bias.len() {
                self.blocks::<L, 4, 4>(l, relu, block, input, output);
                block += 4;
            }
        }
        if L::GROUP >= 2 && block + 2 <= self.bias.len() {
            self.blocks::<L, 2, 4>(l, relu, block, input, output);
            block += 2;
        }
        while block < self.bias.len() {
            self.blocks::<L, 1, 4>(l, relu, block, input, output);
            block += 1;
        }
    }

    /// `G` blocks from `first` on, each sum in `P` parts: 4 or 8.
    #[inline(always)]
    fn blocks<L: Lanes, const G: usize, const P: usize>(
        &self,
        l: L,
        relu: bool,
        first: usize,
        input: &[f32],
        output: &mut [f32],
    ) {
        let (whole, rest) = input.as_chunks::<P>();
        let mut weights: [&[[Line; P]]; G] = [&[]; G];
        let mut weights_rest: [&[Line]; G] = [&[]; G];
        for g in 0..G {
            let all = &self.weights[(first + g) * input.len()..][..input.len()];
            let (of_whole, of_rest) = all.as_chunks::<P>();
            (weights[g], weights_rest[g]) = (&of_whole[..whole.len()], &of_rest[..rest.len()]);
        }
        let mut sums = [[l.splat(0.0); P]; G];
        for (chunk, numbers) in whole.iter().enumerate() {
            for part in 0..P {
                let number = l.splat(numbers[part]);
                for g in 0..G {
                    let weight = l.load(&weights[g][chunk][part].0);
                    sums[g][part] = l.fma(number, weight, sums[g][part]);
                }
            }
        }
        for (part, number) in rest.iter().enumerate() {
            let number = l.splat(*number);
            for g in 0..G {
                let weight = l.load(&weights_rest[g][part].0);
                sums[g][part] = l.fma(number, weight, sums[g][part]);
            }
        }
        for (g, parts) in sums.into_iter().enumerate() {
            let (fours, _) = parts.as_chunks::<4>();
            let mut sum = four(l, &fours[0]);
            if P == 8 {
                sum = l.add(sum, four(l, &fours[1]));
            }
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
fn four<L: Lanes>(l: L, [p0, p1, p2, p3]: &[L::F; 4]) -> L::F {
    l.add(l.add(*p0, *p1), l.add(*p2, *p3))
}

#[inline(always)]
pub(crate) fn run<L: Lanes>(l: L, step: &Dense, arena: &mut [f32]) {
    let (input, output) = apart(arena, step.from.clone(), step.to.clone());
    let layer = &step.layer;
    for row in 0..step.rows {
        // Padding behind a row is written again by the row it belongs to, or belongs to none.
        let output = &mut output[row * layer.outputs..];
        layer.row(l, step.relu, &input[row * layer.inputs..], output);
    }
}
