//! The ladder: who answers when the model is late, fails, or is put in another's place; and that a
//! replay of what was decided decides it again. All of it with rehearsals between frames.

use proptest::prelude::*;
use tickhawk_engine::{
    BreakerOptions, DecisionStage, Haste, Outcome, Popped, Scored, Scorer, Swap, SwapError,
    TierError, TierOptions,
};
use tickhawk_feature::{FeatureFrame, FrameSource};
use tickhawk_inference::{Model, ModelFile, RuntimeOptions, example};
use tickhawk_latency::Clock;
use tickhawk_market::{InstrumentId, MonoNanos, UnixNanos};
use tickhawk_signal::{ModelId, Policy, Tier};

/// The frames' features: the model's two, and the rule's.
const PLAN: [&str; 3] = ["obi_5", "spread_ticks", "queue_imbalance"];

fn plan() -> Vec<String> {
    PLAN.map(str::to_owned).to_vec()
}

fn model(features: &[&str], steps: usize, classes: bool) -> Model {
    let bytes = match classes {
        true => example::classifier(features, steps),
        false => example::regressor(features, steps),
    };
    let file = ModelFile::from_bytes("x.onnx", bytes).unwrap();
    Model::from_file(&file, &RuntimeOptions::default()).unwrap()
}

fn tier(scorer: Scorer) -> TierOptions {
    TierOptions::new(scorer, Policy::new(0.2, 0.05).unwrap())
}

/// Classes of the first two features, then the value of all three, then the third alone.
fn tiers() -> Vec<TierOptions> {
    vec![
        tier(Scorer::Model(Box::new(model(&PLAN[..2], 1, true)))),
        tier(Scorer::Model(Box::new(model(&PLAN, 1, false)))),
        tier(Scorer::Rule(PLAN[2].to_owned())),
    ]
}

fn stage(tiers: Vec<TierOptions>, haste: Haste) -> DecisionStage {
    let mut stage = DecisionStage::tiered(tiers, &plan(), haste, Clock::new()).unwrap();
    stage.learn_to_rehearse();
    stage
}

/// Frame `number` of an instrument, whose epochs last 1,000 frames.
fn frame(instrument: u32, number: u64, values: [f32; 3]) -> FeatureFrame {
    let source = FrameSource {
        instrument: InstrumentId(instrument),
        number,
        epoch: 1 + (number / 1_000) as u32,
        received_at: UnixNanos::new(1_000 + number),
        exchange_at: None,
        sequence: None,
        restarted: number.is_multiple_of(1_000),
        mid: 100.0,
        book_age_ns: number,
        received_mono: MonoNanos::new(0),
        decoded_mono: MonoNanos::new(0),
        framed_mono: MonoNanos::new(0),
    };
    let mut frame = FeatureFrame::new(&source, 3);
    let (features, valid) = frame.parts_mut();
    features.copy_from_slice(&values);
    *valid = [0b111, 0];
    frame
}

/// Takes the frame after rehearsals of one before, which count for nothing.
fn take(stage: &mut DecisionStage, frame: &FeatureFrame) -> Scored {
    (0..70).for_each(|_| stage.rehearse());
    stage.step(frame, stage.clock().now())
}

#[track_caller]
fn answered(scored: &Scored) -> (Tier, u8) {
    (scored.signal.expect("some tier answers").tier, scored.choice.ran)
}

#[test]
fn the_next_tier_answers_what_fails_and_its_features_are_its_own() {
    let mut stage = stage(tiers(), Haste::Patient);
    let scored = take(&mut stage, &frame(0, 0, [0.5, 0.5, -9.0]));
    assert_eq!(answered(&scored), (Tier::Primary, 0b001));
    let signal = scored.signal.unwrap();
    assert!(signal.probabilities.is_some() && signal.score > 0.0, "of the first two: {signal:?}");
    // What no frame holds: neither model can make a number of it.
    let scored = take(&mut stage, &frame(0, 1, [f32::NAN, 0.5, -0.75]));
    assert_eq!(answered(&scored), (Tier::Rule, 0b111));
    assert_eq!(scored.signal.unwrap().score, -0.75);
    let counts = stage.tiers().map(|(_, _, _, counts)| (counts.runs, counts.failed));
    assert_eq!(counts.collect::<Vec<_>>(), [(2, 1), (1, 1), (1, 0)]);
}

