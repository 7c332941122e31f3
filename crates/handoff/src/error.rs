//! What can be wrong with a ring before it runs. Nothing can be afterwards.

/// Why a ring cannot be made or attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// Choose a power of two, 2 or more.
    #[error("{slot_count} slots: a ring has a power of two of them, at least 2")]
    SlotCount {
        /// What was asked for, or found in the header.
        slot_count: usize,
    },
    /// Choose at least one payload word a slot, and no more than memory can address.
    #[error("{slot_count} slots of {payload_words} words: no payload, or more than addressable")]
    PayloadWords {
        /// Slots asked for, or found in the header.
        slot_count: usize,
        /// Words a slot asked for, or found in the header.
        payload_words: usize,
    },
    /// Give a region of [`Geometry::region_words`](crate::Geometry::region_words).
    #[error("the ring needs a region of {needed_words} words, this one has {found_words}")]
    RegionTooSmall {
        /// Words the layout takes.
        needed_words: usize,
        /// Words the region has.
        found_words: usize,
    },
    /// Attach to a region that a writer has made a ring of; if one is about to, try again.
    #[error("no ring here: the first word is {found:#018x}")]
    NotARing {
        /// The word where the magic should be.
        found: u64,
    },
    /// Run both processes from the same build.
    #[error("ring layout version {found}, this build speaks {expected}")]
    Version {
        /// What this build speaks.
        expected: u64,
        /// What the header says.
        found: u64,
    },
    /// Make the ring again: its header contradicts itself.
    #[error("ring header word {index} says {found}, which no writer puts there")]
    Header {
        /// Which header word.
        index: usize,
        /// What it says.
        found: u64,
    },
}
