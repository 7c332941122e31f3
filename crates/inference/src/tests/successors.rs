//! Whether a model may come in another's place.

use super::*;
use crate::{Incumbent, example};
use tickhawk_market::Decimal;

fn example_file(bytes: Vec<u8>) -> ModelFile {
    ModelFile::from_bytes("next.onnx", bytes).unwrap()
}

/// The refusal's lines but for the last, which is the hint.
#[track_caller]
fn differences(incumbent: &ModelFile, next: &ModelFile) -> Vec<String> {
    let incumbent = Incumbent::of_file("version `1` of `obi`", incumbent).unwrap();
    let Err(error) = incumbent.check(next) else { return Vec::new() };
    let text = refusal::<()>(Err(error)).to_string();
    let (lines, hint) = text.rsplit_once('\n').unwrap();
    assert!(lines.starts_with("cannot take the place of version `1` of `obi`\n"), "{lines}");
    assert!(hint.starts_with("hint: "), "{hint}");
    lines.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_successor_takes_and_gives_the_same() {
    let classes = |features: &[&str], steps| example_file(example::classifier(features, steps));
    let [a, b, c, d] = FEATURES;
    let incumbent = classes(&FEATURES, 1);
    let none: [&str; 0] = [];
    assert_eq!(differences(&incumbent, &classes(&FEATURES, 1)), none);
    assert_eq!(
        differences(&incumbent, &classes(&[a, c, b, d], 1)),
        ["order: feature 1 is `ofi_1@1s`, there `spread_ticks`"]
    );
    assert_eq!(
        differences(&incumbent, &classes(&[a, b, "ofi_1@5s"], 2)),
        [
            "missing: `ofi_1@1s`, `obi_5_z@60s`",
            "surplus: `ofi_1@5s`",
            "frames it takes at once: 2, there 1"
        ]
    );
    assert_eq!(
        differences(&incumbent, &example_file(example::regressor(&FEATURES, 1))),
        ["what it gives: one value, there probabilities"]
    );
}

#[test]
fn a_tick_is_part_of_what_is_taken_and_a_label_is_not() {
    let with = |label: &str, tick: Option<&str>| {
        let tick = tick.map(|text| Decimal::parse(text.as_bytes()).unwrap());
        let golden = Golden { inputs: vec![vec![0.0; 4]], outputs: vec![vec![0.0]] };
        let contract = Contract::new(names(&FEATURES), label.into(), 1, tick, golden).unwrap();
        let bytes = crate::stamp(&file(value_graph()), &contract).unwrap();
        example_file(bytes)
    };
    let none: [&str; 0] = [];
    assert_eq!(differences(&with("x", Some("0.10")), &with("y", Some("0.1"))), none);
    let other = differences(&with("x", Some("0.1")), &with("x", Some("0.01")));
    assert_eq!(other, ["tick: 0.01, there 0.1"]);
    assert_eq!(differences(&with("x", Some("0.1")), &with("x", None)), ["tick: any, there 0.1"]);
}

#[test]
fn what_cannot_be_run_at_all_is_refused_before() {
    let incumbent = Incumbent::of_file("x", &example_file(example::regressor(&FEATURES, 1)));
    let found = refusal(incumbent.unwrap().check(&file(value_graph())));
    assert!(matches!(found, Refusal::MissingKey { .. }), "{found:?}");
}
