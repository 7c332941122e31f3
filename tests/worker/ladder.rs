//! Chaos below a ladder of tiers: recorded frames through both stages on their threads, the primary
//! in a process of its own that is slow, fails, says nothing finite, hangs, ends, is stopped and
//! killed. Somebody answers every frame, and nobody with another frame's answer.

use super::chaos::{Chance, rounds};
use super::entries::led_astray;
use super::harness::{
    ANSWER_WITHIN, Deadline, descriptors, impatient, model, nothing_left, one_at_a_time, patient,
    pid, wait_until,
};
use rustix::process::{Signal as Kill, kill_process};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{
    BreakerOptions, DecisionStage, Haste, Input, Isolated, Listener, MarketOptions, MarketSink,
    MarketStage, Notice, Observer, Popped, Record, Scored, Scorer, Source, ThreadedOptions,
    TierOptions, run_threaded,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_inference::{Model, WorkerOptions, example};
use tickhawk_latency::{Clock, LatencyHistogram};
use tickhawk_market::{ConnectionId, InstrumentId, UnixNanos};
use tickhawk_signal::{Policy, Signal, Tier};
use tickhawk_venue::Venue;

/// Features that have a value from the first frame on.
const FEATURES: [&str; 3] = ["obi_3", "obi_5", "queue_imbalance"];

/// What each model may take: long beside what a busy machine takes away, short beside `SLOW`.
const BUDGET_NS: u64 = 20_000_000;

/// Between two messages: a stall of a second fits the ring.
const PACE: Duration = Duration::from_millis(1);

/// What is done to the worker; those that are no words of its own are signals.
const DISTURBANCES: [&str; 8] = ["kill", "stop", "hang", "abort", "exit", "slow", "nan", "fail"];

/// A recording's messages, over and over, until it is told to end.
struct Again<'a> {
    messages: Vec<(u64, Vec<u8>)>,
    /// From the beginning of one pass to that of the next.
    span_ns: u64,
    given: usize,
    pace: Duration,
    began: Instant,
    end: &'a AtomicBool,
}

impl<'a> Again<'a> {
    fn new(pace: Duration, end: &'a AtomicBool) -> Self {
        let mut session = Session::open(&["replay-data/okx.jsonl.zst"]).unwrap();
        let mut messages = Vec::new();
        while let Some(record) = session.next_record().unwrap() {
            if let RecordKind::Frame(bytes) = record.kind {
                messages.push((record.received_at.nanos(), bytes.to_vec()));
            }
        }
        let span_ns = messages[messages.len() - 1].0 - messages[0].0 + 1_000_000_000;
        Self { messages, span_ns, given: 0, pace, began: Instant::now(), end }
    }
}

impl Source for Again<'_> {
    type Error = std::convert::Infallible;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, Self::Error> {
        if self.end.load(Relaxed) {
            return Ok(None);
        }
        let due = self.began + self.pace * u32::try_from(self.given).unwrap();
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Each pass begins with the end of the connection before.
        let (pass, at) =
            (self.given / (self.messages.len() + 1), self.given % (self.messages.len() + 1));
        self.given += 1;
        let (received_ns, input) = match at.checked_sub(1).map(|at| &self.messages[at]) {
            None => (self.messages[0].0, Input::Closed),
            Some((received_ns, bytes)) => (*received_ns, Input::Frame(bytes)),
        };
        let received_at = UnixNanos::new(received_ns + pass as u64 * self.span_ns);
        Ok(Some(Record { connection: ConnectionId(0), received_at, input }))
    }
}

fn market(clock: &Clock) -> MarketStage {
    let plan = FeaturePlan::compile(&FEATURES, PlanOptions::default()).unwrap();
    MarketStage::new(MarketOptions::new(Venue::Okx), plan, clock.clone())
}

