//! What became of each book: a row an instrument, with digests of its path.

use crate::report;
use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, fs, path::Path as FilePath};
use tickhawk_book::Book;
use tickhawk_engine::{InstrumentReport, MarketSink, MarketStage, Want};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{
    BookUpdate, ConnectionId, DecimalText, InstrumentId, Level, Scale, Side, UnixNanos,
};
use tickhawk_venue::DecodeError;

/// Levels a side of `top10_sha256`.
const TOP: usize = 10;

/// Levels a side of `final_top`.
const FINAL_TOP: usize = 20;

/// One instrument's line. The digests are over its whole path: a row per applied book message.
#[derive(Clone, Serialize)]
pub struct Row {
    pub symbol: String,
    pub applied_book_messages: u64,
    pub snapshots_applied: u64,
    pub gaps: u64,
    pub crossed_after_apply: u64,
    pub checksum_ok: u64,
    pub checksum_bad: u64,
    pub bbo_sha256: String,
    pub top10_sha256: String,
    pub final_top: FinalTop,
    pub state: &'static str,
    pub stale_cause: Option<&'static str>,
    pub epoch: u32,
    pub stale: u64,
    pub bid_levels: usize,
    pub ask_levels: usize,
    pub trades: u64,
    pub tickers: u64,
}

#[derive(Clone, Serialize)]
pub struct FinalTop {
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

/// A row for each instrument.
pub fn rows(market: &MarketStage, paths: &Paths) -> Vec<Row> {
    let mut digests = paths.instruments.iter().cloned();
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

/// Lowercase hexadecimal digits.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digests of every book's path, by instrument.
#[derive(Default)]
pub struct Paths {
    instruments: Vec<Path>,
    line: String,
    complaints: report::Complaints,
}

#[derive(Clone, Default)]
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

/// Keeps paths, if somebody wants them.
pub struct Watch(pub Option<Paths>);

impl MarketSink for Watch {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        if let Some(paths) = &mut self.0 {
            paths.instrument(id, symbol);
        }
    }

    #[inline]
    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        if let Some(paths) = &mut self.0 {
            paths.book_applied(at, update, book);
        }
    }
}

/// A sink that keeps paths, and what the stage wants.
pub struct Wanting<'a> {
    /// The paths.
    pub paths: &'a mut Paths,
    /// What is wanted.
    pub wants: &'a mut Vec<Want>,
}

impl MarketSink for Wanting<'_> {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.paths.instrument(id, symbol);
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.paths.book_applied(at, update, book);
    }

    fn want(&mut self, want: Want) {
        self.wants.push(want);
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.paths.malformed(connection, error);
    }
}

/// Writes the rows as `inspect --json` prints them, if a file is named.
pub fn write(path: Option<&FilePath>, mut rows: Vec<Row>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    let mut text = String::new();
    for row in &rows {
        text += &sonic_rs::to_string(row)?;
        text.push('\n');
    }
    fs::write(path, text).with_context(|| format!("writing `{}`", path.display()))
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
