//! Receive times as recorders write them, exactly: never through floating point.

use tickhawk_market::UnixNanos;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A whole number whose unit its length tells: 17 to 20 digits nanoseconds, 14 to 16
/// microseconds, 11 to 13 milliseconds. Those lengths cover the years 1973 to 2286 in each unit,
/// and Tickhawk pads nanoseconds with zeros to 19 digits.
pub(crate) fn from_digits(digits: &[u8]) -> Option<UnixNanos> {
    let value = whole(digits)?;
    match digits.len() {
        17..=20 => Some(UnixNanos::new(value)),
        14..=16 => UnixNanos::from_micros(value),
        11..=13 => UnixNanos::from_millis(value),
        _ => None,
    }
}

/// Seconds with up to any number of decimals; those past the ninth are cut off.
pub(crate) fn from_seconds(text: &[u8]) -> Option<UnixNanos> {
    let (seconds, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b"0"[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(9)];
    let mut nanos = whole(kept)?;
    for _ in kept.len()..9 {
        nanos *= 10;
    }
    let total = whole(seconds)?.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?;
    Some(UnixNanos::new(total))
}

fn whole(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::{from_digits, from_seconds};
    use tickhawk_market::UnixNanos;

    #[track_caller]
    fn check_digits(text: &str, expected: Option<u64>) {
        assert_eq!(from_digits(text.as_bytes()).map(UnixNanos::nanos), expected, "{text}");
    }

    #[track_caller]
    fn check_seconds(text: &str, expected: Option<u64>) {
        assert_eq!(from_seconds(text.as_bytes()).map(UnixNanos::nanos), expected, "{text}");
    }

    #[test]
    fn units_follow_the_length() {
        check_digits("1721347020984480942", Some(1_721_347_020_984_480_942));
        check_digits("1680652800004107", Some(1_680_652_800_004_107_000));
        check_digits("1680652800004", Some(1_680_652_800_004_000_000));
        check_digits("0000000000000000005", Some(5));
        check_digits("18446744073709551615", Some(u64::MAX));
        check_digits("18446744073709551616", None);
        check_digits("1680652800", None);
        check_digits("168065280000410x", None);
        check_digits("", None);
    }

    #[test]
    fn seconds_are_exact() {
        check_seconds("1618677545.144475", Some(1_618_677_545_144_475_000));
        check_seconds("1652459224.5300605", Some(1_652_459_224_530_060_500));
        check_seconds("1633998512.0", Some(1_633_998_512_000_000_000));
        check_seconds("1633998512", Some(1_633_998_512_000_000_000));
        check_seconds("1.0000000019", Some(1_000_000_001));
        check_seconds("18446744073.709551615", Some(u64::MAX));
        check_seconds("18446744073.709551616", None);
        check_seconds("1.", None);
        check_seconds(".5", None);
        check_seconds("1.2.3", None);
        check_seconds("1.123456789x", None);
        check_seconds("1.6e9", None);
        check_seconds("-1.5", None);
        check_seconds("", None);
    }
}
