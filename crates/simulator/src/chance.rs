//! Seeded randomness in integers only, so that every platform draws the same numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// ln 2 in units of 2^-32.
const LN_2_Q32: u128 = 2_977_044_471;

/// One stream of random numbers. Streams of one seed are independent of each other, so drawing
/// more from one (a chattier venue) leaves the others (the market) as they were.
#[derive(Clone, Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 for a bound of 0. The bias is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// As [`Self::below`], for signed quantities; 0 for a bound of 0 or less.
    pub(crate) fn below_i64(&mut self, bound: i64) -> i64 {
        self.below(bound.max(0) as u64) as i64
    }

    /// True `permille` times in a thousand.
    pub(crate) fn permille(&mut self, permille: i64) -> bool {
        self.below_i64(1000) < permille
    }

    /// An exponentially distributed wait of that mean: -ln(u) by counting leading zeros for the
    /// whole part of -log2(u) and by repeated squaring for sixteen bits of its fraction.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let uniform = self.bits() | 1;
        let zeros = uniform.leading_zeros();
        let mut mantissa = (uniform << zeros) >> 32; // 1.0 up to 2.0 in units of 2^-31
        let mut fraction = 0u128; // log2(mantissa) in units of 2^-16
        for _ in 0..16 {
            mantissa = (mantissa * mantissa) >> 31;
            fraction <<= 1;
            if mantissa >= 1 << 32 {
                mantissa >>= 1;
                fraction |= 1;
            }
        }
        let minus_log2_q16 = (u128::from(zeros) + 1) * 65_536 - fraction;
        ((u128::from(mean) * minus_log2_q16 * LN_2_Q32) >> 48) as u64
    }

    /// A version 4 UUID in its usual text form.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn exponential_has_its_mean_and_median() {
        let mut chance = Chance::new(1, 0);
        let (count, mean) = (200_000u64, 1_000_000u64);
        let draws: Vec<u64> = (0..count).map(|_| chance.exponential(mean)).collect();
        let average = draws.iter().sum::<u64>() / count;
        assert!((990_000..1_010_000).contains(&average), "{average}");
        let short = draws.iter().filter(|&&draw| draw < 693_147).count() as u64;
        assert!((short * 1000 / count).abs_diff(500) < 10, "{short} of {count} below the median");
    }

    #[test]
    fn streams_of_a_seed_differ_and_repeat() {
        let draw = |seed, stream| Chance::new(seed, stream).bits();
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn below_stays_below_and_takes_zero() {
        let mut chance = Chance::new(3, 0);
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.below_i64(-5), 0);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[chance.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 800), "{seen:?}");
    }
}
