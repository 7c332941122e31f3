//! A true book and its whole history, and links that tell of it, each in its own batches.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{collections::BTreeMap, fmt::Write, rc::Rc};
use tickhawk_book::Book;
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage, Want};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, MonoNanos, Side, StaleCause, Trade, UnixNanos,
};
use tickhawk_venue::Venue;

/// One millisecond in nanoseconds.
pub const MS: u64 = 1_000_000;

/// Quantities by side (bids are 0) and price.
pub type Levels = BTreeMap<(usize, u64), u64>;

/// Every state of one book, by id; id 0 is the first.
pub struct Truth {
    pub states: Vec<Levels>,
    changes: Vec<(usize, u64)>,
}

impl Truth {
    /// Bids at 100 to 119, asks at 120 to 139; each `(place, qty)` sets one level.
    pub fn new(changes: &[(u64, u64)]) -> Self {
        let side = |price: u64| usize::from(price >= 120);
        let first: Levels = (100..140).map(|price| ((side(price), price), 1)).collect();
        let mut truth = Self { states: vec![first], changes: vec![(0, 0)] };
        for (place, qty) in changes {
            let price = 100 + place % 40;
            let mut state = truth.states.last().unwrap().clone();
            match qty % 5 {
                0 => drop(state.remove(&(side(price), price))),
                qty => drop(state.insert((side(price), price), qty)),
            }
            truth.states.push(state);
            truth.changes.push((side(price), price));
        }
        truth
    }

    pub fn last_id(&self) -> usize {
        self.states.len() - 1
    }

    /// The book's levels must be those of the state.
    #[track_caller]
    pub fn check(&self, id: usize, book: &Book) {
        let scale = book.scale();
        let unit = |decimals: u8| 10i64.pow(u32::from(decimals));
        let mut held = Levels::new();
        for side in [Side::Bid, Side::Ask] {
            for level in book.levels(side) {
                let price = level.price.units() / unit(scale.price_decimals);
                let qty = level.qty.units() / unit(scale.qty_decimals);
                held.insert((side as usize, price.unsigned_abs()), qty.unsigned_abs());
            }
        }
        assert_eq!(held, self.states[id], "at id {id}");
    }

    /// `[bids, asks]` of a snapshot.
    fn whole(&self, id: usize) -> [Vec<(u64, u64)>; 2] {
        let side = |wanted: usize| {
            let levels = self.states[id].iter().filter(move |((side, _), _)| *side == wanted);
            levels.map(|((_, price), qty)| (*price, *qty)).collect()
        };
        [side(0), side(1)]
    }

    /// `[bids, asks]` of what ids from `first` to `last` did in all.
    fn net(&self, first: usize, last: usize) -> [Vec<(u64, u64)>; 2] {
        let mut sides = [Vec::new(), Vec::new()];
        for key @ (side, price) in &self.changes[first..=last] {
            sides[*side].push((*price, self.states[last].get(key).copied().unwrap_or(0)));
        }
        sides
    }

    /// The REST snapshot of Binance.
    pub fn binance_snapshot(&self, id: usize) -> String {
        let [bids, asks] = self.whole(id).map(|levels| pairs(&levels));
        format!(r#"{{"lastUpdateId":{id},"E":1,"bids":[{bids}],"asks":[{asks}]}}"#)
    }

    /// The diff of Binance futures of these ids.
    pub fn binance_diff(&self, first: usize, last: usize) -> String {
        let [bids, asks] = self.net(first, last).map(|levels| pairs(&levels));
        let previous = first - 1;
        format!(
            r#"{{"e":"depthUpdate","E":1,"s":"ABC","U":{first},"u":{last},"pu":{previous},"b":[{bids}],"a":[{asks}]}}"#
        )
    }

    /// A book message of Kraken v2 of these ids, a snapshot if there is no first one. Its time in
    /// nanoseconds tells the last id and the link.
    pub fn kraken(&self, first: Option<usize>, last: usize, link: usize) -> String {
        let (kind, sides) = match first {
            Some(first) => ("update", self.net(first, last)),
            None => ("snapshot", self.whole(last)),
        };
        let [bids, asks] = sides.map(|levels| {
            let level = |(price, qty): &(u64, u64)| format!(r#"{{"price":{price},"qty":{qty}}}"#);
            levels.iter().map(level).collect::<Vec<_>>().join(",")
        });
        let nanos = last * 10 + link;
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"ABC","bids":[{bids}],"asks":[{asks}],"timestamp":"1970-01-01T00:00:00.{nanos:09}Z"}}]}}"#
        )
    }
}

