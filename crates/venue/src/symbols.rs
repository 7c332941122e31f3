//! Finds an instrument by its symbol, once a frame: nearly every symbol fits sixteen bytes, and is
//! then looked for as one integer.

use tickhawk_market::InstrumentId;

/// Symbols and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// Those of up to sixteen bytes, sorted by their key.
    short: Vec<(Key, InstrumentId)>,
    /// Longer ones, sorted.
    long: Vec<(Box<[u8]>, InstrumentId)>,
}

/// The bytes of a short symbol and how many they are: padding alone would make `A` and `A\0` one.
type Key = (u128, usize);

/// Put together from words that overlap, in registers: a copy to the stack would have to be stored
/// before it could be loaded.
#[inline(always)]
fn key(symbol: &[u8]) -> Option<Key> {
    let eight = |chunk: Option<&[u8; 8]>| chunk.map(|chunk| u64::from_le_bytes(*chunk));
    let four = |chunk: Option<&[u8; 4]>| chunk.map(|chunk| u64::from(u32::from_le_bytes(*chunk)));
    let length = symbol.len();
    let (low, high) = match length {
        9..=16 => {
            (eight(symbol.first_chunk())?, eight(symbol.last_chunk())? >> (8 * (16 - length)))
        }
        4..=8 => {
            let last = four(symbol.last_chunk())? << (8 * (length - 4));
            (four(symbol.first_chunk())? | last, 0)
        }
        0..=3 => (symbol.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        _ => return None,
    };
    Some((u128::from(high) << 64 | u128::from(low), length))
}

impl Symbols {
    /// Adds one that is not there.
    pub(crate) fn add(&mut self, symbol: &str, id: InstrumentId) {
        match key(symbol.as_bytes()) {
            Some(key) => {
                let at = self.short.partition_point(|(other, _)| *other < key);
                self.short.insert(at, (key, id));
            }
            None => {
                let at = self.long.partition_point(|(other, _)| **other < *symbol.as_bytes());
                self.long.insert(at, (symbol.as_bytes().into(), id));
            }
        }
    }

    #[inline]
    pub(crate) fn find(&self, symbol: &[u8]) -> Option<InstrumentId> {
        match key(symbol) {
            Some(key) => {
                let at = self.short.partition_point(|(other, _)| *other < key);
                let (found, id) = self.short.get(at)?;
                (*found == key).then_some(*id)
            }
            None => {
                let found = self.long.binary_search_by(|(other, _)| (**other).cmp(symbol));
                found.ok().map(|at| self.long[at].1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_found_and_nothing_else() {
        let mut symbols = Symbols::default();
        let names: Vec<String> =
            (0..40).map(|length| "ABCDE-USDT".repeat(4)[..length].into()).collect();
        for (index, name) in names.iter().enumerate().rev() {
            symbols.add(name, InstrumentId(index as u32));
        }
        for (index, name) in names.iter().enumerate() {
            assert_eq!(symbols.find(name.as_bytes()), Some(InstrumentId(index as u32)));
            let mut other = name.clone();
            other.push('\0');
            assert_eq!(symbols.find(other.as_bytes()), None);
            if let Some(last) = other.pop().and(other.pop()) {
                other.push(char::from(last as u8 ^ 1));
                assert_eq!(symbols.find(other.as_bytes()), None);
            }
        }
    }
}
