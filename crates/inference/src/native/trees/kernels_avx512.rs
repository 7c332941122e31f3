//! Sixteen trees a vector, four vectors in flight.
#![cfg(target_arch = "x86_64")]
#![expect(unsafe_code, reason = "vector instructions")]

use super::forest::{Forest, LANES, Record, TOP_LEVELS, Top};
use super::kernels::CHUNK_GROUPS;
use std::arch::x86_64::*;

/// Levels walked before a look whether all trees are at a leaf; see the scalar kernel.
const BLOCK: u32 = 8;

/// Inputs that two registers hold, to be chosen from without a load.
const REGISTER_INPUTS: usize = 32;

/// Walks the trees of the groups from `first` on, as many as `ends` has, to their leaves' records.
///
/// # Safety
/// The processor has AVX-512 F; the input is `forest.features` long; the groups are there.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn walk(forest: &Forest, input: &[f32], first: usize, ends: &mut [[u32; LANES]]) {
    if input.len() <= REGISTER_INPUTS {
        // SAFETY: loads as many floats as the input has.
        let (low, high) = unsafe { registers(input) };
        let choose = |feature| _mm512_permutex2var_ps(low, feature, high);
        // SAFETY: the caller's promises; any five bits choose within the registers.
        unsafe { walk_with(forest, first, ends, choose) };
    } else {
        let mask = _mm512_set1_epi32((1 << forest.feature_bits) - 1);
        let choose = |feature| {
            let feature = _mm512_and_si512(feature, mask);
            // SAFETY: features are below the input's length, by the forest's invariant.
            unsafe { _mm512_i32gather_ps::<4>(feature, input.as_ptr()) }
        };
        // SAFETY: the caller's promises.
        unsafe { walk_with(forest, first, ends, choose) };
    }
}

/// The first 32 inputs, zeros where there are fewer.
///
/// # Safety
/// The processor has AVX-512 F; the input has at most 32 values.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn registers(input: &[f32]) -> (__m512, __m512) {
    let there = ((1_u64 << input.len()) - 1) as u32;
    let start = input.as_ptr();
    // SAFETY: only the lanes that the input has are read.
    let low = unsafe { _mm512_maskz_loadu_ps(there as u16, start) };
    // SAFETY: as above; the address is only used where a lane is read.
    let high = unsafe { _mm512_maskz_loadu_ps((there >> 16) as u16, start.wrapping_add(16)) };
    (low, high)
}

/// `choose` gives the inputs for sixteen links or features.
///
/// # Safety
/// As [`walk`], and `choose` is sound for every link of the forest.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn walk_with(
    forest: &Forest,
    first: usize,
    ends: &mut [[u32; LANES]],
    choose: impl Fn(__m512i) -> __m512,
) {
    let groups = ends.len();
    let mut at = [_mm512_setzero_si512(); CHUNK_GROUPS];
    let mut depth = 0;
    for (index, at) in at.iter_mut().enumerate().take(groups) {
        let group = first + index;
        let path = walk_top(&forest.tops[group], &choose);
        let entry = _mm512_set1_epi32(((group * LANES) << TOP_LEVELS) as i32);
        *at = _mm512_add_epi32(entry, path);
        depth = forest.depths[group].max(depth);
    }
    let shift = _mm_cvtsi32_si128(forest.feature_bits as i32);
    let one = _mm512_set1_epi32(1);
    let records = forest.records.as_ptr();
    let mut left = depth.saturating_sub(TOP_LEVELS);
    while left > 0 {
        let before = at;
        for _ in 0..left.min(BLOCK) {
            for at in &mut at[..groups] {
                // SAFETY: the walk is at records, by the forest's invariant.
                let (threshold, link) = unsafe { fetch(records, *at) };
                let is_right = is_right(choose(link), threshold);
                let child = _mm512_srl_epi32(link, shift);
                *at = _mm512_mask_add_epi32(child, is_right, child, one);
            }
        }
        let pairs = at[..groups].iter().zip(&before);
        if pairs.fold(0, |moved, (at, before)| moved | _mm512_cmpneq_epi32_mask(*at, *before)) == 0
        {
            break;
        }
        left -= left.min(BLOCK);
    }
    for (ends, at) in ends.iter_mut().zip(at) {
        // SAFETY: sixteen numbers are written where there are sixteen.
        unsafe { _mm512_storeu_si512(ends.as_mut_ptr().cast(), at) };
    }
}

/// Sixteen records.
///
/// # Safety
/// The processor has AVX-512 F; each index is one of a record.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn fetch(records: *const Record, at: __m512i) -> (__m512, __m512i) {
    const { assert!(size_of::<Record>() == 8) };
    let (low, high) = (_mm512_castsi512_si256(at), _mm512_extracti64x4_epi64::<1>(at));
    // SAFETY: the caller's promises; a record is eight bytes, fetched at once.
    let low = unsafe { _mm512_i32gather_epi64::<8>(low, records.cast()) };
    // SAFETY: as above.
    let high = unsafe { _mm512_i32gather_epi64::<8>(high, records.cast()) };
    let evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    let threshold = _mm512_permutex2var_epi32(low, evens, high);
    (_mm512_castsi512_ps(threshold), _mm512_permutex2var_epi32(low, odds, high))
}

/// Not `value <= threshold`, which NaN is not either.
#[inline]
#[target_feature(enable = "avx512f")]
fn is_right(value: __m512, threshold: __m512) -> __mmask16 {
    _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(value, threshold)
}

/// Where sixteen trees leave their tops: sixteen entries a tree, so lane i gives 16 i to 16 i + 15.
///
/// Of the steps of a level each lane needs one, which the answers so far select. The answers come
/// one after the other, so each level is narrowed by the early ones while the last is still awaited.
#[inline]
#[target_feature(enable = "avx512f")]
fn walk_top(top: &Top, choose: impl Fn(__m512i) -> __m512) -> __m512i {
    let at = |step: usize| (load(&top.thresholds[step]), load_bits(&top.features[step]));
    let ask = |(threshold, feature): Ask| is_right(choose(feature), threshold);

    let a = ask(at(0));
    let b = ask(either(a, at(1), at(2)));
    let of_four =
        |[w, x, y, z]: [usize; 4]| either(b, either(a, at(w), at(y)), either(a, at(x), at(z)));
    let c = ask(of_four([3, 4, 5, 6]));
    let d = ask(either(c, of_four([7, 9, 11, 13]), of_four([8, 10, 12, 14])));

    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut path = _mm512_slli_epi32::<TOP_LEVELS>(lanes);
    for (answer, weight) in [(a, 8), (b, 4), (c, 2), (d, 1)] {
        path = _mm512_mask_add_epi32(path, answer, path, _mm512_set1_epi32(weight));
    }
    path
}

/// Sixteen thresholds and features.
type Ask = (__m512, __m512i);

/// The right where the answer was right.
#[inline]
#[target_feature(enable = "avx512f")]
fn either(is_right: __mmask16, left: Ask, right: Ask) -> Ask {
    let threshold = _mm512_mask_blend_ps(is_right, left.0, right.0);
    (threshold, _mm512_mask_blend_epi32(is_right, left.1, right.1))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(values: &[f32; LANES]) -> __m512 {
    // SAFETY: sixteen floats are read where there are sixteen.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_bits(values: &[u32; LANES]) -> __m512i {
    // SAFETY: sixteen numbers are read where there are sixteen.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}
