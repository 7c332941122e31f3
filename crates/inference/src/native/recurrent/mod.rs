//! LSTM and GRU layers.
//!
//! A layer has two parts. Each row of the input is *projected*, to what the gates take of it: weights
//! times row, plus bias. This depends on nothing else, so a window that moved on by one row has one
//! row to project. Then the rows are *scanned* in order, and each step adds the old output's part.
//! A step and a window, and a projection kept or made anew, thus give the same bits.

mod activation;
mod gru;
mod lower;
mod lstm;
mod packed;
mod scan;
mod spec;

pub(crate) use lower::node as lower;
pub(crate) use scan::Scan;

use super::simd::{LANES, Lanes, Line, flat};
use gru::Gru;
use lstm::Lstm;
use packed::Packed;
use std::ops::Range;

/// Sixteen numbers of one gate or state.
type Row = [f32; LANES];

/// One LSTM or GRU node: `steps` rows of `inputs` numbers to `steps` rows of `hidden` a direction.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) steps: usize,
    pub(crate) inputs: usize,
    pub(crate) hidden: usize,
    directions: Vec<Direction>,
}

#[derive(Debug)]
struct Direction {
    /// From the last row to the first.
    reversed: bool,
    cell: Cell,
}

#[derive(Debug)]
enum Cell {
    Lstm(Projection<{ lstm::GATES }>, Lstm),
    Gru(Projection<{ gru::GATES }>, Gru),
}

/// What the gates take of a row.
#[derive(Debug)]
struct Projection<const G: usize> {
    weights: Packed<G>,
    bias: Vec<Line>,
}

/// Where a scan starts, and where it leaves its results; all may be empty, for zeros and for results
/// nobody asked for. Numbers stand as in ONNX: direction, then unit; in `y` row, direction, unit.
pub(crate) struct Ends<'a> {
    pub(crate) initial_h: &'a [f32],
    pub(crate) initial_c: &'a [f32],
    pub(crate) y: &'a mut [f32],
    pub(crate) y_h: &'a mut [f32],
    pub(crate) y_c: &'a mut [f32],
}

impl Layer {
    /// How many numbers one projected row has, all directions together.
    pub(crate) fn projected(&self) -> usize {
        self.directions.iter().map(|direction| direction.cell.projected()).sum()
    }

    /// How many numbers a scan needs for itself, whose values mean nothing before and after.
    pub(crate) fn spare(&self) -> usize {
        (3 + lstm::GATES) * self.hidden.next_multiple_of(LANES)
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> usize {
        self.directions.iter().map(|direction| direction.cell.bytes()).sum()
    }

    /// Projects those rows of `x` to the same ones of `projections`.
    #[inline(always)]
    pub(crate) fn project<L: Lanes>(
        &self,
        l: L,
        x: &[f32],
        rows: Range<usize>,
        projections: &mut [f32],
    ) {
        let (width, mut first) = (self.projected(), 0);
        for direction in &self.directions {
            let count = direction.cell.projected();
            let rows = rows.clone().map(|row| (row * self.inputs, row * width + first));
            match &direction.cell {
                Cell::Lstm(projection, _) => projection.project(l, x, rows, projections),
                Cell::Gru(projection, _) => projection.project(l, x, rows, projections),
            }
            first += count;
        }
    }

    /// Takes all steps over their projections.
    #[inline(always)]
    pub(crate) fn scan<L: Lanes>(&self, l: L, projections: &[f32], spare: &mut [f32], ends: Ends) {
        let (width, count) = (self.hidden, self.directions.len());
        let (projected, mut first) = (self.projected(), 0);
        let mut state = State::of(spare, self.hidden.div_ceil(LANES));
        for (index, direction) in self.directions.iter().enumerate() {
            start(state.h, part(ends.initial_h, index, width));
            start(state.carried, part(ends.initial_c, index, width));
            let range = first..first + direction.cell.projected();
            first = range.end;
            for step in 0..self.steps {
                let row = if direction.reversed { self.steps - 1 - step } else { step };
                let projected = &projections[row * projected..][range.clone()];
                direction.cell.step(l, projected, &mut state, step % 2 == 1);
                if !ends.y.is_empty() {
                    let at = (row * count + index) * width;
                    ends.y[at..at + width].copy_from_slice(&state.h.as_flattened()[..width]);
                }
            }
            for (ends, state) in [(&mut *ends.y_h, &*state.h), (&mut *ends.y_c, &*state.carried)] {
                if !ends.is_empty() {
                    let to = &mut ends[index * width..(index + 1) * width];
                    to.copy_from_slice(&state.as_flattened()[..width]);
                }
            }
        }
    }
}

/// What a scan works on, sixteen units a row.
struct State<'a> {
    /// The last output.
    h: &'a mut [Row],
    /// The next one, while it is made.
    new: &'a mut [Row],
    /// What else goes from step to step.
    carried: &'a mut [Row],
    /// Room for a step's sums: a row a gate, block by block.
    sums: &'a mut [Row],
}

