//! Words and back, damaged words, and differences.

use super::*;
use proptest::prelude::*;
use tickhawk_feature::FrameSource;
use tickhawk_latency::Stamps;
use tickhawk_market::{InstrumentId, MonoNanos};
use tickhawk_signal::Signal;

const NAMES: [&str; 3] = ["obi_5", "queue_imbalance", "vpin"];

fn source() -> FrameSource {
    FrameSource {
        instrument: InstrumentId(3),
        number: 77,
        epoch: 5,
        received_at: UnixNanos::new(1_700_000_000_000_000_001),
        exchange_at: Some(UnixNanos::new(9)),
        sequence: Some(8),
        restarted: false,
        mid: 63_943.95,
        book_age_ns: 12,
        received_mono: MonoNanos::new(100),
        decoded_mono: MonoNanos::new(200),
        framed_mono: MonoNanos::new(300),
    }
}

fn frame(source: &FrameSource, values: [f32; 3]) -> FeatureFrame {
    let mut frame = FeatureFrame::new(source, 3);
    let (features, valid) = frame.parts_mut();
    features.copy_from_slice(&values);
    *valid = [0b101, 0];
    frame
}

fn signal() -> Signal {
    Signal {
        instrument: InstrumentId(3),
        epoch: 5,
        number: 77,
        received_at: UnixNanos::new(1),
        exchange_at: None,
        sequence: None,
        book_age_ns: 12,
        mid: 1.0,
        score: -0.25,
        probabilities: Some([0.5, 0.25, 0.25]),
        decision: Decision::Short,
        restarted: true,
        tier: Tier::Fallback,
        model: ModelId(9),
        repeated: false,
        stamps: Stamps::default(),
    }
}

/// With a choice of its own.
fn scored(signal: Option<&Signal>) -> Scored {
    let choice = Choice { ran: 0b11, swapped: Some((Tier::Primary, ModelId(7))) };
    Scored { signal: signal.copied(), choice }
}

fn words(frame: &FeatureFrame, signal: Option<&Signal>) -> Vec<u64> {
    let mut words = vec![1, 2, 3];
    Outcome::write(frame, &scored(signal), &mut words);
    words
}

#[test]
fn words_and_back() {
    let frame = frame(&source(), [0.5, 0.0, -0.0]);
    let value = Signal { probabilities: None, decision: Decision::Long, ..signal() };
    let flat = Signal { restarted: false, decision: Decision::Flat, ..signal() };
    let rule = Signal { repeated: true, tier: Tier::Rule, model: ModelId(u16::MAX), ..signal() };
    for signal in [None, Some(signal()), Some(value), Some(flat), Some(rule)] {
        let words = words(&frame, signal.as_ref());
        assert_eq!(words.len(), 13 + 2 + 5);
        assert_eq!(&words[..15], frame.as_words());
        assert_eq!(Outcome::read(&words), Ok(Outcome::new(&frame, &scored(signal.as_ref()))));
    }
    // The layout is what logs of earlier versions hold.
    let tail = words(&frame, Some(&signal()))[15..].to_vec();
    let float = |value: f32| u64::from(value.to_bits());
    assert_eq!(tail, [0x0009_0007_0113_0007, float(-0.25), float(0.5), float(0.25), float(0.25)]);
}

#[test]
fn damaged_words_are_no_outcome() {
    let frame = frame(&source(), [0.5, 0.0, 1.0]);
    let (with, without) = (words(&frame, Some(&signal())), words(&frame, None));
    let check = |words: &[u64], place: usize, word: u64, expected: OutcomeError| {
        let mut words = words.to_vec();
        words[place] = word;
        assert_eq!(Outcome::read(&words), Err(expected), "{place} {word:#x}");
    };
    assert_eq!(Outcome::read(&[0; 4]), Err(OutcomeError::TooShort { words: 4 }));
    check(&with, 0, 9 << 32, OutcomeError::NotAFrame { words: 15 });
    for flags in [0b1_0001, 3 << 8 | 1, 3 << 20 | 1, 4 << 24 | 1, 1 << 32 | 1, 8 << 16 | 1, 0, 1] {
        check(&with, 15, flags, OutcomeError::NotAConclusion { flags });
    }
    for place in 16..20 {
        let nan = u64::from(f32::NAN.to_bits());
        let refused = |words: &[u64]| OutcomeError::NotAConclusion { flags: words[15] };
        check(&with, place, nan, refused(&with));
        check(&with, place, 1 << 32, refused(&with));
        check(&without, place, 1, refused(&without));
    }
}

proptest! {
    #[test]
    fn no_words_panic(words in prop::collection::vec(any::<u64>(), 0..100)) {
        prop_assert!(Outcome::read(&words).is_err());
    }

    #[test]
    fn one_changed_word_is_refused_or_reads_back_as_it_is(place in 0..20usize, word: u64) {
        let mut changed = words(&frame(&source(), [0.5, 0.0, 1.0]), Some(&signal()));
        changed[place] = word;
        if let Ok(read) = Outcome::read(&changed) {
            prop_assert_eq!(read.frame.as_words(), &changed[..15]);
        }
    }
}

