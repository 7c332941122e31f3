//! `tickhawk worker`: the process that runs a model when it is isolated. It prints nothing on stdout.

use crate::{Outcome, cli::WorkerArgs};
use anyhow::Result;
use tickhawk_engine::pin_to_core;
use tickhawk_inference::{Model, RuntimeOptions, WorkerError, serve_worker};

/// Runs the command.
pub fn run(args: WorkerArgs) -> Result<Outcome> {
    let served = serve_worker(&args.segment, args.parent, || {
        let engine = args.engine.engine.unwrap_or_default();
        let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
        let model = Model::load(&args.model, &options)?;
        // Threads that the runtime starts inherit the affinity, so it comes after them.
        if let Some(Err(error)) = args.core.map(pin_to_core) {
            eprintln!("warning: the worker serves from wherever it is put: {error}");
        }
        Ok(model)
    });
    match served {
        Ok(()) => Ok(Outcome::Done),
        // The parent has been told, and says so.
        Err(WorkerError::Model(_)) => Ok(Outcome::CheckFailed),
        Err(error) => Err(error.into()),
    }
}
