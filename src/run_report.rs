//! The report of a run: replayed or live.

mod tiers;

use crate::{
    challenger::ChallengerRow,
    config::Config,
    ladder::ModelNames,
    recording_run::RunSummary,
    report::{stale_cause_word, tick_text},
    source::LiveSource,
    tuning::{Tuned, TuningRow},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};
use tickhawk_engine::{DecisionStage, InstrumentReport, LinkReport, MarketStage, ThreadedOutcome};
use tickhawk_feed::ClientCounts;
use tickhawk_inference::Model;
use tickhawk_latency::{LatencyReport, StageReport};
use tickhawk_venue::Venue;
use tiers::TierRow;

/// What `replay` and `live` report. `docs/outputs.md` explains every key.
#[derive(Serialize)]
pub struct RunReport {
    venue: &'static str,
    files: Vec<String>,
    model: ModelRow,
    tiers: Vec<TierRow>,
    config: ConfigRow,
    counts: CountsRow,
    instruments: Vec<InstrumentRow>,
    feed: Option<FeedRow>,
    recording: Option<RunSummary>,
    challenger: Option<ChallengerRow>,
    tuning: TuningRow,
    latency: LatencyReport,
}

#[derive(Serialize)]
struct ModelRow {
    name: String,
    version: String,
    engine: String,
    sha256: String,
    schema: String,
    label: String,
    horizon_ms: u64,
    features: Vec<String>,
}

#[derive(Serialize)]
struct ConfigRow {
    enter: f32,
    exit: f32,
    levels_per_side: usize,
    crossed_messages: u32,
    window_capacity_events: usize,
    tick_size: Option<String>,
    tick_sizes: BTreeMap<String, String>,
    microprice: bool,
    vpin_bucket_qty: Option<String>,
    vpin_buckets: Option<u32>,
}

#[derive(Serialize)]
struct CountsRow {
    inputs: u64,
    frames: u64,
    signals: u64,
    warming: u64,
    failed: u64,
    missed: u64,
    superseded: u64,
    swaps: u64,
    clamped_receive_times: u64,
    control: u64,
    unknown_types: u64,
    unknown_values: u64,
    malformed: u64,
    duplicates: u64,
    off_market_trades: u64,
    unwanted: u64,
}

#[derive(Serialize)]
struct InstrumentRow {
    symbol: String,
    state: &'static str,
    stale_cause: Option<&'static str>,
    epoch: u32,
    applied_book_messages: u64,
    snapshots_applied: u64,
    gaps: u64,
    stale: u64,
    crossed_after_apply: u64,
    withheld_crossed: u64,
    checksum_ok: u64,
    checksum_bad: u64,
    trades: u64,
    tickers: u64,
    frames: u64,
    tick_size: Option<String>,
    window_overflows: u64,
    links: Vec<LinkRow>,
}

/// One link of an instrument.
#[derive(Serialize)]
struct LinkRow {
    link: u16,
    state: &'static str,
    messages: u64,
    first: u64,
    late: u64,
    stale: u64,
    lag_ns_mean: Option<u64>,
    lag_ns_max: u64,
}

/// What the sockets did.
#[derive(Serialize)]
pub struct FeedRow {
    opened: u64,
    closed: u64,
    refused: u64,
    resubscribed: u64,
    fetched: u64,
    fetch_failures: u64,
    handovers: u64,
    oversized: u64,
    missed_frames: u64,
    dropped_signals: u64,
}

