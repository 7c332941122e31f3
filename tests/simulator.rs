//! Over the simulator's recordings: after every book message our book is the oracle's.

use tickhawk_book::Book;
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage, Want, WantKind};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookState, BookUpdate, ConnectionId, InstrumentId, Level, MonoNanos, Price, Qty, Scale, Side,
    UnixNanos,
};
use tickhawk_simulator::{MarketConfig, MessageKind, Recording, SymbolSpec, WireFormat};

/// Notes what the stage said and asked for.
#[derive(Default)]
struct Heard {
    symbols: Vec<String>,
    frames: usize,
    applied: usize,
    wants: Vec<Want>,
}

impl MarketSink for Heard {
    fn frame(&mut self, _frame: &FeatureFrame) {
        self.frames += 1;
    }

    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        self.symbols.push(symbol.to_owned());
    }

    fn book_applied(&mut self, _at: UnixNanos, _update: &BookUpdate, _book: &Book) {
        self.applied += 1;
    }

    fn want(&mut self, want: Want) {
        self.wants.push(want);
    }
}

#[test]
fn books_are_the_oracles_after_every_message() {
    for format in WireFormat::ALL {
        follow(format, MarketConfig::new(format.symbols(), 11));
        follow(format, MarketConfig::new(format.symbols(), 12));
    }
    // OKX has sent no checksum since June 2026: ids alone.
    let symbols = WireFormat::Okx.symbols();
    let unchecked = MarketConfig { okx_checksum: false, ..MarketConfig::new(symbols, 13) };
    follow(WireFormat::Okx, unchecked);
}

fn follow(format: WireFormat, mut config: MarketConfig) {
    config.duration_ns = 20_000_000_000;
    let specs = config.symbols.clone();
    let mut recording = Recording::new(format, &config).unwrap();
    let plan = FeaturePlan::compile(&["obi_5"], PlanOptions::default()).unwrap();
    let options = MarketOptions::new(format.slug().parse().unwrap());
    let mut market = MarketStage::new(options, plan, Clock::new());
    let mut heard = Heard::default();
    let mut compared = 0;
    while let Some(message) = recording.next() {
        let input = match &message.kind {
            MessageKind::Opened { .. } => Input::Opened,
            MessageKind::Closed => Input::Closed,
            MessageKind::Sent(text) => Input::Sent(text.as_bytes()),
            MessageKind::Frame(text) => Input::Frame(text.as_bytes()),
            MessageKind::RestReply { url, status, body } => {
                Input::RestReply { url: Some(url), status: Some(*status), body: body.as_bytes() }
            }
        };
        let at = message.received_at;
        market.step(ConnectionId(0), at, MonoNanos::default(), input, &mut heard);
        for &symbol in recording.changed_by_last_message() {
            let Some((bids, asks)) = recording.oracle_after_last_message(symbol) else { continue };
            let id = heard.symbols.iter().position(|name| *name == specs[symbol].symbol).unwrap();
            let book = market.book(InstrumentId(id as u32)).unwrap();
            assert_eq!(book.state(), BookState::Live, "{format} {}", specs[symbol].symbol);
            same(book, Side::Bid, &bids, &specs[symbol]);
            same(book, Side::Ask, &asks, &specs[symbol]);
            compared += 1;
        }
    }
    assert!(compared > 100, "{format}: {compared} compared");
    assert!(heard.frames > 100 && heard.frames <= heard.applied, "{format}");
    let first_snapshot = |want: &Want| matches!(want.kind, WantKind::Snapshot { .. });
    assert!(heard.wants.iter().all(first_snapshot), "{format}: {:?}", heard.wants);
    assert!(heard.wants.len() <= specs.len(), "{format}: {:?}", heard.wants);
    for report in market.reports() {
        assert_eq!((report.gaps, report.checksum_bad, report.stale), (0, 0, 0), "{format}");
    }
    assert_eq!(market.decoder_counts().malformed, 0, "{format}");
}

/// The oracle counts in the specification's decimals, the book in those it has seen so far.
fn same(book: &Book, side: Side, oracle: &[Level], spec: &SymbolSpec) {
    let Scale { price_decimals, qty_decimals } = book.scale();
    let shrink = |units: i64, from: u8, to: u8| {
        let factor = 10i64.pow(u32::from(from.abs_diff(to)));
        if from >= to { units / factor } else { units * factor }
    };
    let expected = oracle.iter().map(|level| Level {
        price: Price::new(shrink(level.price.units(), spec.price_decimals, price_decimals)),
        qty: Qty::new(shrink(level.qty.units(), spec.qty_decimals, qty_decimals)),
    });
    assert!(book.levels(side).eq(expected), "{} {side:?}", spec.symbol);
}
