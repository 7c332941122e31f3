//! The writing end, in its two modes.

use core::sync::atomic::Ordering;

use crate::layout::{
    BEGUN_INDEX, CLOSED_INDEX, CURSOR_INDEX, Mode, READER_GONE_INDEX, stamp_whole, stamp_writing,
};
use crate::{Geometry, Reader, RingError, Storage};

/// What both writers are: the only one who writes stamps, payloads, `begun` and `closed`.
#[derive(Debug)]
struct Pen<S: Storage> {
    storage: S,
    geometry: Geometry,
    /// The number of the next item: how many were pushed.
    number: u64,
}

impl<S: Storage> Pen<S> {
    fn create(storage: S, geometry: Geometry, mode: Mode) -> Result<Self, RingError> {
        geometry.format(&storage, mode)?;
        Ok(Self { storage, geometry, number: 0 })
    }

    #[inline]
    fn write(&mut self, payload: &[u64]) {
        assert!(
            payload.len() <= self.geometry.payload_words(),
            "an item of {} words does not fit slots of {}",
            payload.len(),
            self.geometry.payload_words()
        );
        let number = self.number;
        let stamp_index = self.geometry.stamp_index(number);
        // Relaxed: readers use `begun` as a lower bound and check the stamp of where it leads them.
        self.storage.store(BEGUN_INDEX, number + 1, Ordering::Relaxed);
        self.storage.store(stamp_index, stamp_writing(number), Ordering::Relaxed);
        // Release, pair B: with the Acquire fence in `Reader::copy`. A reader that copied any word
        // stored below also sees the stamp stored above, and throws the copy away.
        self.storage.fence(Ordering::Release);
        let len_index = Geometry::len_index(stamp_index);
        self.storage.store(len_index, payload.len() as u64, Ordering::Relaxed);
        self.storage.store_words(Geometry::payload_index(stamp_index), payload);
        // Release, pair A: with the Acquire load of the stamp in `Reader::pop`. A reader that sees
        // this stamp sees all the words stored above.
        self.storage.store(stamp_index, stamp_whole(number), Ordering::Release);
        self.number = number + 1;
    }
}

impl<S: Storage> Drop for Pen<S> {
    fn drop(&mut self) {
        // Relaxed: it counts the items before the end, so a reader needs no order between the two.
        self.storage.store(CLOSED_INDEX, self.number + 1, Ordering::Relaxed);
    }
}

/// The writer that never waits: a full ring loses its oldest item to the new one. Dropping it
/// closes the ring.
#[derive(Debug)]
pub struct Writer<S: Storage> {
    pen: Pen<S>,
}

impl<S: Storage> Writer<S> {
    /// Makes `storage` an empty lossy ring, whatever was there before; no one else may be using it.
    pub fn create(storage: S, geometry: Geometry) -> Result<Self, RingError> {
        Ok(Self { pen: Pen::create(storage, geometry, Mode::Lossy)? })
    }

    /// Writes one item: `payload` and nothing after it, so a short item costs a short copy.
    ///
    /// # Panics
    /// If `payload` is longer than the ring's [`Geometry::payload_words`].
    #[inline]
    pub fn push(&mut self, payload: &[u64]) {
        self.pen.write(payload);
    }

    /// A further reader, which will see what is pushed from now on.
    pub fn reader(&self) -> Reader<S> {
        Reader::new(self.pen.storage.clone(), self.pen.geometry, Mode::Lossy, self.pen.number)
    }

    /// How many items were pushed.
    #[inline]
    pub fn pushed_count(&self) -> u64 {
        self.pen.number
    }

    /// The ring's geometry.
    #[inline]
    pub fn geometry(&self) -> Geometry {
        self.pen.geometry
    }

    /// Ends the ring: readers get what is left of it, then [`Pop::Closed`](crate::Pop::Closed).
    pub fn close(self) {}
}

/// The writer that its one reader holds back: a full ring refuses, and nothing is lost. Dropping it
/// closes the ring.
#[derive(Debug)]
pub struct GatedWriter<S: Storage> {
    pen: Pen<S>,
    /// The reader's cursor when last looked at. It only moves forward, so as long as this one
    /// leaves room the reader's cache line is not touched.
    cursor_seen: u64,
}

impl<S: Storage> GatedWriter<S> {
    /// Makes `storage` an empty gated ring, whatever was there before; no one else may be using it.
    pub fn create(storage: S, geometry: Geometry) -> Result<(Self, Reader<S>), RingError> {
        let pen = Pen::create(storage.clone(), geometry, Mode::Gated)?;
        let reader = Reader::new(storage, geometry, Mode::Gated, 0);
        Ok((Self { pen, cursor_seen: 0 }, reader))
    }

    /// Makes a gated ring's writer and leaves its reader to another process, which will
    /// [`Reader::attach`].
    pub fn create_unread(storage: S, geometry: Geometry) -> Result<Self, RingError> {
        Ok(Self { pen: Pen::create(storage, geometry, Mode::Gated)?, cursor_seen: 0 })
    }

    /// Writes one item and says true, or writes nothing and says false if every slot holds an item
    /// the reader has not taken.
    ///
    /// # Panics
    /// If `payload` is longer than the ring's [`Geometry::payload_words`].
    #[inline]
    pub fn try_push(&mut self, payload: &[u64]) -> bool {
        if self.is_full(self.cursor_seen) {
            // Acquire: pairs with the Release store of the cursor in `Reader::advance`, so that the
            // reader's copy of a slot is over before the slot is written again.
            self.cursor_seen = self.pen.storage.load(CURSOR_INDEX, Ordering::Acquire);
            if self.is_full(self.cursor_seen) {
                return false;
            }
        }
        self.pen.write(payload);
        true
    }

    /// Whether the reader was dropped, after which a full ring stays full.
    #[inline]
    pub fn is_reader_gone(&self) -> bool {
        // Relaxed: nothing else is read on the strength of it.
        self.pen.storage.load(READER_GONE_INDEX, Ordering::Relaxed) != 0
    }

    /// How many items were pushed.
    #[inline]
    pub fn pushed_count(&self) -> u64 {
        self.pen.number
    }

    /// The ring's geometry.
    #[inline]
    pub fn geometry(&self) -> Geometry {
        self.pen.geometry
    }

    /// Ends the ring: the reader gets what is left of it, then
    /// [`Pop::Closed`](crate::Pop::Closed).
    pub fn close(self) {}

    #[inline]
    fn is_full(&self, cursor: u64) -> bool {
        // A cursor ahead of the writer (a broken process wrote it) wraps to a huge distance: full.
        self.pen.number.wrapping_sub(cursor) >= self.pen.geometry.slot_count() as u64
    }
}
