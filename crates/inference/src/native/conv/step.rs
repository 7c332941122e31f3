//! Layers over columns as a step of a plan.

use super::columns::{Columns, Turn};
use crate::native::moves::Copies;
use crate::native::recurrent::Scan;
use crate::native::simd::Lanes;
use std::ops::Range;

/// What slides from run to run: the window, if it does not stand in the arena's input, and what is
/// kept of it.
pub(crate) struct Slide<'a> {
    pub(crate) window: Option<&'a [f32]>,
    pub(crate) rings: &'a mut [f32],
    pub(crate) turn: Turn,
}

/// All layers of one source, and the values that other steps take from them.
#[derive(Debug)]
pub(crate) struct ColumnsStep {
    pub(crate) columns: Columns,
    /// The source.
    pub(crate) from: Range<usize>,
    /// Where the layers' rings are, if the source does not slide: behind all other places.
    pub(crate) rings: Option<Range<usize>>,
    /// Layers, and where their columns are taken: places behind the source.
    pub(crate) outputs: Vec<(usize, Copies)>,
    /// Layers that are projections, and what scans them: places behind the source.
    pub(crate) scans: Vec<(usize, Scan)>,
}

impl ColumnsStep {
    #[inline(always)]
    pub(crate) fn run<L: Lanes>(&self, l: L, arena: &mut [f32], slide: &mut Slide<'_>) {
        let Some(own) = self.rings.clone() else {
            let input = slide.window.unwrap_or(&arena[self.from.clone()]);
            self.columns.run(l, slide.rings, slide.turn, input);
            return self.give(l, slide.rings, slide.turn, arena);
        };
        let (front, rings) = arena.split_at_mut(own.start);
        let rings = &mut rings[..own.len()];
        self.columns.run(l, rings, Turn::WHOLE, &front[self.from.clone()]);
        self.give(l, rings, Turn::WHOLE, front);
    }

    #[inline(always)]
    fn give<L: Lanes>(&self, l: L, rings: &[f32], turn: Turn, arena: &mut [f32]) {
        for (layer, copies) in &self.outputs {
            let from = self.columns.output(*layer, rings, turn);
            copies.copy(from, &mut arena[copies.to.clone()]);
        }
        for (layer, scan) in &self.scans {
            let (front, own) = arena.split_at_mut(scan.own);
            scan.run(l, self.columns.output(*layer, rings, turn), front, own);
        }
    }

    /// Bytes of weights and tables.
    pub(crate) fn bytes(&self) -> usize {
        let copies: usize = self.outputs.iter().map(|(_, copies)| copies.bytes()).sum();
        self.columns.bytes() + copies
    }
}
