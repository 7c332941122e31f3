//! The convolution: sixteen output channels a vector, several positions at a time in registers.
//!
//! Every output number is one chain: its bias, then `fma` over taps in the order (time, width,
//! channel), those that fall on padding left out. How many positions and channels go side by side
//! never changes that, so columns computed alone have the bits of those computed together.
#![expect(clippy::needless_range_loop, reason = "indices are those of registers, not of a walk")]

use super::taps::{Geometry, Layout, Positions, Run, Taps};
use crate::native::elementwise::UnaryOp;
use crate::native::simd::{Kernel, LANES, Lanes, Line};
use std::ops::Range;

/// The cheap activations, done before a number is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fused {
    None,
    Relu,
    /// Times that below zero.
    Leaky(f32),
}

impl Fused {
    /// As [`UnaryOp`] has them, bit by bit: NaN stays NaN.
    #[inline(always)]
    pub(super) fn apply<L: Lanes>(self, l: L, a: L::F) -> L::F {
        match self {
            Self::None => a,
            Self::Relu => UnaryOp::Relu.apply(l, a),
            Self::Leaky(alpha) => UnaryOp::LeakyRelu { alpha }.apply(l, a),
        }
    }

    /// To each sum of a tile. One loop a function, or they are not unrolled and the sums leave the
    /// registers.
    #[inline(always)]
    fn to_all<L: Lanes, const N: usize>(self, l: L, sums: &mut [[L::F; N]]) {
        let sums = sums.as_flattened_mut();
        match self {
            Self::None => {}
            Self::Relu => {
                for sum in sums {
                    *sum = UnaryOp::Relu.apply(l, *sum);
                }
            }
            Self::Leaky(alpha) => {
                for sum in sums {
                    *sum = UnaryOp::LeakyRelu { alpha }.apply(l, *sum);
                }
            }
        }
    }
}

/// A convolution with its weights packed.
#[derive(Clone, Debug)]
pub(super) struct Conv {
    sets: Vec<Set>,
    /// One line a block.
    bias: Vec<Line>,
    /// Output channels.
    channels: usize,
}

/// Blocks of sixteen output channels that read the same input channels.
#[derive(Clone, Debug)]
struct Set {
    blocks: Range<usize>,
    taps: Taps,
    /// `[block][tap]`.
    weights: Vec<Line>,
    /// Taps of one block.
    depth: usize,
}

impl Conv {
    /// `weights` as `[output channel][input channel of its group][time][width]`, `bias` one for
    /// each output channel. `None` if there are more padding patterns than can be held.
    pub(super) fn new(
        input: &Layout,
        geometry: &Geometry,
        weights: &[f32],
        bias: &[f32],
        groups: usize,
    ) -> Option<Self> {
        let outputs = bias.len();
        let per_group = [input.extent[2] / groups, outputs / groups];
        let blocks = outputs.div_ceil(LANES);
        // The input channels that a block of output channels reads.
        let reads = |block: usize| {
            let first = block * LANES / per_group[1];
            let last = ((block + 1) * LANES).min(outputs).div_ceil(per_group[1]);
            first * per_group[0]..last * per_group[0]
        };
        let mut sets: Vec<Set> = Vec::new();
        let mut ranges: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for block in 0..blocks {
            match ranges.last_mut() {
                Some((blocks, channels)) if *channels == reads(block) => blocks.end += 1,
                _ => ranges.push((block..block + 1, reads(block))),
            }
        }
        let kernel = geometry.kernel[0] * geometry.kernel[1];
        for (blocks, channels) in ranges {
            let taps = Taps::new(input, geometry, channels.clone(), false)?;
            let depth = kernel * channels.len();
            let mut packed = vec![Line::default(); blocks.len() * depth];
            for output in blocks.start * LANES..(blocks.end * LANES).min(outputs) {
                let from = output / per_group[1] * per_group[0] - channels.start;
                let (block, lane) = (output / LANES - blocks.start, output % LANES);
                for channel in 0..per_group[0] {
                    for tap in 0..kernel {
                        let weight = weights[(output * per_group[0] + channel) * kernel + tap];
                        let at = block * depth + tap * channels.len() + from + channel;
                        packed[at].0[lane] = weight;
                    }
                }
            }
            sets.push(Set { blocks, taps, weights: packed, depth });
        }
        Some(Self { sets, bias: lines(bias), channels: outputs })
    }

