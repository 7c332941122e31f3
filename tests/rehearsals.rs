//! What a thread rehearses while it waits changes nothing: two engines take the same recording, one of
//! them rehearsing all the time, and conclude the same, frame by frame, word by word.

mod support;

use std::path::{Path, PathBuf};
use support::captures;
use tickhawk_book::Book;
use tickhawk_engine::{
    DecisionStage, Follower, Inline, Listener, MarketOptions, MarketSink, Notice, Observer,
    Outcome, Scored, Want,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions, default_features};
use tickhawk_harness::Recorded;
use tickhawk_inference::{
    Contract, Golden, Model, ModelFile, NativeModel, Output, RuntimeOptions, State, example, stamp,
};
use tickhawk_latency::Clock;
use tickhawk_market::{BookUpdate, InstrumentId, StaleCause, UnixNanos};
use tickhawk_signal::{Policy, Signal};
use tickhawk_venue::Venue;

/// The words of every frame and of what became of it, stamps aside.
#[derive(Default)]
struct Log {
    outcomes: Vec<Outcome>,
    signals: u64,
}

impl Observer for Log {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        self.outcomes.push(Outcome::new(frame, scored));
        self.signals += u64::from(scored.signal.is_some());
    }
}

/// Who follows a rehearsal hears nothing.
struct Unmoved;

impl MarketSink for Unmoved {
    fn frame(&mut self, frame: &FeatureFrame) {
        panic!("a frame: {frame:?}");
    }

    fn epoch(&mut self, _at: UnixNanos, id: InstrumentId) {
        panic!("an epoch of {id:?}");
    }

    fn book_applied(&mut self, _at: UnixNanos, update: &BookUpdate, _book: &Book) {
        panic!("a book message: {update:?}");
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        panic!("{id:?} stale: {cause:?}");
    }

    fn checked(&mut self, id: InstrumentId, _matches: bool) {
        panic!("a checksum of {id:?}");
    }

    fn want(&mut self, want: Want) {
        panic!("{want:?}");
    }
}

impl Follower for Unmoved {
    fn scored(&mut self, _frame: &FeatureFrame, scored: &Scored) {
        panic!("{scored:?}");
    }
}

struct Unheard;

impl Listener for Unheard {
    fn signal(&mut self, _signal: &Signal) {}
    fn notice(&mut self, _notice: Notice) {}
}

fn engine(recorded: &Recorded, model: &ModelFile, links: u16) -> Inline {
    let (model, clock) =
        (Model::from_file(model, &RuntimeOptions::default()).unwrap(), Clock::new());
    let plan = FeaturePlan::compile(model.contract().features(), PlanOptions::default()).unwrap();
    let options = MarketOptions {
        contract_tick_size: model.contract().tick_size(),
        links,
        shares_ids: recorded.venue.terms().shares_ids,
        ..MarketOptions::new(recorded.venue)
    };
    let market = recorded.market(&plan, &options, &clock);
    Inline::new(market, DecisionStage::new(model, Policy::new(0.2, 0.05).unwrap(), clock))
}

/// Takes the recording over one link or two; `rehearses` times between two records.
fn run(recorded: &Recorded, model: &ModelFile, links: u16, rehearses: usize) -> (Inline, Log) {
    let (mut engine, mut log) = (engine(recorded, model, links), Log::default());
    engine.keep_warm();
    for index in 0..recorded.len() {
        engine.step(&recorded.record(index, 0), &mut Unheard, &mut log);
        for _ in 0..rehearses {
            engine.rehearse(&mut Unmoved);
        }
    }
    (engine, log)
}

fn agree(files: &[PathBuf], venue: Option<Venue>, model: &ModelFile, rehearses: usize) -> u64 {
    let recorded = Recorded::read(files, venue).unwrap();
    // As `live` has it, too: two links, one of which is silent.
    let [one, two] = [1, 2].map(|links| compare(&recorded, model, links, rehearses));
    assert_eq!(one, two, "{files:?}");
    one
}

