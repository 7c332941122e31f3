//! `tickhawk live` and `tickhawk record`: a venue's feed through the steps that replay uses.

use crate::{
    Outcome,
    books::{self, Paths},
    challenger::ChallengerRow,
    cli::{
        ScoringArgs,
        live::{FeedArgs, LiveArgs, RecordArgs},
    },
    config::Config,
    ladder::{Ladder, ModelNames},
    lanes::Lane,
    listener::{LaneOut, LiveListener, SharedOut, SignalWriter},
    recording_run::{RecordingRun, RunFiles, RunSummary},
    reload::{self, Changes, Told},
    replay,
    report::{self, notices_summary},
    run_report::{FeedRow, RunReport},
    shutdown,
    source::LiveSource,
    tuning::{Threads, Tuned},
    watch::{Watched, Watcher},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
    thread,
};
use tickhawk_engine::{
    Challenger, DecisionStage, Haste, MarketStage, Source, ThreadedOptions, ThreadedOutcome,
    run_threaded, take_precedence,
};
use tickhawk_feature::{FeaturePlan, PlanOptions};
use tickhawk_feed::{Client, ClientOptions, FeedError, SocketOptions};
use tickhawk_inference::RuntimeOptions;
use tickhawk_latency::{Clock, ClockCheck, LatencyReport};

/// Signals that are shown when they are written nowhere.
const SHOWN: u64 = 5;

/// Runs `tickhawk live`.
pub fn run(args: LiveArgs) -> Result<Outcome> {
    let mut config = Config::resolve(&args.config, &args.scoring)?;
    if let Some(path) = &args.watch {
        config.follow(path)?;
    }
    if let Some(path) = &args.challenger {
        config.challenger.take(std::path::absolute(path)?);
    }
    let lanes = Lane::resolve(&config, &args.feed)?;
    // Inference threads never sleep.
    let spinning = lanes.len() + lanes.iter().filter(|lane| lane.busy_poll).count();
    let threads = Threads { spinning, has_sockets: true, waits_to_score: true };
    let tuned = config.tuning.apply(threads);
    let stop = shutdown::install()?;
    let (out, shown) = match &args.signals {
        Some(path) => (replay::open_signals(path)?, u64::MAX),
        None => (Box::new(std::io::stdout()) as Box<dyn std::io::Write + Send>, SHOWN),
    };
    let out: SharedOut = Arc::new(Mutex::new(out));
    let (feed, scoring) = (args.feed.clone(), args.scoring.clone());
    let changes = reload::watch(Told { config: args.config.clone(), scoring, feed }, &lanes)?;
    let run = |lane: &Lane, changes: Changes| -> Result<LaneRun> {
        let run = LiveLane::start(lane, &config, &args, &stop, &tuned)?;
        run.run(&out, shown, changes).with_context(|| format!("in the lane of {}", lane.venue))
    };
    let runs = run_lanes(&lanes, changes, &stop, run)?;
    finish(&args, &runs)
}

/// Runs `tickhawk record`.
pub fn record(args: RecordArgs) -> Result<Outcome> {
    let config = Config::resolve(&args.config, &ScoringArgs::default())?;
    let lanes = Lane::resolve(&config, &args.feed)?;
    let spinning = lanes.iter().filter(|lane| lane.busy_poll).count();
    let threads = Threads { spinning, has_sockets: true, waits_to_score: false };
    let tuned = config.tuning.apply(threads);
    let stop = shutdown::install()?;
    let feed = args.feed.clone();
    let changes = reload::watch(
        Told { config: args.config.clone(), scoring: ScoringArgs::default(), feed },
        &lanes,
    )?;
    let run = |lane: &Lane, changes| record_lane(lane, &config, &args, &stop, &tuned, changes);
    let runs = run_lanes(&lanes, changes, &stop, run)?;
    let mut rows = Vec::new();
    let mut right = true;
    for (market, paths, recorded) in &runs {
        rows.extend(books::rows(market, paths));
        right &= recorded.say();
        notices_summary(&market.decoder_counts());
    }
    books::write(args.feed.books.as_deref(), rows)?;
    Ok(if right { Outcome::Done } else { Outcome::CheckFailed })
}

