//! Damaged copies of a recording.

use crate::{
    recording::{Recording, Seen},
    table::Damage::{self, *},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};
use tickhawk_market::InstrumentId;

/// One copy in this many damages a frame of any kind, the others a book message.
const BYSTANDERS: usize = 8;
pub const SEED: u64 = 0x7469_636b_6861_776b;

/// One damaged copy: what is played in each record's place.
pub struct Copy {
    /// Records as [`Seen::record`] names them, and which record is played.
    pub order: Vec<(usize, usize)>,
    /// The bytes of one record, if they were changed.
    pub changed: Option<(usize, Vec<u8>)>,
    /// Where in `order` damage begins.
    pub from: usize,
    /// The last record damaged.
    pub last: usize,
    /// Whose message was damaged; `None` for a frame that was no book message.
    pub book: Option<InstrumentId>,
}

impl Recording {
    /// A copy with that damage, or `None` if what chance picked cannot be damaged so.
    pub fn damaged(&self, damage: Damage, chance: &mut Chance) -> Option<Copy> {
        let whole_frames = !matches!(damage, Swapped | Overtaken | Number | Sum);
        if whole_frames && chance.below(BYSTANDERS) == 0 {
            let record = self.start + chance.below(self.lines.len() - self.start);
            let is_book = self.truth.seen.iter().any(|seen| seen.record == record);
            return if is_book { None } else { self.copy(damage, record, None, chance) };
        }
        let first = self.truth.seen.partition_point(|seen| seen.record < self.start);
        let seen = &self.truth.seen[first + chance.below(self.truth.seen.len() - first)];
        self.copy_of_book(damage, seen, chance)
    }

    /// A copy in which that book message is damaged. Two more of the same book must follow, by
    /// which the damage may be told.
    pub fn copy_of_book(&self, damage: Damage, seen: &Seen, chance: &mut Chance) -> Option<Copy> {
        let same = |other: &&Seen| other.record == seen.record;
        let alone = self.truth.seen.iter().filter(same).count() == 1;
        let usable = alone && !seen.snapshot && self.next_of(seen.id, seen.record, 2).is_some();
        if usable { self.copy(damage, seen.record, Some(seen.id), chance) } else { None }
    }

    fn copy(
        &self,
        damage: Damage,
        record: usize,
        book: Option<InstrumentId>,
        chance: &mut Chance,
    ) -> Option<Copy> {
        let frame = self.lines[record].frame()?;
        let mut copy =
            Copy { from: record, book, last: record, ..Copy::undamaged(self.lines.len()) };
        match damage {
            Dropped => drop(copy.order.remove(record)),
            Doubled => copy.order.insert(record, (record, record)),
            Swapped => copy.swap(record, self.next_of(book?, record, 1)?),
            Overtaken => copy.swap(record, self.next_frame_of_others(book?, record)?),
            Cut => copy.changed = Some((record, frame[..chance.below(frame.len())].to_vec())),
            Digit => {
                let is_digit = |place: &usize| frame[*place].is_ascii_digit();
                let places: Vec<_> = (0..frame.len()).filter(is_digit).collect();
                copy.changed = Some((record, flipped(frame, &places, chance)?));
            }
            Number => {
                let places = digits_of_numbers(self.slug, frame);
                copy.changed = Some((record, flipped(frame, &places, chance)?));
            }
            Sum => {
                // Its last six digits, so that it is still a number of 32 bits.
                let key = if self.slug == "okx" { "\"checksum\":" } else { "\"c\":" };
                let places: Vec<_> = digits_after(frame, key).skip(1).collect();
                let last_six = &places[places.len().saturating_sub(6)..];
                copy.changed = Some((record, flipped(frame, last_six, chance)?));
            }
        }
        Some(copy)
    }
}

impl Copy {
    pub fn undamaged(count: usize) -> Self {
        let order = (0..count).map(|record| (record, record)).collect();
        Self { order, changed: None, from: 0, last: 0, book: None }
    }

    fn swap(&mut self, earlier: usize, later: usize) {
        self.order[earlier] = (later, later);
        self.order[later] = (later, earlier);
        self.last = later;
    }
}

/// The bytes with the digit at one of these places another.
fn flipped(bytes: &[u8], places: &[usize], chance: &mut Chance) -> Option<Vec<u8>> {
    if places.is_empty() {
        return None;
    }
    let place = places[chance.below(places.len())];
    let mut bytes = bytes.to_vec();
    let digit = usize::from(bytes[place] - b'0');
    bytes[place] = b'0' + ((digit + 1 + chance.below(9)) % 10) as u8;
    Some(bytes)
}

/// Where the digits stand of the numbers by which a venue's messages follow one another.
fn digits_of_numbers(slug: &str, frame: &[u8]) -> Vec<usize> {
    let keys: &[&str] = match slug {
        "binance-futures" | "binance-delivery" => &["\"U\":", "\"u\":", "\"pu\":"],
        "binance" | "binance-us" => &["\"U\":", "\"u\":"],
        "bybit" | "bybit-spot" => &["\"u\":", "\"seq\":"],
        "kraken-futures" => &["\"seq\":"],
        "coinbase" => &["\"sequence_num\":"],
        "bitfinex" => {
            let comma = frame.iter().rposition(|byte| *byte == b',').expect("it is an array");
            return (comma + 1..frame.len() - 1).collect();
        }
        other => panic!("{other} has no numbers to flip"),
    };
    keys.iter().flat_map(|key| digits_after(frame, key)).collect()
}

/// Where the digits of a key's value stand.
fn digits_after(frame: &[u8], key: &str) -> Range<usize> {
    let found = frame.windows(key.len()).position(|window| window == key.as_bytes());
    let skip = |from: usize, skipped: &[u8]| {
        from + frame[from..].iter().take_while(|byte| skipped.contains(byte)).count()
    };
    let start = skip(found.expect("every book message has it") + key.len(), b"\"- ");
    start..skip(start, b"0123456789")
}

/// SplitMix64.
pub struct Chance(u64);

impl Chance {
    pub fn of(what: impl Hash) -> Self {
        Self(SEED ^ hash(what))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

pub fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
