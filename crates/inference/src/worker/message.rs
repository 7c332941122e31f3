//! Requests and replies as words of a ring.

use super::control::REPLY_WORDS;
use crate::{InferenceError, Output};

/// What a worker made of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The model's output; every number is finite.
    Output(Output),
    /// The model gave NaN or infinity.
    NonFinite,
    /// The run failed, or the reply makes no sense.
    Failed,
}

/// A worker's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reply {
    /// The ticket of the request.
    pub ticket: u64,
    /// What came of it.
    pub outcome: Outcome,
}

const CLASSES: u64 = 0;
const VALUE: u64 = 1;
const NON_FINITE: u64 = 2;
const FAILED: u64 = 3;

/// Two values a word, the first one low.
fn pair(low: f32, high: f32) -> u64 {
    u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32
}

fn low(word: u64) -> f32 {
    f32::from_bits(word as u32)
}

fn high(word: u64) -> f32 {
    f32::from_bits((word >> 32) as u32)
}

/// Writes a request into `words`, which has a word for the ticket and one for each two values.
#[inline]
pub(super) fn pack_request(words: &mut [u64], ticket: u64, input: &[f32]) {
    words[0] = ticket;
    for (word, values) in words[1..].iter_mut().zip(input.chunks(2)) {
        *word = pair(values[0], values.get(1).copied().unwrap_or(0.0));
    }
}

/// Reads a request's values; the ticket is `words[0]`.
#[inline]
pub(super) fn unpack_request(words: &[u64], input: &mut [f32]) {
    for (values, &word) in input.chunks_mut(2).zip(&words[1..]) {
        values[0] = low(word);
        if let Some(value) = values.get_mut(1) {
            *value = high(word);
        }
    }
}

pub(super) fn pack_reply(
    ticket: u64,
    result: &Result<Output, InferenceError>,
) -> [u64; REPLY_WORDS] {
    match *result {
        Ok(Output::Classes { down, flat, up }) => {
            [ticket, CLASSES, pair(down, flat), pair(up, 0.0)]
        }
        Ok(Output::Value(value)) => [ticket, VALUE, pair(value, 0.0), 0],
        Err(InferenceError::NonFinite) => [ticket, NON_FINITE, 0, 0],
        Err(_) => [ticket, FAILED, 0, 0],
    }
}

/// Whatever the words are, the outcome is one that may be used.
pub(super) fn unpack_reply(words: &[u64; REPLY_WORDS]) -> Reply {
    let &[ticket, tag, first, second] = words;
    let finite = |values: &[f32], output| {
        let finite = values.iter().all(|value| value.is_finite());
        if finite { Outcome::Output(output) } else { Outcome::NonFinite }
    };
    let outcome = match tag {
        CLASSES => {
            let (down, flat, up) = (low(first), high(first), low(second));
            finite(&[down, flat, up], Output::Classes { down, flat, up })
        }
        VALUE => finite(&[low(first)], Output::Value(low(first))),
        NON_FINITE => Outcome::NonFinite,
        _ => Outcome::Failed,
    };
    Reply { ticket, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    fn config() -> ProptestConfig {
        let rng_seed = RngSeed::Fixed(20_140_103);
        ProptestConfig { failure_persistence: None, rng_seed, ..ProptestConfig::default() }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn requests_arrive_bit_for_bit(ticket: u64, bits in prop::collection::vec(any::<u32>(), 1..40)) {
            let input: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
            let mut words = vec![u64::MAX; 1 + input.len().div_ceil(2)];
            pack_request(&mut words, ticket, &input);
            let mut read = vec![0.0; input.len()];
            unpack_request(&words, &mut read);
            prop_assert_eq!(words[0], ticket);
            prop_assert_eq!(read.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), bits);
        }

        #[test]
        fn replies_are_finite_whatever_the_words(ticket: u64, tag in 0u64..6, a: u64, b: u64) {
            let reply = unpack_reply(&[ticket, tag, a, b]);
            prop_assert_eq!(reply.ticket, ticket);
            if let Outcome::Output(output) = reply.outcome {
                let words = pack_reply(ticket, &Ok(output));
                prop_assert_eq!(unpack_reply(&words), reply);
                let values = match output {
                    Output::Classes { down, flat, up } => [down, flat, up],
                    Output::Value(value) => [value; 3],
                };
                prop_assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn failures_are_told_apart() {
        let outcome = |result| unpack_reply(&pack_reply(7, &result)).outcome;
        assert_eq!(outcome(Err(InferenceError::NonFinite)), Outcome::NonFinite);
        assert_eq!(outcome(Ok(Output::Value(f32::NAN))), Outcome::NonFinite);
        let failure = InferenceError::InputLength { expected: 1, got: 2 };
        assert_eq!(outcome(Err(failure)), Outcome::Failed);
        assert_eq!(outcome(Ok(Output::Value(0.5))), Outcome::Output(Output::Value(0.5)));
    }
}
