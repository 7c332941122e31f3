//! Both runners: who is asked for what is wanted, who sees what was scored, and what stands in the
//! log of it.

mod support;

use std::{collections::VecDeque, convert::Infallible};
use support::{MS, Truth};
use tickhawk_engine::{
    Agreement, Challenger, Cores, DecisionStage, Inline, Input, Listener, MarketOptions,
    MarketStage, Notice, Observer, Outcome, Record, Scored, Source, ThreadedOptions, Want,
    WantKind, run_threaded,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_inference::{Model, ModelFile, RuntimeOptions, example};
use tickhawk_latency::Clock;
use tickhawk_market::{ConnectionId, UnixNanos};
use tickhawk_signal::{Policy, Signal};
use tickhawk_venue::Venue;

const FEATURES: [&str; 2] = ["queue_imbalance", "obi_3"];
const URL: &str = "https://host/fapi/v1/depth?symbol=ABC&limit=1000";

/// A core that no host has.
const ABSENT: usize = 999_999;

/// A venue that answers what it is asked for, and only that.
struct Exchange {
    texts: VecDeque<(Option<&'static str>, String)>,
    text: String,
    now_ns: u64,
    wanted: Vec<Want>,
    truth: Truth,
}

impl Exchange {
    fn new() -> Self {
        let changes: Vec<_> = (0..500).map(|index| (index * 7, index)).collect();
        let truth = Truth::new(&changes);
        let texts = (1..500).map(|id| (None, truth.binance_diff(id, id))).collect();
        Self { texts, text: String::new(), now_ns: 1_000_000 * MS, wanted: vec![], truth }
    }
}

impl Source for Exchange {
    type Error = Infallible;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, Infallible> {
        let Some((url, text)) = self.texts.pop_front() else { return Ok(None) };
        self.now_ns += MS;
        self.text = text;
        let bytes = self.text.as_bytes();
        let input = match url {
            None => Input::Frame(bytes),
            url => Input::RestReply { url, status: Some(200), body: bytes },
        };
        let received_at = UnixNanos::new(self.now_ns);
        Ok(Some(Record { connection: ConnectionId(0), received_at, input }))
    }

    fn stepped(&mut self, market: &MarketStage, wants: &mut Vec<Want>) {
        assert_eq!(market.instruments().len(), 1);
        if let Some(Want { kind: WantKind::Snapshot { symbol }, .. }) = wants.first() {
            assert_eq!(symbol, "ABC");
            self.texts.push_front((Some(URL), self.truth.binance_snapshot(1)));
        }
        self.wanted.append(wants);
    }
}

fn stages() -> (MarketStage, DecisionStage) {
    let file = ModelFile::from_bytes("x.onnx", example::classifier(&FEATURES, 1)).unwrap();
    let model = Model::from_file(&file, &RuntimeOptions::default()).unwrap();
    let plan = FeaturePlan::compile(&FEATURES, PlanOptions::default()).unwrap();
    let clock = Clock::new();
    let market = MarketStage::new(MarketOptions::new(Venue::BinanceFutures), plan, clock.clone());
    (market, DecisionStage::new(model, Policy::new(0.2, 0.05).unwrap(), clock))
}

/// Counts signals; notices are not asked for.
#[derive(Default)]
struct Signals(u64);

impl Listener for Signals {
    fn signal(&mut self, _signal: &Signal) {
        self.0 += 1;
    }

    fn notice(&mut self, _notice: Notice) {}
}

/// The log of a run.
#[derive(Default)]
struct Log {
    words: Vec<u64>,
    outcomes: Vec<Outcome>,
}

impl Observer for Log {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        Outcome::write(frame, scored, &mut self.words);
        let read = Outcome::read(&self.words).unwrap();
        assert_eq!(read, Outcome::new(frame, scored));
        self.outcomes.push(read);
    }
}

#[test]
fn both_runners_hand_on_wants_and_show_every_frame() {
    let (market, decision) = stages();
    let mut inline = Inline::new(market, decision);
    let (mut exchange, mut signals, mut log) =
        (Exchange::new(), Signals::default(), Log::default());
    while inline.step_source(&mut exchange, &mut signals, &mut log).unwrap() {}
    let (wanted, signal_count) = (exchange.wanted, signals.0);
    assert_eq!(wanted.len(), 1, "the first diff asks for a snapshot: {wanted:?}");
    assert_eq!(inline.market.counts().frames, log.outcomes.len() as u64);
    let concluded = log.outcomes.iter().filter(|outcome| outcome.conclusion.is_some()).count();
    assert!(signal_count > 400, "{signal_count} signals");
    assert_eq!(concluded as u64, signal_count);

    let (market, decision) = stages();
    let (mut exchange, mut signals, mut threaded) =
        (Exchange::new(), Signals::default(), Log::default());
    let options = ThreadedOptions::default();
    let observer = &mut threaded;
    let outcome =
        run_threaded(&mut exchange, market, decision, options, &mut signals, observer, &mut ());
    assert!(outcome.started);
    assert_eq!((exchange.wanted, signals.0), (wanted, signal_count));
    assert_eq!(threaded.outcomes.len(), log.outcomes.len());
    let names = FEATURES.map(str::to_owned);
    for (one, two) in log.outcomes.iter().zip(&threaded.outcomes) {
        assert_eq!(one.difference(two, &names), None);
    }
}

#[test]
fn nothing_is_read_unless_both_threads_are_where_they_must_be() {
    for (market_core, inference_core) in [(ABSENT, 0), (0, ABSENT), (ABSENT, ABSENT)] {
        let (market, decision) = stages();
        let (mut exchange, mut signals) = (Exchange::new(), Signals::default());
        let before = exchange.texts.len();
        let cores = Some(Cores { market: market_core, inference: inference_core });
        let options = ThreadedOptions { cores, must_pin: true, ..Default::default() };
        let outcome =
            run_threaded(&mut exchange, market, decision, options, &mut signals, (), &mut ());
        assert!(!outcome.started);
        assert!(!outcome.pin_failures.is_empty());
        assert_eq!((exchange.texts.len(), signals.0), (before, 0));
    }
}

#[test]
fn a_failed_pin_is_told_where_it_need_not_hold() {
    let (market, decision) = stages();
    let (mut exchange, mut signals) = (Exchange::new(), Signals::default());
    let cores = Some(Cores { market: ABSENT, inference: ABSENT });
    let options = ThreadedOptions { cores, ..Default::default() };
    let outcome = run_threaded(&mut exchange, market, decision, options, &mut signals, (), &mut ());
    assert!(outcome.started);
    assert_eq!(outcome.pin_failures.len(), 2);
    assert!(signals.0 > 400);
}

/// A lossy run of the exchange with this model beside the one in use; its signals, and what came of
/// the challenge. The exchange has fewer frames than the ring has slots: none can be missed.
fn challenged(bytes: Vec<u8>) -> (u64, Agreement) {
    let (market, decision) = stages();
    let file = ModelFile::from_bytes("y.onnx", bytes).unwrap();
    let model = Model::from_file(&file, &RuntimeOptions::default()).unwrap();
    let beside = DecisionStage::new(model, Policy::new(0.2, 0.05).unwrap(), Clock::new());
    let mut challenger = Challenger::new(beside, None, None);
    let (mut exchange, mut signals) = (Exchange::new(), Signals::default());
    let options = ThreadedOptions { lossy: true, ..Default::default() };
    let observer = ((), &mut challenger);
    run_threaded(&mut exchange, market, decision, options, &mut signals, observer, &mut ());
    let challenged = challenger.finish();
    assert_eq!((challenged.missed_frames, challenged.dropped_answers), (0, 0));
    assert_eq!((challenged.agreement.champion_alone, challenged.late), (0, 0));
    assert_eq!(challenged.stage.counts().signals, challenged.agreement.compared);
    (signals.0, challenged.agreement)
}

#[test]
fn a_challenger_scores_the_same_frames_and_answers_nobody() {
    let (signals, same) = challenged(example::classifier(&FEATURES, 1));
    assert!(signals > 400, "{signals} signals");
    assert_eq!((same.compared, same.same_decisions), (signals, signals));
    assert_eq!((same.difference_sum, same.difference_max), (0.0, 0.0));

    let (signals, other) = challenged(example::regressor(&FEATURES, 1));
    assert_eq!(other.compared, signals);
    assert!(other.difference_max > 0.0);
}
