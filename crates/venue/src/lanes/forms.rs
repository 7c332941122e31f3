//! Where the digits of a number are, by how it is written.

use super::Here;
use tickhawk_market::Scale;

/// Where the digits of a number are, counted in the sixteen bytes that end with it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(super) struct Places {
    /// Which byte goes to each place, the digits that count moving to the end; 0x80 for none.
    pub(super) picked: [u8; 16],
    /// The most that each byte may be worth: 9 where a digit counts, 0 where one does not and where
    /// the point is, any before the number.
    pub(super) most: [u8; 16],
}

/// Most digits before the point.
pub(super) const WHOLE_MAX: usize = 8;

/// Numbers with so many bytes from the point on: by their length.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) places: [Places; 16],
    /// What each byte is worth nothing as: the point where it is, zero elsewhere.
    pub(super) nothing: [u8; 16],
}

/// How numbers become integers of one count of decimals: by the bytes from the point on, itself
/// included.
#[derive(Debug)]
pub(super) struct Forms(pub(super) [Row; 16]);

/// By the decimals of the integers.
static FORMS: [Forms; 9] = {
    let mut table = [const { Forms([const { Row::new(0, 0) }; 16]) }; 9];
    let mut decimals = 0;
    while decimals < 9 {
        let mut behind = 0;
        while behind < 16 {
            table[decimals].0[behind] = Row::new(behind, decimals);
            behind += 1;
        }
        decimals += 1;
    }
    table
};

/// How an instrument's prices and its quantities become integers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(super) forms: [&'static Forms; 2],
    /// How the last level was written that was not written like the one before it.
    pub(super) last: [&'static Row; 2],
}

impl Lanes {
    /// `None` of more decimals than fit, and where there are no lanes: who holds some may use them.
    pub(crate) fn of(scale: Scale) -> Option<Self> {
        Here::new()?;
        let decimals = [scale.price_decimals, scale.qty_decimals].map(usize::from);
        let of = |which: usize| FORMS.get(decimals[which]);
        let forms = [of(0)?, of(1)?];
        let behind = |decimals: usize| if decimals == 0 { 0 } else { decimals + 1 };
        let last = [0, 1].map(|which: usize| &forms[which].0[behind(decimals[which])]);
        Some(Self { forms, last })
    }
}

impl Row {
    const fn new(behind: usize, decimals: usize) -> Self {
        let mut places = [Places::NONE; 16];
        let mut length = 0;
        while length < 16 {
            places[length] = match length.checked_sub(behind) {
                Some(whole @ 1..=WHOLE_MAX) if behind != 1 => Places::new(whole, behind, decimals),
                // Deletions are mostly so written, whatever other quantities are.
                _ if length == 1 && behind > 1 => Places::ZERO,
                _ => Places::NONE,
            };
            length += 1;
        }
        let mut nothing = [b'0'; 16];
        if behind > 1 {
            nothing[16 - behind] = b'.';
        }
        Self { places, nothing }
    }
}

impl Places {
    /// Of what is no number there: it, or the quote before it, is worth something.
    const NONE: Self = Self { picked: [0x80; 16], most: [0; 16] };

    /// Of a lone zero.
    const ZERO: Self = {
        let mut most = [0xff; 16];
        most[15] = 0;
        Self { picked: [0x80; 16], most }
    };

    /// Of numbers with so many bytes before the point, and so many from it on, itself included, as
    /// integers of so many decimals.
    const fn new(whole: usize, behind: usize, decimals: usize) -> Self {
        let (mut picked, mut most) = ([0x80; 16], [0xff; 16]);
        let point = 16 - behind;
        let written = behind.saturating_sub(1);
        let kept = if written < decimals { written } else { decimals };
        let mut place = 0;
        while place < behind {
            most[point + place] = if 0 < place && place <= kept { 9 } else { 0 };
            place += 1;
        }
        let mut place = 0;
        while place < kept {
            picked[16 - decimals + place] = (point + 1 + place) as u8;
            place += 1;
        }
        let mut place = 1;
        while place <= whole {
            picked[16 - decimals - place] = (point - place) as u8;
            most[point - place] = 9;
            place += 1;
        }
        Self { picked, most }
    }
}
