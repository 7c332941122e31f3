//! `tickhawk backtest`: what the signals of a recording foretold, and what trading them would have made.

mod trade;

use crate::{
    Outcome,
    cli::backtest::{BacktestArgs, JudgeArgs},
    config::Config,
    ladder::{Ladder, ModelNames},
    report::{self, Complaints, notices_summary},
    run_report::RunReport,
    scoring::{Scoring, files_or_bundled},
    session::raw_only,
};
use anyhow::{Context, Error, Result};
use serde::Serialize;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};
use tickhawk_backtest::{
    judge::{JudgeOptions, Judgement, LatencyDistribution},
    lookahead::{Decided, Lookahead, Perturbed},
    page::{self, Page},
    tape::{Recorder, RecorderOptions, Tape},
};
use tickhawk_engine::{DecisionStage, Follower, Inline, MarketSink, MarketStage, Scored, Source};
use tickhawk_feature::FeatureFrame;
use tickhawk_latency::{ClockCheck, LatencyReport};
use tickhawk_market::{ConnectionId, InstrumentId, StaleCause, UnixNanos};
use tickhawk_signal::{ModelId, Tier};
use tickhawk_venue::{DecodeError, Venue};
use trade::{Timing, Traded, Trader};

/// The form of reports that this program writes.
const FORMAT: u32 = 1;

/// What `backtest --json` writes. `docs/outputs.md` explains every key.
#[derive(Serialize)]
struct BacktestReport<'a> {
    format: u32,
    judgement: &'a Judgement,
    trading: &'a [Traded],
    lookahead: Option<&'a Lookahead>,
    run: &'a RunReport,
}

/// Runs the command.
pub fn run(args: BacktestArgs) -> Result<Outcome> {
    let config = Config::resolve(&args.config, &args.scoring)?;
    let files = files_or_bundled(&args.files)?;
    if args.check_lookahead.is_some() {
        raw_only(&files, "`--check-lookahead`")?;
    }
    let mut options = judge_options(&args.judge, &config)?;
    options.check()?;
    let session = Session { args: &args, config: &config, files: &files };
    let scoring = session.open()?;
    eprintln!("{}: {} files; {}", scoring.venue, files.len(), scoring.described);
    options.model = primary(&scoring.names);
    let (venue, names, clock) = (scoring.venue, scoring.names.clone(), scoring.clock.clone());
    let run = session.follow(scoring, |recording| recording, &mut Said::default())?;
    let judgement = Judgement::new(&run.tape, &options)?;
    let trading = session.trade(venue, &run.tape)?;
    let lookahead = args.check_lookahead.map(|cuts| session.check_lookahead(&run, cuts));
    let lookahead = lookahead.transpose()?;

    let latency = LatencyReport::new(run.decision.histograms(), ClockCheck::measure(&clock));
    let (market, decision) = (&run.market, &run.decision);
    let replay = RunReport::new(&files, venue, &config, market, decision, &names, latency);
    eprint!("{judgement}");
    trade::tell(&trading);
    if let Some(found) = &lookahead {
        tell(found);
    }
    if let Some(path) = &args.json {
        let (judgement, trading) = (&judgement, &trading[..]);
        let (lookahead, run) = (lookahead.as_ref(), &replay);
        write_json(path, &BacktestReport { format: FORMAT, judgement, trading, lookahead, run })?;
    }
    if let Some(path) = &args.html {
        let page = page(&judgement, &run.tape, &trading, &replay)?;
        fs::write(path, page).with_context(|| format!("writing `{}`", path.display()))?;
    }
    notices_summary(&market.decoder_counts());
    report::feature_warnings(market, decision.model().contract().tick_size());
    if market.counts().frames == 0 {
        report::explain_no_frames(market);
        return Ok(Outcome::CheckFailed);
    }
    if run.tape.instruments.iter().all(|instrument| instrument.rows.is_empty()) {
        eprintln!("no signal to judge: none was made between `--from` and `--until`");
        return Ok(Outcome::CheckFailed);
    }
    let holds = lookahead.is_none_or(|found| found.holds);
    Ok(if holds { Outcome::Done } else { Outcome::CheckFailed })
}

/// What runs over the recording have in common.
struct Session<'a> {
    args: &'a BacktestArgs,
    config: &'a Config,
    files: &'a [PathBuf],
}

/// What is left of a run.
struct Run {
    market: MarketStage,
    decision: DecisionStage,
    tape: Tape,
    decided: Vec<Decided>,
    records: u64,
}

