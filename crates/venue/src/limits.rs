//! How much input may make a decoder hold.

/// Bounds on what input may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame or REST reply read. 16 MiB: a real Coinbase snapshot is 5 MB.
    pub frame_bytes: usize,
    /// Most instruments a session may name. 4,096: more than any venue lists of one kind.
    pub instruments: usize,
    /// Bytes of diffs one instrument may buffer while it waits for a REST snapshot; the oldest go
    /// first, and a snapshot that then does not reach the rest is asked for again. 4 MiB: a minute
    /// and more of the busiest Binance book.
    pub buffered_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame_bytes: 16 << 20, instruments: 4_096, buffered_bytes: 4 << 20 }
    }
}
