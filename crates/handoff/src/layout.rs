//! Where everything is in the region: the header, then the slots. Indices count 64-bit words.
//!
//! ```text
//! line 0   magic, version, slot count, payload words, mode      written once
//! line 1   begun                                                the writer's, hot
//! line 2   cursor, reader gone                                  the gated reader's, hot
//! line 3   closed                                               written once, at the end
//! line 4.. slots, each: stamp, len, payload, padding to a line
//! ```

use core::sync::atomic::Ordering;

use crate::{RingError, Storage};

/// The version of the layout this build reads and writes; another one is refused.
pub const LAYOUT_VERSION: u64 = 1;

/// Words of one line: 128 bytes, since processors fetch 64-byte lines in pairs.
pub(crate) const LINE_WORDS: usize = 16;

/// `tickhawk` as bytes, written last of all when a ring is made.
const MAGIC: u64 = u64::from_le_bytes(*b"tickhawk");

const MAGIC_INDEX: usize = 0;
const VERSION_INDEX: usize = 1;
const SLOT_COUNT_INDEX: usize = 2;
const PAYLOAD_WORDS_INDEX: usize = 3;
const MODE_INDEX: usize = 4;
/// How many items the writer has begun to write.
pub(crate) const BEGUN_INDEX: usize = LINE_WORDS;
/// The number of the item the gated reader wants next.
pub(crate) const CURSOR_INDEX: usize = 2 * LINE_WORDS;
/// 1 once the gated reader was dropped.
pub(crate) const READER_GONE_INDEX: usize = 2 * LINE_WORDS + 1;
/// 0 while open, then 1 + the number of items ever pushed.
pub(crate) const CLOSED_INDEX: usize = 3 * LINE_WORDS;
const HEADER_WORDS: usize = 4 * LINE_WORDS;

/// Words of a slot before its payload: the stamp and the length.
const SLOT_HEADER_WORDS: usize = 2;

/// What happens when the writer catches up with a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The writer overwrites.
    Lossy,
    /// The writer is refused.
    Gated,
}

/// How many slots, and how many payload words each can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    slot_count: usize,
    payload_words: usize,
    /// Words from one slot to the next, a whole number of lines.
    stride_words: usize,
}

impl Geometry {
    /// `slot_count` slots (a power of two, 2 or more) of up to `payload_words` words (1 or more).
    pub const fn new(slot_count: usize, payload_words: usize) -> Result<Self, RingError> {
        if slot_count < 2 || !slot_count.is_power_of_two() {
            return Err(RingError::SlotCount { slot_count });
        }
        let error = RingError::PayloadWords { slot_count, payload_words };
        // The largest allocation is isize::MAX bytes; a line is kept back for alignment.
        let words_max = isize::MAX as usize / size_of::<u64>() - LINE_WORDS;
        if payload_words == 0 || payload_words > words_max - SLOT_HEADER_WORDS {
            return Err(error);
        }
        let stride_words = (SLOT_HEADER_WORDS + payload_words).next_multiple_of(LINE_WORDS);
        match stride_words.checked_mul(slot_count) {
            Some(words) if words <= words_max - HEADER_WORDS => {
                Ok(Self { slot_count, payload_words, stride_words })
            }
            _ => Err(error),
        }
    }

    /// Slots in the ring: items it can hold.
    #[inline]
    pub const fn slot_count(&self) -> usize {
        self.slot_count
    }

    /// The most words an item can have.
    #[inline]
    pub const fn payload_words(&self) -> usize {
        self.payload_words
    }

    /// Words of storage the ring takes, header included.
    pub const fn region_words(&self) -> usize {
        HEADER_WORDS + self.slot_count * self.stride_words
    }

    /// Where the slot of item `number` begins: its stamp.
    #[inline]
    pub(crate) const fn stamp_index(&self, number: u64) -> usize {
        HEADER_WORDS + (number as usize & (self.slot_count - 1)) * self.stride_words
    }

