//! A made-up market: everything that can reach the features, from a seed.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod bench;

use tickhawk_feature::{
    FeaturePlan, FeatureState, IMBALANCE_BUCKETS, Microprice, PlanOptions, SPREADS, VpinOptions,
    naive::{NaiveState, disagreement},
};
use tickhawk_market::{Decimal, InstrumentId, Level, Price, Qty, Scale, Side, Trade, UnixNanos};

pub const START: u64 = 1_700_000_000_000_000_000;
pub const SECOND: u64 = 1_000_000_000;
pub const SCALE: Scale = Scale { price_decimals: 1, qty_decimals: 3 };

/// At least one feature of every family and every kind of window.
pub const EVERYTHING: &[&str] = &[
    "obi_1",
    "obi_5",
    "obi_12",
    "queue_imbalance",
    "spread_ticks",
    "weighted_mid_offset_ticks",
    "microprice_offset_ticks",
    "bid_depth_1",
    "bid_depth_5",
    "ask_depth_10",
    "book_slope_2",
    "book_slope_8",
    "bid_price_1_offset_ticks",
    "bid_price_4_offset_ticks",
    "ask_price_12_offset_ticks",
    "bid_qty_1",
    "bid_qty_7",
    "ask_qty_2",
    "obi_5_z@10s",
    "obi_5_z@64u",
    "queue_imbalance_z@2s",
    "spread_ticks_z@30u",
    "weighted_mid_offset_ticks_z@5s",
    "microprice_offset_ticks_z@5s",
    "book_slope_4_z@48u",
    "bid_depth_3_z@5s",
    "ask_qty_1_z@40u",
    "ask_price_3_offset_ticks_z@5s",
    "ofi_1@1s",
    "ofi_1@250ms",
    "ofi_1@64u",
    "ofi_3@2s",
    "ofi_3@1u",
    "ofi_sum_5@1s",
    "ofi_sum_5@10s",
    "ofi_sum_12@33u",
    "update_rate@1s",
    "update_rate@3s",
    "mid_return@1ms",
    "mid_return@500ms",
    "mid_return@5s",
    "mid_return@1u",
    "mid_return@64u",
    "realised_vol@1s",
    "realised_vol@2500ms",
    "realised_vol@6s",
    "ema_mid_offset_ticks@100ms",
    "ema_mid_offset_ticks@2s",
    "kyle_lambda@10s",
    "kyle_lambda@30s",
    "trade_imbalance@1s",
    "trade_imbalance@32t",
    "trade_imbalance@1t",
    "trade_count@1s",
    "trade_count@4s",
    "trade_volume@2s",
    "trade_volume@20t",
    "trade_rate@4s",
    "roll_spread@5s",
    "roll_spread@12t",
    "roll_spread@64t",
    "vpin",
];

/// Options under which everything has a value at times.
pub fn options(window_capacity: usize) -> PlanOptions {
    let cell = |row: usize, bucket: usize| {
        (row + bucket != 5).then(|| (bucket as f64 - 4.5) / (row as f64 + 9.0))
    };
    let row = |row| core::array::from_fn::<_, IMBALANCE_BUCKETS, _>(|bucket| cell(row, bucket));
    let bucket = Decimal::parse(b"2.5").unwrap();
    PlanOptions {
        window_capacity,
        microprice: Some(Microprice::from_table(core::array::from_fn::<_, SPREADS, _>(row))),
        vpin: Some(VpinOptions { bucket, buckets: 12 }),
    }
}

pub fn everything(window_capacity: usize) -> FeaturePlan {
    FeaturePlan::compile(EVERYTHING, options(window_capacity)).unwrap()
}

pub fn level(price: i64, qty: i64) -> Level {
    Level { price: Price::new(price), qty: Qty::new(qty) }
}

pub fn trade(price: i64, qty: i64, taker: Side) -> Trade {
    Trade {
        instrument: InstrumentId(0),
        price: Price::new(price),
        qty: Qty::new(qty),
        taker,
        id: None,
        exchange_at: None,
    }
}

/// SplitMix64.
#[derive(Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}

/// Something that happens to an instrument.
#[derive(Clone, Debug)]
pub enum Happening {
    Book(Vec<Level>, Vec<Level>),
    Trade(Trade),
    Restart,
    RestartTrades,
    Finer { price: u8, qty: u8 },
    TickTimes(i64),
}

/// Makes happenings with bursts, gaps, locked, crossed and empty books.
pub struct Market {
    pub chance: Chance,
    pub at: u64,
    pub scale: Scale,
    pub tick: i64,
    mid_ticks: i64,
    depth: u64,
}

impl Market {
    pub fn new(seed: u64) -> Self {
        let chance = Chance(seed);
        Self { chance, at: START, scale: SCALE, tick: 5, mid_ticks: 12_000, depth: 14 }
    }

    pub fn step_time(&mut self) {
        self.at += match self.chance.below(1000) {
            0 => 1 + self.chance.below(40 * SECOND),
            1..20 => 100_000_000 - self.at % 100_000_000,
            20..25 => SECOND - self.at % SECOND,
            25..400 => self.chance.below(2_000),
            _ => self.chance.below(60_000_000),
        };
    }

    fn side(&mut self, best_ticks: i64, step: i64) -> Vec<Level> {
        let mut ticks = best_ticks;
        let count = if self.chance.one_in(12) { self.chance.below(4) } else { self.depth };
        let mut levels = Vec::new();
        for _ in 0..count {
            let off_grid = i64::from(self.chance.one_in(200)) * (self.tick / 3);
            let qty = 1 + self.chance.below(9_000) as i64;
            levels.push(level(ticks * self.tick + off_grid * step, qty * self.lot()));
            ticks += step * (1 + self.chance.below(6).saturating_sub(3) as i64);
        }
        levels
    }