#[test]
fn a_late_answer_is_dropped_and_a_breaker_leaves_the_tier_alone() {
    let mut late = tiers();
    late[0].budget_ns = Some(0);
    late[0].breaker = BreakerOptions { late_max: 2, pause_ns: u64::MAX, ..Default::default() };
    let mut live = stage(late, Haste::Live);
    for number in 0..10 {
        let scored = take(&mut live, &frame(0, number, [0.3, 0.0, 0.0]));
        let ran = if number < 3 { 0b011 } else { 0b010 };
        assert_eq!(answered(&scored), (Tier::Fallback, ran), "frame {number}");
    }
    let (_, _, _, primary) = live.tiers().next().unwrap();
    assert_eq!((primary.runs, primary.late, primary.skipped, primary.opened), (3, 3, 7, 1));
    // A patient stage waits for it.
    let mut late = tiers();
    late[0].budget_ns = Some(0);
    let mut patient = stage(late, Haste::Patient);
    assert_eq!(answered(&take(&mut patient, &frame(0, 0, [0.3, 0.0, 0.0]))).0, Tier::Primary);
}

#[test]
fn where_nobody_answers_there_is_no_signal() {
    let mut tiers = tiers();
    tiers.truncate(1);
    let mut stage = stage(tiers, Haste::Live);
    for number in 0..5 {
        let scored = take(&mut stage, &frame(0, number, [f32::NAN, 0.5, 0.0]));
        assert_eq!(scored.signal, None);
        assert_eq!(scored.choice.ran, u8::from(number < 3), "three failures open the breaker");
    }
    assert_eq!(stage.counts().failed, 5);
}

#[test]
fn scores_are_repeated_while_nothing_moves() {
    let mut tiers = tiers();
    tiers[0].epsilon = Some(0.01);
    let mut stage = stage(tiers, Haste::Live);
    let mut number = 0;
    let mut next = |values| {
        number += 1;
        take(&mut stage, &frame(0, number - 1, values)).signal.unwrap()
    };
    let first = next([0.5, 0.25, 0.0]);
    // The third feature is not the model's.
    let second = next([0.505, 0.245, 7.0]);
    assert_eq!((first.repeated, second.repeated), (false, true));
    assert_eq!(second.score, first.score);
    // Held against what was scored, not against what was repeated: it cannot creep away.
    assert!(!next([0.52, 0.245, 0.0]).repeated);
    assert!(next([0.52, 0.245, 0.0]).repeated);
    let (_, _, _, primary) = stage.tiers().next().unwrap();
    assert_eq!((primary.runs, primary.repeated, primary.answered), (2, 2, 4));
    // A new epoch repeats nothing.
    assert!(!take(&mut stage, &frame(0, 1_000, [0.52, 0.245, 0.0])).signal.unwrap().repeated);
}

#[test]
fn a_model_is_put_in_place_between_two_frames_and_comes_back() {
    let mut stage = stage(tiers(), Haste::Live);
    let swaps = stage.swaps();
    take(&mut stage, &frame(0, 0, [0.5, 0.5, 0.0]));
    let swap = |id, model| {
        let scorer = Scorer::Model(Box::new(model));
        Swap { tier: Tier::Primary, id: ModelId(id), scorer }
    };
    let refused = [
        (model(&PLAN[..1], 1, true), "1 features, not 2"),
        (model(&["spread_ticks", "obi_5"], 1, true), "feature 0 is `spread_ticks`, not `obi_5`"),
        (model(&PLAN[..2], 5, true), "5 frames, not 1"),
        (model(&PLAN[..2], 1, false), "1 outputs, not 3"),
    ];
    for (other, difference) in refused {
        let error = swaps.offer(swap(3, other)).unwrap_err();
        assert_eq!(error, SwapError::Inputs { difference: difference.to_owned() });
    }
    swaps.offer(swap(3, model(&PLAN[..2], 1, true))).unwrap();
    let scored = take(&mut stage, &frame(0, 1, [0.5, 0.5, 0.0]));
    assert_eq!(scored.choice.swapped, Some((Tier::Primary, ModelId(3))));
    assert_eq!(scored.signal.unwrap().model, ModelId(3));
    let retired = swaps.retired().unwrap();
    assert_eq!(retired.id, ModelId(0));
    swaps.offer(retired).unwrap();
    let scored = take(&mut stage, &frame(0, 2, [0.5, 0.5, 0.0]));
    assert_eq!(scored.signal.unwrap().model, ModelId(0));
    assert_eq!((stage.counts().swaps, stage.counts().signals), (2, 3));
}