/// What the first difference is called, and its two values.
fn difference(one: (&FeatureFrame, &Signal), two: (&FeatureFrame, &Signal)) -> Option<[String; 3]> {
    let names = NAMES.map(str::to_owned);
    let outcome = |(frame, signal)| Outcome::new(frame, &scored(Some(signal)));
    let Difference { what, recorded, replayed } = outcome(one).difference(&outcome(two), &names)?;
    Some([what, recorded, replayed])
}

#[track_caller]
fn check_frame(expected: [&str; 3], change: impl Fn(&mut FrameSource)) {
    let mut other = source();
    change(&mut other);
    let (one, two) = (frame(&source(), [1.0; 3]), frame(&other, [2.0; 3]));
    let found = difference((&one, &signal()), (&two, &signal()));
    assert_eq!(found, Some(expected.map(str::to_owned)), "before any feature's");
}

#[track_caller]
fn check_signal(expected: [&str; 3], change: impl Fn(&mut Signal)) {
    let mut other = signal();
    change(&mut other);
    let frame = frame(&source(), [1.0; 3]);
    let found = difference((&frame, &signal()), (&frame, &other));
    assert_eq!(found, Some(expected.map(str::to_owned)));
}

#[test]
fn the_first_difference_is_named() {
    check_frame(["instrument", "3", "4"], |source| source.instrument = InstrumentId(4));
    check_frame(["number", "77", "78"], |source| (source.number, source.epoch) = (78, 6));
    check_frame(["epoch", "5", "6"], |source| source.epoch = 6);
    check_frame(["frame_restarted", "false", "true"], |source| source.restarted = true);
    check_frame(["received_at", "1700000000000000001", "7"], |source| {
        source.received_at = UnixNanos::new(7);
    });
    check_frame(["exchange_at", "Some(9)", "None"], |source| source.exchange_at = None);
    check_frame(["book_age_ns", "12", "13"], |source| source.book_age_ns = 13);
    check_frame(["sequence", "Some(8)", "Some(9)"], |source| source.sequence = Some(9));
    check_frame(["mid", "63943.95", "63943.96"], |source| source.mid = 63_943.96);
    check_signal(["score", "-0.25", "0.5"], |signal| signal.score = 0.5);
    check_signal(
        ["probabilities", "Some([0.5, 0.25, 0.25])", "Some([0.5, 0.25, 0.5])"],
        |signal| signal.probabilities = Some([0.5, 0.25, 0.5]),
    );
    check_signal(["decision", "Short", "Flat"], |signal| signal.decision = Decision::Flat);
    check_signal(["restarted", "true", "false"], |signal| signal.restarted = false);
    check_signal(["repeated", "false", "true"], |signal| signal.repeated = true);
    check_signal(["tier", "Fallback", "Rule"], |signal| signal.tier = Tier::Rule);
    check_signal(["model", "9", "2"], |signal| signal.model = ModelId(2));
    let frame = frame(&source(), [1.0; 3]);
    let (one, mut two) = (scored(Some(&signal())), scored(Some(&signal())));
    two.choice.ran = 0b10;
    let found = Outcome::new(&frame, &one).difference(&Outcome::new(&frame, &two), &[]).unwrap();
    assert_eq!((&*found.what, &*found.recorded, &*found.replayed), ("tiers_run", "3", "2"));
}

#[test]
fn features_differ_by_their_bits_and_stamps_never() {
    let one = frame(&source(), [1.0, 0.0, 2.0]);
    let two = frame(&source(), [1.0, -0.0, 3.0]);
    let found = difference((&one, &signal()), (&two, &signal()));
    assert_eq!(found, Some(["queue_imbalance", "0.0", "-0.0"].map(str::to_owned)));
    let mut two = one;
    *two.parts_mut().1 = [0b111, 0];
    let found = difference((&one, &signal()), (&two, &signal()));
    assert_eq!(found, Some(["valid(queue_imbalance)", "false", "true"].map(str::to_owned)));
    let mut two = one;
    two.set_framed_mono(MonoNanos::new(301));
    let late = Signal {
        stamps: Stamps { popped_mono: MonoNanos::new(9), ..Stamps::default() },
        ..signal()
    };
    assert_eq!(difference((&one, &signal()), (&two, &late)), None);
    let unsigned = Outcome::new(&one, &scored(None));
    let found = unsigned.difference(&Outcome::new(&one, &scored(Some(&signal()))), &[]).unwrap();
    assert_eq!((&*found.what, &*found.recorded, &*found.replayed), ("signal", "false", "true"));
}
