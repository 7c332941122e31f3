//! Sixteen float32 at a time, whatever the machine: one kernel text, three widths of register.
//!
//! A kernel is generic over [`Lanes`] and `#[inline(always)]` all the way down; [`dispatch`] calls it
//! inside a function that has the instruction set switched on, and so does [`Lanes::call`] from within
//! another kernel: large ones are functions of their own, or compiling them takes minutes. Every operation is that of IEEE 754
//! on each lane, `fma` with one rounding, so all instruction sets give the same bits.

mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::Isa;

/// Lanes of one vector.
pub(crate) const LANES: usize = 16;

/// Sixteen numbers on a cache line of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LANES]);

/// A view of whole lines as numbers.
pub(crate) fn flat(lines: &[Line]) -> &[f32] {
    scalar::flat(lines)
}

/// As [`flat`], to write to.
pub(crate) fn flat_mut(lines: &mut [Line]) -> &mut [f32] {
    scalar::flat_mut(lines)
}

/// An instruction set that the machine is known to have. Values are proof of that.
pub(crate) trait Lanes: Copy {
    /// Sixteen float32.
    type F: Copy;
    /// How many vectors' sums to keep in registers at a time: what fits, never what is computed.
    const GROUP: usize;
    /// How many rows to multiply with one group of vectors at a time, likewise.
    const ROWS: usize;

    fn splat(self, value: f32) -> Self::F;
    fn load(self, from: &[f32; LANES]) -> Self::F;
    fn store(self, value: Self::F, to: &mut [f32; LANES]);
    /// Each of four numbers four times.
    fn fours(self, from: &[f32; 4]) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a` where `a > b`, else `b`: of NaN the second.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a` where `a < b`, else `b`: of NaN the second.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    fn sqrt(self, a: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;
    /// `yes` where `a < b`, else `no`.
    fn select_less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F;
    /// 2 to the power that stands in the low bits of `a`'s mantissa, as adding 1.5 x 2^23 to a small
    /// whole number leaves it there.
    fn exp2_of_bits(self, a: Self::F) -> Self::F;

    /// Every `BY` lanes (8, 4, 2 or 1) change places with the next `BY`.
    fn swapped<const BY: usize>(self, a: Self::F) -> Self::F;
    /// The first lane.
    fn first(self, a: Self::F) -> f32;

    /// Runs the kernel in a function of its own that has these instructions.
    fn call<K: Kernel>(self, kernel: K) -> K::Output;

    /// The numbers of `from`, zeros behind them; at most sixteen.
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> Self::F {
        let mut whole = [0.0; LANES];
        whole[..from.len()].copy_from_slice(from);
        self.load(&whole)
    }

    /// The first numbers, as many as `to` takes; at most sixteen.
    #[inline(always)]
    fn store_part(self, value: Self::F, to: &mut [f32]) {
        let mut whole = [0.0; LANES];
        self.store(value, &mut whole);
        to.copy_from_slice(&whole[..to.len()]);
    }
}

/// Something to be done with whichever lanes there are.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Does it. Implementations are `#[inline(always)]`, and so is all they call with lanes.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Runs the kernel with these instructions.
///
/// # Panics
/// If this machine does not have them.
#[inline(always)]
pub(crate) fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        Isa::Scalar => scalar::Scalar.call(kernel),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86::Avx2::proven().call(kernel),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => x86::Avx512::proven().call(kernel),
        #[cfg(not(target_arch = "x86_64"))]
        other => panic!("{other} on a machine that has no such thing"),
    }
}

#[cfg(test)]
mod tests;
