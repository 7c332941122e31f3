//! The segment that a worker and its parent share: a control block, then the two rings. Indices
//! count 64-bit words.
//!
//! ```text
//! line 0    magic, version, values, slots, spin, nap     the parent's, before the worker starts
//! line 1    state                                        the worker's
//! line 2    beat                                         the worker's, hot
//! line 4..  shape, kind, sha256, engine; error text      the worker's, before the state says so
//! line 16.. requests: gated ring, parent to worker
//! ...       replies: gated ring, worker to parent
//! ```

use super::WorkerError;
use crate::signature::{FEATURES_MAX, OutputKind, STEPS_MAX, Shape};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tickhawk_handoff::{Geometry, RingError, SharedRegion, Storage};

/// Words of a ring's line: what the parts of the segment are aligned to.
const LINE_WORDS: usize = 16;
const MAGIC: u64 = u64::from_le_bytes(*b"thworker");
/// The version of the control block and of the messages.
const VERSION: u64 = 1;

const MAGIC_INDEX: usize = 0;
const VERSION_INDEX: usize = 1;
const VALUES_INDEX: usize = 2;
const SLOT_COUNT_INDEX: usize = 3;
const SPIN_INDEX: usize = 4;
const NAP_INDEX: usize = 5;
const STATE_INDEX: usize = LINE_WORDS;
const BEAT_INDEX: usize = 2 * LINE_WORDS;
const STEPS_INDEX: usize = 4 * LINE_WORDS;
const FEATURES_INDEX: usize = STEPS_INDEX + 1;
const KIND_INDEX: usize = STEPS_INDEX + 2;
/// Texts: a length in bytes, then the bytes, eight a word.
const SHA256: Text = Text { index: 5 * LINE_WORDS, words: LINE_WORDS };
const ENGINE: Text = Text { index: 6 * LINE_WORDS, words: 2 * LINE_WORDS };
const ERROR: Text = Text { index: 8 * LINE_WORDS, words: 8 * LINE_WORDS };
const CONTROL_WORDS: usize = 16 * LINE_WORDS;

/// Words of a reply: ticket, tag, and up to three numbers in two words.
pub(super) const REPLY_WORDS: usize = 4;

/// How far the worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Ready,
    Failed,
}

/// What the worker says it has loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) shape: Shape,
    pub(super) kind: OutputKind,
    /// Lowercase hex.
    pub(super) sha256: String,
    pub(super) engine: String,
}

/// The sizes that both sides must agree on, and how the worker waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// T times F.
    pub(super) values: usize,
    /// Slots of either ring.
    pub(super) slot_count: usize,
    pub(super) spin: Duration,
    pub(super) nap: Duration,
}

impl Terms {
    /// The requests' ring: a ticket, then two values a word.
    pub(super) fn request_geometry(&self) -> Result<Geometry, RingError> {
        Geometry::new(self.slot_count, 1 + self.values.div_ceil(2))
    }

    pub(super) fn reply_geometry(&self) -> Result<Geometry, RingError> {
        Geometry::new(self.slot_count, REPLY_WORDS)
    }

    /// Words of the whole segment.
    pub(super) fn segment_words(&self) -> Result<usize, RingError> {
        let (requests, replies) = (self.request_geometry()?, self.reply_geometry()?);
        Ok(CONTROL_WORDS + requests.region_words() + replies.region_words())
    }
}

/// One side's view of a segment.
#[derive(Clone, Debug)]
pub(super) struct Control {
    region: SharedRegion,
    terms: Terms,
}

impl Control {
    /// The parent's: writes the terms into a new segment.
    pub(super) fn create(region: SharedRegion, terms: Terms) -> Self {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let words = [
            (VERSION_INDEX, VERSION),
            (VALUES_INDEX, terms.values as u64),
            (SLOT_COUNT_INDEX, terms.slot_count as u64),
            (SPIN_INDEX, nanos(terms.spin)),
            (NAP_INDEX, nanos(terms.nap)),
        ];
        for (index, value) in words {
            region.store(index, value, Ordering::Relaxed);
        }
        // Release: pairs with the Acquire load in `join`.
        region.store(MAGIC_INDEX, MAGIC, Ordering::Release);
        Self { region, terms }
    }

    /// The worker's: reads and checks the terms, which are never read again.
    pub(super) fn join(region: SharedRegion) -> Result<Self, WorkerError> {
        // Acquire: pairs with the Release store in `create`.
        let magic = region.load(MAGIC_INDEX, Ordering::Acquire);
        let word = |index| region.load(index, Ordering::Relaxed);
        let wrong = |index| WorkerError::Control { index, found: word(index) };
        if magic != MAGIC {
            return Err(WorkerError::Control { index: MAGIC_INDEX, found: magic });
        }
        if word(VERSION_INDEX) != VERSION {
            return Err(wrong(VERSION_INDEX));
        }
        let values = usize::try_from(word(VALUES_INDEX)).ok();
        let values = values.filter(|values| (1..=STEPS_MAX * FEATURES_MAX).contains(values));
        let values = values.ok_or_else(|| wrong(VALUES_INDEX))?;
        let slot_count =
            usize::try_from(word(SLOT_COUNT_INDEX)).map_err(|_| wrong(SLOT_COUNT_INDEX))?;
        let spin = Duration::from_nanos(word(SPIN_INDEX));
        let nap = Duration::from_nanos(word(NAP_INDEX));
        Ok(Self { region, terms: Terms { values, slot_count, spin, nap } })
    }