impl<'a> State<'a> {
    fn of(spare: &'a mut [f32], blocks: usize) -> Self {
        let (rows, _) = spare.as_chunks_mut::<LANES>();
        let (h, rows) = rows.split_at_mut(blocks);
        let (new, rows) = rows.split_at_mut(blocks);
        let (carried, sums) = rows.split_at_mut(blocks);
        Self { h, new, carried, sums }
    }
}

/// The numbers of one direction, or none.
fn part(all: &[f32], index: usize, width: usize) -> &[f32] {
    if all.is_empty() { all } else { &all[index * width..(index + 1) * width] }
}

/// Fills with the numbers, zeros behind them.
fn start(rows: &mut [Row], from: &[f32]) {
    let (numbers, zeros) = rows.as_flattened_mut().split_at_mut(from.len());
    numbers.copy_from_slice(from);
    zeros.fill(0.0);
}

impl<const G: usize> Projection<G> {
    /// Block by block, so that a block's weights are fetched once for all rows; `rows` are places
    /// in `x` and in `projections`.
    #[inline(always)]
    fn project<L: Lanes>(
        &self,
        l: L,
        x: &[f32],
        rows: impl Iterator<Item = (usize, usize)> + Clone,
        projections: &mut [f32],
    ) {
        for block in 0..self.bias.len() / G {
            let mut rows = rows.clone();
            while let Some(first) = rows.next() {
                match rows.next() {
                    Some(second) => self.put(l, block, x, [first, second], projections),
                    None => self.put(l, block, x, [first], projections),
                }
            }
        }
    }

    /// One block of so many rows, which share the weights' way to the registers. Two parts a sum,
    /// so that those of two rows fit.
    #[inline(always)]
    fn put<L: Lanes, const R: usize>(
        &self,
        l: L,
        block: usize,
        x: &[f32],
        places: [(usize, usize); R],
        projections: &mut [f32],
    ) {
        let (bias, _) = flat(&self.bias).as_chunks::<LANES>();
        let (bias, rows) =
            (bias.as_chunks::<G>().0[block].each_ref(), places.map(|(from, _)| &x[from..]));
        let sums = self.weights.sums::<L, 2, R>(l, block, rows, bias);
        for row in 0..R {
            let place = places[row].1 + block * G * LANES;
            let (to, _) = projections[place..][..G * LANES].as_chunks_mut::<LANES>();
            for gate in 0..G {
                l.store(sums[row][gate], &mut to[gate]);
            }
        }
    }
}

impl Cell {
    fn projected(&self) -> usize {
        match self {
            Self::Lstm(projection, _) => projection.bias.len() * LANES,
            Self::Gru(projection, _) => projection.bias.len() * LANES,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Lstm(projection, cell) => projection.weights.bytes() + cell.recurrent.bytes(),
            Self::Gru(projection, cell) => projection.weights.bytes() + cell.bytes(),
        }
    }

    /// One step, after which the state's `h` is the new output. Every other step goes through the blocks `backwards`: the weights
    /// that the one before used last are still in the first-level cache, which does not hold all.
    #[inline(always)]
    fn step<L: Lanes>(&self, l: L, projected: &[f32], state: &mut State, backwards: bool) {
        let count = state.h.len();
        let blocks = (0..count).map(|at| if backwards { count - 1 - at } else { at });
        let (projected, _) = projected.as_chunks::<LANES>();
        match self {
            Self::Lstm(_, cell) => cell.step(l, blocks, projected, state),
            Self::Gru(_, cell) => cell.step(l, blocks, projected, state),
        }
        std::mem::swap(&mut state.h, &mut state.new);
    }
}

#[cfg(test)]
pub(crate) mod tests;
