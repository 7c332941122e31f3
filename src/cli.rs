//! The command line.

pub mod backtest;
pub mod bench;
pub mod live;
pub mod model;
mod parse;
mod worker;

use backtest::BacktestArgs;
use bench::BenchArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use live::{LiveArgs, RecordArgs, ServeArgs, VerifyArgs};
use model::ModelArgs;
use parse::{parse_cores, parse_decimal, parse_engine};
use std::path::PathBuf;
use tickhawk_inference::Engine;
use tickhawk_market::Decimal;
use tickhawk_venue::Venue;
pub use worker::WorkerArgs;

/// Order books in, ONNX signals out, and proof of how fast.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Score a recording with a model, through the steps live trading uses.
    ///
    /// Example: tickhawk replay btcusdt_20240718.gz btcusdt_20240719.gz --venue binance-futures
    /// --model models/mlp/1/model.onnx --signals signals.jsonl
    Replay(ReplayArgs),
    /// Judge a model's signals on a recording: what they foretold of prices at several horizons, with
    /// intervals, beside one feature alone, what latency takes of it, and what trading would have made.
    ///
    /// Example: tickhawk backtest btcusdt_20240718.gz btcusdt_20240719.gz --venue binance-futures
    /// --from 2024-07-19T00:02:36Z --json judged.json
    Backtest(Box<BacktestArgs>),
    /// Score the live feed of a venue: connect, keep the books right, record, signal.
    ///
    /// Example: tickhawk live --venue binance-futures --symbols BTCUSDT,ETHUSDT --record today/
    /// --signals signals.jsonl
    Live(LiveArgs),
    /// Record a live feed without scoring it.
    ///
    /// Example: tickhawk record --venue kraken --symbols BTC/USD --record kraken/ --for 1h
    Record(RecordArgs),
    /// Replay what a live run recorded, and compare every frame's features, score and signal with
    /// what live emitted, bit for bit.
    ///
    /// Example: tickhawk verify today/
    Verify(VerifyArgs),
    /// Play recordings, or a synthetic market, as the venue: its WebSocket and its REST endpoints.
    ///
    /// Example: tickhawk serve KRAKEN.ws.50.0 --venue kraken --pace 20 --seed 7 --faults drop=0.001
    Serve(ServeArgs),
    /// Build the books of a recording and print what became of each, with digests of its path.
    ///
    /// Example: tickhawk inspect KRAKEN.ws.50.0 --venue kraken --json
    Inspect(InspectArgs),
    /// Write the exact feature frames a model would see, as Parquet.
    ///
    /// Example: tickhawk features btcusdt_20240718.gz --venue binance-futures --tick-size 0.1 --out
    /// btcusdt.parquet
    Features(FeaturesArgs),
    /// Write a recording of a seeded synthetic market in a venue's wire format.
    ///
    /// Example: tickhawk simulate --venue okx --seed 7 --seconds 60 --out okx.jsonl.zst
    Simulate(SimulateArgs),
    /// Rewrite recordings in another container.
    ///
    /// Example: tickhawk convert session.jsonl.zst --to hftbacktest --out converted/
    Convert(ConvertArgs),
    /// Decode recordings once and for all: into one file that `replay`, `features`, `inspect` and
    /// `bench replay` take in a recording's place, without reading JSON, and with the same results.
    ///
    /// The file holds what came of decoding with these flags and this config. A run that would have
    /// decoded otherwise (other symbols, other limits of books, ticks finer than the prices) refuses
    /// it and says what differs. It is for this version of the program and this kind of machine:
    /// keep the recording.
    ///
    /// Example: tickhawk compile btcusdt_20240718.gz btcusdt_20240719.gz --venue binance-futures
    /// --out btcusdt.decoded
    Compile(CompileArgs),
    /// Stamp, inspect, check, measure, promote and roll back models.
    ///
    /// Example: tickhawk model promote trained.onnx --name obi --budget-us 50
    Model(ModelArgs),
    /// Measure every step beside what else could be used, and the whole as a user would see it.
    ///
    /// Example: tickhawk bench all --json > bench.json
    Bench(BenchArgs),
    /// Print the resolved config and where each value came from; check model and cores. Connects
    /// nowhere.
    ///
    /// Example: tickhawk check --config tickhawk.toml
    Check(CheckArgs),
    /// Say what this host is, and what it lacks for low latency.
    ///
    /// Example: tickhawk doctor --json
    Doctor(DoctorArgs),
    /// Run a model for the process that started this one. Not for people.
    #[command(hide = true)]
    Worker(WorkerArgs),
}

