//! How frames begin, learned from earlier ones.
//!
//! Up to its first level a venue writes every diff of one book alike, and every ticker: the same text,
//! and numbers that hardly ever gain a digit. So a frame is held against a [`Head`], the beginning of
//! an earlier one with its digits left open, thirty-two bytes at a time; if all agree, the numbers
//! stand where they stood, and the text between need not be read. Whatever differs is read by a
//! cursor, which says what the next one is held against.

use crate::cursor::Span;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Here, read_head};
use tickhawk_market::{
    ConnectionId,
    digits::{ZEROS, value, word},
};

/// Most numbers of a head, and how many of them, the first ones, are read.
pub(crate) const NUMBERS: usize = 5;
pub(crate) const READ: usize = 4;

/// Bytes compared at a time, and the most of them.
const BLOCK: usize = 32;
const BLOCKS: usize = 8;

/// Most digits of a number.
pub(crate) const DIGITS: usize = 16;

/// Heads kept at a time.
const KEPT: usize = 64;

/// What a frame that begins with a head is of, its numbers that are read, zero where there is none,
/// and where the head ends.
pub(crate) type Beginning<T> = (T, [u64; READ], usize);

/// The beginning of a frame, and what it was found to be of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head<T> {
    /// Bytes of it; 0 of none.
    length: usize,
    blocks: [Block; BLOCKS],
    places: [Place; READ],
    of: T,
}

/// Some of its bytes: a frame's are `text` or up to `open` above it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Block {
    text: [u8; BLOCK],
    open: [u8; BLOCK],
}

/// Where a number stands.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Its last sixteen bytes begin here.
    at: usize,
    /// All bits of those of them that are its own.
    own: [u8; DIGITS],
}

impl<T: Copy> Head<T> {
    /// Takes the first `length` bytes, in which these numbers stand; an empty one is none. One that is
    /// too long, or has a number too near its beginning, is not learned, and no frame begins with it.
    fn learn(&mut self, bytes: &[u8], length: usize, numbers: &[Span; NUMBERS], of: T) {
        self.length = 0;
        let Some(head) = bytes.get(..length).filter(|_| length <= BLOCK * BLOCKS) else { return };
        let (mut text, mut open) = ([0; BLOCK * BLOCKS], [0xff; BLOCK * BLOCKS]);
        text[..length].copy_from_slice(head);
        open[..length].fill(0);
        let mut places = [Place::default(); NUMBERS];
        for (place, Span { start, end }) in places.iter_mut().zip(numbers) {
            let digits = end - start;
            if digits == 0 {
                continue;
            }
            let Some(at) = end.checked_sub(DIGITS).filter(|_| digits <= DIGITS) else { return };
            text[*start..*end].fill(b'0');
            open[*start..*end].fill(9);
            if digits > 1 {
                // Written so, it would begin with a zero.
                (text[*start], open[*start]) = (b'1', 8);
            }
            place.at = at;
            place.own[DIGITS - digits..].fill(0xff);
        }
        self.places.copy_from_slice(&places[..READ]);
        for (block, (text, open)) in
            self.blocks.iter_mut().zip(text.as_chunks().0.iter().zip(open.as_chunks().0))
        {
            *block = Block { text: *text, open: *open };
        }
        (self.length, self.of) = (length, of);
    }

    /// If the frame begins so: what [`Beginning`] says. `numbers` makes numbers of their last sixteen
    /// bytes, and which of these are their own: digits, all of them.
    #[inline(always)]
    pub(crate) fn read_with(
        &self,
        bytes: &[u8],
        numbers: impl FnOnce([&[u8; DIGITS]; READ], [&[u8; DIGITS]; READ]) -> [u64; READ],
    ) -> Option<Beginning<T>> {
        let blocks = &self.blocks[..self.length.div_ceil(BLOCK).min(BLOCKS)];
        let (frame, _) = bytes.as_chunks::<BLOCK>();
        if blocks.is_empty() || frame.len() < blocks.len() {
            return None;
        }
        let mut beyond = [0; BLOCK];
        for (block, frame) in blocks.iter().zip(frame) {
            for (at, beyond) in beyond.iter_mut().enumerate() {
                let above = frame[at].wrapping_sub(block.text[at]);
                *beyond |= above.saturating_sub(block.open[at]);
            }
        }
        if beyond != [0; BLOCK] {
            return None;
        }
        let mut texts = [const { &[0; DIGITS] }; READ];
        for (text, place) in texts.iter_mut().zip(&self.places) {
            *text = bytes.get(place.at..)?.first_chunk()?;
        }
        let own = self.places.each_ref().map(|place| &place.own);
        Some((self.of, numbers(texts, own), self.length))
    }

