//! Models folders: what each change leaves, also when its maker dies in the middle.

use crate::{InUse, Store, StoreError};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

fn in_use(version: &str, previous: Option<&str>) -> InUse {
    InUse { version: version.to_owned(), previous: previous.map(str::to_owned) }
}

#[test]
fn versions_are_placed_promoted_and_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("models"));
    assert_eq!(store.names().unwrap(), [""; 0]);
    assert_eq!(
        (store.in_use("obi").unwrap(), store.next_version("obi").unwrap()),
        (None, "1".into())
    );
    for (version, bytes) in [("1", b"one"), ("2", b"two"), ("10", b"ten")] {
        store.place("obi", version, bytes).unwrap();
    }
    assert_eq!(store.names().unwrap(), ["obi"]);
    assert_eq!(store.versions("obi").unwrap(), ["1", "2", "10"]);
    assert_eq!(store.next_version("obi").unwrap(), "11");
    // Nothing was promoted: the highest is in use.
    assert_eq!(store.in_use("obi").unwrap(), Some(in_use("10", None)));
    assert_eq!(store.promote("obi", "2").unwrap(), in_use("2", Some("10")));
    assert_eq!(store.promote("obi", "1").unwrap(), in_use("1", Some("2")));
    assert_eq!(store.promote("obi", "1").unwrap(), in_use("1", Some("2")));
    assert_eq!(store.roll_back("obi").unwrap(), in_use("2", Some("1")));
    assert_eq!(store.roll_back("obi").unwrap(), in_use("1", Some("2")));
    assert_eq!(fs::read(store.model_path("obi", "2")).unwrap(), b"two");
    let current = fs::read_to_string(folder.path().join("models/obi/current")).unwrap();
    assert_eq!(current, "1\n2\n");
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    assert!(matches!(store.roll_back("obi"), Err(StoreError::UnknownModel { .. })));
    store.place("obi", "1", b"one").unwrap();
    store.place("obi", "1", b"one").unwrap();
    assert!(matches!(store.place("obi", "1", b"other"), Err(StoreError::Taken { .. })));
    assert!(matches!(store.promote("obi", "2"), Err(StoreError::UnknownVersion { .. })));
    store.promote("obi", "1").unwrap();
    assert!(matches!(store.roll_back("obi"), Err(StoreError::NoPrevious { .. })));
    for name in ["", ".", "..", ".hidden", "a/b", "/etc", "a\\b", "a b", "é", "current"] {
        assert!(matches!(store.place(name, "1", b""), Err(StoreError::BadName { .. })), "{name}");
        assert!(matches!(store.promote("obi", name), Err(StoreError::BadName { .. })), "{name}");
    }
    assert!(matches!(store.versions(&"a".repeat(65)), Err(StoreError::BadName { .. })));
    assert_eq!(store.in_use("obi").unwrap(), Some(in_use("1", None)));
    assert_eq!(store.names().unwrap(), ["obi"]);
}

#[test]
fn a_maker_that_died_leaves_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    store.place("obi", "1", b"one").unwrap();
    store.promote("obi", "1").unwrap();
    let obi = folder.path().join("obi");
    // It died while it wrote a version, and another one while it wrote `current`.
    fs::create_dir(obi.join(".incoming")).unwrap();
    fs::write(obi.join(".incoming/model.onnx"), b"tw").unwrap();
    fs::write(obi.join(".current"), b"2").unwrap();
    // A version without a file is none.
    fs::create_dir(obi.join("3")).unwrap();
    assert_eq!(store.versions("obi").unwrap(), ["1"]);
    assert_eq!(store.in_use("obi").unwrap(), Some(in_use("1", None)));
    store.place("obi", "2", b"two").unwrap();
    // It died here: placed, and not in use.
    assert_eq!(store.in_use("obi").unwrap(), Some(in_use("1", None)));
    assert_eq!(store.promote("obi", "2").unwrap(), in_use("2", Some("1")));
    assert_eq!(fs::read(store.model_path("obi", "2")).unwrap(), b"two");
}

