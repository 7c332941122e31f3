//! What is done to whole rows: Softmax, sums and the like, normalisation.
//!
//! A sum over a row is taken in sixteen lanes, lane i has the numbers i, i + 16 and so on, and the
//! lanes are added halves onto halves: the same order on every instruction set.

use super::elementwise::BinaryOp;
use super::math;
use super::plan::apart;
use super::simd::{LANES, Lanes};
use std::ops::Range;

/// Rows of `width` numbers, one after the other, from whole lines to whole lines.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) op: RowsOp,
    pub(crate) count: usize,
    pub(crate) width: usize,
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<usize>,
}

/// What is done to each row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RowsOp {
    Softmax,
    LogSoftmax,
    /// Mean zero and variance one, but for `epsilon` added to it.
    Standardise {
        epsilon: f32,
    },
    /// Divided by what it comes to, unless that is zero.
    Normalise(Total),
    /// One number a row.
    Reduce(Total),
}

/// What a row comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Total {
    Sum,
    Mean,
    Max,
    Min,
    /// Sum of the sizes.
    L1,
    /// Root of the sum of squares.
    L2,
    SumSquare,
}

/// One row among others: what follows it may be read, and written before its turn comes.
#[derive(Clone, Copy)]
struct Row {
    start: usize,
    width: usize,
}

#[inline(always)]
pub(crate) fn run<L: Lanes>(l: L, step: &Rows, arena: &mut [f32]) {
    let (from, to) = apart(arena, step.from.clone(), step.to.clone());
    for index in 0..step.count {
        let row = Row { start: index * step.width, width: step.width };
        match step.op {
            RowsOp::Softmax => softmax(l, row, false, from, to),
            RowsOp::LogSoftmax => softmax(l, row, true, from, to),
            RowsOp::Standardise { epsilon } => {
                let mean = l.splat(total(l, row, Total::Mean, from));
                row.map(l, from, to, |a| l.sub(a, mean));
                let variance = total(l, row, Total::SumSquare, to) / row.width as f32;
                let deviation = l.splat((variance + epsilon).sqrt());
                row.update(l, to, |a| l.div(a, deviation));
            }
            RowsOp::Normalise(kind) => {
                let total = total(l, row, kind, from);
                let total = l.splat(if total == 0.0 { 1.0 } else { total });
                row.map(l, from, to, |a| l.div(a, total));
            }
            RowsOp::Reduce(kind) => to[index] = total(l, row, kind, from),
        }
    }
}

#[inline(always)]
fn softmax<L: Lanes>(l: L, row: Row, log: bool, from: &[f32], to: &mut [f32]) {
    if row.width <= LANES {
        return short_softmax(l, row, log, from, to);
    }
    // Which NaN is the highest is of no account: the sum is NaN wherever there is one.
    let highest = halves(l, row.fold(l, from, f32::NEG_INFINITY, |best, a| l.max(best, a)), L::max);
    let shift = l.splat(highest);
    // A loop, and no closure: a large one is a function without the instructions.
    for at in (row.start..row.start + row.width).step_by(LANES) {
        store(l, to, at, math::exp(l, l.sub(load(l, from, at), shift)));
    }
    let sum = total(l, row, Total::Sum, to);
    if log {
        let shift = l.splat(highest + libm::logf(sum));
        row.map(l, from, to, |a| l.sub(a, shift));
    } else {
        let sum = l.splat(sum);
        row.update(l, to, |a| l.div(a, sum));
    }
}

/// Of a row that registers hold. What a row does not fill takes no part in the highest and in the
/// sum, so halves that are empty need not be joined; the row's lanes all have what they come to.
#[inline(always)]
fn short_softmax<L: Lanes>(l: L, row: Row, log: bool, from: &[f32], to: &mut [f32]) {
    let (lanes, width) = (l.load(&LANE_NUMBERS), l.splat(row.width as f32));
    let line = load(l, from, row.start);
    let mut highest = l.select_less(lanes, width, line, l.splat(f32::NEG_INFINITY));
    if row.width > 8 {
        highest = l.max(highest, l.swapped::<8>(highest));
    }
    if row.width > 4 {
        highest = l.max(highest, l.swapped::<4>(highest));
    }
    highest = l.max(highest, l.swapped::<2>(highest));
    highest = l.max(highest, l.swapped::<1>(highest));
    // Never above zero, so held from below alone.
    let held = l.max(l.splat(-87.3), l.sub(line, highest));
    let powers = l.select_less(lanes, width, math::exp_within(l, held), l.splat(0.0));
    let mut sum = powers;
    if row.width > 8 {
        sum = l.add(sum, l.swapped::<8>(sum));
    }
    if row.width > 4 {
        sum = l.add(sum, l.swapped::<4>(sum));
    }
    sum = l.add(sum, l.swapped::<2>(sum));
    sum = l.add(sum, l.swapped::<1>(sum));
    let line = if log {
        l.sub(line, l.splat(l.first(highest) + libm::logf(l.first(sum))))
    } else {
        l.div(powers, sum)
    };
    store(l, to, row.start, line);
}

