//! Layers over a window, column by column of time, and which of them a new row leaves as they were.
//!
//! ```text
//! window      r0 r1 r2 r3 r4 r5          then one row later      r1 r2 r3 r4 r5 r6
//! conv, 3     c0 c1 c2 c3                                        c1 c2 c3 *
//! same, 3     a0 d1 d2 b3                (edges read padding)    *  d2 *  *
//! ```
//!
//! Every layer's columns are kept in a ring of their own, all turned together. Only what is marked
//! `*` is computed: a column is *steady* if no number it is made of stands beside padding, and a
//! steady column of the new window is its right neighbour of the old one, bit by bit. Rings are
//! mirrored: what is written past the turn is written at the ring's beginning too, so that the
//! columns of a window always lie in one piece.

use super::kernel::{Conv, Fused, put, take};
use super::lanewise::Lanewise;
use crate::native::elementwise::{BinaryOp, UnaryOp};
use crate::native::recurrent;
use crate::native::simd::{Kernel, LANES, Lanes};
use std::ops::Range;
use std::sync::Arc;

/// Layers that follow one source.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(super) layers: Vec<Layer>,
    /// One for each layer: what it gives.
    pub(super) kept: Vec<Kept>,
    /// Slots after which rings begin anew: no tensor has more columns.
    pub(crate) turn: usize,
    /// Numbers that all rings take together, whole lines.
    pub(crate) numbers: usize,
    /// Rows of the window if the source is one that slides, else zero.
    pub(crate) rows: usize,
}

/// A layer's output: `columns` of `column` numbers each, `[time][inner]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Its ring's first number.
    pub(super) place: usize,
    pub(super) column: usize,
    pub(super) columns: usize,
    /// Columns at the beginning, and at the end, that are not steady.
    pub(super) edges: [usize; 2],
}

/// Where numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The window, or the value the layers begin at.
    Input,
    /// That layer's output.
    Layer(usize),
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) operation: Operation,
    /// Done to each number last, in this order.
    pub(super) after: Vec<UnaryOp>,
}

#[derive(Debug)]
pub(super) enum Operation {
    Conv {
        from: Source,
        conv: Conv,
        fused: Fused,
    },
    Lanewise {
        from: Source,
        layer: Lanewise,
        fused: Fused,
    },
    /// What the gates of a recurrent layer take of each row.
    Project {
        from: Source,
        layer: Arc<recurrent::Layer>,
    },
    /// Nothing but what comes after.
    Same {
        from: Source,
    },
    Binary {
        op: BinaryOp,
        a: Operand,
        b: Operand,
    },
    Copy {
        parts: Vec<Part>,
        fill: Option<f32>,
    },
}

/// One side of an operation on two numbers.
#[derive(Debug)]
pub(super) enum Operand {
    From(Source),
    /// The same numbers for each column.
    Column(Vec<f32>),
}

/// Numbers taken over as they are.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) from: Source,
    /// Columns of the output it has a part in.
    pub(super) columns: Range<usize>,
    /// Where the first of them finds its numbers, and how far on the next one does.
    pub(super) start: usize,
    pub(super) step: usize,
    /// Source, target and length within a column.
    pub(super) runs: Vec<(usize, usize, usize)>,
}

/// What a run has to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// The slot at which the window begins.
    pub(crate) start: usize,
    /// Rows of the window that the kept columns know nothing of.
    pub(crate) new: usize,
}

impl Turn {
    /// Everything, at the beginning of all rings.
    pub(crate) const WHOLE: Self = Self { start: 0, new: usize::MAX };
}

impl Kept {
    /// Its columns of the present window.
    fn window(&self, start: usize) -> Range<usize> {
        self.place + start * self.column..self.place + (start + self.columns) * self.column
    }

    /// The columns a turn computes: at the left edge, and the new ones with the right edge.
    fn fresh(&self, new: usize) -> [Range<usize>; 2] {
        let [left, right] = self.edges;
        match self.columns.checked_sub(right.saturating_add(new)) {
            Some(known) if known > left => [0..left, known..self.columns],
            _ => [0..self.columns, 0..0],
        }
    }
}

impl Columns {
    /// Computes what the turn asks for. `rings` are those of the runs before, `input` the source.
    #[inline(always)]
    pub(crate) fn run<L: Lanes>(&self, l: L, rings: &mut [f32], turn: Turn, input: &[f32]) {
        for (layer, kept) in self.layers.iter().zip(&self.kept) {
            let (before, own) = rings.split_at_mut(kept.place);
            let own = &mut own[..self.room(kept)];
            let out = &mut own[turn.start * kept.column..][..kept.columns * kept.column];
            let read = |source: Source| match source {
                Source::Input => input,
                Source::Layer(index) => &before[self.kept[index].window(turn.start)],
            };
            for columns in kept.fresh(turn.new) {
                if columns.is_empty() {
                    continue;
                }
                layer.run(l, read, out, kept.column, &columns);
            }
            self.mirror(kept, turn, own);
        }
    }

