//! `tickhawk bench`: what each step costs, and what a user would see.

use crate::{
    Outcome,
    cli::{
        ConfigArgs, ScoringArgs,
        bench::{
            BenchArgs, BenchCommand, CompareArgs, LoopbackArgs, MeasureArgs, RATES, ReportArgs,
        },
    },
    config::Config,
    replay::{BUNDLED_MODEL, bundled},
    report, session,
    tuning::{Threads, Tuned},
};
use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
};
use tickhawk_decoded::Reader;
use tickhawk_engine::{allowed_cores, pin_to_core, take_precedence};
use tickhawk_harness::{
    Bench, Loop, LoopbackOptions, PipelineOptions, Recorded, Report, Results, Stage,
    callgrind::Prober, compare, host::Surroundings, probe,
};
use tickhawk_inference::ModelFile;
use tickhawk_latency::{Clock, ClockCheck};

/// The recordings that are measured on when none is named, the first one for all stages.
const BUNDLED: [&str; 6] = ["binance-futures", "binance", "bybit", "okx", "coinbase", "kraken"];

/// How long a client of the loopback listens where all stages are measured, as a part of what the
/// pipeline takes: eight of them listen, and the whole is to take as long as the pipeline.
const LOOPBACK_PART: f64 = 0.1;

/// Runs the command.
pub fn run(args: BenchArgs) -> Result<Outcome> {
    let (stages, args) = match args.what {
        BenchCommand::Decode(args) => (vec![Stage::Decode], args),
        BenchCommand::Book(args) => (vec![Stage::Book], args),
        BenchCommand::Features(args) => (vec![Stage::Features], args),
        BenchCommand::Memory(args) => (vec![Stage::Memory], args),
        BenchCommand::Handoff(args) => (vec![Stage::Handoff], args),
        BenchCommand::Inference(args) => (vec![Stage::Inference], args),
        BenchCommand::Pipeline(args) => (vec![Stage::Pipeline], args),
        BenchCommand::Loopback(args) => return loopback(&args),
        BenchCommand::Replay(args) => (vec![Stage::Replay], args),
        BenchCommand::All(args) => (Stage::ALL.to_vec(), args),
        BenchCommand::Compare(args) => return held_against(&args),
        BenchCommand::Table(args) => {
            let mut out = report::stdout();
            write!(out, "{}", read(&args.report)?.markdown())?;
            out.flush()?;
            return Ok(Outcome::Done);
        }
        BenchCommand::Probe(args) => return run_probe(&args),
    };
    let form = session::compiled(&args.files)?;
    if form.is_some() && stages != [Stage::Replay] {
        session::raw_only(&args.files, "every stage of `bench` but `replay`")?;
    }
    let recordings = match form {
        Some(_) => Vec::new(),
        None => recordings(&args)?,
    };
    let bench = Bench {
        recordings: &recordings,
        pairs: args.pairs as usize,
        pipeline: PipelineOptions { sent: sent(&args), seconds: args.seconds },
        loopback: Some(LoopbackOptions {
            program: env::current_exe()?,
            rates_per_s: RATES.to_vec(),
            seconds: LOOPBACK_PART * args.seconds,
        }),
        prober: Some(prober(&args)?),
        ..bench(&args.report)?
    };
    measure(&stages, form, &bench, &args.report)
}

fn loopback(args: &LoopbackArgs) -> Result<Outcome> {
    let bench = Bench {
        loopback: Some(LoopbackOptions {
            program: env::current_exe()?,
            rates_per_s: args.rate.clone(),
            seconds: args.seconds,
        }),
        ..bench(&args.report)?
    };
    measure(&[Stage::Loopback], None, &bench, &args.report)
}

/// Of no recording.
fn bench(args: &ReportArgs) -> Result<Bench<'static>> {
    Ok(Bench {
        recordings: &[],
        clock: Clock::new(),
        cores: cores(args),
        pairs: 0,
        pipeline: PipelineOptions::default(),
        loopback: None,
        model: model(args)?,
        prober: None,
    })
}

fn sent(args: &MeasureArgs) -> Loop {
    match (args.closed, args.pace) {
        (true, _) => Loop::Closed,
        (false, Some(times)) => Loop::Pace(times),
        (false, None) => Loop::Rate(args.rate),
    }
}

