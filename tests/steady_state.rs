//! Over the recorded BTCUSDT futures session, again and again: a million steps of both stages
//! allocate nothing, rehearsals between them included, and memory is flat.
//!
//! Every pass begins with the connection closed and a snapshot, which may allocate (buffered
//! diffs), and is warm from there on. Native code inside ONNX Runtime is not visible to the
//! counting allocator; what it holds shows in the resident set.

mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    path::Path,
};
use support::{Golden, captures};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_decoded::Reader;
use tickhawk_engine::{
    Compiler, DecisionStage, Follower, Inline, Input, Listener, MarketOptions, MarketSink,
    MarketStage, Notice, Record, Scored,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_inference::{Model, RuntimeOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{ConnectionId, Decimal, UnixNanos};
use tickhawk_signal::{Policy, Signal};
use tickhawk_venue::Venue;

thread_local! {
    /// Allocations, reallocations and frees of this thread while it is counting.
    static TOUCHED: Cell<u64> = const { Cell::new(0) };
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

fn count() {
    COUNTING.with(|counting| {
        if counting.get() {
            TOUCHED.with(|touched| touched.set(touched.get() + 1));
        }
    });
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only cells that
// need no allocation themselves.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Steps both stages take after warm-up.
const STEPS: u64 = 1_000_000;

/// Frames of a pass that are not counted: the snapshot comes among them.
const UNCOUNTED: usize = 200;

/// Who follows a rehearsal hears nothing.
struct Nobody;

impl MarketSink for Nobody {
    fn frame(&mut self, _frame: &FeatureFrame) {}
}

impl Follower for Nobody {
    fn scored(&mut self, _frame: &FeatureFrame, _scored: &Scored) {}
}

#[derive(Default)]
struct Tally {
    signals: u64,
    notices: u64,
}

impl Listener for Tally {
    fn signal(&mut self, _signal: &Signal) {
        self.signals += 1;
    }

    fn notice(&mut self, _notice: Notice) {
        self.notices += 1;
    }
}

/// The session's frames and their receive times.
fn frames(captures: &Path) -> Vec<(u64, Vec<u8>)> {
    let golden = Golden::named(captures, "binance_usdm_btcusdt_2024-07-18");
    let mut session = Session::open(&golden.paths(captures)).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = session.next_record().unwrap() {
        if let RecordKind::Frame(bytes) = record.kind {
            frames.push((record.received_at.nanos(), bytes.to_vec()));
        }
    }
    frames
}

fn market_options(tick_size: Option<Decimal>) -> MarketOptions {
    MarketOptions { contract_tick_size: tick_size, ..MarketOptions::new(Venue::BinanceFutures) }
}

/// Both stages with the bundled network, small windows so that every ring has turned over.
fn stages() -> Inline {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("models/mlp/1/model.onnx");
    let model = Model::load(&path, &RuntimeOptions::default()).unwrap();
    let options = PlanOptions { window_capacity: 4_096, ..PlanOptions::default() };
    let plan = FeaturePlan::compile(model.contract().features(), options).unwrap();
    let market = market_options(model.contract().tick_size());
    let clock = Clock::new();
    Inline::new(
        MarketStage::new(market, plan, clock.clone()),
        DecisionStage::new(model, Policy::new(0.2, 0.05).unwrap(), clock),
    )
}

/// One pass over the session, as if it were received `shift_ns` later; steps counted.
fn pass(stages: &mut Inline, frames: &[(u64, Vec<u8>)], shift_ns: u64, tally: &mut Tally) -> u64 {
    let connection = ConnectionId(0);
    let mut steps = 0;
    let mut step = |at: u64, input: Input<'_>, counted: bool| {
        let record = Record { connection, received_at: UnixNanos::new(at + shift_ns), input };
        COUNTING.set(counted);
        stages.step(&record, tally, &mut ());
        // As often as a busy feed leaves time for.
        steps += 1;
        if steps % 4 == 0 {
            stages.rehearse(&mut Nobody);
        }
        COUNTING.set(false);
    };
    step(frames[0].0, Input::Closed, false);
    for (index, (at, bytes)) in frames.iter().enumerate() {
        step(*at, Input::Frame(bytes), index >= UNCOUNTED);
    }
    (frames.len() - UNCOUNTED) as u64
}

fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_million_steps_allocate_nothing_and_memory_is_flat() {
    COUNTING.set(true);
    drop(std::hint::black_box(vec![1u8; 100]));
    COUNTING.set(false);
    assert_eq!(TOUCHED.take(), 2, "the counter counts");

    let Some(captures) = captures() else { return };
    let frames = frames(&captures);
    let span_ns = frames.last().unwrap().0 - frames[0].0 + 1_000_000_000;
    let (mut stages, mut tally) = (stages(), Tally::default());
    stages.keep_warm();
    pass(&mut stages, &frames, 0, &mut tally);
    let signals_a_pass = tally.signals;
    assert!(signals_a_pass > 8_000, "{signals_a_pass} signals");
    TOUCHED.set(0);
    let warm_kb = resident_kb();
    let (mut steps, mut passes) = (0, 1);
    while steps < STEPS {
        steps += pass(&mut stages, &frames, passes * span_ns, &mut tally);
        passes += 1;
    }
    assert_eq!(TOUCHED.get(), 0, "allocations and frees in {steps} steps");
    assert_eq!(tally.signals, signals_a_pass * passes);
    let grown_kb = resident_kb().saturating_sub(warm_kb);
    assert!(passes > 10 && grown_kb < 4_096, "{grown_kb} kB more after {passes} passes");
}

#[test]
fn steps_of_the_decoded_form_allocate_nothing() {
    let Some(captures) = captures() else { return };
    let frames = frames(&captures);
    let again_at = frames.last().unwrap().0 + 1_000_000_000;
    // What it was compiled for: its prices show the tick's decimals.
    let mut compiler = Compiler::new(market_options(None), Vec::new()).unwrap();
    for shift_ns in [0, again_at - frames[0].0] {
        let mut step = |at: u64, input: Input<'_>| {
            let received_at = UnixNanos::new(at + shift_ns);
            let record = Record { connection: ConnectionId(0), received_at, input };
            compiler.step(&record, &mut ()).unwrap();
        };
        step(frames[0].0, Input::Closed);
        frames.iter().for_each(|(at, bytes)| step(*at, Input::Frame(bytes)));
    }
    let (about, _, form) = compiler.finish(Vec::new()).unwrap();
    let mut reader = Reader::in_memory("form", &form).unwrap();
    let (mut stages, mut tally, mut steps_again) = (stages(), Tally::default(), 0);
    TOUCHED.set(0);
    for _ in 0..about.totals.steps {
        COUNTING.set(steps_again > UNCOUNTED);
        let record = Record::from(reader.next_step().unwrap().unwrap());
        stages.step(&record, &mut tally, &mut ());
        COUNTING.set(false);
        steps_again += usize::from(record.received_at.nanos() >= again_at);
    }
    assert!(steps_again > 8_000 && tally.signals > 16_000, "{steps_again}, {}", tally.signals);
    assert_eq!(TOUCHED.get(), 0, "allocations and frees in {steps_again} steps");
}
