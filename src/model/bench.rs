//! `tickhawk model bench`: what a run of a model takes on this machine, engine beside engine.
//!
//! The engines take turns, a block of runs each, so that whatever the host does meets all of them.
//! A block is timed twice: as a whole, for the ratio, and run by run, for the percentiles, where
//! each run carries one read of the clock. A model over windows is measured twice on the native
//! engine: over whole windows, and with one new row a run, as it is run while a feed goes on.

use super::{refused, say};
use crate::{Outcome, cli::model::BenchModelArgs};
use anyhow::Result;
use serde::Serialize;
use std::io::{self, Write};
use tickhawk_inference::{Engine, InferenceError, Memory, Model, ModelFile, RuntimeOptions};
use tickhawk_latency::{Clock, ClockCheck, LatencyHistogram, Percentiles};

/// Blocks an engine's runs are cut into: odd, so that the median of ratios is one of them.
const BLOCKS: usize = 51;

/// Blocks before the first that counts.
const WARM_UP_BLOCKS: usize = 2;

/// What was measured.
#[derive(Serialize)]
struct Benched {
    path: String,
    sha256: String,
    file_bytes: usize,
    steps: usize,
    features: usize,
    engines: Vec<EngineRow>,
    not_measured: Vec<String>,
    clock_read_ns: f64,
}

/// One engine's runs.
#[derive(Serialize)]
struct EngineRow {
    engine: String,
    new_rows: usize,
    runs: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
    golden_difference_max: f32,
    memory_bytes: Option<usize>,
    ratio: Option<RatioRow>,
}

/// Time per run over the first engine's, block by block.
#[derive(Serialize)]
struct RatioRow {
    median: f64,
    low: f64,
    high: f64,
}

/// Runs the command.
pub fn run(args: &BenchModelArgs) -> Result<Outcome> {
    let file = match ModelFile::read(&args.model) {
        Ok(file) => file,
        Err(error) => return refused(error.into()),
    };
    match bench(&file, args.engine.engine.unwrap_or_default(), args.runs as usize) {
        Ok(row) => say(&row, args.json, |out| row.print(out)),
        Err(error) => refused(error.into()),
    }
}

/// Measures the engine, or with `auto` each that runs the model; at least one must.
fn bench(file: &ModelFile, wanted: Engine, runs: usize) -> Result<Benched, InferenceError> {
    let clock = Clock::new();
    let (mut engines, mut not_measured) = (Vec::new(), Vec::new());
    let all = [Engine::OnnxRuntime, Engine::Native];
    for engine in all.into_iter().filter(|engine| wanted == Engine::Auto || wanted == *engine) {
        let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
        match Model::from_file(file, &options).and_then(Contestant::new) {
            Ok(contestant) => {
                let slides = engine == Engine::Native && contestant.new_rows > 1;
                engines.push(contestant);
                if slides {
                    let again = Contestant::new(Model::from_file(file, &options)?)?;
                    engines.push(Contestant { new_rows: 1, ..again });
                }
            }
            Err(error) if wanted != Engine::Auto => return Err(error),
            Err(error) => not_measured.push(format!("{engine}: {error}")),
        }
    }
    if engines.is_empty() {
        // Neither: what the usual way of loading says is what there is to say.
        engines.push(Contestant::new(Model::from_file(file, &RuntimeOptions::default())?)?);
    }
    let block_runs = runs.div_ceil(BLOCKS);
    for block in 0..WARM_UP_BLOCKS + BLOCKS {
        for engine in &mut engines {
            engine.block(block_runs, &clock)?;
        }
        if block + 1 == WARM_UP_BLOCKS {
            engines.iter_mut().for_each(Contestant::forget);
        }
    }
    let shape = engines[0].model.shape();
    let first = engines[0].block_ns.clone();
    let row = |(index, engine): (usize, Contestant)| engine.row((index > 0).then_some(&first));
    Ok(Benched {
        path: file.path().display().to_string(),
        sha256: file.sha256(),
        file_bytes: file.bytes().len(),
        steps: shape.steps,
        features: shape.features,
        engines: engines.into_iter().enumerate().map(row).collect(),
        not_measured,
        clock_read_ns: ClockCheck::measure(&clock).read_ns,
    })
}

