//! Stamping: what changes in the bytes, and what does not.

use super::*;
use crate::stamp;
use crate::stamp::splice;
use prost::encoding::{WireType, encode_key, encode_varint};

/// A top-level field of raw bytes.
fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(value.len() as u64, &mut out);
    out.extend_from_slice(value);
    out
}

fn entry(key: &str, value: &str) -> Vec<u8> {
    let entry = StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    field(14, &entry.encode_to_vec())
}

#[test]
fn every_other_byte_stays() {
    // Fields no schema knows, in all four forms, between and around those it does; a number
    // written longer than needed; somebody else's metadata.
    let mut numbers = Vec::new();
    encode_key(900, WireType::Varint, &mut numbers);
    numbers.extend_from_slice(&[0x81, 0x80, 0x00]);
    encode_key(901, WireType::SixtyFourBit, &mut numbers);
    numbers.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    encode_key(902, WireType::ThirtyTwoBit, &mut numbers);
    numbers.extend_from_slice(&[9, 9, 9, 9]);
    let kept = [
        field(77, b"before"),
        unstamped(value_graph()),
        entry("author", "a person"),
        numbers,
        entry("tickhawks", "not ours"),
        field(78, b""),
    ];
    let plain = kept.concat();
    let mut old = kept.to_vec();
    old.insert(0, entry("tickhawk.label", "first of the file"));
    old.insert(3, entry("tickhawk.features", "[]"));
    old.push(entry("tickhawk.unheard_of", "x"));
    let new = [("tickhawk.label", "new".to_owned())];

    let expected = [plain.clone(), entry("tickhawk.label", "new")].concat();
    assert_eq!(splice(&plain, &new).unwrap(), expected);
    assert_eq!(splice(&old.concat(), &new).unwrap(), expected);
    assert_eq!(splice(&expected, &new).unwrap(), expected);
    assert_eq!(splice(&plain, &[]).unwrap(), plain);
}

#[test]
fn stamping_twice_changes_nothing_and_stamping_anew_replaces() {
    let once = stamp(&file(value_graph()), &contract(&[0.0])).unwrap();
    assert!(once.starts_with(&unstamped(value_graph())));
    let again = ModelFile::from_bytes("x", once.clone()).unwrap();
    assert_eq!(stamp(&again, &contract(&[0.0])).unwrap(), once);
    let other = stamp(&again, &contract(&[7.0])).unwrap();
    assert_ne!(other, once);
    let other = ModelFile::from_bytes("x", other).unwrap();
    assert_eq!(Contract::parse(&other).unwrap(), contract(&[7.0]));
    assert_eq!(stamp(&other, &contract(&[0.0])).unwrap(), once);
}

#[test]
fn damaged_bytes_are_refused() {
    let whole = [unstamped(value_graph()), entry("tickhawk.label", "x")].concat();
    let mut group = whole.clone();
    encode_key(5, WireType::StartGroup, &mut group);
    for bytes in [
        whole[..whole.len() - 1].to_vec(),
        group,
        [whole.clone(), vec![0xff; 11]].concat(),
        [whole.clone(), field(14, b"\x0a\xff")].concat(),
        // A length that would pass the end of memory.
        [whole.clone(), vec![0x72, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
            .concat(),
    ] {
        let found = splice(&bytes, &[]);
        assert!(matches!(found, Err(Refusal::Damaged(_))), "{found:?}");
    }
}