    /// What a layer's columns of the present window are.
    pub(super) fn output<'a>(&self, layer: usize, rings: &'a [f32], turn: Turn) -> &'a [f32] {
        &rings[self.kept[layer].window(turn.start)]
    }

    /// Numbers a ring takes.
    pub(super) fn room(&self, kept: &Kept) -> usize {
        let slots = if self.rows > 0 { 2 * self.turn } else { kept.columns };
        slots * kept.column
    }

    /// Writes the new steady columns that lie past the turn to where they will be looked for once
    /// the window has begun anew.
    #[inline(always)]
    fn mirror(&self, kept: &Kept, turn: Turn, own: &mut [f32]) {
        let end = turn.start + kept.columns.saturating_sub(kept.edges[1]);
        let first = end.saturating_sub(turn.new).max(turn.start + kept.edges[0]).max(self.turn);
        if first < end {
            let slots = first * kept.column..end * kept.column;
            own.copy_within(slots, (first - self.turn) * kept.column);
        }
    }
}

impl Layer {
    #[inline(always)]
    fn run<'a, L: Lanes>(
        &'a self,
        l: L,
        read: impl Fn(Source) -> &'a [f32],
        out: &mut [f32],
        column: usize,
        columns: &Range<usize>,
    ) {
        let numbers = columns.start * column..columns.end * column;
        match &self.operation {
            Operation::Conv { from, conv, fused } => {
                l.call(Convolve { conv, x: read(*from), out, columns, fused: *fused });
            }
            Operation::Lanewise { from, layer, fused } => {
                l.call(Fold { layer, x: read(*from), out, columns, fused: *fused });
            }
            Operation::Project { from, layer } => {
                l.call(Project { layer, x: read(*from), out, columns });
            }
            Operation::Same { from } => {
                out[numbers.clone()].copy_from_slice(&read(*from)[numbers.clone()]);
            }
            Operation::Binary { op, a, b } => {
                for index in columns.clone() {
                    let place = index * column..(index + 1) * column;
                    let side = |operand: &'a Operand| match operand {
                        Operand::From(source) => &read(*source)[place.clone()],
                        Operand::Column(numbers) => &numbers[..],
                    };
                    let (a, b) = (side(a), side(b));
                    l.call(Binary { op: *op, a, b, out: &mut out[place.clone()] });
                }
            }
            Operation::Copy { parts, fill } => {
                if let Some(fill) = fill {
                    out[numbers.clone()].fill(*fill);
                }
                for part in parts {
                    part.copy(read(part.from), out, column, columns);
                }
            }
        }
        for op in &self.after {
            l.call(Unary { op: *op, numbers: &mut out[numbers.clone()] });
        }
    }
}

impl Part {
    #[inline(always)]
    fn copy(&self, from: &[f32], out: &mut [f32], column: usize, columns: &Range<usize>) {
        let first = self.columns.start.max(columns.start);
        for index in first..self.columns.end.min(columns.end) {
            let start = self.start + (index - self.columns.start) * self.step;
            let (from, out) = (&from[start..], &mut out[index * column..][..column]);
            for &(source, target, len) in &self.runs {
                out[target..target + len].copy_from_slice(&from[source..source + len]);
            }
        }
    }
}

struct Convolve<'a> {
    conv: &'a Conv,
    x: &'a [f32],
    out: &'a mut [f32],
    columns: &'a Range<usize>,
    fused: Fused,
}

impl Kernel for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        self.conv.run(l, self.x, self.out, self.columns, self.fused);
    }
}

struct Fold<'a> {
    layer: &'a Lanewise,
    x: &'a [f32],
    out: &'a mut [f32],
    columns: &'a Range<usize>,
    fused: Fused,
}

impl Kernel for Fold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        self.layer.run(l, self.x, self.out, self.columns, self.fused);
    }
}

struct Project<'a> {
    layer: &'a recurrent::Layer,
    x: &'a [f32],
    out: &'a mut [f32],
    columns: &'a Range<usize>,
}

impl Kernel for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        self.layer.project(l, self.x, self.columns.clone(), self.out);
    }
}

struct Unary<'a> {
    op: UnaryOp,
    numbers: &'a mut [f32],
}

impl Kernel for Unary<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        for start in (0..self.numbers.len()).step_by(LANES) {
            let left = self.numbers.len() - start;
            let value = self.op.apply(l, take(l, self.numbers, start, left));
            put(l, value, self.numbers, start, left);
        }
    }
}

struct Binary<'a> {
    op: BinaryOp,
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Binary<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        for start in (0..self.out.len()).step_by(LANES) {
            let left = self.out.len() - start;
            let value =
                self.op.apply(l, take(l, self.a, start, left), take(l, self.b, start, left));
            put(l, value, self.out, start, left);
        }
    }
}
