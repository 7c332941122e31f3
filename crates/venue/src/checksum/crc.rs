//! Writes numbers as text into a CRC-32, by way of the stack.

use super::Style;
use tickhawk_market::Decimal;

/// Bytes collected on the stack between updates of the hasher.
const BUFFER_BYTES: usize = 1024;

/// Room for one number: 64 bytes is the most that is read as one, so 63 decimals the most that one
/// can be padded to, behind up to 19 digits, a sign, a point and a colon.
const NUMBER_BYTES: usize = 128;

/// The hasher and a stack buffer before it.
pub(super) struct Crc {
    hasher: crc32fast::Hasher,
    buffer: [u8; BUFFER_BYTES],
    used: usize,
    empty: bool,
}

impl Crc {
    pub(super) fn new() -> Self {
        Self { hasher: crc32fast::Hasher::new(), buffer: [0; BUFFER_BYTES], used: 0, empty: true }
    }

    pub(super) fn finish(mut self) -> u32 {
        self.hasher.update(&self.buffer[..self.used]);
        self.hasher.finalize()
    }

    /// Makes room for one number, and writes the colon between two where the style has it.
    fn begin(&mut self, style: Style) {
        if self.used > BUFFER_BYTES - NUMBER_BYTES {
            self.hasher.update(&self.buffer[..self.used]);
            self.used = 0;
        }
        if style == Style::Exact && !self.empty {
            self.push(b":");
        }
        self.empty = false;
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    fn zeros(&mut self, count: usize) {
        self.buffer[self.used..self.used + count].fill(b'0');
        self.used += count;
    }

    /// A text kept as it came; `least` is what an exponent form would have been padded to.
    #[cold]
    pub(super) fn text(&mut self, style: Style, text: &[u8], least: u8) {
        if style == Style::Digits {
            let decimal = Decimal::parse(text).ok();
            if let Some(number) = decimal.filter(|_| text.iter().any(|byte| *byte | 32 == b'e')) {
                return self.number(style, number.mantissa, number.decimals, least);
            }
        }
        self.begin(style);
        match style {
            Style::Exact => self.push(text),
            Style::Digits => {
                let mut leading = true;
                for byte in text.iter().filter(|byte| byte.is_ascii_digit()) {
                    leading &= *byte == b'0';
                    if !leading {
                        self.push(std::slice::from_ref(byte));
                    }
                }
            }
        }
    }

    /// `units` of 10^-`decimals`, written with as many decimals as it needs and at least `least`.
    pub(super) fn number(&mut self, style: Style, units: i64, decimals: u8, least: u8) {
        self.begin(style);
        let mut room = [0; 20];
        let mut digits = decimal_digits(units.unsigned_abs(), &mut room);
        let (mut decimals, least) = (usize::from(decimals), usize::from(least));
        while decimals > least && digits.len() > 1 && digits.ends_with(b"0") {
            digits = &digits[..digits.len() - 1];
            decimals -= 1;
        }
        if units == 0 {
            decimals = 0;
        }
        let padding = least.saturating_sub(decimals);
        if units < 0 {
            self.push(b"-");
        }
        if style == Style::Digits {
            if units != 0 {
                self.push(digits);
                self.zeros(padding);
            }
            return;
        }
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
        self.push(if whole.is_empty() { b"0".as_slice() } else { whole });
        if decimals + padding > 0 {
            self.push(b".");
            self.zeros(decimals - fraction.len());
            self.push(fraction);
            self.zeros(padding);
        }
    }
}

/// Two digits at a time.
const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

pub(super) fn decimal_digits(mut value: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        room[at] = b'0' + value as u8;
    }
    &room[at..]
}