impl Session<'_> {
    fn open(&self) -> Result<Scoring> {
        let ladder = Ladder::load_beside(self.config, &self.args.judge.yardstick)?;
        Scoring::open(self.config, self.files, &self.args.venue, ladder)
    }

    /// Follows the recording, or what `through` makes of it, to its end. Whoever simulates trading
    /// follows beside the recorder.
    fn follow<S: Source<Error = Error>>(
        &self,
        scoring: Scoring,
        through: impl FnOnce(crate::session::Recording) -> S,
        said: &mut Said,
    ) -> Result<Run> {
        let Scoring { recording, market, decision, .. } = scoring;
        let mut recorder = Recorder::new(self.recorder_options(&market)?);
        let mut source = through(recording);
        let mut inline = Inline::new(market, decision);
        while let Some(record) = source.next_record().context("reading the recording")? {
            recorder.begin(record.received_at).context(KEEPING)?;
            inline.follow(&record, &mut (&mut recorder, &mut *said));
        }
        let records = recorder.records();
        let (mut tape, decided) = recorder.finish().context(KEEPING)?;
        for (kept, told) in tape.instruments.iter_mut().zip(inline.market.reports()) {
            kept.tick_size = told.tick_size;
        }
        Ok(Run { market: inline.market, decision: inline.decision, tape, decided, records })
    }

    /// Runs again, now that decimals and ticks are known, and trades the signals.
    fn trade(&self, venue: Venue, tape: &Tape) -> Result<Vec<Traded>> {
        if self.args.trade.policies.is_empty() {
            return Ok(Vec::new());
        }
        let timing = Timing {
            from: self.args.from.unwrap_or_default(),
            until: self.args.until.unwrap_or(UnixNanos::new(u64::MAX)),
            latency_ns: ns(self.args.judge.latency),
            gap_ns: ns(self.args.gap),
        };
        let (args, seed) = (&self.args.trade, self.args.judge.seed);
        let mut trader = Trader::new(args, venue, timing, seed, &tape.instruments)?;
        let Scoring { mut recording, market, decision, .. } = self.open()?;
        let mut inline = Inline::new(market, decision);
        while let Some(record) = recording.next_record().context("reading the recording")? {
            trader.begin(record.received_at)?;
            inline.follow(&record, &mut trader);
        }
        trader.finish()
    }

    fn recorder_options(&self, market: &MarketStage) -> Result<RecorderOptions> {
        let yardstick = &self.args.judge.yardstick;
        let place = market.plan().names().iter().position(|name| name == yardstick);
        Ok(RecorderOptions {
            quotes_max: self.args.max_quotes,
            gap_ns: ns(self.args.gap),
            from: self.args.from.unwrap_or_default(),
            until: self.args.until.unwrap_or(UnixNanos::new(u64::MAX)),
            yardstick: place.context("the plan has the yardstick")?,
            policy: self.config.policy,
            keep_decided: self.args.check_lookahead.is_some(),
        })
    }

    fn check_lookahead(&self, run: &Run, cuts: u32) -> Result<Lookahead> {
        let seed = self.args.judge.seed;
        Lookahead::check(&run.decided, run.records, cuts, seed, |cut, seed| {
            let through = |recording| Perturbed::new(recording, cut, seed);
            // What is wrong with a future that was made up is of no interest.
            let said = &mut Said::muted();
            let run = self.follow(self.open()?, through, said);
            Ok(run.context("running over a perturbed future")?.decided)
        })
    }
}

/// What was being done when a tape refuses.
const KEEPING: &str = "keeping quotes and signals\nhint: name fewer `--symbols`, judge the files one \
                       by one, or raise `--max-quotes`";

/// Says what is not the ordinary course.
#[derive(Default)]
struct Said {
    symbols: Vec<String>,
    complaints: Complaints,
    is_muted: bool,
}

impl Said {
    fn muted() -> Self {
        Self { is_muted: true, ..Self::default() }
    }
}

impl MarketSink for Said {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        self.symbols.push(symbol.to_owned());
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        if !self.is_muted {
            self.complaints.stale(&self.symbols[id.index()], cause);
        }
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        if !self.is_muted {
            self.complaints.malformed(connection, &error);
        }
    }
}

impl Follower for Said {
    fn scored(&mut self, _frame: &FeatureFrame, _scored: &Scored) {}
}

fn page(judgement: &Judgement, tape: &Tape, trading: &[Traded], run: &RunReport) -> Result<String> {
    let names: Vec<String> = trading.iter().map(|traded| traded.policy.to_string()).collect();
    let traded = trading.iter().zip(&names);
    let traded: Vec<_> = traded
        .map(|(traded, policy)| page::Traded {
            symbol: &traded.symbol,
            policy,
            report: &traded.report,
        })
        .collect();
    let (facts, latency) = (run.facts(), run.latency());
    let page = Page { facts: &facts, judgement, tape, traded: &traded, latency };
    Ok(page.html()?)
}

fn judge_options(args: &JudgeArgs, config: &Config) -> Result<JudgeOptions> {
    let usual = JudgeOptions::default();
    let sampled = args.latency_from.as_ref().map(|path| {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))?;
        LatencyDistribution::from_report(&text, &args.latency_series)
            .with_context(|| format!("`{}`", path.display()))
    });
    let latencies = args.latencies.as_ref();
    Ok(JudgeOptions {
        yardstick: args.yardstick.clone(),
        horizons: args.horizons.clone().unwrap_or(usual.horizons),
        decay: args.decay.clone().unwrap_or(usual.decay),
        latency_ns: ns(args.latency),
        latencies_ns: latencies
            .map_or(usual.latencies_ns, |all| all.iter().map(|latency| ns(*latency)).collect()),
        sampled: sampled.transpose()?,
        flat_bps: args.flat_bps,
        volatility_window_ns: ns(args.volatility_window),
        turns: args.turns,
        seed: args.seed,
        microprice: config.plan.microprice.clone(),
        ..usual
    })
}

/// The primary model's name and version.
fn primary(names: &ModelNames) -> String {
    let names = names.lock();
    let primary = names.get(&ModelId::first_of(Tier::Primary));
    primary.map_or("model".to_owned(), |name| format!("{}/{}", name.name, name.version))
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn tell(found: &Lookahead) {
    for row in &found.cuts {
        let verdict = match row.first_difference {
            None => "as before".to_owned(),
            Some(record) => format!("DIFFERENT from record {record} on"),
        };
        eprintln!(
            "future perturbed behind record {}: {} decisions before it {verdict}",
            row.records, row.decisions
        );
    }
    if !found.holds {
        eprintln!("something decided depends on what came after it");
    }
}

fn write_json(path: &Path, found: &BacktestReport<'_>) -> Result<()> {
    let text = sonic_rs::to_string_pretty(found)? + "\n";
    if path == Path::new("-") {
        let mut out = report::stdout();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    }
    fs::write(path, text).with_context(|| format!("writing `{}`", path.display()))
}
