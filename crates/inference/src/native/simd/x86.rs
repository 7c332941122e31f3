//! The vector registers of x86-64.
#![allow(unsafe_code, reason = "intrinsics, each behind a value that proves the machine has them")]

use super::{Isa, Kernel, LANES, Lanes};
use std::arch::x86_64::*;

/// Proof that the machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// Proof that the machine has AVX-512 F, BW, DQ and VL, and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx2 {
    /// # Panics
    /// If this machine does not have them.
    #[inline]
    pub(super) fn proven() -> Self {
        // The detection is cached: a load and a test.
        assert!(Isa::Avx2.is_available(), "this machine has no AVX2 with FMA");
        Self(())
    }
}

impl Avx512 {
    /// # Panics
    /// If this machine does not have them.
    #[inline]
    pub(super) fn proven() -> Self {
        assert!(Isa::Avx512.is_available(), "this machine has no AVX-512");
        Self(())
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

/// A mask of so many lanes; all, if there are not as many.
#[inline(always)]
fn first_lanes(count: usize) -> __mmask16 {
    ((1u32 << count.min(LANES)) - 1) as __mmask16
}

/// Methods that are one intrinsic: of one register, and of each of two.
macro_rules! lanewise {
    (one: $($name:ident($($arg:ident),+) = $intrinsic:ident;)+) => {
        $(
            #[inline(always)]
            fn $name(self, $($arg: Self::F),+) -> Self::F {
                // SAFETY: `self` proves that the machine has the instruction.
                unsafe { $intrinsic($($arg),+) }
            }
        )+
    };
    (two: $($name:ident($($arg:ident),+) = $intrinsic:ident;)+) => {
        $(
            #[inline(always)]
            fn $name(self, $($arg: Self::F),+) -> Self::F {
                // SAFETY: `self` proves that the machine has the instruction.
                unsafe { [$intrinsic($($arg[0]),+), $intrinsic($($arg[1]),+)] }
            }
        )+
    };
}

impl Lanes for Avx512 {
    type F = __m512;
    const GROUP: usize = 4;
    const ROWS: usize = 8;

    lanewise! { one:
        add(a, b) = _mm512_add_ps;
        sub(a, b) = _mm512_sub_ps;
        mul(a, b) = _mm512_mul_ps;
        div(a, b) = _mm512_div_ps;
        fma(a, b, c) = _mm512_fmadd_ps;
        max(a, b) = _mm512_max_ps;
        min(a, b) = _mm512_min_ps;
        sqrt(a) = _mm512_sqrt_ps;
        abs(a) = _mm512_abs_ps;
    }

    #[inline(always)]
    fn swapped<const BY: usize>(self, a: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe {
            match BY {
                8 => _mm512_shuffle_f32x4::<0b01_00_11_10>(a, a),
                4 => _mm512_shuffle_f32x4::<0b10_11_00_01>(a, a),
                2 => _mm512_permute_ps::<0b01_00_11_10>(a),
                _ => _mm512_permute_ps::<0b10_11_00_01>(a),
            }
        }
    }

    #[inline(always)]
    fn first(self, a: Self::F) -> f32 {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm512_cvtss_f32(a) }
    }

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe { with_avx512(kernel) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        // SAFETY: as above; sixteen numbers may be read.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        // SAFETY: as above; sixteen numbers may be written.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn fours(self, from: &[f32; 4]) -> Self::F {
        // SAFETY: as above; four numbers may be read.
        unsafe {
            let lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
            _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(from.as_ptr())), lanes)
        }
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> Self::F {
        // SAFETY: as above; numbers behind the slice are masked out.
        unsafe { _mm512_maskz_loadu_ps(first_lanes(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn store_part(self, value: Self::F, to: &mut [f32]) {
        // SAFETY: as above; numbers behind the slice are masked out.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first_lanes(to.len()), value) }
    }

    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    fn exp2_of_bits(self, a: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }
}

impl Lanes for Avx2 {
    type F = [__m256; 2];
    const GROUP: usize = 1;
    const ROWS: usize = 4;

    lanewise! { two:
        add(a, b) = _mm256_add_ps;
        sub(a, b) = _mm256_sub_ps;
        mul(a, b) = _mm256_mul_ps;
        div(a, b) = _mm256_div_ps;
        fma(a, b, c) = _mm256_fmadd_ps;
        max(a, b) = _mm256_max_ps;
        min(a, b) = _mm256_min_ps;
        sqrt(a) = _mm256_sqrt_ps;
    }

    #[inline(always)]
    fn swapped<const BY: usize>(self, a: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        let half = |half: __m256| unsafe {
            match BY {
                4 => _mm256_permute2f128_ps::<0x01>(half, half),
                2 => _mm256_permute_ps::<0b01_00_11_10>(half),
                _ => _mm256_permute_ps::<0b10_11_00_01>(half),
            }
        };
        if BY == 8 { [a[1], a[0]] } else { [half(a[0]), half(a[1])] }
    }

    #[inline(always)]
    fn first(self, a: Self::F) -> f32 {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { _mm256_cvtss_f32(a[0]) }
    }

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe { with_avx2(kernel) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        // SAFETY: `self` proves that the machine has the instruction.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        let (low, high) = from.split_at(LANES / 2);
        // SAFETY: as above; eight numbers may be read from each half.
        unsafe { [_mm256_loadu_ps(low.as_ptr()), _mm256_loadu_ps(high.as_ptr())] }
    }

    #[inline(always)]
    fn store(self, value: Self::F, to: &mut [f32; LANES]) {
        let (low, high) = to.split_at_mut(LANES / 2);
        // SAFETY: as above; eight numbers may be written to each half.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), value[0]);
            _mm256_storeu_ps(high.as_mut_ptr(), value[1]);
        }
    }

    #[inline(always)]
    fn fours(self, [a, b, c, d]: &[f32; 4]) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        let half = |low: &f32, high: &f32| unsafe {
            _mm256_set_m128(_mm_set1_ps(*high), _mm_set1_ps(*low))
        };
        [half(a, b), half(c, d)]
    }

    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            a.map(|half| _mm256_andnot_ps(sign, half))
        }
    }

    #[inline(always)]
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        let half = |i: usize| unsafe {
            _mm256_blendv_ps(no[i], yes[i], _mm256_cmp_ps::<_CMP_LT_OQ>(a[i], b[i]))
        };
        [half(0), half(1)]
    }

    #[inline(always)]
    fn exp2_of_bits(self, a: Self::F) -> Self::F {
        // SAFETY: `self` proves that the machine has the instructions.
        let half = |half: __m256| unsafe {
            let biased = _mm256_add_epi32(_mm256_castps_si256(half), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        };
        [half(a[0]), half(a[1])]
    }
}
