//! Three times that cannot be mixed.

use crate::digits::{FIRST_BYTES, POW10, ZEROS, not_digits, value, word};
use core::ops::Sub;

/// Event time: nanoseconds since the Unix epoch, UTC. Features and books use only this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct UnixNanos(u64);

/// This process's monotonic clock in nanoseconds from an arbitrary start. Only latency uses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct MonoNanos(u64);

/// A signed difference of two like times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Nanos(i64);

impl UnixNanos {
    /// From nanoseconds since the Unix epoch.
    #[inline]
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From an exchange's milliseconds since the Unix epoch; `None` past the year 2554.
    #[inline]
    pub const fn from_millis(millis: u64) -> Option<Self> {
        match millis.checked_mul(1_000_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// From microseconds since the Unix epoch; `None` past the year 2554.
    #[inline]
    pub const fn from_micros(micros: u64) -> Option<Self> {
        match micros.checked_mul(1_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The RFC 3339 UTC form exchanges send (`2021-07-22T22:36:10.014Z`, up to nine fraction
    /// digits); `None` for anything else.
    pub fn parse_rfc3339(text: &[u8]) -> Option<Self> {
        let (date, rest) = text.split_first_chunk::<19>()?;
        // By exclusive or with a time of zeros, digits become values, and what parts them nothing.
        let parts = [(0, b"0000-00-"), (8, b"00T00:00"), (11, b"00:00:00")];
        let [date, time, end] = parts.map(|(at, zeros)| {
            let values = word(date, at) ^ u64::from_le_bytes(*zeros);
            let wrong = not_digits(values) | values & parting(zeros);
            (wrong == 0).then(|| values.wrapping_mul(10).wrapping_add(values >> 8))
        });
        let two = |pairs: u64, at: usize| pairs >> (8 * at) & 0xff;
        let (date, time, end) = (date?, time?, end?);
        let (year, month, day) = (two(date, 0) * 100 + two(date, 2), two(date, 5), two(time, 0));
        let (hour, minute, second) = (two(time, 3), two(time, 6), two(end, 6));
        if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let fraction_nanos = match rest {
            [b'Z'] => 0,
            [b'.', fraction @ .., b'Z'] => nanos_of(fraction)?,
            _ => return None,
        };
        // Days since the epoch of a proleptic Gregorian date, counting years from March.
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let shifted_month = (month + 9) % 12;
        let days = shifted_year * 365 + shifted_year / 4 - shifted_year / 100
            + shifted_year / 400
            + (shifted_month * 306 + 5) / 10
            + (day - 1)
            - 719_468;
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Self(seconds.checked_mul(1_000_000_000)?.checked_add(fraction_nanos)?))
    }
}

/// The bytes of the text that are no zeros.
const fn parting(text: &[u8; 8]) -> u64 {
    let (mut mask, mut at) = (0, 0);
    while at < 8 {
        if text[at] != b'0' {
            mask |= 0xff << (8 * at);
        }
        at += 1;
    }
    mask
}

/// One to nine digits behind the point of a second.
#[inline]
fn nanos_of(fraction: &[u8]) -> Option<u64> {
    let count = fraction.len().min(8);
    let first = (word(fraction, 0) ^ ZEROS) & FIRST_BYTES[count];
    if count == 0 || not_digits(first) != 0 {
        return None;
    }
    let nanos = value(first << (64 - 8 * count)) * POW10[9 - count].cast_unsigned();
    match fraction[count..] {
        [] => Some(nanos),
        [last @ b'0'..=b'9'] => Some(nanos + u64::from(last - b'0')),
        _ => None,
    }
}

impl Sub for UnixNanos {
    type Output = Nanos;

    #[inline]
    fn sub(self, other: Self) -> Nanos {
        Nanos(self.0.wrapping_sub(other.0) as i64)
    }
}

impl MonoNanos {
    /// From this process's monotonic nanoseconds.
    #[inline]
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds from the arbitrary start.
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

impl Sub for MonoNanos {
    type Output = Nanos;

    #[inline]
    fn sub(self, other: Self) -> Nanos {
        Nanos(self.0.wrapping_sub(other.0) as i64)
    }
}

impl Nanos {
    /// A signed number of nanoseconds.
    #[inline]
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The signed number of nanoseconds.
    #[inline]
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::UnixNanos;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(UnixNanos::parse_rfc3339(text.as_bytes()).map(UnixNanos::nanos), expected);
    }

    #[test]
    fn rfc3339() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2021-07-22T22:36:10.014Z", Some(1_626_993_370_014_000_000));
        check("2026-08-09T21:05:48.228568804Z", Some(1_786_309_548_228_568_804));
        check("2000-02-29T12:00:00.5Z", Some(951_825_600_500_000_000));
        check("2021-13-22T22:36:10.014Z", None);
        check("2021-07-22T22:36:10.0140000001Z", None);
        check("2021-07-22T22:36:10.Z", None);
        check("2021-07-22 22:36:10Z", None);
        check("9999-12-31T23:59:59Z", None);
        check("", None);
    }

    /// The same, a character at a time.
    fn twin(text: &str) -> Option<u64> {
        let number = |part: &str| {
            let all_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u64>().ok().filter(|_| all_digits)
        };
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let split = |text: &str, by: char, lengths: [usize; 3]| {
            let parts: Vec<_> = text.split(by).collect();
            let whole = parts.len() == 3
                && parts.iter().zip(lengths).all(|(part, length)| part.len() == length);
            whole.then(|| parts.into_iter().map(number).collect::<Option<Vec<_>>>())?
        };
        let (date, time) = (split(date, '-', [4, 2, 2])?, split(time, ':', [2, 2, 2])?);
        let fits = date[0] >= 1970 && (1..=12).contains(&date[1]) && (1..=31).contains(&date[2]);
        if !fits || time[0] > 23 || time[1] > 59 || time[2] > 60 || fraction.len() > 9 {
            return None;
        }
        let nanos = number(fraction)? * 10u64.pow(9 - fraction.len() as u32);
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let days_of = |year: u64, month: u64| match month {
            2 => 28 + u64::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let years: u64 = (1970..date[0]).map(|year| 365 + u64::from(is_leap(year))).sum();
        let months: u64 = (1..date[1]).map(|month| days_of(date[0], month)).sum();
        let days = years + months + date[2] - 1;
        let seconds = days * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2];
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
    }

    #[test]
    fn every_byte_in_every_place() {
        for text in [
            "2026-08-09T21:05:48.228568804Z",
            "2024-02-29T23:59:60.5Z",
            "1999-12-31T00:00:00.12345678Z",
            "2554-07-21T23:34:33Z",
        ] {
            assert!(twin(text).is_some());
            for at in 0..text.len() {
                for byte in 0..=127 {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = byte;
                    let text = String::from_utf8(bytes).unwrap();
                    check(&text, twin(&text));
                }
                check(&text[..at], twin(&text[..at]));
            }
        }
        assert_eq!(UnixNanos::parse_rfc3339(b"2026-08-09T21:05:48.22856\xb80Z"), None);
    }

    #[test]
    fn differences_are_signed() {
        assert_eq!((UnixNanos::new(5) - UnixNanos::new(9)).nanos(), -4);
    }
}
