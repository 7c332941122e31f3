//! `tickhawk bench` through the real binary: what it prints, and what it refuses. No time is judged.

use serde::Deserialize;
use std::{fs, process::Command};

#[derive(Deserialize)]
struct Report {
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    ns: f64,
    samples: u64,
}

#[derive(Deserialize)]
struct Goal {
    id: String,
    value: f64,
    interval: [f64; 2],
}

fn bench(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickhawk"));
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("bench").args(arguments);
    let output = output.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The stages that take no second core and no minute, on the bundled recordings.
#[test]
fn every_stage_has_its_rows_and_goals() {
    for (stage, ids) in [
        ("decode", &["decode-vs-sonic", "decode-venues-vs-sonic", "update-vs-validate"][..]),
        ("book", &["level-vs-btreemap", "level-p99-block"]),
        ("features", &["features-vs-recompute", "features-flat"]),
        (
            "pipeline",
            &[
                "tick-to-signal-native-us",
                "tick-to-signal-vs-stage-sum",
                "tail-vs-hiccup",
                "allocations",
                "minor-faults",
                "instrumentation",
            ],
        ),
    ] {
        // Long enough for a pass to begin anew and its features to be valid again.
        let arguments = [stage, "--json", "--pairs", "40", "--rate", "100000", "--seconds", "0.5"];
        let (code, stdout, stderr) = bench(&arguments);
        assert_eq!(code, Some(0), "{stderr}");
        let report: Report = sonic_rs::from_str(&stdout).unwrap();
        let found: Vec<&str> = report.goals.iter().map(|goal| goal.id.as_str()).collect();
        assert_eq!(found, ids);
        for Goal { id, value, interval: [low, high] } in &report.goals {
            assert!(low <= value && value <= high, "{id}: {value} in {low} to {high}");
        }
        assert!(report.rows.iter().any(|row| row.name.starts_with(&format!("{stage}/"))));
        for Row { name, ns, samples } in &report.rows {
            assert!(ns.is_finite() && *samples > 0, "{name}");
            assert_eq!(name.split('/').count(), 3, "{name} is stage/case/implementation");
        }
    }
}

/// A report is no regression of itself; one with a goal twice as far off is.
#[test]
fn compare_finds_what_became_worse() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = bench(&["book", "--json", "--pairs", "40"]);
    assert_eq!(code, Some(0), "{stderr}");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (old, new) = (path("old.json"), path("new.json"));
    fs::write(&old, &stdout).unwrap();
    let report: Report = sonic_rs::from_str(&stdout).unwrap();
    let [low, high] = report.goals[0].interval;
    let (from, to) = (format!("{low}"), format!("{}", high * 2.0));
    fs::write(&new, stdout.replace(&from, &to)).unwrap();

    assert_eq!(bench(&["compare", &old, &old]).0, Some(0));
    assert_eq!(bench(&["compare", &old, &old, &old]).0, Some(0), "several are one");
    let (code, stdout, stderr) = bench(&["compare", &old, &new, "--goals-only"]);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stdout.contains("SLOWER"), "{stdout}");
    let (code, stdout, _) = bench(&["table", &old]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("`level-vs-btreemap`"), "{stdout}");
    let (code, _, stderr) = bench(&["compare", &old, "Cargo.toml"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is no report of `tickhawk bench --json`"), "{stderr}");
}

#[test]
fn the_page_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bench.html");
    let hgrm = folder.path().join("hgrm");
    let arguments = ["pipeline", "--pace", "1000", "--pairs", "40", "--seconds", "0.5"];
    let files = ["--html", page.to_str().unwrap(), "--hgrm", hgrm.to_str().unwrap()];
    let (code, stdout, stderr) = bench(&[&arguments[..], &files[..]].concat());
    assert_eq!(code, Some(0), "{stderr}");
    let fits = |line: &str| line.starts_with("note: ") || line.chars().count() <= 80;
    assert!(stdout.lines().all(fits), "{stdout}");
    let text = fs::read_to_string(&page).unwrap();
    assert_eq!(text.matches("<svg").count(), 3, "percentiles and two waterfalls");
    for outside in ["http://", "https://", "src=", "href="] {
        let own = text.matches("http://www.w3.org").count();
        let count = text.matches(outside).count();
        assert!(count <= if outside == "http://" { own } else { 0 }, "{outside}");
    }
    assert_eq!(fs::read_dir(hgrm).unwrap().count(), 4);
}

#[test]
fn what_cannot_be_measured_is_said() {
    let (code, _, stderr) = bench(&["book", "Cargo.toml"]);
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("error:"), "{stderr}");
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short.jsonl.zst");
    let short = short.to_str().unwrap();
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_tickhawk"));
    simulate.args(["simulate", "--venue", "okx", "--seconds", "1", "--out", short]);
    assert!(simulate.output().unwrap().status.success());
    for stage in ["decode", "book", "features", "pipeline", "replay"] {
        let (code, _, stderr) = bench(&[stage, short]);
        assert_eq!(code, Some(2), "{stage}");
        assert!(stderr.contains("are needed to measure by"), "{stage}: {stderr}");
    }
    let (code, _, stderr) = bench(&["pipeline", "--rate", "0"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("above zero"), "{stderr}");
}
