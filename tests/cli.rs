//! The program as its user meets it: a case a line.

mod support;

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};
use support::{Golden, captures, tickhawk_ends, without_latency};

/// Runs the program; it must end so, and say each of these somewhere.
#[track_caller]
fn check(code: i32, args: &[&str], says: &[&str]) -> String {
    let (out, err) = tickhawk_ends(code, args);
    for words in says {
        assert!(out.contains(words) || err.contains(words), "{args:?}: `{words}` in\n{out}\n{err}");
    }
    out
}

#[test]
fn helps_with_an_example_each() {
    check(0, &["--help"], &["replay", "inspect", "features", "simulate", "check", "doctor"]);
    let commands =
        ["live", "record", "verify", "serve", "replay", "inspect", "features", "simulate"];
    for command in commands.into_iter().chain(["backtest", "convert", "compile", "check", "doctor"])
    {
        check(0, &[command, "--help"], &["Example: tickhawk", "--"]);
    }
    check(0, &["model", "stamp", "--help"], &["Example: tickhawk model stamp"]);
}

#[test]
fn wrong_input_is_named_with_a_cure() {
    let none = "no-such-file.gz";
    check(2, &["inspect", none, "--venue", "okx"], &["error:", none]);
    check(2, &["inspect", "Cargo.toml", "--venue", "okx"], &["error:", "Cargo.toml"]);
    check(2, &["replay", "--venue", "mtgox"], &["mtgox", "binance-futures"]);
    check(2, &["replay", "--model", none], &["error:", none]);
    check(2, &["replay", "--model", "README.md"], &["error:", "README.md"]);
    check(2, &["replay", "--config", none], &["error:", none]);
    check(2, &["replay", "--tick-size", "0"], &["more than zero"]);
    check(2, &["replay", "--cores", "1,1"], &["a core each"]);
    check(2, &["simulate", "--venue", "bitmex", "--out", "x"], &["bitmex"]);
    check(2, &["simulate", "--venue", "okx", "--out", "no-such-folder/x"], &["no-such-folder/x"]);
}

#[test]
fn the_venue_is_asked_for_where_the_recording_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.json");
    fs::write(&path, "1700000000000000000 {\"e\":\"trade\"}\n").unwrap();
    check(2, &["inspect", path.to_str().unwrap()], &["--venue SLUG", "kraken-futures"]);
}

#[test]
fn configs_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickhawk.toml");
    let path = path.to_str().unwrap();
    for (text, says) in [
        ("[policy]\nenter = 0.1\nexit = 0.3\n", "thresholds enter 0.1, exit 0.3"),
        ("[policy]\nenterr = 0.1\n", "enterr"),
        ("[book]\nlevels_per_side = 0\n", "levels_per_side"),
        ("[instruments.X]\ntick_size = \"zero\"\n", "instruments.X.tick_size"),
        ("[features]\nvpin_buckets = 5\n", "go together"),
        ("[tuning]\nbusy_poll_us = 0\n", "tuning.busy_poll_us"),
        ("[tuning]\nrealtime_priority = 100\n", "1 to 99"),
        ("[tuning]\nhuge_page = true\n", "huge_page"),
        ("[features]\nmicroprice_ticks = [[0.1]]\n", "4 rows"),
    ] {
        fs::write(path, text).unwrap();
        check(2, &["check", "--config", path], &["error:", says]);
    }
    fs::write(path, "[features]\nnames = [\"obi_5\", \"obi_7\"]\n").unwrap();
    check(1, &["check", "--config", path], &["obi_7", "problem:"]);
    check(2, &["replay", "--config", path], &["missing", "surplus", "obi_7"]);
    fs::write(path, "[features]\nnames = [\"obi_five\"]\n").unwrap();
    let out = folder.path().join("f.parquet");
    let recording = "replay-data/okx.jsonl.zst";
    let features = ["features", recording, "--config", path, "--out", out.to_str().unwrap()];
    check(2, &features, &["obi_five"]);
    check(0, &["check", "--config", "config.example.toml"], &["policy.enter"]);
    check(1, &["check", "--cores", "0,4096"], &["core 4096"]);
}

