//! Damage of all kinds.

use proptest::prelude::*;

/// One change to a frame's bytes; places are taken modulo its length.
#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Delete(usize, usize),
    Truncate(usize),
    /// A digit, another digit.
    Digit(usize, u8),
    /// The first text, where it is found after the place, the second.
    Replace(usize, &'static str, &'static str),
    Swap(usize, usize, usize),
}

const REPLACEMENTS: [(&str, &str); 24] = [
    ("\"", "\\\""),
    ("\":", "\" :"),
    (",", " ,"),
    (",", ","),
    ("1", "1e3"),
    ("1", "00001"),
    ("1", "-1"),
    ("1", "+1"),
    ("1", "184467440737095516150"),
    ("1", "0.000000000000000000000001"),
    (".", ".."),
    (".", ""),
    ("0", "0.12345678901"),
    ("5", "5.000"),
    ("\"s\"", "\"S\""),
    ("update", "updates"),
    ("true", "false"),
    ("]", "],[]"),
    ("}", "}}"),
    ("}", ",\"x\":[{\"y\":1}]}"),
    ("[", "[["),
    ("A", "\\u0041"),
    ("A", "\u{e9}"),
    ("null", "0"),
];

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    let place = 0usize..4_000;
    prop_oneof![
        (place.clone(), any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        (place.clone(), proptest::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (
            place.clone(),
            proptest::collection::vec(
                prop::sample::select(b" 0123456789.,:\"[]{}eE-+\\".to_vec()),
                1..4
            )
        )
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (place.clone(), 1usize..4).prop_map(|(at, count)| Mutation::Delete(at, count)),
        place.clone().prop_map(Mutation::Truncate),
        (place.clone(), b'0'..=b'9').prop_map(|(at, digit)| Mutation::Digit(at, digit)),
        (place.clone(), prop::sample::select(REPLACEMENTS.to_vec()))
            .prop_map(|(at, (from, to))| Mutation::Replace(at, from, to)),
        (place.clone(), place, 1usize..12).prop_map(|(a, b, count)| Mutation::Swap(a, b, count)),
    ]
}

impl Mutation {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Flip(at, byte) => bytes[at % length] ^= byte,
            Self::Insert(at, inserted) => {
                let at = at % length;
                bytes.splice(at..at, inserted.iter().copied());
            }
            Self::Delete(at, count) => {
                let at = at % length;
                bytes.drain(at..(at + count).min(length));
            }
            Self::Truncate(at) => bytes.truncate(at % length),
            Self::Digit(at, digit) => {
                let digits = bytes.iter_mut().filter(|byte| byte.is_ascii_digit());
                let mut digits: Vec<_> = digits.collect();
                let count = digits.len();
                if count > 0 {
                    *digits[at % count] = *digit;
                }
            }
            Self::Replace(at, from, to) => {
                let at = at % length;
                let found = bytes[at..].windows(from.len()).position(|w| w == from.as_bytes());
                if let Some(found) = found {
                    let start = at + found;
                    bytes.splice(start..start + from.len(), to.bytes());
                }
            }
            Self::Swap(a, b, count) => {
                let (a, b) = (a % length, b % length);
                for offset in 0..*count {
                    bytes.swap((a + offset) % length, (b + offset) % length);
                }
            }
        }
    }
}
