//! Rows times a constant matrix: Gemm, MatMul, linear models, and what recurrent layers are made of.
//!
//! Weights are packed in blocks of sixteen outputs, the last one padded with zeros, and blocks in
//! groups of four, then two, then one: `[group][k][block][16]`. An output sums over k in four
//! interleaved parts, p0 takes the bias and k = 0, 4, 8 and so on, each with one rounding a step; the
//! result is `(p0 + p1) + (p2 + p3)`. A layer of one block has eight parts, and the second four are
//! added likewise before the two sums are: a lone chain of additions would wait for itself.
//!
//! A layer of four outputs at most has sixteen parts: `[k / 4][k % 4][output]` make a line, and the
//! lines go to four sums in turn. Those are added as above, then lanes halves onto halves.
//!
//! These orders are the same for every instruction set and every number of rows. How many blocks are
//! in registers at a time is not part of them.

#![expect(clippy::needless_range_loop, reason = "indices are those of registers, not of a walk")]

use super::plan::apart;
use super::simd::{LANES, Lanes, Line};
use std::ops::Range;

/// Outputs of a layer that has several inputs in a line.
const FEW: usize = 4;

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
        let line = |number: &dyn Fn(usize) -> f32| Line(std::array::from_fn(number));
        let weight = |k, n| if k < inputs && n < outputs { weight(k, n) } else { 0.0 };
        let bias = |n| if n < outputs { bias(n) } else { 0.0 };
        let blocks = outputs.div_ceil(LANES);
        let mut weights = Vec::new();
        if outputs <= FEW {
            for first in (0..inputs).step_by(LANES / FEW) {
                weights.push(line(&|lane| weight(first + lane / FEW, lane % FEW)));
            }
        } else {
            let mut first = 0;
            for group in [4, 2, 1] {
                while first + group <= blocks {
                    for (k, block) in
                        (0..inputs).flat_map(|k| (first..first + group).map(move |b| (k, b)))
                    {
                        weights.push(line(&|lane| weight(k, block * LANES + lane)));
                    }
                    first += group;
                }
            }
        }
        let bias = (0..blocks).map(|block| line(&|lane| bias(block * LANES + lane))).collect();
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
        let mut rest = Rest { weights: &self.weights, bias: &self.bias, output };
        if self.outputs <= FEW {
            rest.few(l, relu, input);
        } else if self.bias.len() == 1 {
            rest.group::<L, 1, 8>(l, relu, input);
        } else {
            while rest.group::<L, 4, 4>(l, relu, input) {}
            rest.group::<L, 2, 4>(l, relu, input);
            rest.group::<L, 1, 4>(l, relu, input);
        }
    }
}

/// What of a row is still to be made.
struct Rest<'a> {
    weights: &'a [Line],
    bias: &'a [Line],
    output: &'a mut [f32],
}

