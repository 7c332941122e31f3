//! The two things reading needs from JSON, without allocating: the fields of one object as raw
//! text, and the bytes a string stands for.
//!
//! sonic-rs' object iterator allocates its key buffer for every object, and its `LazyValue` copies
//! strings that hold escapes: one or two allocations for every line of a recording. The scanner
//! here does not check what nested values look like inside; the venue decoder does.

/// One field of an object, raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// The key between its quotes, escapes and all.
    pub key: &'a [u8],
    /// The value's text, a string's quotes included.
    pub value: &'a [u8],
    /// Where the value starts in the text.
    pub at: usize,
}

impl<'a> Field<'a> {
    /// A string's or number's text: without quotes, escapes left as they are.
    pub fn bare(&self) -> &'a [u8] {
        match self.value {
            [b'"', inner @ .., b'"'] => inner,
            other => other,
        }
    }

    /// A whole number, or one written as a string.
    pub fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.bare()).ok()?.parse().ok()
    }

    /// Appends what the value stands for: a string's bytes, else the text itself.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        match self.value {
            [b'"', inner @ .., b'"'] => unescape(inner, out),
            other => {
                out.extend_from_slice(other);
                Ok(())
            }
        }
    }
}

/// The fields of one JSON object, in order.
pub(crate) struct Fields<'a> {
    text: &'a [u8],
    at: usize,
    started: bool,
}

impl<'a> Fields<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, started: false }
    }

    /// The next field, or `None` after the closing brace.
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, &'static str> {
        const NOT_AN_OBJECT: &str = "expected one whole JSON object";
        if !self.started {
            self.expect(b'{').ok_or(NOT_AN_OBJECT)?;
            self.started = true;
            if self.expect(b'}').is_some() {
                return self.nothing_after().ok_or(NOT_AN_OBJECT).map(|()| None);
            }
        } else if self.expect(b',').is_none() {
            self.expect(b'}').ok_or(NOT_AN_OBJECT)?;
            return self.nothing_after().ok_or(NOT_AN_OBJECT).map(|()| None);
        }
        self.field().ok_or(NOT_AN_OBJECT).map(Some)
    }

    fn field(&mut self) -> Option<Field<'a>> {
        self.skip_space();
        let key_at = self.at;
        self.at = string_end(self.text, key_at)?;
        let key = &self.text[key_at + 1..self.at - 1];
        self.expect(b':')?;
        self.skip_space();
        let at = self.at;
        self.at = value_end(self.text, at)?;
        Some(Field { key, value: &self.text[at..self.at], at })
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        if *self.text.get(self.at)? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn nothing_after(&mut self) -> Option<()> {
        self.skip_space();
        (self.at == self.text.len()).then_some(())
    }
}

/// The end of the string whose opening quote is at `at`, past its closing quote.
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let mut end = at + 1;
    loop {
        let length = text.get(end..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        end += length;
        if text[end] == b'"' {
            return Some(end + 1);
        }
        end += 2;
    }
}

fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        b'"' => string_end(text, at),
        b'{' | b'[' => nested_end(text, at),
        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
            Some(at + text[at..].iter().position(ends).unwrap_or(text.len() - at))
        }
        _ => None,
    }
}

fn nested_end(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut end = at;
    loop {
        match *text.get(end)? {
            b'"' => {
                end = string_end(text, end)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        end += 1;
        if depth == 0 {
            return Some(end);
        }
    }
}

/// Appends the bytes the inside of a JSON string stands for.
fn unescape(mut inner: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    const BAD_ESCAPE: &str = "expected a JSON escape";
    while let Some(at) = inner.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&inner[..at]);
        let byte = match inner.get(at + 1).ok_or(BAD_ESCAPE)? {
            same @ (b'"' | b'\\' | b'/') => *same,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, length) = unicode_escape(&inner[at..]).ok_or(BAD_ESCAPE)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                inner = &inner[at + length..];
                continue;
            }
            _ => return Err(BAD_ESCAPE),
        };
        out.push(byte);
        inner = &inner[at + 2..];
    }
    out.extend_from_slice(inner);
    Ok(())
}

