//! Whether anything decided at a time depends on what came after it.
//!
//! A run is repeated over the same recording, whose records behind a cut are no longer what they were:
//! digits are others, messages are lost, times are later. Whatever was decided up to the cut must be
//! what it was, bit for bit. A stage, a feature or a scorer that peeks sees another future and gives
//! itself away. The check sees what a run reads through its [`Source`]; that a model was trained on
//! what it now foretells, it cannot see.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hasher};
use tickhawk_engine::{Input, MarketStage, Record, Scored, Source, Want};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::UnixNanos;

/// Words of a frame that hold measured time: when it was received, decoded and framed by this
/// process's clock.
const MEASURED_WORDS: std::ops::Range<usize> = 8..11;

/// A frame and what was concluded of it, as one number. Two runs of one process may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Number of the record that made the frame, from 1.
    pub record: u64,
    /// A hash of all of it but for measured times.
    pub hash: u64,
}

impl Decided {
    /// Of the record's frame: where it comes from, its features, and the signal.
    pub fn new(record: u64, frame: &FeatureFrame, scored: &Scored) -> Self {
        let mut hasher = DefaultHasher::new();
        for (index, word) in frame.as_words().iter().enumerate() {
            if !MEASURED_WORDS.contains(&index) {
                hasher.write_u64(*word);
            }
        }
        hasher.write_u8(u8::from(scored.signal.is_some()));
        if let Some(signal) = &scored.signal {
            hasher.write_u32(signal.score.to_bits());
            for probability in signal.probabilities.iter().flatten() {
                hasher.write_u32(probability.to_bits());
            }
            hasher.write_i8(signal.decision as i8);
            hasher.write_u8(signal.tier as u8);
            hasher.write_u8(u8::from(signal.restarted) | u8::from(signal.repeated) << 1);
        }
        Self { record, hash: hasher.finish() }
    }
}

/// A source whose records behind a cut are perturbed, the same way for the same seed.
#[derive(Debug)]
pub struct Perturbed<S> {
    source: S,
    cut: u64,
    records: u64,
    random: ChaCha8Rng,
    buffer: Vec<u8>,
    /// How much later than it was the last record is.
    later_ns: u64,
}

/// The most that one record's receive time moves behind the one before.
const LATER_NS_MAX: u64 = 5_000_000;

impl<S> Perturbed<S> {
    /// Leaves the first `cut` records of `source` as they are.
    pub fn new(source: S, cut: u64, seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { source, cut, records: 0, random, buffer: Vec::new(), later_ns: 0 }
    }

    /// What it perturbs.
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S: Source> Source for Perturbed<S> {
    type Error = S::Error;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, S::Error> {
        let Self { source, cut, records, random, buffer, later_ns } = self;
        *records += 1;
        if *records <= *cut {
            return source.next_record();
        }
        // One in eight is lost.
        while random.next_u32() & 7 == 0 {
            if source.next_record()?.is_none() {
                return Ok(None);
            }
        }
        let Some(mut record) = source.next_record()? else { return Ok(None) };
        *later_ns += random.next_u64() % LATER_NS_MAX;
        let later = record.received_at.nanos().saturating_add(*later_ns);
        record.received_at = UnixNanos::new(later);
        match record.input {
            Input::Frame(bytes) => {
                scramble(bytes, buffer, random);
                record.input = Input::Frame(buffer);
            }
            Input::RestReply { url, status, body } => {
                scramble(body, buffer, random);
                record.input = Input::RestReply { url, status, body: buffer };
            }
            _ => {}
        }
        Ok(Some(record))
    }

    fn stepped(&mut self, market: &MarketStage, wants: &mut Vec<Want>) {
        self.source.stepped(market, wants);
    }
}

/// Copies the bytes, one digit in four another one.
fn scramble(bytes: &[u8], buffer: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    buffer.clear();
    buffer.extend_from_slice(bytes);
    for byte in buffer.iter_mut().filter(|byte| byte.is_ascii_digit()) {
        let drawn = random.next_u32();
        if drawn & 3 == 0 {
            *byte = b'1' + ((drawn >> 2) % 9) as u8;
        }
    }
}

/// What the check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookahead {
    /// Whether nothing decided up to any cut depended on what came after.
    pub holds: bool,
    /// Every cut.
    pub cuts: Vec<CutRow>,
}

/// One run over a perturbed future.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutRow {
    /// Records before the cut.
    pub records: u64,
    /// Frames decided on up to it, each compared.
    pub decisions: u64,
    /// Frames behind it that came out otherwise or not at all: a future that moved nothing would
    /// prove nothing.
    pub moved: u64,
    /// The record at which the runs first differ up to the cut, or null.
    pub first_difference: Option<u64>,
}

impl CutRow {
    /// Holds a run whose future was perturbed behind `cut` against the one whose was not.
    pub fn new(cut: u64, base: &[Decided], perturbed: &[Decided]) -> Self {
        let until = |all: &[Decided]| all.partition_point(|decided| decided.record <= cut);
        let (base, base_later) = base.split_at(until(base));
        let (perturbed, perturbed_later) = perturbed.split_at(until(perturbed));
        let differing = base.iter().zip(perturbed).find(|(one, two)| one != two);
        let differing = differing.map(|(one, two)| one.record.min(two.record));
        let common = base.len().min(perturbed.len());
        let longer = base.get(common).or(perturbed.get(common)).map(|decided| decided.record);
        let same = base_later.iter().zip(perturbed_later).filter(|(one, two)| one == two).count();
        Self {
            records: cut,
            decisions: base.len() as u64,
            moved: (base_later.len() - same) as u64,
            first_difference: differing.or(longer),
        }
    }
}

impl Lookahead {
    /// Runs `run` over futures perturbed behind `cuts` points, and holds each against `base`. Points
    /// are spread evenly over the recording's `records`, each moved on to the next record that made a
    /// frame, so that a peek at the very next record shows. `run` is told how many records to leave as they are
    /// and the seed of what happens to the rest, and gives what it decided.
    ///
    /// # Errors
    /// Whatever `run` gives.
    pub fn check<E>(
        base: &[Decided],
        records: u64,
        cuts: u32,
        seed: u64,
        mut run: impl FnMut(u64, u64) -> Result<Vec<Decided>, E>,
    ) -> Result<Self, E> {
        let mut rows = Vec::with_capacity(cuts as usize);
        for index in 1..=u64::from(cuts) {
            let share = u128::from(records) * u128::from(index) / (u128::from(cuts) + 1);
            let next = base.partition_point(|decided| u128::from(decided.record) < share);
            let cut = base.get(next).map_or(share as u64, |decided| decided.record);
            let perturbed = run(cut, seed.wrapping_add(index))?;
            rows.push(CutRow::new(cut, base, &perturbed));
        }
        let holds = rows.iter().all(|row| row.first_difference.is_none());
        Ok(Self { holds, cuts: rows })
    }
}
