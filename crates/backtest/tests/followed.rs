//! A run that is followed: what is kept is what happened, and whoever peeks is caught.

use std::convert::Infallible;
use tickhawk_backtest::{
    judge::{JudgeOptions, Judgement},
    lookahead::{Decided, Lookahead, Perturbed},
    tape::{Break, InstrumentTape, Recorder, RecorderOptions, Tape, TapeError},
};
use tickhawk_book::Book;
use tickhawk_engine::{
    DecisionStage, Follower, Haste, Inline, Input, MarketOptions, MarketSink, MarketStage, Record,
    Scored, Scorer, Source, TierOptions,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{BookUpdate, ConnectionId, InstrumentId, Scale, Side, StaleCause, UnixNanos};
use tickhawk_signal::Policy;
use tickhawk_simulator::{MarketConfig, Message, MessageKind, Recording, WireFormat};

/// What the rule scores by, and the yardstick.
const FEATURES: [&str; 2] = ["obi_5", "queue_imbalance"];

const S: u64 = 1_000_000_000;

/// A synthetic recording of this venue.
fn simulated(slug: &str, seconds: u64) -> Vec<Message> {
    let format = WireFormat::from_slug(slug).unwrap();
    let mut symbols = format.symbols();
    symbols.truncate(2);
    let mut config = MarketConfig::new(symbols, 11);
    config.duration_ns = seconds * S;
    Recording::new(format, &config).unwrap().collect()
}

/// Messages as a source.
#[derive(Clone)]
struct Played {
    messages: Vec<Message>,
    next: usize,
}

impl Played {
    fn new(messages: &[Message]) -> Self {
        Self { messages: messages.to_vec(), next: 0 }
    }
}

impl Source for Played {
    type Error = Infallible;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, Infallible> {
        let Some(message) = self.messages.get(self.next) else { return Ok(None) };
        self.next += 1;
        let input = match &message.kind {
            MessageKind::Opened { .. } => Input::Opened,
            MessageKind::Sent(text) => Input::Sent(text.as_bytes()),
            MessageKind::Frame(text) => Input::Frame(text.as_bytes()),
            MessageKind::RestReply { url, status, body } => {
                Input::RestReply { url: Some(url), status: Some(*status), body: body.as_bytes() }
            }
            MessageKind::Closed => Input::Closed,
        };
        let received_at = message.received_at;
        Ok(Some(Record { connection: ConnectionId(0), received_at, input }))
    }
}

fn stages(slug: &str) -> Inline {
    let plan = FeaturePlan::compile(&FEATURES, PlanOptions::default()).unwrap();
    let policy = Policy::new(0.2, 0.05).unwrap();
    let rule = TierOptions::new(Scorer::Rule(FEATURES[0].to_owned()), policy);
    let clock = Clock::new();
    let names = plan.names().to_vec();
    let decision = DecisionStage::tiered(vec![rule], &names, Haste::Patient, clock.clone());
    let market = MarketStage::new(MarketOptions::new(slug.parse().unwrap()), plan, clock);
    Inline::new(market, decision.unwrap())
}

fn recorder(quotes_max: u64) -> Recorder {
    Recorder::new(RecorderOptions {
        quotes_max,
        gap_ns: 5 * S,
        from: UnixNanos::default(),
        until: UnixNanos::new(u64::MAX),
        yardstick: 1,
        policy: Policy::new(0.2, 0.05).unwrap(),
        keep_decided: true,
    })
}

/// Follows the run of these messages by a recorder and by `beside`.
fn followed(slug: &str, messages: &[Message], beside: &mut impl Follower) -> Tape {
    let (mut inline, mut recorder, mut source) =
        (stages(slug), recorder(1 << 20), Played::new(messages));
    while let Ok(Some(record)) = source.next_record() {
        recorder.begin(record.received_at).unwrap();
        inline.follow(&record, &mut (&mut recorder, &mut *beside));
    }
    recorder.finish().unwrap().0
}

/// All that happened, kept plainly.
#[derive(Default)]
struct Plain {
    /// Symbol, time, best bid and ask after each book message.
    tops: Vec<(u32, u64, i64, i64)>,
    /// Symbol, epoch, time, mid and score of each signal.
    signals: Vec<(u32, u32, u64, f64, f32)>,
    epochs: u64,
    stale: u64,
    trades: u64,
}

impl MarketSink for Plain {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn epoch(&mut self, _at: UnixNanos, _id: InstrumentId) {
        self.epochs += 1;
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        let price = |side| book.best(side).unwrap().price.units();
        let (bid, ask) = (price(Side::Bid), price(Side::Ask));
        self.tops.push((update.instrument.0, at.nanos(), bid, ask));
    }

    fn trade(&mut self, _at: UnixNanos, _trade: &tickhawk_market::Trade) {
        self.trades += 1;
    }

    fn stale(&mut self, _id: InstrumentId, _cause: StaleCause) {
        self.stale += 1;
    }
}

impl Follower for Plain {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        let Some(signal) = scored.signal else { return };
        let at = frame.received_at().nanos();
        let id = frame.instrument().0;
        self.signals.push((id, frame.epoch(), at, frame.mid(), signal.score));
    }
}

