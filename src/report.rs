//! What runs say: reports, warnings, and where they go.

use std::{
    cmp::Ordering,
    fmt,
    io::{self, BufWriter, StdoutLock},
};
use tickhawk_engine::{InstrumentReport, MarketStage, TickSource};
use tickhawk_inference::Model;
use tickhawk_market::{BookState, ConnectionId, Decimal, DecimalText, StaleCause};
use tickhawk_venue::{Counts, DecodeError};

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
        StaleCause::Silence => "silence",
        StaleCause::Removed => "removed",
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

/// A model as a run names it at its start: `mlp 1 on native avx512`, and why it is not native.
pub fn model_text(model: &Model) -> String {
    let reason = model.engine_reason().map(|reason| format!(" (not native: {reason})"));
    let reason = reason.unwrap_or_default();
    format!("{} {} on {}{reason}", model.name(), model.version(), model.engine())
}
