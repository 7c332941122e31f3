//! What can keep a measurement from being made.

use std::path::PathBuf;
use tickhawk_capture::CaptureError;
use tickhawk_decoded::FormError;
use tickhawk_engine::{CoreError, OtherDecoding};
use tickhawk_feed::FeedError;
use tickhawk_inference::{InferenceError, Unsupported};

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] CaptureError),
    /// The recording names no venue, and none was given: say it with `--venue`.
    #[error("cannot tell whose messages `{}` holds\nhint: say it with `--venue SLUG`", path.display())]
    NoVenue {
        /// The first file.
        path: PathBuf,
    },
    /// The decoded form of a recording cannot be read.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The decoded form was made in another way than recordings are measured in.
    #[error(transparent)]
    OtherDecoding(#[from] OtherDecoding),
    /// The decoded form is of a venue that this program does not know: compile it again.
    #[error("it was compiled for the venue `{venue}`, which this program does not know")]
    UnknownVenue {
        /// The venue.
        venue: String,
    },
    /// The recording holds nothing that a venue sent.
    #[error("`{}` holds no message of a venue", path.display())]
    Empty {
        /// The first file.
        path: PathBuf,
    },
    /// Too few messages to say anything by: take a longer recording.
    #[error("{found} messages of `{name}` change a whole book; {needed} are needed to measure by")]
    TooShort {
        /// The recording.
        name: String,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// No message made a signal while it counted: run longer, or with a model whose features the
    /// recording fills.
    #[error("`{name}` made no signal: run longer, or take a model whose features it fills")]
    NoSignal {
        /// The recording.
        name: String,
    },
    /// A model cannot be run.
    #[error(transparent)]
    Model(#[from] InferenceError),
    /// The native engine does not run a model that was made for it.
    #[error(transparent)]
    Native(#[from] Unsupported),
    /// A thread cannot be pinned.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The server of the loopback failed. It is this program itself, as `tickhawk serve`: see what
    /// it says.
    #[error("serving a synthetic market: {detail}")]
    Server {
        /// What, and what it said.
        detail: String,
    },
    /// A client of the loopback could not connect, or not go on.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A client of the loopback heard too little: the host is too busy for that rate, or something
    /// stands between the two processes.
    #[error("listening to a synthetic market: {what}\nhint: ask for a lower rate")]
    Wire {
        /// What was heard.
        what: String,
    },
    /// Valgrind did not count to the end; without a cure of its own in the detail, take another version.
    #[error("callgrind: {detail}")]
    Callgrind {
        /// By its own account, or what could not be read.
        detail: String,
    },
    /// Two implementations that were to do the same work came to different results.
    #[error("{what}: {ours} and {theirs} should be equal")]
    Disagree {
        /// What was compared.
        what: String,
        /// What ours gives.
        ours: String,
        /// What the other one gives.
        theirs: String,
    },
}
