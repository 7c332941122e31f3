//! Moving numbers without changing them: what Transpose, Slice, Concat, Expand and their like
//! compile to.

use super::plan::apart;
use std::ops::Range;

/// Numbers of `from` in another order, some left out, some several times.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<usize>,
    runs: Vec<CopyRun>,
}

/// `to[target + i] = from[source + i * stride]` for `i` below `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CopyRun {
    source: usize,
    target: usize,
    count: usize,
    stride: isize,
}

impl Copies {
    /// Copies each number from its source in `from` to its target in `to`.
    pub(crate) fn new(
        from: Range<usize>,
        to: Range<usize>,
        moves: impl Iterator<Item = (usize, usize)>,
    ) -> Self {
        let mut runs: Vec<CopyRun> = Vec::new();
        for (source, target) in moves {
            match runs.last_mut().filter(|run| target == run.target + run.count) {
                Some(run) if run.count == 1 => {
                    run.stride = source as isize - run.source as isize;
                    run.count = 2;
                }
                Some(run) if source as isize == run.next_source() => run.count += 1,
                _ => runs.push(CopyRun { source, target, count: 1, stride: 1 }),
            }
        }
        Self { from, to, runs }
    }

    /// Copies between slices that begin where the places do.
    #[inline(always)]
    pub(crate) fn copy(&self, from: &[f32], to: &mut [f32]) {
        for run in &self.runs {
            let to = &mut to[run.target..][..run.count];
            match run.stride {
                1 => to.copy_from_slice(&from[run.source..][..run.count]),
                0 => to.fill(from[run.source]),
                stride => {
                    let mut source = run.source;
                    for number in to {
                        *number = from[source];
                        source = source.wrapping_add_signed(stride);
                    }
                }
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.runs.len() * size_of::<CopyRun>()
    }
}

impl CopyRun {
    fn next_source(self) -> isize {
        self.source as isize + self.count as isize * self.stride
    }
}

#[inline(always)]
pub(crate) fn run(step: &Copies, arena: &mut [f32]) {
    let (from, to) = apart(arena, step.from.clone(), step.to.clone());
    step.copy(from, to);
}