/// Which recordings, and what of them.
#[derive(Debug, Args)]
pub struct RecordingArgs {
    /// Recordings, in order: hftbacktest collector files, cryptofeed captures, Tickhawk's own, bare
    /// JSON lines; gz or zst.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub venue: VenueArgs,
}

/// Whose messages, and which instruments.
#[derive(Clone, Debug, Default, Args)]
pub struct VenueArgs {
    /// Whose messages they are.
    #[arg(long, value_name = "SLUG")]
    pub venue: Option<Venue>,
    /// The only instruments to take, in the venue's own spelling.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub symbols: Option<Vec<String>>,
}

/// The model, the features and the rest of the config.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// A TOML config; flags stand over it.
    #[arg(long, value_name = "F")]
    pub config: Option<PathBuf>,
    /// The tick of every instrument whose own the config does not name, such as 0.10.
    #[arg(long, value_name = "SIZE", value_parser = parse_decimal)]
    pub tick_size: Option<Decimal>,
}

/// What scores, and on what.
#[derive(Clone, Debug, Default, Args)]
pub struct ScoringArgs {
    /// The model; without one, the config's, else the bundled one.
    #[arg(long, value_name = "M")]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// What a model runs on.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct EngineArgs {
    /// What the model runs on: `auto` is the native engine where it can, else ONNX Runtime.
    #[arg(long, value_name = "auto|native|onnxruntime", value_parser = parse_engine)]
    pub engine: Option<Engine>,
}

/// `tickhawk replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recordings, in order; without any, the bundled one.
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub venue: VenueArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub scoring: ScoringArgs,
    /// Who calls the two steps.
    #[arg(long, value_enum, default_value_t = Runner::Inline)]
    pub runner: Runner,
    /// Pin the threads of the threaded runner: the market thread's core and the inference thread's.
    #[arg(long, value_name = "M,I", value_parser = parse_cores)]
    pub cores: Option<tickhawk_engine::Cores>,
    /// Where signals go, as JSON lines; `-` is stdout. Without it, the first few are shown.
    #[arg(long, value_name = "F|-")]
    pub signals: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "F.json")]
    pub report: Option<PathBuf>,
    /// Write one HdrHistogram percentile file a stage into this folder.
    #[arg(long, value_name = "DIR")]
    pub hgrm: Option<PathBuf>,
}

/// Who calls the two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Runner {
    /// One thread does both.
    Inline,
    /// A market thread and an inference thread with the ring between; every frame is scored.
    Threaded,
}

/// `tickhawk inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub recording: RecordingArgs,
    /// One JSON line per instrument, sorted by symbol, instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk features`
#[derive(Debug, Args)]
pub struct FeaturesArgs {
    #[command(flatten)]
    pub recording: RecordingArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Take the feature list of this model instead of the config's.
    #[arg(long, value_name = "M")]
    pub model: Option<PathBuf>,
    /// The Parquet file to write.
    #[arg(long, value_name = "F.parquet")]
    pub out: PathBuf,
}

/// `tickhawk simulate`
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The venue whose wire format to write.
    #[arg(long, value_name = "SLUG")]
    pub venue: Venue,
    /// How many of the synthetic instruments to list.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=3))]
    pub instruments: u8,
    /// The same seed gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How long a stretch of market time.
    #[arg(long, value_name = "S", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Market events, in thousandths of each instrument's own pace.
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub intensity_permille: u32,
    /// The recording to write.
    #[arg(long, value_name = "F.jsonl.zst")]
    pub out: PathBuf,
}

/// `tickhawk convert`
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Recordings, in order.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The container to write.
    #[arg(long, value_enum)]
    pub to: Container,
    /// The folder (hftbacktest: one gz a symbol and day) or file (tickhawk) to write.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
}

/// `tickhawk compile`
#[derive(Debug, Args)]
pub struct CompileArgs {
    #[command(flatten)]
    pub recording: RecordingArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Let prices carry the decimals of this model's tick. Needed only where the first prices of the
    /// recording show fewer than that.
    #[arg(long, value_name = "M")]
    pub model: Option<PathBuf>,
    /// The file to write; it must not be there yet.
    #[arg(long, value_name = "F")]
    pub out: PathBuf,
}

/// A container of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Container {
    /// gz files of `<receive ns> <json>` lines, as hftbacktest's converter reads them.
    Hftbacktest,
    /// zstd lines of Tickhawk's own, with connection events and REST replies.
    Tickhawk,
}

/// `tickhawk check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub scoring: ScoringArgs,
    /// Cores that a run would pin its threads to.
    #[arg(long, value_name = "M,I", value_parser = parse_cores)]
    pub cores: Option<tickhawk_engine::Cores>,
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// As one JSON object.
    #[arg(long)]
    pub json: bool,
}
