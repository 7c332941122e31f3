//! The seam to sonic-rs: values kept as their literal text, so that what goes out again is what
//! came in.

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use sonic_rs::LazyValue;
use std::borrow::Cow;
use std::fmt;

/// Deeper than any message of any venue; sonic-rs skips nested values by recursion, so this bounds
/// the stack.
const DEPTH_LIMIT: usize = 128;

/// Up to this length a text of nothing but brackets cannot exhaust a thread's stack.
const SHALLOW_BYTES: usize = 2_048;

/// Whether a text may be read without exhausting the stack: it is short, or its brackets nest no
/// deeper than any venue's do. Whatever is read has been held
/// against this first.
pub(crate) fn is_shallow(text: &str) -> bool {
    if text.len() <= SHALLOW_BYTES {
        return true;
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_LIMIT {
            return false;
        }
    }
    true
}

/// The text as a `T`, if it is one.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    sonic_rs::from_str(text).ok()
}

/// A JSON value as the literal text it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl<'a> Raw<'a> {
    /// The text without the quotes of a string, escapes as written.
    pub(crate) fn plain(self) -> &'a str {
        let inner = self.0.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inner.unwrap_or(self.0)
    }

    /// What a JSON string says; `None` for anything else.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            read::<String>(self.0).map(Cow::Owned)
        } else {
            Some(inner.into())
        }
    }

    /// A whole number, as a number or as a string.
    pub(crate) fn unsigned(self) -> Option<u64> {
        self.plain().parse().ok()
    }

    /// The same with a sign.
    pub(crate) fn signed(self) -> Option<i64> {
        self.plain().parse().ok()
    }

    /// The items of an array; empty for anything else.
    pub(crate) fn items(self) -> Vec<Raw<'a>> {
        read(self.0).unwrap_or_default()
    }

    /// The fields of an object in their order; empty for anything else.
    pub(crate) fn fields(self) -> Vec<(String, Raw<'a>)> {
        let Some(fields) = read::<LazyValue<'a>>(self.0).and_then(LazyValue::into_object_iter)
        else {
            return Vec::new();
        };
        let field = |(key, value): (Cow<'_, str>, LazyValue<'a>)| {
            borrowed(&value).map(|text| (key.into_owned(), Raw(text)))
        };
        fields.map_while(Result::ok).filter_map(field).collect()
    }

    /// The levels of an array of arrays; `None` if any of it is something else.
    pub(crate) fn levels(self) -> Option<Vec<Tuple<'a>>> {
        read(self.0)
    }
}

fn borrowed<'a>(value: &LazyValue<'a>) -> Option<&'a str> {
    match value.as_raw_cow() {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = LazyValue::deserialize(deserializer)?;
        borrowed(&value).map(Self).ok_or_else(|| D::Error::custom("not in the text"))
    }
}

/// A level as an array: price, quantity and whatever else the venue says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuple<'a> {
    pub(crate) price: Raw<'a>,
    pub(crate) qty: Raw<'a>,
    pub(crate) rest: Vec<Raw<'a>>,
}

impl Tuple<'_> {
    /// What stands after price and quantity, as literal JSON: `"0","12"`.
    pub(crate) fn note(&self) -> String {
        let rest: Vec<&str> = self.rest.iter().map(|raw| raw.0).collect();
        rest.join(",")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tuple<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Level;
        impl<'de> Visitor<'de> for Level {
            type Value = Tuple<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of a price and a quantity")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tuple<'de>, A::Error> {
                let missing = || A::Error::custom("no price and quantity");
                let price = seq.next_element()?.ok_or_else(missing)?;
                let qty = seq.next_element()?.ok_or_else(missing)?;
                let mut rest = Vec::new();
                while let Some(more) = seq.next_element()? {
                    rest.push(more);
                }
                Ok(Tuple { price, qty, rest })
            }
        }
        deserializer.deserialize_seq(Level)
    }
}

/// A text as a JSON string, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    sonic_rs::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_text() {
        let raw = Raw(r#"{"a":"1.50","b":[ 2e-8,-3],"c":{"d":"x\"y"}}"#);
        let fields = raw.fields();
        assert_eq!(fields[0], ("a".to_owned(), Raw("\"1.50\"")));
        assert_eq!(fields[1].1.items(), [Raw("2e-8"), Raw("-3")]);
        assert_eq!(fields[2].1.fields()[0].1.string().as_deref(), Some("x\"y"));
        assert_eq!(Raw("[1]").fields(), []);
        assert_eq!(Raw("{\"a\":").fields(), []);
        assert_eq!(quoted("x\"y\u{1}"), r#""x\"y\u0001""#);
    }

    #[test]
    fn levels_of_any_length_from_two() {
        let levels = Raw(r#"[["1.0","2","0","7"],["3",4]]"#).levels().unwrap();
        assert_eq!((levels[0].price.plain(), levels[0].note().as_str()), ("1.0", r#""0","7""#));
        assert_eq!((levels[1].qty.plain(), levels[1].note().as_str()), ("4", ""));
        assert_eq!(Raw(r#"[["1.0"]]"#).levels(), None);
        assert_eq!(Raw(r#"[1,2]"#).levels(), None);
        assert_eq!(Raw("[]").levels(), Some(vec![]));
    }

    #[test]
    fn nothing_deep_is_read() {
        assert!(is_shallow(&"[]".repeat(10_000)));
        assert!(!is_shallow(&"[".repeat(10_000)));
    }
}
