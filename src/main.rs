//! Order books in, ONNX signals out, and proof of how fast.

mod backtest;
mod bench;
mod books;
mod challenger;
mod check;
mod cli;
mod compile;
mod config;
mod convert;
mod doctor;
mod features;
mod inspect;
mod ladder;
mod lanes;
mod listener;
mod live;
mod model;
mod recording_run;
mod reload;
mod replay;
mod report;
mod run_report;
mod scoring;
mod serve;
mod session;
mod shutdown;
mod simulate;
mod source;
mod tuning;
mod verify;
mod watch;
mod worker;

use clap::Parser;
use cli::{Cli, Command};
use mimalloc::MiMalloc;
use std::process::ExitCode;
use tickhawk_engine::ReadyAllocator;
use tickhawk_harness::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator<ReadyAllocator<MiMalloc>> =
    CountingAllocator(ReadyAllocator(MiMalloc));

/// How a command that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// All well.
    Done,
    /// It ran, but a check failed; what and why is on stderr.
    CheckFailed,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Replay(args) => replay::run(args),
        Command::Backtest(args) => backtest::run(*args),
        Command::Live(args) => live::run(args),
        Command::Record(args) => live::record(args),
        Command::Verify(args) => verify::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Features(args) => features::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Compile(args) => compile::run(args),
        Command::Model(args) => model::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Check(args) => check::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Worker(args) => worker::run(args),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Err(error) if report::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", report::causes(&error));
            if replay::is_hung_library(&error) {
                // An ordinary exit would wait for the library that hangs.
                std::process::abort();
            }
            ExitCode::from(2)
        }
    }
}
