//! The seam to sonic-rs: typed messages that borrow from the frame, and values kept as their
//! literal text, so that numbers stay exact and errors know their place.

use crate::DecodeError;
use serde::{Deserialize, Deserializer, de::Error as _};
use sonic_rs::LazyValue;
use std::borrow::Cow;
use tickhawk_market::{Decimal, UnixNanos};

/// Deeper than any message of any venue; sonic-rs skips nested values by recursion, so this also
/// bounds the stack.
const DEPTH_LIMIT: usize = 128;

/// Up to this length a frame of nothing but brackets cannot exhaust a thread's stack.
const SHALLOW_BYTES: usize = 2048;

/// The text a value came from, to tell offsets by.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    text: &'a str,
}

impl<'a> Frame<'a> {
    /// Takes the frame if it is UTF-8 and its brackets nest no deeper than the limit. (Handed
    /// bytes that are not, sonic-rs 0.5 can panic where an object's key should stand.)
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > SHALLOW_BYTES {
            check_depth(bytes)?;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text }),
            Err(error) => {
                Err(DecodeError::Malformed { offset: error.valid_up_to(), what: "not UTF-8" })
            }
        }
    }

    /// The offset of `part` in the frame; 0 for text that had to be copied.
    pub(crate) fn offset_of(&self, part: &[u8]) -> usize {
        let (start, at) = (self.text.as_ptr() as usize, part.as_ptr() as usize);
        at.checked_sub(start).filter(|offset| *offset <= self.text.len()).unwrap_or(0)
    }

    /// Reads `part` of the frame as a `T`.
    pub(crate) fn read<T: Deserialize<'a>>(&self, part: Raw<'a>) -> Result<T, DecodeError> {
        sonic_rs::from_str(part.0).map_err(|error| self.malformed(part, &error))
    }

    /// Reads the whole frame as a `T`.
    pub(crate) fn read_all<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        self.read(self.whole())
    }

    #[cold]
    fn malformed(&self, part: Raw<'_>, error: &sonic_rs::Error) -> DecodeError {
        let what = match error.classify() {
            sonic_rs::error::Category::Eof => "the text ends early",
            sonic_rs::error::Category::TypeUnmatched => "a value of another type or a field twice",
            _ => "not valid JSON",
        };
        let offset = (self.offset_of(part.bytes()) + error.offset()).min(self.text.len());
        DecodeError::Malformed { offset, what }
    }

    /// The whole frame as one value.
    pub(crate) fn whole(&self) -> Raw<'a> {
        Raw(self.text)
    }

    /// Whether the frame is this text and no JSON.
    pub(crate) fn is_text(&self, text: &str) -> bool {
        self.text == text
    }

    /// The value of a field that the message at `message` must have.
    #[inline]
    pub(crate) fn field(
        &self,
        message: Raw<'_>,
        value: Option<Raw<'a>>,
        field: &'static str,
    ) -> Result<Raw<'a>, DecodeError> {
        value.ok_or_else(|| DecodeError::Missing { field, offset: self.offset_of(message.bytes()) })
    }

    /// A time since the epoch, where the message has one, as [`millis`].
    pub(crate) fn millis(&self, value: Option<Raw<'a>>) -> Result<Option<UnixNanos>, DecodeError> {
        let Some(value) = value else { return Ok(None) };
        let time = millis(self.unsigned(value)?);
        time.map(Some).ok_or_else(|| self.error(value, "a time past the year 2554"))
    }

    /// The items of a JSON array, each as its literal text.
    pub(crate) fn items(&self, array: Raw<'a>) -> Items<'a> {
        Items { frame: *self, array, inner: sonic_rs::to_array_iter(array.0) }
    }

    /// Exactly `N` first items of an array; more may follow.
    pub(crate) fn tuple<const N: usize>(
        &self,
        array: Raw<'a>,
    ) -> Result<[Raw<'a>; N], DecodeError> {
        let mut tuple = [Raw("null"); N];
        let mut items = self.items(array);
        for slot in &mut tuple {
            *slot = items.next().ok_or_else(|| self.error(array, "too few items"))??;
        }
        for rest in items {
            rest?;
        }
        Ok(tuple)
    }

    /// A price or quantity: a JSON number, or a string holding one.
    pub(crate) fn decimal(&self, value: Raw<'a>) -> Result<Decimal, DecodeError> {
        let text = value.unquoted();
        Decimal::parse(text.as_bytes()).map_err(|source| DecodeError::Number {
            offset: self.offset_of(text.as_bytes()),
            source,
        })
    }

    /// An unsigned integer: a JSON number, or a string holding one.
    pub(crate) fn unsigned(&self, value: Raw<'a>) -> Result<u64, DecodeError> {
        value.unquoted().parse().map_err(|_| self.error(value, "not an unsigned integer"))
    }

    /// A signed integer: a JSON number, or a string holding one.
    pub(crate) fn signed(&self, value: Raw<'a>) -> Result<i64, DecodeError> {
        value.unquoted().parse().map_err(|_| self.error(value, "not an integer"))
    }

    /// A string, its escapes resolved.
    pub(crate) fn text(&self, value: Raw<'a>) -> Result<Cow<'a, str>, DecodeError> {
        if !value.is_string() {
            return Err(self.error(value, "not a string"));
        }
        if !value.0.contains('\\') {
            return Ok(Cow::Borrowed(value.unquoted()));
        }
        self.read::<String>(value).map(Cow::Owned)
    }

    /// The error of finding something else at `value`.
    #[cold]
    pub(crate) fn error(&self, value: Raw<'_>, what: &'static str) -> DecodeError {
        DecodeError::Malformed { offset: self.offset_of(value.0.as_bytes()), what }
    }
}

/// A time since the epoch in milliseconds, or in microseconds, which Binance sends to those who ask
/// for them. No millisecond of our age has 16 digits.
#[inline]
pub(crate) fn millis(count: u64) -> Option<UnixNanos> {
    match count < 1_000_000_000_000_000 {
        true => UnixNanos::from_millis(count),
        false => UnixNanos::from_micros(count),
    }
}

fn check_depth(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut depth = 0usize;
    for (offset, byte) in bytes.iter().enumerate() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return Err(DecodeError::TooDeep { offset, limit: DEPTH_LIMIT });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// A JSON value as the literal text it has in the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl<'a> Raw<'a> {
    /// Whether it is a JSON string.
    pub(crate) fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether it is a JSON array.
    pub(crate) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The literal text without the quotes a string has.
    pub(crate) fn unquoted(self) -> &'a str {
        self.0.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(self.0)
    }

    /// The unsigned integer it is, if it is one: for numbers that nothing else rests on.
    pub(crate) fn number(self) -> Option<u64> {
        self.unquoted().parse().ok()
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match LazyValue::deserialize(deserializer)?.as_raw_cow() {
            Cow::Borrowed(text) => Ok(Self(text)),
            Cow::Owned(_) => Err(D::Error::custom("a value that is not in the frame")),
        }
    }
}

