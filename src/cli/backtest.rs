//! The command line of `tickhawk backtest`.

use super::{
    ConfigArgs, ScoringArgs, VenueArgs,
    parse::{parse_decimal, parse_duration, parse_instant},
};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{fmt, path::PathBuf, str::FromStr, time::Duration};
use tickhawk_backtest::{judge::Horizon, trade::QueueModel};
use tickhawk_market::{Decimal, UnixNanos};

/// `tickhawk backtest`
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// Recordings, in order, or a compiled one; without any, the bundled one.
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub venue: VenueArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub scoring: ScoringArgs,
    #[command(flatten)]
    pub judge: JudgeArgs,
    #[command(flatten)]
    pub trade: TradeArgs,
    /// Judge only signals received from this time on, such as 2024-07-19T00:02:36Z: what a model was
    /// trained on says nothing of what it foretells.
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    pub from: Option<UnixNanos>,
    /// Judge only signals received before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    pub until: Option<UnixNanos>,
    /// Silence of the whole recording after which no book is believed to be what it was: no label
    /// crosses it.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub gap: Duration,
    /// Book messages kept at most, 40 bytes each and as much again for its signal.
    #[arg(long, value_name = "N", default_value_t = 10_000_000,
          value_parser = clap::value_parser!(u64).range(1..=1 << 31))]
    pub max_quotes: u64,
    /// Run again over futures perturbed behind N cuts, and require every decision up to each cut to
    /// be what it was, bit for bit; exit code 1 if one is not.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "3",
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub check_lookahead: Option<u32>,
    /// Write all that was found as JSON; `-` is stdout.
    #[arg(long, value_name = "F|-")]
    pub json: Option<PathBuf>,
    /// Write one page with plots and tables that needs nothing else.
    #[arg(long, value_name = "F.html")]
    pub html: Option<PathBuf>,
}

/// How signals are judged.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// The feature the model is held against.
    #[arg(long, value_name = "NAME", default_value = "obi_5")]
    pub yardstick: String,
    /// How far ahead all is judged: receive time such as 100ms, or book messages such as 64u
    /// [default: 100ms,1s,10s].
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub horizons: Option<Vec<Horizon>>,
    /// More horizons for the decay curve
    /// [default: 10ms,30ms,300ms,3s,30s,60s,1u,10u,100u,1000u].
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub decay: Option<Vec<Horizon>>,
    /// How long after a signal its label begins, such as 500us.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration)]
    pub latency: Duration,
    /// Latencies whose cost is told beside that of none [default: 100us,1ms,10ms,100ms].
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = parse_duration)]
    pub latencies: Option<Vec<Duration>>,
    /// Draw a latency for each signal from what this report measured: of `replay --report`,
    /// `live --report` or `bench --json`.
    #[arg(long, value_name = "F.json")]
    pub latency_from: Option<PathBuf>,
    /// Which of its latencies: a stage, or the name of a curve of `bench`.
    #[arg(long, value_name = "NAME", default_value = "total")]
    pub latency_series: String,
    /// Returns as far from zero as this, in basis points, are of the class flat.
    #[arg(long, value_name = "BPS", default_value_t = 0.0)]
    pub flat_bps: f64,
    /// How far back past volatility looks.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub volatility_window: Duration,
    /// Times labels are turned against signals for the p-value.
    #[arg(long, value_name = "N", default_value_t = 199)]
    pub turns: u32,
    /// Seed of all that is drawn: latencies, orders of labels, perturbed futures.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// A policy by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PolicyName {
    /// Crosses the spread to hold what the decision says.
    Taker,
    /// Rests one order a side at the touch, the one that the decision warns of further away.
    Maker,
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taker => "taker",
            Self::Maker => "maker",
        })
    }
}

/// A latency, or where it was measured.
#[derive(Clone, Debug)]
pub enum LatencyOf {
    Constant(Duration),
    File(PathBuf),
}

impl FromStr for LatencyOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match parse_duration(text) {
            Ok(latency) => Ok(Self::Constant(latency)),
            Err(_) if text.ends_with(".csv") => Ok(Self::File(text.into())),
            Err(error) => Err(format!("{error}, or a file that ends in .csv")),
        }
    }
}

/// How signals are traded.
#[derive(Debug, Args)]
pub struct TradeArgs {
    /// Policies that trade the signals, each by itself; none unless asked for.
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_enum)]
    pub policies: Vec<PolicyName>,
    /// One quantity step [default: the smallest that the venue wrote].
    #[arg(long, value_name = "QTY", value_parser = parse_decimal)]
    pub lot: Option<Decimal>,
    /// Lots of one order.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub order_lots: i64,
    /// Lots that are held at most, long or short.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub position_lots: i64,
    /// Ticks by which a maker's order withdraws when the decision warns of it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub skew_ticks: u32,
    /// Loss, in the quote currency, after which a policy sells out and stops.
    #[arg(long, value_name = "AMOUNT")]
    pub loss_limit: Option<f64>,
    /// How a resting order's place in its queue is estimated: risk-averse, power:N, power2:N,
    /// power3:N, log or log2.
    #[arg(long, value_name = "MODEL", default_value = "risk-averse", value_parser = parse_queue)]
    pub queue: QueueModel,
    /// How long an order takes to the exchange, and its answer back: a time such as 5ms, or a file of
    /// what was measured, of lines `time_ns,latency_ns` or, to draw from, `latency_ns,count`, under
    /// that header. A signal is late by `--latency` before.
    #[arg(long, value_name = "TIME|F.csv", default_value = "0s")]
    pub order_latency: LatencyOf,
    /// How long ago what is received had happened at the exchange: the same.
    #[arg(long, value_name = "TIME|F.csv", default_value = "0s")]
    pub feed_latency: LatencyOf,
    /// What a fill of a resting order costs, in basis points [default: as known of the venue].
    #[arg(long, value_name = "BPS", allow_negative_numbers = true)]
    pub maker_fee_bps: Option<f64>,
    /// What a fill that takes costs, in basis points [default: as known of the venue].
    #[arg(long, value_name = "BPS", allow_negative_numbers = true)]
    pub taker_fee_bps: Option<f64>,
}

fn parse_queue(text: &str) -> Result<QueueModel, String> {
    let wanted = "wanted risk-averse, power:N, power2:N, power3:N, log or log2";
    let (name, power) = text.split_once(':').map_or((text, None), |(name, n)| (name, Some(n)));
    let power = power.map(str::parse::<f64>).transpose().map_err(|_| wanted)?;
    match (name, power) {
        ("risk-averse", None) => Ok(QueueModel::RiskAverse),
        ("power", Some(n)) => Ok(QueueModel::Power { n }),
        ("power2", Some(n)) => Ok(QueueModel::Power2 { n }),
        ("power3", Some(n)) => Ok(QueueModel::Power3 { n }),
        ("log", None) => Ok(QueueModel::Log),
        ("log2", None) => Ok(QueueModel::Log2),
        _ => Err(wanted.to_owned()),
    }
}
