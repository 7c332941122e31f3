//! Which running series each feature of a plan reads: features that look at one series share it,
//! and those that look equally far back share the sum.

use crate::book::BookFeature;
use crate::grammar::Feature;
use crate::plan::FeaturePlan;
use crate::rows::{RowsPlan, Series, SumPlace};
use crate::window::{Window, place};

/// Where one feature's value comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    Book(BookFeature),
    ZScore(SumPlace),
    Ofi(SumPlace),
    UpdateRate { window: usize },
    MidReturn { window: usize },
    RealisedVol { window: usize },
    EmaMidOffsetTicks { ema: usize },
    KyleLambda { window: usize },
    TradeImbalance { window: usize },
    TradeCount { window: usize },
    TradeVolume { window: usize },
    TradeRate { window: usize },
    RollSpread { window: usize },
    Vpin,
}

/// A plan's slots and the windows of every series they read.
#[derive(Debug, Default)]
pub(crate) struct Wiring {
    pub(crate) slots: Vec<Slot>,
    pub(crate) rows: RowsPlan,
    pub(crate) mids: Vec<Window>,
    pub(crate) volatility: Vec<Window>,
    pub(crate) ema_tau_nanos: Vec<u64>,
    pub(crate) kyle: Vec<Window>,
    pub(crate) trades: Vec<Window>,
    pub(crate) roll: Vec<Window>,
    pub(crate) vpin: bool,
}

impl Wiring {
    pub(crate) fn of(plan: &FeaturePlan) -> Self {
        let mut wiring = Self::default();
        for &feature in &plan.features {
            let slot = wiring.slot(feature);
            wiring.slots.push(slot);
        }
        wiring
    }

    fn slot(&mut self, feature: Feature) -> Slot {
        match feature {
            Feature::Book(feature) => Slot::Book(feature),
            Feature::ZScore { base, window } => {
                // The newest message's value is not among the past ones.
                let window = match window {
                    Window::Updates { count } => Window::Updates { count: count + 1 },
                    window => window,
                };
                Slot::ZScore(self.rows.sum(Series::Reading(base), window))
            }
            Feature::Ofi { levels, window } => {
                Slot::Ofi(self.rows.sum(Series::Flow(levels), window))
            }
            Feature::UpdateRate { window } => Slot::UpdateRate { window: self.rows.window(window) },
            Feature::MidReturn { window } => {
                Slot::MidReturn { window: place(&mut self.mids, window) }
            }
            Feature::RealisedVol { window } => {
                Slot::RealisedVol { window: place(&mut self.volatility, window) }
            }
            Feature::EmaMidOffsetTicks { tau_nanos } => {
                self.ema_tau_nanos.push(tau_nanos);
                Slot::EmaMidOffsetTicks { ema: self.ema_tau_nanos.len() - 1 }
            }
            Feature::KyleLambda { window } => {
                Slot::KyleLambda { window: place(&mut self.kyle, window) }
            }
            Feature::TradeImbalance { window } => {
                Slot::TradeImbalance { window: place(&mut self.trades, window) }
            }
            Feature::TradeCount { window } => {
                Slot::TradeCount { window: place(&mut self.trades, window) }
            }
            Feature::TradeVolume { window } => {
                Slot::TradeVolume { window: place(&mut self.trades, window) }
            }
            Feature::TradeRate { window } => {
                Slot::TradeRate { window: place(&mut self.trades, window) }
            }
            Feature::RollSpread { window } => {
                Slot::RollSpread { window: place(&mut self.roll, window) }
            }
            Feature::Vpin => {
                self.vpin = true;
                Slot::Vpin
            }
        }
    }
}
