//! Three times that cannot be mixed.

use crate::digits::POW10;
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
        let (&date, rest) = text.split_first_chunk::<19>()?;
        let mut digits = date.map(|byte| byte.wrapping_sub(b'0'));
        for (at, expected) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
            if date[at] != expected {
                return None;
            }
            digits[at] = 0;
        }
        if digits.iter().fold(0, |worst, digit| worst.max(*digit)) > 9 {
            return None;
        }
        let two = |at: usize| u64::from(digits[at]) * 10 + u64::from(digits[at + 1]);
        let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
        let (hour, minute, second) = (two(11), two(14), two(17));
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

/// One to nine digits behind the point of a second.
#[inline]
fn nanos_of(fraction: &[u8]) -> Option<u64> {
    if !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let mut nanos = 0u64;
    for byte in fraction {
        nanos = nanos * 10 + u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(nanos * POW10[9 - fraction.len()] as u64)
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

    #[test]
    fn differences_are_signed() {
        assert_eq!((UnixNanos::new(5) - UnixNanos::new(9)).nanos(), -4);
    }
}
