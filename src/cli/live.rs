//! The commands with sockets.

use super::{
    ConfigArgs, EngineArgs, ScoringArgs, VenueArgs,
    parse::{parse_duration, parse_pace, parse_pins, positive},
};
use clap::Args;
use std::{net::IpAddr, path::PathBuf, time::Duration};
use tickhawk_simulator::{FaultPlan, Pace};
use tickhawk_venue::Venue;

/// Which feed, and how it is taken.
#[derive(Clone, Debug, Default, Args)]
pub struct FeedArgs {
    #[command(flatten)]
    pub venue: VenueArgs,
    /// Another WebSocket address than the venue's, such as ws://127.0.0.1:9000.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Another REST address than the venue's; with `--endpoint` and without this, nothing is asked
    /// by REST.
    #[arg(long, value_name = "URL")]
    pub rest: Option<String>,
    /// Trust the certificate authorities of this PEM file too.
    #[arg(long, value_name = "F.pem")]
    pub ca: Option<PathBuf>,
    /// 2 subscribes twice and takes whichever copy comes first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2))]
    pub connections: Option<u16>,
    /// Pin the market thread and the inference thread to these cores; `none` leaves them to the
    /// host. Without it, the last two this process may use.
    #[arg(long, value_name = "M,I|none", value_parser = parse_pins)]
    pub cores: Option<Pins>,
    /// Never sleep while waiting for a frame.
    #[arg(long)]
    pub busy_poll: bool,
    /// Stop after so long: 90s, 15m, 24h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub run_for: Option<Duration>,
    /// Stop when the venue closes every connection normally.
    #[arg(long)]
    pub exit_on_close: bool,
    /// Go on trying when the first connection cannot be made.
    #[arg(long)]
    pub retry: bool,
    /// At the end, write what `inspect --json` would print of the books.
    #[arg(long, value_name = "F.json")]
    pub books: Option<PathBuf>,
}

/// Which cores the threads of a lane are pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pins {
    /// The host's choice.
    None,
    /// These.
    Cores(tickhawk_engine::Cores),
}

/// `tickhawk live`
#[derive(Debug, Args)]
pub struct LiveArgs {
    #[command(flatten)]
    pub feed: FeedArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub scoring: ScoringArgs,
    /// Score with the version in use of this model, and follow it: what is promoted or rolled back
    /// there while this runs is put in place between two frames.
    #[arg(long, value_name = "DIR/NAME", conflicts_with = "model")]
    pub watch: Option<PathBuf>,
    /// Score the same frames with this model too, beside the one in use, and report how they agree.
    #[arg(long, value_name = "M")]
    pub challenger: Option<PathBuf>,
    /// Record into this folder all that `verify` needs.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Where signals go, as JSON lines; `-` is stdout. Without it, the first few are shown.
    #[arg(long, value_name = "F|-")]
    pub signals: Option<PathBuf>,
    /// Write the report as JSON.
    #[arg(long, value_name = "F.json")]
    pub report: Option<PathBuf>,
}

/// `tickhawk record`
#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    pub feed: FeedArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The folder to record into.
    #[arg(long, value_name = "DIR")]
    pub record: PathBuf,
}

/// `tickhawk verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// What `live --record` wrote.
    pub folder: PathBuf,
    /// Another engine than the one that ran: bits may differ then.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// As one JSON object a run.
    #[arg(long)]
    pub json: bool,
}

/// `tickhawk serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Recordings, in order; without any, a synthetic market.
    pub files: Vec<PathBuf>,
    /// Which venue to be; a recording of ours names it itself.
    #[arg(long, value_name = "SLUG")]
    pub venue: Option<Venue>,
    /// Port of the WebSocket; 0 takes a free one.
    #[arg(long, value_name = "P", default_value_t = 0)]
    pub port: u16,
    /// Port of REST; 0 takes a free one.
    #[arg(long, value_name = "Q", default_value_t = 0)]
    pub rest_port: u16,
    /// Address to listen on.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// How many times faster than recorded, or `max`.
    #[arg(long, value_name = "N|max", value_parser = parse_pace, default_value = "1")]
    pub pace: Pace,
    /// Send so many messages a second instead, evenly, to some microseconds; it takes a core.
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "pace")]
    pub rate: Option<f64>,
    /// Write when each frame went to the kernel, by a clock that all processes share.
    #[arg(long, value_name = "F.csv")]
    pub written: Option<PathBuf>,
    /// Pin it to this core.
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// The process whose end is this one's.
    #[arg(long, value_name = "PID", hide = true)]
    pub parent: Option<u32>,
    /// Of the faults and of the synthetic market.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// What goes wrong and how often, such as drop=0.001,reset=0.0001 or all=0.0005; see
    /// docs/serve.md.
    #[arg(long, value_name = "SPEC")]
    pub faults: Option<FaultPlan>,
    /// Write a JSON line for each fault.
    #[arg(long, value_name = "F")]
    pub log: Option<PathBuf>,
    /// How long the synthetic market goes on.
    #[arg(long, value_name = "S", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Certificate chain as PEM: speak TLS, with `--tls-key`.
    #[arg(long, value_name = "F.pem", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key as PEM.
    #[arg(long, value_name = "F.pem", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

impl ServeArgs {
    /// How fast it is to play.
    pub fn pace(&self) -> Pace {
        self.rate.map_or(self.pace, Pace::Rate)
    }
}