#[inline(always)]
fn total<L: Lanes>(l: L, row: Row, kind: Total, place: &[f32]) -> f32 {
    let sum = |lanes: L::F| halves(l, lanes, L::add);
    let plain = |total, a| l.add(total, a);
    match kind {
        Total::Sum => sum(row.fold(l, place, 0.0, plain)),
        Total::Mean => sum(row.fold(l, place, 0.0, plain)) / row.width as f32,
        Total::L1 => sum(row.fold(l, place, 0.0, |total, a| l.add(total, l.abs(a)))),
        Total::L2 => sum(row.fold(l, place, 0.0, |total, a| l.fma(a, a, total))).sqrt(),
        Total::SumSquare => sum(row.fold(l, place, 0.0, |total, a| l.fma(a, a, total))),
        Total::Max => {
            let best =
                row.fold(l, place, f32::NEG_INFINITY, |best, a| BinaryOp::Max.apply(l, best, a));
            halves(l, best, |l, a, b| BinaryOp::Max.apply(l, a, b))
        }
        Total::Min => {
            let best = row.fold(l, place, f32::INFINITY, |best, a| BinaryOp::Min.apply(l, best, a));
            halves(l, best, |l, a, b| BinaryOp::Min.apply(l, a, b))
        }
    }
}

impl Row {
    /// Line by line, lanes behind the row's end being `neutral`.
    #[inline(always)]
    fn fold<L: Lanes>(
        self,
        l: L,
        place: &[f32],
        neutral: f32,
        join: impl Fn(L::F, L::F) -> L::F,
    ) -> L::F {
        let mut sum = l.splat(neutral);
        for at in (0..self.width).step_by(LANES) {
            let line = load(l, place, self.start + at);
            let line = if self.width - at < LANES {
                let lanes = l.load(&LANE_NUMBERS);
                l.select_less(lanes, l.splat((self.width - at) as f32), line, l.splat(neutral))
            } else {
                line
            };
            sum = join(sum, line);
        }
        sum
    }

    /// Each number of the row, from one place to the same place of another.
    #[inline(always)]
    fn map<L: Lanes>(self, l: L, from: &[f32], to: &mut [f32], function: impl Fn(L::F) -> L::F) {
        for at in (self.start..self.start + self.width).step_by(LANES) {
            store(l, to, at, function(load(l, from, at)));
        }
    }

    /// Each number of the row, where it stands.
    #[inline(always)]
    fn update<L: Lanes>(self, l: L, place: &mut [f32], function: impl Fn(L::F) -> L::F) {
        for at in (self.start..self.start + self.width).step_by(LANES) {
            let line = function(load(l, place, at));
            store(l, place, at, line);
        }
    }
}

const LANE_NUMBERS: [f32; LANES] =
    [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// Sixteen numbers, as far as there are so many.
#[inline(always)]
pub(crate) fn load<L: Lanes>(l: L, place: &[f32], at: usize) -> L::F {
    let rest = &place[at..];
    match rest.first_chunk() {
        Some(line) => l.load(line),
        None => l.load_part(rest),
    }
}

/// Sixteen numbers, as far as there is room.
#[inline(always)]
pub(crate) fn store<L: Lanes>(l: L, place: &mut [f32], at: usize, value: L::F) {
    let rest = &mut place[at..];
    match rest.first_chunk_mut() {
        Some(line) => l.store(value, line),
        None => l.store_part(value, rest),
    }
}

/// All lanes as one number: halves onto halves.
#[inline(always)]
fn halves<L: Lanes>(l: L, lanes: L::F, join: impl Fn(L, L::F, L::F) -> L::F) -> f32 {
    let lanes = join(l, lanes, l.swapped::<8>(lanes));
    let lanes = join(l, lanes, l.swapped::<4>(lanes));
    let lanes = join(l, lanes, l.swapped::<2>(lanes));
    l.first(join(l, lanes, l.swapped::<1>(lanes)))
}
