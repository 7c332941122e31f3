//! Models changed while a feed is scored, over real sockets, and the recording of it verified.

use crate::{
    onnx::Onnx,
    support::served::{Served, ends, verify},
};
use serde::Deserialize;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output},
    thread,
    time::Duration,
};
use tickhawk_inference::{Store, example};

/// Features that have a value from the first frame on, so that every frame is scored.
const FEATURES: [&str; 4] = ["obi_3", "obi_5", "obi_10", "queue_imbalance"];

/// `live` that follows the model `obi` of a folder, and what it says.
struct Live {
    child: Child,
    said: BufReader<ChildStderr>,
    heard: String,
    folder: PathBuf,
    store: Store,
    /// Ended after its client, which would otherwise see it go.
    _served: Served,
}

impl Drop for Live {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Deserialize)]
struct Report {
    counts: Counts,
    feed: Feed,
}

#[derive(Deserialize)]
struct Counts {
    frames: u64,
    signals: u64,
    failed: u64,
    swaps: u64,
}

#[derive(Deserialize)]
struct Feed {
    missed_frames: u64,
    dropped_signals: u64,
}

impl Live {
    /// Starts with `first` as the version in use.
    fn start(folder: &Path, first: &[u8], config: &str) -> Self {
        Store::new(folder.join("models")).place("obi", "1", first).unwrap();
        let watch = "[model]\nwatch = \"models/obi\"\nwatch_interval_ms = 10\n";
        Self::start_with(folder, &format!("{watch}{config}"))
    }

    fn start_with(folder: &Path, config: &str) -> Self {
        let store = Store::new(folder.join("models"));
        fs::write(folder.join("live.toml"), config).unwrap();
        let served = Served::start(&["--venue", "okx", "--seconds", "3600", "--pace", "4"]);
        let mut live = served.client("live", "okx", "BTC-USDT");
        live.arg("--config").arg(folder.join("live.toml"));
        live.arg("--record").arg(folder.join("record"));
        live.arg("--signals").arg(folder.join("signals"));
        live.arg("--report").arg(folder.join("report"));
        let mut child = live.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let folder = folder.to_owned();
        Self { child, said, heard: String::new(), folder, store, _served: served }
    }

    /// Reads on until a line has all these words; that line and, of an error, nothing more.
    #[track_caller]
    fn says(&mut self, words: &[&str]) -> String {
        loop {
            let mut line = String::new();
            let ended = self.said.read_line(&mut line).unwrap() == 0;
            assert!(!ended, "it ended before it said {words:?}:\n{}", self.heard);
            self.heard += &line;
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    #[track_caller]
    fn promote(&mut self, version: &str, bytes: &[u8]) {
        self.store.place("obi", version, bytes).unwrap();
        self.store.promote("obi", version).unwrap();
        self.says(&[&format!("version `{version}` is in use")]);
    }

    /// Ends it in order.
    fn end(mut self) -> (Report, String) {
        let interrupted =
            Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status();
        assert!(interrupted.unwrap().success());
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.said, &mut rest).unwrap();
        let said = [self.heard.as_bytes(), &rest].concat();
        let status = self.child.wait().unwrap();
        let err = ends(0, &Output { status, stdout: Vec::new(), stderr: said });
        let report = fs::read_to_string(self.folder.join("report")).unwrap();
        (sonic_rs::from_str(&report).unwrap(), err)
    }
}

/// A model like no other of its version.
fn version(number: u16) -> Vec<u8> {
    Onnx::new(&FEATURES).scaled(1.0 + f32::from(number) / 64.0).stamped()
}

#[test]
fn a_hundred_swaps_lose_no_frame_and_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let mut live = Live::start(folder.path(), &version(1), "");
    live.says(&["obi 1"]);
    for number in 2..=81 {
        live.promote(&number.to_string(), &version(number));
    }
    // Back and forth: neither is loaded again.
    let heard = live.heard.len();
    for now in ["80", "81"].into_iter().cycle().take(20) {
        live.store.roll_back("obi").unwrap();
        live.says(&[&format!("version `{now}` is in use")]);
    }
    assert!(!live.heard[heard..].contains("percentile"), "{}", &live.heard[heard..]);
    let (report, err) = live.end();
    assert_eq!(report.counts.swaps, 100, "{err}");
    assert_eq!((report.feed.missed_frames, report.feed.dropped_signals), (0, 0), "{err}");
    assert_eq!(report.counts.failed, 0);
    assert!(report.counts.signals == report.counts.frames, "{err}");
    verify(&folder.path().join("record"));
    let signals = fs::read_to_string(folder.path().join("signals")).unwrap();
    assert!(signals.lines().last().unwrap().contains(r#""model":"obi","version":"81""#));
}

#[test]
fn a_bad_version_is_refused_and_the_one_in_use_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = Onnx::new(&FEATURES);
    let mut live = Live::start(folder.path(), &version(1), "[inference]\nbudget_us = 1e9\n");
    live.says(&["obi 1"]);
    live.promote("2", &version(2));
    let [a, b, c, d] = FEATURES;
    let bad: [(&str, Vec<u8>, &str); 5] = [
        ("3", b"not a model".to_vec(), "refused"),
        ("4", version(4)[..200].to_vec(), "truncated or damaged"),
        ("5", Onnx::new(&[a, c, b, d]).stamped(), "cannot take the place"),
        ("6", good.clone().scaled(3.0).with_contract_of(&good), "golden row"),
        ("7", good.graph(), "tickhawk.features"),
    ];
    for (version, bytes, why) in bad {
        live.store.place("obi", version, &bytes).unwrap();
        live.store.promote("obi", version).unwrap();
        live.says(&[&format!("version `{version}` is refused"), why]);
    }
    fs::write(folder.path().join("models/obi/current"), "../elsewhere\n").unwrap();
    live.says(&["no version can be followed", "cannot name a model"]);
    live.promote("8", &version(8));
    // The version in use by the folder's word was 7, which never was.
    fs::write(folder.path().join("models/obi/current"), "2\n8\n").unwrap();
    live.says(&["version `2` is in use"]);
    let (report, err) = live.end();
    assert_eq!((report.counts.swaps, report.counts.failed), (3, 0), "{err}");
    assert_eq!(report.feed.missed_frames, 0, "{err}");
    verify(&folder.path().join("record"));
}

#[test]
fn a_model_in_processes_of_its_own_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[inference]\nisolation = \"process\"\nbudget_us = 1e9\n";
    let mut live = Live::start(folder.path(), &version(1), config);
    live.says(&["obi 1", "in 1 process"]);
    for number in 2..=4 {
        live.promote(&number.to_string(), &version(number));
    }
    live.store.roll_back("obi").unwrap();
    live.says(&["version `3` is in use"]);
    let (report, err) = live.end();
    assert_eq!((report.counts.swaps, report.counts.failed), (4, 0), "{err}");
    assert!(err.contains("process 0: started 1 times"), "{err}");
    assert_eq!(report.feed.missed_frames, 0, "{err}");
    verify(&folder.path().join("record"));
}