#[test]
fn a_current_that_says_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    store.place("obi", "1", b"one").unwrap();
    let current = folder.path().join("obi/current");
    for text in ["", "\n", "\0", "../../etc\n", "1\n2\n3\n", "1\n../x\n", &"9".repeat(2_000)] {
        fs::write(&current, text).unwrap();
        let error = store.in_use("obi").unwrap_err();
        assert!(matches!(error, StoreError::BadCurrent { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }
    fs::write(&current, b"\xff\xfe").unwrap();
    assert!(matches!(store.in_use("obi"), Err(StoreError::BadCurrent { .. })));
    assert_eq!(store.promote("obi", "1").unwrap(), in_use("1", None));
    // By hand, as people write it.
    fs::write(&current, "1").unwrap();
    assert_eq!(store.in_use("obi").unwrap(), Some(in_use("1", None)));
}

#[test]
fn a_path_tells_its_store() {
    let (store, name, version) = Store::of("/srv/models/obi/7/model.onnx".as_ref()).unwrap();
    assert_eq!((store.folder().to_str().unwrap(), &*name, &*version), ("/srv/models", "obi", "7"));
    let relative = Store::of("obi/7/model.onnx".as_ref()).unwrap().0;
    assert_eq!(relative.model_path("obi", "7").to_str().unwrap(), "obi/7/model.onnx");
    for path in
        ["model.onnx", "7/model.onnx", "/7/model.onnx", "obi/7/other.onnx", "../7/model.onnx"]
    {
        assert_eq!(Store::of(path.as_ref()), None, "{path}");
    }
}

#[test]
fn versions_sort_as_people_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let sorted = ["1", "02", "2", "9", "10", "2024-06-01", "2024-6-2", "99999999999999999999999"];
    let words = ["a", "v1", "v1.2", "v1.10", "v2"];
    for version in sorted.iter().chain(&words).rev() {
        store.place("obi", version, b"").unwrap();
    }
    assert_eq!(store.versions("obi").unwrap(), [&sorted[..], &words].concat());
    assert_eq!(store.next_version("obi").unwrap(), "11");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Against a table in memory. Few cases: each waits for the disk.
    #[test]
    fn a_store_is_a_table_with_two_marks(steps in proptest::collection::vec((0u8..3, 1u8..5), 0..8)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        let mut versions: BTreeMap<u8, u8> = BTreeMap::new();
        let mut marks: Option<(u8, Option<u8>)> = None;
        for (step, (action, version)) in steps.into_iter().enumerate() {
            let text = version.to_string();
            let highest = versions.keys().next_back().map(|version| (*version, None));
            match action {
                0 => {
                    let bytes = [step as u8 % 2];
                    let placed = store.place("m", &text, &bytes).is_ok();
                    let expected = *versions.entry(version).or_insert(bytes[0]) == bytes[0];
                    prop_assert_eq!(placed, expected);
                }
                1 => {
                    let promoted = store.promote("m", &text).is_ok();
                    prop_assert_eq!(promoted, versions.contains_key(&version));
                    if promoted {
                        marks = match marks.or(highest) {
                            Some((now, before)) if now == version => Some((now, before)),
                            now => Some((version, now.map(|(now, _)| now))),
                        };
                    }
                }
                _ => {
                    let possible = marks.and_then(|(now, before)| Some((before?, Some(now))));
                    prop_assert_eq!(store.roll_back("m").is_ok(), possible.is_some());
                    marks = possible.or(marks);
                }
            }
            let highest = versions.keys().next_back().map(|version| (*version, None));
            let expected = marks.or(highest).map(|(now, before)| InUse {
                version: now.to_string(),
                previous: before.map(|before| before.to_string()),
            });
            prop_assert_eq!(store.in_use("m").unwrap(), expected);
        }
    }
}
