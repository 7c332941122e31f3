//! The policy: what it knows, and what it therefore sends.

use super::{
    TradeConfig,
    account::Account,
    config::{MakerConfig, PolicyConfig, TakerConfig},
    depth::Touch,
    fees::Fees,
    instrument::{Instrument, Money},
    order::{Liquidity, Order, OrderEnd, OrderPurpose, OrderSide, Outcome, TimeInForce},
};
use tickhawk_signal::Decision;

/// What the policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send(Order),
    Cancel(u64),
}

/// One policy with its limits, and all it was told until now.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    policy: PolicyConfig,
    instrument: Instrument,
    fees: Fees,
    position_max: i64,
    loss_max: Option<Money>,
    through_ticks: i64,
    /// As far as fills are known, at the mid that is seen.
    account: Account,
    touch: Option<Touch>,
    decision: Option<Decision>,
    /// The order that rests, or is on its way to, a side.
    quotes: [Option<Quote>; 2],
    /// The order that takes, on its way.
    taking: Option<u64>,
    /// How often touch or decision changed, or came anew.
    changes: u64,
    /// The same when the last order of a side was sent, and when one was sent in vain.
    sent_on: [u64; 2],
    in_vain_on: [Option<u64>; 2],
    stopped_at_ns: Option<u64>,
    next_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Quote {
    number: u64,
    price: i64,
    /// Whether the exchange has answered: what it may not know yet is not cancelled.
    is_known: bool,
    is_cancelling: bool,
}

impl Desk {
    /// Of a validated config.
    pub(crate) fn new(config: &TradeConfig) -> Self {
        Self {
            policy: config.policy,
            instrument: config.instrument,
            fees: config.fees,
            position_max: config.limits.position_lots * config.instrument.lot_units,
            loss_max: config.limits.loss.and_then(|loss| config.instrument.money(loss)),
            through_ticks: config.through_ticks.into(),
            account: Account::default(),
            touch: None,
            decision: None,
            quotes: [None; 2],
            taking: None,
            changes: 0,
            sent_on: [0; 2],
            in_vain_on: [None; 2],
            stopped_at_ns: None,
            next_number: 0,
        }
    }

    /// When the loss limit stopped it.
    pub(crate) fn stopped_at_ns(&self) -> Option<u64> {
        self.stopped_at_ns
    }

    /// The best prices are seen to be these; `None` if there is no whole book any more, which takes the
    /// decision with it. `None` is returned if a sum does not fit; so below.
    pub(crate) fn see(&mut self, touch: Option<Touch>) -> Option<()> {
        self.changes += u64::from(touch != self.touch);
        self.touch = touch;
        match touch {
            Some(touch) => self.account.mark(touch.mark2()),
            None => {
                self.decision = None;
                Some(())
            }
        }
    }

    /// A signal is there.
    pub(crate) fn hear(&mut self, decision: Decision) {
        self.decision = Some(decision);
        self.changes += 1;
    }

    /// The exchange answers.
    pub(crate) fn learn(&mut self, outcome: &Outcome) -> Option<()> {
        let Order { number, side, .. } = outcome.order;
        if let Some(fill) = outcome.fill {
            let fee_e8 = self.fees.of_fill(fill.liquidity);
            self.account.fill(side, fill.price, fill.qty, fee_e8)?;
        }
        let Some(end) = outcome.end else {
            let quote = self.quotes[side.index()].as_mut();
            if let Some(quote) = quote.filter(|quote| quote.number == number) {
                quote.is_known = true;
            }
            return Some(());
        };
        self.taking = self.taking.filter(|taking| *taking != number);
        let quote = &mut self.quotes[side.index()];
        *quote = quote.filter(|quote| quote.number != number);
        if matches!(end, OrderEnd::Expired | OrderEnd::WouldTake | OrderEnd::NoBook) {
            self.in_vain_on[side.index()] = Some(self.sent_on[side.index()]);
        }
        Some(())
    }

    /// Does what follows from all that is known now.
    pub(crate) fn step(&mut self, now_ns: u64, out: &mut Vec<Action>) -> Option<()> {
        if let (None, Some(loss)) = (self.stopped_at_ns, self.loss_max)
            && self.account.equity()? <= -loss
        {
            self.stopped_at_ns = Some(now_ns);
        }
        if self.stopped_at_ns.is_some() {
            return self.sell_out(out);
        }
        match self.policy {
            PolicyConfig::Taker(taker) => self.take(taker, out),
            PolicyConfig::Maker(maker) => self.make(maker, out),
        }
    }

