//! `tickhawk inspect`: what became of each book of a recording.

use crate::{
    Outcome,
    cli::InspectArgs,
    report::{self, notices_summary},
    session::Recording,
};
use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, io::Write as _};
use tickhawk_book::Book;
use tickhawk_engine::{InstrumentReport, MarketOptions, MarketSink, MarketStage, Record, Source};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookUpdate, ConnectionId, DecimalText, InstrumentId, Level, Scale, Side, UnixNanos,
};
use tickhawk_venue::DecodeError;

/// Levels a side of `top10_sha256`.
const TOP: usize = 10;

/// Levels a side of `final_top`.
const FINAL_TOP: usize = 20;

/// Runs the command.
pub fn run(args: InspectArgs) -> Result<Outcome> {
    let (mut recording, venue) =
        Recording::open(&args.recording.files, args.recording.venue.venue)?;
    let options =
        MarketOptions { symbols: args.recording.venue.symbols, ..MarketOptions::new(venue) };
    // Inspecting needs no features; a plan has at least one.
    let plan = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default())?;
    let clock = Clock::new();
    let mut market = MarketStage::new(options, plan, clock.clone());
    let mut paths = Paths::default();
    while let Some(Record { connection, received_at, input }) =
        recording.next_record().context("reading the recording")?
    {
        market.step(connection, received_at, clock.now(), input, &mut paths);
    }
    recording.close();
    let mut rows = rows(&market, paths);
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    let mut out = report::stdout();
    if args.json {
        for row in &rows {
            writeln!(out, "{}", sonic_rs::to_string(row)?)?;
        }
    } else {
        print_table(&mut out, &rows)?;
    }
    out.flush()?;
    notices_summary(market.decoder_counts());
    let with_books: Vec<_> = rows.iter().filter(|row| row.state != "empty").collect();
    let all_live = with_books.iter().all(|row| row.state == "live");
    if with_books.is_empty() {
        eprintln!("no book: the recording holds no book message of {venue}");
    }
    for row in with_books.iter().filter(|row| row.state != "live") {
        eprintln!("{}: {}", row.symbol, report::why_not_live(row.state, row.stale_cause));
    }
    let right = all_live && !with_books.is_empty();
    Ok(if right { Outcome::Done } else { Outcome::CheckFailed })
}

/// One instrument's line. The digests are over its whole path: a row per applied book message.
#[derive(Serialize)]
struct Row {
    symbol: String,
    applied_book_messages: u64,
    snapshots_applied: u64,
    gaps: u64,
    crossed_after_apply: u64,
    checksum_ok: u64,
    checksum_bad: u64,
    bbo_sha256: String,
    top10_sha256: String,
    final_top: FinalTop,
    state: &'static str,
    stale_cause: Option<&'static str>,
    epoch: u32,
    stale: u64,
    bid_levels: usize,
    ask_levels: usize,
    trades: u64,
    tickers: u64,
}

