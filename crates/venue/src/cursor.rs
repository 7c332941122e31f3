//! Walks the bytes of a frame that is laid out as its venue lays all of them out.
//!
//! The fast readers (`fast.rs` of each venue) know every byte that should come: literal text with
//! numbers and names between. Whatever else comes is `None`, which means "not this" and never "not
//! valid": the general path reads the frame then, and decides. So a cursor takes less than JSON
//! allows: no whitespace, no escapes, names of printable ASCII, numbers of few digits.

use tickhawk_market::{
    Decimal, UnixNanos,
    digits::{FIRST_BYTES, POW10, ZEROS, not_digits, value, word},
};

/// A place in a frame.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// Where a number's text begins and ends.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The text that must come next.
    #[inline(always)]
    pub(crate) fn expect<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        self.skip(literal).then_some(())
    }

    /// Whether that text comes next; it is passed then.
    #[inline(always)]
    pub(crate) fn skip<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        let is_next = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) == Some(literal);
        if is_next {
            self.at += N;
        }
        is_next
    }

    /// The frame must end here.
    #[inline(always)]
    pub(crate) fn end(&self) -> Option<()> {
        (self.at == self.bytes.len()).then_some(())
    }

    /// An unsigned integer of up to 16 digits, as JSON writes it.
    #[inline(always)]
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let first = word(self.bytes, self.at) ^ ZEROS;
        let count = (not_digits(first).trailing_zeros() >> 3) as usize;
        if count == 0 || (first & 0xff == 0 && count > 1) {
            return None;
        }
        self.at += count;
        let number = value((first & FIRST_BYTES[count]).wrapping_shl(64 - 8 * count as u32));
        if count < 8 {
            return Some(number);
        }
        let second = word(self.bytes, self.at) ^ ZEROS;
        let count = (not_digits(second).trailing_zeros() >> 3) as usize;
        self.at += count;
        if self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let rest = value((second & FIRST_BYTES[count]).wrapping_shl(64 - 8 * count as u32));
        Some(number * POW10[count] as u64 + rest)
    }

    /// As [`Cursor::unsigned`], telling where it stood.
    #[inline(always)]
    pub(crate) fn unsigned_at(&mut self, place: &mut Span) -> Option<u64> {
        let start = self.at;
        let number = self.unsigned()?;
        *place = Span { start, end: self.at };
        Some(number)
    }

    /// An integer of up to 16 digits and a sign.
    #[inline(always)]
    pub(crate) fn signed(&mut self) -> Option<i64> {
        let negative = self.skip(b"-");
        let magnitude = self.unsigned()? as i64;
        Some(if negative { -magnitude } else { magnitude })
    }

    /// A time as [`crate::json::Frame::millis`] reads it.
    #[inline(always)]
    pub(crate) fn millis(&mut self) -> Option<UnixNanos> {
        crate::json::millis(self.unsigned()?)
    }

    /// A text up to its closing quote, which is passed: printable ASCII without escapes.
    #[inline(always)]
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let end = self.first(start, specials)?;
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.bytes.get(start..end)
    }

    /// Whether that text and its closing quote come next; they are passed then.
    #[inline(always)]
    pub(crate) fn skip_quoted(&mut self, text: &[u8]) -> bool {
        let rest = self.bytes.get(self.at..).and_then(|rest| rest.strip_prefix(text));
        let is_next = rest.is_some_and(|rest| rest.first() == Some(&b'"'));
        if is_next {
            self.at += text.len() + 1;
        }
        is_next
    }

    /// What stands up to the next quote, which is passed; whoever reads it as a number finds
    /// whether it is one.
    #[inline(always)]
    pub(crate) fn quoted(&mut self) -> Option<Span> {
        let start = self.at;
        let end = self.first(start, |word| zero_bytes(word ^ QUOTES))?;
        self.at = end + 1;
        Some(Span { start, end })
    }

    /// A JSON number without exponent, exactly.
    #[inline(always)]
    pub(crate) fn decimal(&mut self) -> Option<Decimal> {
        let start = self.at;
        let negative = self.skip(b"-");
        self.number()?;
        let number = Decimal::parse_at(self.bytes, start + usize::from(negative), self.at).ok()?;
        Some(if negative { Decimal { mantissa: -number.mantissa, ..number } } else { number })
    }

    /// Passes the next byte of that value, whatever stands before it.
    #[inline(always)]
    pub(crate) fn pass(&mut self, byte: u8) -> Option<()> {
        self.at = self.first(self.at, |word| zero_bytes(word ^ every(byte)))? + 1;
        Some(())
    }

    /// One to eight digits, leading zeros among them, and their count.
    #[inline(always)]
    pub(crate) fn fraction(&mut self) -> Option<(u64, usize)> {
        let digits = word(self.bytes, self.at) ^ ZEROS;
        let count = (not_digits(digits).trailing_zeros() >> 3) as usize;
        self.at += count;
        if count == 0 || self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        Some((value(digits << (64 - 8 * count)), count))
    }

    /// The first byte from `start` on that `marks` marks in its word.
    #[inline(always)]
    fn first(&self, start: usize, marks: impl Fn(u64) -> u64) -> Option<usize> {
        let mut at = start;
        while at < self.bytes.len() {
            let marks = marks(word(self.bytes, at));
            if marks != 0 {
                return Some(at + (marks.trailing_zeros() >> 3) as usize);
            }
            at += 8;
        }
        None
    }

    /// As [`Cursor::quoted`], of a text that is likely as long as the last one and followed by
    /// another. Guessing right is
    /// what lets the processor go on to what follows before it has looked for the quote.
    #[inline(always)]
    pub(crate) fn quoted_like(&mut self, length: &mut usize) -> Option<Span> {
        let (start, end) = (self.at, self.at.wrapping_add(*length));
        // All of what parts two texts: another's opening quote may stand where this one's closing quote
        // was guessed.
        if self.bytes.get(end..).and_then(<[u8]>::first_chunk) == Some(b"\",\"") && *length > 0 {
            self.at = end + 1;
            return Some(Span { start, end });
        }
        let span = self.quoted()?;
        *length = span.end - span.start;
        Some(span)
    }

    /// Every `["price",…]` of a JSON array; `rest` reads what follows a price up to the bracket
    /// that closes its tuple.
    #[inline(always)]
    pub(crate) fn tuples(
        &mut self,
        price_length: &mut usize,
        mut rest: impl FnMut(&mut Self, Span) -> Option<()>,
    ) -> Option<()> {
        self.expect(b"[")?;
        if self.skip(b"]") {
            return Some(());
        }
        self.expect(b"[\"")?;
        loop {
            let price = self.quoted_like(price_length)?;
            rest(self, price)?;
            if !self.skip(b"],[\"") {
                return self.expect(b"]]");
            }
        }
    }

    /// A JSON number without sign and exponent.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Option<Span> {
        let start = self.at;
        let end = self.first(start, not_numeric)?;
        // JSON has no leading zeros.
        if self.bytes[start] == b'0' && self.bytes.get(start + 1).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        self.at = end;
        Some(Span { start, end })
    }
}