/// The signals of both.
fn compare(recorded: &Recorded, model: &ModelFile, links: u16, rehearses: usize) -> u64 {
    let name = &recorded.name;
    let (left, quiet) = run(recorded, model, links, 0);
    let (rehearsed, restless) = run(recorded, model, links, rehearses);
    let played = [&left, &rehearsed].map(|engine| engine.market.rehearsals());
    assert_eq!(played.map(|count| count > 0), [false, !restless.outcomes.is_empty()], "{name}");
    let names = rehearsed.market.plan().names();
    assert_eq!(quiet.outcomes.len(), restless.outcomes.len(), "{name}");
    for (one, two) in quiet.outcomes.iter().zip(&restless.outcomes) {
        assert_eq!(one.difference(two, names), None, "{name}");
    }
    assert_eq!(left.market.counts(), rehearsed.market.counts());
    assert_eq!(left.market.decoder_counts(), rehearsed.market.decoder_counts());
    assert_eq!(left.decision.counts(), rehearsed.decision.counts());
    let tiers = |engine: &Inline| -> Vec<_> {
        engine.decision.tiers().map(|(_, _, _, counts)| counts).collect()
    };
    assert_eq!(tiers(&left), tiers(&rehearsed));
    let reports = |engine: &Inline| format!("{:?}", engine.market.reports());
    assert_eq!(reports(&left), reports(&rehearsed));
    restless.signals
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn made(bytes: Vec<u8>) -> ModelFile {
    ModelFile::from_bytes("made.onnx", bytes).unwrap()
}

/// The model with a contract over the default features, and these states, each with what it becomes.
fn stamped(bytes: Vec<u8>, steps: usize, states: &[(&str, &str)]) -> ModelFile {
    let features: Vec<String> = default_features().iter().map(|name| (*name).to_owned()).collect();
    let zeros = vec![0.0; steps * features.len()];
    let state = |(input, output): &(&str, &str)| State {
        input: (*input).to_owned(),
        output: (*output).to_owned(),
    };
    let with_golden = |outputs: [f32; 3]| {
        let golden = Golden { inputs: vec![zeros.clone()], outputs: vec![outputs.to_vec()] };
        let contract = Contract::new(features.clone(), "made".into(), 1_000, None, golden).unwrap();
        let contract = contract.with_states(states.iter().map(state).collect()).unwrap();
        made(stamp(&made(bytes.clone()), &contract).unwrap())
    };
    // What it makes of zeros is known once it has a contract.
    let mut model = NativeModel::compile(&with_golden([0.25, 0.25, 0.5])).unwrap();
    match model.run_with(&mut model.memory(), &zeros, 1).unwrap() {
        Output::Classes { down, flat, up } => with_golden([down, flat, up]),
        value => panic!("{value:?} where there are three classes"),
    }
}

#[test]
fn on_every_bundled_recording() {
    let model = ModelFile::read(root("models/mlp/1/model.onnx")).unwrap();
    for venue in ["binance", "binance-futures", "bybit", "coinbase", "kraken", "okx"] {
        let signals = agree(&[root(&format!("replay-data/{venue}.jsonl.zst"))], None, &model, 2);
        assert!(signals > 100, "{venue}: {signals} signals");
    }
}

/// A window of frames, and a state: what a model carries is its own, and what it rehearses with.
#[test]
fn with_models_that_look_back() {
    let features = default_features().len();
    let recording = root("replay-data/binance-futures.jsonl.zst");
    for model in [
        stamped(example::lstm(8, features, 16, false, 1), 8, &[]),
        stamped(example::lstm(1, features, 16, true, 2), 1, &[("h0", "h1"), ("c0", "c1")]),
        stamped(example::deep_lob(24, features, 4, example::Ends::Valid, 3), 24, &[]),
    ] {
        let signals = agree(std::slice::from_ref(&recording), None, &model, 3);
        assert!(signals > 100, "{signals} signals");
    }
}

#[test]
fn on_every_real_recording() {
    let Some(captures) = captures() else { return };
    let features = ["obi_5", "ofi_sum_5@1s", "obi_1_z@60s", "kyle_lambda@10s", "mid_return@64u"];
    let model = made(example::classifier(&features, 1));
    for golden in support::Golden::all(&captures) {
        let venue = golden.slug().parse::<Venue>().ok();
        agree(&golden.paths(&captures), venue, &model, 1);
    }
}