/// The items of a JSON array.
pub(crate) struct Items<'a> {
    frame: Frame<'a>,
    array: Raw<'a>,
    inner: sonic_rs::ArrayJsonIter<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Raw<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.inner.next()? {
            Ok(value) => match value.as_raw_cow() {
                Cow::Borrowed(text) => Ok(Raw(text)),
                Cow::Owned(_) => Err(self.frame.error(self.array, "an item with escapes")),
            },
            Err(error) => Err(self.frame.malformed(self.array, &error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_bounded() {
        for opener in ["[", "{\"a\":"] {
            let deep = opener.repeat(1_000_000);
            assert!(matches!(
                Frame::new(deep.as_bytes()).map(|_| ()),
                Err(DecodeError::TooDeep { .. })
            ));
            let shallow = &deep.as_bytes()[..SHALLOW_BYTES];
            assert!(Frame::new(shallow).unwrap().read_all::<Raw>().is_err());
        }
    }

    #[test]
    fn times_are_milliseconds_or_microseconds() {
        let time = |text| {
            let frame = Frame::new(b"").unwrap();
            frame.millis(Some(Raw(text))).map(|at| at.map(UnixNanos::nanos))
        };
        assert_eq!(time("1721347022504"), Ok(Some(1_721_347_022_504_000_000)));
        assert_eq!(time("\"1721347022504123\""), Ok(Some(1_721_347_022_504_123_000)));
        assert!(time("18446744073709551615").is_err());
    }

    #[test]
    fn offsets_count_from_the_frame() {
        let bytes = br#"{"levels":[["1.5","x2"]]}"#;
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            levels: Raw<'a>,
        }
        let frame = Frame::new(bytes).unwrap();
        let message: Message = frame.read_all().unwrap();
        let level = frame.items(message.levels).next().unwrap().unwrap();
        let [price, qty] = frame.tuple(level).unwrap();
        assert_eq!(frame.decimal(price).unwrap().mantissa, 15);
        assert!(matches!(frame.decimal(qty), Err(DecodeError::Number { offset: 19, .. })));
    }
}