    pub(super) fn bytes(&self) -> usize {
        let set = |set: &Set| set.taps.bytes() + size_of_val(&set.weights[..]);
        size_of_val(&self.bias[..]) + self.sets.iter().map(set).sum::<usize>()
    }

    /// Fills these columns of the output, `[time][width][channel]`.
    #[inline(always)]
    pub(super) fn run<L: Lanes>(
        &self,
        l: L,
        x: &[f32],
        out: &mut [f32],
        columns: &Range<usize>,
        fused: Fused,
    ) {
        for set in &self.sets {
            let mut block = set.blocks.start;
            if L::GROUP > 1 {
                while block + 2 <= set.blocks.end {
                    self.strip::<L, 2>(l, set, block, x, out, columns, fused);
                    block += 2;
                }
            }
            while block < set.blocks.end {
                self.strip::<L, 1>(l, set, block, x, out, columns, fused);
                block += 1;
            }
        }
    }

    /// `B` blocks of output channels at all positions.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "an inlined part of `run`")]
    fn strip<L: Lanes, const B: usize>(
        &self,
        l: L,
        set: &Set,
        block: usize,
        x: &[f32],
        out: &mut [f32],
        columns: &Range<usize>,
        fused: Fused,
    ) {
        // Loops, here and below, and no closures over lanes: those would be functions without the
        // instructions, and each operation in them a call.
        let mut bias = [l.splat(0.0); B];
        let mut weights: [&[Line]; B] = [&[]; B];
        for b in 0..B {
            bias[b] = l.load(&self.bias[block + b].0);
            weights[b] = &set.weights[(block + b - set.blocks.start) * set.depth..][..set.depth];
        }
        let mut tile = Tile { l, x, weights, bias, out, channels: self.channels, block, fused };
        for index in 0..set.taps.patches() {
            let Some((runs, mut positions)) = set.taps.patch(index, columns) else { continue };
            match set.taps.even(runs) {
                // Of the first layer over pairs of price and size.
                Some(2) => {
                    l.call(Even::<_, 2, B> { tile: &mut tile, runs, positions: &mut positions })
                }
                Some(16) => {
                    l.call(Even::<_, 16, B> { tile: &mut tile, runs, positions: &mut positions })
                }
                Some(32) => {
                    l.call(Even::<_, 32, B> { tile: &mut tile, runs, positions: &mut positions })
                }
                Some(64) => {
                    l.call(Even::<_, 64, B> { tile: &mut tile, runs, positions: &mut positions })
                }
                _ => {}
            }
            // As many as keep both multipliers busy, and no more than registers hold.
            if L::ROWS >= 8 {
                while positions.left >= 8 {
                    tile.put::<8>(runs, &mut positions);
                }
            }
            if L::ROWS >= 4 {
                while positions.left >= 4 {
                    tile.put::<4>(runs, &mut positions);
                }
            }
            while positions.left >= 1 {
                tile.put::<1>(runs, &mut positions);
            }
        }
    }
}

struct Tile<'a, L: Lanes, const B: usize> {
    l: L,
    x: &'a [f32],
    weights: [&'a [Line]; B],
    bias: [L::F; B],
    out: &'a mut [f32],
    channels: usize,
    block: usize,
    fused: Fused,
}

/// [`Tile::rows`] as a kernel of its own.
struct Even<'t, 'a, L: Lanes, const S: usize, const B: usize> {
    tile: &'t mut Tile<'a, L, B>,
    runs: &'t [Run],
    positions: &'t mut Positions,
}

impl<T: Lanes, const S: usize, const B: usize> Kernel for Even<'_, '_, T, S, B> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        self.tile.rows::<S>(self.runs, self.positions);
    }
}

