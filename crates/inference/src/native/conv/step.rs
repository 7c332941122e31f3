//! Layers over columns as a step of a plan.

use super::columns::{Columns, Turn};
use crate::native::moves::Copies;
use crate::native::recurrent::Scan;
use crate::native::simd::{Kernel, Lanes};
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
        let (front, rings, turn, window) = match &self.rings {
            None => (arena, &mut *slide.rings, slide.turn, slide.window),
            Some(own) => {
                let (front, rings) = arena.split_at_mut(own.start);
                (front, &mut rings[..own.len()], Turn::WHOLE, None)
            }
        };
        let input = window.unwrap_or(&front[self.from.clone()]);
        self.columns.run(l, rings, turn, input);
        self.give(l, rings, turn, front);
    }

    #[inline(always)]
    fn give<L: Lanes>(&self, l: L, rings: &[f32], turn: Turn, arena: &mut [f32]) {
        for (layer, copies) in &self.outputs {
            let from = self.columns.output(*layer, rings, turn);
            copies.copy(from, &mut arena[copies.to.clone()]);
        }
        for (layer, scan) in &self.scans {
            let (front, own) = arena.split_at_mut(scan.own);
            let projections = self.columns.output(*layer, rings, turn);
            l.call(ScanStep { scan, projections, front, own });
        }
    }

    /// Bytes of weights and tables.
    pub(crate) fn bytes(&self) -> usize {
        let copies: usize = self.outputs.iter().map(|(_, copies)| copies.bytes()).sum();
        self.columns.bytes() + copies
    }
}

struct ScanStep<'a> {
    scan: &'a Scan,
    projections: &'a [f32],
    front: &'a [f32],
    own: &'a mut [f32],
}

impl Kernel for ScanStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        self.scan.run(l, self.projections, self.front, self.own);
    }
}