const QUOTES: u64 = every(b'"');

/// A word of that byte.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks the first zero byte by its highest bit; bytes behind it may be marked wrongly.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(every(1)) & !word & every(0x80)
}

/// Marks the first byte that a plain text cannot hold: a quote, a backslash, or one that is not
/// printable ASCII. Bytes behind it may be marked wrongly.
#[inline(always)]
fn specials(word: u64) -> u64 {
    let below_space = word.wrapping_sub(every(b' ')) & !word;
    let named = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ every(b'\\'));
    named | zero_bytes(word ^ every(0x7f)) | (below_space | word) & every(0x80)
}

/// Marks the bytes that are neither digits nor points.
#[inline(always)]
fn not_numeric(word: u64) -> u64 {
    let other = word ^ every(b'.');
    let is_other = ((other & every(0x7f)).wrapping_add(every(0x7f)) | other) & every(0x80);
    not_digits(word ^ ZEROS) & is_other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(
        text: &str,
        read: impl Fn(&mut Cursor<'_>) -> Option<T>,
        expected: Option<(T, usize)>,
    ) {
        // At the end of a frame, and with more behind it than any window is long.
        for behind in [String::new(), "}".repeat(32)] {
            let frame = format!("{text}{behind}");
            let mut cursor = Cursor::new(frame.as_bytes());
            let got = read(&mut cursor).map(|value| (value, cursor.at));
            assert_eq!(got, expected, "{frame}");
        }
    }

    #[test]
    fn integers() {
        for (text, expected) in [
            ("0,", Some((0, 1))),
            ("7,", Some((7, 1))),
            ("12345678,", Some((12_345_678, 8))),
            ("123456789,", Some((123_456_789, 9))),
            ("1721347022504,", Some((1_721_347_022_504, 13))),
            ("9999999999999999,", Some((9_999_999_999_999_999, 16))),
            ("10000000000000000,", None),
            ("007,", None),
            (",", None),
            ("-1,", None),
        ] {
            check(text, |cursor| cursor.unsigned(), expected);
        }
        check("-12,", |cursor| cursor.signed(), Some((-12, 3)));
        check("12,", |cursor| cursor.signed(), Some((12, 2)));
    }

    #[test]
    fn texts() {
        let text = |cursor: &mut Cursor<'_>| cursor.text().map(<[u8]>::to_vec);
        for (frame, length) in [
            (r#"BTCUSDT","#, Some(7)),
            (r#"","#, Some(0)),
            (r#"btcusdt@depth@0ms_and_more","#, Some(26)),
            (r#"a\"b","#, None),
            ("a\u{1}\",", None),
            ("a\u{e9}\",", None),
            ("a", None),
        ] {
            let expected = length.map(|length| (frame.as_bytes()[..length].to_vec(), length + 1));
            // What has no closing quote goes on to the end.
            if frame != "a" {
                check(frame, text, expected);
            }
        }
        assert_eq!(text(&mut Cursor::new(b"abc")), None);
    }

    #[test]
    fn every_byte_is_marked_for_what_it_is() {
        for byte in 0..=u8::MAX {
            for (place, behind) in [(0, b'0'), (3, b'/'), (7, b'.'), (2, b'"' ^ 1)] {
                let mut text = [behind; 8];
                text[..place].fill(b'1');
                text[place] = byte;
                let word = u64::from_le_bytes(text);
                let marks = |marks: u64| (marks >> (8 * place)) & 0x80 != 0;
                let before = |marks: u64| marks & FIRST_BYTES[place] != 0;
                let is_special = !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
                assert_eq!(marks(specials(word)), is_special, "{byte}");
                assert_eq!(marks(zero_bytes(word ^ QUOTES)), byte == b'"', "{byte}");
                let is_numeric = byte.is_ascii_digit() || byte == b'.';
                assert_eq!(marks(not_numeric(word)), !is_numeric, "{byte}");
                assert!(!before(specials(word)) && !before(not_numeric(word)), "{byte}");
            }
        }
    }

    #[test]
    fn spans() {
        let length = |span: Option<Span>| span.map(|span| span.end - span.start);
        check(r#"63943.90","#, |cursor| length(cursor.quoted()), Some((8, 9)));
        let long = format!("{}\",", "1".repeat(40));
        check(&long, |cursor| length(cursor.quoted()), Some((40, 41)));
        check("12.5,", |cursor| length(cursor.number()), Some((4, 4)));
        check("0.5}", |cursor| length(cursor.number()), Some((3, 3)));
        check("00.5}", |cursor| length(cursor.number()), None::<(usize, usize)>);
        check("0]", |cursor| length(cursor.number()), Some((1, 1)));
        let mut like = 0;
        let mut cursor = Cursor::new(br#"1.5"2.5","3.5","1"1"#);
        for (expected, parting) in [(3, 0), (3, 2), (3, 2), (1, 0)] {
            assert_eq!(length(cursor.quoted_like(&mut like)), Some(expected));
            cursor.at += parting;
        }
    }
}
