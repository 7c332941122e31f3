//! Matrix times matrix where both are computed: attention, and what else is small.

use super::rows::{load, store};
use super::simd::{LANES, Lanes};
use std::ops::Range;

/// `to[i] = a[..] x b[..]` for each pair of places in `batches`; `[m, k] x [k, n]`. An output sums
/// over k in four parts as [`super::dense`] does for layers of several blocks, without a bias.
#[derive(Debug)]
pub(crate) struct MatMul {
    pub(crate) a: Range<usize>,
    pub(crate) b: Range<usize>,
    pub(crate) to: Range<usize>,
    /// Where in `a` and in `b` each product's matrices begin.
    pub(crate) batches: Vec<(usize, usize)>,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

#[inline(always)]
pub(crate) fn run<L: Lanes>(l: L, step: &MatMul, arena: &mut [f32]) {
    let (before, to) = arena.split_at_mut(step.to.start);
    let to = &mut to[..step.to.len()];
    let (a, b) = (&before[step.a.clone()], &before[step.b.clone()]);
    let &MatMul { m, k, n, .. } = step;
    // A line written beyond a row's end is written again by the row it belongs to, or is padding.
    let rows = step.batches.iter().flat_map(|batch| (0..m).map(move |row| (batch, row)));
    for (place, ((a_start, b_start), row)) in rows.enumerate() {
        let a = &a[a_start + row * k..][..k];
        for column in (0..n).step_by(LANES) {
            let mut sums = [l.splat(0.0); 4];
            let (quads, rest) = a.as_chunks::<4>();
            let parts = quads.iter().map(<[f32; 4]>::as_slice).chain([rest]);
            let mut at = b_start + column;
            for part in parts {
                for (number, sum) in part.iter().zip(&mut sums) {
                    *sum = l.fma(l.splat(*number), load(l, b, at), *sum);
                    at += n;
                }
            }
            let [p0, p1, p2, p3] = sums;
            store(l, to, place * n + column, l.add(l.add(p0, p1), l.add(p2, p3)));
        }
    }
}