#[test]
fn a_ladder_that_cannot_be_stood_on_is_refused() {
    let refused = |tiers: Vec<TierOptions>| {
        DecisionStage::tiered(tiers, &plan()[..2], Haste::Live, Clock::new()).unwrap_err()
    };
    let feature = PLAN[2].to_owned();
    assert_eq!(refused(tiers()), TierError::Feature { tier: "fallback", feature });
    let mut windowed = vec![tier(Scorer::Model(Box::new(model(&PLAN[..2], 4, true))))];
    windowed[0].epsilon = Some(0.0);
    assert_eq!(refused(windowed), TierError::Epsilon { tier: "primary" });
}

/// What may happen to a frame: values, an instrument, and whether it waits for the next one.
fn events() -> impl Strategy<Value = Vec<(u32, [f32; 3], bool)>> {
    let value = prop_oneof![4 => -1f32..1.0, 1 => Just(f32::NAN), 2 => Just(0.5f32)];
    let event = (0u32..3, [value.clone(), value.clone(), value], prop::bool::weighted(0.2));
    prop::collection::vec(event, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    /// Whatever a hasty stage decided by its clock, a patient one repeats it from what was written,
    /// to the last bit of every signal.
    #[test]
    fn what_was_decided_is_repeated(events in events(), budget_ns in 0u64..4_000, windowed: bool) {
        let build = |haste| {
            let mut tiers = tiers();
            let steps = if windowed { 4 } else { 1 };
            tiers[0] = tier(Scorer::Model(Box::new(model(&PLAN[..2], steps, true))));
            tiers[0].budget_ns = Some(budget_ns);
            tiers[0].breaker = BreakerOptions { late_max: 8, pause_ns: 5_000, ..Default::default() };
            tiers[0].epsilon = (!windowed).then_some(0.05);
            stage(tiers, haste)
        };
        let (mut live, mut replay) = (build(Haste::Live), build(Haste::Patient));
        let (mut numbers, mut superseded) = ([0u64; 3], 0);
        let (mut batch, mut words) = (Vec::new(), Vec::new());
        for (instrument, values, waits) in events {
            let number = &mut numbers[instrument as usize];
            let frame = frame(instrument, *number, values);
            *number += 1;
            batch.push(Popped { frame, popped_mono: live.clock().now() });
            if waits {
                continue;
            }
            let mut scored_all = Vec::new();
            live.step_batch(&batch, |frame, scored| scored_all.push((*frame, scored)));
            prop_assert_eq!(scored_all.len(), batch.len());
            for (frame, scored) in scored_all {
                let read = Outcome::new(&frame, &scored);
                if frame.features().iter().all(|value| value.is_finite()) {
                    Outcome::write(&frame, &scored, &mut words);
                    prop_assert_eq!(Outcome::read(&words), Ok(read));
                }
                let answered = read.conclusion.map(|conclusion| conclusion.tier);
                let now = replay.clock().now();
                let again = replay.repeat(&frame, now, read.choice, answered);
                prop_assert_eq!(read.difference(&Outcome::new(&frame, &again), &plan()), None);
            }
            let newest = |at: &usize| {
                let instrument = batch[*at].frame.instrument();
                batch[at + 1..].iter().all(|newer| newer.frame.instrument() != instrument)
            };
            let passed = batch.len() - (0..batch.len()).filter(newest).count();
            superseded += passed as u64;
            batch.clear();
        }
        prop_assert_eq!(live.counts().superseded, superseded);
    }
}