    /// The same with what every processor has.
    fn read_by_words(&self, bytes: &[u8]) -> Option<Beginning<T>> {
        let number = |text: &[u8], own: &[u8]| {
            let eight = |at| value((word(text, at) ^ ZEROS) & word(own, at));
            eight(0) * 100_000_000 + eight(8)
        };
        self.read_with(bytes, |texts, own| {
            std::array::from_fn(|which| number(texts[which], own[which]))
        })
    }
}

/// Heads by what distinguishes streams: the connection, and some bytes near a frame's beginning.
#[derive(Debug)]
pub(crate) struct Heads<T> {
    kept: Box<[Head<T>]>,
    #[cfg(target_arch = "x86_64")]
    lanes: Option<Here>,
}

impl<T: Copy + Default> Default for Heads<T> {
    fn default() -> Self {
        Self {
            kept: vec![Head::default(); KEPT].into_boxed_slice(),
            #[cfg(target_arch = "x86_64")]
            lanes: Here::new(),
        }
    }
}

impl<T: Copy> Heads<T> {
    /// Where the stream's name begins in a combined stream, and how much of it is looked at.
    const NAME: usize = 11;

    #[inline(always)]
    fn slot(connection: ConnectionId, bytes: &[u8]) -> usize {
        let name = word(bytes, Self::NAME) ^ word(bytes, Self::NAME + 8).rotate_left(23);
        let mixed = (name ^ u64::from(connection.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize % KEPT
    }

    /// What the frame says up to its first level, if it begins like the last one of its stream.
    #[inline(always)]
    pub(crate) fn read(&self, connection: ConnectionId, bytes: &[u8]) -> Option<Beginning<T>> {
        let head = &self.kept[Self::slot(connection, bytes)];
        #[cfg(target_arch = "x86_64")]
        if let Some(here) = self.lanes {
            return read_head(here, head, bytes);
        }
        head.read_by_words(bytes)
    }

    /// Takes the first `length` bytes of the frame, with these numbers (see [`Head::learn`]), for the
    /// head of those to come, in the place of another that is found the same way.
    #[inline(never)]
    pub(crate) fn learn(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        length: usize,
        numbers: &[Span; NUMBERS],
        of: T,
    ) {
        self.kept[Self::slot(connection, bytes)].learn(bytes, length, numbers, of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text and a number behind it, five times over.
    fn frame() -> impl Strategy<Value = Vec<(String, String)>> {
        let number = prop_oneof![8 => "[1-9][0-9]{0,15}", 1 => "[0-9]{1,18}"];
        proptest::collection::vec(("[a-z\"]{0,24}", number), NUMBERS)
    }

    /// The frame's bytes and where its numbers stand.
    fn written(parts: &[(String, String)]) -> (String, [Span; NUMBERS]) {
        let (mut text, mut places) = (String::new(), [Span::default(); NUMBERS]);
        for (place, (before, number)) in places.iter_mut().zip(parts) {
            text += before;
            let start = text.len();
            text += number;
            *place = Span { start, end: text.len() };
        }
        (text, places)
    }

    proptest! {
        /// A frame is read by another's head where all that is no number is the same and every
        /// number one of as many digits.
        #[test]
        fn a_head_is_read_as_it_is_written(
            first in frame(),
            numbers in frame(),
            same_text in 0u8..8,
            same_digits in 0u8..8,
            odd in (any::<prop::sample::Index>(), any::<u8>()),
            is_odd in 0u8..4,
        ) {
            let mut second = first.clone();
            for (at, ((text, number), (other_text, other))) in second.iter_mut().zip(&numbers).enumerate() {
                if same_text == at as u8 {
                    text.clone_from(other_text);
                }
                let digits = number.len();
                *number = match same_digits == at as u8 {
                    true => other.clone(),
                    false => other.bytes().cycle().take(digits).map(char::from).collect(),
                };
            }
            let behind = "}".repeat(BLOCK);
            let ((text, places), (other, _)) = (written(&first), written(&second));
            let mut bytes = format!("{other}{behind}").into_bytes();
            if is_odd == 0 {
                let at = odd.0.index(bytes.len());
                bytes[at] = odd.1;
            }
            let mut head = Head::default();
            head.learn(format!("{text}{behind}").as_bytes(), text.len(), &places, 7);
            let learned = text.len() <= BLOCK * BLOCKS
                && places.iter().all(|place| place.end >= DIGITS && place.end - place.start <= DIGITS);
            let plain = |place: &Span| {
                let number = &bytes[place.start..place.end];
                let is_plain = number.iter().all(u8::is_ascii_digit) && (number[0] != b'0' || number.len() == 1);
                is_plain.then(|| std::str::from_utf8(number).unwrap().parse::<u64>().unwrap())
            };
            let between = |bytes: &[u8], places: &[Span; NUMBERS]| {
                let mut bytes = bytes[..text.len()].to_vec();
                places.iter().for_each(|place| bytes[place.start..place.end].fill(b'0'));
                bytes
            };
            let alike = learned
                && bytes.len() / BLOCK >= text.len().div_ceil(BLOCK)
                && between(text.as_bytes(), &places) == between(&bytes, &places);
            let expected: Option<Vec<u64>> =
                if alike { places.iter().map(plain).collect() } else { None };
            let expected = expected.map(|numbers| (7, numbers[..READ].try_into().unwrap(), text.len()));
            prop_assert_eq!(head.read_by_words(&bytes), expected);
            #[cfg(target_arch = "x86_64")]
            if let Some(here) = Here::new() {
                prop_assert_eq!(read_head(here, &head, &bytes), expected);
            }
        }
    }

    #[test]
    fn a_head_is_found_by_its_stream_and_replaced() {
        let frame = |name: &str, number: u64| {
            format!("{{\"stream\":\"{name}\",\"n\":{number},{}", " ".repeat(64))
        };
        let mut heads = Heads::default();
        let learn = |heads: &mut Heads<u8>, name: &str, number: u64, of: u8| {
            let text = frame(name, number);
            let start = text.find("n\":").unwrap() + 3;
            let end = text.rfind(',').unwrap();
            let mut places = [Span::default(); NUMBERS];
            places[1] = Span { start, end };
            heads.learn(ConnectionId(3), text.as_bytes(), end + 1, &places, of);
        };
        learn(&mut heads, "btcusdt@depth@0ms", 99, 1);
        learn(&mut heads, "ethusdt@depth@0ms", 5_000, 2);
        let read = |heads: &Heads<u8>, name: &str, number: u64| {
            let text = frame(name, number);
            let read = heads.read(ConnectionId(3), text.as_bytes());
            read.map(|(of, numbers, _)| (of, numbers[1]))
        };
        assert_eq!(read(&heads, "btcusdt@depth@0ms", 17), Some((1, 17)));
        assert_eq!(read(&heads, "ethusdt@depth@0ms", 1_717), Some((2, 1_717)));
        assert_eq!(read(&heads, "btcusdt@depth@0ms", 100), None);
        learn(&mut heads, "btcusdt@depth@0ms", 100, 3);
        assert_eq!(read(&heads, "btcusdt@depth@0ms", 170), Some((3, 170)));
        assert_eq!(read(&heads, "solusdt@depth@0ms", 170), None);
    }
}
