//! If it is a rule, it is a test: directions, sizes, words, documents.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What each crate may depend on among ours: always something before it on the data path.
const MAY_USE: [(&str, &[&str]); 16] = [
    ("market", &[]),
    ("latency", &["market"]),
    ("capture", &["market"]),
    ("venue", &["market"]),
    ("decoded", &["market", "venue"]),
    ("book", &["market"]),
    ("feature", &["market"]),
    ("handoff", &[]),
    ("inference", &["market", "handoff"]),
    ("signal", &["market", "latency"]),
    (
        "engine",
        &[
            "market",
            "latency",
            "venue",
            "decoded",
            "book",
            "feature",
            "handoff",
            "inference",
            "signal",
        ],
    ),
    ("page", &[]),
    ("backtest", &["market", "book", "feature", "signal", "engine", "venue", "latency", "page"]),
    ("feed", &["market", "venue"]),
    ("simulator", &["market"]),
    (
        "harness",
        &[
            "market",
            "latency",
            "capture",
            "venue",
            "decoded",
            "book",
            "feature",
            "handoff",
            "inference",
            "signal",
            "engine",
            "feed",
            "page",
        ],
    ),
];

/// Where unsafe code may stand; ARCHITECTURE.md says why.
const MAY_BE_UNSAFE: [&str; 10] = [
    "crates/decoded/src/map.rs",
    "crates/engine/src/memory.rs",
    "crates/engine/src/priority.rs",
    "crates/harness/src/allocations.rs",
    "crates/handoff/src/shared.rs",
    "crates/inference/src/native/simd/",
    "crates/inference/src/native/trees/kernels.rs",
    "crates/inference/src/native/trees/kernels_avx512.rs",
    "crates/inference/src/sys.rs",
    "crates/venue/src/lanes.rs",
];

/// Lines a source file may have; past that look for the missing noun.
const FILE_LINES_MAX: usize = 420;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below the folder with that ending.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["src", "crates", "tests", "benches"] {
        files(&root().join(folder), "rs", &mut found);
    }
    // A package of its own: what it stands beside is no business of ours.
    found.retain(|path| !path.starts_with(root().join("benches/rivals")));
    found
}

#[test]
fn dependencies_point_one_way() {
    for (name, may_use) in MAY_USE {
        let manifest = read(&root().join("crates").join(name).join("Cargo.toml"));
        let normal = manifest.split("[dev-dependencies]").next().unwrap();
        let normal = normal.split_once("[dependencies]").map_or("", |(_, after)| after);
        for line in normal.lines() {
            let Some(used) = line.strip_prefix("tickhawk-") else { continue };
            let used = used.split('.').next().unwrap();
            assert!(may_use.contains(&used), "crate {name} must not use {used}");
        }
    }
    let folders = fs::read_dir(root().join("crates")).unwrap().count();
    assert_eq!(folders, MAY_USE.len(), "every crate is in the table");
}

#[test]
fn only_those_who_may_know_json_onnx_and_threads() {
    let knows = |words: &[&str], may: &[&str]| {
        for path in sources() {
            let text = read(&path);
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            if may.iter().any(|folder| path.starts_with(folder)) || path.starts_with("tests/") {
                continue;
            }
            for word in words {
                assert!(!text.contains(word), "{path} knows of `{word}`");
            }
        }
    };
    knows(&["use ort::", "ort::sys"], &["crates/inference/"]);
    knows(&["anyhow::"], &["src/"]);
    knows(&["clap::"], &["src/"]);
    knows(&["tokio::", "rustls", "ureq::"], &["crates/feed/"]);
    let may_read_clocks =
        ["crates/feed/", "crates/inference/", "crates/latency/", "src/shutdown.rs"];
    knows(&["Instant::now", "SystemTime::now"], &may_read_clocks);
}

#[test]
fn unsafe_code_stands_where_it_may() {
    for path in sources() {
        let text = read(&path);
        let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let is_shipped = path.starts_with("src/") || path.contains("/src/");
        if !is_shipped || MAY_BE_UNSAFE.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let begins = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"];
            assert!(!begins.iter().any(|word| line.contains(word)), "{path}: {line}");
        }
    }
}