impl RunReport {
    /// What it was made of, as names and what they are: for a page.
    pub fn facts(&self) -> Vec<(String, String)> {
        let ModelRow { name, version, engine, sha256, schema, .. } = &self.model;
        let ConfigRow { enter, exit, tick_size, .. } = &self.config;
        let ticks = tick_size.clone().unwrap_or("of metadata or contract".to_owned());
        let facts = [
            ("venue", self.venue.to_owned()),
            ("files", self.files.join(", ")),
            ("model file", format!("{name}/{version} on {engine}, SHA-256 {sha256}")),
            ("schema", schema.clone()),
            ("policy", format!("enters at a score of {enter}, leaves below {exit}")),
            ("tick", ticks),
        ];
        facts.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// How long each stage took.
    pub fn latency(&self) -> &[StageReport] {
        &self.latency.stages
    }

    /// Gathers it from the stages.
    pub fn new(
        files: &[PathBuf],
        venue: Venue,
        config: &Config,
        market: &MarketStage,
        decision: &DecisionStage,
        names: &ModelNames,
        latency: LatencyReport,
    ) -> Self {
        let crossed = config.crossed_messages.unwrap_or(venue.crossed_messages_limit());
        Self {
            venue: venue.slug(),
            files: files.iter().map(|path| path.display().to_string()).collect(),
            model: ModelRow::new(decision.model()),
            tiers: TierRow::all(decision, names),
            config: ConfigRow {
                enter: config.thresholds.0,
                exit: config.thresholds.1,
                levels_per_side: config.book_limits.levels_per_side,
                crossed_messages: crossed,
                window_capacity_events: config.plan.window_capacity,
                tick_size: config.tick_size.map(tick_text),
                tick_sizes: config
                    .tick_sizes
                    .iter()
                    .map(|(symbol, tick)| (symbol.clone(), tick_text(*tick)))
                    .collect(),
                microprice: config.plan.microprice.is_some(),
                vpin_bucket_qty: config.plan.vpin.map(|vpin| tick_text(vpin.bucket)),
                vpin_buckets: config.plan.vpin.map(|vpin| vpin.buckets),
            },
            counts: CountsRow::new(market, decision),
            instruments: market.reports().into_iter().map(InstrumentRow::new).collect(),
            feed: None,
            recording: None,
            challenger: None,
            tuning: Tuned::default().row(),
            latency,
        }
    }

    /// Adds what was asked of the host.
    pub fn tuned(mut self, tuned: &Tuned) -> Self {
        self.tuning = tuned.row();
        self
    }

    /// Adds what only a live run has.
    pub fn live(
        mut self,
        feed: FeedRow,
        recording: Option<RunSummary>,
        challenger: Option<ChallengerRow>,
    ) -> Self {
        (self.feed, self.recording, self.challenger) = (Some(feed), recording, challenger);
        self
    }
}

impl ModelRow {
    fn new(model: &Model) -> Self {
        let contract = model.contract();
        Self {
            name: model.name().to_owned(),
            version: model.version().to_owned(),
            engine: model.engine().to_owned(),
            sha256: model.sha256().to_owned(),
            schema: contract.schema().to_owned(),
            label: contract.label().to_owned(),
            horizon_ms: contract.horizon_ms(),
            features: contract.features().to_vec(),
        }
    }
}

impl CountsRow {
    fn new(market: &MarketStage, decision: &DecisionStage) -> Self {
        let (decoder, counts) = (market.decoder_counts(), decision.counts());
        Self {
            inputs: decoder.inputs,
            frames: market.counts().frames,
            signals: counts.signals,
            warming: counts.warming,
            failed: counts.failed,
            missed: counts.missed,
            superseded: counts.superseded,
            swaps: counts.swaps,
            clamped_receive_times: market.counts().clamped_receive_times,
            control: decoder.control,
            unknown_types: decoder.unknown_types,
            unknown_values: decoder.unknown_values,
            malformed: decoder.malformed,
            duplicates: decoder.duplicates,
            off_market_trades: decoder.off_market_trades,
            unwanted: decoder.unwanted,
        }
    }
}

impl InstrumentRow {
    fn new(report: InstrumentReport) -> Self {
        Self {
            state: report.state.as_str(),
            stale_cause: report.stale_cause.map(stale_cause_word),
            epoch: report.epoch,
            applied_book_messages: report.book.applied_book_messages,
            snapshots_applied: report.book.snapshots_applied,
            gaps: report.gaps,
            stale: report.stale,
            crossed_after_apply: report.book.crossed_after_apply,
            withheld_crossed: report.withheld_crossed,
            checksum_ok: report.checksum_ok,
            checksum_bad: report.checksum_bad,
            trades: report.trades,
            tickers: report.tickers,
            frames: report.frames,
            tick_size: report.tick_size.map(tick_text),
            window_overflows: report.window_overflows,
            links: report.links.into_iter().map(LinkRow::new).collect(),
            symbol: report.symbol,
        }
    }
}

impl LinkRow {
    fn new(report: LinkReport) -> Self {
        Self {
            link: report.link,
            state: report.state.as_str(),
            messages: report.messages,
            first: report.first,
            late: report.late,
            stale: report.stale,
            lag_ns_mean: report.lag_ns_sum.checked_div(report.lagged),
            lag_ns_max: report.lag_ns_max,
        }
    }
}

impl FeedRow {
    /// Gathers it from the feed and the runner.
    pub fn new<E>(source: &LiveSource, outcome: &ThreadedOutcome<E>) -> Self {
        let ClientCounts { session, oversized } = source.counts();
        Self {
            opened: session.opened,
            closed: session.closed,
            refused: session.refused,
            resubscribed: session.resubscribed,
            fetched: session.fetched,
            fetch_failures: session.fetch_failures,
            handovers: session.handovers,
            oversized,
            missed_frames: outcome.missed_frames,
            dropped_signals: outcome.dropped_signals,
        }
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<18} {:<8} {:>5} {:>9} {:>5} {:>8} {:>9} {:>8}",
            "symbol", "state", "epoch", "messages", "gaps", "trades", "frames", "tick"
        )?;
        for row in &self.instruments {
            writeln!(
                f,
                "{:<18} {:<8} {:>5} {:>9} {:>5} {:>8} {:>9} {:>8}",
                row.symbol,
                row.state,
                row.epoch,
                row.applied_book_messages,
                row.gaps,
                row.trades,
                row.frames,
                row.tick_size.as_deref().unwrap_or("?")
            )?;
        }
        let counts = &self.counts;
        writeln!(
            f,
            "\n{} inputs, {} frames, {} signals; {} frames while warming up, {} failed\n",
            counts.inputs, counts.frames, counts.signals, counts.warming, counts.failed
        )?;
        if self.tiers.len() > 1 || self.tiers.iter().any(TierRow::is_isolated) {
            self.tiers.iter().try_for_each(|tier| write!(f, "{tier}"))?;
            writeln!(f)?;
        }
        if let Some(feed) = &self.feed {
            writeln!(
                f,
                "{} connections opened, {} closed, {} attempts failed; {} resubscribed, {} of {} \
                 REST requests failed; {} frames missed, {} signals dropped\n",
                feed.opened,
                feed.closed,
                feed.refused,
                feed.resubscribed,
                feed.fetch_failures,
                feed.fetched,
                feed.missed_frames,
                feed.dropped_signals
            )?;
        }
        if let Some(recording) = &self.recording {
            writeln!(f, "{recording}\n")?;
        }
        if let Some(challenger) = &self.challenger {
            writeln!(f, "{challenger}\n")?;
        }
        write!(f, "{}{}", self.tuning, self.latency)
    }
}