/// One lane on this thread, several on a thread each. The first that fails stops the others.
fn run_lanes<T: Send>(
    lanes: &[Lane],
    changes: Vec<Changes>,
    stop: &AtomicBool,
    run: impl Fn(&Lane, Changes) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let mut lanes = lanes.iter().zip(changes);
    if lanes.len() == 1 {
        return lanes.map(|(lane, changes)| run(lane, changes)).collect();
    }
    thread::scope(|scope| {
        let run = &run;
        let spawn = |(lane, changes)| {
            scope.spawn(move || {
                let run = run(lane, changes);
                if run.is_err() {
                    stop.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                run
            })
        };
        let threads: Vec<_> = lanes.by_ref().map(spawn).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<T>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

/// What is left of a lane's run.
struct LaneRun {
    report: RunReport,
    books: Vec<books::Row>,
    right: bool,
}

/// A lane that is about to run.
struct LiveLane<'a> {
    lane: &'a Lane,
    config: &'a Config,
    args: &'a LiveArgs,
    stop: &'a Arc<AtomicBool>,
    market: MarketStage,
    decision: DecisionStage,
    names: ModelNames,
    budget_ns: Option<u64>,
    challenger: Option<Challenger>,
    clock: Clock,
    client: Client,
    recording: Option<RecordingRun>,
    tuned: &'a Tuned,
}

impl<'a> LiveLane<'a> {
    fn start(
        lane: &'a Lane,
        config: &'a Config,
        args: &'a LiveArgs,
        stop: &'a Arc<AtomicBool>,
        tuned: &'a Tuned,
    ) -> Result<Self> {
        let ladder = Ladder::load_live(config)?;
        eprintln!("{}: {}; {}", lane.venue, lane.symbols.join(", "), ladder.describe());
        let recording = match &args.record {
            Some(folder) => Some(RecordingRun::start(folder, lane, config, Some(&ladder))?),
            None => None,
        };
        let client = start_client(lane, &args.feed, stop, tuned)?;
        let clock = Clock::new();
        let options = lane.market_options(config, ladder.tick_size);
        let market = MarketStage::new(options, ladder.plan.clone(), clock.clone());
        let (names, budget_ns) = (ladder.names.clone(), ladder.budget_ns());
        let challenger = config.challenger.load(config, ladder.plan.names())?;
        let decision = ladder.stage(Haste::Live, clock.clone())?;
        Ok(Self {
            lane,
            config,
            args,
            stop,
            market,
            decision,
            names,
            budget_ns,
            challenger,
            clock,
            client,
            recording,
            tuned,
        })
    }

    fn run(self, out: &SharedOut, shown: u64, changes: Changes) -> Result<LaneRun> {
        let Self { lane, config, args, stop, market, decision, names, .. } = self;
        let Self { budget_ns, mut challenger, clock, client, recording, tuned, .. } = self;
        let writer = SignalWriter::new(LaneOut(Arc::clone(out)), shown, lane.venue, names.clone());
        let mut listener = LiveListener::new(writer, Arc::clone(stop));
        let watcher = config.watch.as_ref().map(|followed| {
            Watcher::start(Watched {
                followed: followed.clone(),
                venue: lane.venue,
                model: decision.model(),
                budget_ns,
                options: RuntimeOptions { engine: config.engine, ..RuntimeOptions::default() },
                inference: config.ladder.inference.clone(),
                swaps: decision.swaps(),
                names: names.clone(),
                kept_in: recording.as_ref().map(RecordingRun::models),
            })
        });
        let (mut recorder, mut outcomes, files) = match recording {
            Some(run) => run.split(),
            None => Default::default(),
        };
        let mut source = LiveSource::new(client, recorder.take(), lane.venue, changes);
        let mut watch = books::Watch(args.feed.books.is_some().then(Paths::default));
        let max_batch = config.ladder.max_batch()?;
        let options = ThreadedOptions {
            cores: lane.cores,
            realtime_priority: tuned.realtime_priority,
            lossy: true,
            must_pin: true,
            max_batch,
            keep_warm: tuned.keep_warm,
        };
        let outcome = run_threaded(
            &mut source,
            market,
            decision,
            options,
            &mut listener,
            (&mut outcomes, &mut challenger),
            &mut watch,
        );
        drop(watcher);
        drop(outcomes);
        let feed = FeedRow::new(&source, &outcome);
        drop(source);
        let recorded = files.map(RunFiles::finish);
        let signals = listener.finish().context("writing signals")?;
        let ThreadedOutcome { market, decision, .. } = check(outcome)?;
        let latency = LatencyReport::new(decision.histograms(), ClockCheck::measure(&clock));
        let right = recorded.as_ref().is_none_or(RunSummary::say);
        if shown != u64::MAX && signals > shown {
            eprintln!("… {} signals more; `--signals -` writes all", signals - shown);
        }
        let report = RunReport::new(&[], lane.venue, config, &market, &decision, &names, latency)
            .live(feed, recorded, challenger.map(ChallengerRow::new))
            .tuned(tuned);
        notices_summary(&market.decoder_counts());
        report::feature_warnings(&market, decision.model().contract().tick_size());
        if market.counts().frames == 0 {
            report::explain_no_frames(&market);
        }
        let books = watch.0.map_or(Vec::new(), |paths| books::rows(&market, &paths));
        Ok(LaneRun { report, books, right })
    }
}

/// What stopped it, if it did not end.
fn check<E: Into<FeedError>>(mut outcome: ThreadedOutcome<E>) -> Result<ThreadedOutcome<E>> {
    if let Some(failure) = outcome.pin_failures.first() {
        bail!("{failure}\nhint: `--cores none` runs unpinned; `tickhawk doctor` tells of cores");
    }
    match outcome.source_error.take() {
        Some(error) => Err(error.into().into()),
        None => Ok(outcome),
    }
}

fn start_client(
    lane: &Lane,
    args: &FeedArgs,
    stop: &Arc<AtomicBool>,
    tuned: &Tuned,
) -> Result<Client> {
    let seed = u64::from(std::process::id());
    Ok(Client::start(ClientOptions {
        plan: lane.plan(args, seed),
        ca: lane.ca.clone(),
        busy_poll: lane.busy_poll,
        socket: SocketOptions { busy_poll_us: tuned.busy_poll_us, ..Default::default() },
        run_for: args.run_for,
        stop: Arc::clone(stop),
    })?)
}

fn record_lane(
    lane: &Lane,
    config: &Config,
    args: &RecordArgs,
    stop: &Arc<AtomicBool>,
    tuned: &Tuned,
    changes: Changes,
) -> Result<(MarketStage, Paths, RunSummary)> {
    let run = RecordingRun::start(&args.record, lane, config, None)?;
    eprintln!(
        "{}: recording {} into `{}`",
        lane.venue,
        lane.symbols.join(", "),
        args.record.display()
    );
    let client = start_client(lane, &args.feed, stop, tuned)?;
    // The books are kept so that what is wrong with them is asked for afresh; nothing is scored.
    let plan = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default())?;
    let clock = Clock::new();
    let mut market = MarketStage::new(lane.market_options(config, None), plan, clock.clone());
    let (recorder, _, files) = run.split();
    let mut source = LiveSource::new(client, recorder, lane.venue, changes);
    let mut paths = Paths::default();
    let mut wants = Vec::new();
    tuned.realtime_priority.map_or(Ok(()), take_precedence)?;
    let ended = loop {
        match source.next_record() {
            Ok(Some(record)) => {
                let mut sink = books::Wanting { paths: &mut paths, wants: &mut wants };
                market.step(
                    record.connection,
                    record.received_at,
                    clock.now(),
                    record.input,
                    &mut sink,
                );
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        source.stepped(&market, &mut wants);
        wants.clear();
    };
    drop(source);
    let summary = files.map(RunFiles::finish).context("a recording run has files")?;
    ended?;
    Ok((market, paths, summary))
}

fn finish(args: &LiveArgs, runs: &[LaneRun]) -> Result<Outcome> {
    for run in runs {
        eprint!("{}", run.report);
    }
    if let Some(path) = &args.report {
        let reports: Vec<_> = runs.iter().map(|run| &run.report).collect();
        let text = match reports.as_slice() {
            [report] => sonic_rs::to_string_pretty(report)?,
            reports => sonic_rs::to_string_pretty(reports)?,
        };
        write_text(path, text + "\n")?;
    }
    let rows = runs.iter().flat_map(|run| run.books.iter().cloned()).collect();
    books::write(args.feed.books.as_deref(), rows)?;
    let right = runs.iter().all(|run| run.right);
    Ok(if right { Outcome::Done } else { Outcome::CheckFailed })
}

fn write_text(path: &Path, text: String) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing `{}`", path.display()))
}
