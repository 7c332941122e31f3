//! How long to wait before trying again: twice as long each time, up to a limit, less a random
//! part, so that many clients that failed together do not come back together.

/// Doublings after which the limit is surely reached.
const DOUBLINGS_MAX: u32 = 20;

/// Waits that grow.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first_ns: u64,
    longest_ns: u64,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// Waits from `first_ns` up to `longest_ns`.
    pub(crate) fn new(first_ns: u64, longest_ns: u64, seed: u64) -> Self {
        Self { first_ns, longest_ns, failures: 0, random: seed }
    }

    /// The next wait: between half and the whole of its step.
    pub(crate) fn next_ns(&mut self) -> u64 {
        let step = self.first_ns.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        self.failures += 1;
        let step = step.min(self.longest_ns);
        step / 2 + self.draw() % (step / 2 + 1)
    }

    /// It went well: begin with short waits again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): enough for jitter.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_their_bounds() {
        let mut backoff = Backoff::new(100, 1_000, 7);
        for step in [100, 200, 400, 800, 1_000, 1_000] {
            let wait = backoff.next_ns();
            assert!((step / 2..=step).contains(&wait), "{wait} of {step}");
        }
        backoff.reset();
        assert!(backoff.next_ns() <= 100);
        let mut others = (0..50).map(|seed| Backoff::new(1_000, 9_000, seed).next_ns());
        let first = others.next().unwrap();
        assert!(others.any(|wait| wait != first), "different seeds wait differently");
    }
}