    /// Quantities stay the same size whatever the decimals.
    fn lot(&self) -> i64 {
        10i64.pow(u32::from(self.scale.qty_decimals - SCALE.qty_decimals))
    }

    pub fn book(&mut self) -> Happening {
        if self.chance.one_in(3) {
            self.mid_ticks += self.chance.below(5) as i64 - 2;
        }
        let spread = match self.chance.below(60) {
            0 => 0,
            1 => -1 - self.chance.below(2) as i64,
            2..40 => 1,
            _ => 1 + self.chance.below(6) as i64,
        };
        let bids = self.side(self.mid_ticks, -1);
        let asks = self.side(self.mid_ticks + spread, 1);
        Happening::Book(bids, asks)
    }

    pub fn trade(&mut self) -> Happening {
        let taker = if self.chance.one_in(2) { Side::Bid } else { Side::Ask };
        let bounce = i64::from(taker == Side::Bid) + self.chance.below(2) as i64;
        let huge = if self.chance.one_in(200) { 40 } else { 1 };
        let qty = self.chance.below(3_000) as i64 * huge * self.lot();
        Happening::Trade(trade((self.mid_ticks + bounce) * self.tick, qty, taker))
    }

    /// The next happening; rare ones about every `rare` happenings.
    pub fn next(&mut self, rare: u64) -> Happening {
        self.step_time();
        if self.chance.one_in(rare) {
            return match self.chance.below(8) {
                0..4 => Happening::Restart,
                4 => Happening::RestartTrades,
                5 => self.repeat_or_double(),
                _ => self.finer(),
            };
        }
        if self.chance.one_in(4) { self.trade() } else { self.book() }
    }

    fn repeat_or_double(&mut self) -> Happening {
        // A few times: the mid loses a binary digit each time. Once in a while nothing changes.
        let factor = if self.mid_ticks < 2_000 || self.chance.one_in(3) { 1 } else { 2 };
        self.tick *= factor;
        self.mid_ticks /= factor;
        Happening::TickTimes(factor)
    }

    fn finer(&mut self) -> Happening {
        let price = u8::from(self.scale.price_decimals < 5 && self.chance.one_in(2));
        let qty = u8::from(self.scale.qty_decimals < 7 && self.chance.one_in(2));
        self.scale.price_decimals += price;
        self.scale.qty_decimals += qty;
        self.tick *= 10i64.pow(u32::from(price));
        Happening::Finer { price, qty }
    }
}

/// The fast side and the reference, fed the same.
pub struct Twins {
    pub plan: FeaturePlan,
    pub fast: FeatureState,
    pub naive: NaiveState,
    pub valid_fills: Vec<u64>,
    pub fills: u64,
}

impl Twins {
    pub fn new(plan: FeaturePlan, tick: Option<i64>) -> Self {
        Self {
            fast: FeatureState::new(&plan, SCALE, tick),
            naive: NaiveState::new(&plan, SCALE, tick),
            valid_fills: vec![0; plan.count()],
            fills: 0,
            plan,
        }
    }

    pub fn apply(&mut self, at: u64, happening: &Happening) {
        let at = UnixNanos::new(at);
        match happening {
            Happening::Book(bids, asks) => {
                self.fast.on_book(at, bids, asks);
                self.naive.on_book(at, bids, asks);
            }
            Happening::Trade(trade) => {
                self.fast.on_trade(at, trade);
                self.naive.on_trade(at, trade);
            }
            Happening::Restart => {
                self.fast.restart();
                self.naive.restart();
            }
            Happening::RestartTrades => {
                self.fast.restart_trades();
                self.naive.restart_trades();
            }
            Happening::Finer { price, qty } => {
                let old = self.fast.scale();
                let scale = Scale {
                    price_decimals: old.price_decimals + price,
                    qty_decimals: old.qty_decimals + qty,
                };
                assert!(self.fast.set_scale(scale));
                self.naive.set_scale(scale);
            }
            Happening::TickTimes(factor) => {
                let tick = self.fast.tick().map(|tick| tick * factor);
                self.fast.set_tick(tick);
                self.naive.set_tick(tick);
            }
        }
    }

    /// Fills both and holds them against each other.
    #[track_caller]
    pub fn check(&mut self, at: u64) {
        let count = self.plan.count();
        let (mut fast, mut fast_valid) = (vec![f64::NAN; count], [u64::MAX; 2]);
        let (mut naive, mut naive_valid) = (vec![f64::NAN; count], [u64::MAX; 2]);
        self.fast.fill_f64(UnixNanos::new(at), &mut fast, &mut fast_valid);
        self.naive.fill_f64(UnixNanos::new(at), &mut naive, &mut naive_valid);
        let found = disagreement(&self.plan, (&fast, &fast_valid), (&naive, &naive_valid));
        assert_eq!(found, None, "at {at}, fill {}", self.fills);
        let (mut single, mut single_valid) = (vec![f32::NAN; count], [u64::MAX; 2]);
        self.fast.fill(UnixNanos::new(at), &mut single, &mut single_valid);
        assert_eq!(single_valid, fast_valid);
        assert!(single.iter().zip(&fast).all(|(single, double)| *single == *double as f32));
        self.fills += 1;
        for (index, fills) in self.valid_fills.iter_mut().enumerate() {
            *fills += fast_valid[index / 64] >> (index % 64) & 1;
        }
    }
}