#[test]
fn a_recording_without_a_snapshot_makes_no_frame_and_says_why() {
    let Some(captures) = captures() else { return };
    let golden = Golden::named(&captures, "binance_spot_btcusdt_2023-04-05_nosnap");
    let paths = golden.paths(&captures);
    let path = paths[0].to_str().unwrap();
    let signals = check(1, &["replay", path, "--venue", "binance"], &["no frame", "snapshot"]);
    assert_eq!(signals, "");
    let row = check(1, &["inspect", path, "--venue", "binance", "--json"], &["\"syncing\""]);
    // The digest of nothing.
    assert!(row.contains("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

#[test]
fn signals_reports_and_histograms_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (signals, report, hgrm) = (at("s.jsonl"), at("r.json"), at("hgrm"));
    check(
        0,
        &["replay", "--signals", &signals, "--report", &report, "--hgrm", &hgrm],
        &["total", "BTCUSDT"],
    );
    let report = fs::read_to_string(report).unwrap();
    for key in ["\"venue\"", "\"model\"", "\"counts\"", "\"instruments\"", "\"latency\""] {
        assert!(report.contains(key), "{key}");
    }
    let total = fs::read_to_string(folder.path().join("hgrm/total.hgrm")).unwrap();
    assert!(total.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)"));
    let lines = fs::read_to_string(signals).unwrap();
    let shown = check(0, &["replay", "--signals", "-"], &[]);
    assert_eq!(lines.lines().count(), shown.lines().count());
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickhawk"))
        .args(["replay", "--signals", "-"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn simulated_and_converted_recordings_come_out_alike() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (recording, again, converted) = (at("a.jsonl.zst"), at("b.jsonl.zst"), at("gz"));
    let simulate = ["simulate", "--venue", "binance-futures", "--seconds", "3", "--out"];
    check(0, &[&simulate[..], &[&recording]].concat(), &["messages"]);
    let inspect = |paths: &[&str]| {
        check(0, &[&["inspect", "--json", "--venue", "binance-futures"], paths].concat(), &[])
    };
    check(0, &["convert", &recording, "--to", "tickhawk", "--out", &again], &["records"]);
    assert_eq!(inspect(&[&recording]), inspect(&[&again]));
    let files = check(0, &["convert", &recording, "--to", "hftbacktest", "--out", &converted], &[]);
    let files: Vec<&str> = files.lines().collect();
    let digest = |text: String| {
        let at = text.find("bbo_sha256").unwrap();
        text[at..at + 200].to_owned()
    };
    assert_eq!(digest(inspect(&[&recording])), digest(inspect(&files)));
    check(2, &["convert", &recording, "--to", "tickhawk", "--out", &again], &["creating"]);
}

#[test]
fn models_are_stamped_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model.onnx");
    let out = out.to_str().unwrap();
    let model = "models/linear/1/model.onnx";
    check(0, &["model", "check", model, "--json"], &["\"schema\"", "\"label\":\"mid_sign\""]);
    let features: Vec<String> = (1..=32).map(|level| format!("bid_qty_{level}")).collect();
    let features = features.join(",");
    let stamp = ["model", "stamp", model, "--out", out, "--label", "l", "--horizon-ms", "9"];
    check(0, &[&stamp[..], &["--features", &features]].concat(), &["schema"]);
    check(0, &["model", "check", out], &["bid_qty_32", "l in 9 ms"]);
    check(2, &[&stamp[..], &["--features", "obi_5"]].concat(), &["error:", "32"]);
    let bytes = fs::read(out).unwrap();
    fs::write(out, &bytes[..bytes.len() - 10]).unwrap();
    check(1, &["model", "check", out], &["error:"]);
}

/// What the host gives or refuses is told, and no signal depends on it.
#[test]
fn a_tuned_run_makes_the_same_signals() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let config = at("tuned.toml");
    let options = "lock_memory = true\nprefault = true\nhuge_pages = false\nbusy_poll_us = 50\n\
                   realtime_priority = 1\n";
    fs::write(&config, format!("[tuning]\n{options}")).unwrap();
    let run = |name: &str, more: &[&str]| {
        let (signals, report) = (at(name), at(&format!("{name}.json")));
        let replay = ["replay", "--signals", &signals, "--report", &report];
        check(0, &[&replay[..], more].concat(), &["total"]);
        let lines = fs::read_to_string(signals).unwrap();
        let signals: Vec<_> = lines.lines().map(|line| without_latency(line).to_owned()).collect();
        (signals, fs::read_to_string(report).unwrap())
    };
    let (plain, report) = run("plain", &[]);
    assert!(report.contains("\"lock_memory\": \"off\""), "{report}");
    let (tuned, report) = run("tuned", &["--config", &config]);
    assert_eq!(plain, tuned);
    for (option, states) in [
        ("lock_memory", &["on", "refused: "][..]),
        ("prefault", &["on"]),
        ("huge_pages", &["off"]),
        ("busy_poll_us", &["unused: there is no socket"]),
        ("realtime_priority", &["on", "refused: "]),
    ] {
        let told = |state: &&str| report.contains(&format!("\"{option}\": \"{state}"));
        assert!(states.iter().any(told), "{option} in {report}");
    }
    let bench = ["bench", "book", "--json", "--pairs", "40", "--config", &config];
    check(0, &bench, &["\"tuning\": \"", "prefault"]);
}

#[test]
fn the_doctor_looks_and_changes_nothing() {
    check(0, &["doctor"], &["onnx runtime", "stamp clock", "cores"]);
    check(0, &["doctor"], &["memory lock limit", "socket busy polling", "real-time priority"]);
    check(0, &["doctor", "--json"], &["\"what\":\"onnx runtime\""]);
}