/// Looks at every frame that was scored, on the inference thread.
struct Judge<'a> {
    /// The primary's model.
    own: Model,
    by_primary: &'a AtomicU64,
    by_others: &'a AtomicU64,
    /// How long frames took that the primary did not answer.
    others_took: LatencyHistogram,
}

impl Observer for Judge<'_> {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        let signal = scored.signal.expect("somebody answers every frame");
        let took = signal.stamps.scored_mono - signal.stamps.popped_mono;
        if signal.tier == Tier::Primary {
            let fresh = self.own.run(frame.features()).unwrap().score();
            assert_eq!(signal.score.to_bits(), fresh.to_bits(), "another frame's answer");
            assert!(took.nanos() <= BUDGET_NS as i64, "a late answer: {took:?}");
            self.by_primary.fetch_add(1, Relaxed);
        } else {
            assert!(signal.score.is_finite());
            self.others_took.record(took);
            self.by_others.fetch_add(1, Relaxed);
        }
    }
}

#[derive(Default)]
struct Heard(u64);

impl Listener for Heard {
    fn signal(&mut self, _: &Signal) {
        self.0 += 1;
    }

    fn notice(&mut self, _: Notice) {}
}

/// Waits until one more is counted.
#[track_caller]
fn one_more(count: &AtomicU64) {
    let before = count.load(Relaxed);
    let deadline = Deadline::after(ANSWER_WITHIN);
    while count.load(Relaxed) == before {
        deadline.check();
        thread::sleep(PACE);
    }
}

fn signal_worker(folder: &Path, signal: Kill) {
    let process = fs::read_to_string(folder.join("process")).unwrap();
    // It may have ended by itself a moment ago.
    let _ = kill_process(pid(process.parse().unwrap()), signal);
}

/// Disturbs the worker again and again: each time another tier answers, and then the primary again.
fn disturb(folder: &Path, by_primary: &AtomicU64, by_others: &AtomicU64) {
    let mut chance = Chance(20_261_122);
    let say = |mischief: &str| fs::write(folder.join("mischief"), mischief).unwrap();
    for _ in 0..rounds(200) {
        one_more(by_primary);
        thread::sleep(Duration::from_millis(chance.below(20)));
        match DISTURBANCES[chance.below(DISTURBANCES.len() as u64) as usize] {
            "kill" => signal_worker(folder, Kill::KILL),
            "stop" => signal_worker(folder, Kill::STOP),
            word => say(word),
        }
        one_more(by_others);
        say("");
    }
    one_more(by_primary);
}

