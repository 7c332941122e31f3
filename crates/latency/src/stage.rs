//! The stages of the data path, and the stamps between them.

use serde::Serialize;
use tickhawk_market::{MonoNanos, Nanos};

/// A stretch of the data path, between two stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Received to decoded: the venue's bytes become updates.
    Decode,
    /// Decoded to framed: book and features, up to a finished frame.
    Frame,
    /// Framed to popped: the ring between the threads, waiting included.
    Hop,
    /// Popped to scored: the model.
    Score,
    /// Scored to emitted: the decision, up to the signal being handed on.
    Emit,
    /// Received to emitted: all of the above.
    Total,
}

impl Stage {
    /// Every stage, in the order of the data path, the total last.
    pub const ALL: [Self; 6] =
        [Self::Decode, Self::Frame, Self::Hop, Self::Score, Self::Emit, Self::Total];

    /// The word reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Frame => "frame",
            Self::Hop => "hop",
            Self::Score => "score",
            Self::Emit => "emit",
            Self::Total => "total",
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The stamps one input collected on its way to a signal. All come from clocks of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stamps {
    /// Its bytes were here.
    pub received_mono: MonoNanos,
    /// Its updates were read.
    pub decoded_mono: MonoNanos,
    /// Its feature frame was finished.
    pub framed_mono: MonoNanos,
    /// The inference thread had the frame.
    pub popped_mono: MonoNanos,
    /// The model's score was there.
    pub scored_mono: MonoNanos,
    /// The signal was handed on.
    pub emitted_mono: MonoNanos,
}

const _: () = assert!(size_of::<Stamps>() == 48);

impl Stamps {
    /// How long a stage took; negative if the clock says so.
    #[inline]
    pub fn span(&self, stage: Stage) -> Nanos {
        match stage {
            Stage::Decode => self.decoded_mono - self.received_mono,
            Stage::Frame => self.framed_mono - self.decoded_mono,
            Stage::Hop => self.popped_mono - self.framed_mono,
            Stage::Score => self.scored_mono - self.popped_mono,
            Stage::Emit => self.emitted_mono - self.scored_mono,
            Stage::Total => self.emitted_mono - self.received_mono,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_between_their_stamps() {
        let stamps = Stamps {
            received_mono: MonoNanos::new(1_000),
            decoded_mono: MonoNanos::new(1_001),
            framed_mono: MonoNanos::new(1_011),
            popped_mono: MonoNanos::new(1_111),
            scored_mono: MonoNanos::new(2_111),
            emitted_mono: MonoNanos::new(2_106),
        };
        let spans = Stage::ALL.map(|stage| stamps.span(stage).nanos());
        assert_eq!(spans, [1, 10, 100, 1_000, -5, 1_106]);
    }

    #[test]
    fn names_and_indices_follow_the_order() {
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage.index(), index);
            assert_eq!(sonic_rs::to_string(&stage).unwrap(), format!("\"{}\"", stage.name()));
        }
    }
}
