//! Seeded randomness in integers, the same on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// One stream of a seed. Streams are independent: drawing more from one (more orders) leaves the others
/// (the feed) as they were.
pub(crate) fn random(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

/// A number below `bound`; 0 for a bound of 0. The bias is below `bound` / 2^64.
pub(crate) fn below(random: &mut ChaCha8Rng, bound: u64) -> u64 {
    ((u128::from(random.next_u64()) * u128::from(bound)) >> 64) as u64
}

/// A number from 0 up to 1, in steps of 2^-53.
pub(crate) fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Puts them in random order (Fisher and Yates).
pub(crate) fn shuffle<T>(values: &mut [T], random: &mut ChaCha8Rng) {
    for index in (1..values.len()).rev() {
        values.swap(index, below(random, index as u64 + 1) as usize);
    }
}