#[test]
fn the_next_tier_answers_whatever_becomes_of_the_worker() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, example::classifier(&FEATURES, 1)).unwrap();
    fs::write(folder.path().join("mischief"), "").unwrap();
    let fallback = folder.path().join("fallback.onnx");
    fs::write(&fallback, example::regressor(&FEATURES, 1)).unwrap();
    let (_, own) = model(&path);
    let open = descriptors();

    // A restart takes longer than a frame does to come: another tier must answer.
    let options = WorkerOptions { restart_pause_min: PACE * 20, ..impatient() };
    let primary = Isolated::start(model(&path).1, 1, &led_astray(folder.path()), &options).unwrap();
    let scorers = [
        Scorer::Isolated(Box::new(primary)),
        Scorer::Model(Box::new(model(&fallback).1)),
        Scorer::Rule(FEATURES[1].to_owned()),
    ];
    let breaker = BreakerOptions { pause_ns: BUDGET_NS, late_max: 2, ..Default::default() };
    let tiers = scorers.map(|scorer| TierOptions {
        budget_ns: Some(BUDGET_NS),
        breaker,
        ..TierOptions::new(scorer, Policy::new(0.2, 0.05).unwrap())
    });
    let clock = Clock::new();
    let plan = FEATURES.map(str::to_owned);
    let stage = DecisionStage::tiered(tiers.into(), &plan, Haste::Live, clock.clone()).unwrap();

    let end = AtomicBool::new(false);
    let (by_primary, by_others) = (&AtomicU64::new(0), &AtomicU64::new(0));
    let mut source = Again::new(PACE, &end);
    let mut judge = Judge { own, by_primary, by_others, others_took: LatencyHistogram::new() };
    let mut heard = Heard::default();
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let _end = EndAtLast(&end);
            disturb(folder.path(), by_primary, by_others);
        });
        let options = ThreadedOptions { lossy: true, ..ThreadedOptions::default() };
        let market = market(&clock);
        run_threaded(&mut source, market, stage, options, &mut heard, &mut judge, &mut ())
    });

    // Without any worker the market stage makes the same frames; all were scored, and each heard.
    let mut undisturbed = market(&clock);
    let given = source.given;
    let never = AtomicBool::new(false);
    let mut again = Again::new(Duration::ZERO, &never);
    for _ in 0..given {
        let Record { connection, received_at, input } = again.next_record().unwrap().unwrap();
        undisturbed.step(connection, received_at, clock.now(), input, &mut ());
    }
    let frames = undisturbed.counts().frames;
    assert_eq!(outcome.market.counts().frames, frames);
    assert_eq!((outcome.missed_frames, outcome.dropped_signals), (0, 0));
    assert_eq!((outcome.decision.counts().signals, heard.0), (frames, frames));
    for (tier, _, scorer, counts) in outcome.decision.tiers() {
        println!("{tier:?} {counts:?}");
        if let Scorer::Isolated(isolated) = scorer {
            println!("{:?}", isolated.counts().collect::<Vec<_>>());
        }
    }
    println!("answers of others: {:?}", judge.others_took.percentiles());
    drop(outcome);
    wait_until(|| descriptors() == open);
    nothing_left();
    let mappings = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!mappings.contains("/dev/shm/tickhawk-"), "{mappings}");
}

#[test]
fn processes_work_side_by_side_on_frames_that_waited_together() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, example::classifier(&FEATURES, 1)).unwrap();
    // Neither answers before both were asked.
    fs::write(folder.path().join("mischief"), "meet").unwrap();
    let isolated = Isolated::start(model(&path).1, 2, &led_astray(folder.path()), &patient());
    let tier = TierOptions {
        budget_ns: Some(ANSWER_WITHIN.as_nanos() as u64),
        ..TierOptions::new(
            Scorer::Isolated(Box::new(isolated.unwrap())),
            Policy::new(0.2, 0.05).unwrap(),
        )
    };
    let (clock, plan) = (Clock::new(), FEATURES.map(str::to_owned));
    let mut stage = DecisionStage::tiered(vec![tier], &plan, Haste::Live, clock.clone()).unwrap();
    // The newest frames of a recording of two instruments.
    let never = AtomicBool::new(false);
    let (mut source, mut market) = (Again::new(Duration::ZERO, &never), market(&clock));
    let mut frames = Newest::default();
    while frames.0.len() < 2 {
        let Record { connection, received_at, input } = source.next_record().unwrap().unwrap();
        market.step(connection, received_at, clock.now(), input, &mut frames);
    }
    let batch: Vec<_> =
        frames.0.values().map(|frame| Popped { frame: *frame, popped_mono: clock.now() }).collect();
    let mut own = model(&path).1;
    let mut answered = 0;
    stage.step_batch(&batch, |frame, scored| {
        let signal = scored.signal.expect("its process answers");
        assert_eq!(signal.score, own.run(frame.features()).unwrap().score());
        answered += 1;
    });
    assert_eq!(answered, 2);
}

/// The newest frame of each instrument.
#[derive(Default)]
struct Newest(BTreeMap<InstrumentId, FeatureFrame>);

impl MarketSink for Newest {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.0.insert(frame.instrument(), *frame);
    }
}

/// Ends the source, however the thread that has it ends.
struct EndAtLast<'a>(&'a AtomicBool);

impl Drop for EndAtLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
