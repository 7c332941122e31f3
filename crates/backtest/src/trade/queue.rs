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
/// Unlike there, the estimate does not fall below zero, unless [`QueueBounds`] lets it.
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
        let probability = self.formula(front.max(0.0), back.max(0.0));
        if probability.is_finite() { probability } else { 1.0 }
    }

    /// As the table has it, whatever comes of it.
    fn formula(&self, front: f64, back: f64) -> f64 {
        match *self {
            Self::RiskAverse => 1.0,
            Self::Power { n } => pow(back, n) / (pow(back, n) + pow(front, n)),
            Self::Power2 { n } => pow(back, n) / pow(back + front, n),
            Self::Power3 { n } => 1.0 - pow(front / (front + back), n),
            Self::Log => log1p(back) / (log1p(back) + log1p(front)),
            Self::Log2 => log1p(back) / log1p(back + front),
        }
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

/// Whether what is ahead of an order may come to less than nothing.
///
/// In hftbacktest it may: a level that shrinks much without a trade takes more from the front than was
/// there. The next trade then fills more than it traded; and as the formulas give no probability for a
/// negative front, one that was first in its queue may find others before it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueBounds {
    /// Never below nothing.
    #[default]
    Kept,
    /// As hftbacktest 0.9.4, to compare with it.
    Hftbacktest,
}

/// One order's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueuePosition {
    model: QueueModel,
    bounds: QueueBounds,
    /// One quantity unit in the base asset.
    unit: f64,
    /// What one quantity unit counts in the two below: 1, which keeps them exact below 2^53 as long as
    /// only trades advance the order, or as there, where sums of decimal fractions are rounded.
    step: f64,
    /// What stands before it; infinite while its level is out of sight.
    ahead: f64,
    /// What traded at its price since its level changed last.
    traded: f64,
}

impl QueuePosition {
    /// At the end of a level of that many quantity units, each of them `unit` of the base asset; `None`
    /// if the level is out of sight, which keeps the order unfilled by trades at its price until the
    /// level is seen.
    pub fn join(model: QueueModel, bounds: QueueBounds, level_qty: Option<i64>, unit: f64) -> Self {
        let step = if bounds == QueueBounds::Kept { 1.0 } else { unit };
        let ahead = level_qty.map_or(f64::INFINITY, |qty| qty as f64 * step);
        Self { model, bounds, unit, step, ahead, traded: 0.0 }
    }

    /// What stands before it, in quantity units.
    pub fn ahead(&self) -> f64 {
        self.ahead / self.step
    }

    /// That many quantity units traded at its price; how many come through to the order, in whole lots,
    /// rounded to the nearest.
    pub fn trade(&mut self, qty: i64, lot: i64) -> i64 {
        self.ahead -= qty as f64 * self.step;
        self.traded += qty as f64 * self.step;
        let lots = (-self.ahead / (lot as f64 * self.step)).round();
        if lots < 1.0 {
            return 0;
        }
        self.ahead = 0.0;
        (lots * lot as f64) as i64
    }

    /// Its level went from `before` to `after` quantity units; `before` is `None` if it was out of
    /// sight.
    pub fn level(&mut self, before: Option<i64>, after: i64) {
        let after = after as f64 * self.step;
        let traded = core::mem::replace(&mut self.traded, 0.0);
        let by_trades_alone = self.model == QueueModel::RiskAverse;
        if let (Some(before), false) = (before, by_trades_alone) {
            let before = before as f64 * self.step;
            let cancelled = before - after - traded;
            if cancelled >= 0.0 && self.ahead.is_finite() {
                self.shrink(before, cancelled);
            }
        }
        // Of what is no number this makes the whole level, as it does there.
        self.ahead = self.ahead.min(after);
    }

    /// That much left without a trade.
    fn shrink(&mut self, before: f64, cancelled: f64) {
        let (front, back) = (self.ahead, before - self.ahead);
        let in_base = self.unit / self.step;
        let behind = match self.bounds {
            QueueBounds::Kept => self.model.behind(front * in_base, back * in_base),
            QueueBounds::Hftbacktest => {
                let behind = self.model.formula(front * in_base, back * in_base);
                if behind.is_infinite() { 1.0 } else { behind }
            }
        };
        let beyond_back = (back - behind * cancelled).min(0.0);
        let left = front - (1.0 - behind) * cancelled + beyond_back;
        self.ahead = if self.bounds == QueueBounds::Kept { left.max(0.0) } else { left };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(model: QueueModel, level_qty: Option<i64>) -> QueuePosition {
        QueuePosition::join(model, QueueBounds::Kept, level_qty, 1.0)
    }

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
            let mut position = join(model, Some(10));
            assert_eq!(position.trade(4, 1), 0);
            position.level(Some(10), 6);
            assert_eq!(position.ahead(), 6.0, "{model:?}: the trade is not counted twice");
            position.level(Some(6), 12);
            assert_eq!(position.ahead(), 6.0, "{model:?}: who joins, joins behind");
            position.level(Some(12), 8);
            assert!((position.ahead() - ahead).abs() < 1e-12, "{model:?}: {}", position.ahead());
        }
    }

    #[test]
    fn what_a_trade_leaves_fills_the_order() {
        let mut position = join(QueueModel::RiskAverse, Some(10));
        assert_eq!(position.trade(10, 1), 0);
        assert_eq!(position.trade(3, 1), 3);
        assert_eq!(position.trade(2, 1), 2);
        let mut unseen = join(QueueModel::Log, None);
        assert_eq!(unseen.trade(1_000_000, 1), 0);
        unseen.level(None, 5);
        assert_eq!((unseen.ahead(), unseen.trade(6, 1)), (5.0, 1));
    }

    /// 0.1 ahead and 1.9 behind, and 1.8 leave: p = ln 2.9 / (ln 2.9 + ln 1.1) = 0.918, so 0.148 left
    /// the front. Then 1.8 join and 1.7 leave: p = ln 3.048 / (ln 3.048 + ln 0.952) = 1.046, and the
    /// order that was first has others before it.
    #[test]
    fn bounds_may_be_left_alone() {
        let join = |bounds| QueuePosition::join(QueueModel::Log, bounds, Some(100), 0.001);
        let (mut theirs, mut kept) = (join(QueueBounds::Hftbacktest), join(QueueBounds::Kept));
        for (before, after, expected) in [(2000, 200, -47.9), (200, 2000, -47.9), (2000, 300, 30.5)]
        {
            theirs.level(Some(before), after);
            kept.level(Some(before), after);
            assert!((theirs.ahead() - expected).abs() < 0.1, "{} {expected}", theirs.ahead());
            assert_eq!(kept.ahead(), 0.0);
        }
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
                let join = |model| QueuePosition::join(model, QueueBounds::Kept, Some(start), 0.001);
                let mut position = join(model);
                let mut averse = join(QueueModel::RiskAverse);
                let mut before = start;
                for &(traded, after) in &steps {
                    if traded > 0 {
                        let filled = position.trade(traded, 1);
                        prop_assert!((0..=traded).contains(&filled), "{model:?} filled {filled}");
                        averse.trade(traded, 1);
                    }
                    position.level(Some(before), after);
                    averse.level(Some(before), after);
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
