//! What faults do to a text.

use crate::chance::Chance;

/// Keys of an exchange's times.
const TIME_KEYS: [&str; 7] = ["E", "T", "ts", "timestamp", "cts", "time", "tradeTime"];

/// The text up to a random character, at least one short.
pub(super) fn truncated(text: &str, chance: &mut Chance) -> String {
    let mut end = chance.below(text.len() as u64) as usize;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The text with one ASCII character replaced by another, three times out of four a digit by a
/// digit; and where. `None` if there is no ASCII in it.
pub(super) fn corrupted(text: &str, chance: &mut Chance) -> Option<(String, usize)> {
    let places = |wanted: fn(&u8) -> bool| -> Vec<usize> {
        let bytes = text.bytes().enumerate();
        bytes.filter(|(_, byte)| wanted(byte)).map(|(at, _)| at).collect()
    };
    let digits = places(u8::is_ascii_digit);
    let only_digits = !digits.is_empty() && chance.below(4) < 3;
    let candidates = if only_digits { digits } else { places(u8::is_ascii) };
    let at = *candidates.get(chance.below(candidates.len() as u64) as usize)?;
    let old = text.as_bytes()[at];
    let new = loop {
        let drawn = match only_digits {
            true => b'0' + chance.below(10) as u8,
            false => b' ' + chance.below(95) as u8,
        };
        if drawn != old {
            break drawn;
        }
    };
    let mut damaged = String::with_capacity(text.len());
    damaged.push_str(&text[..at]);
    damaged.push(char::from(new));
    damaged.push_str(&text[at + 1..]);
    Some((damaged, at))
}

/// The text with the last digit of its first checksum replaced by another (`"checksum":..`, Kraken
/// v1's `"c":".."`). `None` if there is none; a checksum of zero says that there is none.
pub(super) fn with_bad_checksum(text: &str, chance: &mut Chance) -> Option<String> {
    let start = [r#""checksum":"#, r#""c":""#]
        .into_iter()
        .find_map(|key| text.find(key).map(|at| at + key.len()))?;
    let value = &text[start..];
    let value = value.strip_prefix('-').unwrap_or(value);
    let start = text.len() - value.len();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || value.starts_with('0') {
        return None;
    }
    let last = start + digits - 1;
    let other = (text.as_bytes()[last] - b'0' + 1 + chance.below(9) as u8) % 10;
    // A single digit must not become the zero that says there is no checksum.
    let other =
        if digits == 1 { other.max(1 + u8::from(&text[last..=last] == "1")) } else { other };
    Some(format!("{}{other}{}", &text[..last], &text[last + 1..]))
}

/// The text with its times moved by so many milliseconds: whole numbers of 13 digits (ms), 16 (µs)
/// or 19 (ns) under the keys of times, quoted or not.
pub(super) fn shifted(text: &str, shift_ms: i64) -> String {
    let mut moved = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find("\":") {
        let (before, after) = rest.split_at(at + 2);
        moved.push_str(before);
        rest = after;
        let key = before[..at].rsplit('"').next().unwrap_or_default();
        if !TIME_KEYS.contains(&key) {
            continue;
        }
        let value = after.strip_prefix('"').unwrap_or(after);
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let per_ms = match digits {
            13 => 1,
            16 => 1_000,
            19 => 1_000_000,
            _ => continue,
        };
        let Ok(time) = value[..digits].parse::<i64>() else { continue };
        moved.push_str(&after[..after.len() - value.len()]);
        moved.push_str(&time.saturating_add(shift_ms * per_ms).to_string());
        rest = &value[digits..];
    }
    moved.push_str(rest);
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_by_their_unit() {
        let text = r#"{"E":1721347022504,"x":1721347022504,"d":[{"ts":"1721347022504000","time":1721347022504000000}],"T":12,"timestamp":"2026-01-01T00:00:00Z"}"#;
        let wanted = r#"{"E":1721347022104,"x":1721347022504,"d":[{"ts":"1721347022104000","time":1721347022104000000}],"T":12,"timestamp":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(shifted(text, -400), wanted);
        assert_eq!(shifted("pong", 5), "pong");
        assert_eq!(shifted(r#"{"E":"#, 5), r#"{"E":"#);
    }

    #[test]
    fn only_the_checksum_is_changed() {
        let mut chance = Chance::new(1, 0);
        for (text, wanted) in [
            (r#"{"a":[],"checksum":-123456,"b":1}"#, Some(r#"{"a":[],"checksum":-12345"#)),
            (r#"[0,{"b":[],"c":"974947235"},"book"]"#, Some(r#"[0,{"b":[],"c":"97494723"#)),
            (r#"{"checksum":1}"#, Some(r#"{"checksum":"#)),
            (r#"{"checksum":0}"#, None),
            (r#"{"checksum":null}"#, None),
            (r#"{"c":["1","2"]}"#, None),
        ] {
            let damaged = with_bad_checksum(text, &mut chance);
            assert_eq!(damaged.is_some(), wanted.is_some(), "{text}");
            let (Some(damaged), Some(wanted)) = (damaged, wanted) else { continue };
            assert_ne!(damaged, text);
            assert_eq!(damaged.len(), text.len());
            assert!(damaged.starts_with(wanted), "{damaged}");
            assert!(!damaged.contains(r#""checksum":0"#));
        }
    }

    #[test]
    fn corruption_changes_one_character() {
        let mut chance = Chance::new(2, 0);
        let text = "{\"p\":\"1\u{e9}\u{4e2d}2\"}";
        for _ in 0..200 {
            let (damaged, at) = corrupted(text, &mut chance).unwrap();
            let differs = text.bytes().zip(damaged.bytes()).filter(|(a, b)| a != b).count();
            assert_eq!((damaged.len(), differs), (text.len(), 1));
            assert_ne!(text.as_bytes()[at], damaged.as_bytes()[at]);
            let short = truncated(text, &mut chance);
            assert!(short.len() < text.len() && text.starts_with(&short));
        }
        assert_eq!(corrupted("\u{e9}", &mut chance), None);
        assert_eq!(truncated("", &mut chance), "");
    }
}