    /// Words that any segment has, whatever its terms.
    pub(super) const fn words() -> usize {
        CONTROL_WORDS
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    pub(super) fn requests(&self) -> Result<(SharedRegion, Geometry), RingError> {
        self.ring(CONTROL_WORDS, self.terms.request_geometry()?)
    }

    pub(super) fn replies(&self) -> Result<(SharedRegion, Geometry), RingError> {
        let first = CONTROL_WORDS + self.terms.request_geometry()?.region_words();
        self.ring(first, self.terms.reply_geometry()?)
    }

    fn ring(
        &self,
        first: usize,
        geometry: Geometry,
    ) -> Result<(SharedRegion, Geometry), RingError> {
        let needed_words = geometry.region_words();
        let found_words = self.region.len_words().saturating_sub(first);
        let part = self.region.part(first, needed_words);
        let part = part.ok_or(RingError::RegionTooSmall { needed_words, found_words })?;
        Ok((part, geometry))
    }

    /// The worker's last word before it serves.
    pub(super) fn say_ready(&self, facts: &Facts) {
        let kind = match facts.kind {
            OutputKind::Classes => 0,
            OutputKind::Value => 1,
        };
        self.region.store(STEPS_INDEX, facts.shape.steps as u64, Ordering::Relaxed);
        self.region.store(FEATURES_INDEX, facts.shape.features as u64, Ordering::Relaxed);
        self.region.store(KIND_INDEX, kind, Ordering::Relaxed);
        SHA256.write(&self.region, &facts.sha256);
        ENGINE.write(&self.region, &facts.engine);
        // Release: pairs with the Acquire load in `state`; the facts and the replies' ring are there.
        self.region.store(STATE_INDEX, 1, Ordering::Release);
    }

    /// The worker's last word instead of serving.
    pub(super) fn say_failed(&self, message: &str) {
        ERROR.write(&self.region, message);
        // Release: as in `say_ready`.
        self.region.store(STATE_INDEX, 2, Ordering::Release);
    }

    pub(super) fn state(&self) -> State {
        // Acquire: pairs with the Release stores in `say_ready` and `say_failed`.
        match self.region.load(STATE_INDEX, Ordering::Acquire) {
            0 => State::Starting,
            1 => State::Ready,
            _ => State::Failed,
        }
    }

    /// What a ready worker has loaded.
    pub(super) fn facts(&self) -> Result<Facts, WorkerError> {
        let word = |index| self.region.load(index, Ordering::Relaxed);
        let size = |index| {
            let found = word(index);
            usize::try_from(found).map_err(|_| WorkerError::Control { index, found })
        };
        let kind = match word(KIND_INDEX) {
            0 => OutputKind::Classes,
            1 => OutputKind::Value,
            found => return Err(WorkerError::Control { index: KIND_INDEX, found }),
        };
        let shape = Shape { steps: size(STEPS_INDEX)?, features: size(FEATURES_INDEX)? };
        let (sha256, engine) = (SHA256.read(&self.region), ENGINE.read(&self.region));
        Ok(Facts { shape, kind, sha256, engine })
    }

    /// Why a failed worker failed, in its own words.
    pub(super) fn error(&self) -> String {
        ERROR.read(&self.region)
    }

    /// The worker lives: it says so each time it looks for a request, and not while it runs one.
    #[inline]
    pub(super) fn beat(&self, count: u64) {
        self.region.store(BEAT_INDEX, count, Ordering::Relaxed);
    }

    pub(super) fn beats(&self) -> u64 {
        self.region.load(BEAT_INDEX, Ordering::Relaxed)
    }
}

/// A text in the control block, cut to what fits.
struct Text {
    index: usize,
    words: usize,
}

impl Text {
    fn write(&self, region: &SharedRegion, text: &str) {
        let bytes_max = (self.words - 1) * size_of::<u64>();
        let bytes = &text.as_bytes()[..text.len().min(bytes_max)];
        for (offset, chunk) in bytes.chunks(size_of::<u64>()).enumerate() {
            let mut word = [0; size_of::<u64>()];
            word[..chunk.len()].copy_from_slice(chunk);
            let word = u64::from_le_bytes(word);
            region.store(self.index + 1 + offset, word, Ordering::Relaxed);
        }
        region.store(self.index, bytes.len() as u64, Ordering::Relaxed);
    }

    fn read(&self, region: &SharedRegion) -> String {
        let mut words = vec![0; self.words - 1];
        region.load_words(self.index + 1, &mut words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let len = region.load(self.index, Ordering::Relaxed);
        let len = usize::try_from(len).map_or(bytes.len(), |len| len.min(bytes.len()));
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }
}
