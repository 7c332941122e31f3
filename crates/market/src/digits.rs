//! Decimal digits eight at a time, in one 64-bit word: what the hot readers of number text share.
//!
//! A word holds eight bytes of text, the first one lowest. After an XOR with [`ZEROS`] a digit's
//! byte is its value, so that text cut or padded with zero bytes reads as if by zeros.

/// The text `00000000`.
pub const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The powers of ten of an `i64`, by exponent.
pub const POW10: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut exponent = 1;
    while exponent < table.len() {
        table[exponent] = table[exponent - 1] * 10;
        exponent += 1;
    }
    table
};

/// Masks of a word's first bytes, by their count.
pub const FIRST_BYTES: [u64; 9] = {
    let mut table = [u64::MAX; 9];
    let mut count = 0;
    while count < 8 {
        table[count] = (1u64 << (8 * count)) - 1;
        count += 1;
    }
    table
};

/// The eight bytes from `at` on; bytes past the end are zero.
#[inline(always)]
pub fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(bytes, at),
    }
}

#[cold]
#[inline(never)]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Marks, by its highest bit, every byte that is no digit value (0 to 9).
#[inline(always)]
pub fn not_digits(digits: u64) -> u64 {
    let carried = (digits & 0x7f7f_7f7f_7f7f_7f7f).wrapping_add(0x7676_7676_7676_7676);
    (carried | digits) & 0x8080_8080_8080_8080
}

/// The number that eight digit values make, the first one the most significant.
#[inline(always)]
pub fn value(digits: u64) -> u64 {
    // Pairs, then fours, then all eight: each step adds ten, a hundred or ten thousand times the
    // lower neighbour to the upper one.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_as_numbers() {
        for text in ["00000000", "12345678", "99999999", "90817263"] {
            let digits = word(text.as_bytes(), 0) ^ ZEROS;
            assert_eq!(not_digits(digits), 0);
            assert_eq!(value(digits), text.parse().unwrap());
        }
        assert_eq!(word(b"abc", 1), u64::from(b'b') | u64::from(b'c') << 8);
        assert_eq!((word(b"abc", 3), word(b"abc", 4)), (0, 0));
    }

    #[test]
    fn every_byte_but_digits_is_marked() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut text = *b"09182736";
                text[place] = byte;
                let marks = not_digits(u64::from_le_bytes(text) ^ ZEROS);
                let expected = if byte.is_ascii_digit() { 0 } else { 0x80 << (8 * place) };
                assert_eq!(marks, expected, "{byte} at {place}");
            }
        }
    }
}
