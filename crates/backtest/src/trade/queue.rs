//! Where in the queue of its price an order stands, by what a book of levels lets one guess.

use super::TradeError;
use libm::{log1p, pow};
use serde::{Deserialize, Serialize};

/// How an order's place in its queue is estimated from the quantity of its level and the trades at its
/// price. The definitions are hftbacktest's (its documentation, "Order Fill", and `models/queue.rs` of
/// 0.9.4), the probabilities after E. Rigtorp, "Estimating Order Queue Position" (2013):
/// <https://rigtorp.se/2013/06/08/estimating-order-queue-position.html>.
///
/// All begin at the end of the queue: ahead stands the whole quantity of the level. A trade at the
/// price takes its quantity from what is ahead; where it takes more, the order is filled with the rest.
/// What is ahead is never more than the level has. They differ in what a shrinking level means when no
/// trade explains it, that is, cancelling: the probability that it was behind the order, given front f
/// and back b, the quantities ahead of and behind it, in the base asset:
///
/// | model | probability | hftbacktest |
/// |---|---|---|
/// | `RiskAverse` | 1 | `RiskAdverseQueueModel` |
/// | `Power` | b^n / (b^n + f^n) | `PowerProbQueueFunc` |
/// | `Power2` | b^n / (b + f)^n | `PowerProbQueueFunc2` |
/// | `Power3` | 1 - (f / (f + b))^n | `PowerProbQueueFunc3` |
/// | `Log` | ln(1 + b) / (ln(1 + b) + ln(1 + f)) | `LogProbQueueFunc` |
/// | `Log2` | ln(1 + b) / ln(1 + b + f) | `LogProbQueueFunc2` |
///
/// Of a change c the share (1 - p) c is taken from the front, and what p c takes beyond the back too.
/// Unlike there, the estimate never falls below zero: there a level that shrinks much may leave it
/// negative, and the next trade then fills more than was traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueueModel {
    /// Only trades advance the order.
    #[default]
    RiskAverse,
    /// By powers of both parts.
    Power {
        /// The power, above 0 up to 100.
        n: f64,
    },
    /// By a power of the back over one of the whole.
    Power2 {
        /// The power, above 0 up to 100.
        n: f64,
    },
    /// By a power of the front's share.
    Power3 {
        /// The power, above 0 up to 100.
        n: f64,
    },
    /// By logarithms of both parts.
    Log,
    /// By a logarithm of the back over one of the whole.
    Log2,
}

impl QueueModel {
    /// The probability that quantity which left the level without a trade stood behind the order.
    /// `front` and `back` in the base asset; below zero counts as zero. 1 where there is neither.
    pub fn behind(&self, front: f64, back: f64) -> f64 {
        let (front, back) = (front.max(0.0), back.max(0.0));
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
        let probability = match *self {
            Self::RiskAverse => 1.0,
            Self::Power { n } => share(pow(back, n), pow(back, n) + pow(front, n)),
            Self::Power2 { n } => share(pow(back, n), pow(back + front, n)),
            Self::Power3 { n } if front + back > 0.0 => 1.0 - pow(front / (front + back), n),
            Self::Power3 { .. } => 1.0,
            Self::Log => share(log1p(back), log1p(back) + log1p(front)),
            Self::Log2 => share(log1p(back), log1p(back + front)),
        };
        if probability.is_finite() { probability } else { 1.0 }
    }

    pub(crate) fn validate(&self) -> Result<(), TradeError> {
        match *self {
            Self::Power { n } | Self::Power2 { n } | Self::Power3 { n }
                if !(n > 0.0 && n <= 100.0) =>
            {
                let found = n.to_string();
                Err(TradeError::Setting { key: "queue.n", found, wanted: "above 0, up to 100" })
            }
            _ => Ok(()),
        }
    }
}

/// One order's place. Quantities are in quantity units; exact below 2^53 of them, as long as only
/// trades advance the order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueuePosition {
    /// What stands before it; infinite while its level is out of sight.
    ahead: f64,
    /// What traded at its price since its level changed last.
    traded: f64,
}

impl QueuePosition {
    /// At the end of a level of that quantity; `None` if the level is out of sight, which keeps the
    /// order unfilled by trades at its price until the level is seen.
    pub fn join(level_qty: Option<i64>) -> Self {
        Self { ahead: level_qty.map_or(f64::INFINITY, |qty| qty as f64), traded: 0.0 }
    }

    /// What stands before it, in quantity units.
    pub fn ahead(&self) -> f64 {
        self.ahead
    }

    /// That much traded at its price; what comes through to the order, in quantity units, whole lots,
    /// rounded to the nearest.
    pub fn trade(&mut self, qty: i64, lot: i64) -> i64 {
        self.ahead -= qty as f64;
        self.traded += qty as f64;
        let lots = (-self.ahead / lot as f64).round();
        if lots < 1.0 {
            return 0;
        }
        self.ahead = 0.0;
        (lots * lot as f64) as i64
    }

