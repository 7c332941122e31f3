//! Tickhawk beside what a user could pick instead, on one recording, with results checked equal.
//!
//!     cargo run --release --manifest-path benches/rivals/Cargo.toml -- --json rivals.json

mod barter;
mod compare;
mod decoded;
mod forest;
mod hft;
mod hop;
mod measure;
mod naive;
mod nautilus;
mod ours;
mod outcome;
mod python;
mod recording;
mod simd;
mod tract;
mod wire;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use compare::Bench;
use naive::client::Endpoint;
use python::Python;
use recording::Recording;
use std::{
    fs,
    panic::resume_unwind,
    path::{Path, PathBuf},
};
use tickhawk_engine::{allowed_cores, pin_to_core};
use tickhawk_harness::{Report, Results, host::Surroundings};
use tickhawk_inference::{Runtime, RuntimeOptions};
use tickhawk_latency::{Clock, ClockCheck};

/// As `tickhawk live` and `replay` allocate.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The score at which a decision is taken, and below which it is left: Tickhawk's defaults.
pub const ENTER: f32 = 0.2;
/// See [`ENTER`].
pub const EXIT: f32 = 0.05;

/// What can be compared.
const STAGES: [&str; 9] =
    ["hop", "update", "level", "event-loop", "network", "replay", "forest", "python", "wire"];

/// Tickhawk beside its rivals.
#[derive(Parser)]
struct Args {
    /// What else this program does.
    #[command(subcommand)]
    command: Option<Command>,
    /// A recording of one Binance USD-M instrument, in files [default: the bundled one].
    #[arg(long)]
    recording: Vec<PathBuf>,
    /// The model [default: the bundled network].
    #[arg(long)]
    model: Option<PathBuf>,
    /// Only these: hop, update, level, event-loop, network, replay, forest, python, wire.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Pairs of blocks a comparison rests on.
    #[arg(long, default_value_t = 300)]
    pairs: usize,
    /// The program that serves on the wire [default: target/release/tickhawk, or as PATH has it].
    #[arg(long, value_name = "PATH")]
    tickhawk: Option<PathBuf>,
    /// Check that all come to the same, and time nothing.
    #[arg(long)]
    check: bool,
    /// Where the JSON report goes.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// The naive pipeline as a client of a WebSocket server, such as `tickhawk serve`; prints each
    /// signal's way as JSON.
    Client {
        /// `ws://host:port`.
        ws: String,
        /// `http://host:port`.
        rest: String,
        /// The instrument, in the venue's spelling.
        symbol: String,
        /// Its tick.
        tick_size: f64,
        /// Text frames to hear; without it, all.
        #[arg(long, default_value_t = u64::MAX)]
        frames: u64,
        /// Score on the task that receives, without a channel.
        #[arg(long)]
        inline: bool,
    },
    /// Prints where Tickhawk's ONNX Runtime is.
    #[command(hide = true)]
    Library,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(unknown) = args.only.iter().find(|name| !STAGES.contains(&name.as_str())) {
        bail!("`{unknown}` is none of {}", STAGES.join(", "));
    }
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let files = match args.recording.is_empty() {
        true => vec![root.join("replay-data/binance-futures.jsonl.zst")],
        false => args.recording,
    };
    let model = args.model.unwrap_or_else(|| root.join("models/mlp/1/model.onnx"));
    let model = model.canonicalize().with_context(|| format!("`{}`", model.display()))?;
    if let Some(Command::Library) = args.command {
        println!("{}", Runtime::load(&RuntimeOptions::default())?.path().display());
        return Ok(());
    }
    // Before pinning: its threads inherit that.
    naive::pipeline::start_onnx_runtime(&library()?)?;
    if let Some(Command::Client { ws, rest, symbol, tick_size, frames, inline }) = &args.command {
        let (tick_size, frames, inline) = (*tick_size, *frames, *inline);
        let endpoint = Endpoint { ws, rest, symbol, tick_size, frames, inline };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ways = runtime.block_on(naive::client::run(&endpoint, &model))?;
        println!("{}", serde_json::to_string(&ways)?);
        return Ok(());
    }
    let recording = Recording::load(&files)?;
    eprintln!(
        "{}: {} messages, {} bytes, of them {} of depth",
        recording.symbol,
        recording.received.len(),
        recording.bytes(),
        recording.depth.len()
    );
    let outcome = compare::check_update(&recording)?;
    eprintln!("all books agree: {outcome:?}");
    let scores = compare::check_replay(&recording, &model)?;
    eprintln!("all pipelines agree: {scores:?}");
    if args.check {
        return Ok(());
    }
    let bench =
        Bench { recording: &recording, model: &model, clock: Clock::new(), pairs: args.pairs };
    let (mut results, mut failed) = (Results::new(bench.clock.clone()), false);
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    for stage in STAGES.into_iter().filter(|stage| wanted(stage)) {
        eprintln!("{stage}");
        if let Err(error) = run(stage, &bench, args.tickhawk.as_deref(), &mut results) {
            failed = true;
            results.notes.push(format!("{stage} failed: {error:#}"));
        }
    }
    let surroundings = Surroundings::new(measuring_core());
    let recordings = files.iter().map(|file| file.display().to_string()).collect();
    let check = ClockCheck::measure(&bench.clock);
    let report = Report::new(results, surroundings, model.display().to_string(), recordings, check);
    print!("{report}");
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    ensure!(!failed, "not all of it could be measured; see the notes");
    Ok(())
}