/// What holds of every tape.
#[track_caller]
fn check(tape: &InstrumentTape) {
    let mut next = 0;
    for segment in &tape.segments {
        assert_eq!(segment.first, next, "segments follow each other");
        assert!(segment.first < segment.end);
        let last = tape.quotes[segment.end as usize - 1].received_at;
        assert!(last < segment.until || segment.cause != Break::End);
        assert!(last <= segment.until);
        next = segment.end;
    }
    assert_eq!(next as usize, tape.quotes.len(), "every quote is in a segment");
    assert!(tape.quotes.windows(2).all(|pair| pair[0].received_at <= pair[1].received_at));
    for row in &tape.rows {
        let segment = &tape.segments[row.segment as usize];
        assert!((segment.first..segment.end).contains(&row.quote));
    }
}

#[test]
fn what_is_kept_is_what_happened() {
    for slug in ["binance-futures", "kraken", "coinbase", "okx"] {
        let messages = simulated(slug, 12);
        let mut plain = Plain::default();
        let tape = followed(slug, &messages, &mut plain);
        assert!(plain.signals.len() > 200 && plain.trades > 50, "{slug}");
        let uncrossed = plain.tops.iter().filter(|top| top.2 <= top.3).count();
        assert_eq!(tape.quotes as usize, uncrossed, "{slug}");
        for (id, kept) in tape.instruments.iter().enumerate() {
            check(kept);
            let of = |at: u32| at as usize == id;
            let tops = plain.tops.iter().filter(|top| of(top.0) && top.2 <= top.3);
            for (quote, top) in kept.quotes.iter().zip(tops) {
                let price = |level: tickhawk_market::Level| level.price.units();
                let kept = (quote.received_at.nanos(), price(quote.bid), price(quote.ask));
                assert_eq!(kept, (top.1, top.2, top.3));
            }
            let signals = plain.signals.iter().filter(|signal| of(signal.0));
            let unit = 10f64.powi(i32::from(kept.scale.price_decimals));
            assert_eq!(kept.rows.len(), signals.clone().count());
            for (row, (_, epoch, at, mid, score)) in kept.rows.iter().zip(signals) {
                assert_eq!((kept.at(row), row.score), (*at, *score));
                assert_eq!(kept.quotes[row.quote as usize].mid() / unit, *mid);
                assert_eq!(row.segment + 1, *epoch, "{slug}: one epoch a stretch here");
            }
        }
    }
}

/// A lost diff, a silence, and the end: what each leaves without a label is counted as such.
#[test]
fn breaks_end_stretches() {
    let mut messages = simulated("binance-futures", 24);
    let third = messages.len() / 3;
    for message in &mut messages[third..] {
        message.received_at = UnixNanos::new(message.received_at.nanos() + 60 * S);
    }
    let depth = |message: &Message| match &message.kind {
        MessageKind::Frame(text) => text.contains("depthUpdate"),
        _ => false,
    };
    let lost = 2 * third + messages[2 * third..].iter().position(depth).unwrap();
    messages.remove(lost);
    let mut plain = Plain::default();
    let tape = followed("binance-futures", &messages, &mut plain);
    assert!(plain.stale > 0);
    let causes = |kept: &InstrumentTape| -> Vec<Break> {
        kept.segments.iter().map(|segment| segment.cause).collect()
    };
    let mut causes: Vec<_> = tape.instruments.iter().map(causes).collect();
    causes.sort();
    let ends = [[Break::Gap, Break::Stale], [Break::Gap, Break::End]];
    assert_eq!(causes, ends, "one instrument lost a diff, and no snapshot came after it");
    tape.instruments.iter().for_each(check);
    let options = JudgeOptions { decay: Vec::new(), ..JudgeOptions::default() };
    let judgement = Judgement::new(&tape, &options).unwrap();
    for series in judgement.instruments.iter().flat_map(|found| &found.series) {
        for at in &series.horizons {
            let labels = at.labels;
            let why = labels.gap + labels.stale + labels.end + labels.price + labels.epoch;
            assert_eq!(labels.labelled + why, series.rows, "no row is dropped without a word");
            assert!(labels.gap > 0);
        }
    }
}

