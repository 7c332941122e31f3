//! How many instructions the hot steps take, counted by valgrind: the gate against slow changes that
//! no neighbour on the host can move.
//!
//! The figures below are of this test's profile and of AVX2, since valgrind knows no AVX-512. They are
//! held to where `TICKHAWK_REQUIRE_VALGRIND` is set, as `.ci/run` does; a change that moves one on
//! purpose puts the new one here, and its reason in the commit.

use std::{env, path::Path};
use tickhawk_harness::{
    callgrind::{Counts, Prober},
    host::Surroundings,
};

/// Instructions an item, calls included: a frame decoded, a book message applied and its best levels
/// read, an event through the default features, a run of `mlp/1`.
const EXPECTED: [(&str, f64); 4] =
    [("decode", 2162.0), ("book", 1966.0), ("features", 3036.0), ("model", 15_692.0)];

/// The compiler they are of, and how far it may be from them: its own code hardly changes.
const COMPILER: &str = "rustc 1.95.0";
const TOLERANCE: f64 = 0.1;

/// How far another compiler may be from them.
const OTHER_TOLERANCE: f64 = 0.5;

#[test]
fn hot_steps_take_as_many_instructions_as_before() {
    if env::var_os("TICKHAWK_REQUIRE_VALGRIND").is_none() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recording = root.join("replay-data/binance-futures.jsonl.zst");
    let model = root.join("models/mlp/1/model.onnx");
    let arguments = ["bench".into(), "probe".into(), recording.into_os_string()];
    let arguments = arguments.into_iter().chain(["--model".into(), model.into_os_string()]);
    let program = env!("CARGO_BIN_EXE_tickhawk").into();
    let counted = Prober { program, arguments: arguments.collect() }.count().unwrap();
    let counted = counted.expect("TICKHAWK_REQUIRE_VALGRIND is set: install valgrind");
    let touched = |step: &&Counts| matches!(&*step.step, "book" | "features");
    assert!(counted.iter().filter(touched).all(|step| step.lines > 0), "{counted:?}");
    let rustc = Surroundings::new(None).rustc;
    let tolerance = if rustc.starts_with(COMPILER) { TOLERANCE } else { OTHER_TOLERANCE };
    let found: Vec<_> = counted
        .iter()
        .map(|Counts { step, items, instructions, .. }| {
            (step.as_str(), *instructions as f64 / *items as f64)
        })
        .collect();
    assert_eq!(found.len(), EXPECTED.len());
    for ((step, expected), (found_step, instructions)) in EXPECTED.iter().zip(&found) {
        assert_eq!(step, found_step);
        let ratio = instructions / expected;
        assert!(
            (1.0 - tolerance..=1.0 + tolerance).contains(&ratio),
            "{step}: {instructions:.1} instructions where there were {expected:.1}; all: {found:?}"
        );
    }
}
