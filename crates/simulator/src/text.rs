//! Numbers and times as venues write them, by integer arithmetic alone.

use tickhawk_market::DecimalText;

/// `units` of 10^-`decimals` with exactly `written` decimals, which are at least `decimals`:
/// (639439, 1, 2) is `63943.90`.
pub(crate) fn fixed(units: i64, decimals: u8, written: u8) -> String {
    let divisor = 10i64.pow(u32::from(decimals));
    let (whole, fraction) = (units.abs() / divisor, units.abs() % divisor);
    let sign = if units < 0 { "-" } else { "" };
    if written == 0 {
        return format!("{sign}{whole}");
    }
    let mut digits = format!("{fraction:0width$}", width = usize::from(decimals));
    if decimals == 0 {
        digits.clear();
    }
    while digits.len() < usize::from(written) {
        digits.push('0');
    }
    format!("{sign}{whole}.{digits}")
}

/// The same in the shortest form: `63943.9`.
pub(crate) fn shortest(units: i64, decimals: u8) -> String {
    DecimalText { units, decimals }.to_string()
}

/// A percentage of two decimals: how far `now` is from `then`.
pub(crate) fn change_percent(now: i64, then: i64) -> String {
    let basis_points = i128::from(now - then) * 10_000 / i128::from(then.max(1));
    fixed(basis_points.clamp(-1_000_000, 1_000_000) as i64, 2, 2)
}

/// Nanoseconds since the Unix epoch as `2026-08-09T21:05:48`, then a point and the fraction with
/// `digits` digits.
pub(crate) fn rfc3339(at_ns: u64, digits: u32) -> String {
    let fraction = at_ns % 1_000_000_000 / 10u64.pow(9 - digits);
    format!("{}.{fraction:0width$}Z", seconds(at_ns, 'T'), width = digits as usize)
}

/// The same without the fraction's trailing zeros, nor its point if nothing is left of it.
pub(crate) fn rfc3339_trimmed(at_ns: u64, digits: u32) -> String {
    let text = rfc3339(at_ns, digits);
    let text = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{text}Z")
}

/// Date, `separator`, time of day.
pub(crate) fn seconds(at_ns: u64, separator: char) -> String {
    let seconds = at_ns / 1_000_000_000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 of the proleptic Gregorian calendar, whose 400 years are 146,097 days.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickhawk_market::UnixNanos;

    #[test]
    fn decimals() {
        assert_eq!(fixed(639_439, 1, 2), "63943.90");
        assert_eq!(fixed(5, 3, 3), "0.005");
        assert_eq!(fixed(0, 8, 8), "0.00000000");
        assert_eq!(fixed(60, 0, 0), "60");
        assert_eq!(fixed(60, 0, 8), "60.00000000");
        assert_eq!(fixed(-5, 2, 2), "-0.05");
        assert_eq!(shortest(639_430, 2), "6394.3");
        assert_eq!(change_percent(101, 100), "1.00");
        assert_eq!(change_percent(99, 100), "-1.00");
    }

    #[test]
    fn times_read_back() {
        for at_ns in
            [0, 951_825_600_500_000_000, 1_735_689_599_999_999_999, 4_102_444_800_000_000_001]
        {
            let text = rfc3339(at_ns, 9);
            let read = UnixNanos::parse_rfc3339(text.as_bytes()).map(UnixNanos::nanos);
            assert_eq!(read, Some(at_ns), "{text}");
            let trimmed = rfc3339_trimmed(at_ns, 9);
            let read = UnixNanos::parse_rfc3339(trimmed.as_bytes()).map(UnixNanos::nanos);
            assert_eq!(read, Some(at_ns), "{trimmed}");
        }
        assert_eq!(rfc3339_trimmed(951_825_600_500_000_000, 6), "2000-02-29T12:00:00.5Z");
        assert_eq!(rfc3339_trimmed(951_825_600_000_000_000, 6), "2000-02-29T12:00:00Z");
        assert_eq!(seconds(951_825_600_000_000_000, ' '), "2000-02-29 12:00:00");
    }
}
