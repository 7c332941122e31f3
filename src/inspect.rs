//! `tickhawk inspect`: what became of each book of a recording.

use crate::{
    Outcome, books,
    cli::InspectArgs,
    report::{self, notices_summary},
    session::Recording,
};
use anyhow::{Context, Result};
use std::io::Write as _;
use tickhawk_engine::{MarketOptions, MarketStage, Record, Source};
use tickhawk_feature::{FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;

/// Runs the command.
pub fn run(args: InspectArgs) -> Result<Outcome> {
    let (mut recording, venue) =
        Recording::open(&args.recording.files, args.recording.venue.venue)?;
    let options =
        MarketOptions { symbols: args.recording.venue.symbols, ..MarketOptions::new(venue) };
    let options = recording.options(options)?;
    // Inspecting needs no features; a plan has at least one.
    let plan = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default())?;
    let clock = Clock::new();
    let mut market = MarketStage::new(options, plan, clock.clone());
    let mut paths = books::Paths::default();
    while let Some(Record { connection, received_at, input }) =
        recording.next_record().context("reading the recording")?
    {
        market.step(connection, received_at, clock.now(), input, &mut paths);
    }
    recording.close();
    let mut rows = books::rows(&market, &paths);
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
    notices_summary(&market.decoder_counts());
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

fn print_table(out: &mut impl std::io::Write, rows: &[books::Row]) -> Result<()> {
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
