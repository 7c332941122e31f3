//! Position, cash and what they are worth, in exact integers.

use super::{
    instrument::{FEE_ONE, MONEY_PER_VALUE, Money},
    order::OrderSide,
};

/// One account. Always: equity = cash + position x mid - fees = spread + inventory - fees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// In quantity units, below zero if short.
    pub position: i64,
    /// What buys cost and sells brought, without fees.
    pub cash: Money,
    /// Paid so far.
    pub fees: Money,
    /// Fills against the mid before them: what makers earn and takers pay.
    pub spread: Money,
    /// What the mid's way did to what was held.
    pub inventory: Money,
    /// Value of all fills.
    pub turnover: Money,
    /// The highest equity, at least that of the start.
    peak: Money,
    /// The deepest fall from the peak.
    pub drawdown: Money,
    /// The largest position of either sign.
    pub position_max: i64,
    /// Position times time, in quantity units and ns: with its sign, and without.
    pub position_ns: [i128; 2],
    /// Twice the mid, in price units; 0 before the first book.
    mark2: i128,
    /// Up to when position times time is summed.
    summed_to_ns: Option<u64>,
}

impl Account {
    /// A fill at that price, which pays this share of its value; what it paid. `None` if a sum does not
    /// fit: the account is then not to be used.
    pub(crate) fn fill(
        &mut self,
        side: OrderSide,
        price: i64,
        qty: i64,
        fee_e8: i64,
    ) -> Option<Money> {
        let sign = i128::from(side.sign());
        let value = i128::from(price) * i128::from(qty);
        let money = value.checked_mul(MONEY_PER_VALUE)?;
        let fee = value.checked_mul(2 * i128::from(fee_e8))?;
        let edge2 = (self.mark2 - 2 * i128::from(price)).checked_mul(i128::from(qty))?;
        self.cash = self.cash.checked_sub(sign * money)?;
        self.fees = self.fees.checked_add(fee)?;
        self.spread = self.spread.checked_add((sign * edge2).checked_mul(FEE_ONE)?)?;
        self.turnover = self.turnover.checked_add(money.abs())?;
        self.position = self.position.checked_add(side.sign() * qty)?;
        self.position_max = self.position_max.max(self.position.checked_abs()?);
        self.look()?;
        Some(fee)
    }

    /// The mid is now half of this. `None` if a sum does not fit.
    pub(crate) fn mark(&mut self, mark2: i128) -> Option<()> {
        let way = (mark2 - self.mark2).checked_mul(self.position.into())?;
        self.inventory = self.inventory.checked_add(way.checked_mul(FEE_ONE)?)?;
        self.mark2 = mark2;
        self.look()
    }

    /// Time goes on to this.
    pub(crate) fn pass(&mut self, to_ns: u64) {
        let from_ns = self.summed_to_ns.replace(to_ns).unwrap_or(to_ns);
        let area = i128::from(self.position) * i128::from(to_ns.saturating_sub(from_ns));
        // At most 2^63 units over 2^64 ns each way.
        self.position_ns[0] += area;
        self.position_ns[1] += area.abs();
    }

    /// What all is worth. `None` if it does not fit.
    pub(crate) fn equity(&self) -> Option<Money> {
        let held = self.mark2.checked_mul(self.position.into())?.checked_mul(FEE_ONE)?;
        self.cash.checked_add(held)?.checked_sub(self.fees)
    }

    /// Twice the mid in force.
    pub(crate) fn mark2(&self) -> i128 {
        self.mark2
    }

    fn look(&mut self) -> Option<()> {
        let equity = self.equity()?;
        self.peak = self.peak.max(equity);
        self.drawdown = self.drawdown.max(self.peak.checked_sub(equity)?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rationals as the accounts of a schoolbook: cash and stock, then what they would sell for.
    #[derive(Default)]
    struct Ledger {
        trades: Vec<(i64, i64, i64)>,
        marks: Vec<(usize, i64)>,
    }

    impl Ledger {
        /// In 2e8ths of value.
        fn equity_after(&self, trades: usize, mark2: i64) -> i128 {
            self.trades[..trades]
                .iter()
                .map(|&(signed_qty, price, fee_e8)| {
                    let (qty, price) = (i128::from(signed_qty), i128::from(price));
                    let worth = (i128::from(mark2) - 2 * price) * qty * 100_000_000;
                    worth - 2 * price * qty.abs() * i128::from(fee_e8)
                })
                .sum()
        }
    }

    proptest! {
        #[test]
        fn the_books_balance(steps in prop::collection::vec(
            (any::<bool>(), 1i64..1_000, -5_000i64..60_000, 1_000i64..2_000, 0i64..5), 1..60,
        )) {
            let (mut account, mut ledger) = (Account::default(), Ledger::default());
            let mut mark2 = 2_500;
            account.mark(mark2.into()).unwrap();
            ledger.marks.push((0, mark2));
            for (buys, qty, fee_e8, price, move_mark) in steps {
                let side = if buys { OrderSide::Buy } else { OrderSide::Sell };
                account.fill(side, price, qty, fee_e8).unwrap();
                ledger.trades.push((side.sign() * qty, price, fee_e8));
                ledger.marks.push((ledger.trades.len(), mark2));
                if move_mark > 2 {
                    mark2 += (price - 1_500) / 10;
                    account.mark(mark2.into()).unwrap();
                    ledger.marks.push((ledger.trades.len(), mark2));
                }
                let equity = account.equity().unwrap();
                prop_assert_eq!(equity, account.spread + account.inventory - account.fees);
                prop_assert_eq!(equity, ledger.equity_after(ledger.trades.len(), mark2));
            }
            let path: Vec<_> = ledger.marks.iter().map(|&(n, m)| ledger.equity_after(n, m)).collect();
            let deepest = (0..path.len())
                .map(|to| path[..=to].iter().fold(0, |a, b| a.max(*b)) - path[to])
                .max()
                .unwrap();
            prop_assert_eq!(account.drawdown, deepest);
        }
    }

    #[test]
    fn time_weighs_what_is_held() {
        let mut account = Account::default();
        account.pass(100);
        account.fill(OrderSide::Buy, 10, 3, 0).unwrap();
        account.pass(110);
        account.fill(OrderSide::Sell, 10, 5, 0).unwrap();
        account.pass(115);
        assert_eq!((account.position_ns, account.position_max), ([20, 40], 3));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let mut account = Account::default();
        assert_eq!(account.fill(OrderSide::Buy, i64::MAX, i64::MAX, 0), None);
        assert_eq!(Account::default().fill(OrderSide::Sell, i64::MIN, i64::MAX, -5), None);
    }
}
