//! A layer's scan, as part of a plan.

use super::{Ends, Layer};
use crate::native::simd::Lanes;
use std::ops::Range;
use std::sync::Arc;

/// A layer's scan with its places. Those it reads come first; empty ones are for what is not given,
/// or what nobody asked for.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) layer: Arc<Layer>,
    pub(crate) initial_h: Range<usize>,
    pub(crate) initial_c: Range<usize>,
    /// Where its own room begins, which the places of its results follow.
    pub(crate) own: usize,
    pub(crate) y: Range<usize>,
    pub(crate) y_h: Range<usize>,
    pub(crate) y_c: Range<usize>,
}

impl Scan {
    /// `front` is the arena before the scan's own room, `own` what begins there.
    #[inline(always)]
    pub(crate) fn run<L: Lanes>(&self, l: L, projections: &[f32], front: &[f32], own: &mut [f32]) {
        let (spare, results) = own.split_at_mut(self.layer.spare());
        let [y, y_h, y_c] = self.results(results);
        let initial_h = &front[self.initial_h.clone()];
        let initial_c = &front[self.initial_c.clone()];
        self.layer.scan(l, projections, spare, Ends { initial_h, initial_c, y, y_h, y_c });
    }

    /// The places of the results, in what is behind the room.
    #[inline(always)]
    fn results<'a>(&self, memory: &'a mut [f32]) -> [&'a mut [f32]; 3] {
        let mut at = self.own + self.layer.spare();
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