#[test]
fn snapshots_in_mid_stream_begin_stretches() {
    let messages = simulated("bybit", 40);
    let mut plain = Plain::default();
    let tape = followed("bybit", &messages, &mut plain);
    tape.instruments.iter().for_each(check);
    let segments: usize = tape.instruments.iter().map(|kept| kept.segments.len()).sum();
    assert_eq!(segments as u64, plain.epochs);
    assert!(segments > tape.instruments.len(), "the simulator sends one more snapshot");
}

#[test]
fn too_long_a_recording_is_refused() {
    let (mut inline, mut recorder) = (stages("okx"), recorder(100));
    let mut source = Played::new(&simulated("okx", 12));
    let refused = loop {
        let Ok(Some(record)) = source.next_record() else { panic!("it ended before") };
        if let Err(error) = recorder.begin(record.received_at) {
            break error;
        }
        inline.follow(&record, &mut recorder);
    };
    assert_eq!(refused, TapeError::TooLong { quotes_max: 100 });
    assert_eq!(recorder.finish().unwrap_err(), refused);
}

/// Who looks where nobody may.
#[derive(Clone, Copy, PartialEq)]
enum Leak {
    None,
    /// The score is moved by the bytes of the very next record.
    Scorer,
    /// A feature is.
    Feature,
}

/// Hands on what it hears, but for what the future moves.
struct Peeking {
    recorder: Recorder,
    leak: Leak,
    future: f32,
}

impl MarketSink for Peeking {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.recorder.instrument(id, symbol);
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.recorder.scale(id, scale);
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.recorder.book_applied(at, update, book);
    }
}

impl Follower for Peeking {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        let (mut frame, mut scored) = (*frame, *scored);
        if let Some(signal) = scored.signal.as_mut().filter(|_| self.leak == Leak::Scorer) {
            signal.score += self.future;
        }
        if self.leak == Leak::Feature {
            frame.parts_mut().0[0] += self.future;
        }
        self.recorder.scored(&frame, &scored);
    }
}

/// Reads all of the source, then decides.
fn decide(mut source: impl Source<Error = Infallible>, leak: Leak) -> (Vec<Decided>, u64) {
    let mut records = Vec::new();
    while let Ok(Some(record)) = source.next_record() {
        let (url, bytes) = match record.input {
            Input::Frame(bytes) => (None, bytes.to_vec()),
            Input::RestReply { url, body, .. } => (url.map(str::to_owned), body.to_vec()),
            _ => continue,
        };
        records.push((record.received_at, url, bytes));
    }
    let mut peeking = Peeking { recorder: recorder(1 << 20), leak, future: 0.0 };
    let mut inline = stages("binance-futures");
    for (index, (received_at, url, bytes)) in records.iter().enumerate() {
        let next = records.get(index + 1).map_or(&[][..], |(_, _, bytes)| bytes);
        peeking.future = next.iter().map(|byte| f32::from(*byte)).sum::<f32>() * 1e-6;
        let input = match url {
            None => Input::Frame(bytes),
            url => Input::RestReply { url: url.as_deref(), status: Some(200), body: bytes },
        };
        let received_at = *received_at;
        peeking.recorder.begin(received_at).unwrap();
        let record = Record { connection: ConnectionId(0), received_at, input };
        inline.follow(&record, &mut peeking);
    }
    let records = peeking.recorder.records();
    (peeking.recorder.finish().unwrap().1, records)
}

fn checked(messages: &[Message], leak: Leak) -> Lookahead {
    let (base, records) = decide(Played::new(messages), leak);
    assert!(base.len() > 200);
    let found = Lookahead::check(&base, records, 3, 5, |cut, seed| {
        let perturbed = Perturbed::new(Played::new(messages), cut, seed);
        Ok::<_, Infallible>(decide(perturbed, leak).0)
    });
    found.unwrap()
}

#[test]
fn whoever_peeks_is_caught() {
    // Only frames and replies, so that all count their records alike.
    let mut messages = simulated("binance-futures", 16);
    messages.retain(|message| {
        matches!(message.kind, MessageKind::Frame(_) | MessageKind::RestReply { .. })
    });
    let honest = checked(&messages, Leak::None);
    assert!(honest.holds, "{honest:?}");
    assert_eq!(honest.cuts.len(), 3);
    assert!(honest.cuts.iter().all(|cut| cut.decisions > 50 && cut.moved > 50), "{honest:?}");
    for leak in [Leak::Scorer, Leak::Feature] {
        let found = checked(&messages, leak);
        assert!(!found.holds);
        for cut in &found.cuts {
            assert_eq!(cut.first_difference, Some(cut.records), "where the next record is another");
        }
    }
}
