//! An outcome log gives what was written, and of a damaged one a beginning of that.

mod support;

use proptest::prelude::*;
use support::{Folder, zst};
use tickhawk_capture::{CaptureError, MAX_OUTCOME_WORDS, OutcomeReader, OutcomeWriter, Warning};

const HEADER: &str = "{\"words\":\"of a test\"}";

/// A log of these records, with a block ended after each third one.
fn log(records: &[Vec<u64>]) -> Vec<u8> {
    let mut writer = OutcomeWriter::new(Vec::new(), HEADER).unwrap();
    for (index, words) in records.iter().enumerate() {
        writer.record(words).unwrap();
        if index % 3 == 2 {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap()
}

fn read_all(reader: &mut OutcomeReader) -> Vec<Vec<u64>> {
    let mut records = Vec::new();
    while let Some(words) = reader.next_record() {
        records.push(words.to_vec());
    }
    assert_eq!(reader.next_record(), None, "the end is the end");
    records
}

/// Reads what was a log of these records: a beginning of them, with a warning unless it is all.
#[track_caller]
fn check_damaged(bytes: &[u8], whole: &[Vec<u64>]) -> usize {
    let folder = Folder::new();
    let mut reader = match OutcomeReader::open(&[folder.file("a.0000.outcomes", bytes)]) {
        Ok(reader) => reader,
        Err(CaptureError::NotOutcomes { .. }) => return 0,
        Err(error) => panic!("{error}"),
    };
    assert!(reader.header().is_none_or(|header| header == HEADER));
    let records = read_all(&mut reader);
    assert!(whole.starts_with(&records), "{} records are not the first", records.len());
    assert!(records.len() == whole.len() || reader.warnings().len() == 1);
    records.len()
}

fn records() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let word = prop_oneof![any::<u64>(), 0..9u64];
    prop::collection::vec(prop::collection::vec(word, 1..60), 0..30)
}

proptest! {
    #[test]
    fn outcomes_come_back(records in records()) {
        let folder = Folder::new();
        let path = folder.file("a.0000.outcomes", log(&records));
        let mut reader = OutcomeReader::open(&[&path, &path]).unwrap();
        prop_assert_eq!(reader.header(), Some(HEADER));
        prop_assert_eq!(read_all(&mut reader), [records.clone(), records].concat());
        prop_assert!(reader.warnings().is_empty());
    }

    #[test]
    fn random_damage(
        records in records(),
        at in any::<prop::sample::Index>(),
        with in 1u8..,
        length in 1usize..20,
        is_packed: bool,
    ) {
        let mut bytes = log(&records);
        if !is_packed {
            bytes = zstd::decode_all(bytes.as_slice()).unwrap();
        }
        let at = at.index(bytes.len());
        for byte in bytes.iter_mut().skip(at).take(length) {
            *byte ^= with;
        }
        check_damaged(&bytes, &records);
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), is_packed: bool) {
        let bytes = [b"THKOUTC1", bytes.as_slice()].concat();
        check_damaged(&if is_packed { zst(&bytes) } else { bytes }, &[]);
    }
}

#[test]
fn a_log_cut_anywhere_is_read_up_to_the_last_flush() {
    let records: Vec<Vec<u64>> = (0..30).map(|i| vec![i, i * i, u64::MAX / (i + 1)]).collect();
    let mut writer = OutcomeWriter::new(Vec::new(), HEADER).unwrap();
    let mut flushed = Vec::new();
    for words in &records {
        writer.record(words).unwrap();
        writer.flush().unwrap();
    }
    let bytes = writer.finish().unwrap();
    for length in 0..bytes.len() {
        flushed.push(check_damaged(&bytes[..length], &records));
    }
    assert!(flushed.is_sorted(), "more bytes give no fewer records");
    assert_eq!(flushed.last(), Some(&records.len()));
    // A block of its own for each: no cut loses more than the record it is in.
    flushed.dedup();
    assert_eq!(flushed, (0..=records.len()).collect::<Vec<_>>());
}

#[test]
fn damage_in_one_file_leaves_the_next() {
    let folder = Folder::new();
    let whole = log(&[vec![1], vec![2]]);
    let paths = [
        folder.file("a.0000.outcomes", &whole[..whole.len() - 2]),
        folder.file("a.0001.outcomes", ""),
        folder.file("a.0002.outcomes", &whole),
    ];
    let mut reader = OutcomeReader::open(&paths).unwrap();
    assert_eq!(read_all(&mut reader), [[1], [2], [1], [2]]);
    let told = reader.warnings().iter().map(|warning| match warning {
        Warning::Outcomes { path, records, .. } => (path.clone(), *records),
        other => panic!("{other}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [(paths[0].clone(), 2), (paths[1].clone(), 0)]);
    assert!(reader.warnings()[1].to_string().contains("ends early after 0 whole outcomes"));
}

#[test]
fn what_is_no_log_or_does_not_fit_is_refused() {
    let folder = Folder::new();
    for bytes in [b"time,price".to_vec(), zst("1893456000000000001 {}"), b"THKOUTC2".to_vec()] {
        let error = OutcomeReader::open(&[folder.file("a", bytes)]).err().unwrap();
        assert!(matches!(error, CaptureError::NotOutcomes { .. }), "{error}");
    }
    let none: [&str; 0] = [];
    assert!(matches!(OutcomeReader::open(&none).err().unwrap(), CaptureError::NoFiles));

    let mut writer = OutcomeWriter::new(Vec::new(), HEADER).unwrap();
    for words in [0, MAX_OUTCOME_WORDS + 1] {
        let error = writer.record(&vec![7; words]).unwrap_err();
        assert!(matches!(error, CaptureError::OutcomeSize { .. }), "{error}");
    }
    writer.record(&[7; MAX_OUTCOME_WORDS]).unwrap();
    let path = folder.file("a", writer.finish().unwrap());
    let mut reader = OutcomeReader::open(&[path]).unwrap();
    assert_eq!(read_all(&mut reader), [[7; MAX_OUTCOME_WORDS]]);
    let long = "x".repeat((1 << 20) + 1);
    let error = OutcomeWriter::new(Vec::new(), &long).err().unwrap();
    assert!(matches!(error, CaptureError::HeaderTooLong { .. }), "{error}");
}
