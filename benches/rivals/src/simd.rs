//! simd-json in serde_json's place, before the naive book.

use crate::{
    naive::{book, message::DepthUpdate},
    outcome::Outcome,
};
use anyhow::Result;
use serde::Deserialize;
use simd_json::Buffers;

/// The frame in one pass: simd-json keeps no raw values.
#[derive(Deserialize)]
struct Combined {
    data: DepthUpdate,
}

/// Decode with reused buffers, book, OBI(5).
pub struct Update {
    bytes: Vec<u8>,
    buffers: Buffers,
    naive: book::Update,
}

impl Update {
    /// A book that has its snapshot.
    pub fn new(snapshot: &str) -> Result<Self> {
        let naive = book::Update::new(snapshot)?;
        Ok(Self { bytes: Vec::new(), buffers: Buffers::new(1024), naive })
    }

    /// One frame of the combined stream. It is parsed in place, so it is copied first.
    #[inline]
    pub fn on_message(&mut self, frame: &[u8]) -> Result<()> {
        self.bytes.clear();
        self.bytes.extend_from_slice(frame);
        let combined: Combined =
            simd_json::serde::from_slice_with_buffers(&mut self.bytes, &mut self.buffers)?;
        self.naive.on_update(combined.data)
    }

    /// Where the book stands.
    pub fn outcome(&self) -> Outcome {
        self.naive.outcome()
    }
}
