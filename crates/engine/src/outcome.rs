//! A frame and what became of it, as words for a log; and where two of them differ.

use crate::{Choice, Scored};
use std::fmt::Debug;
use tickhawk_feature::FeatureFrame;
use tickhawk_market::UnixNanos;
use tickhawk_signal::{Decision, ModelId, Tier};

/// Words behind the frame's: flags, score, probabilities down, flat, up.
const TAIL_WORDS: usize = 5;

const SIGNAL: u64 = 1 << 0;
const PROBABILITIES: u64 = 1 << 1;
const RESTARTED: u64 = 1 << 2;
const REPEATED: u64 = 1 << 3;
/// Where other things stand among the flags: the decision (0 short, 1 flat, 2 long), the tiers that
/// were run, the one that answered and its model, the one a model was put on (1 more than its number,
/// 0 for none) and that model.
const DECISION_SHIFT: u32 = 8;
const RAN_SHIFT: u32 = 16;
const ANSWERED_SHIFT: u32 = 20;
const SWAPPED_SHIFT: u32 = 24;
const SWAPPED_MODEL_SHIFT: u32 = 32;
const MODEL_SHIFT: u32 = 48;

/// A frame and what the decision stage made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The frame, as it came off the ring.
    pub frame: FeatureFrame,
    /// What was decided by a clock or from outside.
    pub choice: Choice,
    /// What was concluded; `None` if it made no signal.
    pub conclusion: Option<Conclusion>,
}

/// What a signal says beside what its frame does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conclusion {
    /// p_up - p_down, or the model's one value; finite.
    pub score: f32,
    /// Class probabilities down, flat, up, where the model gives classes; finite.
    pub probabilities: Option<[f32; 3]>,
    /// What the policy made of the score.
    pub decision: Decision,
    /// Whether windows, carried state and hysteresis began anew.
    pub restarted: bool,
    /// Which tier answered.
    pub tier: Tier,
    /// Which model.
    pub model: ModelId,
    /// Whether the score is the one before again.
    pub repeated: bool,
}

/// Words that are no outcome: the log is damaged, or another version wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// Fewer words than an outcome has behind its frame.
    #[error("{words} words are too few for an outcome")]
    TooShort {
        /// How many there are.
        words: usize,
    },
    /// The first words are no frame.
    #[error("the first {words} words are no feature frame")]
    NotAFrame {
        /// How many a frame would have.
        words: usize,
    },
    /// The last words are no conclusion: unknown flags, a number that is not finite, or a value
    /// where the flags say there is none.
    #[error("the words behind the frame are no conclusion (flags {flags:#x})")]
    NotAConclusion {
        /// The word of flags.
        flags: u64,
    },
}

/// The first thing in which two outcomes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs: a field of the frame, a feature's name, or a field of the signal.
    pub what: String,
    /// Its value in the outcome that was recorded.
    pub recorded: String,
    /// Its value in the other.
    pub replayed: String,
}

impl Outcome {
    /// A frame and what became of it.
    pub fn new(frame: &FeatureFrame, scored: &Scored) -> Self {
        let conclusion = scored.signal.map(|signal| Conclusion {
            score: signal.score,
            probabilities: signal.probabilities,
            decision: signal.decision,
            restarted: signal.restarted,
            tier: signal.tier,
            model: signal.model,
            repeated: signal.repeated,
        });
        Self { frame: *frame, choice: scored.choice, conclusion }
    }

