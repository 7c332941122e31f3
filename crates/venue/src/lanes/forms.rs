//! Where the digits of a number are, by how it is written.

use super::Here;
use tickhawk_market::Scale;

/// Where the digits of a number are, counted in the sixteen bytes that end with it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(super) struct Lanes {
    /// Which byte goes to each place, the digits that count moving to the end; 0x80 for none.
    pub(super) picked: [u8; 16],
    /// Digits that do not count, and so must be zero. The point too, where no digit follows it.
    pub(super) spare: [u8; 16],
}

/// Most digits before the point.
pub(super) const WHOLE_MAX: usize = 8;

/// How numbers become integers of one count of decimals: by the bytes from the point on, itself
/// included, and by those before it.
#[derive(Debug)]
pub(crate) struct Forms(pub(super) [[Lanes; WHOLE_MAX]; 16]);

/// By the decimals of the integers.
static FORMS: [Forms; 9] = {
    let mut table =
        [const { Forms([const { [const { Lanes::new(0, 0, 0) }; WHOLE_MAX] }; 16]) }; 9];
    let mut decimals = 0;
    while decimals < 9 {
        let mut behind = 0;
        while behind < 16 {
            let mut whole = 0;
            while whole < WHOLE_MAX {
                table[decimals].0[behind][whole] = Lanes::new(whole + 1, behind, decimals);
                whole += 1;
            }
            behind += 1;
        }
        decimals += 1;
    }
    table
};

impl Forms {
    /// Those of prices and of quantities; `None` of more decimals than fit, and where there are no
    /// lanes: who holds one may use them.
    pub(crate) fn of(scale: Scale) -> Option<[&'static Self; 2]> {
        let of = |decimals: u8| FORMS.get(usize::from(decimals));
        Here::new()?;
        Some([of(scale.price_decimals)?, of(scale.qty_decimals)?])
    }
}

impl Lanes {
    /// Of numbers with so many bytes before the point, and so many from it on, itself included, as
    /// integers of so many decimals.
    const fn new(whole: usize, behind: usize, decimals: usize) -> Self {
        let (mut picked, mut spare) = ([0x80; 16], [0; 16]);
        let point = 16 - behind;
        let written = behind.saturating_sub(1);
        let kept = if written < decimals { written } else { decimals };
        let mut place = 0;
        while place < kept {
            picked[16 - decimals + place] = (point + 1 + place) as u8;
            place += 1;
        }
        let mut place = 0;
        while place < point && place < whole {
            picked[15 - decimals - place] = (point - 1 - place) as u8;
            place += 1;
        }
        let mut place = if behind == 1 { point } else { point + 1 + kept };
        while behind > 0 && place < 16 {
            spare[place] = 0xff;
            place += 1;
        }
        Self { picked, spare }
    }
}
