//! The reading end.

use core::sync::atomic::Ordering;

use crate::layout::{
    BEGUN_INDEX, CLOSED_INDEX, CURSOR_INDEX, Mode, READER_GONE_INDEX, stamp_number, stamp_whole,
};
use crate::{Geometry, RingError, Storage};

/// What a look at the ring found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pop {
    /// Nothing new.
    Empty,
    /// One item, in the first `len` words of the buffer.
    Item {
        /// How many words the item has.
        len: usize,
    },
    /// The writer overwrote `count` items before this reader came to them; the next pop goes on
    /// after them. The buffer holds nothing of use.
    Missed {
        /// How many, exactly.
        count: u64,
    },
    /// Nothing new, and nothing will be.
    Closed,
}

/// Where a reader that attaches to a running lossy ring begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next item to be pushed.
    Next,
    /// With the oldest item still there.
    Oldest,
}

/// A reader, with a place of its own. On a gated ring it is the one reader, and its place is also in
/// the region, where the writer looks.
#[derive(Debug)]
pub struct Reader<S: Storage> {
    storage: S,
    geometry: Geometry,
    mode: Mode,
    /// The number of the item wanted next.
    cursor: u64,
    missed_count: u64,
}

impl<S: Storage> Reader<S> {
    pub(crate) fn new(storage: S, geometry: Geometry, mode: Mode, cursor: u64) -> Self {
        Self { storage, geometry, mode, cursor, missed_count: 0 }
    }

    /// Joins a ring that someone else made in `storage`. On a gated ring it takes the place of the
    /// reader before it, and `start` has no say; there must be one at a time.
    pub fn attach(storage: S, start: Start) -> Result<Self, RingError> {
        let (geometry, mode) = Geometry::read_header(&storage)?;
        let cursor = match (mode, start) {
            (Mode::Gated, _) => {
                storage.store(READER_GONE_INDEX, 0, Ordering::Relaxed);
                // Acquire: pairs with the Release store of the cursor in `advance`, should this
                // reader follow one of another thread.
                storage.load(CURSOR_INDEX, Ordering::Acquire)
            }
            (Mode::Lossy, Start::Next) => storage.load(BEGUN_INDEX, Ordering::Relaxed),
            (Mode::Lossy, Start::Oldest) => oldest_intact(&storage, geometry),
        };
        Ok(Self::new(storage, geometry, mode, cursor))
    }

    /// Takes the next item into `item`, or says why there is none. Looks once, never waits.
    ///
    /// # Panics
    /// If `item` is shorter than the ring's [`Geometry::payload_words`].
    #[inline]
    pub fn pop(&mut self, item: &mut [u64]) -> Pop {
        let payload_words = self.geometry.payload_words();
        assert!(
            item.len() >= payload_words,
            "a buffer of {} words is too short for items of up to {payload_words}",
            item.len()
        );
        let stamp_index = self.geometry.stamp_index(self.cursor);
        let wanted = stamp_whole(self.cursor);
        // Acquire, pair A: with the Release store of the whole stamp in `Pen::write`. If this is
        // the stamp wanted, the words of the item are visible.
        let before = self.storage.load(stamp_index, Ordering::Acquire);
        if before < wanted {
            return self.ended();
        }
        if before > wanted {
            return self.lapped(before);
        }
        match self.copy(stamp_index, wanted, &mut item[..payload_words]) {
            Ok(len) => {
                self.advance();
                Pop::Item { len }
            }
            Err(after) => self.lapped(after),
        }
    }

    /// How many items this reader missed so far.
    #[inline]
    pub fn missed_count(&self) -> u64 {
        self.missed_count
    }

    /// The number of the item wanted next; the first item ever pushed is 0.
    #[inline]
    pub fn position(&self) -> u64 {
        self.cursor
    }

    /// The ring's geometry.
    #[inline]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Copies the slot; fails with its new stamp if that is no longer the one `wanted`.
    #[inline]
    fn copy(&self, stamp_index: usize, wanted: u64, item: &mut [u64]) -> Result<usize, u64> {
        let len = self.storage.load(Geometry::len_index(stamp_index), Ordering::Relaxed);
        // A length of a later item is at most a slot's; only a broken process writes more.
        let len = usize::try_from(len).map_or(item.len(), |len| len.min(item.len()));
        self.storage.load_words(Geometry::payload_index(stamp_index), &mut item[..len]);
        // Acquire, pair B: with the Release fence in `Pen::write`. If any word above is of a later
        // item, the stamp below is that item's or a later one's.
        self.storage.fence(Ordering::Acquire);
        let after = self.storage.load(stamp_index, Ordering::Relaxed);
        if after == wanted { Ok(len) } else { Err(after) }
    }

    #[inline]
    fn advance(&mut self) {
        // Wraps only where a broken process wrote the numbers.
        self.cursor = self.cursor.wrapping_add(1);
        if self.mode == Mode::Gated {
            // Release: pairs with the Acquire load of the cursor in `GatedWriter::try_push`; the
            // copy of the slot is over before the writer may use the slot again.
            self.storage.store(CURSOR_INDEX, self.cursor, Ordering::Release);
        }
    }

    /// There was nothing new: says whether there ever will be.
    #[inline]
    fn ended(&self) -> Pop {
        // Relaxed: `closed` counts the items before the end, so this reader knows by its own count
        // whether it has had them; one it cannot see yet is there at a later pop.
        match self.storage.load(CLOSED_INDEX, Ordering::Relaxed) {
            0 => Pop::Empty,
            closed if self.cursor < closed - 1 => Pop::Empty,
            _ => Pop::Closed,
        }
    }

    /// The wanted slot was seen with the `stamp` of a later item: goes to the oldest intact one.
    #[cold]
    fn lapped(&mut self, stamp: u64) -> Pop {
        // The stamp proves that its item was begun, even where `begun` is seen later than it, so
        // the cursor always moves.
        let proven = (stamp_number(stamp) + 1).saturating_sub(self.geometry.slot_count() as u64);
        let oldest = oldest_intact(&self.storage, self.geometry).max(proven);
        let oldest = oldest.max(self.cursor.saturating_add(1));
        let count = oldest - self.cursor;
        self.missed_count = self.missed_count.saturating_add(count);
        self.cursor = oldest - 1;
        self.advance();
        Pop::Missed { count }
    }
}

impl<S: Storage> Drop for Reader<S> {
    fn drop(&mut self) {
        if self.mode == Mode::Gated {
            // Relaxed: see `GatedWriter::is_reader_gone`.
            self.storage.store(READER_GONE_INDEX, 1, Ordering::Relaxed);
        }
    }
}

/// The number of the oldest item that no begun item replaces.
fn oldest_intact<S: Storage>(storage: &S, geometry: Geometry) -> u64 {
    // Relaxed: an old value leads to a slot whose stamp says that it, too, was overwritten.
    storage.load(BEGUN_INDEX, Ordering::Relaxed).saturating_sub(geometry.slot_count() as u64)
}
