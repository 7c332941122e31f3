//! What each step costs, over the bundled recording: `cargo bench`. `base` measures the harness.
//!
//! The input is inflated in memory first, so no row measures a disk or a decompressor. Numbers of
//! single runs on shared machines are no claims: compare rows of one run.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, path::Path};
use tickhawk_book::{Book, BookLimits};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage};
use tickhawk_feature::{
    FRAME_WORDS, FeatureFrame, FeaturePlan, FeatureState, PlanOptions, default_features,
};
use tickhawk_handoff::{Geometry, lossy};
use tickhawk_inference::{Engine, Model, RuntimeOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookUpdate, Change, ConnectionId, Level, MonoNanos, Scale, Side, UnixNanos, Update, Updates,
};
use tickhawk_venue::{Decoder, Limits, Venue};

const CONNECTION: ConnectionId = ConnectionId(0);

/// One thing received, owned.
enum Received {
    Frame(UnixNanos, Vec<u8>),
    Reply(UnixNanos, String, Vec<u8>),
}

fn recording() -> Vec<Received> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("replay-data/binance-futures.jsonl.zst");
    let mut session = Session::open(&[path]).expect("the bundled recording opens");
    let mut received = Vec::new();
    while let Some(record) = session.next_record().expect("the bundled recording is whole") {
        let at = record.received_at;
        match record.kind {
            RecordKind::Frame(bytes) => received.push(Received::Frame(at, bytes.to_vec())),
            RecordKind::RestReply { url: Some(url), body, .. } => {
                received.push(Received::Reply(at, url.to_owned(), body.to_vec()));
            }
            _ => {}
        }
    }
    received
}

fn decode(decoder: &mut Decoder, received: &Received, out: &mut Updates) {
    out.clear();
    let result = match received {
        Received::Frame(_, bytes) => decoder.frame(CONNECTION, bytes, out),
        Received::Reply(_, url, body) => {
            decoder.rest_reply(CONNECTION, Some(url), Some(200), body, out)
        }
    };
    result.expect("the bundled recording decodes");
}

fn decoder() -> Decoder {
    Decoder::new(Venue::BinanceFutures, None, Limits::default())
}

/// Every book message of the recording, decoded.
fn book_messages(recording: &[Received]) -> (Scale, Vec<(BookUpdate, Vec<Change>)>) {
    let (mut decoder, mut out) = (decoder(), Updates::new());
    let (mut scale, mut messages) = (Scale::default(), Vec::new());
    for received in recording {
        decode(&mut decoder, received, &mut out);
        for update in &out.updates {
            match update {
                Update::Scale { scale: grown, .. } => scale = *grown,
                Update::Book(book) => messages.push((book.clone(), out.changes_of(book).to_vec())),
                _ => {}
            }
        }
    }
    (scale, messages)
}

struct Discard;

impl MarketSink for Discard {
    fn frame(&mut self, frame: &FeatureFrame) {
        black_box(frame);
    }
}

fn market_steps(c: &mut Criterion) {
    let recording = recording();
    let (scale, messages) = book_messages(&recording);
    let levels: u64 = messages.iter().map(|(_, changes)| changes.len() as u64).sum();

    let clock = Clock::new();
    c.bench_function("base/clock_read", |b| b.iter(|| clock.now()));

    let mut group = c.benchmark_group("recording");
    group.sample_size(20);
    group.throughput(Throughput::Elements(recording.len() as u64));
    group.bench_function("decode", |b| {
        b.iter_batched(
            || (decoder(), Updates::new()),
            |(mut decoder, mut out)| {
                recording.iter().for_each(|received| decode(&mut decoder, received, &mut out));
                (decoder, out)
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("tick_to_frame", |b| {
        b.iter_batched(
            || {
                let plan = FeaturePlan::compile(default_features(), PlanOptions::default());
                let plan = plan.expect("the default set compiles");
                MarketStage::new(MarketOptions::new(Venue::BinanceFutures), plan, Clock::new())
            },
            |mut market| {
                for received in &recording {
                    let (at, input) = match received {
                        Received::Frame(at, bytes) => (*at, Input::Frame(bytes)),
                        Received::Reply(at, url, body) => {
                            (*at, Input::RestReply { url: Some(url), status: None, body })
                        }
                    };
                    market.step(CONNECTION, at, MonoNanos::default(), input, &mut Discard);
                }
                market
            },
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(levels));
    group.bench_function("book_apply_level", |b| {
        b.iter_batched(
            || Book::new(BookLimits::default()),
            |mut book| {
                book.set_scale(scale);
                for (update, changes) in &messages {
                    black_box(book.apply(update, changes));
                }
                book
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn feature_step(c: &mut Criterion) {
    let (scale, messages) = book_messages(&recording());
    let plan = FeaturePlan::compile(default_features(), PlanOptions::default());
    let plan = plan.expect("the default set compiles");
    let mut state = FeatureState::new(&plan, scale, Some(1));
    let mut book = Book::new(BookLimits::default());
    book.set_scale(scale);
    let tops: Vec<[Vec<Level>; 2]> = messages
        .iter()
        .map(|(update, changes)| {
            book.apply(update, changes);
            [Side::Bid, Side::Ask].map(|side| book.levels(side).take(plan.depth()).collect())
        })
        .collect();
    let (mut at, mut next) = (0u64, 0);
    let (mut values, mut valid) = (vec![0.0; plan.count()], [0; 2]);
    c.bench_function("feature_step/default_set", |b| {
        b.iter(|| {
            at += 40_000_000;
            let [bids, asks] = &tops[next];
            next = (next + 1) % tops.len();
            state.on_book(UnixNanos::new(at), bids, asks);
            state.fill(UnixNanos::new(at), &mut values, &mut valid);
        });
    });
}

fn handoff(c: &mut Criterion) {
    let geometry = Geometry::new(1_024, FRAME_WORDS).expect("a power of two");
    let (mut writer, mut reader) = lossy(geometry);
    let (frame, mut out) = ([7u64; 29], [0u64; FRAME_WORDS]);
    c.bench_function("handoff/push_and_pop_one_thread", |b| {
        b.iter(|| {
            writer.push(black_box(&frame));
            reader.pop(&mut out)
        });
    });
}

fn inference(c: &mut Criterion) {
    for name in ["linear", "mlp", "trees"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/{name}/1/model.onnx"));
        for engine in [Engine::Native, Engine::OnnxRuntime] {
            let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
            // What the native engine does not run is not timed on it.
            let Ok(mut model) = Model::load(&path, &options) else { continue };
            c.bench_function(&format!("inference/{name}/{engine}"), |b| {
                b.iter(|| model.run_in_place().expect("zeros are finite"));
            });
        }
    }
}

criterion_group!(benches, market_steps, feature_step, handoff, inference);
criterion_main!(benches);
