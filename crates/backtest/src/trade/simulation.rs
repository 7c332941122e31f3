//! The run: two clocks, four ways between them, and events in the order of time.

use super::{
    TradeConfig, TradeError, TradeReport, TradeSummary,
    account::Account,
    curve::Curve,
    depth::{BadLevels, Touch},
    desk::{Action, Desk},
    exchange::Exchange,
    latency::Latency,
    order::{Fill, Order, OrderRecord, Outcome, Request},
    summary::Record,
};
use std::collections::VecDeque;
use tickhawk_book::Book;
use tickhawk_market::{Level, Price, Qty, Scale, Side, UnixNanos};
use tickhawk_signal::Decision;

/// Trades one instrument's signals as its events are handed in.
///
/// Books, trades and gaps are handed in by receive time; one that comes before the one before it is
/// taken as at that one's time, and counted. A signal is handed in after the book that made it, with
/// the time it was there: the book's receive time and the latency of making it.
///
/// At one time, the exchange's events come first, then what arrives there, then what the policy is
/// told; the policy acts once on all it was told at that time. Orders do not overtake each other, nor
/// do answers: a latency that shrinks does not bring a later one there first.
#[derive(Clone, Debug)]
pub struct TradeSimulation {
    config: TradeConfig,
    factors: (i64, i64),
    exchange: Exchange,
    /// As the exchange knows it.
    account: Account,
    desk: Desk,
    feed: Latency,
    entry: Latency,
    response: Latency,
    /// On their way to the policy: what it sees, hears and learns; and to the exchange.
    views: VecDeque<(u64, Option<Touch>)>,
    signals: VecDeque<(u64, Decision)>,
    responses: VecDeque<(u64, Outcome)>,
    requests: VecDeque<(u64, Request)>,
    orders: Vec<OrderRecord>,
    fills: Vec<Fill>,
    curve: Curve,
    counted: TradeSummary,
    /// Receive time of the last event.
    received_ns: u64,
    /// Time of the last event at the exchange.
    exchange_ns: u64,
    outcomes: Vec<Outcome>,
    actions: Vec<Action>,
}

impl TradeSimulation {
    /// Nothing has happened yet.
    ///
    /// # Errors
    /// [`TradeError::Setting`] if the config is out of range somewhere.
    pub fn new(config: TradeConfig) -> Result<Self, TradeError> {
        config.validate()?;
        let latency = |model, stream| Latency::new(model, config.seed, stream);
        Ok(Self {
            factors: (1, 1),
            exchange: Exchange::new(&config),
            account: Account::default(),
            desk: Desk::new(&config),
            feed: latency(&config.latency.feed, 0),
            entry: latency(&config.latency.entry, 1),
            response: latency(&config.latency.response, 2),
            views: VecDeque::new(),
            signals: VecDeque::new(),
            responses: VecDeque::new(),
            requests: VecDeque::new(),
            orders: Vec::new(),
            fills: Vec::new(),
            curve: Curve::new(config.sample_ns, &config.horizons_ns),
            counted: TradeSummary::default(),
            received_ns: 0,
            exchange_ns: 0,
            outcomes: Vec::new(),
            actions: Vec::new(),
            config,
        })
    }

    /// Prices and quantities carry these decimals from here on; before it is said, the instrument's.
    ///
    /// # Errors
    /// [`TradeError::TooFine`] if the instrument has fewer.
    pub fn scale(&mut self, scale: Scale) -> Result<(), TradeError> {
        let factor = |what, feed: u8, instrument: u8| {
            let more = instrument.checked_sub(feed);
            let factor = more.and_then(|more| 10i64.checked_pow(more.into()));
            factor.ok_or(TradeError::TooFine { what, feed, instrument })
        };
        let instrument = &self.config.instrument;
        self.factors = (
            factor("price", scale.price_decimals, instrument.price_decimals)?,
            factor("qty", scale.qty_decimals, instrument.qty_decimals)?,
        );
        Ok(())
    }

    /// The book after a message received at this time. One that is crossed or lacks a side is counted
    /// and passed over.
    ///
    /// # Errors
    /// If a number does not fit, or the equity curve grows too long.
    pub fn book(&mut self, received_at: UnixNanos, book: &Book) -> Result<(), TradeError> {
        self.levels(received_at, book.levels(Side::Bid), book.levels(Side::Ask))
    }

