//! Changing a message in a few places and leaving the rest of its text as it came.

use super::json::Raw;

/// The text with each part replaced. Parts are slices of the text, in the order in which they
/// stand; one that is not is left as it is.
pub(crate) fn spliced(text: &str, edits: &[(Raw<'_>, &str)]) -> String {
    let added: usize = edits.iter().map(|(_, new)| new.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut done = 0;
    for (old, new) in edits {
        let start = (old.0.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let end = start.wrapping_add(old.0.len());
        let (Some(before), Some(_)) = (text.get(done..start), text.get(start..end)) else {
            continue;
        };
        out.push_str(before);
        out.push_str(new);
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

/// `[a,b]` of literal JSON.
pub(crate) fn array<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut out = String::from("[");
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(item.as_ref());
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_change() {
        let text = r#"{"a":1,"b":[2, 3],"c":"x"}"#;
        let fields = Raw(text).fields();
        let (a, b) = (fields[0].1, fields[1].1);
        assert_eq!(spliced(text, &[(a, "10"), (b, "[]")]), r#"{"a":10,"b":[],"c":"x"}"#);
        assert_eq!(spliced(text, &[]), text);
        // What is no part of the text, or stands before the last one, is passed over.
        assert_eq!(spliced(text, &[(b, "7"), (a, "8"), (Raw("1"), "9")]).len(), text.len() - 5);
    }

    #[test]
    fn arrays() {
        assert_eq!(array(["1", "\"b\""]), r#"[1,"b"]"#);
        assert_eq!(array(Vec::<String>::new()), "[]");
    }
}
