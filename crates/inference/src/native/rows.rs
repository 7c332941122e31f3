//! What is done to whole rows: Softmax, and what else needs every number of a row.
//!
//! A sum over a row is taken in sixteen lanes, lane i has the numbers i, i + 16 and so on, and the
//! lanes are added halves onto halves: the same order on every instruction set.

use super::math;
use super::plan::apart;
use super::simd::{LANES, Lanes};
use std::ops::Range;

/// Softmax of each row, or its logarithm.
#[derive(Debug)]
pub(crate) struct Softmax {
    pub(crate) log: bool,
    pub(crate) rows: Rows,
}

/// Rows of `width` numbers, one after the other, from whole lines to whole lines.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    pub(crate) width: usize,
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<usize>,
}

/// One row among others: what follows it may be read, and written before its turn comes.
#[derive(Clone, Copy)]
struct Row {
    start: usize,
    width: usize,
}

#[inline(always)]
pub(crate) fn softmax<L: Lanes>(l: L, step: &Softmax, arena: &mut [f32]) {
    let Rows { count, width, .. } = step.rows;
    let (from, to) = apart(arena, step.rows.from.clone(), step.rows.to.clone());
    for row in (0..count).map(|row| Row { start: row * width, width }) {
        let highest = halves(l, row.fold(l, from, f32::NEG_INFINITY, |a, b| l.max(a, b)), f32::max);
        let shift = l.splat(highest);
        row.map(l, from, to, |a| math::exp(l, l.sub(a, shift)));
        let total = halves(l, row.fold(l, to, 0.0, |a, b| l.add(a, b)), |a, b| a + b);
        if step.log {
            let shift = l.splat(highest + libm::logf(total));
            row.map(l, from, to, |a| l.sub(a, shift));
        } else {
            let total = l.splat(total);
            row.update(l, to, |a| l.div(a, total));
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
fn load<L: Lanes>(l: L, place: &[f32], at: usize) -> L::F {
    let rest = &place[at..];
    match rest.first_chunk() {
        Some(line) => l.load(line),
        None => l.load_part(rest),
    }
}

#[inline(always)]
fn store<L: Lanes>(l: L, place: &mut [f32], at: usize, value: L::F) {
    let rest = &mut place[at..];
    match rest.first_chunk_mut() {
        Some(line) => l.store(value, line),
        None => l.store_part(value, rest),
    }
}

/// All lanes as one number: halves onto halves.
#[inline(always)]
fn halves<L: Lanes>(l: L, lanes: L::F, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut numbers = [0.0; LANES];
    l.store(lanes, &mut numbers);
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            numbers[lane] = join(numbers[lane], numbers[lane + width]);
        }
        width /= 2;
    }
    numbers[0]
}
