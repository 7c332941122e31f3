//! `tickhawk verify`: does a replay of what live recorded conclude what live concluded?

use crate::{
    Outcome as Ended,
    cli::{
        ConfigArgs, EngineArgs, ScoringArgs,
        live::{FeedArgs, VerifyArgs},
    },
    config::Config,
    ladder::Ladder,
    lanes::Lane,
    recording_run::RunModels,
    report,
    session::Recording,
};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::io::Write;
use tickhawk_capture::{OutcomeReader, Run, runs};
use tickhawk_engine::{
    DecisionStage, Haste, MarketSink, MarketStage, Outcome, Record, Scorer, Source, Swap,
};
use tickhawk_feature::FeatureFrame;
use tickhawk_inference::Engine;
use tickhawk_latency::Clock;
use tickhawk_market::InstrumentId;
use tickhawk_signal::{ModelId, Tier};

/// Runs the command.
pub fn run(args: VerifyArgs) -> Result<Ended> {
    let folder = args.folder.display();
    let runs = runs(&args.folder).with_context(|| format!("looking into `{folder}`"))?;
    if runs.is_empty() {
        bail!("`{folder}` holds no run\nhint: name the folder given to `live --record`");
    }
    let mut out = report::stdout();
    let mut all_agree = true;
    for run in &runs {
        let verdict =
            verify(run, args.engine).with_context(|| format!("verifying run `{}`", run.name))?;
        all_agree &= verdict.agrees;
        if args.json {
            writeln!(out, "{}", sonic_rs::to_string(&verdict)?)?;
        } else {
            verdict.print(&mut out)?;
        }
    }
    out.flush()?;
    Ok(if all_agree { Ended::Done } else { Ended::CheckFailed })
}

/// What came of one run.
#[derive(Serialize)]
struct Verdict {
    run: String,
    agrees: bool,
    frames: u64,
    compared: u64,
    signals: u64,
    unscored: u64,
    beyond: u64,
    swaps: u64,
    divergence: Option<Divergence>,
    notes: Vec<String>,
}

/// The first difference.
#[derive(Clone, Serialize)]
struct Divergence {
    symbol: String,
    number: u64,
    what: String,
    recorded: String,
    replayed: String,
}

fn verify(run: &Run, engine: EngineArgs) -> Result<Verdict> {
    if run.outcomes.is_empty() {
        bail!(
            "it was recorded without a model, so there is nothing to compare\nhint: `live \
             --record` records what `verify` needs; `replay` and `inspect` read this run"
        );
    }
    let path = run.folder.join(format!("{}.toml", run.name));
    let scoring = ScoringArgs { model: None, engine };
    let config = Config::resolve(&ConfigArgs { config: Some(path), tick_size: None }, &scoring)?;
    let lanes = Lane::resolve(&config, &FeedArgs::default())?;
    let [lane] = lanes.as_slice() else { bail!("its config has {} lanes, wanted 1", lanes.len()) };
    let ladder = Ladder::load(&config)?;
    let plan = ladder.plan.clone();
    let names = plan.names().to_vec();
    let (mut recording, venue) = Recording::open(&run.recordings, Some(lane.venue))?;
    let outcomes = OutcomeReader::open(&run.outcomes)?;
    let clock = Clock::new();
    let options = lane.market_options(&config, ladder.tick_size);
    let mut market = MarketStage::new(options, plan, clock.clone());
    let mut judge = Judge {
        decision: ladder.stage(Haste::Patient, clock.clone())?,
        clock: clock.clone(),
        outcomes,
        next: None,
        names,
        symbols: Vec::new(),
        verdict: Verdict::new(&run.name),
        damage: None,
        models: RunModels { folder: run.folder.clone(), run: run.name.clone() },
        asked_engine: engine.engine,
        engine: config.engine,
        before: None,
        missing: None,
    };
    judge.advance();
    while let Some(Record { connection, received_at, input }) =
        recording.next_record().context("reading the recording")?
    {
        market.step(connection, received_at, clock.now(), input, &mut judge);
        if judge.is_over() {
            break;
        }
    }
    recording.close();
    debug_assert_eq!(venue, lane.venue);
    judge.conclude(recording.is_cut())
}

/// Replays the second step beside the log of the first time.
struct Judge {
    decision: DecisionStage,
    clock: Clock,
    outcomes: OutcomeReader,
    next: Option<Outcome>,
    names: Vec<String>,
    symbols: Vec<String>,
    verdict: Verdict,
    /// A record of the log that is none.
    damage: Option<String>,
    /// Where the models are that were swapped in.
    models: RunModels,
    /// What a flag has models run on.
    asked_engine: Option<Engine>,
    /// What the model runs on that the run began with.
    engine: Engine,
    /// The model replaced last: live, too, goes back to it.
    before: Option<Swap>,
    /// A model that was swapped in and cannot be had.
    missing: Option<anyhow::Error>,
}