#[test]
fn files_are_short_and_clean() {
    let banned = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "#[ig".to_owned() + "nore"];
    for path in sources() {
        let text = read(&path);
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{}: {lines} lines", path.display());
        for word in &banned {
            assert!(!text.contains(word.as_str()), "{} holds `{word}`", path.display());
        }
    }
}

#[test]
fn documents_name_what_is_there() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    for (name, _) in MAY_USE {
        assert!(
            architecture.contains(&format!("`{name}`")),
            "ARCHITECTURE.md says nothing of {name}"
        );
    }
    let readme = read(&root().join("README.md"));
    for command in ["cargo run --release -- replay", "cargo test"] {
        assert!(readme.contains(command), "README.md names `{command}`");
    }
    for venue in tickhawk_venue::Venue::ALL {
        assert!(readme.contains(venue.slug()), "README.md says nothing of {venue}");
    }
    let mut named = BTreeMap::new();
    for file in
        ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md", "docs/outputs.md", "docs/tuning.md"]
    {
        named.insert(file, root().join(file).exists());
    }
    assert!(named.values().all(|there| *there), "{named:?}");
}

/// Every key that is serialised into an output stands in docs/outputs.md.
#[test]
fn every_output_key_is_documented() {
    let outputs = read(&root().join("docs/outputs.md"));
    let sources = [
        "crates/backtest/src/judge.rs",
        "crates/backtest/src/judge/shuffled.rs",
        "crates/backtest/src/judge/classes.rs",
        "crates/backtest/src/judge/conduct.rs",
        "crates/backtest/src/judge/correlation.rs",
        "crates/backtest/src/judge/delay.rs",
        "crates/backtest/src/judge/groups.rs",
        "crates/backtest/src/judge/label.rs",
        "crates/backtest/src/judge/options.rs",
        "crates/backtest/src/judge/series.rs",
        "crates/backtest/src/lookahead.rs",
        "crates/backtest/src/trade/bootstrap.rs",
        "crates/backtest/src/trade/curve.rs",
        "crates/backtest/src/trade/order.rs",
        "crates/backtest/src/trade/report.rs",
        "crates/backtest/src/trade/summary.rs",
        "src/backtest.rs",
        "src/backtest/trade.rs",
        "crates/decoded/src/about.rs",
        "crates/signal/src/line.rs",
        "crates/latency/src/report.rs",
        "src/run_report.rs",
        "src/tuning.rs",
        "src/run_report/tiers.rs",
        "src/recording_run.rs",
        "src/verify.rs",
        "src/books.rs",
        "src/model.rs",
        "src/challenger.rs",
        "src/model/bench.rs",
        "src/model/inspect.rs",
        "src/model/prove.rs",
        "src/model/versions.rs",
        "src/doctor.rs",
        "src/check.rs",
        "crates/harness/src/row.rs",
        "crates/harness/src/report.rs",
        "crates/harness/src/host.rs",
        "crates/harness/src/pipeline.rs",
        "crates/harness/src/loopback.rs",
    ];
    for source in sources {
        let text = read(&root().join(source));
        for (at, _) in text.match_indices("Serialize") {
            // What is read before it is written is config, which config.example.toml explains.
            let derived = ["Serialize)]", "Serialize, Deserialize)]"];
            let is_output = derived.iter().any(|end| text[at..].starts_with(end));
            if !is_output || text[..at].ends_with("Deserialize, ") {
                continue;
            }
            let Some((_, body)) = text[at..].split_once(" {\n") else { continue };
            let Some((fields, _)) = body.split_once("\n}") else { continue };
            for line in fields.lines().map(str::trim) {
                let line = line.strip_prefix("pub ").unwrap_or(line);
                let Some((key, _)) = line.split_once(": ") else { continue };
                let is_key = !key.is_empty()
                    && key
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
                if is_key {
                    assert!(outputs.contains(&format!("`{key}`")), "{source}: key `{key}`");
                }
            }
        }
    }
}