fn pairs(levels: &[(u64, u64)]) -> String {
    let mut text = String::new();
    for (index, (price, qty)) in levels.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(text, r#"{comma}["{price}","{qty}"]"#);
    }
    text
}

/// The id of the state that a message leaves its book in.
pub type IdOf = fn(&BookUpdate) -> usize;

/// What a stage told, as far as tests ask.
#[derive(Default)]
pub struct Heard {
    pub frames: Vec<FeatureFrame>,
    pub stale: Vec<StaleCause>,
    pub wants: Vec<Want>,
    pub trades: Vec<Trade>,
    /// Exchange time and id of each message published.
    pub applied: Vec<(Option<u64>, Option<u64>)>,
    /// What each book is held against, and how a message tells its id.
    pub truth: Option<(Rc<Truth>, IdOf)>,
}

impl MarketSink for Heard {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.frames.push(*frame);
    }

    fn book_applied(&mut self, _at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.applied.push((update.exchange_at.map(UnixNanos::nanos), update.sequence));
        if let Some((truth, id_of)) = &self.truth {
            truth.check(id_of(update), book);
        }
    }

    fn trade(&mut self, _at: UnixNanos, trade: &Trade) {
        self.trades.push(*trade);
    }

    fn stale(&mut self, _id: InstrumentId, cause: StaleCause) {
        self.stale.push(cause);
    }

    fn want(&mut self, want: Want) {
        self.wants.push(want);
    }
}

/// A stage, what it told, and what time it is.
pub struct Stage {
    pub market: MarketStage,
    pub heard: Heard,
    pub now_ns: u64,
}

impl Stage {
    pub fn new(options: MarketOptions) -> Self {
        let names = ["queue_imbalance", "update_rate@1s", "trade_count@1s"];
        let plan = FeaturePlan::compile(&names, PlanOptions::default()).unwrap();
        let market = MarketStage::new(options, plan, Clock::new());
        Self { market, heard: Heard::default(), now_ns: 1_000_000 * MS }
    }

    /// With two links.
    pub fn linked(venue: Venue, shares_ids: bool) -> Self {
        Self::new(MarketOptions { links: 2, shares_ids, ..MarketOptions::new(venue) })
    }

    pub fn input(&mut self, connection: usize, input: Input<'_>) {
        let connection = ConnectionId(connection as u16);
        let at = UnixNanos::new(self.now_ns);
        self.market.step(connection, at, MonoNanos::default(), input, &mut self.heard);
    }

    pub fn frame(&mut self, connection: usize, text: &str) {
        self.input(connection, Input::Frame(text.as_bytes()));
    }

    pub fn reply(&mut self, connection: usize, body: &str) {
        let url = Some("https://host/fapi/v1/depth?symbol=ABC&limit=1000");
        self.input(connection, Input::RestReply { url, status: Some(200), body: body.as_bytes() });
    }

    /// Time passes, and is told of.
    pub fn timer(&mut self, after_ns: u64) {
        self.now_ns += after_ns;
        self.input(0, Input::Timer);
    }

    pub fn book(&self) -> &Book {
        self.market.book(InstrumentId(0)).unwrap()
    }

    /// The wants so far, in words; they are forgotten.
    pub fn wants(&mut self) -> Vec<String> {
        self.heard.wants.drain(..).map(|want| format!("{} {:?}", want.link, want.kind)).collect()
    }
}