    /// As [`Self::book`], by its levels, best first; those beyond
    /// [`TradeConfig::depth_levels`] are not asked for.
    ///
    /// # Errors
    /// If levels do not get worse, a number does not fit, or the equity curve grows too long.
    pub fn levels(
        &mut self,
        received_at: UnixNanos,
        bids: impl IntoIterator<Item = Level>,
        asks: impl IntoIterator<Item = Level>,
    ) -> Result<(), TradeError> {
        let at_ns = self.come_to(received_at)?;
        self.counted.books += 1;
        let outcomes = &mut self.outcomes;
        let is_whole =
            self.exchange.book(bids, asks, self.factors, outcomes).map_err(|bad| match bad {
                BadLevels::Overflow => TradeError::Overflow { at_ns: received_at.nanos() },
                BadLevels::Unordered(side) => {
                    TradeError::Unordered { received_at_ns: received_at.nanos(), side }
                }
            })?;
        // What the book fills, it fills at the mid before it.
        self.conclude(at_ns)?;
        let Some(touch) = self.exchange.touch().filter(|_| is_whole) else {
            self.counted.books_not_whole += 1;
            return Ok(());
        };
        self.account.mark(touch.mark2()).ok_or(TradeError::Overflow { at_ns })?;
        self.counted.began_at_ns.get_or_insert(at_ns);
        self.curve.begin(at_ns);
        self.views.push_back((self.received_ns, Some(touch)));
        Ok(())
    }

    /// A trade received at this time. Must come before the book message that shows its effect if the
    /// venue sends it so: by receive time.
    ///
    /// # Errors
    /// If a number does not fit, or the equity curve grows too long.
    pub fn trade(
        &mut self,
        received_at: UnixNanos,
        price: Price,
        qty: Qty,
        taker: Side,
    ) -> Result<(), TradeError> {
        let at_ns = self.come_to(received_at)?;
        self.counted.trades += 1;
        let overflow = TradeError::Overflow { at_ns: received_at.nanos() };
        let price = price.units().checked_mul(self.factors.0);
        let qty = qty.units().checked_mul(self.factors.1);
        let (price, qty) = price.zip(qty).ok_or(overflow)?;
        self.exchange.trade(price, qty.max(0), taker, &mut self.outcomes);
        self.conclude(at_ns)
    }

    /// From this receive time on the book is not known to be right, until the next one: orders that
    /// arrive are refused, and the policy withdraws its own and waits for a signal.
    ///
    /// # Errors
    /// If the equity curve grows too long.
    pub fn gap(&mut self, received_at: UnixNanos) -> Result<(), TradeError> {
        self.come_to(received_at)?;
        self.counted.gaps += 1;
        self.exchange.gap();
        self.views.push_back((self.received_ns, None));
        Ok(())
    }

    /// A signal was there at this time, made of the last book handed in. One that would have been
    /// there before that book, or the signal before it, is taken as at that time, and counted.
    pub fn signal(&mut self, at: UnixNanos, decision: Decision) {
        let last = self.signals.back().map_or(0, |(at_ns, _)| *at_ns);
        let earliest = self.received_ns.max(last);
        self.counted.times_clamped += u64::from(at.nanos() < earliest);
        self.counted.signals += 1;
        self.signals.push_back((at.nanos().max(earliest), decision));
    }

    /// The end: what is on its way up to the last receive time still arrives, what would be later does
    /// not.
    ///
    /// # Errors
    /// If a sum does not fit, or the equity curve grows too long.
    pub fn finish(mut self) -> Result<TradeReport, TradeError> {
        let end_ns = self.received_ns;
        self.run_until(end_ns.saturating_add(1))?;
        self.settle(end_ns.saturating_add(1))?;
        self.account.pass(end_ns);
        self.counted.stopped_at_ns = self.desk.stopped_at_ns();
        let is_empty = self.counted.books + self.counted.trades + self.counted.gaps == 0;
        self.counted.ended_at_ns = (!is_empty).then_some(end_ns);
        let record = Record {
            config: &self.config,
            account: &self.account,
            orders: &self.orders,
            fills: &self.fills,
            points: &self.curve.points,
            counted: self.counted,
        };
        let summary = record.summarise().ok_or(TradeError::Overflow { at_ns: end_ns })?;
        let Self { config, orders, fills, curve, .. } = self;
        Ok(TradeReport { config, summary, orders, fills, equity: curve.points })
    }

    /// An event was received: all that is earlier happens, and its time at the exchange is now.
    fn come_to(&mut self, received_at: UnixNanos) -> Result<u64, TradeError> {
        self.counted.times_clamped += u64::from(received_at.nanos() < self.received_ns);
        self.received_ns = self.received_ns.max(received_at.nanos());
        let latency_ns = self.feed.at(self.received_ns);
        self.exchange_ns = self.exchange_ns.max(self.received_ns.saturating_sub(latency_ns));
        self.run_until(self.exchange_ns)?;
        self.settle(self.exchange_ns)?;
        Ok(self.exchange_ns)
    }

    /// All that is on its way and there before this time.
    fn run_until(&mut self, until_ns: u64) -> Result<(), TradeError> {
        loop {
            let arrival = self.requests.front().map_or(u64::MAX, |(at_ns, _)| *at_ns);
            let told = [
                self.responses.front().map(|(at_ns, _)| *at_ns),
                self.views.front().map(|(at_ns, _)| *at_ns),
                self.signals.front().map(|(at_ns, _)| *at_ns),
            ];
            let told = told.into_iter().flatten().min().unwrap_or(u64::MAX);
            if arrival.min(told) >= until_ns {
                return Ok(());
            }
            if arrival <= told {
                self.arrive(arrival)?;
            } else {
                self.tell(told)?;
            }
        }
    }