    /// The word after the stamp says how many payload words follow.
    #[inline]
    pub(crate) const fn len_index(stamp_index: usize) -> usize {
        stamp_index + 1
    }

    /// Where the payload of the slot at `stamp_index` begins.
    #[inline]
    pub(crate) const fn payload_index(stamp_index: usize) -> usize {
        stamp_index + SLOT_HEADER_WORDS
    }

    /// Makes the region an empty ring. Writes every word, which also makes the kernel supply every
    /// page now.
    pub(crate) fn format(&self, storage: &impl Storage, mode: Mode) -> Result<(), RingError> {
        self.check_region(storage)?;
        for index in 0..self.region_words() {
            storage.store(index, 0, Ordering::Relaxed);
        }
        storage.store(VERSION_INDEX, LAYOUT_VERSION, Ordering::Relaxed);
        storage.store(SLOT_COUNT_INDEX, self.slot_count as u64, Ordering::Relaxed);
        storage.store(PAYLOAD_WORDS_INDEX, self.payload_words as u64, Ordering::Relaxed);
        storage.store(MODE_INDEX, u64::from(mode == Mode::Gated), Ordering::Relaxed);
        // Release: pairs with the Acquire load of the magic in `read_header`, so that whoever sees
        // a ring sees all of its header and no slot from an earlier life of the region.
        storage.store(MAGIC_INDEX, MAGIC, Ordering::Release);
        Ok(())
    }

    /// Reads and checks what `format` wrote. Nothing in the region is believed before this, and
    /// the geometry is never read from it again.
    pub(crate) fn read_header(storage: &impl Storage) -> Result<(Self, Mode), RingError> {
        if storage.len_words() < HEADER_WORDS {
            let found_words = storage.len_words();
            return Err(RingError::RegionTooSmall { needed_words: HEADER_WORDS, found_words });
        }
        // Acquire: pairs with the Release store of the magic in `format`.
        let found = storage.load(MAGIC_INDEX, Ordering::Acquire);
        if found != MAGIC {
            return Err(RingError::NotARing { found });
        }
        let word = |index| storage.load(index, Ordering::Relaxed);
        let found = word(VERSION_INDEX);
        if found != LAYOUT_VERSION {
            return Err(RingError::Version { expected: LAYOUT_VERSION, found });
        }
        let size = |index| {
            let found = word(index);
            usize::try_from(found).map_err(|_| RingError::Header { index, found })
        };
        let geometry = Self::new(size(SLOT_COUNT_INDEX)?, size(PAYLOAD_WORDS_INDEX)?)?;
        geometry.check_region(storage)?;
        let mode = match word(MODE_INDEX) {
            0 => Mode::Lossy,
            1 => Mode::Gated,
            found => return Err(RingError::Header { index: MODE_INDEX, found }),
        };
        Ok((geometry, mode))
    }

    fn check_region(&self, storage: &impl Storage) -> Result<(), RingError> {
        let (needed_words, found_words) = (self.region_words(), storage.len_words());
        if found_words < needed_words {
            return Err(RingError::RegionTooSmall { needed_words, found_words });
        }
        Ok(())
    }
}

/// The stamp of a slot while item `number` is written to it. It wraps, since a number may come from
/// a region that a broken process wrote.
#[inline]
pub(crate) const fn stamp_writing(number: u64) -> u64 {
    number.wrapping_mul(2).wrapping_add(1)
}

/// The stamp of a slot that holds all of item `number`.
#[inline]
pub(crate) const fn stamp_whole(number: u64) -> u64 {
    number.wrapping_mul(2).wrapping_add(2)
}

