//! Emptying a core's own caches.

use std::hint::black_box;

/// More than a core's first and second level hold together on any processor of today.
const BYTES: usize = 16 << 20;

/// Memory to walk through, so that nothing else is left in a core's caches. What the last level,
/// which cores share, still holds is not evicted: other work of a trading host does not evict it
/// either.
pub(crate) struct Cold {
    bytes: Vec<u8>,
}

impl Cold {
    /// Samples of a cold row. Each costs a walk of about a millisecond.
    pub(crate) const SAMPLES: usize = 400;

    pub(crate) fn new() -> Self {
        Self { bytes: vec![1; BYTES] }
    }

    pub(crate) fn evict(&mut self) {
        for line in self.bytes.chunks_exact_mut(64) {
            line[0] = line[0].wrapping_add(1);
        }
        black_box(&mut self.bytes);
    }
}