/// The character of a `\uXXXX`, or of two that are a surrogate pair, and how long it was.
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = text.get(at..at + 6)?;
        if !digits.starts_with(b"\\u") {
            return None;
        }
        digits[2..]
            .iter()
            .try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second))?;
    let code = 0x10000 + (first.checked_sub(0xD800)? << 10) + (second - 0xDC00);
    Some((char::from_u32(code)?, 12))
}

/// The first element of an array; anything else as it is.
pub(crate) fn first_element(text: &[u8]) -> &[u8] {
    let Some(inner) = text.strip_prefix(b"[") else { return text };
    let inner = inner.trim_ascii_start();
    value_end(inner, 0).map_or(b"", |end| &inner[..end])
}

/// Is this one whole JSON object or array?
pub(crate) fn is_whole(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'{' | b'['))
        && sonic_rs::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Field, Fields, first_element, is_whole};

    fn all(text: &str) -> Result<Vec<(String, String)>, &'static str> {
        let mut fields = Fields::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(Field { key, value, at }) = fields.next_field()? {
            assert_eq!(&text.as_bytes()[at..at + value.len()], value);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            found.push((text(key), text(value)));
        }
        Ok(found)
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = all(text).unwrap();
        let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn fields_are_raw_text() {
        check("{}", &[]);
        check(" { \"a\" : 1 , \"b\":\"x\\\"}\" } ", &[("a", "1"), ("b", "\"x\\\"}\"")]);
        check(
            r#"{"a":[{"b":"]"}],"c":null,"d":-1.5e3}"#,
            &[("a", r#"[{"b":"]"}]"#), ("c", "null"), ("d", "-1.5e3")],
        );
    }

    #[test]
    fn broken_objects_are_refused() {
        for text in [
            "",
            "[",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1}x",
            "{\"a\":[1}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":\"\\\"}",
            "{\"a\" 1}",
            "{\"a\":}",
            "\"{\"",
            "{\"a\":x}",
        ] {
            // A nested value's own brackets are not matched by kind; running out of text is.
            assert!(all(text).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check_string(raw: &str, expected: Option<&[u8]>) {
        let mut out = Vec::new();
        let field = Field { key: b"", value: raw.as_bytes(), at: 0 };
        let result = field.append_to(&mut out);
        assert_eq!(result.ok().map(|()| out.as_slice()), expected, "{raw}");
    }

    #[test]
    fn strings_are_unescaped() {
        check_string(r#""plain""#, Some(b"plain"));
        check_string(r#""a\"b\\c\/d\n\r\t\b\f""#, Some(b"a\"b\\c/d\n\r\t\x08\x0c"));
        check_string(r#""\u00e9\ud83d\ude00""#, Some("\u{e9}\u{1F600}".as_bytes()));
        check_string(r#""\ud83d""#, None);
        check_string(r#""\ud83d\u0041""#, None);
        check_string(r#""\udc00\udc00""#, None);
        check_string(r#""\q""#, None);
        check_string(r#""\u12""#, None);
        check_string("[1,2]", Some(b"[1,2]"));
    }

    #[test]
    fn first_elements() {
        assert_eq!(first_element(b"[ {\"a\":[1]} ,2]"), b"{\"a\":[1]}");
        assert_eq!(first_element(b"[]"), b"");
        assert_eq!(first_element(b"{}"), b"{}");
    }

    #[test]
    fn whole_means_closed() {
        assert!(is_whole(b"{\"a\":[1]}"));
        assert!(is_whole(b"[]"));
        assert!(!is_whole(b"{\"a\":[1]"));
        assert!(!is_whole(b"17"));
        assert!(!is_whole(b""));
    }
}