#[test]
fn the_most_accurate_model_that_fits_the_budget_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    // 4,096 x 50 values: no machine so much as reads their weights within the budget.
    let names: Vec<String> = (1..=50).map(|level| format!("bid_qty_{level}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    fs::write(folder.path().join("best.onnx"), example::classifier(&names, 4_096)).unwrap();
    fs::write(folder.path().join("good.onnx"), version(1)).unwrap();
    let budget = "[inference]\nbudget_us = 100\n";
    let models = "[model]\npaths = [\"best.onnx\", \"good.onnx\"]\n";
    let mut live = Live::start_with(folder.path(), &format!("{models}{budget}"));
    let refused = live.says(&["not taken", "best.onnx"]);
    assert!(refused.contains("its budget is 100.00 µs"), "{refused}");
    live.says(&["model good"]);
    let signals = folder.path().join("signals");
    while fs::read_to_string(&signals).is_ok_and(|lines| lines.is_empty()) {
        thread::sleep(Duration::from_millis(10));
    }
    let (report, err) = live.end();
    assert!(report.counts.signals > 0, "{err}");
    verify(&folder.path().join("record"));
    // Whoever waits for every answer takes the first.
    let config = folder.path().join("live.toml");
    let (out, _) = crate::tickhawk_ends(0, &["check", "--config", config.to_str().unwrap()]);
    assert!(out.contains("best.onnx"), "{out}");
}

#[test]
fn a_recording_without_a_model_of_its_own_is_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let mut live = Live::start(folder.path(), &version(1), "");
    live.says(&["obi 1"]);
    live.promote("2", &version(2));
    live.end();
    let record = folder.path().join("record");
    verify(&record);
    let kept = |entry: &fs::DirEntry| entry.path().to_string_lossy().ends_with(".model-3.onnx");
    let kept = fs::read_dir(&record).unwrap().map(Result::unwrap).find(kept).unwrap();
    fs::write(kept.path(), version(9)).unwrap();
    let (out, _) = crate::tickhawk_ends(1, &["verify", record.to_str().unwrap()]);
    assert!(out.contains("DIFFERS"), "{out}");
    fs::remove_file(kept.path()).unwrap();
    let (_, err) = crate::tickhawk_ends(2, &["verify", record.to_str().unwrap()]);
    assert!(err.contains("that live changed to") && err.contains("model-3.onnx"), "{err}");
}