/// The item a non-zero stamp speaks of.
#[inline]
pub(crate) const fn stamp_number(stamp: u64) -> u64 {
    stamp.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeapRegion, Reader, Start, Writer};

    #[test]
    fn geometry_refuses_what_cannot_be() {
        for slot_count in [0, 1, 3, 6, 1_000] {
            assert_eq!(Geometry::new(slot_count, 4), Err(RingError::SlotCount { slot_count }));
        }
        for (slot_count, payload_words) in
            [(2, 0), (2, usize::MAX), (1 << 62, 1), (1 << 40, 1 << 30)]
        {
            let expected = Err(RingError::PayloadWords { slot_count, payload_words });
            assert_eq!(Geometry::new(slot_count, payload_words), expected);
        }
    }

    #[test]
    fn hot_words_and_slots_are_lines_apart() {
        let hot = [MODE_INDEX, BEGUN_INDEX, CURSOR_INDEX, CLOSED_INDEX, HEADER_WORDS];
        for pair in hot.windows(2) {
            assert_eq!(pair[0] / LINE_WORDS + 1, pair[1] / LINE_WORDS);
        }
        for (payload_words, stride_words) in [(1, 16), (14, 16), (15, 32), (64, 80)] {
            let geometry = Geometry::new(4, payload_words).unwrap();
            assert_eq!(geometry.stamp_index(0), 64);
            assert_eq!(geometry.stamp_index(1) - geometry.stamp_index(0), stride_words);
            assert_eq!(geometry.stamp_index(7), geometry.stamp_index(3));
            assert_eq!(geometry.region_words(), geometry.stamp_index(3) + stride_words);
        }
    }

    #[test]
    fn stamps_name_their_item() {
        for number in [0, 1, 2, 1 << 40] {
            assert_eq!(stamp_number(stamp_writing(number)), number);
            assert_eq!(stamp_number(stamp_whole(number)), number);
            assert!(stamp_writing(number) < stamp_whole(number));
            assert!(stamp_whole(number) < stamp_writing(number + 1));
        }
    }

    /// Makes a ring of 4 slots x 3 words, overwrites one word, and tries to attach.
    fn attach_with(index: usize, value: u64) -> Result<(), RingError> {
        let geometry = Geometry::new(4, 3).unwrap();
        let region = HeapRegion::new(geometry.region_words());
        let _writer = Writer::create(region.clone(), geometry).unwrap();
        region.store(index, value, Ordering::Relaxed);
        Reader::attach(region, Start::Oldest).map(|_| ())
    }

    #[test]
    fn attach_checks_the_header() {
        // An untouched header attaches; each of these differs from it by one word.
        assert_eq!(attach_with(MAGIC_INDEX, 0x6b77_6168_6b63_6974), Ok(()));
        assert_eq!(attach_with(MAGIC_INDEX, 5), Err(RingError::NotARing { found: 5 }));
        assert_eq!(
            attach_with(VERSION_INDEX, 2),
            Err(RingError::Version { expected: 1, found: 2 })
        );
        assert_eq!(attach_with(SLOT_COUNT_INDEX, 5), Err(RingError::SlotCount { slot_count: 5 }));
        assert_eq!(
            attach_with(SLOT_COUNT_INDEX, 8),
            Err(RingError::RegionTooSmall { needed_words: 192, found_words: 128 })
        );
        assert_eq!(
            attach_with(PAYLOAD_WORDS_INDEX, 15),
            Err(RingError::RegionTooSmall { needed_words: 192, found_words: 128 })
        );
        assert_eq!(
            attach_with(MODE_INDEX, 2),
            Err(RingError::Header { index: MODE_INDEX, found: 2 })
        );
    }

    #[test]
    fn small_regions_are_refused() {
        let geometry = Geometry::new(2, 2).unwrap();
        let error = Writer::create(HeapRegion::new(95), geometry).err();
        assert_eq!(error, Some(RingError::RegionTooSmall { needed_words: 96, found_words: 95 }));
        let error = Reader::attach(HeapRegion::new(63), Start::Next).err();
        assert_eq!(error, Some(RingError::RegionTooSmall { needed_words: 64, found_words: 63 }));
        let error = Reader::attach(HeapRegion::new(96), Start::Next).err();
        assert_eq!(error, Some(RingError::NotARing { found: 0 }));
    }
}
