//! What runs say: reports, warnings, and where they go.

use crate::config::Config;
use serde::Serialize;
use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    io::{self, BufWriter, StdoutLock},
    path::PathBuf,
};
use tickhawk_engine::{DecisionStage, InstrumentReport, MarketStage, TickSource};
use tickhawk_inference::Model;
use tickhawk_latency::LatencyReport;
use tickhawk_market::{BookState, ConnectionId, Decimal, DecimalText, StaleCause};
use tickhawk_venue::{Counts, DecodeError, Venue};

/// Stdout, buffered.
pub fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Whether the reader of our output went away, which is no failure.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(broken)
}

/// What went wrong while reading, said aloud the first few times.
#[derive(Default)]
pub struct Complaints {
    said: u32,
}

impl Complaints {
    /// More than this would bury the rest; the counts at the end tell of all.
    const MAX: u32 = 8;

    /// A frame could not be read.
    pub fn malformed(&mut self, connection: ConnectionId, error: &DecodeError) {
        self.say(format_args!("a frame of connection {} was not read: {error}", connection.0));
    }

    /// A book stopped being right.
    pub fn stale(&mut self, symbol: &str, cause: StaleCause) {
        self.say(format_args!("{symbol}: the book went stale ({})", stale_cause_word(cause)));
    }

    fn say(&mut self, what: fmt::Arguments<'_>) {
        self.said += 1;
        match self.said.cmp(&Self::MAX) {
            Ordering::Less => eprintln!("warning: {what}"),
            Ordering::Equal => eprintln!("warning: {what}; more of the kind are only counted"),
            Ordering::Greater => {}
        }
    }
}

/// An error and its causes, but for those it has already told of.
pub fn causes(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// The word outputs use for a cause.
pub const fn stale_cause_word(cause: StaleCause) -> &'static str {
    match cause {
        StaleCause::Sequence => "sequence",
        StaleCause::Checksum => "checksum",
        StaleCause::Crossed => "crossed",
        StaleCause::Malformed => "malformed",
        StaleCause::Closed => "closed",
        StaleCause::TooManyLevels => "too-many-levels",
        StaleCause::Overflow => "overflow",
    }
}

/// Why a book makes no frames.
pub fn why_not_live(state: &str, stale_cause: Option<&str>) -> String {
    match (state, stale_cause) {
        ("syncing", _) => "updates came, but no snapshot that they follow on: there is no book to \
                           apply them to"
            .to_owned(),
        ("empty", _) => "no book message came".to_owned(),
        (_, Some(cause)) => format!("the book went stale ({cause}) and no snapshot came after"),
        (state, None) => format!("the book is {state}"),
    }
}

/// Says what the decoder did not use, if anything.
pub fn notices_summary(counts: &Counts) {
    for (count, what) in [
        (counts.malformed, "frames could not be read"),
        (counts.unknown_values, "values of kinds we do not know"),
        (counts.duplicates, "book messages were there already"),
        (counts.off_market_trades, "trades were no market trades and fed no features"),
    ] {
        if count > 0 {
            eprintln!("note: {count} {what}");
        }
    }
}

/// Says why no frame came out.
pub fn explain_no_frames(market: &MarketStage) {
    let (reports, counts) = (market.reports(), market.decoder_counts());
    if reports.is_empty() && counts.unwanted > 0 {
        eprintln!("no frame: none of the instruments asked for is in the recording");
    } else if reports.is_empty() {
        eprintln!(
            "no frame: no message was one of {}'s: {} of unknown kinds, {} unreadable\n\
             hint: is it another venue's recording?",
            market.venue(),
            counts.unknown_types,
            counts.malformed
        );
    }
    for report in reports {
        let cause = report.stale_cause.map(stale_cause_word);
        let why = match report.state {
            BookState::Live if report.withheld_crossed > 0 => "the book was crossed".to_owned(),
            BookState::Live => "a side of the book was empty".to_owned(),
            state => why_not_live(state.as_str(), cause),
        };
        eprintln!("no frame: {}: {why}", report.symbol);
    }
}

/// A tick as plain text.
pub fn tick_text(tick: Decimal) -> String {
    DecimalText { units: tick.mantissa, decimals: tick.decimals }.to_string()
}

/// Says what features may suffer from: ticks not known or not the model's, rings that were full.
pub fn feature_warnings(market: &MarketStage, contract_tick_size: Option<Decimal>) {
    for report in market.reports() {
        if market.plan().needs_tick() {
            tick_warning(&report, contract_tick_size);
        }
        if report.window_overflows > 0 {
            eprintln!(
                "warning: {}: {} events left time windows early, whose rings were full\n\
                 hint: raise `features.window_capacity_events` in the config",
                report.symbol, report.window_overflows
            );
        }
    }
}

fn tick_warning(report: &InstrumentReport, contract_tick_size: Option<Decimal>) {
    let symbol = &report.symbol;
    match (report.tick_size, contract_tick_size) {
        (None, _) => eprintln!(
            "warning: the tick of {symbol} is not known, so features counted in ticks are \
             unavailable\n\
             hint: give `--tick-size SIZE`, or `[instruments.{symbol}] tick_size` in the config"
        ),
        (Some(used), _) if report.tick_source == TickSource::Contract => {
            eprintln!(
                "note: nobody told the tick of {symbol}; the model's is used: {}",
                tick_text(used)
            );
        }
        (Some(used), Some(expected)) if used.to_f64() != expected.to_f64() => eprintln!(
            "warning: the model was made for a tick of {}, that of {symbol} is {}",
            tick_text(expected),
            tick_text(used)
        ),
        _ => {}
    }
}

/// What `tickhawk replay` reports. `docs/outputs.md` explains every key.
#[derive(Serialize)]
pub struct ReplayReport {
    venue: &'static str,
    files: Vec<String>,
    model: ModelRow,
    config: ConfigRow,
    counts: CountsRow,
    instruments: Vec<InstrumentRow>,
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
}

impl ReplayReport {
    /// Gathers it from the stages.
    pub fn new(
        files: &[PathBuf],
        venue: Venue,
        config: &Config,
        market: &MarketStage,
        decision: &DecisionStage,
        latency: LatencyReport,
    ) -> Self {
        let crossed = config.crossed_messages.unwrap_or(venue.crossed_messages_limit());
        Self {
            venue: venue.slug(),
            files: files.iter().map(|path| path.display().to_string()).collect(),
            model: ModelRow::new(decision.model()),
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
            latency,
        }
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
            symbol: report.symbol,
        }
    }
}

impl fmt::Display for ReplayReport {
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
        write!(f, "{}", self.latency)
    }
}
