//! The one ring that carries state from thread to thread, and from process to process: a single
//! writer, a power-of-two number of slots, each slot's stamp beside its payload.
//!
//! Contract:
//! - allocates: in [`lossy`] and [`gated`] only, never after;
//! - blocks: never. No locks, no spinning, no read-modify-write: every step is a bounded number of
//!   atomic loads and stores of 64-bit words;
//! - threads: one writer, any number of readers ([`lossy`]) or one ([`gated`]); each end may move to
//!   another thread, none can be shared between two;
//! - bounds: [`Geometry`] fixes slots and words at the start, and a push longer than a slot panics.
//!
//! A lossy [`Writer`] never waits: it overwrites the oldest slot. A reader it laps is told exactly
//! how many items it missed, and goes on with the oldest slot still intact. A [`GatedWriter`] is
//! held back by its one reader and loses nothing.
//!
//! ```
//! use tickhawk_handoff::{Geometry, Pop, lossy};
//!
//! let (mut writer, mut reader) = lossy(Geometry::new(4, 8)?);
//! let mut item = [0; 8];
//! for number in 0..6 {
//!     writer.push(&[number, number * 10]);
//! }
//! // Four slots hold the last four of six items.
//! assert_eq!(reader.pop(&mut item), Pop::Missed { count: 2 });
//! assert_eq!(reader.pop(&mut item), Pop::Item { len: 2 });
//! assert_eq!(item[..2], [2, 20]);
//!
//! writer.close();
//! while let Pop::Item { .. } = reader.pop(&mut item) {}
//! assert_eq!(item[..2], [5, 50]);
//! assert_eq!(reader.pop(&mut item), Pop::Closed);
//! # Ok::<(), tickhawk_handoff::RingError>(())
//! ```
//!
//! # How a slot is read and written
//!
//! Items are numbered from 0; item `n` goes to slot `n mod slot_count`. Its slot's stamp is `2n + 1`
//! while it is written and `2n + 2` once it is whole (0: never written).
//!
//! ```text
//! writer, item n                      reader, wants item n
//!   begun  = n + 1                      before = stamp            (Acquire: A)
//!   stamp  = 2n + 1                     before < 2n + 2: nothing there yet
//!   fence(Release: B)                   before > 2n + 2: lapped
//!   len, payload                        len, payload
//!   stamp  = 2n + 2  (Release: A)       fence(Acquire: B)
//!                                       after = stamp; after != before: lapped
//! ```
//!
//! Pair A makes the payload of a whole slot visible. Pair B makes a payload word of a *later* item
//! bring that item's stamp with it, so a torn copy is always noticed and never handed out. `begun`
//! moves first, so `begun - slot_count` is never a slot about to be overwritten by an item already
//! under way: that is where a lapped reader goes on.
//!
//! The whole layout, header included, lives in the words of a [`Storage`], so a second process that
//! maps them can [`Reader::attach`]. [`Segment`] makes such words under a name, [`SharedRegion`]
//! opens them; whatever a broken process writes there, the other end neither panics nor reads past
//! them.
//!
//! What it refuses to do: wait, wake anyone up, take a second writer, or hand out an item that was
//! changed while it was copied.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod error;
mod layout;
mod reader;
mod segment;
mod shared;
mod storage;
mod writer;

pub use error::{RingError, SegmentError};
pub use layout::{Geometry, LAYOUT_VERSION};
pub use reader::{Pop, Reader, Start};
pub use segment::{Segment, sweep};
pub use shared::SharedRegion;
pub use storage::{HeapRegion, Storage};
pub use writer::{GatedWriter, Writer};

/// A lossy ring on the heap: its writer, and a first reader that starts at item 0. Further readers
/// come from [`Writer::reader`].
pub fn lossy(geometry: Geometry) -> (Writer<HeapRegion>, Reader<HeapRegion>) {
    let region = HeapRegion::new(geometry.region_words());
    let writer = Writer::create(region, geometry).expect("the region was sized for the geometry");
    let reader = writer.reader();
    (writer, reader)
}

/// A gated ring on the heap: its writer, and the one reader that holds the writer back.
pub fn gated(geometry: Geometry) -> (GatedWriter<HeapRegion>, Reader<HeapRegion>) {
    let region = HeapRegion::new(geometry.region_words());
    GatedWriter::create(region, geometry).expect("the region was sized for the geometry")
}
