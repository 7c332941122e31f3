//! `pipeline` and `replay`: bytes in user space to the signal in the writer's queue.
//!
//! The open loop has a moment for every message, by a rate or by the recording's own gaps, and
//! counts each latency from that moment: whatever stalls is charged to all that it delays. The
//! closed loop gives a message when the one before is through, which hides stalls; it is there for
//! throughput, and labelled so.

mod run;
mod spin;

use crate::{Bench, Estimate, Goal, HarnessError, Results, Row, decoded, host::Disturbance};
use run::Pipeline;
use serde::{Deserialize, Serialize};
use spin::Spin;
use tickhawk_inference::Engine;
use tickhawk_latency::{LatencyHistogram, Stage};

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loop {
    /// So many a second, each at random within its share: what waits between two of them, as rehearsals
    /// do, would else keep step with them, and all meet the same phase of it.
    Rate(f64),
    /// By the recording's own gaps, so many times as fast.
    Pace(f64),
    /// Each when the one before is through: a closed loop.
    Closed,
}

/// How the pipeline is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PipelineOptions {
    /// When messages are sent.
    pub sent: Loop,
    /// For how long, after a pass over the recording that does not count.
    pub seconds: f64,
}

/// What one run of the pipeline showed beside its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineReport {
    /// The case: the model's engine, and whether the thread only waited between messages, where
    /// `live` rehearses.
    pub case: String,
    /// When messages were sent.
    pub sent: Loop,
    /// Messages sent in a second.
    pub achieved_per_s: f64,
    /// Messages sent while it counted.
    pub messages: u64,
    /// Signals they made.
    pub signals: u64,
    /// The p50 of each stage, in the order of the data, in nanoseconds.
    pub stages_ns: Vec<(String, u64)>,
    /// What the kernel did to the thread meanwhile.
    pub disturbance: Disturbance,
    /// Calls of the allocator in steps on whole books meanwhile; a pass begins with a snapshot.
    pub allocations: u64,
    /// The hiccup meter's median: the same thread, the same schedule, nothing but spinning for as
    /// long as the pipeline's median.
    pub hiccup_p50_ns: u64,
    /// Its 99.9th percentile.
    pub hiccup_p99_9_ns: u64,
    /// Its largest sample.
    pub hiccup_max_ns: u64,
}

/// Messages a second where nobody says otherwise: the pace of a busy instrument.
const RATE: f64 = 10_000.0;

/// Turns that pipeline and hiccup meter take, so that both meet the same machine.
const TURNS: u32 = 10;

impl Default for PipelineOptions {
    fn default() -> Self {
        Self { sent: Loop::Rate(RATE), seconds: 10.0 }
    }
}

pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let native = open_loop(bench, Engine::Native, Waiting::KeepsWarm, results)?;
    goals(bench, &native, results);
    open_loop(bench, Engine::Native, Waiting::LeavesCold, results)?;
    let runtime = open_loop(bench, Engine::OnnxRuntime, Waiting::KeepsWarm, results)?;
    runtime_goal(&runtime, results);
    instrumentation(bench, results)
}

/// What the thread does until the next message is due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// It rehearses, as `live` does.
    KeepsWarm,
    /// It looks at the clock, and at nothing else.
    LeavesCold,
}

struct Ran {
    total: LatencyHistogram,
    report: PipelineReport,
}

fn open_loop(
    bench: &Bench<'_>,
    engine: Engine,
    waiting: Waiting,
    results: &mut Results,
) -> Result<Ran, HarnessError> {
    let mut pipeline = Pipeline::new(bench, engine, &bench.clock)?;
    if waiting == Waiting::KeepsWarm {
        pipeline.keep_warm();
    }
    let PipelineOptions { sent, seconds } = bench.pipeline;
    pipeline.warm_up();
    let spin = Spin::calibrated(&bench.clock, pipeline.total().value_at(0.5));
    pipeline.forget();
    let mut hiccups = LatencyHistogram::new();
    let turn_ns = (seconds / f64::from(TURNS) * 1e9) as u64;
    let (mut disturbance, mut took_ns) = (Disturbance::default(), 0);
    for _ in 0..TURNS {
        let before = Disturbance::so_far();
        took_ns += pipeline.play(sent, turn_ns);
        disturbance = disturbance.plus(Disturbance::so_far().since(before));
        spin.meter(&bench.clock, pipeline.gap_ns(sent), turn_ns / 4, &mut hiccups);
    }
    let case = match waiting {
        Waiting::KeepsWarm => engine.to_string(),
        Waiting::LeavesCold => format!("{engine}-left-cold"),
    };
    let total = pipeline.total().clone();
    if total.sample_count() == 0 {
        return Err(HarnessError::NoSignal { name: bench.first().name.clone() });
    }
    let venue = bench.first().venue;
    let name = |stage: &str| format!("pipeline/{venue}-{case}-{stage}/tickhawk");
    results.rows.push(Row::of_histogram(name("tick-to-signal"), "message", &total));
    results.histograms.push((name("tick-to-signal"), total.clone()));
    let mut stages_ns = Vec::new();
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Total) {
        let series = pipeline.stages().stage(stage);
        results.rows.push(Row::of_histogram(name(stage.name()), "message", series));
        stages_ns.push((stage.name().to_owned(), series.value_at(0.5)));
    }
    let name = format!("pipeline/{venue}-{case}-hiccups/spin");
    results.rows.push(Row::of_histogram(name.clone(), "message", &hiccups));
    results.histograms.push((name, hiccups.clone()));
    let report = PipelineReport {
        case,
        sent,
        achieved_per_s: pipeline.messages() as f64 / (took_ns as f64 / 1e9),
        messages: pipeline.messages(),
        signals: total.sample_count(),
        stages_ns,
        disturbance,
        allocations: pipeline.calls(),
        hiccup_p50_ns: hiccups.value_at(0.5),
        hiccup_p99_9_ns: hiccups.value_at(0.999),
        hiccup_max_ns: hiccups.value_at(1.0),
    };
    results.pipelines.push(report.clone());
    Ok(Ran { total, report })
}

