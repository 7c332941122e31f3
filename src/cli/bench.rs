//! The command line of `tickhawk bench`.

use super::{VenueArgs, parse::parse_cores};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use tickhawk_engine::Cores;

/// `tickhawk bench`
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct BenchArgs {
    /// What to measure.
    #[command(subcommand)]
    pub what: BenchCommand,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// A venue's bytes to updates in integer ticks and lots, beside sonic-rs.
    Decode(MeasureArgs),
    /// Levels into a book, beside the standard library's tree.
    Book(MeasureArgs),
    /// The default set of features, beside computing each anew.
    Features(MeasureArgs),
    /// Cache lines an instrument's updates touch, counted by valgrind.
    Memory(MeasureArgs),
    /// A feature frame from core to core, beside bare cache lines and a queue.
    Handoff(MeasureArgs),
    /// Features to scores, beside ONNX Runtime's own C call.
    Inference(MeasureArgs),
    /// Bytes to signals in an open loop, as they come in time.
    Pipeline(MeasureArgs),
    /// Bytes to signals as fast as they go: a closed loop.
    Replay(MeasureArgs),
    /// All of these.
    All(MeasureArgs),
    /// Hold one report against an earlier one; exit code 1 if something is surely slower.
    ///
    /// Example: tickhawk bench compare old.json new.json --goals-only
    Compare(CompareArgs),
    /// Print a report's goals as a Markdown table, as README.md has it.
    Table(TableArgs),
    /// Run the steps for valgrind to count. Not for people.
    #[command(hide = true)]
    Probe(MeasureArgs),
}

/// `tickhawk bench table`
#[derive(Debug, Args)]
pub struct TableArgs {
    /// A report, as `--json` wrote it.
    pub report: PathBuf,
}

/// What a measurement takes.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// One recording; without any, the bundled ones.
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub venue: VenueArgs,
    /// The model; without one, the bundled network.
    #[arg(long, value_name = "M")]
    pub model: Option<PathBuf>,
    /// A TOML config; what its `[tuning]` says is asked of the host.
    #[arg(long, value_name = "F")]
    pub config: Option<PathBuf>,
    /// Messages a second of the pipeline's open loop.
    #[arg(long, value_name = "N", default_value_t = 10_000.0, conflicts_with_all = ["pace", "closed"],
          value_parser = positive)]
    pub rate: f64,
    /// Send the pipeline's messages by the recording's own gaps, so many times as fast.
    #[arg(long, value_name = "N", conflicts_with = "closed", value_parser = positive)]
    pub pace: Option<f64>,
    /// Send each of the pipeline's messages when the one before is through.
    #[arg(long)]
    pub closed: bool,
    /// How long the pipeline is run with each engine.
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = positive)]
    pub seconds: f64,
    /// Pairs of blocks a comparison rests on.
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(40..=100_000))]
    pub pairs: u32,
    /// The core to measure on, and the one to hand frames to; without them the first two.
    #[arg(long, value_name = "M,I", value_parser = parse_cores)]
    pub cores: Option<Cores>,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Write the report as one HTML file that needs nothing else.
    #[arg(long, value_name = "F.html")]
    pub html: Option<PathBuf>,
    /// Write one HdrHistogram percentile file a distribution into this folder.
    #[arg(long, value_name = "DIR")]
    pub hgrm: Option<PathBuf>,
}

/// `tickhawk bench compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The earlier report, as `--json` wrote it.
    pub old: PathBuf,
    /// The report held against it; several count as one.
    #[arg(required = true)]
    pub new: Vec<PathBuf>,
    /// How much slower is borne: 0.1 is a tenth, beyond both intervals.
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub threshold: f64,
    /// Only goals, which are ratios: for reports of different machines.
    #[arg(long)]
    pub goals_only: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("a number above zero is needed".to_owned()),
    }
}
