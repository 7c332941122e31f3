//! The native engine beside ONNX Runtime, on what the market really brings: every feature vector of
//! the bundled recordings, and of the real ones where they are, through each bundled model.

mod support;

use std::path::{Path, PathBuf};
use support::{Golden, captures};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_inference::{
    Contract, Isa, Memory, ModelFile, NativeModel, OrtModel, RuntimeOptions, example,
};
use tickhawk_latency::Clock;
use tickhawk_market::Decimal;
use tickhawk_venue::Venue;

/// How far an output may be from ONNX Runtime's.
const TOLERANCE: f32 = 1e-5;

/// Features of the instrument the models were made for stay below this (265 in its recording).
/// Elsewhere some are a thousand times that (quantities in contracts, or of cheap coins): sums of such
/// terms cancel, and then it is the order of summation that decides the fifth digit, in either engine.
const FEATURE_MAX: f32 = 300.0;

/// How far an output may be for those.
const WILD_TOLERANCE: f32 = 1e-2;

/// Vectors that are at least compared.
const VECTORS_MIN: usize = 10_000;

/// Frames taken of one recording: of the longest ones a part is enough.
const FRAMES_MAX: usize = 20_000;

/// The feature vectors of frames, end to end.
#[derive(Default)]
struct Vectors(Vec<Vec<f32>>);

impl MarketSink for Vectors {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.0.push(frame.features().to_vec());
    }
}

fn vectors(paths: &[PathBuf], venue: Venue, names: &[String]) -> Vec<Vec<f32>> {
    let plan = FeaturePlan::compile(names, PlanOptions::default()).unwrap();
    let tick = Decimal::parse(b"0.1").unwrap();
    let options = MarketOptions { contract_tick_size: Some(tick), ..MarketOptions::new(venue) };
    let clock = Clock::new();
    let mut market = MarketStage::new(options, plan, clock.clone());
    let mut session = Session::open(paths).unwrap();
    let mut sink = Vectors::default();
    while let Some(record) = session.next_record().unwrap() {
        let input = match record.kind {
            RecordKind::Opened { .. } => Input::Opened,
            RecordKind::Closed => Input::Closed,
            RecordKind::Sent(bytes) => Input::Sent(bytes),
            RecordKind::Frame(bytes) => Input::Frame(bytes),
            RecordKind::RestReply { url, status, body } => Input::RestReply { url, status, body },
            RecordKind::Alive => Input::Alive,
            RecordKind::Wanted(symbols) => Input::Wanted(symbols),
            RecordKind::Timer => Input::Timer,
        };
        market.step(record.connection, record.received_at, clock.now(), input, &mut sink);
        if sink.0.len() >= FRAMES_MAX {
            break;
        }
    }
    sink.0
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All vectors there are for these features.
fn recorded(names: &[String]) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for slug in ["binance-futures", "binance", "bybit", "coinbase", "kraken", "okx"] {
        let path = root().join(format!("replay-data/{slug}.jsonl.zst"));
        all.extend(vectors(&[path], slug.parse().unwrap(), names));
    }
    if let Some(captures) = captures() {
        for golden in Golden::all(&captures) {
            let venue = golden.slug().parse().unwrap();
            all.extend(vectors(&golden.paths(&captures), venue, names));
        }
    }
    all
}

#[test]
fn every_bundled_model_agrees_on_recorded_vectors() {
    let mut recorded_for: Option<(Vec<String>, Vec<Vec<f32>>)> = None;
    for name in ["linear", "mlp"] {
        let file = ModelFile::read(root().join(format!("models/{name}/1/model.onnx"))).unwrap();
        let names = Contract::parse(&file).unwrap().features().to_vec();
        let (_, vectors) = match &mut recorded_for {
            Some(found) if found.0 == names => found,
            other => other.insert((names.clone(), recorded(&names))),
        };
        let mut runtime = OrtModel::load(&file, &RuntimeOptions::default()).unwrap();
        let mut natives: Vec<NativeModel> = Isa::available()
            .map(|isa| NativeModel::compile(&file).unwrap().with_isa(isa))
            .collect();
        // Of vectors of the models' own kind, and of wild ones: how many, and the furthest apart.
        let mut seen = [(0, 0f32); 2];
        for vector in vectors.iter() {
            let expected = runtime.run(vector).unwrap().numbers();
            let outputs = natives.iter_mut().map(|native| native.run(vector).unwrap().numbers());
            let outputs: Vec<Vec<f32>> = outputs.collect();
            assert!(outputs.iter().all(|output| *output == outputs[0]), "{name}: {outputs:?}");
            let wild = vector.iter().any(|feature| feature.abs() > FEATURE_MAX);
            let tolerance = if wild { WILD_TOLERANCE } else { TOLERANCE };
            let (count, furthest) = &mut seen[usize::from(wild)];
            *count += 1;
            for (got, wanted) in outputs[0].iter().zip(expected) {
                *furthest = furthest.max((got - wanted).abs());
                assert!((got - wanted).abs() <= tolerance, "{name}: {got}, {wanted}: {vector:?}");
            }
        }
        eprintln!("{name}: vectors and furthest apart, its own kind and wild ones: {seen:?}");
        assert!(seen[0].0 >= VECTORS_MIN, "{name}: {} vectors", seen[0].0);
    }
}

/// Rows of a window here.
const STEPS: usize = 24;

/// Consecutive vectors as windows that slide by one row: the native engine computes new columns alone.
#[test]
fn convolutions_agree_on_recorded_windows() {
    let path = root().join("models/mlp/1/model.onnx");
    let names = Contract::parse(&ModelFile::read(path).unwrap()).unwrap().features().to_vec();
    let mut vectors = recorded(&names);
    vectors.truncate(VECTORS_MIN + STEPS);
    // Scaled as a network's inputs are: it was not trained on these.
    let rows: Vec<f32> =
        vectors.concat().iter().map(|feature| feature / (1.0 + feature.abs())).collect();
    let bytes = example::deep_lob(STEPS, names.len(), 8, example::Ends::Valid, 3);
    let file = ModelFile::from_bytes("deep_lob.onnx", bytes).unwrap();
    let mut runtime = OrtModel::load(&file, &RuntimeOptions::default()).unwrap();
    let mut natives: Vec<(NativeModel, Memory)> = Isa::available()
        .map(|isa| NativeModel::compile(&file).unwrap().with_isa(isa))
        .map(|native| {
            let memory = native.memory();
            (native, memory)
        })
        .collect();
    let mut furthest = 0f32;
    let windows = rows.chunks_exact(names.len()).len() - STEPS + 1;
    for at in 0..windows {
        let window = &rows[at * names.len()..(at + STEPS) * names.len()];
        let expected = runtime.run(window).unwrap().numbers();
        let outputs: Vec<Vec<f32>> = natives
            .iter_mut()
            .map(|(native, memory)| native.run_with(memory, window, 1).unwrap().numbers())
            .collect();
        assert!(outputs.iter().all(|output| *output == outputs[0]), "window {at}: {outputs:?}");
        for (got, wanted) in outputs[0].iter().zip(expected) {
            furthest = furthest.max((got - wanted).abs());
            assert!((got - wanted).abs() <= TOLERANCE, "window {at}: {got}, {wanted}");
        }
    }
    eprintln!("{windows} windows, furthest apart {furthest}");
    assert!(windows >= VECTORS_MIN, "{windows} windows");
}
