//! The near book: 65,536 slots around the touch, one per step of the grid, found by bitmap.
//!
//! ```text
//! root      1 word    bit s: sector s holds a level
//! sectors  64 words   bit w: word w of the sector holds a level
//! words  1024 words   bit b: the slot holds a level
//! qtys  65536 slots
//! ```
//!
//! A position counts from the window's low end. Slots are a ring of sectors: moving the window by
//! a sector renames one sector and copies nothing.

use alloc::boxed::Box;
use alloc::vec;

/// Slots of a window. 65,536 steps of BTCUSDT's tick are 6,553 dollars; in recorded depth streams
/// 88 to 96 of 100 changes fall within that of the touch, and a quarter as many slots would lose
/// another 2 to 4. A slot is 8 bytes of address space; only pages that levels touch cost memory.
pub(crate) const SLOTS: usize = SECTORS * SECTOR_SLOTS;
/// Sectors of a window: the bits of the root word.
pub(crate) const SECTORS: usize = 64;
/// Slots of a sector: the most levels that one move of the window can carry out of it.
pub(crate) const SECTOR_SLOTS: usize = 1024;
const SECTOR_WORDS: usize = SECTOR_SLOTS / 64;
const WORDS: usize = SLOTS / 64;

/// See the module's picture. A slot whose bit is clear holds nothing, whatever its quantity says.
pub(crate) struct Window {
    qtys: Box<[i64; SLOTS]>,
    words: Box<[u64; WORDS]>,
    sectors: [u64; SECTORS],
    root: u64,
    /// The slot, the first of a sector, at which position 0 stands.
    low_slot: usize,
    count: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            qtys: zeroed(),
            words: zeroed(),
            sectors: [0; SECTORS],
            root: 0,
            low_slot: 0,
            count: 0,
        }
    }

    /// Levels held.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Puts `qty` at a position, or clears it where `qty` is zero.
    pub(crate) fn set(&mut self, position: usize, qty: i64) {
        let mut writer = self.writer();
        writer.set(position, qty);
        writer.finish();
    }

    /// For many positions in a row; what they did is in the window when it finishes.
    #[inline]
    pub(crate) fn writer(&mut self) -> Writer<'_> {
        let Self { qtys, words, sectors, root, low_slot, count } = self;
        Writer { qtys, words, sectors, root, low_slot: *low_slot, count: *count, counted: count }
    }

    /// The quantity at a position.
    #[inline]
    pub(crate) fn get(&self, position: usize) -> Option<i64> {
        let slot = position.wrapping_add(self.low_slot) % SLOTS;
        (self.words[slot / 64] >> (slot % 64) & 1 == 1).then(|| self.qtys[slot])
    }

    /// The position of the lowest level.
    pub(crate) fn lowest(&self) -> Option<usize> {
        if self.root == 0 {
            return None;
        }
        let sector = self.root_from_low().trailing_zeros() as usize;
        let at = self.ring_sector(sector);
        let word = self.sectors[at].trailing_zeros() as usize;
        let bit = self.words[at * SECTOR_WORDS + word].trailing_zeros() as usize;
        Some(sector * SECTOR_SLOTS + word * 64 + bit)
    }

    /// Every level from the highest down.
    #[inline]
    pub(crate) fn descending(&self) -> Descending<'_> {
        Descending { window: self, word: WORDS, bits: 0 }
    }

    /// Moves the window's low end up by a sector: the lowest sector, which must have been drained,
    /// becomes the highest.
    pub(crate) fn rename_up(&mut self) {
        debug_assert_eq!(self.sectors[self.ring_sector(0)], 0);
        self.low_slot = (self.low_slot + SECTOR_SLOTS) % SLOTS;
    }

    /// The reverse of [`Self::rename_up`].
    pub(crate) fn rename_down(&mut self) {
        self.low_slot = (self.low_slot + SLOTS - SECTOR_SLOTS) % SLOTS;
        debug_assert_eq!(self.sectors[self.ring_sector(0)], 0);
    }

    /// Takes every level out of one sector, lowest first.
    pub(crate) fn drain_sector(&mut self, sector: usize, mut take: impl FnMut(usize, i64)) {
        let at = self.ring_sector(sector);
        let mut filled = core::mem::take(&mut self.sectors[at]);
        while filled != 0 {
            let word = filled.trailing_zeros() as usize;
            filled &= filled - 1;
            let mut bits = core::mem::take(&mut self.words[at * SECTOR_WORDS + word]);
            self.count -= bits.count_ones() as usize;
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let offset = word * 64 + bit;
                take(sector * SECTOR_SLOTS + offset, self.qtys[at * SECTOR_SLOTS + offset]);
            }
        }
        self.root &= !(1 << at);
    }

    /// Forgets every level.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
        self.sectors = [0; SECTORS];
        (self.root, self.count, self.low_slot) = (0, 0, 0);
    }

    /// Where in the ring a sector counted from the low end stands.
    #[inline]
    fn ring_sector(&self, sector: usize) -> usize {
        sector.wrapping_add(self.low_slot / SECTOR_SLOTS) % SECTORS
    }

    /// The root word with the lowest sector in bit 0.
    #[inline]
    fn root_from_low(&self) -> u64 {
        self.root.rotate_right((self.low_slot / SECTOR_SLOTS) as u32)
    }

    /// The highest word below `word` that holds a level; both count from the low end.
    #[inline]
    fn next_word_below(&self, word: usize) -> Option<usize> {
        let (sector, within) = (word / SECTOR_WORDS, word % SECTOR_WORDS);
        if within != 0 {
            let filled = self.sectors[self.ring_sector(sector)] & low_bits(within);
            if filled != 0 {
                return Some(sector * SECTOR_WORDS + highest_bit(filled));
            }
        }
        let root = self.root_from_low() & low_bits(sector);
        if root == 0 {
            return None;
        }
        let sector = highest_bit(root);
        let filled = self.sectors[self.ring_sector(sector)];
        Some(sector * SECTOR_WORDS + highest_bit(filled))
    }
}

