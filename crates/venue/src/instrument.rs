//! The instruments of a session, in the order their venue named them.

use crate::{symbols::Symbols, units::Units};
use std::collections::BTreeMap;
use tickhawk_market::{ConnectionId, InstrumentId, Metadata, Scale};

/// Where an instrument's book messages stand in the venue's sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// No book message seen.
    #[default]
    Empty,
    /// Diffs seen, waiting for a snapshot.
    Syncing,
    /// Snapshot and every diff since.
    Live,
    /// The sequence is whole, but the book built from it was found wrong (checksum, crossed):
    /// diffs go on, a snapshot has been asked for.
    Suspect,
    /// The sequence broke: nothing is passed on until a snapshot.
    Stale,
}

impl Sync {
    /// Whether diffs are passed on.
    pub fn passes_diffs(self) -> bool {
        matches!(self, Self::Live | Self::Suspect)
    }
}

/// One instrument.
#[derive(Clone, Debug)]
pub struct Instrument {
    /// The venue's own symbol.
    pub symbol: String,
    /// Decimals its integers carry now; `None` until the first number.
    pub scale: Option<Scale>,
    /// Decimals its prices carry at least: those of its tick, once known.
    pub price_decimals_min: u8,
    /// What the venue said of it last.
    pub metadata: Metadata,
    /// Where its book stands.
    pub sync: Sync,
    /// The connection its book messages come by.
    pub connection: Option<ConnectionId>,
    /// Whether it is asked for: of one that no longer is, nothing is taken.
    pub is_wanted: bool,
    /// How its numbers were written last.
    pub(crate) units: Units,
}

/// Listings kept of instruments not named: more than any venue lists of one kind.
const LISTED_MAX: usize = 65_536;

/// The instruments of a session.
#[derive(Debug)]
pub struct Instruments {
    entries: Vec<Instrument>,
    /// Of those that are wanted.
    by_symbol: Symbols,
    /// Sorted; only these are taken, where given.
    wanted: Option<Vec<String>>,
    limit: usize,
    /// What listings said of instruments that no message has named: a venue lists thousands.
    listed: BTreeMap<String, Metadata>,
    /// Decimals of the tick of each instrument, as far as known before any message; the second is
    /// for those not listed.
    price_decimals_min: (Vec<(String, u8)>, u8),
}

impl Instruments {
    pub(crate) fn new(wanted: Option<Vec<String>>, limit: usize) -> Self {
        let wanted = wanted.map(|mut symbols| {
            symbols.sort_unstable();
            symbols
        });
        Self {
            entries: Vec::new(),
            by_symbol: Symbols::default(),
            wanted,
            limit,
            listed: BTreeMap::new(),
            price_decimals_min: (Vec::new(), 0),
        }
    }

    /// Takes note of tick decimals known before any message, for instruments named from now on.
    pub(crate) fn expect_price_decimals(&mut self, by_symbol: Vec<(String, u8)>, others: u8) {
        self.price_decimals_min = (by_symbol, others);
    }

    /// How many there are; ids run from 0 to this.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none has been named.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// One instrument.
    ///
    /// # Panics
    /// If the id is not one of this session's.
    pub fn get(&self, id: InstrumentId) -> &Instrument {
        &self.entries[id.index()]
    }

    pub(crate) fn get_mut(&mut self, id: InstrumentId) -> &mut Instrument {
        &mut self.entries[id.index()]
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (InstrumentId, &Instrument)> {
        self.entries.iter().enumerate().map(|(index, entry)| (InstrumentId(index as u32), entry))
    }

    /// Takes these symbols from here on, and no others; tells which instruments that were named are
    /// no longer among them. Ids stay: one that is wanted again is the same.
    #[cold]
    pub(crate) fn set_wanted(&mut self, mut symbols: Vec<String>) -> Vec<InstrumentId> {
        symbols.sort_unstable();
        let mut removed = Vec::new();
        self.by_symbol = Symbols::default();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let id = InstrumentId(index as u32);
            let was_wanted = entry.is_wanted;
            entry.is_wanted = symbols.binary_search(&entry.symbol).is_ok();
            if entry.is_wanted {
                self.by_symbol.add(&entry.symbol, id);
            } else if was_wanted {
                removed.push(id);
            }
        }
        self.wanted = Some(symbols);
        removed
    }

    /// The instrument of that symbol, if it has been named and is wanted.
    pub fn find(&self, symbol: &str) -> Option<InstrumentId> {
        self.by_symbol.find(symbol.as_bytes())
    }

    /// As [`Instruments::find`], of text that need not be UTF-8.
    #[inline]
    pub(crate) fn find_text(&self, symbol: &[u8]) -> Option<InstrumentId> {
        self.by_symbol.find(symbol)
    }

    /// The instrument of that symbol, named now if it has not been; `None` if it is not wanted or
    /// the limit is reached.
    #[inline]
    pub(crate) fn find_or_add(&mut self, symbol: &str) -> Option<InstrumentId> {
        self.find(symbol).or_else(|| self.add(symbol))
    }

    /// Whether the instrument is one of those asked for by name.
    pub(crate) fn is_wanted_by_name(&self, symbol: &str) -> bool {
        let wanted = self.wanted.as_deref().unwrap_or_default();
        wanted.binary_search_by(|name| name.as_str().cmp(symbol)).is_ok()
    }

    /// What a listing said last of the instrument, named or not.
    pub(crate) fn known(&self, symbol: &str) -> Metadata {
        match self.find(symbol) {
            Some(id) => self.get(id).metadata,
            None => self.listed.get(symbol).copied().unwrap_or_default(),
        }
    }

    /// Keeps what a listing says of an instrument that no message has named yet.
    pub(crate) fn keep_listed(&mut self, symbol: &str, metadata: Metadata) {
        if self.listed.len() < LISTED_MAX || self.listed.contains_key(symbol) {
            self.listed.insert(symbol.to_owned(), metadata);
        }
    }

    /// What a listing said of the instrument before it was named.
    pub(crate) fn take_listed(&mut self, symbol: &str) -> Option<Metadata> {
        self.listed.remove(symbol)
    }

    #[cold]
    #[inline(never)]
    fn add(&mut self, symbol: &str) -> Option<InstrumentId> {
        let wanted = |symbols: &Vec<String>| {
            symbols.binary_search_by(|wanted| wanted.as_str().cmp(symbol)).is_ok()
        };
        if !self.wanted.as_ref().is_none_or(wanted) || self.entries.len() >= self.limit {
            return None;
        }
        let id = InstrumentId(self.entries.len() as u32);
        let (listed, others) = &self.price_decimals_min;
        let expected = listed.iter().find(|(name, _)| name == symbol);
        let price_decimals_min = expected.map_or(*others, |(_, decimals)| *decimals);
        self.by_symbol.add(symbol, id);
        self.entries.push(Instrument {
            symbol: symbol.to_owned(),
            scale: None,
            metadata: Metadata::default(),
            price_decimals_min,
            sync: Sync::Empty,
            connection: None,
            is_wanted: true,
            units: Units::default(),
        });
        Some(id)
    }
}
