//! The command line of `tickhawk bench`.

use super::{
    VenueArgs,
    parse::{parse_cores, positive},
};
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
    /// A server's write to the signal: `serve` in another process, a real socket between.
    ///
    /// Synthetic messages of Binance futures at steady rates, over a WebSocket of tokio-tungstenite
    /// that is polled without sleeping or waited for by epoll, with read buffers of 4, 16 (without
    /// more said) and 64 KiB; the same messages from memory, by the same schedule; and a bare socket
    /// whose frames are counted and no more. Rows `-to-frame` end where a frame is in user space.
    ///
    /// Example: tickhawk bench loopback --rate 2000,20000 --seconds 10
    #[command(verbatim_doc_comment)]
    Loopback(LoopbackArgs),
    /// Bytes to signals as fast as they go: a closed loop; and book and features from the decoded
    /// form. Of a compiled recording, that alone.
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

/// `tickhawk bench loopback`
#[derive(Debug, Args)]
pub struct LoopbackArgs {
    /// Messages a second, one rate after the other.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = RATES,
          value_parser = rate)]
    pub rate: Vec<f64>,
    /// How long each client listens, once its features are valid.
    #[arg(long, value_name = "S", default_value_t = 4.0, value_parser = seconds)]
    pub seconds: f64,
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Messages a second where nobody says otherwise: a busy market, and ten of them.
pub const RATES: [f64; 2] = [2_000.0, 20_000.0];

/// What a measurement takes.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// One recording, of `bench replay` also a compiled one; without any, the bundled ones.
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub venue: VenueArgs,
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
    #[command(flatten)]
    pub report: ReportArgs,
}

/// On what, and where the figures go.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The model; without one, the bundled network.
    #[arg(long, value_name = "M")]
    pub model: Option<PathBuf>,
    /// A TOML config; what its `[tuning]` says is asked of the host.
    #[arg(long, value_name = "F")]
    pub config: Option<PathBuf>,
    /// The core to measure on, and the one to hand frames to, or to serve on; without them the first
    /// two.
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

/// A rate that a server can keep: a million a second is beyond any.
fn rate(text: &str) -> Result<f64, String> {
    within(text, 1.0, 1_000_000.0)
}

/// An hour is beyond any patience, and the stamps of it fit into memory.
fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.1, 3_600.0)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    match positive(text)? {
        number if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a number from {least} to {most} is needed")),
    }
}