impl Judge {
    fn advance(&mut self) {
        self.next = match self.outcomes.next_record().map(Outcome::read) {
            None => None,
            Some(Ok(outcome)) => Some(outcome),
            Some(Err(error)) => {
                self.damage = Some(error.to_string());
                None
            }
        };
    }

    fn is_over(&self) -> bool {
        self.verdict.divergence.is_some() || self.missing.is_some()
    }

    /// Puts the model in place that was put there before this frame, by its number.
    fn swap(&mut self, tier: Tier, id: ModelId) -> Result<()> {
        let swap = match self.before.take_if(|swap| (swap.tier, swap.id) == (tier, id)) {
            Some(swap) => swap,
            None => {
                let model = self.models.load(id, self.asked_engine, self.engine)?;
                Swap { tier, id, scorer: Scorer::Model(Box::new(model)) }
            }
        };
        let model = swap.scorer.model().context("a rule is never swapped in")?;
        self.decision.swaps().check(tier, model)?;
        self.decision.replace(swap);
        self.before = self.decision.swaps().retired();
        self.verdict.swaps += 1;
        Ok(())
    }

    fn diverged(&mut self, outcome: &Outcome, what: &str, recorded: String, replayed: String) {
        let id = outcome.frame.instrument();
        self.verdict.divergence = Some(Divergence {
            symbol: self.symbols.get(id.index()).cloned().unwrap_or_else(|| "?".to_owned()),
            number: outcome.frame.number(),
            what: what.to_owned(),
            recorded,
            replayed,
        });
    }

    fn conclude(mut self, recording_is_cut: bool) -> Result<Verdict> {
        if let Some(missing) = self.missing.take() {
            return Err(missing.context("putting the model in place that live changed to"));
        }
        if let Some(damage) = self.damage.take() {
            bail!("the log of outcomes cannot be read on: {damage}");
        }
        let is_cut = !self.outcomes.warnings().is_empty();
        let warnings = self.outcomes.warnings().iter();
        self.verdict.notes.extend(warnings.map(ToString::to_string));
        while let Some(outcome) = self.next.take().filter(|_| !self.is_over()) {
            self.verdict.beyond += 1;
            if !recording_is_cut && !is_cut {
                let text = "no such frame".to_owned();
                self.diverged(&outcome, "frame", "scored".to_owned(), text);
            }
            self.advance();
        }
        if self.verdict.beyond > 0 && !self.is_over() {
            let beyond = self.verdict.beyond;
            self.verdict.notes.push(format!(
                "{beyond} outcomes rest on inputs that were not yet written when the run ended"
            ));
        }
        if self.verdict.compared == 0 {
            self.verdict.notes.push("no frame was scored: nothing was compared".to_owned());
        }
        self.verdict.agrees = self.verdict.divergence.is_none();
        Ok(self.verdict)
    }
}

impl MarketSink for Judge {
    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        self.symbols.push(symbol.to_owned());
    }

    fn frame(&mut self, frame: &FeatureFrame) {
        if self.is_over() {
            return;
        }
        self.verdict.frames += 1;
        let Some(recorded) = self.next.take() else {
            self.verdict.unscored += 1;
            return;
        };
        let same_book = recorded.frame.instrument() == frame.instrument();
        if !same_book || recorded.frame.number() > frame.number() {
            // Live's ring was lapped: this frame was never scored.
            self.verdict.unscored += 1;
            self.next = Some(recorded);
            return;
        }
        if let Some((tier, id)) = recorded.choice.swapped
            && let Err(error) = self.swap(tier, id)
        {
            self.missing = Some(error);
            return;
        }
        let answered = recorded.conclusion.map(|conclusion| conclusion.tier);
        let scored = self.decision.repeat(frame, self.clock.now(), recorded.choice, answered);
        let replayed = Outcome::new(frame, &scored);
        self.verdict.compared += 1;
        self.verdict.signals += u64::from(scored.signal.is_some());
        if let Some(difference) = recorded.difference(&replayed, &self.names) {
            self.diverged(&recorded, &difference.what, difference.recorded, difference.replayed);
        }
        self.advance();
    }
}

impl Verdict {
    fn new(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            agrees: false,
            frames: 0,
            compared: 0,
            signals: 0,
            unscored: 0,
            beyond: 0,
            swaps: 0,
            divergence: None,
            notes: Vec::new(),
        }
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let word = if self.agrees { "agrees" } else { "DIFFERS" };
        writeln!(
            out,
            "{}: {word}: {} frames replayed, {} compared bit for bit, {} signals, {} never scored",
            self.run, self.frames, self.compared, self.signals, self.unscored
        )?;
        if let Some(Divergence { symbol, number, what, recorded, replayed }) = &self.divergence {
            writeln!(out, "  first at frame {number} of {symbol}: {what}")?;
            writeln!(out, "    recorded {recorded}")?;
            writeln!(out, "    replayed {replayed}")?;
        }
        for note in &self.notes {
            writeln!(out, "  note: {note}")?;
        }
        Ok(())
    }
}
