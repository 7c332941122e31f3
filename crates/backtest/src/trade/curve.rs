//! What is looked at later than it happened: equity at fixed times, and fills at their horizons.

use super::{TradeError, account::Account, instrument::Instrument, order::Fill};
use serde::{Deserialize, Serialize};

/// Points of one curve: 48 days at one a second, 300 MB.
const POINTS_MAX: usize = 1 << 22;

/// The account at one time, by the exchange's clock, after all that happened up to then.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EquityPoint {
    /// When, ns since the epoch.
    pub at_ns: u64,
    /// Profit since the start, in the quote currency: `spread` + `inventory` - `fees`.
    pub equity: f64,
    /// What is held, in the base asset, below zero if short.
    pub position: f64,
    /// The mid in force, in the quote currency.
    pub mid: f64,
    /// Fills against the mid before them, in the quote currency: earned by makers, paid by takers.
    pub spread: f64,
    /// Paid to the venue, in the quote currency.
    pub fees: f64,
    /// What the mid's way did to what was held, in the quote currency.
    pub inventory: f64,
}

/// Takes points and marks as time passes them.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub points: Vec<EquityPoint>,
    sample_ns: u64,
    /// When the next point is due; `None` before the first book.
    next_at_ns: Option<u64>,
    horizons_ns: Vec<u64>,
    /// Per horizon, how many fills are marked.
    marked: Vec<usize>,
}

impl Curve {
    pub(crate) fn new(sample_ns: u64, horizons_ns: &[u64]) -> Self {
        Self {
            points: Vec::new(),
            sample_ns,
            next_at_ns: None,
            horizons_ns: horizons_ns.to_vec(),
            marked: vec![0; horizons_ns.len()],
        }
    }

    /// There is a mid from here on.
    pub(crate) fn begin(&mut self, at_ns: u64) {
        let first = || at_ns.div_ceil(self.sample_ns).saturating_mul(self.sample_ns);
        self.next_at_ns.get_or_insert_with(first);
    }

    /// Takes all that is due before this time; the account stands as it did since its last change.
    pub(crate) fn settle(
        &mut self,
        before_ns: u64,
        account: &Account,
        instrument: &Instrument,
        fills: &mut [Fill],
    ) -> Result<(), TradeError> {
        let Some(mut at_ns) = self.next_at_ns else { return Ok(()) };
        let overflow = || TradeError::Overflow { at_ns: before_ns };
        if at_ns < before_ns {
            let point = point_of(account, instrument).ok_or_else(overflow)?;
            while at_ns < before_ns {
                if self.points.len() == POINTS_MAX {
                    return Err(TradeError::TooManySamples { at_ns: before_ns, limit: POINTS_MAX });
                }
                self.points.push(EquityPoint { at_ns, ..point });
                at_ns = at_ns.checked_add(self.sample_ns).ok_or_else(overflow)?;
            }
            self.next_at_ns = Some(at_ns);
        }
        for (index, (horizon_ns, marked)) in
            self.horizons_ns.iter().zip(&mut self.marked).enumerate()
        {
            while let Some(fill) = fills.get_mut(*marked)
                && fill.at_ns.saturating_add(*horizon_ns) < before_ns
            {
                let way2 = account.mark2() - 2 * i128::from(fill.price_units);
                let gain2 = way2 * i128::from(fill.side.sign());
                let tick2 = 2.0 * instrument.tick_units as f64;
                fill.markouts_ticks[index] = Some(gain2 as f64 / tick2);
                *marked += 1;
            }
        }
        Ok(())
    }
}

fn point_of(account: &Account, instrument: &Instrument) -> Option<EquityPoint> {
    Some(EquityPoint {
        at_ns: 0,
        equity: instrument.amount(account.equity()?),
        position: instrument.qty(account.position),
        mid: instrument.mid(account.mark2()),
        spread: instrument.amount(account.spread),
        fees: instrument.amount(account.fees),
        inventory: instrument.amount(account.inventory),
    })
}