#[derive(Serialize)]
struct FinalTop {
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

fn rows(market: &MarketStage, paths: Paths) -> Vec<Row> {
    let mut digests = paths.instruments.into_iter();
    let reports = market.reports().into_iter().enumerate();
    reports
        .map(|(index, report)| {
            let path = digests.next().unwrap_or_default();
            let book = market.book(InstrumentId(index as u32));
            row(report, path, book)
        })
        .collect()
}

fn row(report: InstrumentReport, path: Path, book: Option<&Book>) -> Row {
    let top = |side| {
        let levels = book.into_iter().flat_map(|book| book.levels(side)).take(FINAL_TOP);
        levels.map(|level| level_text(level, report.scale)).collect()
    };
    Row {
        applied_book_messages: report.book.applied_book_messages,
        snapshots_applied: report.book.snapshots_applied,
        gaps: report.gaps,
        crossed_after_apply: report.book.crossed_after_apply,
        checksum_ok: report.checksum_ok,
        checksum_bad: report.checksum_bad,
        bbo_sha256: hex(&path.bbo.finalize()),
        top10_sha256: hex(&path.top.finalize()),
        final_top: FinalTop { bids: top(Side::Bid), asks: top(Side::Ask) },
        state: report.state.as_str(),
        stale_cause: report.stale_cause.map(report::stale_cause_word),
        epoch: report.epoch,
        stale: report.stale,
        bid_levels: report.levels[0],
        ask_levels: report.levels[1],
        trades: report.trades,
        tickers: report.tickers,
        symbol: report.symbol,
    }
}

fn level_text(level: Level, scale: Scale) -> [String; 2] {
    let text = |units, decimals| DecimalText { units, decimals }.to_string();
    [text(level.price.units(), scale.price_decimals), text(level.qty.units(), scale.qty_decimals)]
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digests of every book's path, by instrument.
#[derive(Default)]
struct Paths {
    instruments: Vec<Path>,
    line: String,
    complaints: report::Complaints,
}

#[derive(Default)]
struct Path {
    bbo: Sha256,
    top: Sha256,
}

impl MarketSink for Paths {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, id: InstrumentId, _symbol: &str) {
        self.instruments.resize_with(id.index() + 1, Path::default);
    }

    fn book_applied(&mut self, _at: UnixNanos, update: &BookUpdate, book: &Book) {
        let path = &mut self.instruments[update.instrument.index()];
        let mut top = [[Level::default(); TOP]; 2];
        let counts = [Side::Bid, Side::Ask].map(|side| {
            let levels = &mut top[side as usize];
            book.top(side, levels)
        });
        let sides = [&top[0][..counts[0]], &top[1][..counts[1]]];
        self.line.clear();
        write_bbo(&mut self.line, sides, book.scale());
        path.bbo.update(&self.line);
        self.line.clear();
        write_top(&mut self.line, sides, book.scale());
        path.top.update(&self.line);
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.complaints.malformed(connection, &error);
    }
}

/// `bid_px bid_qty ask_px ask_qty`, `- -` for an empty side.
fn write_bbo(line: &mut String, sides: [&[Level]; 2], scale: Scale) {
    let texts = sides.map(|levels| match levels.first() {
        Some(level) => level_text(*level, scale).join(" "),
        None => "- -".to_owned(),
    });
    let _ = writeln!(line, "{} {}", texts[0], texts[1]);
}

/// `px:qty,…|px:qty,…`, bids best first, then asks best first.
fn write_top(line: &mut String, sides: [&[Level]; 2], scale: Scale) {
    let texts = sides.map(|levels| {
        let levels: Vec<_> =
            levels.iter().map(|level| level_text(*level, scale).join(":")).collect();
        levels.join(",")
    });
    let _ = writeln!(line, "{}|{}", texts[0], texts[1]);
}

fn print_table(out: &mut impl std::io::Write, rows: &[Row]) -> Result<()> {
    writeln!(
        out,
        "{:<18} {:<8} {:>9} {:>5} {:>5} {:>7} {:>7} {:>7}",
        "symbol", "state", "messages", "snaps", "gaps", "crossed", "bids", "asks"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<18} {:<8} {:>9} {:>5} {:>5} {:>7} {:>7} {:>7}",
            row.symbol,
            row.state,
            row.applied_book_messages,
            row.snapshots_applied,
            row.gaps,
            row.crossed_after_apply,
            row.bid_levels,
            row.ask_levels
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickhawk_market::{Price, Qty};

    #[test]
    fn digest_lines_are_as_the_recordings_define_them() {
        let scale = Scale { price_decimals: 2, qty_decimals: 3 };
        let level = |price, qty| Level { price: Price::new(price), qty: Qty::new(qty) };
        let (bids, asks) = ([level(1050, 2000), level(1000, 1)], [level(1060, 1500)]);
        let mut line = String::new();
        write_bbo(&mut line, [&bids, &[]], scale);
        write_top(&mut line, [&bids, &asks], scale);
        assert_eq!(line, "10.5 2 - -\n10.5:2,10:0.001|10.6:1.5\n");
    }
}
