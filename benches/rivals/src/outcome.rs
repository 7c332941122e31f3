//! What everyone must come to.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Where a book stands, and what it went through on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Book messages: the snapshot and every diff that was applied.
    pub messages: u64,
    /// Price and quantity of the best bid.
    pub bid: [f64; 2],
    /// Price and quantity of the best ask.
    pub ask: [f64; 2],
    /// OBI(5) after each book message, added up.
    pub obi_sum: f64,
}

impl Outcome {
    /// A book message was applied, and its best five levels hold this much.
    #[inline]
    pub fn add(&mut self, bid_qty: f64, ask_qty: f64) {
        self.messages += 1;
        self.obi_sum += obi(bid_qty, ask_qty);
    }

    /// Fails unless the other is the same to 1e-9.
    pub fn check(&self, name: &str, other: &Self) -> Result<()> {
        ensure!(
            self.messages == other.messages,
            "{name}: {} messages, not {}",
            other.messages,
            self.messages
        );
        let numbers = |one: &Self| {
            let ([bid, bid_qty], [ask, ask_qty]) = (one.bid, one.ask);
            [bid, bid_qty, ask, ask_qty, one.obi_sum]
        };
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        let agree = numbers(self).into_iter().zip(numbers(other)).all(|(a, b)| same(a, b));
        ensure!(agree, "{name} came to {other:?}, not {self:?}");
        Ok(())
    }
}

/// Imbalance of the best levels.
#[inline]
pub fn obi(bid_qty: f64, ask_qty: f64) -> f64 {
    match bid_qty + ask_qty {
        0.0 => 0.0,
        sum => (bid_qty - ask_qty) / sum,
    }
}
