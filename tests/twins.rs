//! Over every real recording: the book agrees with a `BTreeMap` after every single update, and the
//! features with their naive recomputation.

mod support;

use std::{collections::BTreeMap, path::Path};
use support::{Golden, captures};
use tickhawk_book::Book;
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage};
use tickhawk_feature::{
    FeatureFrame, FeaturePlan, FeatureState, PlanOptions,
    naive::{NaiveState, disagreement},
};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookKind, BookUpdate, Change, InstrumentId, Level, MonoNanos, Price, Qty, Scale, Side, Trade,
    UnixNanos, Update, Updates,
};
use tickhawk_venue::{Decoder, Limits};

/// One instrument's book, the slow way.
#[derive(Default)]
struct TwinBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    scale: Scale,
}

impl TwinBook {
    fn rescale(&mut self, scale: Scale) {
        let factor = |from: u8, to: u8| 10i64.pow(u32::from(to - from));
        let price = factor(self.scale.price_decimals, scale.price_decimals);
        let qty = factor(self.scale.qty_decimals, scale.qty_decimals);
        for side in [&mut self.bids, &mut self.asks] {
            *side = side.iter().map(|(p, q)| (p * price, q * qty)).collect();
        }
        self.scale = scale;
    }

    fn apply(&mut self, update: &BookUpdate, changes: &[Change]) {
        if update.kind == BookKind::Snapshot {
            self.bids.clear();
            self.asks.clear();
        }
        for change in changes {
            let side = if change.side == Side::Bid { &mut self.bids } else { &mut self.asks };
            match change.qty.units() {
                0 => drop(side.remove(&change.price.units())),
                qty => drop(side.insert(change.price.units(), qty)),
            }
        }
        let Some(depth) = update.depth.map(|depth| depth as usize) else { return };
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
    }

    fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let level =
            |(price, qty): (&i64, &i64)| Level { price: Price::new(*price), qty: Qty::new(*qty) };
        let (bids, asks) = match side {
            Side::Bid => (Some(self.bids.iter().rev()), None),
            Side::Ask => (None, Some(self.asks.iter())),
        };
        bids.into_iter().flatten().map(level).chain(asks.into_iter().flatten().map(level))
    }
}

/// Books of both kinds, and how often they were compared.
#[derive(Default)]
struct Compared {
    books: Vec<Book>,
    twins: Vec<TwinBook>,
    updates: u64,
}

impl Compared {
    fn take(&mut self, updates: &Updates) {
        for update in &updates.updates {
            match update {
                Update::Scale { instrument, scale } => {
                    self.ensure(*instrument);
                    self.books[instrument.index()].set_scale(*scale);
                    self.twins[instrument.index()].rescale(*scale);
                }
                Update::Book(book) => {
                    self.ensure(book.instrument);
                    let changes = updates.changes_of(book);
                    self.books[book.instrument.index()].apply(book, changes);
                    self.twins[book.instrument.index()].apply(book, changes);
                    self.updates += 1;
                    self.compare(book, changes);
                }
                _ => {}
            }
        }
    }

    fn ensure(&mut self, id: InstrumentId) {
        self.books
            .resize_with(self.books.len().max(id.index() + 1), || Book::new(Default::default()));
        self.twins.resize_with(self.books.len(), TwinBook::default);
    }

    /// The best fifty levels and every level touched, each time; all of the book now and then.
    fn compare(&self, update: &BookUpdate, changes: &[Change]) {
        let (book, twin) =
            (&self.books[update.instrument.index()], &self.twins[update.instrument.index()]);
        let whole = update.kind == BookKind::Snapshot || self.updates.is_multiple_of(500);
        let depth = if whole { usize::MAX } else { 50 };
        for side in [Side::Bid, Side::Ask] {
            assert!(book.levels(side).take(depth).eq(twin.levels(side).take(depth)));
            let mut top = [Level::default(); 50];
            let count = book.top(side, &mut top);
            assert!(top[..count].iter().copied().eq(twin.levels(side).take(50)));
        }
        assert_eq!(book.level_count(Side::Bid), twin.bids.len());
        assert_eq!(book.level_count(Side::Ask), twin.asks.len());
        for change in changes {
            let side = if change.side == Side::Bid { &twin.bids } else { &twin.asks };
            let qty = side.get(&change.price.units()).map(|qty| Qty::new(*qty));
            assert_eq!(book.qty_at(change.side, change.price), qty);
        }
    }
}

