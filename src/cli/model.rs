//! The commands on models.

use super::{
    EngineArgs,
    parse::{parse_decimal, parse_state},
};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use tickhawk_inference::State;
use tickhawk_market::Decimal;

/// `tickhawk model`
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: ModelCommand,
}

/// What to do with a model.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Write a contract into an ONNX file.
    ///
    /// Example: tickhawk model stamp raw.onnx --out models/obi/1/model.onnx --features obi_5,
    /// spread_ticks --label mid_sign --horizon-ms 1000 --tick-size 0.10
    Stamp(StampArgs),
    /// Check a model's contract, and that its golden table comes out on this machine.
    ///
    /// Example: tickhawk model check models/obi/1/model.onnx --json
    Check(ModelCheckArgs),
    /// Say what is in a model file: contract, inputs, outputs, operators. Needs no ONNX Runtime.
    ///
    /// Example: tickhawk model inspect models/obi/1/model.onnx
    Inspect(InspectModelArgs),
    /// Measure what a run of a model takes on this machine.
    ///
    /// Example: tickhawk model bench models/obi/1/model.onnx --runs 100000
    Bench(BenchModelArgs),
    /// Check a model, measure it, put it into a models folder and put it to use.
    ///
    /// Example: tickhawk model promote trained.onnx --name obi --budget-us 50
    Promote(PromoteArgs),
    /// Put the version to use again that was before the one in use.
    ///
    /// Example: tickhawk model rollback obi
    Rollback(RollbackArgs),
    /// List the models of a folder, their versions, and which is in use.
    ///
    /// Example: tickhawk model list --models models
    List(ListArgs),
}

/// `tickhawk model stamp`
#[derive(Debug, Args)]
pub struct StampArgs {
    /// The ONNX file.
    pub model: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "F.onnx")]
    pub out: PathBuf,
    /// The model's inputs by name, in order.
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    pub features: Vec<String>,
    /// What the model predicts, in a word.
    #[arg(long)]
    pub label: String,
    /// How far ahead it predicts.
    #[arg(long, value_name = "MS")]
    pub horizon_ms: u64,
    /// The tick its features were computed with.
    #[arg(long, value_name = "SIZE", value_parser = parse_decimal)]
    pub tick_size: Option<Decimal>,
    /// An output that is an input of the next run, both by name: zeros at an epoch's beginning.
    /// Repeat it for each.
    #[arg(long, value_name = "OUT=IN", value_parser = parse_state)]
    pub state: Vec<State>,
    /// Inputs of the golden table, as a JSON array of arrays; without it, seeded numbers. A model
    /// with state runs them in order.
    #[arg(long, value_name = "F.json")]
    pub golden_inputs: Option<PathBuf>,
}

/// `tickhawk model check`
#[derive(Debug, Args)]
pub struct ModelCheckArgs {
    /// The ONNX file.
    pub model: PathBuf,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk model inspect`
#[derive(Debug, Args)]
pub struct InspectModelArgs {
    /// The ONNX file.
    pub model: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk model bench`
#[derive(Debug, Args)]
pub struct BenchModelArgs {
    /// The ONNX file.
    pub model: PathBuf,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Runs to time, on each engine.
    #[arg(long, value_name = "N", default_value_t = 20_000,
          value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    pub runs: u32,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk model promote`
#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// The ONNX file; one that lies in the models folder stays where it is.
    pub model: PathBuf,
    /// The models folder.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// The model's name; without it, that of `models/<name>/<version>/model.onnx`, else the file's.
    #[arg(long)]
    pub name: Option<String>,
    /// The version's name; without it, one above the highest number there.
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Refuse it if the 99th percentile of its runs on this machine takes longer.
    #[arg(long, value_name = "US", value_parser = clap::value_parser!(u32).range(1..))]
    pub budget_us: Option<u32>,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk model rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The model's name.
    pub name: String,
    /// The models folder.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk model list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The models folder.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// One JSON line a model.
    #[arg(long)]
    pub json: bool,
}
