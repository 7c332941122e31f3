//! What keeps channels apart: pools, and convolutions with one input channel an output channel.
//! Vectors are sixteen channels; the channels of a position lie next to each other.

use super::kernel::{Fused, lines, put, take};
use super::taps::{Geometry, Layout, Positions, Run, Taps};
use crate::native::simd::{LANES, Lanes, Line};
use std::ops::Range;

/// A layer that keeps channels apart. Taps are taken in the order (time, width), those that fall on
/// padding left out.
#[derive(Clone, Debug)]
pub(super) struct Lanewise {
    taps: Taps,
    fold: Fold,
    channels: usize,
}

/// What is made of the taps.
#[derive(Clone, Debug)]
enum Fold {
    /// The greatest.
    Max,
    /// The sum over so many; over as many as fall on the input, if not given.
    Mean(Option<f32>),
    /// The bias, and each times its weight: `[block]`, `[block][tap]`.
    Weighted { bias: Vec<Line>, weights: Vec<Line>, depth: usize },
}

impl Lanewise {
    /// The greatest tap. Every position must have one. `None` if there are too many.
    pub(super) fn max(input: &Layout, geometry: &Geometry) -> Option<Self> {
        Self::new(input, geometry, Fold::Max)
    }

    /// The mean; taps on padding count as zeros if `count_padding`.
    pub(super) fn mean(input: &Layout, geometry: &Geometry, count_padding: bool) -> Option<Self> {
        let all = (geometry.kernel[0] * geometry.kernel[1]) as f32;
        Self::new(input, geometry, Fold::Mean(count_padding.then_some(all)))
    }

    /// A convolution with as many groups as channels: `weights` as `[channel][time][width]`.
    pub(super) fn depthwise(
        input: &Layout,
        geometry: &Geometry,
        weights: &[f32],
        bias: &[f32],
    ) -> Option<Self> {
        let depth = geometry.kernel[0] * geometry.kernel[1];
        let mut packed = vec![Line::default(); bias.len().div_ceil(LANES) * depth];
        for (channel, kernel) in weights.chunks_exact(depth).enumerate() {
            for (tap, weight) in kernel.iter().enumerate() {
                packed[channel / LANES * depth + tap].0[channel % LANES] = *weight;
            }
        }
        Self::new(input, geometry, Fold::Weighted { bias: lines(bias), weights: packed, depth })
    }

    fn new(input: &Layout, geometry: &Geometry, fold: Fold) -> Option<Self> {
        let taps = Taps::new(input, geometry, 0..1, true)?;
        Some(Self { taps, fold, channels: input.extent[2] })
    }

    pub(super) fn bytes(&self) -> usize {
        let Fold::Weighted { bias, weights, .. } = &self.fold else { return self.taps.bytes() };
        self.taps.bytes() + size_of_val(&bias[..]) + size_of_val(&weights[..])
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
        for block in 0..self.channels.div_ceil(LANES) {
            for index in 0..self.taps.patches() {
                let Some((runs, mut positions)) = self.taps.patch(index, columns) else { continue };
                if L::ROWS >= 4 {
                    while positions.left >= 4 {
                        self.put::<L, 4>(l, x, out, block, runs, &mut positions, fused);
                    }
                }
                while positions.left >= 1 {
                    self.put::<L, 1>(l, x, out, block, runs, &mut positions, fused);
                }
            }
        }
    }

    /// One block of channels at the next `P` positions.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "an inlined part of `run`")]
    fn put<L: Lanes, const P: usize>(
        &self,
        l: L,
        x: &[f32],
        out: &mut [f32],
        block: usize,
        runs: &[Run],
        positions: &mut Positions,
        fused: Fused,
    ) {
        let mut at = [(0, 0); P];
        for at in &mut at {
            *at = positions.next();
        }
        let (first, left) = (block * LANES, self.channels - block * LANES);
        let mut folded = [self.start(l, block); P];
        for run in runs {
            for p in 0..P {
                let x = take(l, x, at[p].0 + run.offset + first, left);
                folded[p] = match &self.fold {
                    Fold::Max => l.max(x, folded[p]),
                    Fold::Mean(_) => l.add(folded[p], x),
                    Fold::Weighted { weights, depth, .. } => {
                        l.fma(x, l.load(&weights[block * depth + run.tap].0), folded[p])
                    }
                };
            }
        }
        for p in 0..P {
            let value = match &self.fold {
                Fold::Mean(count) => l.div(folded[p], l.splat(count.unwrap_or(runs.len() as f32))),
                _ => folded[p],
            };
            put(l, fused.apply(l, value), out, at[p].1 * self.channels + first, left);
        }
    }

    /// What stands before the first tap.
    #[inline(always)]
    fn start<L: Lanes>(&self, l: L, block: usize) -> L::F {
        match &self.fold {
            Fold::Max => l.splat(f32::NEG_INFINITY),
            Fold::Mean(_) => l.splat(0.0),
            Fold::Weighted { bias, .. } => l.load(&bias[block].0),
        }
    }
}
