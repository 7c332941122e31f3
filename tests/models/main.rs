//! A model's life through the real binary: promoted or refused, rolled back, listed, inspected,
//! measured.

#[path = "../support/mod.rs"]
mod support;

mod live;
mod onnx;

use onnx::Onnx;
use serde::Deserialize;
use std::{fs, path::Path};
use support::tickhawk_ends;
use tickhawk_inference::{ModelFile, example};

const FEATURES: [&str; 4] = ["obi_5", "spread_ticks", "ofi_1@1s", "queue_imbalance"];

#[derive(Deserialize)]
struct InUse {
    version: String,
    previous: Option<String>,
}

/// A models folder of a test, and a folder beside it for what is to be promoted.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn models(&self) -> String {
        self.folder.path().join("models").display().to_string()
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// `model promote FILE --name obi` must end so.
    #[track_caller]
    fn promote(&self, code: i32, file: &str, more: &[&str]) -> (String, String) {
        let models = self.models();
        let args = ["model", "promote", file, "--models", &models, "--name", "obi"];
        tickhawk_ends(code, &[&args[..], more].concat())
    }

    #[track_caller]
    fn in_use(&self, expected: Option<(&str, Option<&str>)>) {
        let (out, _) = tickhawk_ends(0, &["model", "list", "--json", "--models", &self.models()]);
        let found = out.lines().find(|line| line.contains("\"name\":\"obi\""));
        let found: Option<InUse> = found
            .map(|line| sonic_rs::from_str(&line.replace("\"in_use\"", "\"version\"")).unwrap());
        let found = found.as_ref().map(|row| (row.version.as_str(), row.previous.as_deref()));
        assert_eq!(found, expected);
    }
}

/// Every file below the folder with its bytes, but for locks.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with(".lock") {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn models_are_promoted_listed_and_rolled_back() {
    let folder = Folder::new();
    let models = folder.models();
    let first = folder.file("first.onnx", example::classifier(&FEATURES, 1));
    let other = Onnx::new(&FEATURES).scaled(2.0).stamped();
    let second = folder.file("second.onnx", other);
    let (_, err) = tickhawk_ends(0, &["model", "list", "--models", &models]);
    assert!(err.contains("no model in"), "{err}");
    let (out, err) = folder.promote(0, &first, &[]);
    assert!(out.contains("1 is in use") && err.contains("percentile"), "{out}{err}");
    let (out, _) = folder.promote(0, &second, &["--json", "--budget-us", "60000000"]);
    let promoted: InUse = sonic_rs::from_str(&out).unwrap();
    assert_eq!((promoted.version.as_str(), promoted.previous.as_deref()), ("2", Some("1")));
    folder.in_use(Some(("2", Some("1"))));
    let rollback = ["model", "rollback", "obi", "--models", &models];
    tickhawk_ends(0, &rollback);
    folder.in_use(Some(("1", Some("2"))));
    // A file that lies there is only put to use.
    let there = format!("{models}/obi/2/model.onnx");
    tickhawk_ends(0, &["model", "promote", &there, "--models", &models]);
    folder.in_use(Some(("2", Some("1"))));
    // What is there does not change.
    let (_, err) = folder.promote(1, &first, &["--version", "2"]);
    assert!(err.contains("other bytes"), "{err}");
    folder.promote(0, &second, &["--version", "2"]);
    folder.in_use(Some(("2", Some("1"))));
    let (_, err) = folder.promote(2, &first, &["--version", "../up"]);
    assert!(err.contains("cannot name"), "{err}");
    let (_, err) = tickhawk_ends(2, &["model", "rollback", "none", "--models", &models]);
    assert!(err.contains("no version of `none`"), "{err}");
}

#[test]
fn a_first_version_cannot_be_rolled_back() {
    let folder = Folder::new();
    let file = folder.file("m.onnx", example::regressor(&FEATURES, 1));
    folder.promote(0, &file, &[]);
    let rollback = ["model", "rollback", "obi", "--models", &folder.models()];
    let (_, err) = tickhawk_ends(2, &rollback);
    assert!(err.contains("none to go back to"), "{err}");
    folder.in_use(Some(("1", None)));
}

