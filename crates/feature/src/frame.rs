//! What crosses to inference.

use crate::plan::MAX_FEATURES;
use crate::valid::{ValidMask, all_valid};
use bytemuck::{Pod, Zeroable};
use tickhawk_market::{InstrumentId, MonoNanos, UnixNanos};

/// Words before the features.
pub const HEADER_WORDS: usize = 13;

/// Words of a frame with every feature in use.
pub const FRAME_WORDS: usize = HEADER_WORDS + MAX_FEATURES / 2;

const EXCHANGE_AT: u32 = 1 << 0;
const SEQUENCE: u32 = 1 << 1;
const RESTARTED: u32 = 1 << 2;

/// Where a frame comes from: everything in it but the features.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameSource {
    /// Whose book.
    pub instrument: InstrumentId,
    /// Number of the frame among its instrument's.
    pub number: u64,
    /// Epoch of the book.
    pub epoch: u32,
    /// Receive time of the input that made it.
    pub received_at: UnixNanos,
    /// The exchange's time of the book message, where it gives one.
    pub exchange_at: Option<UnixNanos>,
    /// The venue's update id, where it has one.
    pub sequence: Option<u64>,
    /// Whether carried state restarts here.
    pub restarted: bool,
    /// (bid + ask) / 2 in quote units.
    pub mid: f64,
    /// Age of the book in nanoseconds.
    pub book_age_ns: u64,
    /// When the input was received, on this process's clock.
    pub received_mono: MonoNanos,
    /// When it was decoded.
    pub decoded_mono: MonoNanos,
    /// When the frame was made.
    pub framed_mono: MonoNanos,
}

/// One instrument's features at one moment, with where they come from. 616 bytes, no padding; only
/// the used part travels, as words.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct FeatureFrame {
    instrument: u32,
    feature_count: u32,
    number: u64,
    epoch: u32,
    flags: u32,
    received_at: u64,
    exchange_at: u64,
    sequence: u64,
    mid: f64,
    book_age_ns: u64,
    received_mono: u64,
    decoded_mono: u64,
    framed_mono: u64,
    valid: ValidMask,
    features: [f32; MAX_FEATURES],
}

const _: () = assert!(size_of::<FeatureFrame>() == 8 * FRAME_WORDS);

impl FeatureFrame {
    /// A frame with room for `feature_count` features, all unavailable.
    ///
    /// # Panics
    /// If `feature_count` is above [`MAX_FEATURES`].
    #[inline]
    pub fn new(source: &FrameSource, feature_count: usize) -> Self {
        assert!(feature_count <= MAX_FEATURES, "a plan has at most {MAX_FEATURES} features");
        let mut frame = Self::zeroed();
        frame.feature_count = feature_count as u32;
        frame.set_source(source);
        frame
    }

    /// Replaces all but the features.
    #[inline]
    pub fn set_source(&mut self, source: &FrameSource) {
        self.instrument = source.instrument.0;
        self.number = source.number;
        self.epoch = source.epoch;
        let flag = |set: bool, bit: u32| if set { bit } else { 0 };
        self.flags = flag(source.exchange_at.is_some(), EXCHANGE_AT)
            | flag(source.sequence.is_some(), SEQUENCE)
            | flag(source.restarted, RESTARTED);
        self.received_at = source.received_at.nanos();
        self.exchange_at = source.exchange_at.map_or(0, UnixNanos::nanos);
        self.sequence = source.sequence.unwrap_or(0);
        self.mid = source.mid;
        self.book_age_ns = source.book_age_ns;
        self.received_mono = source.received_mono.nanos();
        self.decoded_mono = source.decoded_mono.nanos();
        self.framed_mono = source.framed_mono.nanos();
    }
    /// Stamps when the frame was made.
    #[inline]
    pub fn set_framed_mono(&mut self, framed_mono: MonoNanos) {
        self.framed_mono = framed_mono.nanos();
    }

