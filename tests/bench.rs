//! `tickhawk bench` through the real binary: what it prints, and what it refuses. No time is judged.

use serde::Deserialize;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use tickhawk_engine::{Cores, allowed_cores};
use tickhawk_harness::{
    Bench, PipelineOptions,
    loopback::{Listening, Server, turn},
};
use tickhawk_inference::ModelFile;
use tickhawk_latency::Clock;

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
    assert_eq!(text.matches("<svg").count(), 4, "percentiles and three waterfalls");
    for outside in ["http://", "https://", "src=", "href="] {
        let own = text.matches("http://www.w3.org").count();
        let count = text.matches(outside).count();
        assert!(count <= if outside == "http://" { own } else { 0 }, "{outside}");
    }
    assert_eq!(fs::read_dir(hgrm).unwrap().count(), 6);
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

/// Processes that were started to end with this one.
fn servers_of(parent: u32) -> usize {
    let wanted = format!("\0--parent\0{parent}\0");
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let command = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    let commands = processes.filter_map(command);
    commands.filter(|line| String::from_utf8_lossy(line).contains(&wanted)).count()
}

/// Looks until the condition holds, for a minute at most.
fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came to that");
}

#[derive(Deserialize)]
struct Loopbacks {
    rows: Vec<Row>,
    loopbacks: Vec<Loopback>,
}

#[derive(Deserialize)]
struct Loopback {
    case: String,
    messages: u64,
    signals: u64,
    read_buffer_bytes: u64,
    achieved_per_s: f64,
}

#[test]
fn the_loopback_has_a_row_for_each_client_and_leaves_no_server() {
    let child = Command::new(env!("CARGO_BIN_EXE_tickhawk"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["bench", "loopback", "--rate", "1000,2000", "--seconds", "0.5", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bench = child.id();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(servers_of(bench), 0);
    let report: Loopbacks = sonic_rs::from_slice(&output.stdout).unwrap();
    for (rate, clients) in [
        (1_000, &["busy-poll", "epoll"][..]),
        (2_000, &["busy-poll", "epoll", "busy-poll-4-kib", "busy-poll-64-kib"]),
    ] {
        let row = |name: String| {
            let row = report.rows.iter().find(|row| row.name == name);
            row.unwrap_or_else(|| panic!("no row {name}")).samples
        };
        for client in clients {
            let case = format!("{rate}-per-s/{client}");
            let found = report.loopbacks.iter().find(|found| found.case == case).unwrap();
            assert_eq!(found.messages, rate / 2, "{case}");
            assert!(found.signals > 0 && found.achieved_per_s > 0.0, "{case}");
            assert_eq!(row(format!("loopback/{case}")), found.signals);
            assert_eq!(row(format!("loopback/{rate}-per-s-to-frame/{client}")), found.messages);
        }
        assert!(row(format!("loopback/{rate}-per-s/in-memory")) > 0);
        assert!(row(format!("loopback/{rate}-per-s-to-frame/bare-socket")) > 0);
    }
    let buffers: Vec<u64> = report.loopbacks.iter().map(|one| one.read_buffer_bytes).collect();
    assert_eq!(buffers[buffers.len() - 3..], [4 << 10, 64 << 10, 16 << 10]);
    let encrypted = report.loopbacks.last().unwrap();
    assert_eq!((&encrypted.case[..], encrypted.messages), ("2000-per-s/busy-poll-tls", 1_000));
    assert!(encrypted.signals > 0);
    assert!(report.rows.iter().any(|row| row.name == "loopback/2000-per-s/busy-poll-tls"));
}

/// Where a host has the cores, the two steps of a client of the loopback have a thread each; and
/// another server's frames come by TLS.
#[test]
fn two_threads_hear_what_one_hears() {
    let cores = allowed_cores();
    let [market, inference, ..] = cores[..] else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bench = Bench {
        recordings: &[],
        clock: Clock::new(),
        cores: None,
        pairs: 0,
        pipeline: PipelineOptions::default(),
        loopback: None,
        model: ModelFile::read(root.join("models/mlp/1/model.onnx")).unwrap(),
        prober: None,
    };
    let two = Some(Cores { market, inference });
    let turns = [(None, false), (two, false), (None, true)].map(|(threads, is_encrypted)| {
        let program = Path::new(env!("CARGO_BIN_EXE_tickhawk"));
        let start = if is_encrypted { Server::start_encrypted } else { Server::start };
        let server = start(program, 1_000.0, None).unwrap();
        // One that sleeps and is left cold, and one that does neither, make the same signals.
        let (busy_poll, keep_warm) = (threads.is_none(), threads.is_none());
        let listening = Listening {
            busy_poll,
            keep_warm,
            read_buffer_bytes: 4_096,
            frames: 1_000,
            from: 4_500,
            kept: 0,
            core: None,
            threads,
        };
        let turn = turn(&bench, &server, 1_000.0, listening).unwrap();
        let written = server.finish().unwrap();
        let latencies = written.latencies(0, turn.signals.iter().copied()).unwrap();
        assert_eq!(latencies.sample_count(), turn.signals.len() as u64);
        turn
    });
    // A snapshot may come late on a busy host, and with it the first frame that counts.
    let from = turns.iter().map(|turn| turn.frames.start).max().unwrap();
    let until = turns.iter().map(|turn| turn.frames.end).min().unwrap();
    let [one, two, encrypted] = turns.map(|turn| -> Vec<u64> {
        let frames = turn.signals.iter().map(|(frame, _)| *frame);
        frames.filter(|frame| (from..until).contains(frame)).collect()
    });
    assert!(!one.is_empty(), "frames {from} to {until}");
    assert_eq!(one, two);
    assert_eq!(one, encrypted);
}

#[test]
fn a_server_ends_with_a_bench_that_is_killed() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickhawk"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["bench", "loopback", "--rate", "1000", "--seconds", "60"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bench = child.id();
    wait_until(|| servers_of(bench) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(|| servers_of(bench) == 0);
}

#[test]
fn a_loopback_that_cannot_be_is_refused() {
    for (arguments, says) in [
        (&["--rate", "0"][..], "above zero"),
        (&["--rate", "2000,x"], "above zero"),
        (&["--rate", "2e6"], "from 1 to 1000000"),
        (&["--seconds", "0.01"], "from 0.1 to 3600"),
        (&["--cores", "0,999"], "999"),
        (&["recording.gz"], "unexpected"),
    ] {
        let (code, _, stderr) = bench(&[&["loopback"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}
