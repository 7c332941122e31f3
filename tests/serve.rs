//! `tickhawk serve` at a rate, and its account of what it wrote. No time is judged.

mod support;

use serde::Deserialize;
use std::fs;
use support::{
    served::{Served, ends},
    tickhawk_ends,
};

#[derive(Deserialize)]
struct Report {
    counts: Counts,
    feed: Feed,
}

#[derive(Deserialize)]
struct Counts {
    inputs: u64,
    malformed: u64,
}

#[derive(Deserialize)]
struct Feed {
    fetched: u64,
}

/// Two clients, one after the other: each frame of each was written once, in order, and heard.
#[test]
fn what_was_written_is_what_was_heard() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written.csv");
    let written_path = written.to_str().unwrap();
    let market = ["--venue", "binance-futures", "--seconds", "90"];
    let served =
        Served::start(&[&market[..], &["--rate", "1000", "--written", written_path]].concat());
    let mut inputs = Vec::new();
    for arguments in [&["--for", "2s", "--busy-poll"][..], &["--exit-on-close"]] {
        let report = folder.path().join("report.json");
        let mut live = served.client("live", "binance-futures", "BTCUSDT");
        live.args(arguments).arg("--report").arg(&report);
        ends(0, &live.output().unwrap());
        let report: Report = sonic_rs::from_slice(&fs::read(&report).unwrap()).unwrap();
        assert_eq!(report.counts.malformed, 0);
        inputs.push(report.counts.inputs - report.feed.fetched);
    }
    served.ended();
    let text = fs::read_to_string(&written).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("client,frame,written_ns"));
    let mut frames = [0, 0];
    let mut last_ns = 0;
    for line in lines {
        let numbers: Vec<u64> = line.split(',').map(|number| number.parse().unwrap()).collect();
        let [client, frame, at_ns] = numbers[..] else { panic!("{line}") };
        frames[client as usize] += 1;
        assert_eq!(frame, frames[client as usize], "{line}");
        assert!(at_ns >= last_ns, "{line}");
        last_ns = at_ns;
    }
    assert!(inputs[0] > 0 && inputs[0] <= frames[0], "{inputs:?} of {frames:?}: it left first");
    assert_eq!(inputs[1], frames[1], "it stayed to the end");
}

#[test]
fn what_cannot_be_served_is_said() {
    let venue = ["serve", "--venue", "okx"];
    for (arguments, says) in [
        (&["--rate", "0"][..], "above zero"),
        (&["--rate", "10", "--pace", "2"], "cannot be used with"),
        (&["--rate", "10", "--written", "no-such-folder/x.csv"], "no-such-folder/x.csv"),
        (&["--core", "9999"], "core 9999"),
    ] {
        let (_, stderr) = tickhawk_ends(2, &[&venue[..], arguments].concat());
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}