/// Puts levels into a [`Window`] whose place and count stay at hand.
pub(crate) struct Writer<'a> {
    qtys: &'a mut [i64; SLOTS],
    words: &'a mut [u64; WORDS],
    sectors: &'a mut [u64; SECTORS],
    root: &'a mut u64,
    low_slot: usize,
    count: usize,
    counted: &'a mut usize,
}

impl Writer<'_> {
    /// As [`Window::set`]. Whether a level comes, stays or goes is what no branch predictor knows, so
    /// only a word's first and last level branch.
    #[inline]
    pub(crate) fn set(&mut self, position: usize, qty: i64) {
        let slot = position.wrapping_add(self.low_slot) % SLOTS;
        let word = slot / 64;
        let stays = u64::from(qty != 0);
        let before = self.words[word];
        let after = with_bit(before, slot % 64, stays);
        self.qtys[slot] = qty;
        self.words[word] = after;
        if (before == 0) != (after == 0) {
            self.note_word(word, after != 0);
        }
        let stayed = before >> (slot % 64) & 1;
        self.count = self.count.wrapping_add(stays as usize).wrapping_sub(stayed as usize);
    }

    #[inline]
    pub(crate) fn finish(self) {
        *self.counted = self.count;
    }

    /// Carries a word's first or last level up to its sector and the root.
    #[inline]
    fn note_word(&mut self, word: usize, holds: bool) {
        let sector = word / SECTOR_WORDS;
        let filled = with_bit(self.sectors[sector], word % SECTOR_WORDS, u64::from(holds));
        self.sectors[sector] = filled;
        *self.root = with_bit(*self.root, sector, u64::from(filled != 0));
    }
}

/// The levels of a [`Window`], highest first, with their positions.
#[derive(Clone)]
pub(crate) struct Descending<'a> {
    window: &'a Window,
    word: usize,
    bits: u64,
}

impl Iterator for Descending<'_> {
    type Item = (usize, i64);

    #[inline]
    fn next(&mut self) -> Option<(usize, i64)> {
        let low_word = self.window.low_slot / 64;
        if self.bits == 0 {
            self.word = self.window.next_word_below(self.word)?;
            self.bits = self.window.words[self.word.wrapping_add(low_word) % WORDS];
        }
        let bit = highest_bit(self.bits);
        self.bits ^= 1 << bit;
        let slot = self.word.wrapping_add(low_word) % WORDS * 64 + bit;
        Some((self.word * 64 + bit, self.window.qtys[slot]))
    }
}

#[inline]
fn with_bit(word: u64, bit: usize, value: u64) -> u64 {
    word & !(1 << bit) | value << bit
}

#[inline]
fn highest_bit(word: u64) -> usize {
    63 - (word | 1).leading_zeros() as usize
}

/// The lowest `count` bits, up to all 64.
#[inline]
fn low_bits(count: usize) -> u64 {
    if count < 64 { (1 << count) - 1 } else { u64::MAX }
}

/// An array too large for the stack, which the allocator hands over as untouched zero pages.
fn zeroed<T: Copy + Default, const N: usize>() -> Box<[T; N]> {
    match vec![T::default(); N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("the slice was made with N elements"),
    }
}

#[cfg(test)]
mod tests;