    /// The features and their mask, to be filled.
    #[inline]
    pub fn parts_mut(&mut self) -> (&mut [f32], &mut ValidMask) {
        (&mut self.features[..self.feature_count as usize], &mut self.valid)
    }

    /// The used part: the header, then two features a word.
    #[inline]
    pub fn as_words(&self) -> &[u64] {
        let words: &[u64; FRAME_WORDS] = bytemuck::cast_ref(self);
        &words[..used_words(self.feature_count as usize)]
    }

    /// A frame from the used part of another; `None` if these words are no frame: too many
    /// features, a wrong length, bits set where nothing is, a feature that is not finite.
    #[inline]
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let in_range = (HEADER_WORDS..=FRAME_WORDS).contains(&words.len());
        if !in_range {
            return None;
        }
        let mut all = [0; FRAME_WORDS];
        all[..words.len()].copy_from_slice(words);
        let frame: Self = bytemuck::cast(all);
        let count = frame.feature_count as usize;
        let sized = count <= MAX_FEATURES && words.len() == used_words(count);
        (sized && frame.is_sound()).then_some(frame)
    }

    /// Whether nothing stands where nothing belongs.
    fn is_sound(&self) -> bool {
        let count = self.feature_count as usize;
        let all = all_valid(count);
        let header = self.flags & !(EXCHANGE_AT | SEQUENCE | RESTARTED) == 0
            && (self.exchange_at().is_some() || self.exchange_at == 0)
            && (self.sequence().is_some() || self.sequence == 0)
            && self.mid.is_finite()
            && self.valid[0] & !all[0] == 0
            && self.valid[1] & !all[1] == 0;
        let odd_half_empty = count == MAX_FEATURES || self.features[count].to_bits() == 0;
        header && odd_half_empty && self.features().iter().all(|value| value.is_finite())
    }

    /// Whose book.
    #[inline]
    pub const fn instrument(&self) -> InstrumentId {
        InstrumentId(self.instrument)
    }

    /// Number of the frame among its instrument's.
    #[inline]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Epoch of the book.
    #[inline]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Receive time of the input that made it.
    #[inline]
    pub const fn received_at(&self) -> UnixNanos {
        UnixNanos::new(self.received_at)
    }

    /// The exchange's time of the book message, where it gives one.
    #[inline]
    pub fn exchange_at(&self) -> Option<UnixNanos> {
        (self.flags & EXCHANGE_AT != 0).then_some(UnixNanos::new(self.exchange_at))
    }

    /// The venue's update id, where it has one.
    #[inline]
    pub fn sequence(&self) -> Option<u64> {
        (self.flags & SEQUENCE != 0).then_some(self.sequence)
    }

    /// Whether carried state restarts here.
    #[inline]
    pub const fn restarted(&self) -> bool {
        self.flags & RESTARTED != 0
    }

    /// (bid + ask) / 2 in quote units.
    #[inline]
    pub const fn mid(&self) -> f64 {
        self.mid
    }

    /// Age of the book in nanoseconds.
    #[inline]
    pub const fn book_age_ns(&self) -> u64 {
        self.book_age_ns
    }

    /// When the input was received, on the clock of the process that made the frame.
    #[inline]
    pub const fn received_mono(&self) -> MonoNanos {
        MonoNanos::new(self.received_mono)
    }

    /// When it was decoded.
    #[inline]
    pub const fn decoded_mono(&self) -> MonoNanos {
        MonoNanos::new(self.decoded_mono)
    }

    /// When the frame was made.
    #[inline]
    pub const fn framed_mono(&self) -> MonoNanos {
        MonoNanos::new(self.framed_mono)
    }

    /// The features in the plan's order; an unavailable one is 0.
    #[inline]
    pub fn features(&self) -> &[f32] {
        &self.features[..self.feature_count as usize]
    }

    /// Which features have a value.
    #[inline]
    pub const fn valid(&self) -> &ValidMask {
        &self.valid
    }

    /// Whether every feature has a value.
    #[inline]
    pub fn is_all_valid(&self) -> bool {
        self.valid == all_valid(self.feature_count as usize)
    }
}

