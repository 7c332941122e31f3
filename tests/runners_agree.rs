//! Same input, same signals: twice, and inline against two threads.

mod support;

use std::{fs, path::Path};
use support::{Golden, captures, tickhawk_ends, without_latency};

/// Replays and returns the signals without what was measured.
fn signals(folder: &Path, name: &str, args: &[&str]) -> Vec<String> {
    let path = folder.join(name);
    let mut all = vec!["replay", "--signals", path.to_str().unwrap()];
    all.extend(args);
    tickhawk_ends(0, &all);
    let text = fs::read_to_string(&path).unwrap();
    text.lines().map(|line| without_latency(line).to_owned()).collect()
}

fn agree(args: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let inline = signals(folder.path(), "inline", args);
    assert!(inline.len() > 100, "{args:?}: {} signals", inline.len());
    assert_eq!(inline, signals(folder.path(), "again", args), "{args:?} twice");
    let threaded = [args, &["--runner", "threaded"]].concat();
    assert_eq!(inline, signals(folder.path(), "threaded", &threaded), "{args:?} threaded");
}

#[test]
fn on_every_bundled_recording() {
    for venue in ["binance", "binance-futures", "bybit", "coinbase", "kraken", "okx"] {
        let path = format!("replay-data/{venue}.jsonl.zst");
        agree(&[&path, "--model", "models/linear/1/model.onnx"]);
    }
}

#[test]
fn with_every_bundled_model() {
    for model in ["linear", "mlp", "trees"] {
        agree(&["--model", &format!("models/{model}/1/model.onnx")]);
    }
}

#[test]
fn on_a_real_recording() {
    let Some(captures) = captures() else { return };
    let golden = Golden::named(&captures, "binance_usdm_btcusdt_2024-07-18");
    let paths = golden.paths(&captures);
    let mut args = vec!["--venue", golden.slug()];
    args.extend(paths.iter().map(|path| path.to_str().unwrap()));
    agree(&args);
}