fn run(
    stage: &str,
    bench: &Bench<'_>,
    tickhawk: Option<&Path>,
    results: &mut Results,
) -> Result<()> {
    match stage {
        "hop" => return compare::hop(bench, results),
        "python" => return python::replay(bench, &prepare()?, results),
        "wire" => return wire::run(bench, tickhawk, &prepare()?, results),
        _ => {}
    }
    // A thread of its own, pinned: what comes after it is not.
    let core = measuring_core();
    let python = (stage == "forest").then(prepare).transpose()?;
    let pinned = || {
        if let Some(failure) = core.and_then(|core| pin_to_core(core).err()) {
            eprintln!("not pinned: {failure}");
        }
        let mut results = Results::new(bench.clock.clone());
        match (stage, &python) {
            ("update", _) => compare::update(bench, &mut results)?,
            ("level", _) => compare::level(bench, &mut results)?,
            ("event-loop", _) => compare::event_loop(bench, &mut results)?,
            ("network", _) => compare::network(bench, &mut results)?,
            ("replay", _) => compare::replay(bench, &mut results)?,
            ("forest", Some(python)) => forest::run(bench, python, &mut results)?,
            _ => bail!("no stage `{stage}`"),
        }
        Ok((results.rows, results.goals, results.notes))
    };
    let measured = std::thread::scope(|scope| scope.spawn(pinned).join());
    let (rows, goals, notes) = measured.unwrap_or_else(|panic| resume_unwind(panic))?;
    results.rows.extend(rows);
    results.goals.extend(goals);
    results.notes.extend(notes);
    Ok(())
}

/// The core that what runs on one thread is pinned to.
fn measuring_core() -> Option<usize> {
    allowed_cores().last().copied()
}

/// Tickhawk's ONNX Runtime, for `ort` to load. A process has one environment of it, and here that is
/// the rival's: so another process asks.
fn library() -> Result<PathBuf> {
    let asked = std::process::Command::new(std::env::current_exe()?).arg("library").output()?;
    if !asked.status.success() {
        bail!("no ONNX Runtime: {}", String::from_utf8_lossy(&asked.stderr));
    }
    Ok(String::from_utf8(asked.stdout)?.trim().into())
}

/// The Python environment, beside what was built.
fn prepare() -> Result<Python> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("no folder")?.join("rivals-python");
    fs::create_dir_all(&folder)?;
    Python::prepare(&folder)
}