#[test]
fn books_agree_with_btreemaps_after_every_update() {
    let Some(captures) = captures() else { return };
    for golden in Golden::all(&captures) {
        let mut decoder = Decoder::new(golden.slug().parse().unwrap(), None, Limits::default());
        let mut compared = Compared::default();
        let mut updates = Updates::new();
        each_input(&golden, &captures, |connection, _, input| {
            updates.clear();
            match input {
                Input::Frame(bytes) => {
                    decoder.frame(connection, bytes, &mut updates).unwrap();
                }
                Input::RestReply { url, status, body } => {
                    decoder.rest_reply(connection, url, status, body, &mut updates).unwrap();
                }
                Input::Opened => decoder.opened(connection, &mut updates),
                Input::Closed => decoder.closed(connection, &mut updates),
                Input::Sent(bytes) => decoder.sent(connection, bytes, &mut updates),
                Input::Wanted(symbols) => decoder.set_wanted(symbols, &mut updates),
                Input::Alive | Input::Timer | Input::Decoded(_) => {}
            }
            compared.take(&updates);
        });
        let expected: u64 = golden.books().map(|book| book.applied_book_messages).sum();
        assert_eq!(compared.updates, expected, "{}", golden.capture);
    }
}

fn each_input(
    golden: &Golden,
    captures: &Path,
    mut each: impl FnMut(tickhawk_market::ConnectionId, UnixNanos, Input<'_>),
) {
    let mut session = Session::open(&golden.paths(captures)).unwrap();
    while let Some(record) = session.next_record().unwrap() {
        let input = match record.kind {
            RecordKind::Opened { .. } => Input::Opened,
            RecordKind::Closed => Input::Closed,
            RecordKind::Sent(bytes) => Input::Sent(bytes),
            RecordKind::Frame(bytes) => Input::Frame(bytes),
            RecordKind::RestReply { url, status, body } => Input::RestReply { url, status, body },
            RecordKind::Alive => Input::Alive,
            RecordKind::Wanted(symbols) => Input::Wanted(symbols),
            RecordKind::Timer => Input::Timer,
        };
        each(record.connection, record.received_at, input);
    }
}

/// Counts what a market stage lets out, and keeps what the features' twin must see.
#[derive(Default)]
struct Frames {
    frames: Vec<FeatureFrame>,
}

impl MarketSink for Frames {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.frames.push(*frame);
    }
}

#[test]
fn frames_are_whole_and_in_order() {
    let Some(captures) = captures() else { return };
    for golden in Golden::all(&captures) {
        let plan = FeaturePlan::compile(
            tickhawk_feature::default_features(),
            PlanOptions { window_capacity: 4_096, ..PlanOptions::default() },
        )
        .unwrap();
        let options = MarketOptions::new(golden.slug().parse().unwrap());
        let mut market = MarketStage::new(options, plan, Clock::new());
        let mut sink = Frames::default();
        each_input(&golden, &captures, |connection, at, input| {
            market.step(connection, at, MonoNanos::default(), input, &mut sink);
        });
        let mut next = vec![0; market.reports().len()];
        for frame in &sink.frames {
            let number = &mut next[frame.instrument().index()];
            assert_eq!(frame.number(), *number, "{}", golden.capture);
            *number += 1;
            assert!(frame.features().iter().all(|value| value.is_finite()));
        }
        // Diffs buffered before a snapshot make no frame of their own.
        let expected = golden.books().map(|book| book.applied_book_messages).sum::<u64>();
        let made = sink.frames.len() as u64;
        assert!(made <= expected && made + 20 >= expected, "{}: {made}", golden.capture);
        assert_eq!(made == 0, expected == 0, "{}", golden.capture);
    }
}