impl Rest<'_> {
    /// A group of `G` blocks, each sum in `P` parts, if there are so many left.
    #[inline(always)]
    fn group<L: Lanes, const G: usize, const P: usize>(
        &mut self,
        l: L,
        relu: bool,
        input: &[f32],
    ) -> bool {
        let Some((bias, other_bias)) = self.bias.split_first_chunk::<G>() else { return false };
        let (weights, others) = self.weights.split_at(G * input.len());
        (self.weights, self.bias) = (others, other_bias);
        let (weights, _) = weights.as_chunks::<G>();
        if L::GROUP >= G {
            let mut start = [l.splat(0.0); G];
            for (start, bias) in start.iter_mut().zip(bias) {
                *start = l.load(&bias.0);
            }
            for sum in sums::<L, G, G, P, 1>(l, weights, [input], 0, start).as_flattened() {
                self.put(l, relu, *sum);
            }
        } else {
            for (block, bias) in bias.iter().enumerate() {
                let start = [l.load(&bias.0)];
                let [[sum]] = sums::<L, G, 1, P, 1>(l, weights, [input], block, start);
                self.put(l, relu, sum);
            }
        }
        true
    }

    /// All of a layer of few outputs.
    #[inline(always)]
    fn few<L: Lanes>(&mut self, l: L, relu: bool, input: &[f32]) {
        let mut sums = [l.splat(0.0); 4];
        sums[0] = l.load(&self.bias[0].0);
        let (fours, end) = input.as_chunks::<FEW>();
        let (sixteens, fours) = fours.as_chunks::<4>();
        let (lines, lines_rest) = self.weights.split_at(4 * sixteens.len());
        let (lines, _) = lines.as_chunks::<4>();
        for (lines, numbers) in lines.iter().zip(sixteens) {
            for part in 0..4 {
                sums[part] = l.fma(l.fours(&numbers[part]), l.load(&lines[part].0), sums[part]);
            }
        }
        // Zeros behind the last number.
        let last = std::array::from_fn(|place| end.get(place).copied().unwrap_or(0.0));
        for part in 0..4 {
            if let Some(line) = lines_rest.get(part) {
                let numbers = l.fours(fours.get(part).unwrap_or(&last));
                sums[part] = l.fma(numbers, l.load(&line.0), sums[part]);
            }
        }
        let sum = four(l, &sums);
        let sum = l.add(sum, l.swapped::<8>(sum));
        self.put(l, relu, l.add(sum, l.swapped::<4>(sum)));
    }

    /// The next block of the output, as far as there is room.
    #[inline(always)]
    fn put<L: Lanes>(&mut self, l: L, relu: bool, sum: L::F) {
        // Zero where it is the greater, else the sum: NaN stays NaN.
        let sum = if relu { l.max(l.splat(0.0), sum) } else { sum };
        let output = std::mem::take(&mut self.output);
        let (part, rest) = output.split_at_mut(output.len().min(LANES));
        self.output = rest;
        match part.first_chunk_mut() {
            Some(whole) => l.store(sum, whole),
            None => l.store_part(sum, part),
        }
    }
}

/// For each of `R` rows `x`, and `N` of `G` blocks from `first` on, the sum of weight times number in
/// `P` parts, 2, 4 or 8, the first of which begins at `start`: see above.
#[inline(always)]
pub(crate) fn sums<L: Lanes, const G: usize, const N: usize, const P: usize, const R: usize>(
    l: L,
    weights: &[[Line; G]],
    x: [&[f32]; R],
    first: usize,
    start: [L::F; N],
) -> [[L::F; N]; R] {
    let mut parts = [[[l.splat(0.0); N]; R]; P];
    parts[0] = [start; R];
    let (whole, rest) = weights.as_chunks::<P>();
    let mut x_whole: [&[[f32; P]]; R] = [&[]; R];
    let mut x_rest: [&[f32]; R] = [&[]; R];
    for row in 0..R {
        let (of_whole, of_rest) = x[row].as_chunks::<P>();
        (x_whole[row], x_rest[row]) = (&of_whole[..whole.len()], &of_rest[..rest.len()]);
    }
    for (at, weights) in whole.iter().enumerate() {
        for part in 0..P {
            for row in 0..R {
                add(l, &mut parts[part][row], &weights[part], x_whole[row][at][part], first);
            }
        }
    }
    // Each part by its number: one chosen at run time could not be a register.
    for part in 0..P {
        if let Some(weights) = rest.get(part) {
            for row in 0..R {
                add(l, &mut parts[part][row], weights, x_rest[row][part], first);
            }
        }
    }
    let mut sums = [start; R];
    for row in 0..R {
        for n in 0..N {
            sums[row][n] = whole_sum(l, &parts, row, n);
        }
    }
    sums
}

#[inline(always)]
fn whole_sum<L: Lanes, const N: usize, const P: usize, const R: usize>(
    l: L,
    parts: &[[[L::F; N]; R]; P],
    row: usize,
    n: usize,
) -> L::F {
    let mut sum = l.add(parts[0][row][n], parts[1][row][n]);
    if P >= 4 {
        sum = l.add(sum, l.add(parts[2][row][n], parts[3][row][n]));
    }
    if P >= 8 {
        let third = l.add(parts[4][row][n], parts[5][row][n]);
        sum = l.add(sum, l.add(third, l.add(parts[6][row][n], parts[7][row][n])));
    }
    sum
}

#[inline(always)]
fn add<L: Lanes, const G: usize, const N: usize>(
    l: L,
    part: &mut [L::F; N],
    weights: &[Line; G],
    x: f32,
    first: usize,
) {
    let x = l.splat(x);
    for (n, part) in part.iter_mut().enumerate() {
        *part = l.fma(x, l.load(&weights[first + n].0), *part);
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
