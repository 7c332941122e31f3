//! Every real recording gives the golden file's counts, digests and last books.

mod support;

use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write};
use support::{Golden, GoldenTop, captures, tickhawk};

#[derive(Deserialize)]
struct Row {
    symbol: String,
    applied_book_messages: u64,
    snapshots_applied: u64,
    gaps: u64,
    crossed_after_apply: u64,
    checksum_bad: u64,
    bbo_sha256: String,
    top10_sha256: String,
    final_top: GoldenTop,
    bid_levels: u64,
    ask_levels: u64,
    state: String,
}

#[test]
fn every_recording_comes_out_as_its_golden_file() {
    let Some(captures) = captures() else { return };
    let mut wrong = String::new();
    let (mut recordings, mut books) = (0, 0);
    for golden in Golden::all(&captures) {
        recordings += 1;
        let rows = inspect(&golden, &captures);
        for book in golden.books() {
            books += 1;
            let Some(row) = rows.get(book.symbol()) else {
                let _ = writeln!(wrong, "{} {}: not printed", golden.capture, book.symbol());
                continue;
            };
            let mut check = |what: &str, equal: bool| {
                if !equal {
                    let _ = writeln!(wrong, "{} {}: {what}", golden.capture, book.symbol());
                }
            };
            check("messages", row.applied_book_messages == book.applied_book_messages);
            check("snapshots", row.snapshots_applied == book.snapshots_applied);
            check("crossed", row.crossed_after_apply == book.crossed_after_apply);
            check("bbo digest", row.bbo_sha256 == book.bbo_sha256);
            check("top10 digest", row.top10_sha256 == book.top10_sha256);
            check("final top", row.final_top == book.last.top20);
            check("bid levels", row.bid_levels == book.last.bid_levels);
            check("ask levels", row.ask_levels == book.last.ask_levels);
            check("gaps", row.gaps == 0);
            check("checksums", row.checksum_bad == 0);
            check("state", row.state == "live");
        }
        if golden.books().next().is_none() {
            for row in rows.values() {
                let none = row.applied_book_messages == 0 && row.state == "syncing";
                assert!(none, "{}: a book without a snapshot", golden.capture);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(recordings > 0 && books > 0, "no golden files in `{}`", captures.display());
}

fn inspect(golden: &Golden, captures: &std::path::Path) -> BTreeMap<String, Row> {
    let paths = golden.paths(captures);
    let mut args = vec!["inspect", "--json", "--venue", golden.slug()];
    args.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let output = tickhawk(&args);
    let code = if golden.books().next().is_some() { 0 } else { 1 };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}: {errors}", golden.capture);
    let rows = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Row> = rows.lines().map(|line| sonic_rs::from_str(line).unwrap()).collect();
    assert!(rows.is_sorted_by(|a, b| a.symbol < b.symbol), "{}: order", golden.capture);
    rows.into_iter().map(|row| (row.symbol.clone(), row)).collect()
}