    /// Puts the outcome into `words` in place of what is there: the used words of the frame, then
    /// five of the conclusion, at most 82 in all. Allocates only while `words` grows to that.
    pub fn write(frame: &FeatureFrame, scored: &Scored, words: &mut Vec<u64>) {
        words.clear();
        words.extend_from_slice(frame.as_words());
        let Choice { ran, swapped } = scored.choice;
        let swapped = swapped.map_or(0, |(tier, model)| {
            (tier as u64 + 1) << SWAPPED_SHIFT | u64::from(model.0) << SWAPPED_MODEL_SHIFT
        });
        let choice = u64::from(ran) << RAN_SHIFT | swapped;
        words.extend(scored.signal.map_or([choice, 0, 0, 0, 0], |signal| {
            let flag = |set: bool, bit: u64| if set { bit } else { 0 };
            let decision = (signal.decision as i64 + 1).cast_unsigned();
            let flags = SIGNAL
                | flag(signal.probabilities.is_some(), PROBABILITIES)
                | flag(signal.restarted, RESTARTED)
                | flag(signal.repeated, REPEATED)
                | decision << DECISION_SHIFT
                | (signal.tier as u64) << ANSWERED_SHIFT
                | u64::from(signal.model.0) << MODEL_SHIFT
                | choice;
            let [down, flat, up] = signal.probabilities.unwrap_or_default().map(word);
            [flags, word(signal.score), down, flat, up]
        }));
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// If these words are no outcome.
    pub fn read(words: &[u64]) -> Result<Self, OutcomeError> {
        let too_short = OutcomeError::TooShort { words: words.len() };
        let (frame, tail) = words.split_last_chunk::<TAIL_WORDS>().ok_or(too_short)?;
        let not_a_frame = OutcomeError::NotAFrame { words: frame.len() };
        let frame = FeatureFrame::from_words(frame).ok_or(not_a_frame)?;
        let no_conclusion = OutcomeError::NotAConclusion { flags: tail[0] };
        let (choice, conclusion) = conclusion(tail).ok_or(no_conclusion)?;
        Ok(Self { frame, choice, conclusion })
    }

    /// The first thing in which `replayed` differs from this, the recorded outcome; `None` if they
    /// are the same. Everything is compared bit for bit but the stamps of this process's clock.
    /// `names` are the features', in the plan's order.
    pub fn difference(&self, replayed: &Self, names: &[String]) -> Option<Difference> {
        self.frame_difference(replayed)
            .or_else(|| self.feature_difference(replayed, names))
            .or_else(|| self.conclusion_difference(replayed))
    }

    fn frame_difference(&self, replayed: &Self) -> Option<Difference> {
        let (one, two) = (&self.frame, &replayed.frame);
        let exchange_at = |frame: &FeatureFrame| frame.exchange_at().map(UnixNanos::nanos);
        let mid = |frame: &FeatureFrame| Bits(frame.mid().to_bits(), frame.mid());
        differ("instrument", one.instrument().0, two.instrument().0)
            .or_else(|| differ("number", one.number(), two.number()))
            .or_else(|| differ("epoch", one.epoch(), two.epoch()))
            .or_else(|| differ("frame_restarted", one.restarted(), two.restarted()))
            .or_else(|| differ("received_at", one.received_at().nanos(), two.received_at().nanos()))
            .or_else(|| differ("exchange_at", exchange_at(one), exchange_at(two)))
            .or_else(|| differ("book_age_ns", one.book_age_ns(), two.book_age_ns()))
            .or_else(|| differ("sequence", one.sequence(), two.sequence()))
            .or_else(|| differ("mid", mid(one), mid(two)))
    }

    fn feature_difference(&self, replayed: &Self, names: &[String]) -> Option<Difference> {
        let (one, two) = (&self.frame, &replayed.frame);
        let counts = differ("feature_count", one.features().len(), two.features().len());
        if counts.is_some() {
            return counts;
        }
        let name = |index: usize| match names.get(index) {
            Some(name) => name.clone(),
            None => format!("feature {index}"),
        };
        let valid =
            |frame: &FeatureFrame, index: usize| frame.valid()[index / 64] >> (index % 64) & 1 == 1;
        let indices = 0..one.features().len();
        let validity = indices.clone().find_map(|index| {
            let what = || format!("valid({})", name(index));
            differ_in(what, valid(one, index), valid(two, index))
        });
        validity.or_else(|| {
            indices.clone().find_map(|index| {
                let value = |frame: &FeatureFrame| single(frame.features()[index]);
                differ_in(|| name(index), value(one), value(two))
            })
        })
    }

    fn conclusion_difference(&self, replayed: &Self) -> Option<Difference> {
        let (one, two) = (self.conclusion, replayed.conclusion);
        let tiers = differ("tiers_run", self.choice.ran, replayed.choice.ran);
        let (Some(one), Some(two)) = (one, two) else {
            return differ("signal", one.is_some(), two.is_some()).or(tiers);
        };
        let probabilities = |conclusion: &Conclusion| {
            conclusion.probabilities.map(|probabilities| probabilities.map(single))
        };
        differ("score", single(one.score), single(two.score))
            .or_else(|| differ("probabilities", probabilities(&one), probabilities(&two)))
            .or_else(|| differ("decision", one.decision, two.decision))
            .or_else(|| differ("restarted", one.restarted, two.restarted))
            .or_else(|| differ("repeated", one.repeated, two.repeated))
            .or_else(|| differ("tier", one.tier, two.tier))
            .or_else(|| differ("model", one.model.0, two.model.0))
            .or(tiers)
    }
}

/// A number that is compared by its bits and shown by its value.
#[derive(Clone, Copy)]
struct Bits<T>(u64, T);

impl<T> PartialEq for Bits<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Debug> Debug for Bits<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.1.fmt(f)
    }
}