/// Every way a version can be wrong: refused, named, and nothing changes.
#[test]
fn bad_versions_are_refused_and_nothing_changes() {
    let folder = Folder::new();
    let good = Onnx::new(&FEATURES);
    let whole = good.stamped();
    folder.promote(0, &folder.file("good.onnx", &whole), &[]);
    let before = files(folder.models().as_ref());

    let [a, b, c, d] = FEATURES;
    let broken_off = whole[..whole.len() / 2].to_vec();
    let golden = good.clone().scaled(2.0).with_contract_of(&good);
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("a feature missing", Onnx::new(&[a, b, c]).stamped(), &["missing: `queue_imbalance`"]),
        ("a feature more", Onnx::new(&[a, b, c, d, "obi_10"]).stamped(), &["surplus: `obi_10`"]),
        (
            "reordered",
            Onnx::new(&[a, c, b, d]).stamped(),
            &["order: feature 1 is `ofi_1@1s`, there `spread_ticks`"],
        ),
        (
            "another window",
            Onnx::new(&[a, b, "ofi_1@5s", d]).stamped(),
            &["missing: `ofi_1@1s`", "surplus: `ofi_1@5s`"],
        ),
        ("other steps", example::classifier(&FEATURES, 10), &["frames it takes at once: 10"]),
        ("another output", example::regressor(&FEATURES, 1), &["what it gives: one value"]),
        ("a feature unknown", Onnx::new(&[a, b, c, "vibes"]).stamped(), &["vibes"]),
        (
            "a wrong shape",
            good.clone().input(1, &[0, 2, 2, 4]).with_contract_of(&good),
            &["[N, F]"],
        ),
        (
            "a narrow input",
            good.clone().input(1, &[0, 3]).with_contract_of(&good),
            &["lists 4 features"],
        ),
        ("a wide output", good.clone().output(1, &[0, 7]).with_contract_of(&good), &["gives"]),
        (
            "float64 in",
            good.clone().input(11, &[0, 4]).with_contract_of(&good),
            &["float64", "must be float32"],
        ),
        (
            "float16 out",
            good.clone().output(10, &[0, 3]).with_contract_of(&good),
            &["float16", "float32"],
        ),
        ("other weights", golden, &["golden row"]),
        ("no contract", good.graph(), &["tickhawk.features"]),
        ("truncated", broken_off, &["truncated or damaged"]),
        ("empty", Vec::new(), &["not an ONNX file", "empty"]),
        ("text", b"{\"weights\": [1, 2, 3]}".to_vec(), &["model"]),
        ("a zip", b"PK\x03\x04 and on".to_vec(), &["zip archive"]),
        (
            "weights elsewhere",
            good.clone().external("../../etc/passwd").with_contract_of(&good),
            &["outside the file", "weights"],
        ),
        (
            "2 GB claimed",
            good.clone().claim(&[65_536, 8_192]).with_contract_of(&good),
            &["claims dimensions [65536, 8192]"],
        ),
        (
            "2^62 claimed",
            good.clone().claim(&[1 << 31, 1 << 31]).with_contract_of(&good),
            &["claims dimensions"],
        ),
        ("a long field", with_length_claim(&whole), &["truncated or damaged"]),
    ];
    for (what, bytes, says) in cases {
        let file = folder.file("bad.onnx", bytes);
        let (out, err) = folder.promote(1, &file, &[]);
        assert_eq!(out, "", "{what}");
        for words in says.iter().chain(&["error:", "bad.onnx"]) {
            assert!(err.contains(words), "{what}: `{words}` in {err}");
        }
        assert_eq!(files(folder.models().as_ref()), before, "{what}");
    }
    let (_, err) = folder.promote(2, "no-such-file.onnx", &[]);
    assert!(err.contains("no-such-file.onnx"), "{err}");
    folder.in_use(Some(("1", None)));
}

/// The file with a last field that claims 2 GB.
fn with_length_claim(whole: &[u8]) -> Vec<u8> {
    // Field 14, `metadata_props`, of 2^31 - 1 bytes, none of which is there.
    [whole, &[0x72, 0xff, 0xff, 0xff, 0xff, 0x07]].concat()
}

#[test]
fn a_slow_model_is_held_to_its_budget() {
    let folder = Folder::new();
    // 1,024 x 50 values: no machine so much as copies them within a microsecond.
    let names: Vec<String> = (1..=50).map(|level| format!("bid_qty_{level}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let file = folder.file("slow.onnx", example::classifier(&names, 1_024));
    let (_, err) = folder.promote(1, &file, &["--budget-us", "1"]);
    assert!(err.contains("its budget is 1.00 µs"), "{err}");
    folder.in_use(None);
}

#[test]
fn models_are_inspected_without_being_run() {
    let folder = Folder::new();
    let mlp = "models/mlp/1/model.onnx";
    let (out, _) = tickhawk_ends(0, &["model", "inspect", mlp, "--json"]);
    let sha256 = ModelFile::read(mlp).unwrap().sha256();
    for words in [&sha256, "Gemm", "float32[N, 32]", "\"schema\"", "\"refusal\":null"] {
        assert!(out.contains(words), "`{words}` in {out}");
    }
    let bare = folder.file("bare.onnx", Onnx::new(&FEATURES).graph());
    let (out, _) = tickhawk_ends(0, &["model", "inspect", &bare]);
    assert!(out.contains("cannot be run") && out.contains("tickhawk.features"), "{out}");
    let (_, err) = tickhawk_ends(1, &["model", "inspect", "README.md"]);
    assert!(err.contains("README.md"), "{err}");
}

#[test]
fn models_are_measured() {
    let mlp = "models/mlp/1/model.onnx";
    let (out, _) = tickhawk_ends(0, &["model", "bench", mlp, "--runs", "1000", "--json"]);
    for key in ["\"p50_ns\"", "\"p99_ns\"", "\"golden_difference_max\"", "onnxruntime"] {
        assert!(out.contains(key), "{key} in {out}");
    }
}
