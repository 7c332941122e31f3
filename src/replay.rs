//! `tickhawk replay`: a recording through both steps to signals.

use crate::{
    Outcome,
    cli::{ReplayArgs, Runner},
    config::Config,
    ladder::{Ladder, ModelNames},
    listener::SignalWriter,
    report::{self, notices_summary},
    run_report::RunReport,
    scoring::{Scoring, files_or_bundled},
    session::Recording,
    tuning::{Threads, Tuned},
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use tickhawk_engine::{
    DecisionStage, Inline, MarketStage, ThreadedOptions, run_threaded, take_precedence,
};
use tickhawk_inference::{InferenceError, LibraryError, Model, RuntimeOptions};
use tickhawk_latency::{Clock, ClockCheck, LatencyReport, Stage};
use tickhawk_venue::Venue;

/// The model that is used when none is named.
pub const BUNDLED_MODEL: &str = "models/mlp/1/model.onnx";

/// Signals that are shown when they are written nowhere.
const SHOWN: u64 = 5;

/// Runs the command.
pub fn run(args: ReplayArgs) -> Result<Outcome> {
    let config = Config::resolve(&args.config, &args.scoring)?;
    let files = files_or_bundled(&args.files)?;
    // Whoever replays in a hurry never sleeps.
    let spinning = if args.runner == Runner::Threaded { 2 } else { 1 };
    let threads = Threads { spinning, has_sockets: false, waits_to_score: false };
    let tuned = config.tuning.apply(threads);
    let scoring = Scoring::open(&config, &files, &args.venue, Ladder::load(&config)?)?;
    let Scoring { venue, mut recording, market, decision, names, clock, described } = scoring;
    eprintln!("{venue}: {} files; {described}", files.len());
    let (out, shown): (Box<dyn Write>, _) = match &args.signals {
        Some(path) => (open_signals(path)?, u64::MAX),
        None => (Box::new(report::stdout()), SHOWN),
    };
    let writer = SignalWriter::new(out, shown, venue, names.clone());
    let run = run_stages(&args, &mut recording, market, decision, writer, tuned)?;
    recording.close();
    finish(&args, &config, &files, venue, &run, &names, &clock)
}

/// What is left of a run.
struct Run {
    market: MarketStage,
    decision: DecisionStage,
    signals: u64,
    tuned: Tuned,
}

fn run_stages(
    args: &ReplayArgs,
    recording: &mut Recording,
    market: MarketStage,
    decision: DecisionStage,
    mut writer: SignalWriter<Box<dyn Write>>,
    tuned: Tuned,
) -> Result<Run> {
    let reading = "reading the recording";
    let realtime_priority = tuned.realtime_priority;
    let (market, decision) = match args.runner {
        Runner::Inline => {
            realtime_priority.map_or(Ok(()), take_precedence)?;
            let mut inline = Inline::new(market, decision);
            while inline.step_source(recording, &mut writer, &mut ()).context(reading)? {
                if writer.failed() {
                    break;
                }
            }
            (inline.market, inline.decision)
        }
        Runner::Threaded => {
            let options =
                ThreadedOptions { cores: args.cores, realtime_priority, ..Default::default() };
            let outcome =
                run_threaded(recording, market, decision, options, &mut writer, (), &mut ());
            for failure in &outcome.pin_failures {
                eprintln!("warning: {failure}");
            }
            if let Some(error) = outcome.source_error {
                return Err(error).context(reading);
            }
            (outcome.market, outcome.decision)
        }
    };
    let signals = writer.finish().context("writing signals")?;
    Ok(Run { market, decision, signals, tuned })
}

fn finish(
    args: &ReplayArgs,
    config: &Config,
    files: &[PathBuf],
    venue: Venue,
    run: &Run,
    names: &ModelNames,
    clock: &Clock,
) -> Result<Outcome> {
    let latency = LatencyReport::new(run.decision.histograms(), ClockCheck::measure(clock));
    let replay = RunReport::new(files, venue, config, &run.market, &run.decision, names, latency)
        .tuned(&run.tuned);
    if args.signals.is_none() && run.signals > SHOWN {
        eprintln!("… {} signals more; `--signals -` writes all", run.signals - SHOWN);
    }
    eprint!("{replay}");
    if let Some(path) = &args.report {
        let text = sonic_rs::to_string_pretty(&replay)?;
        fs::write(path, text + "\n").with_context(|| format!("writing `{}`", path.display()))?;
    }
    if let Some(folder) = &args.hgrm {
        write_hgrm(folder, &run.decision)
            .with_context(|| format!("writing into `{}`", folder.display()))?;
    }
    notices_summary(&run.market.decoder_counts());
    report::feature_warnings(&run.market, run.decision.model().contract().tick_size());
    if run.market.counts().frames == 0 {
        report::explain_no_frames(&run.market);
        return Ok(Outcome::CheckFailed);
    }
    if run.signals == 0 {
        eprintln!(
            "no signal: in {} frames the features of the model were never all valid, or it failed",
            run.market.counts().frames
        );
        return Ok(Outcome::CheckFailed);
    }
    Ok(Outcome::Done)
}

/// Where signals go.
pub fn open_signals(path: &Path) -> Result<Box<dyn Write + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(std::io::stdout())));
    }
    let file = File::create(path).with_context(|| format!("creating `{}`", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}

/// One percentile file a stage, in nanoseconds, as HdrHistogram's plotters read them.
fn write_hgrm(folder: &Path, decision: &DecisionStage) -> Result<()> {
    fs::create_dir_all(folder)?;
    for stage in Stage::ALL {
        let file = File::create(folder.join(format!("{}.hgrm", stage.name())))?;
        let mut out = BufWriter::new(file);
        decision.histograms().stage(stage).write_hgrm(&mut out, 1.0)?;
        out.flush()?;
    }
    Ok(())
}

/// The model the config names, else the bundled one.
pub fn load_model(config: &Config) -> Result<Model> {
    if let Some(followed) = &config.watch {
        let engine = config.engine;
        return followed.load(&RuntimeOptions { engine, ..RuntimeOptions::default() });
    }
    let path = match &config.model {
        Some(path) => path.clone(),
        None => bundled(BUNDLED_MODEL)?,
    };
    Ok(Model::load(&path, &RuntimeOptions { engine: config.engine, ..RuntimeOptions::default() })?)
}

/// Whether loading ONNX Runtime hung, in which case its thread is still inside it.
pub fn is_hung_library(error: &anyhow::Error) -> bool {
    let hung = |error: &InferenceError| {
        matches!(error, InferenceError::Library(LibraryError::TimedOut { .. }))
    };
    error.downcast_ref::<InferenceError>().is_some_and(hung)
}

/// A file of the repository: from the working directory, else from where this was built.
pub fn bundled(path: &str) -> Result<PathBuf> {
    let here = PathBuf::from(path);
    if here.exists() {
        return Ok(here);
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    anyhow::ensure!(
        built.exists(),
        "the bundled `{path}` is not here\nhint: run from the repository, or name a file"
    );
    Ok(built)
}
