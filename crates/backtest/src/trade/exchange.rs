//! The exchange: the recorded book, and the orders that rest beside it.

use super::{
    TradeConfig,
    config::MakerFills,
    depth::{BadLevels, Depth, Touch},
    order::{
        Execution, FillReason, Liquidity, Order, OrderEnd, OrderSide, Outcome, Request, TimeInForce,
    },
    queue::{QueueBounds, QueueModel, QueuePosition},
};
use tickhawk_market::{Level, Side};

#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    depth: Depth,
    /// The next book is read into this one.
    spare: Depth,
    /// Best prices of the last book that was whole; `None` before there is one and after a gap.
    touch: Option<Touch>,
    /// By arrival; a policy has at most one a side.
    resting: Vec<Resting>,
    model: QueueModel,
    bounds: QueueBounds,
    fills: MakerFills,
    lot: i64,
    /// One quantity unit in the base asset.
    unit: f64,
}

#[derive(Clone, Copy, Debug)]
struct Resting {
    order: Order,
    left: i64,
    queue: QueuePosition,
}

impl Exchange {
    /// Of a validated config.
    pub(crate) fn new(config: &TradeConfig) -> Self {
        Self {
            depth: Depth::new(config.depth_levels),
            spare: Depth::new(config.depth_levels),
            touch: None,
            resting: Vec::new(),
            model: config.queue,
            bounds: config.queue_bounds,
            fills: config.maker_fills,
            lot: config.instrument.lot_units,
            unit: config.instrument.qty(1),
        }
    }

    /// Best prices of the book in force.
    pub(crate) fn touch(&self) -> Option<Touch> {
        self.touch
    }

    /// The book is now this. A book that is crossed or lacks a side leaves the last one in force;
    /// `false` for such.
    pub(crate) fn book(
        &mut self,
        bids: impl IntoIterator<Item = Level>,
        asks: impl IntoIterator<Item = Level>,
        factors: (i64, i64),
        out: &mut Vec<Outcome>,
    ) -> Result<bool, BadLevels> {
        self.spare.replace(OrderSide::Buy, bids, factors)?;
        self.spare.replace(OrderSide::Sell, asks, factors)?;
        let Some(touch) = self.spare.touch() else { return Ok(false) };
        core::mem::swap(&mut self.depth, &mut self.spare);
        let was_whole = self.touch.replace(touch).is_some();
        let Self { depth, spare, resting, .. } = self;
        let before = was_whole.then_some(&*spare);
        resting.retain_mut(|resting| {
            let Order { side, price, .. } = resting.order;
            if let Some(after) = depth.qty_at(side, price) {
                let before = before.and_then(|before| before.qty_at(side, price));
                // A level that stays is no news: what traded there is still to be seen in it.
                if before != Some(after) {
                    resting.queue.level(before, after);
                }
            }
            let is_reached = side.reaches(price, touch.other(side));
            if is_reached {
                out.push(resting.whole(FillReason::TouchReached));
            }
            !is_reached
        });
        Ok(true)
    }

    /// The recording has no whole book until the next one.
    pub(crate) fn gap(&mut self) {
        self.touch = None;
    }

    /// A trade happened; `taker` is the side that the taker took with.
    pub(crate) fn trade(&mut self, price: i64, qty: i64, taker: Side, out: &mut Vec<Outcome>) {
        let Self { resting, fills, lot, .. } = self;
        resting.retain_mut(|resting| {
            let Order { side, price: own, .. } = resting.order;
            if side.rests_on() == taker || !side.reaches(own, price) {
                return true;
            }
            if own != price {
                out.push(resting.whole(FillReason::TradedThrough));
                return false;
            }
            let through = resting.queue.trade(qty, *lot);
            if through == 0 {
                return true;
            }
            let part = match fills {
                MakerFills::Partial => through.min(resting.left),
                MakerFills::Whole => resting.left,
            };
            out.push(resting.part(part, FillReason::Queue));
            resting.left > 0
        });
    }

    /// An order, or the wish to cancel one, arrives. `false` if there is no such order any more.
    pub(crate) fn arrive(&mut self, request: Request, out: &mut Vec<Outcome>) -> bool {
        match request {
            Request::New(order) => {
                self.enter(order, out);
                true
            }
            Request::Cancel(number) => {
                let found = self.resting.iter().position(|r| r.order.number == number);
                if let Some(at) = found {
                    let order = self.resting.remove(at).order;
                    out.push(Outcome { order, fill: None, end: Some(OrderEnd::Cancelled) });
                }
                found.is_some()
            }
        }
    }

    fn enter(&mut self, order: Order, out: &mut Vec<Outcome>) {
        let ended = |end| Outcome { order, fill: None, end: Some(end) };
        let Some(touch) = self.touch else {
            out.push(ended(OrderEnd::NoBook));
            return;
        };
        let Order { side, price, qty, .. } = order;
        match order.time_in_force {
            TimeInForce::ImmediateOrCancel => {
                let mut left = qty;
                for (price, taken) in self.depth.take(side, price, qty, self.lot) {
                    left -= taken;
                    let (liquidity, reason) = (Liquidity::Taker, FillReason::Took);
                    let fill = Some(Execution { price, qty: taken, liquidity, reason });
                    out.push(Outcome { order, fill, end: (left == 0).then_some(OrderEnd::Filled) });
                }
                if left > 0 {
                    out.push(ended(OrderEnd::Expired));
                }
            }
            TimeInForce::PostOnly if side.reaches(price, touch.other(side)) => {
                out.push(ended(OrderEnd::WouldTake));
            }
            TimeInForce::PostOnly => {
                let ahead = self.depth.qty_at(side, price);
                let queue = QueuePosition::join(self.model, self.bounds, ahead, self.unit);
                self.resting.push(Resting { order, left: qty, queue });
                out.push(Outcome { order, fill: None, end: None });
            }
        }
    }
}

impl Resting {
    fn whole(&mut self, reason: FillReason) -> Outcome {
        self.part(self.left, reason)
    }

    fn part(&mut self, qty: i64, reason: FillReason) -> Outcome {
        self.left -= qty;
        let liquidity = Liquidity::Maker;
        let fill = Some(Execution { price: self.order.price, qty, liquidity, reason });
        let end = (self.left == 0).then_some(OrderEnd::Filled);
        Outcome { order: self.order, fill, end }
    }
}
