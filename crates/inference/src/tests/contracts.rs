//! The contract: what it holds, and every way it can be wrong.

use super::*;
use proptest::prelude::*;
use tickhawk_market::Decimal;

/// The entries of a good contract over [`FEATURES`], to be bent.
const GOOD: [(&str, &str); 6] = [
    ("tickhawk.features", r#"["obi_5","spread_ticks","ofi_1@1s","obi_5_z@60s"]"#),
    ("tickhawk.schema", "c3f2abee609c9677b4f46a824dee99b25883d640598789b14197a657cc77b4ab"),
    ("tickhawk.label", "mid_return@1s"),
    ("tickhawk.horizon_ms", "1000"),
    ("tickhawk.tick_size", "0.10"),
    ("tickhawk.golden", r#"{"inputs":[[0,0,0,0]],"outputs":[[0.25,0.5,0.25]]}"#),
];

fn parse(entries: &[(&str, &str)]) -> Result<Contract, Refusal> {
    match Contract::parse(&with_metadata(classes_graph(), entries)) {
        Ok(contract) => Ok(contract),
        error => Err(refusal(error)),
    }
}

/// What comes of a good contract in which `key` says `value` (`None`: is absent).
fn with(key: &str, value: Option<&str>) -> Result<Contract, Refusal> {
    let mut entries = GOOD.to_vec();
    entries.retain(|entry| entry.0 != key);
    entries.extend(value.map(|value| (key, value)));
    parse(&entries)
}

#[track_caller]
fn check_bad(key: &'static str, value: &str, words: &str) {
    match with(key, Some(value)) {
        Err(Refusal::BadValue { key: found, detail }) => {
            assert_eq!(found, key);
            assert!(detail.contains(words), "{value}: {detail}");
        }
        other => panic!("{key} = {value}: {other:?}"),
    }
}

#[test]
fn a_contract_is_read() {
    let contract = parse(&GOOD).unwrap();
    assert_eq!(contract.features(), FEATURES);
    assert_eq!(contract.schema(), GOOD[1].1);
    assert_eq!((contract.label(), contract.horizon_ms()), ("mid_return@1s", 1000));
    let tick = contract.tick_size().unwrap();
    assert_eq!((tick.mantissa, tick.decimals), (1, 1));
    assert_eq!(contract.golden().outputs, [[0.25, 0.5, 0.25]]);
    assert_eq!(with("tickhawk.tick_size", None).unwrap().tick_size(), None);
    // The list may be spaced; the hash is that of its compact form.
    let spaced = r#"["obi_5", "spread_ticks", "ofi_1@1s", "obi_5_z@60s"]"#;
    assert_eq!(with("tickhawk.features", Some(spaced)).unwrap(), contract);
}

#[test]
fn every_missing_entry_is_named() {
    let required = GOOD.iter().map(|entry| entry.0).filter(|key| *key != "tickhawk.tick_size");
    for key in required {
        assert_eq!(with(key, None), Err(Refusal::MissingKey { key }));
    }
}

#[test]
fn every_wrong_value_is_named() {
    check_bad("tickhawk.features", "obi_5", "");
    check_bad("tickhawk.features", r#"{"a":1}"#, "");
    check_bad("tickhawk.features", "[]", "0 names");
    check_bad("tickhawk.features", r#"["obi_5",""]"#, "name 1");
    check_bad("tickhawk.features", r#"["obi 5"]"#, "obi 5");
    check_bad("tickhawk.features", r#"["obi_5","ofi","obi_5"]"#, "`obi_5` is listed twice");
    let many: Vec<String> = (0..129).map(|index| format!("\"f{index}\"")).collect();
    check_bad("tickhawk.features", &format!("[{}]", many.join(",")), "129 names");
    let long = format!("[\"{}\"]", "f".repeat(65));
    check_bad("tickhawk.features", &long, "name 0");
    check_bad("tickhawk.label", "", "one line");
    check_bad("tickhawk.label", "a\nb", "one line");
    for horizon in ["", "0.5", "-1", "1s", "18446744073709551616"] {
        check_bad("tickhawk.horizon_ms", horizon, "whole number");
    }
    check_bad("tickhawk.horizon_ms", "0", "zero");
    check_bad("tickhawk.tick_size", "ten", "not a number");
    check_bad("tickhawk.tick_size", "0", "not above zero");
    check_bad("tickhawk.tick_size", "-0.1", "not above zero");
    check_bad("tickhawk.golden", "", "");
    check_bad("tickhawk.golden", "[[0]]", "");
    check_bad("tickhawk.golden", r#"{"inputs":[[0,0,0,0]]}"#, "outputs");
    check_bad("tickhawk.golden", r#"{"inputs":[],"outputs":[]}"#, "0 inputs");
    check_bad("tickhawk.golden", r#"{"inputs":[[0,0,0,0]],"outputs":[]}"#, "0 outputs");
    check_bad("tickhawk.golden", r#"{"inputs":[[NaN]],"outputs":[[0]]}"#, "");
    check_bad("tickhawk.golden", r#"{"inputs":[[1e39]],"outputs":[[0]]}"#, "finite");
}

#[test]
fn an_entry_written_twice_is_refused() {
    let mut entries = GOOD.to_vec();
    entries.push(("tickhawk.label", "another"));
    let expected = Refusal::BadValue { key: "tickhawk.label", detail: "written twice".to_owned() };
    assert_eq!(parse(&entries), Err(expected));
}

#[test]
fn a_list_that_does_not_hash_to_the_schema_is_refused() {
    let swapped = r#"["spread_ticks","obi_5","ofi_1@1s","obi_5_z@60s"]"#;
    for (key, value) in [("tickhawk.features", swapped), ("tickhawk.schema", "7c1e")] {
        let found = with(key, Some(value)).unwrap_err();
        assert!(matches!(found, Refusal::SchemaMismatch { .. }), "{found:?}");
    }
}

#[test]
fn a_feature_list_is_compared_name_by_name() {
    let contract = parse(&GOOD).unwrap();
    contract.check_features(&FEATURES).unwrap();

    let fewer = contract.check_features(&["obi_5", "vpin", "ofi_1@1s"]).unwrap_err();
    assert_eq!(fewer.missing, ["spread_ticks", "obi_5_z@60s"]);
    assert_eq!(fewer.surplus, ["vpin"]);
    assert_eq!(fewer.order, None);
    assert_eq!(
        Refusal::Features(fewer).of("models/obi_v2.onnx").to_string(),
        "model `models/obi_v2.onnx` expects 4 features, this build produces 3\n  \
         missing: `spread_ticks`, `obi_5_z@60s`\n  \
         surplus: `vpin`\n\
         hint: leave `features` out of the configuration to take the model's own list \
         (schema c3f2abee)"
    );

    let swapped = ["obi_5", "ofi_1@1s", "spread_ticks", "obi_5_z@60s"];
    let order = contract.check_features(&swapped).unwrap_err();
    assert!(order.missing.is_empty());
    assert!(order.surplus.is_empty());
    let first = order.order.clone().unwrap();
    assert_eq!((first.index, first.expected.as_str()), (1, "spread_ticks"));
    assert!(
        order.to_string().contains("feature 1 is `spread_ticks` in the model, `ofi_1@1s` here")
    );

    // The same names, one of them doubled: neither missing nor surplus, and refused all the same.
    let doubled = ["obi_5", "spread_ticks", "ofi_1@1s", "obi_5_z@60s", "obi_5"];
    assert_eq!(contract.check_features(&doubled).unwrap_err().produced_count, 5);
}

#[test]
fn a_contract_must_fit_the_graph() {
    let stamped = |graph, contract: &Contract| crate::stamp(&file(graph), contract);
    stamped(classes_graph(), &contract(&[0.2, 0.5, 0.3])).unwrap();
    stamped(value_graph(), &contract(&[0.0])).unwrap();
    let found = refusal(stamped(value_graph(), &contract(&[0.2, 0.5, 0.3])));
    assert!(found.to_string().contains("row 0 of outputs has 3 numbers, not 1"), "{found}");
    let found = refusal(stamped(classes_graph(), &contract(&[-2.0, 0.5, 3.0])));
    assert!(found.to_string().contains("logits?"), "{found}");

    let golden = Golden { inputs: vec![vec![0.0; 3]], outputs: vec![vec![0.0]] };
    let three = Contract::new(names(&FEATURES[..3]), "x".into(), 1, None, golden.clone()).unwrap();
    let found = refusal(stamped(value_graph(), &three));
    assert_eq!(found.to_string(), "lists 3 features, but its input is features float32[N, 4]");
    let narrow = Contract::new(names(&FEATURES), "x".into(), 1, None, golden).unwrap();
    let found = refusal(stamped(value_graph(), &narrow));
    assert!(found.to_string().contains("row 0 of inputs has 3 numbers, not 4"), "{found}");
}

proptest! {
    #[test]
    fn what_is_stamped_is_read_back(
        features in proptest::collection::btree_set("[a-z][a-z0-9_@]{0,20}", 4..=4),
        label in "[ -~]{1,40}",
        horizon_ms in 1u64..,
        tick in proptest::option::of((1i64.., 0u8..=18)),
        rows in proptest::collection::vec(
            (proptest::array::uniform4(-1e30f32..1e30), any::<f32>()), 1..5),
    ) {
        let tick_size = tick.map(|(units, decimals)| {
            let text = tickhawk_market::DecimalText { units, decimals }.to_string();
            Decimal::parse(text.as_bytes()).unwrap()
        });
        let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
        let golden = Golden {
            inputs: rows.iter().map(|row| row.0.to_vec()).collect(),
            outputs: rows.iter().map(|row| vec![finite(row.1)]).collect(),
        };
        let features = features.into_iter().collect();
        let contract = Contract::new(features, label, horizon_ms, tick_size, golden).unwrap();
        let bytes = crate::stamp(&file(value_graph()), &contract).unwrap();
        let read = Contract::parse(&ModelFile::from_bytes("x", bytes).unwrap()).unwrap();
        prop_assert_eq!(read, contract);
    }
}