fn single(value: f32) -> Bits<f32> {
    Bits(word(value), value)
}

fn word(value: f32) -> u64 {
    u64::from(value.to_bits())
}

fn differ<T: PartialEq + Debug>(what: &str, recorded: T, replayed: T) -> Option<Difference> {
    differ_in(|| what.to_owned(), recorded, replayed)
}

fn differ_in<T: PartialEq + Debug>(
    what: impl FnOnce() -> String,
    recorded: T,
    replayed: T,
) -> Option<Difference> {
    let text = |value: T| format!("{value:?}");
    (recorded != replayed).then(|| Difference {
        what: what(),
        recorded: text(recorded),
        replayed: text(replayed),
    })
}

/// What these words say; `None` if they are not what is written.
fn conclusion(tail: &[u64; TAIL_WORDS]) -> Option<(Choice, Option<Conclusion>)> {
    let [flags, score, probabilities @ ..] = *tail;
    let field = |shift: u32, bits: u32| flags >> shift & ((1 << bits) - 1);
    let model = |shift: u32| ModelId(field(shift, 16) as u16);
    let tier = |number: u64| Tier::ALL.get(number as usize).copied();
    let swapped = match field(SWAPPED_SHIFT, 8) {
        0 if field(SWAPPED_MODEL_SHIFT, 16) == 0 => None,
        0 => return None,
        number => Some((tier(number - 1)?, model(SWAPPED_MODEL_SHIFT))),
    };
    let ran = field(RAN_SHIFT, 4) as u8;
    let choice = Choice { ran, swapped };
    let is_signal = flags & SIGNAL != 0;
    let mut known = !0 << SWAPPED_SHIFT & !(0xffff << MODEL_SHIFT) | 0b111 << RAN_SHIFT;
    if !is_signal {
        let nothing = flags & !known == 0 && tail[1..] == [0; TAIL_WORDS - 1];
        return nothing.then_some((choice, None));
    }
    let has_probabilities = flags & PROBABILITIES != 0;
    known |= SIGNAL | PROBABILITIES | RESTARTED | REPEATED;
    known |= 0b11 << DECISION_SHIFT | 0b11 << ANSWERED_SHIFT | 0xffff << MODEL_SHIFT;
    if flags & !known != 0 || (!has_probabilities && probabilities != [0; 3]) {
        return None;
    }
    let decision = match field(DECISION_SHIFT, 2) {
        0 => Decision::Short,
        1 => Decision::Flat,
        2 => Decision::Long,
        _ => return None,
    };
    let [down, flat, up] = probabilities.map(finite);
    let probabilities = match has_probabilities {
        true => Some([down?, flat?, up?]),
        false => None,
    };
    let conclusion = Conclusion {
        score: finite(score)?,
        probabilities,
        decision,
        restarted: flags & RESTARTED != 0,
        tier: tier(field(ANSWERED_SHIFT, 2))?,
        model: model(MODEL_SHIFT),
        repeated: flags & REPEATED != 0,
    };
    Some((choice, Some(conclusion)))
}

fn finite(word: u64) -> Option<f32> {
    let value = f32::from_bits(u32::try_from(word).ok()?);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
