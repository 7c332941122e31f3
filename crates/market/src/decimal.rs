//! Number text as an exact mantissa and a count of decimals.

use crate::digits::{FIRST_BYTES, POW10, ZEROS, not_digits, value, word};
use core::fmt;

/// The most decimals an instrument's integers may carry: 10^18 is the largest power of ten in an
/// `i64`.
pub const MAX_DECIMALS: u8 = 18;

/// A number exactly as its text says: `mantissa` times 10^-`decimals`, in the shortest form (no
/// trailing zero decimals), with the decimals the text itself showed kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits as one integer.
    pub mantissa: i64,
    /// How many of them stand after the point, 0 to 18.
    pub decimals: u8,
    /// How many decimals the text wrote, trailing zeros included: 2 in `63943.90`, where
    /// `decimals` is 1. Zero for the exponent form. Checksums over exact text need it.
    pub written_decimals: u8,
}

/// Why text is not a number we can hold exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not `[-+]digits[.digits][e[-+]digits]`; holds the offset of the offending byte.
    Malformed(usize),
    /// A number, but not one that fits an `i64` with at most 18 decimals.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(offset) => write!(f, "not a number at byte {offset} of it"),
            Self::OutOfRange => write!(f, "a number beyond 18 decimals or 64 bits"),
        }
    }
}

impl std::error::Error for DecimalError {}

impl Decimal {
    /// Reads number text: an optional sign, digits with an optional point, an optional exponent
    /// (`2e-8`). Leading zeros are allowed, text of more than 64 bytes is not.
    ///
    /// ```
    /// # use tickhawk_market::Decimal;
    /// let tiny = Decimal::parse(b"2e-8").unwrap();
    /// assert_eq!((tiny.mantissa, tiny.decimals), (2, 8));
    /// ```
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Self, DecimalError> {
        Self::parse_at(text, 0, text.len())
    }

    /// Reads the number text from `start` to `end` of `bytes`: as [`Decimal::parse`], and faster
    /// where more text follows, since it can be loaded by the word.
    ///
    /// # Panics
    /// If the range is not one of `bytes`.
    #[inline]
    pub fn parse_at(bytes: &[u8], start: usize, end: usize) -> Result<Self, DecimalError> {
        match Self::parse_short(bytes, start, end) {
            Some(number) => Ok(number),
            None => Self::parse_any(&bytes[start..end]),
        }
    }

    /// One to eight digits, and up to eight more behind a point: nearly every number there is.
    #[inline]
    fn parse_short(bytes: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end.checked_sub(start)?;
        let whole_word = word(bytes, start) ^ ZEROS;
        let whole = ((not_digits(whole_word).trailing_zeros() >> 3) as usize).min(length);
        if whole == 0 {
            return None;
        }
        let whole_value = value(whole_word << (64 - 8 * whole));
        if whole == length {
            let mantissa = whole_value as i64;
            return Some(Self { mantissa, decimals: 0, written_decimals: 0 });
        }
        let point = start + whole;
        let written = length - whole - 1;
        if bytes[point] != b'.' || !(1..=8).contains(&written) {
            return None;
        }
        let fraction = (word(bytes, point + 1) ^ ZEROS) & FIRST_BYTES[written];
        if not_digits(fraction) != 0 {
            return None;
        }
        // Behind its last digit that is not zero a fraction needs none.
        let decimals = 8 - (fraction.leading_zeros() >> 3);
        let digits = value(fraction.wrapping_shl(64 - 8 * decimals)) as i64;
        Some(Self {
            mantissa: whole_value as i64 * POW10[decimals as usize] + digits,
            decimals: decimals as u8,
            written_decimals: written as u8,
        })
    }

    /// Every form of number text.
    fn parse_any(text: &[u8]) -> Result<Self, DecimalError> {
        if text.len() > 64 {
            return Err(DecimalError::OutOfRange);
        }
        let mut at = 0;
        let negative = match text.first() {
            Some(b'-') => true,
            Some(b'+') => false,
            _ => {
                at = 0;
                false
            }
        };
        if matches!(text.first(), Some(b'-' | b'+')) {
            at = 1;
        }
        let mut magnitude: u128 = 0;
        let (mut digits, mut significant, mut fraction_digits) = (0usize, 0usize, 0usize);
        let mut seen_point = false;
        while at < text.len() {
            match text[at] {
                byte @ b'0'..=b'9' => {
                    digits += 1;
                    if magnitude != 0 || byte != b'0' {
                        significant += 1;
                    }
                    if significant > 37 {
                        return Err(DecimalError::OutOfRange);
                    }
                    magnitude = magnitude * 10 + u128::from(byte - b'0');
                    fraction_digits += usize::from(seen_point);
                }
                b'.' if !seen_point && digits > 0 => seen_point = true,
                _ => break,
            }
            at += 1;
        }
        if digits == 0 || (seen_point && fraction_digits == 0) {
            return Err(DecimalError::Malformed(at));
        }
        let mut exponent: i32 = 0;
        let exponent_form = matches!(text.get(at), Some(b'e' | b'E'));
        if exponent_form {
            at += 1;
            let exponent_negative = matches!(text.get(at), Some(b'-'));
            if matches!(text.get(at), Some(b'-' | b'+')) {
                at += 1;
            }
            let first = at;
            while let Some(byte @ b'0'..=b'9') = text.get(at) {
                exponent = (exponent * 10 + i32::from(byte - b'0')).min(10_000);
                at += 1;
            }
            if at == first {
                return Err(DecimalError::Malformed(at));
            }
            if exponent_negative {
                exponent = -exponent;
            }
        }
        if at != text.len() {
            return Err(DecimalError::Malformed(at));
        }
        let mut decimals = fraction_digits as i32 - exponent;
        while decimals > 0 && magnitude != 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            decimals -= 1;
        }
        if magnitude == 0 {
            decimals = 0;
        }
        while decimals < 0 {
            magnitude = magnitude.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
            decimals += 1;
            if magnitude > i64::MAX as u128 {
                return Err(DecimalError::OutOfRange);
            }
        }
        if decimals > i32::from(MAX_DECIMALS) {
            return Err(DecimalError::OutOfRange);
        }
        let magnitude = i64::try_from(magnitude).map_err(|_| DecimalError::OutOfRange)?;
        Ok(Self {
            mantissa: if negative { -magnitude } else { magnitude },
            decimals: decimals as u8,
            written_decimals: if exponent_form { 0 } else { fraction_digits.min(255) as u8 },
        })
    }

    /// The number as an integer of 10^-`decimals` units; `None` if it needs more decimals than
    /// that or does not fit.
    #[inline]
    pub fn at(self, decimals: u8) -> Option<i64> {
        let shift = decimals.checked_sub(self.decimals)?;
        self.mantissa.checked_mul(pow10(shift)?)
    }

    /// The nearest `f64`.
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 / 10f64.powi(i32::from(self.decimals))
    }
}

