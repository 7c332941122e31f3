//! Whatever a form holds, reading it ends with an error or with steps, and never panics.

mod support;

use proptest::prelude::*;
use std::fs;
use support::{BLOCK_BYTES, decoding, form, large_form, seal, steps, told};
use tickhawk_decoded::{FormError, Reader, VERSION, Writer};

/// What the bytes are read as: all steps as text, or the error that ended them.
fn read(bytes: &[u8]) -> Result<Vec<String>, FormError> {
    steps(&mut Reader::in_memory("form", bytes)?)
}

#[test]
fn what_was_told_is_read_and_read_again() {
    let mut reader = Reader::in_memory("form", &form()).unwrap();
    let first = steps(&mut reader).unwrap();
    assert_eq!(first, told());
    assert_eq!(reader.about().totals.steps as usize, first.len());
    assert_eq!(reader.about().totals.records, 10);
    reader.rewind();
    assert_eq!(steps(&mut reader).unwrap(), first);
}

#[test]
fn a_mapped_file_is_read_like_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.decoded");
    fs::write(&path, large_form()).unwrap();
    assert!(Reader::recognises(&path));
    let mut mapped = Reader::open(&path).unwrap();
    assert_eq!(steps(&mut mapped).unwrap(), read(&large_form()).unwrap());
    for (text, name) in [("", "empty"), ("1700000000000000000 {}", "text")] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        assert!(!Reader::recognises(&path));
        assert!(Reader::open(&path).is_err(), "{name}");
    }
    assert!(Reader::open(folder.path()).is_err());
    assert!(!Reader::recognises(folder.path()));
    assert!(!Reader::recognises(&folder.path().join("none")));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.decoded");
    fs::write(&path, form()).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(1 << 20).unwrap();
    assert!(matches!(steps(&mut reader), Err(FormError::Changed { .. })));
    // One that is put in its place is another file.
    fs::write(&path, form()).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    fs::write(folder.path().join("b"), large_form()).unwrap();
    fs::rename(folder.path().join("b"), &path).unwrap();
    assert_eq!(steps(&mut reader).unwrap(), told());
}

#[test]
fn every_cut_is_known_as_such() {
    let whole = form();
    for length in 0..whole.len() {
        match read(&whole[..length]).unwrap_err() {
            FormError::NotAForm { .. } if length < 8 => {}
            FormError::Cut { .. } if length >= 8 => {}
            error => panic!("cut at {length}: {error}"),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.decoded");
    // What is behind the last whole word is missed too.
    for length in [0, 1, 7, 8, 9, whole.len() - 1, whole.len() - 8, whole.len() + 1] {
        let mut bytes = whole.clone();
        bytes.resize(length, 0);
        fs::write(&path, bytes).unwrap();
        assert!(Reader::open(&path).is_err(), "{length}");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    let whole = form();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert!(read(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn blocks_before_the_damage_are_read() {
    let whole = large_form();
    let expected = read(&whole).unwrap();
    let mut bytes = whole.clone();
    bytes[32 + BLOCK_BYTES + 100] ^= 1;
    let mut reader = Reader::in_memory("form", &bytes).unwrap();
    let mut count = 0;
    let error = loop {
        match reader.next_step() {
            Ok(step) => {
                assert_eq!(format!("{:?}", support::items(&step.unwrap())), expected[count])
            }
            Err(error) => break error,
        }
        count += 1;
    };
    assert!(count > 10 && count < expected.len(), "{count} of {}", expected.len());
    let FormError::Sum { from, to, .. } = error else { panic!("{error}") };
    assert_eq!((from, to), (32 + BLOCK_BYTES as u64, 32 + 2 * BLOCK_BYTES as u64));
    // Where an error was, it is given again.
    assert!(matches!(reader.next_step(), Err(FormError::Sum { .. })));
}

#[test]
fn other_versions_and_byte_orders_are_named() {
    let swap = |bytes: &mut Vec<u8>, word: usize| bytes[word * 8..word * 8 + 8].reverse();
    let mut bytes = form();
    swap(&mut bytes, 1);
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error, FormError::ByteOrder { .. }), "{error}");
    let mut bytes = form();
    bytes[16..24].copy_from_slice(&(VERSION + 1).to_ne_bytes());
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error, FormError::Version { found, .. } if found == VERSION + 1), "{error}");
    assert!(error.to_string().contains("compile the recording again"), "{error}");
    assert!(matches!(read(b"{\"ts\":1}").unwrap_err(), FormError::NotAForm { .. }));
}

#[test]
fn an_empty_form_is_whole() {
    let writer = Writer::new(Vec::new()).unwrap();
    let (about, bytes, out) = writer.finish("okx", decoding(), Vec::new()).unwrap();
    assert_eq!((about.totals.records, bytes), (0, out.len() as u64));
    assert_eq!(read(&out).unwrap(), Vec::<String>::new());
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let _ = read(&[&form()[..32], &bytes[..]].concat());
    }

    /// What has the right sums but was not written by us: any words as data.
    #[test]
    fn random_steps(words in prop::collection::vec(any::<u64>(), 0..60)) {
        let _ = read(&seal(&words));
    }

    /// Words changed and summed anew: nothing but the reader's own checks stands between.
    #[test]
    fn random_damage_under_right_sums(
        hits in prop::collection::vec((any::<prop::sample::Index>(), 0..64u32), 1..8),
    ) {
        let mut data = support::data(&form());
        for (at, bit) in hits {
            let at = at.index(data.len());
            data[at] ^= 1 << bit;
        }
        let _ = read(&seal(&data));
    }
}