impl<L: Lanes, const B: usize> Tile<'_, L, B> {
    /// Positions whose inputs lie `S` numbers apart, with runs of a multiple of that: as many as there
    /// are side by side in whole tiles.
    #[inline(always)]
    fn rows<const S: usize>(&mut self, runs: &[Run], positions: &mut Positions) {
        // Ten is what DeepLOB's layers are wide, once or twice.
        if L::ROWS >= 8 && B == 1 {
            while positions.abreast() >= 20 {
                self.even::<S, 20>(runs, positions);
            }
        }
        if L::ROWS >= 8 {
            while positions.abreast() >= 10 {
                self.even::<S, 10>(runs, positions);
            }
        }
        if L::ROWS >= 4 {
            while positions.abreast() >= 4 {
                self.even::<S, 4>(runs, positions);
            }
        }
    }

    /// The next `P` positions, which stand side by side, their inputs `S` numbers apart: one check
    /// of bounds for all of them.
    #[inline(always)]
    fn even<const S: usize, const P: usize>(&mut self, runs: &[Run], positions: &mut Positions) {
        let l = self.l;
        let (input, output) = positions.skip(P);
        let mut sums = [self.bias; P];
        for run in runs {
            for part in (0..run.len).step_by(S) {
                let x = &self.x[input + run.offset + part..];
                let (rows, _) = x.as_chunks::<S>();
                // The last position's numbers may be the last of all.
                let rows: &[[f32; S]; P] = rows.first_chunk().expect("taps are on the input");
                let mut weights: [&[Line]; B] = [&[]; B];
                for b in 0..B {
                    weights[b] = &self.weights[b][run.tap + part..][..S];
                }
                for k in 0..S {
                    let mut weight = [l.splat(0.0); B];
                    for b in 0..B {
                        weight[b] = l.load(&weights[b][k].0);
                    }
                    for p in 0..P {
                        let x = l.splat(rows[p][k]);
                        for b in 0..B {
                            sums[p][b] = l.fma(x, weight[b], sums[p][b]);
                        }
                    }
                }
            }
        }
        self.fused.to_all(l, &mut sums);
        let (channels, first) = (self.channels, self.block * LANES);
        let mut rest = &mut self.out[output * channels..];
        for p in 0..P {
            let (row, behind) = rest.split_at_mut(channels);
            rest = behind;
            let mut left = &mut row[first..];
            for b in 0..B {
                let (part, others) = left.split_at_mut(left.len().min(LANES));
                l.store_part(sums[p][b], part);
                left = others;
            }
        }
    }

    /// One block of one position.
    #[inline(always)]
    fn store(&mut self, sum: L::F, position: usize, b: usize) {
        let first = (self.block + b) * LANES;
        let start = position * self.channels + first;
        let left = self.channels - first;
        put(self.l, self.fused.apply(self.l, sum), self.out, start, left);
    }

    /// The next `P` positions.
    #[inline(always)]
    fn put<const P: usize>(&mut self, runs: &[Run], positions: &mut Positions) {
        let l = self.l;
        let mut at = [(0, 0); P];
        for at in &mut at {
            *at = positions.next();
        }
        let mut sums = [self.bias; P];
        for run in runs {
            let mut rows: [&[f32]; P] = [&[]; P];
            for p in 0..P {
                rows[p] = &self.x[at[p].0 + run.offset..][..run.len];
            }
            let mut weights: [&[Line]; B] = [&[]; B];
            for b in 0..B {
                weights[b] = &self.weights[b][run.tap..][..run.len];
            }
            for k in 0..run.len {
                let mut weight = [l.splat(0.0); B];
                for b in 0..B {
                    weight[b] = l.load(&weights[b][k].0);
                }
                for p in 0..P {
                    let x = l.splat(rows[p][k]);
                    for b in 0..B {
                        sums[p][b] = l.fma(x, weight[b], sums[p][b]);
                    }
                }
            }
        }
        for p in 0..P {
            for b in 0..B {
                self.store(sums[p][b], at[p].1, b);
            }
        }
    }
}

/// Stores the first `left` lanes, or all.
#[inline(always)]
pub(super) fn put<L: Lanes>(l: L, value: L::F, out: &mut [f32], start: usize, left: usize) {
    match out[start..].first_chunk_mut::<LANES>() {
        Some(whole) if left >= LANES => l.store(value, whole),
        _ => l.store_part(value, &mut out[start..start + left.min(LANES)]),
    }
}

/// Loads the first `left` lanes, or all.
#[inline(always)]
pub(super) fn take<L: Lanes>(l: L, x: &[f32], start: usize, left: usize) -> L::F {
    match x[start..].first_chunk::<LANES>() {
        Some(whole) if left >= LANES => l.load(whole),
        _ => l.load_part(&x[start..start + left.min(LANES)]),
    }
}

/// Numbers as whole lines, zeros behind the last.
pub(super) fn lines(numbers: &[f32]) -> Vec<Line> {
    let line = |part: &[f32]| {
        let mut line = Line::default();
        line.0[..part.len()].copy_from_slice(part);
        line
    };
    numbers.chunks(LANES).map(line).collect()
}
