//! Which features have a value.

/// A bit a feature, feature 0 in the lowest bit of the first word.
pub type ValidMask = [u64; 2];

/// The mask in which all of `count` features are valid.
pub const fn all_valid(count: usize) -> ValidMask {
    assert!(count <= 128);
    [low_bits(if count < 64 { count } else { 64 }), low_bits(count.saturating_sub(64))]
}

const fn low_bits(count: usize) -> u64 {
    if count == 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Remembers which features have been valid since the epoch began: no signal leaves before all
/// have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warmup {
    missing: ValidMask,
    all: ValidMask,
}

impl Warmup {
    /// None of `count` features seen valid.
    ///
    /// # Panics
    /// If `count` is above 128.
    pub const fn new(count: usize) -> Self {
        Self { missing: all_valid(count), all: all_valid(count) }
    }

    /// Takes the mask of a frame; `true` from the frame on with which every feature has been valid.
    #[inline]
    pub fn observe(&mut self, valid: &ValidMask) -> bool {
        self.missing[0] &= !valid[0];
        self.missing[1] &= !valid[1];
        self.is_complete()
    }

    /// Whether every feature has been valid.
    #[inline]
    pub const fn is_complete(&self) -> bool {
        self.missing[0] == 0 && self.missing[1] == 0
    }

    /// The features that have not been valid yet.
    pub const fn missing(&self) -> &ValidMask {
        &self.missing
    }

    /// Begins a new epoch.
    pub fn restart(&mut self) {
        self.missing = self.all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        assert_eq!(all_valid(0), [0, 0]);
        assert_eq!(all_valid(3), [7, 0]);
        assert_eq!(all_valid(64), [u64::MAX, 0]);
        assert_eq!(all_valid(65), [u64::MAX, 1]);
        assert_eq!(all_valid(128), [u64::MAX, u64::MAX]);
    }

    #[test]
    fn warm_once_each_has_been_valid() {
        let mut warmup = Warmup::new(66);
        assert!(!warmup.observe(&[u64::MAX, 1]));
        assert_eq!(warmup.missing(), &[0, 2]);
        assert!(warmup.observe(&[0, 2]));
        assert!(warmup.observe(&[0, 0]));
        warmup.restart();
        assert!(!warmup.is_complete());
    }
}
