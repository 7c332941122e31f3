//! A book of two `BTreeMap`s, and Binance's rules of its sequence.

use super::message::{DepthUpdate, Snapshot};
use crate::outcome::Outcome;
use anyhow::{Context, Result, ensure};
use ordered_float::OrderedFloat;
use std::collections::BTreeMap;

type Side = BTreeMap<OrderedFloat<f64>, f64>;

/// Prices to quantities.
#[derive(Default)]
pub struct Book {
    bids: Side,
    asks: Side,
    last_id: Option<u64>,
    waiting: Vec<DepthUpdate>,
}

impl Book {
    /// Best bids first, best asks first.
    pub fn bids(&self) -> impl Iterator<Item = (f64, f64)> {
        self.bids.iter().rev().map(|(price, qty)| (price.0, *qty))
    }

    /// Best asks first.
    pub fn asks(&self) -> impl Iterator<Item = (f64, f64)> {
        self.asks.iter().map(|(price, qty)| (price.0, *qty))
    }

    /// Whether it has had its snapshot.
    pub fn is_live(&self) -> bool {
        self.last_id.is_some()
    }

    /// Takes the snapshot; gives back the diffs that waited for it and are not older.
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Result<Vec<DepthUpdate>> {
        self.bids.clear();
        self.asks.clear();
        set(&mut self.bids, &snapshot.bids)?;
        set(&mut self.asks, &snapshot.asks)?;
        self.last_id = Some(snapshot.last_update_id);
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|update| update.last_id >= snapshot.last_update_id);
        Ok(waiting)
    }

    /// Takes a diff; `false` if it has to wait for the snapshot, or is older.
    pub fn update(&mut self, update: DepthUpdate) -> Result<bool> {
        let Some(last_id) = self.last_id else {
            self.waiting.push(update);
            return Ok(false);
        };
        if update.last_id < last_id {
            return Ok(false);
        }
        let follows = update.previous_id == last_id || update.first_id <= last_id;
        ensure!(follows, "a gap: {last_id}, then {update:?}");
        set(&mut self.bids, &update.bids)?;
        set(&mut self.asks, &update.asks)?;
        self.last_id = Some(update.last_id);
        Ok(true)
    }

    /// The quantities of the best levels, added up.
    pub fn depth(&self, levels: usize) -> (f64, f64) {
        let bid = self.bids().take(levels).map(|level| level.1).sum();
        let ask = self.asks().take(levels).map(|level| level.1).sum();
        (bid, ask)
    }

    /// With where it stands.
    pub fn outcome(&self, so_far: Outcome) -> Outcome {
        let pair = |level: Option<(f64, f64)>| level.map_or([0.0; 2], |(price, qty)| [price, qty]);
        Outcome { bid: pair(self.bids().next()), ask: pair(self.asks().next()), ..so_far }
    }
}

fn set(side: &mut Side, levels: &[(String, String)]) -> Result<()> {
    for (price, qty) in levels {
        let price = OrderedFloat(price.parse::<f64>().context("a price")?);
        let qty = qty.parse::<f64>().context("a quantity")?;
        if qty == 0.0 {
            side.remove(&price);
        } else {
            side.insert(price, qty);
        }
    }
    Ok(())
}

/// Decode, book, OBI(5): one message at a time.
#[derive(Default)]
pub struct Update {
    book: Book,
    outcome: Outcome,
}

impl Update {
    /// A book that has its snapshot.
    pub fn new(snapshot: &str) -> Result<Self> {
        let mut this = Self::default();
        this.book.snapshot(&serde_json::from_str(snapshot)?)?;
        this.add();
        Ok(this)
    }

    /// One frame of the combined stream.
    #[inline]
    pub fn on_message(&mut self, frame: &[u8]) -> Result<()> {
        if let super::message::Event::Depth(update) = super::message::parse(frame)? {
            self.on_update(update)?;
        }
        Ok(())
    }

    /// One diff that was decoded otherwise.
    #[inline]
    pub fn on_update(&mut self, update: DepthUpdate) -> Result<()> {
        if self.book.update(update)? {
            self.add();
        }
        Ok(())
    }

    fn add(&mut self) {
        let (bid, ask) = self.book.depth(5);
        self.outcome.add(bid, ask);
    }

    /// Where the book stands.
    pub fn outcome(&self) -> Outcome {
        self.book.outcome(self.outcome)
    }
}