/// A model on one engine, and what its runs took.
struct Contestant {
    model: Model,
    memory: Memory,
    /// Of the window, in each run.
    new_rows: usize,
    rows: Vec<Vec<f32>>,
    golden_difference_max: f32,
    histogram: LatencyHistogram,
    /// Nanoseconds a run, a block each.
    block_ns: Vec<f64>,
}

impl Contestant {
    fn new(mut model: Model) -> Result<Self, InferenceError> {
        let golden = model.contract().golden().clone();
        let (mut memory, new_rows) = (model.memory(), model.shape().steps);
        let mut golden_difference_max = 0f32;
        for (input, expected) in golden.inputs.iter().zip(&golden.outputs) {
            let got = model.run_with(&mut memory, input, new_rows)?.numbers();
            let apart = got.iter().zip(expected).map(|(got, expected)| (got - expected).abs());
            golden_difference_max = apart.fold(golden_difference_max, f32::max);
        }
        let histogram = LatencyHistogram::new();
        let rows = golden.inputs;
        let block_ns = Vec::new();
        Ok(Self { model, memory, new_rows, rows, golden_difference_max, histogram, block_ns })
    }

    fn block(&mut self, runs: usize, clock: &Clock) -> Result<(), InferenceError> {
        let Self { model, memory, new_rows, .. } = self;
        let began = clock.now();
        for row in self.rows.iter().cycle().take(runs) {
            model.run_with(memory, row, *new_rows)?;
        }
        self.block_ns.push((clock.now() - began).nanos() as f64 / runs as f64);
        let mut began = clock.now();
        for row in self.rows.iter().cycle().take(runs) {
            model.run_with(memory, row, *new_rows)?;
            let ended = clock.now();
            self.histogram.record(ended - began);
            began = ended;
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.histogram = LatencyHistogram::new();
        self.block_ns.clear();
    }

    fn row(self, first: Option<&Vec<f64>>) -> EngineRow {
        let took = self.histogram.percentiles().expect("every block has runs");
        let Percentiles { p50_ns, p99_ns, max_ns, .. } = took;
        EngineRow {
            engine: self.model.engine().to_owned(),
            new_rows: self.new_rows,
            runs: self.histogram.sample_count(),
            p50_ns,
            p99_ns,
            max_ns,
            golden_difference_max: self.golden_difference_max,
            memory_bytes: self.model.memory_bytes(),
            ratio: first.map(|first| RatioRow::new(&self.block_ns, first)),
        }
    }
}

impl RatioRow {
    /// The median of the ratios of neighbouring blocks, and the two of them between which the true
    /// median lies with 95 % confidence, whatever the distribution: ranks n / 2 -+ 0.98 sqrt n.
    fn new(blocks_ns: &[f64], first_ns: &[f64]) -> Self {
        let mut ratios: Vec<f64> =
            blocks_ns.iter().zip(first_ns).map(|(one, first)| one / first).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let (middle, half) = (ratios.len() / 2, (0.98 * (ratios.len() as f64).sqrt()) as usize);
        let high = ratios[(middle + half).min(ratios.len() - 1)];
        Self { median: ratios[middle], low: ratios[middle.saturating_sub(half)], high }
    }
}

impl Benched {
    fn print(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        writeln!(out, "model      {}, {} bytes", self.path, self.file_bytes)?;
        writeln!(out, "input      {} x {} features", self.steps, self.features)?;
        writeln!(
            out,
            "\n{:<22} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}  ratio",
            "engine (ns a run)", "runs", "p50", "p99", "max", "golden +-", "bytes"
        )?;
        for row in &self.engines {
            let slides = row.new_rows < self.steps;
            let engine = if slides { format!("{}, 1 row", row.engine) } else { row.engine.clone() };
            let memory = row.memory_bytes.map_or("?".to_owned(), |bytes| bytes.to_string());
            write!(
                out,
                "{:<22} {:>9} {:>9} {:>9} {:>9} {:>10.1e} {memory:>10}",
                engine, row.runs, row.p50_ns, row.p99_ns, row.max_ns, row.golden_difference_max
            )?;
            match &row.ratio {
                None => writeln!(out)?,
                Some(RatioRow { median, low, high }) => {
                    writeln!(out, "  {median:.3} ({low:.3} to {high:.3})")?;
                }
            }
        }
        self.not_measured.iter().try_for_each(|why| writeln!(out, "not on {why}"))?;
        writeln!(out, "a read of the clock, which each run carries: {:.1} ns", self.clock_read_ns)
    }
}