    /// Its level went from `before` to `after`; `before` is `None` if it was out of sight. `unit` is
    /// one quantity unit in the base asset.
    pub fn level(&mut self, model: &QueueModel, before: Option<i64>, after: i64, unit: f64) {
        let after = after as f64;
        let traded = core::mem::replace(&mut self.traded, 0.0);
        let by_trades_alone = *model == QueueModel::RiskAverse;
        if let (Some(before), false) = (before.map(|qty| qty as f64), by_trades_alone) {
            let cancelled = before - after - traded;
            if cancelled > 0.0 && self.ahead.is_finite() {
                let (front, back) = (self.ahead, before - self.ahead);
                let behind = model.behind(front * unit, back * unit);
                let beyond_back = (back - behind * cancelled).min(0.0);
                self.ahead = (front - (1.0 - behind) * cancelled + beyond_back).max(0.0);
            }
        }
        self.ahead = self.ahead.min(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODELS: [QueueModel; 6] = [
        QueueModel::RiskAverse,
        QueueModel::Power { n: 3.0 },
        QueueModel::Power2 { n: 2.0 },
        QueueModel::Power3 { n: 2.0 },
        QueueModel::Log,
        QueueModel::Log2,
    ];

    /// By hand: 10 in the level, the order behind them; 4 trade, and the level says so; 6 join behind;
    /// then 4 of the 12 leave without a trade.
    #[test]
    fn each_model_by_hand() {
        // Ahead 6, behind 6: p is 1/2 by power and by log. 1/4 and 3/4 by the squares; and by the
        // second log ln 7 / ln 13.
        let ln = f64::ln;
        for (model, ahead) in [
            (MODELS[0], 6.0),
            (MODELS[1], 4.0),
            (MODELS[2], 6.0 - 0.75 * 4.0),
            (MODELS[3], 6.0 - 0.25 * 4.0),
            (MODELS[4], 4.0),
            (MODELS[5], 6.0 - (1.0 - ln(7.0) / ln(13.0)) * 4.0),
        ] {
            let mut position = QueuePosition::join(Some(10));
            assert_eq!(position.trade(4, 1), 0);
            position.level(&model, Some(10), 6, 1.0);
            assert_eq!(position.ahead(), 6.0, "{model:?}: the trade is not counted twice");
            position.level(&model, Some(6), 12, 1.0);
            assert_eq!(position.ahead(), 6.0, "{model:?}: who joins, joins behind");
            position.level(&model, Some(12), 8, 1.0);
            assert!((position.ahead() - ahead).abs() < 1e-12, "{model:?}: {}", position.ahead());
        }
    }

    #[test]
    fn what_a_trade_leaves_fills_the_order() {
        let mut position = QueuePosition::join(Some(10));
        assert_eq!(position.trade(10, 1), 0);
        assert_eq!(position.trade(3, 1), 3);
        assert_eq!(position.trade(2, 1), 2);
        let mut unseen = QueuePosition::join(None);
        assert_eq!(unseen.trade(1_000_000, 1), 0);
        unseen.level(&QueueModel::Log, None, 5, 1.0);
        assert_eq!((unseen.ahead(), unseen.trade(6, 1)), (5.0, 1));
    }

    proptest! {
        /// Whatever happens, what is ahead stays between nothing and the level, and no model leaves
        /// more ahead than the risk-averse one.
        #[test]
        fn the_estimate_stays_within_its_level(
            start in 0i64..100,
            steps in prop::collection::vec((0i64..20, 0i64..100), 1..40),
        ) {
            for model in MODELS {
                let mut position = QueuePosition::join(Some(start));
                let mut averse = QueuePosition::join(Some(start));
                let mut before = start;
                for &(traded, after) in &steps {
                    if traded > 0 {
                        let filled = position.trade(traded, 1);
                        prop_assert!((0..=traded).contains(&filled), "{model:?} filled {filled}");
                        averse.trade(traded, 1);
                    }
                    position.level(&model, Some(before), after, 0.001);
                    averse.level(&QueueModel::RiskAverse, Some(before), after, 0.001);
                    prop_assert!(position.ahead() <= after as f64);
                    prop_assert!(position.ahead() > -0.5, "{model:?} {}", position.ahead());
                    prop_assert!(position.ahead() <= averse.ahead() + 1e-9, "{model:?}");
                    before = after;
                }
            }
        }

        #[test]
        fn probabilities_are_probabilities(front in 0.0f64..1e9, back in 0.0f64..1e9) {
            for model in MODELS {
                let behind = model.behind(front, back);
                prop_assert!((0.0..=1.0).contains(&behind), "{model:?} {behind}");
            }
        }
    }
}