/// Measures, and tells.
fn measure(
    stages: &[Stage],
    form: Option<&Path>,
    bench: &Bench<'_>,
    args: &ReportArgs,
) -> Result<Outcome> {
    let told = ConfigArgs { config: args.config.clone(), tick_size: None };
    let config = Config::resolve(&told, &ScoringArgs::default())?;
    let threads = Threads { spinning: 1, has_sockets: false, waits_to_score: false };
    let tuned = config.tuning.apply(threads);
    let mut surroundings = Surroundings::new(bench.cores.map(|[core, _]| core));
    surroundings.tuning = tuned.summary();
    let mut results = Results::new(bench.clock.clone());
    for stage in stages {
        eprintln!("measuring {}", stage.name());
        on_its_core(*stage, form, bench, &tuned, &mut results)?;
    }
    if let Some(folder) = &args.hgrm {
        results
            .write_hgrm(folder)
            .with_context(|| format!("writing into `{}`", folder.display()))?;
    }
    let names = match form {
        Some(file) => vec![file.display().to_string()],
        None => bench.recordings.iter().map(|recorded| recorded.name.clone()).collect(),
    };
    let model = bench.model.path().display().to_string();
    let check = ClockCheck::measure(&bench.clock);
    let measured = Report::new(results, surroundings, model, names, check);
    if let Some(path) = &args.html {
        let page = measured.html()?;
        fs::write(path, page).with_context(|| format!("writing `{}`", path.display()))?;
    }
    let mut out = report::stdout();
    match args.json {
        true => writeln!(out, "{}", sonic_rs::to_string_pretty(&measured)?)?,
        false => write!(out, "{measured}")?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// The run that valgrind counts, of which stdout tells how often each step was run.
fn run_probe(args: &MeasureArgs) -> Result<Outcome> {
    let files = match args.files.is_empty() {
        true => vec![bundled_recording(BUNDLED[0])?],
        false => args.files.clone(),
    };
    let recorded = Recorded::read(&files, args.venue.venue)?;
    let mut out = report::stdout();
    for (step, items) in probe::run(&recorded, &model(&args.report)?)? {
        writeln!(out, "{step} {items}")?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// This program, told to run it on the same input.
fn prober(args: &MeasureArgs) -> Result<Prober> {
    let program = env::current_exe().context("finding this program")?;
    let mut arguments: Vec<OsString> = vec!["bench".into(), "probe".into()];
    arguments.extend(args.files.iter().map(OsString::from));
    if let Some(venue) = args.venue.venue {
        arguments.extend(["--venue".into(), venue.slug().into()]);
    }
    if let Some(model) = &args.report.model {
        arguments.extend(["--model".into(), model.into()]);
    }
    Ok(Prober { program, arguments })
}

/// Measures one stage on a thread of its own: this one keeps all cores, so that the two threads of a
/// handoff, and the two processes of the loopback, inherit them and find theirs. Those have no
/// priority either: they never sleep.
fn on_its_core(
    stage: Stage,
    form: Option<&Path>,
    bench: &Bench<'_>,
    tuned: &Tuned,
    results: &mut Results,
) -> Result<()> {
    let measured = thread::scope(|scope| {
        let measure = || -> Result<()> {
            let is_on_one = !matches!(stage, Stage::Handoff | Stage::Loopback);
            if let (Some([core, _]), true) = (bench.cores, is_on_one) {
                pin_to_core(core)?;
                tuned.realtime_priority.map_or(Ok(()), take_precedence)?;
            }
            if results.rows.is_empty() {
                Stage::base(bench, results);
            }
            match form {
                Some(file) => {
                    let forms = [Reader::open(file)?, Reader::open(file)?];
                    Ok(bench.replay_form(forms, results)?)
                }
                None => Ok(stage.run(bench, results)?),
            }
        };
        scope.spawn(measure).join()
    });
    measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn model(args: &ReportArgs) -> Result<ModelFile> {
    let path = args.model.clone().map_or_else(|| bundled(BUNDLED_MODEL), Ok)?;
    Ok(ModelFile::read(path)?)
}

fn bundled_recording(name: &str) -> Result<PathBuf> {
    bundled(&format!("replay-data/{name}.jsonl.zst"))
}

fn recordings(args: &MeasureArgs) -> Result<Vec<Recorded>> {
    if !args.files.is_empty() {
        return Ok(vec![Recorded::read(&args.files, args.venue.venue)?]);
    }
    BUNDLED.iter().map(|name| Ok(Recorded::read(&[bundled_recording(name)?], None)?)).collect()
}

/// The cores asked for, else the first two there are.
fn cores(args: &ReportArgs) -> Option<[usize; 2]> {
    if let Some(cores) = args.cores {
        return Some([cores.market, cores.inference]);
    }
    match allowed_cores()[..] {
        [first, second, ..] => Some([first, second]),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Report> {
    let text = fs::read(path).with_context(|| format!("reading `{}`", path.display()))?;
    sonic_rs::from_slice(&text)
        .with_context(|| format!("`{}` is no report of `tickhawk bench --json`", path.display()))
}

fn held_against(args: &CompareArgs) -> Result<Outcome> {
    let old = read(&args.old)?;
    let reports: Vec<Report> = args.new.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let new = reports.into_iter().reduce(Report::joined).context("no report to compare")?;
    let regression = compare(&old, &new, args.threshold, args.goals_only);
    let mut out = report::stdout();
    for change in &regression.changes {
        let verdict = if change.is_regression { "SLOWER" } else { "" };
        let (before, after) = (change.before, change.after);
        let ratio = match before == after {
            true => 1.0,
            false => after / before,
        };
        writeln!(out, "{:<46} {before:>9.4} {after:>9.4} {ratio:>6.3} {verdict}", change.name)?;
    }
    for name in &regression.gone {
        writeln!(out, "{name:<46} is no longer measured")?;
    }
    out.flush()?;
    let bad = regression.found() || !regression.gone.is_empty();
    Ok(if bad { Outcome::CheckFailed } else { Outcome::Done })
}
