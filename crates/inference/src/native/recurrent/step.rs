//! A layer as a step of a plan.

use super::{Ends, Layer};
use crate::native::simd::Lanes;
use std::ops::Range;

/// A layer with its places. Those it reads come first; empty ones are for what is not given, or what
/// nobody asked for.
#[derive(Debug)]
pub(crate) struct Recurrent {
    pub(crate) layer: Layer,
    pub(crate) x: Range<usize>,
    pub(crate) initial_h: Range<usize>,
    pub(crate) initial_c: Range<usize>,
    /// Where the projections begin; room for the scan follows them.
    pub(crate) own: usize,
    pub(crate) y: Range<usize>,
    pub(crate) y_h: Range<usize>,
    pub(crate) y_c: Range<usize>,
}

#[inline(always)]
pub(crate) fn run<L: Lanes>(l: L, step: &Recurrent, arena: &mut [f32]) {
    let layer = &step.layer;
    let (before, own) = arena.split_at_mut(step.own);
    let (projections, own) = own.split_at_mut(layer.steps * layer.projected());
    let (spare, results) = own.split_at_mut(layer.spare());
    let [y, y_h, y_c] = step.results(results);
    let rows = (0..layer.steps).map(|row| (row, row));
    layer.project(l, &before[step.x.clone()], rows, projections);
    let initial_h = &before[step.initial_h.clone()];
    let initial_c = &before[step.initial_c.clone()];
    let ends = Ends { initial_h, initial_c, y, y_h, y_c };
    layer.scan(l, projections, 0, spare, ends);
}

impl Recurrent {
    /// Three places that follow each other and the scan's room, in the memory behind that.
    #[inline(always)]
    fn results<'a>(&self, memory: &'a mut [f32]) -> [&'a mut [f32]; 3] {
        let mut at = self.own + self.layer.steps * self.layer.projected() + self.layer.spare();
        let mut rest = memory;
        [&self.y, &self.y_h, &self.y_c].map(|range| {
            if range.is_empty() {
                return &mut [][..];
            }
            let (_, from) = std::mem::take(&mut rest).split_at_mut(range.start - at);
            let (place, behind) = from.split_at_mut(range.len());
            (rest, at) = (behind, range.end);
            place
        })
    }
}