/// Words of a frame with `count` features.
const fn used_words(count: usize) -> usize {
    HEADER_WORDS + count.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> FrameSource {
        FrameSource {
            instrument: InstrumentId(3),
            number: 77,
            epoch: 5,
            received_at: UnixNanos::new(1_700_000_000_000_000_001),
            exchange_at: None,
            sequence: Some(u64::MAX),
            restarted: true,
            mid: 63_943.95,
            book_age_ns: 12,
            received_mono: MonoNanos::new(100),
            decoded_mono: MonoNanos::new(200),
            framed_mono: MonoNanos::new(300),
        }
    }

    fn frame(count: usize) -> FeatureFrame {
        let mut frame = FeatureFrame::new(&source(), count);
        let (values, valid) = frame.parts_mut();
        values.iter_mut().enumerate().for_each(|(index, value)| *value = index as f32 - 1.5);
        *valid = all_valid(count);
        frame
    }

    #[test]
    fn words_and_back() {
        for count in 0..=MAX_FEATURES {
            let frame = frame(count);
            assert_eq!(frame.as_words().len(), 13 + count.div_ceil(2));
            let back = FeatureFrame::from_words(frame.as_words()).unwrap();
            assert_eq!(back, frame);
            assert_eq!((back.features().len(), back.is_all_valid()), (count, true));
        }
    }

    #[test]
    fn the_header_reads_back() {
        let frame = frame(2);
        let source = source();
        assert_eq!(frame.instrument(), source.instrument);
        assert_eq!((frame.number(), frame.epoch()), (77, 5));
        assert_eq!((frame.exchange_at(), frame.sequence()), (None, Some(u64::MAX)));
        assert_eq!((frame.received_at(), frame.restarted()), (source.received_at, true));
        assert_eq!((frame.mid(), frame.book_age_ns()), (63_943.95, 12));
        assert_eq!(frame.received_mono(), source.received_mono);
        assert_eq!(frame.decoded_mono(), source.decoded_mono);
        assert_eq!(frame.framed_mono(), source.framed_mono);
        assert_eq!(frame.features(), [-1.5, -0.5]);
        assert_eq!(frame.valid(), &[3, 0]);
    }

    #[test]
    fn the_layout_is_fixed() {
        let frame = frame(3);
        let words = frame.as_words();
        assert_eq!(words[0], 3 | 3 << 32, "instrument, feature count");
        assert_eq!(words[1], 77);
        assert_eq!(words[2], 5 | 0b110 << 32, "epoch, flags");
        assert_eq!(&words[3..6], &[1_700_000_000_000_000_001, 0, u64::MAX]);
        assert_eq!(words[6], 63_943.95f64.to_bits());
        assert_eq!(&words[7..13], &[12, 100, 200, 300, 7, 0]);
        assert_eq!(words[14], u64::from(0.5f32.to_bits()));
    }

    #[track_caller]
    fn check_refused(count: usize, spoil: impl Fn(&mut Vec<u64>)) {
        let mut words = frame(count).as_words().to_vec();
        spoil(&mut words);
        assert_eq!(FeatureFrame::from_words(&words), None);
    }

    #[test]
    fn spoiled_words_are_no_frame() {
        check_refused(3, |words| words.clear());
        check_refused(3, |words| words.push(0));
        check_refused(3, |words| _ = words.pop());
        check_refused(3, |words| words[0] = 3 | 129 << 32);
        check_refused(3, |words| words[0] = 3 | u64::from(u32::MAX) << 32);
        check_refused(3, |words| words[2] |= 1 << 35);
        check_refused(3, |words| words[4] = 1);
        check_refused(3, |words| words[6] = f64::NAN.to_bits());
        check_refused(3, |words| words[11] |= 8);
        check_refused(3, |words| words[12] = 1);
        check_refused(3, |words| words[13] = u64::from(f32::INFINITY.to_bits()));
        check_refused(3, |words| words[14] |= 1 << 32);
    }
}
