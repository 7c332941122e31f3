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

/// Why a shared-memory segment cannot be made or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The file system of shared memory is full: give it room, or ask for fewer or shorter slots.
    #[error(
        "/dev/shm has no room for {needed_bytes} bytes, {available_bytes} are available\n\
         hint: remove what is not in use there, enlarge it (`mount -o remount,size=... /dev/shm`; \
         in a container `--shm-size`), or make the ring smaller"
    )]
    NoSpace {
        /// What the segment takes.
        needed_bytes: u64,
        /// What was free a moment later.
        available_bytes: u64,
    },
    /// The system refuses; see its reason.
    #[error("cannot {doing} shared memory `{name}` of {needed_bytes} bytes")]
    System {
        /// What was being done: create, reserve, open.
        doing: &'static str,
        /// The segment's name.
        name: alloc::string::String,
        /// Its size; 0 where it is being opened.
        needed_bytes: u64,
        /// What the system said.
        #[source]
        source: rustix::io::Errno,
    },
    /// Pass on the name that [`Segment::name`](crate::Segment::name) gave.
    #[error("`{name}` is not a name of Tickhawk's shared memory")]
    Name {
        /// What was given.
        name: alloc::string::String,
    },
    /// Run both processes from the same build.
    #[error("shared memory `{name}` has {found_words} words, at least {needed_words} are needed")]
    TooSmall {
        /// The segment's name.
        name: alloc::string::String,
        /// Words needed.
        needed_words: usize,
        /// Words found.
        found_words: usize,
    },
}
