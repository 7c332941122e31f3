//! What is told to both books: places relative to a mid price that moves.

use proptest::prelude::*;
use tickhawk_market::{Change, Price, Qty, Scale, Side};

use crate::naive::Twin;

/// One thing to do to both books.
#[derive(Clone, Debug)]
pub enum Op {
    Message { snapshot: bool, depth: Option<u32>, places: Vec<(Side, Place, i64)> },
    Move(i64),
    Scale(Scale),
    Tick(u64),
    Syncing,
    Stale,
}

/// Where a level is, before the market says what price that is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Ticks from the mid.
    Ticks(i64),
    /// Price units from the mid: mostly between ticks.
    Units(i64),
    /// A price used lately, the n-th back.
    Again(usize),
    /// A price, wherever the market is.
    At(i64),
}

fn place() -> impl Strategy<Value = Place> {
    let extreme = prop_oneof![
        (0..3000i64).prop_map(|n| i64::MAX - n),
        (0..3000i64).prop_map(|n| i64::MIN + n),
        any::<i64>(),
    ];
    prop_oneof![
        20 => (-30..30i64).prop_map(Place::Ticks),
        10 => (-3_000..3_000i64).prop_map(Place::Ticks),
        5 => (-200_000..200_000i64).prop_map(Place::Ticks),
        4 => (-500..500i64).prop_map(Place::Units),
        10 => (0..40usize).prop_map(Place::Again),
        2 => prop_oneof![Just(0i64), Just(-1), Just(1), Just(100_000), Just(-777_777)]
            .prop_map(Place::At),
        1 => extreme.prop_map(Place::At),
    ]
}

pub fn op() -> impl Strategy<Value = Op> {
    let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
    let qty = prop_oneof![3 => Just(0i64), 6 => 1..1_000i64, 1 => any::<i64>()];
    let level = || (side.clone(), place(), qty.clone());
    let depth = prop_oneof![8 => Just(None), 2 => (0..60u32).prop_map(Some)];
    let message = |snapshot, count| {
        (depth.clone(), prop::collection::vec(level(), count))
            .prop_map(move |(depth, places)| Op::Message { snapshot, depth, places })
    };
    let scale = (0..4u8, 0..4u8).prop_map(|(price_decimals, qty_decimals)| {
        Op::Scale(Scale { price_decimals, qty_decimals })
    });
    let ticks = prop_oneof![
        4 => -300..300i64, 4 => -5_000..5_000i64, 1 => -100_000..100_000i64
    ];
    prop_oneof![
        30 => message(false, 0..25),
        8 => message(false, 150..250),
        3 => message(true, 0..200),
        12 => ticks.prop_map(Op::Move),
        1 => scale,
        2 => prop_oneof![Just(0u64), Just(1), Just(10), Just(25), Just(1_000), any::<u64>()]
            .prop_map(Op::Tick),
        1 => Just(Op::Syncing),
        1 => Just(Op::Stale),
    ]
}

/// A xorshift generator: small, seeded, the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A mid price, a tick, and the prices used lately.
pub struct Market {
    mid: i64,
    tick: i64,
    recent: Vec<(Side, Price)>,
}

impl Market {
    pub fn new(mid: i64, tick: i64) -> Self {
        Self { mid, tick, recent: Vec::new() }
    }

    pub fn walk(&mut self, ticks: i64) {
        self.mid = self.mid.saturating_add(ticks * self.tick);
    }

    /// Sides and prices told lately, the latest last.
    pub fn recent(&self) -> impl Iterator<Item = (Side, Price)> {
        self.recent.iter().rev().take(40).copied()
    }

    pub fn changes(&mut self, places: &[(Side, Place, i64)]) -> Vec<Change> {
        let change = |(side, place, qty): &(Side, Place, i64)| {
            let price = self.price(place);
            self.recent.push((*side, price));
            Change { side: *side, price, qty: Qty::new(*qty) }
        };
        places.iter().map(change).collect()
    }

    /// Bids below the mid and asks above it, mostly near; a few between ticks.
    pub fn random_changes(&mut self, random: &mut Random, count: usize) -> Vec<Change> {
        let mut places = Vec::new();
        for _ in 0..count {
            let bid = random.below(2) == 0;
            let reach = if random.below(10) == 0 { 300_000 } else { 400 };
            let ticks = 1 + random.below(reach) as i64;
            let ticks = if bid { -ticks } else { ticks };
            let place = match random.below(40) {
                0 => Place::Units(ticks * self.tick + 1),
                _ => Place::Ticks(ticks),
            };
            let side = if bid { Side::Bid } else { Side::Ask };
            places.push((side, place, random.below(4) as i64));
        }
        self.changes(&places)
    }

    /// Removals of every level the mid has walked through.
    pub fn traded_through(&self, twin: &Twin) -> Vec<Change> {
        let mut changes = twin.all_levels();
        changes.retain(|change| match change.side {
            Side::Bid => change.price.units() >= self.mid,
            Side::Ask => change.price.units() <= self.mid,
        });
        changes.iter_mut().for_each(|change| change.qty = Qty::ZERO);
        changes
    }

    fn price(&self, place: &Place) -> Price {
        Price::new(match *place {
            Place::Ticks(ticks) => self.mid.saturating_add(ticks.saturating_mul(self.tick)),
            Place::Units(units) => self.mid.saturating_add(units),
            Place::Again(back) => return self.recent().nth(back).map_or(Price::new(1), |r| r.1),
            Place::At(units) => units,
        })
    }
}