/// Features of one instrument, both ways.
struct BothFeatures {
    fast: FeatureState,
    naive: NaiveState,
    updates: u64,
}

/// Feeds both from what the market stage lets one see, and compares them now and then.
struct FeatureTwins {
    plan: FeaturePlan,
    tick_decimals: u8,
    instruments: Vec<BothFeatures>,
    compared: u64,
}

/// Book messages of an instrument between two comparisons: the naive way looks at all of the past.
const UPDATES_PER_COMPARISON: u64 = 97;

impl MarketSink for FeatureTwins {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, _id: InstrumentId, _symbol: &str) {
        self.instruments.push(BothFeatures {
            fast: FeatureState::new(&self.plan, Scale::default(), None),
            naive: NaiveState::new(&self.plan, Scale::default(), None),
            updates: 0,
        });
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        let BothFeatures { fast, naive, .. } = &mut self.instruments[id.index()];
        // Any tick does for this: one unit of the coarser decimals.
        let finer = scale.price_decimals.saturating_sub(self.tick_decimals);
        let tick = Some(10i64.pow(u32::from(finer)));
        assert!(fast.set_scale(scale));
        naive.set_scale(scale);
        fast.set_tick(tick);
        naive.set_tick(tick);
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        let BothFeatures { fast, naive, updates } =
            &mut self.instruments[update.instrument.index()];
        if update.kind == BookKind::Snapshot {
            fast.restart();
            naive.restart();
        }
        let mut top =
            [vec![Level::default(); self.plan.depth()], vec![Level::default(); self.plan.depth()]];
        let [bids, asks] = &mut top;
        let (bid_count, ask_count) = (book.top(Side::Bid, bids), book.top(Side::Ask, asks));
        fast.on_book(at, &bids[..bid_count], &asks[..ask_count]);
        naive.on_book(at, &bids[..bid_count], &asks[..ask_count]);
        *updates += 1;
        if !updates.is_multiple_of(UPDATES_PER_COMPARISON) {
            return;
        }
        let count = self.plan.count();
        let (mut fast_values, mut naive_values) = (vec![0.0; count], vec![0.0; count]);
        let (mut fast_valid, mut naive_valid) = ([0; 2], [0; 2]);
        fast.fill_f64(at, &mut fast_values, &mut fast_valid);
        naive.fill_f64(at, &mut naive_values, &mut naive_valid);
        let differs =
            disagreement(&self.plan, (&fast_values, &fast_valid), (&naive_values, &naive_valid));
        assert!(differs.is_none(), "{differs:?} after {updates} updates");
        self.compared += 1;
    }

    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        let BothFeatures { fast, naive, .. } = &mut self.instruments[trade.instrument.index()];
        fast.on_trade(at, trade);
        naive.on_trade(at, trade);
    }
}

#[test]
fn features_agree_with_their_recomputation() {
    let Some(captures) = captures() else { return };
    let mut names = tickhawk_feature::default_features().to_vec();
    names.extend([
        "ofi_2@5s",
        "ofi_sum_5@512u",
        "mid_return@100u",
        "trade_volume@8t",
        "update_rate@10s",
    ]);
    names.extend(["obi_10_z@200u", "roll_spread@10s", "bid_price_3_offset_ticks", "ask_qty_7"]);
    let plan = FeaturePlan::compile(&names, PlanOptions::default()).unwrap();
    let mut compared = 0;
    for golden in Golden::all(&captures) {
        let options = MarketOptions::new(golden.slug().parse().unwrap());
        let empty = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default()).unwrap();
        let mut market = MarketStage::new(options, empty, Clock::new());
        let mut twins = FeatureTwins {
            plan: plan.clone(),
            tick_decimals: 2,
            instruments: Vec::new(),
            compared: 0,
        };
        each_input(&golden, &captures, |connection, at, input| {
            market.step(connection, at, MonoNanos::default(), input, &mut twins);
        });
        compared += twins.compared;
    }
    assert!(compared > 300, "{compared} compared");
}
