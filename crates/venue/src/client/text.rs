//! Symbols as they stand in messages and addresses, whatever bytes they are made of.

use std::{borrow::Cow, fmt::Write as _};

/// The text as a JSON string, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\0'..='\x1f' => {
                write!(json, "\\u{:04x}", u32::from(character)).expect("a String takes all");
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// The texts as a JSON array of strings.
pub(crate) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<_> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", quoted.join(","))
}

/// The text as one part of a URL: all but RFC 3986's unreserved characters percent-encoded.
pub(crate) fn escaped(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            _ => write!(url, "%{byte:02X}").expect("a String takes all"),
        }
    }
    url
}

/// What [`escaped`] was given; a text that it cannot have written is left as it is.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(code) = code else { return Cow::Borrowed(text) };
        bytes.push(code);
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples() {
        assert_eq!(list(["A\"\\\n", "é"]), r#"["A\"\\\u000a","é"]"#);
        assert_eq!(escaped(r#"["BTC/é"]"#), "%5B%22BTC%2F%C3%A9%22%5D");
        for text in ["%", "%4", "%zz", "%ff", "%é1"] {
            assert_eq!(unescaped(text), text);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(text in any::<String>()) {
            prop_assert_eq!(&sonic_rs::from_str::<String>(&quoted(&text)).unwrap(), &text);
            let url = escaped(&text);
            prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'&'));
            prop_assert_eq!(unescaped(&url), text);
        }
    }
}