fn goals(bench: &Bench<'_>, ran: &Ran, results: &mut Results) {
    let Ran { total, report } = ran;
    let row = Row::of_histogram("", "message", total);
    let scaled = |by: f64| {
        let Estimate { value, interval } = row.estimate();
        Estimate { value: value * by, interval: interval.map(|end| end * by) }
    };
    let venue = bench.first().venue;
    let what = format!("p50 in microseconds, native engine, one thread, {venue}");
    results.goals.push(Goal::at_most("tick-to-signal-native-us", scaled(1e-3), 1.0, what));
    let sum: u64 = report.stages_ns.iter().map(|(_, ns)| ns).sum();
    let what = "p50 of tick to signal, over the sum of its stages' p50";
    let over_sum = scaled(1.0 / sum as f64);
    results.goals.push(Goal::at_most("tick-to-signal-vs-stage-sum", over_sum, 1.15, what));
    let tail = total.value_at(0.999) as f64 / total.value_at(0.5) as f64;
    let hiccup = report.hiccup_p99_9_ns as f64 / report.hiccup_p50_ns as f64;
    let what = "p99.9 over p50 of tick to signal, over the same of an empty spin as long";
    let value = Estimate::exact(tail / hiccup);
    results.goals.push(Goal::at_most("tail-vs-hiccup", value, 1.5, what));
    let per_million = |count: u64| count as f64 * 1e6 / report.messages as f64;
    let what = "calls of the allocator in a million messages";
    let value = Estimate::exact(per_million(report.allocations));
    results.goals.push(Goal::at_most("allocations", value, 0.0, what));
    let what = "minor page faults in a million messages";
    let value = Estimate::exact(per_million(report.disturbance.minor_faults));
    results.goals.push(Goal::at_most("minor-faults", value, 0.0, what));
}

/// The row `inference/…` of the same run says what a bare run takes.
fn runtime_goal(ran: &Ran, results: &mut Results) {
    let bare = results
        .rows
        .iter()
        .find(|row| row.name.starts_with("inference/") && row.name.ends_with("/c-api"));
    let Some(bare) = bare.map(Row::estimate) else {
        results
            .notes
            .push("tick-to-signal-ort-vs-capi takes the stage inference before".to_owned());
        return;
    };
    let row = Row::of_histogram("", "message", &ran.total).estimate();
    let allowed = |bare: f64| 1.1 * bare + 700.0;
    let [low, high] = bare.interval;
    let allowed = Estimate { value: allowed(bare.value), interval: [allowed(low), allowed(high)] };
    let what = "p50 of tick to signal on ONNX Runtime, over 1.1 of a bare C run and 0.7 us";
    results.goals.push(Goal::at_most("tick-to-signal-ort-vs-capi", row.over(allowed), 1.0, what));
}

/// Stages that stamp and count beside stages that do not.
fn instrumentation(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let mut stamped = Pipeline::new(bench, Engine::Native, &bench.clock)?;
    let mut still = Pipeline::new(bench, Engine::Native, &tickhawk_latency::Clock::still())?;
    let course = stamped.course(bench.pairs);
    let name = |what: &str| format!("pipeline/{}-{what}/tickhawk", bench.first().venue);
    let names = [name("stamped"), name("not-stamped")];
    let ratio = results.beside(course, names, ("message", 1.0), &mut stamped, &mut still);
    let less_one = |ratio: f64| ratio - 1.0;
    let cost = Estimate { value: ratio.value - 1.0, interval: ratio.interval.map(less_one) };
    let what = "stamps and histograms, as a share of the mean without";
    results.goals.push(Goal::at_most("instrumentation", cost, 0.05, what));
    Ok(())
}

/// Whole engine and its first half, flat out on one thread: a closed loop. And the first half from the
/// decoded form.
pub(crate) fn replay(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let mut whole = Pipeline::new(bench, Engine::Native, &bench.clock)?;
    let mut framing = Pipeline::framing(bench)?;
    let course = whole.course(bench.pairs);
    let name = |what: &str| format!("replay/{}-{what}/tickhawk", bench.first().venue);
    let names = [name("closed-loop"), name("closed-loop-to-frames")];
    results.beside(course, names, ("message", 1.0), &mut whole, &mut framing);
    decoded::run(bench, results)
}
