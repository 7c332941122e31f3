//! Walks through many trees at once: the choice of kernel, and the one in plain Rust.
//!
//! AVX2 has no kernel of its own. Its gathers of eight were measured beside the walk below, in one
//! process on a Sapphire Rapids core: 100 trees of depth 6 took 0.71 µs with them and 0.55 µs here,
//! since a gather is as many loads and the scalar walk keeps sixteen trees in flight as well.
#![expect(
    unsafe_code,
    reason = "walks without bounds checks: what they would check is proven when the file is read"
)]

use super::forest::{Forest, LANES};
#[cfg(target_arch = "x86_64")]
use super::kernels_avx512;
use crate::native::isa::Isa;

/// Groups walked in one call: enough walks in flight to hide the latency of loads.
pub(super) const CHUNK_GROUPS: usize = 4;
/// Trees in a chunk.
pub(super) const CHUNK: usize = CHUNK_GROUPS * LANES;
/// Levels walked before a look whether all trees are at a leaf. Only forests deeper than this pay
/// for it, and they are seldom deep everywhere.
const BLOCK: u32 = 8;

/// Walks the trees of a chunk, those from `CHUNK * chunk` on, to the records of their leaves. The
/// input holds no NaN. What lanes past the last tree give means nothing.
///
/// # Panics
/// If the input is not as long as the forest was made for, or there is no such chunk.
#[inline]
pub(super) fn walk(
    isa: Isa,
    forest: &Forest,
    input: &[f32],
    chunk: usize,
    ends: &mut [[u32; LANES]; CHUNK_GROUPS],
) {
    assert_eq!(input.len(), forest.features);
    let first = chunk * CHUNK_GROUPS;
    let groups = CHUNK_GROUPS.min(forest.tops.len() - first);
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512 {
        // SAFETY: this instruction set is only chosen where the processor has it; the input's
        // length and the groups were just checked.
        unsafe { kernels_avx512::walk(forest, input, first, &mut ends[..groups]) };
        return;
    }
    let _ = isa;
    for (group, ends) in (first..).zip(&mut ends[..groups]) {
        walk_group(forest, input, group, ends);
    }
}

/// Sixteen walks side by side: each is a chain of loads, and the processor overlaps them.
#[inline]
fn walk_group(forest: &Forest, input: &[f32], group: usize, ends: &mut [u32; LANES]) {
    let bits = forest.feature_bits;
    let mask = (1 << bits) - 1;
    let root = forest.root(group * LANES) as u32;
    let mut at: [u32; LANES] = std::array::from_fn(|lane| root + lane as u32);
    let mut left = forest.depths[group];
    while left > 0 {
        let before = at;
        for _ in 0..left.min(BLOCK) {
            for at in &mut at {
                // SAFETY: roots are records, and each link leads from record to record, by the
                // forest's invariant.
                let record = unsafe { forest.records.get_unchecked(*at as usize) };
                // SAFETY: features are below `forest.features`, by the invariant, and the input is
                // as long, by the caller's check.
                let value = unsafe { *input.get_unchecked((record.link & mask) as usize) };
                let is_left = value <= record.threshold;
                *at = (record.link >> bits) + u32::from(!is_left);
            }
        }
        if at == before {
            break;
        }
        left -= left.min(BLOCK);
    }
    *ends = at;
}
