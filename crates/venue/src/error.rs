//! What can be wrong with a frame.

use tickhawk_market::DecimalError;

/// Why a frame could not be read. Nothing of such a frame is applied. Offsets count bytes from the
/// frame's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or JSON of another shape than the message type has. The cure is upstream: the
    /// frame was damaged, or the venue changed its format.
    #[error("not a message of this venue: {what} at byte {offset}")]
    Malformed {
        /// Where the reader stood.
        offset: usize,
        /// What it wanted there.
        what: &'static str,
    },
    /// A price or quantity that is no number, or not one that fits exactly.
    #[error("{source} (the text begins at byte {offset})")]
    Number {
        /// Where the number's text begins.
        offset: usize,
        /// What is wrong with it.
        source: DecimalError,
    },
    /// A price or quantity that does not fit 64 bits in the instrument's decimals.
    #[error(
        "a price or quantity at byte {offset} does not fit 64 bits in the instrument's decimals"
    )]
    OutOfRange {
        /// Where the number's text begins.
        offset: usize,
    },
    /// A field the message type always has is not there.
    #[error("field `{field}` is missing from the message at byte {offset}")]
    Missing {
        /// The field's name on the wire.
        field: &'static str,
        /// Where the message begins.
        offset: usize,
    },
    /// Brackets nest deeper than any venue's messages do.
    #[error("brackets nest deeper than {limit} at byte {offset}")]
    TooDeep {
        /// Where the limit was passed.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// The recording was compiled, and the frame could not be read then: what was wrong with it was
    /// said then.
    #[error("it could not be read when the recording was compiled")]
    Compiled,
    /// Longer than [`crate::Limits::frame_bytes`].
    #[error("{bytes} bytes, more than the limit of {limit}")]
    Oversized {
        /// The frame's length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}