/// 10^`exponent` as an `i64`; `None` past 10^18.
fn pow10(exponent: u8) -> Option<i64> {
    POW10.get(usize::from(exponent)).copied()
}

/// Writes `units` of 10^-`decimals` as the shortest plain text: `63943.9`, `-0.5`, `12`.
#[derive(Clone, Copy, Debug)]
pub struct DecimalText {
    /// The integer number of units.
    pub units: i64,
    /// How many decimals a unit stands for.
    pub decimals: u8,
}

impl fmt::Display for DecimalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut magnitude, mut decimals) = (self.units.unsigned_abs(), usize::from(self.decimals));
        while decimals > 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            decimals -= 1;
        }
        let sign = if self.units < 0 { "-" } else { "" };
        if decimals == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let divisor = 10u128.pow(decimals as u32);
        let (whole, fraction) = (u128::from(magnitude) / divisor, u128::from(magnitude) % divisor);
        write!(f, "{sign}{whole}.{fraction:0decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(i64, u8, u8), DecimalError>) {
        let got = Decimal::parse(text.as_bytes());
        assert_eq!(got.map(|d| (d.mantissa, d.decimals, d.written_decimals)), expected, "{text}");
    }

    #[test]
    fn parses() {
        check("63943.90", Ok((639_439, 1, 2)));
        check("0.00000000", Ok((0, 0, 8)));
        check("-0.5", Ok((-5, 1, 1)));
        check("1e3", Ok((1000, 0, 0)));
        check("1.5E+2", Ok((150, 0, 0)));
        check("2e-8", Ok((2, 8, 0)));
        check("0060", Ok((60, 0, 0)));
        check("9223372036854775807", Ok((i64::MAX, 0, 0)));
        check("9223372036854775808", Err(DecimalError::OutOfRange));
        check("0.0000000000000000001", Err(DecimalError::OutOfRange));
        check("2e-19", Err(DecimalError::OutOfRange));
        check("1e99999999999", Err(DecimalError::OutOfRange));
        check("0e99999999999", Ok((0, 0, 0)));
        check("", Err(DecimalError::Malformed(0)));
        check("1.", Err(DecimalError::Malformed(2)));
        check(".5", Err(DecimalError::Malformed(0)));
        check("1.2.3", Err(DecimalError::Malformed(3)));
        check("1e", Err(DecimalError::Malformed(2)));
        check("12a", Err(DecimalError::Malformed(2)));
        check("NaN", Err(DecimalError::Malformed(0)));
    }

    /// Numbers of few digits and of many, signs, points and exponents in all places.
    #[test]
    fn the_short_form_agrees_with_every_form() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            (state >> 33) % limit
        };
        for _ in 0..200_000 {
            let length = below(22) as usize;
            let mut text: std::string::String =
                (0..length).map(|_| char::from(b"0001234567890000"[below(16) as usize])).collect();
            for odd in [".", ".", "e", "-", "x"] {
                if below(3) == 0 {
                    text.insert_str(below(text.len() as u64 + 1) as usize, odd);
                }
            }
            let framed = std::format!("[\"{text}\",\"0.5\"]");
            let (start, end) = (2, 2 + text.len());
            let expected = Decimal::parse_any(text.as_bytes());
            assert_eq!(Decimal::parse(text.as_bytes()), expected, "{text}");
            assert_eq!(Decimal::parse_at(framed.as_bytes(), start, end), expected, "{text}");
        }
    }

    #[test]
    fn text_and_back() {
        for (units, decimals, text) in [
            (6_394_390, 2, "63943.9"),
            (-5, 1, "-0.5"),
            (0, 8, "0"),
            (2, 8, "0.00000002"),
            (1000, 3, "1"),
            (i64::MAX, 18, "9.223372036854775807"),
        ] {
            assert_eq!(DecimalText { units, decimals }.to_string(), text);
            assert_eq!(Decimal::parse(text.as_bytes()).unwrap().at(decimals), Some(units));
        }
    }
}
