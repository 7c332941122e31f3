//! What prices did after a signal.

use super::Horizon;
use crate::tape::{Break, InstrumentTape, Micro, PriceKind, Row, Segment};
use serde::{Deserialize, Serialize};

/// How labels are made.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The instrument.
    pub tape: &'a InstrumentTape,
    /// Its micro-price, where there is a table.
    pub micro: Option<Micro<'a>>,
    /// Which price.
    pub price: PriceKind,
    /// How far ahead.
    pub horizon: Horizon,
}

/// Why a row has no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The book was not whole for so long, for this reason.
    Cut(Break),
    /// A price is not defined, or not above zero, at one end.
    Price,
}

/// How many rows have a label, and why others have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Rows with a label.
    pub labelled: u64,
    /// Rows without one: a new epoch began before the horizon's end.
    pub epoch: u64,
    /// The book went stale before it.
    pub stale: u64,
    /// The recording was silent for too long before it.
    pub gap: u64,
    /// The recording ended before it.
    pub end: u64,
    /// A price was not defined, or not above zero.
    pub price: u64,
    /// The signal itself had no value.
    pub value: u64,
}

impl LabelCounts {
    /// Counts one row.
    pub fn count(&mut self, label: Result<f64, Missing>) {
        *match label {
            Ok(_) => &mut self.labelled,
            Err(Missing::Cut(Break::Epoch)) => &mut self.epoch,
            Err(Missing::Cut(Break::Stale)) => &mut self.stale,
            Err(Missing::Cut(Break::Gap)) => &mut self.gap,
            Err(Missing::Cut(Break::End)) => &mut self.end,
            Err(Missing::Price) => &mut self.price,
        } += 1;
    }
}

impl Labels<'_> {
    /// The return in basis points, 10^4 (q - p) / p, from the price p that stands `delay_ns` after the
    /// signal to the price q that stands a horizon later. A price stands from the nanosecond its book
    /// message was received until the next one is.
    ///
    /// # Errors
    /// If there is none: both prices must be of the stretch of book that the signal was made in.
    pub fn forward(&self, row: &Row, delay_ns: u64) -> Result<f64, Missing> {
        let segment = &self.tape.segments[row.segment as usize];
        let cut = Missing::Cut(segment.cause);
        let begins = self.tape.at(row).saturating_add(delay_ns);
        let first = self.tape.standing_at(segment, row.quote, begins).ok_or(cut)?;
        let last = self.ahead(segment, first, begins).ok_or(cut)?;
        let price = |quote: u32| {
            let price = self.tape.quotes[quote as usize].price(self.price, self.micro);
            price.filter(|price| *price > 0.0).ok_or(Missing::Price)
        };
        let (p, q) = (price(first)?, price(last)?);
        Ok((q - p) / p * 1e4)
    }

    /// The quote that stands a horizon after `first`, which stands at `begins`.
    fn ahead(&self, segment: &Segment, first: u32, begins: u64) -> Option<u32> {
        match self.horizon {
            Horizon::Time(ns) => self.tape.standing_at(segment, first, begins.saturating_add(ns)),
            Horizon::Events(events) => {
                let last = u64::from(first) + u64::from(events);
                (last < u64::from(segment.end)).then_some(last as u32)
            }
        }
    }
}
