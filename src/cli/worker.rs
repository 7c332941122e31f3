//! `tickhawk worker`: what a process that isolates its model gives its worker.

use super::EngineArgs;
use clap::Args;
use std::path::PathBuf;

/// `tickhawk worker`
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The model to serve.
    #[arg(long, value_name = "M")]
    pub model: PathBuf,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Pin the serving thread to this core.
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// The shared memory that holds the rings.
    #[arg(long, value_name = "NAME")]
    pub segment: String,
    /// The process to serve, whose end is this one's.
    #[arg(long, value_name = "PID")]
    pub parent: u32,
}