    fn take(&mut self, taker: TakerConfig, out: &mut Vec<Action>) -> Option<()> {
        let (Some(decision), Some(touch)) = (self.decision, self.touch) else { return Some(()) };
        let lot = self.instrument.lot_units;
        let full = (taker.position_lots * lot).min(self.position_max);
        let missing = decision as i64 * full - self.account.position;
        let qty = missing.abs().min(taker.order_lots * lot);
        self.cross(touch, missing, qty, OrderPurpose::Target, out)
    }

    fn sell_out(&mut self, out: &mut Vec<Action>) -> Option<()> {
        for side in [OrderSide::Buy, OrderSide::Sell] {
            self.withdraw(side, out);
        }
        let Some(touch) = self.touch else { return Some(()) };
        if self.quotes.iter().any(Option::is_some) {
            return Some(());
        }
        let missing = -self.account.position;
        self.cross(touch, missing, missing.abs(), OrderPurpose::LossLimit, out)
    }

    /// Sends an order that takes `qty` towards `missing`, unless one is on its way or was in vain.
    fn cross(
        &mut self,
        touch: Touch,
        missing: i64,
        qty: i64,
        purpose: OrderPurpose,
        out: &mut Vec<Action>,
    ) -> Option<()> {
        let side = if missing < 0 { OrderSide::Sell } else { OrderSide::Buy };
        if missing == 0 || self.taking.is_some() || self.is_in_vain(side) {
            return Some(());
        }
        let price = self.instrument.reach_for(side, touch.other(side), self.through_ticks)?;
        let time_in_force = TimeInForce::ImmediateOrCancel;
        let number = self.number(side);
        self.taking = Some(number);
        out.push(Action::Send(Order { number, side, price, qty, time_in_force, purpose }));
        Some(())
    }

    fn make(&mut self, maker: MakerConfig, out: &mut Vec<Action>) -> Option<()> {
        for side in [OrderSide::Buy, OrderSide::Sell] {
            let wanted = self.wanted(maker, side)?;
            match (self.quotes[side.index()], wanted) {
                (Some(quote), Some((price, _))) if quote.price == price => {}
                (Some(_), _) => self.withdraw(side, out),
                (None, Some((price, qty))) if !self.is_in_vain(side) => {
                    let number = self.number(side);
                    self.quotes[side.index()] = Some(Quote::new(number, price));
                    let (time_in_force, purpose) = (TimeInForce::PostOnly, OrderPurpose::Quote);
                    let order = Order { number, side, price, qty, time_in_force, purpose };
                    out.push(Action::Send(order));
                }
                (None, _) => {}
            }
        }
        Some(())
    }

    /// The price and quantity that should rest on a side; `Some(None)` for no order.
    fn wanted(&self, maker: MakerConfig, side: OrderSide) -> Option<Option<(i64, i64)>> {
        let (Some(decision), Some(touch)) = (self.decision, self.touch) else { return Some(None) };
        let lot = self.instrument.lot_units;
        let room = self.position_max - side.sign() * self.account.position;
        let qty = (maker.order_lots * lot).min(room - room.rem_euclid(lot));
        if qty <= 0 {
            return Some(None);
        }
        let is_warned_of = decision as i64 == -side.sign();
        let skew = if is_warned_of { maker.skew_ticks } else { 0 };
        let ticks = i64::from(maker.offset_ticks) + i64::from(skew);
        Some(Some((self.instrument.back_off(side, touch.own(side), ticks)?, qty)))
    }

    fn withdraw(&mut self, side: OrderSide, out: &mut Vec<Action>) {
        if let Some(quote) = &mut self.quotes[side.index()]
            && quote.is_known
            && !quote.is_cancelling
        {
            quote.is_cancelling = true;
            out.push(Action::Cancel(quote.number));
        }
    }

    /// Whether an order of this side failed that was sent on what is known now.
    fn is_in_vain(&self, side: OrderSide) -> bool {
        self.in_vain_on[side.index()] == Some(self.changes)
    }

    /// The number of an order that is sent now.
    fn number(&mut self, side: OrderSide) -> u64 {
        self.sent_on[side.index()] = self.changes;
        let number = self.next_number;
        self.next_number += 1;
        number
    }
}

impl Quote {
    fn new(number: u64, price: i64) -> Self {
        Self { number, price, is_known: false, is_cancelling: false }
    }
}

impl Fees {
    /// The rate of a fill.
    pub(crate) fn of_fill(self, liquidity: Liquidity) -> i64 {
        match liquidity {
            Liquidity::Maker => self.maker_e8,
            Liquidity::Taker => self.taker_e8,
        }
    }
}