    fn arrive(&mut self, at_ns: u64) -> Result<(), TradeError> {
        self.settle(at_ns)?;
        if let Some((_, request)) = self.requests.pop_front() {
            let is_known = self.exchange.arrive(request, &mut self.outcomes);
            self.counted.orders.cancels_too_late += u64::from(!is_known);
        }
        self.conclude(at_ns)
    }

    /// Points and markouts that are due before this time.
    fn settle(&mut self, before_ns: u64) -> Result<(), TradeError> {
        let Self { curve, account, config, fills, .. } = self;
        curve.settle(before_ns, account, &config.instrument, fills)
    }

    /// Books what happened at the exchange, and sends word of it.
    fn conclude(&mut self, at_ns: u64) -> Result<(), TradeError> {
        self.account.pass(at_ns);
        let overflow = || TradeError::Overflow { at_ns };
        let mut outcomes = core::mem::take(&mut self.outcomes);
        for outcome in outcomes.drain(..) {
            let earliest = self.responses.back().map_or(0, |(at_ns, _)| *at_ns);
            let known_at_ns = at_ns.saturating_add(self.response.at(at_ns)).max(earliest);
            self.book_outcome(at_ns, known_at_ns, &outcome).ok_or_else(overflow)?;
            self.responses.push_back((known_at_ns, outcome));
        }
        self.outcomes = outcomes;
        Ok(())
    }

    fn book_outcome(&mut self, at_ns: u64, known_at_ns: u64, outcome: &Outcome) -> Option<()> {
        let Outcome { order: Order { number, side, .. }, fill, end } = *outcome;
        let record = self.orders.get_mut(usize::try_from(number).ok()?)?;
        if end.is_some() {
            (record.end, record.ended_at_ns) = (end, Some(at_ns));
        }
        let Some(fill) = fill else { return Some(()) };
        record.filled_qty_units += fill.qty;
        let mark2 = self.account.mark2();
        let fee_e8 = self.config.fees.of_fill(fill.liquidity);
        let fee = self.account.fill(side, fill.price, fill.qty, fee_e8)?;
        let instrument = &self.config.instrument;
        self.fills.push(Fill {
            order: number,
            at_ns,
            known_at_ns,
            side,
            price_units: fill.price,
            qty_units: fill.qty,
            price: instrument.price(fill.price),
            qty: instrument.qty(fill.qty),
            liquidity: fill.liquidity,
            reason: fill.reason,
            fee: instrument.amount(fee),
            mid: instrument.mid(mark2),
            position_units: self.account.position,
            markouts_ticks: vec![None; self.config.horizons_ns.len()],
        });
        Some(())
    }

    /// The policy is told all that is there at this time, and acts.
    fn tell(&mut self, at_ns: u64) -> Result<(), TradeError> {
        let overflow = || TradeError::Overflow { at_ns };
        while let Some(outcome) = due(&mut self.responses, at_ns) {
            self.desk.learn(&outcome).ok_or_else(overflow)?;
        }
        while let Some(touch) = due(&mut self.views, at_ns) {
            self.desk.see(touch).ok_or_else(overflow)?;
        }
        while let Some(decision) = due(&mut self.signals, at_ns) {
            self.desk.hear(decision);
        }
        let mut actions = core::mem::take(&mut self.actions);
        self.desk.step(at_ns, &mut actions).ok_or_else(overflow)?;
        for action in actions.drain(..) {
            self.send(at_ns, action);
        }
        self.actions = actions;
        Ok(())
    }

    fn send(&mut self, at_ns: u64, action: Action) {
        let earliest = self.requests.back().map_or(0, |(at_ns, _)| *at_ns);
        let arrives_at_ns = at_ns.saturating_add(self.entry.at(at_ns)).max(earliest);
        let request = match action {
            Action::Send(order) => {
                self.orders.push(sent(&order, at_ns, arrives_at_ns));
                Request::New(order)
            }
            Action::Cancel(number) => {
                if let Some(record) = self.orders.get_mut(number as usize) {
                    record.cancel_sent_at_ns = Some(at_ns);
                }
                Request::Cancel(number)
            }
        };
        self.requests.push_back((arrives_at_ns, request));
    }
}

/// What is due at this time, one after the other.
fn due<T>(queue: &mut VecDeque<(u64, T)>, at_ns: u64) -> Option<T> {
    if queue.front()?.0 != at_ns {
        return None;
    }
    queue.pop_front().map(|(_, item)| item)
}

fn sent(order: &Order, sent_at_ns: u64, arrives_at_ns: u64) -> OrderRecord {
    OrderRecord {
        number: order.number,
        sent_at_ns,
        arrives_at_ns,
        side: order.side,
        price_units: order.price,
        qty_units: order.qty,
        time_in_force: order.time_in_force,
        purpose: order.purpose,
        cancel_sent_at_ns: None,
        filled_qty_units: 0,
        end: None,
        ended_at_ns: None,
    }
}
