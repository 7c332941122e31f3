//! All that a market stage tells, as lines, and whether the decoded form makes it tell the same.

use tickhawk_book::Book;
use tickhawk_decoded::{FormError, Reader};
use tickhawk_engine::{
    Compiler, Input, MarketOptions, MarketSink, MarketStage, Record, Silence, Want,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, MonoNanos, Scale, Side, StaleCause, Trade, UnixNanos,
};
use tickhawk_venue::DecodeError;

/// What was told, line by line.
#[derive(Default)]
pub struct Trace {
    pub lines: Vec<String>,
    pub frames: usize,
}

impl Trace {
    fn say(&mut self, line: String) {
        self.lines.push(line);
    }
}

impl MarketSink for Trace {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.frames += 1;
        // No clock runs, so all of the frame is the same.
        self.say(format!("{frame:?}"));
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        self.say(format!("{id:?} is {symbol}"));
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.say(format!("{id:?} {scale:?}"));
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        let BookUpdate { instrument, kind, exchange_at, sequence, depth, changes, .. } = update;
        let sides = [Side::Bid, Side::Ask].map(|side| (book.best(side), book.level_count(side)));
        self.say(format!(
            "{at:?} {instrument:?} {kind:?} {exchange_at:?} {sequence:?} {depth:?} {} {sides:?}",
            changes.len()
        ));
    }

    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        self.say(format!("{at:?} {trade:?}"));
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.say(format!("{id:?} is stale: {cause:?}"));
    }

    fn want(&mut self, want: Want) {
        self.say(format!("{want:?}"));
    }

    fn malformed(&mut self, connection: ConnectionId, _error: DecodeError) {
        self.say(format!("{connection:?} is malformed"));
    }

    fn checked(&mut self, id: InstrumentId, matches: bool) {
        self.say(format!("{id:?} matches: {matches}"));
    }
}

/// One input, kept.
pub struct Kept {
    connection: ConnectionId,
    received_at: UnixNanos,
    input: KeptInput,
}

enum KeptInput {
    Opened,
    Closed,
    Sent(Vec<u8>),
    Frame(Vec<u8>),
    RestReply { url: Option<String>, status: Option<u16>, body: Vec<u8> },
    Alive,
    Wanted(Vec<String>),
    Timer,
}

impl Kept {
    pub fn new(connection: ConnectionId, received_at: UnixNanos, input: &Input<'_>) -> Self {
        let input = match *input {
            Input::Opened => KeptInput::Opened,
            Input::Closed => KeptInput::Closed,
            Input::Sent(bytes) => KeptInput::Sent(bytes.to_vec()),
            Input::Frame(bytes) => KeptInput::Frame(bytes.to_vec()),
            Input::RestReply { url, status, body } => {
                KeptInput::RestReply { url: url.map(str::to_owned), status, body: body.to_vec() }
            }
            Input::Alive => KeptInput::Alive,
            Input::Wanted(symbols) => KeptInput::Wanted(symbols.to_vec()),
            Input::Timer => KeptInput::Timer,
            Input::Decoded(_) => panic!("what is kept is not decoded"),
        };
        Self { connection, received_at, input }
    }

    fn record(&self) -> Record<'_> {
        let input = match &self.input {
            KeptInput::Opened => Input::Opened,
            KeptInput::Closed => Input::Closed,
            KeptInput::Sent(bytes) => Input::Sent(bytes),
            KeptInput::Frame(bytes) => Input::Frame(bytes),
            KeptInput::RestReply { url, status, body } => {
                Input::RestReply { url: url.as_deref(), status: *status, body }
            }
            KeptInput::Alive => Input::Alive,
            KeptInput::Wanted(symbols) => Input::Wanted(symbols),
            KeptInput::Timer => Input::Timer,
        };
        Record { connection: self.connection, received_at: self.received_at, input }
    }
}

fn stage(options: &MarketOptions) -> MarketStage {
    let plan = FeaturePlan::compile(
        &["obi_5", "spread_ticks", "trade_imbalance@1s", "ofi_1@64u", "mid_return@1s"],
        PlanOptions { window_capacity: 1_024, ..PlanOptions::default() },
    );
    MarketStage::new(options.clone(), plan.unwrap(), Clock::still())
}

/// The inputs in the decoded form.
pub fn compile(options: &MarketOptions, inputs: &[Kept]) -> Vec<u8> {
    let mut compiler = Compiler::new(options.clone(), Vec::new()).unwrap();
    inputs.iter().for_each(|kept| compiler.step(&kept.record(), &mut ()).unwrap());
    compiler.finish(Vec::new()).unwrap().2
}

/// What is told of a form, and what is reported in the end.
pub fn replay(options: &MarketOptions, form: &[u8]) -> Result<(Trace, String), FormError> {
    let mut reader = Reader::in_memory("form", form)?;
    let (mut market, mut trace) = (stage(options), Trace::default());
    while let Some(step) = reader.next_step()? {
        let Record { connection, received_at, input } = Record::from(step);
        market.step(connection, received_at, MonoNanos::default(), input, &mut trace);
    }
    Ok((trace, report(&market)))
}

fn report(market: &MarketStage) -> String {
    format!("{:#?} {:?} {:?}", market.reports(), market.counts(), market.decoder_counts())
}

/// Whether the inputs make the stage tell and report the same, raw and compiled; how much that is:
/// frames, and lines in all.
#[track_caller]
pub fn agree(of: &str, options: MarketOptions, inputs: &[Kept]) -> (usize, usize) {
    // Replays judge none.
    let options = MarketOptions { silence: Silence::default(), ..options };
    let (mut market, mut raw) = (stage(&options), Trace::default());
    for kept in inputs {
        let Record { connection, received_at, input } = kept.record();
        market.step(connection, received_at, MonoNanos::default(), input, &mut raw);
    }
    let form = compile(&options, inputs);
    let about = Reader::in_memory("form", &form).unwrap().about().clone();
    let asked = options.clone().for_form(&about).unwrap();
    assert_eq!((asked.links, asked.symbols), (options.links, options.symbols.clone()), "{of}");
    let (compiled, reported) = replay(&options, &form).unwrap();
    same(of, raw.lines.iter(), compiled.lines.iter());
    same(of, report(&market).lines(), reported.lines());
    (raw.frames, raw.lines.len())
}

/// Fails with the first line that differs.
#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(
    of: &str,
    mut raw: impl Iterator<Item = T>,
    mut compiled: impl Iterator<Item = T>,
) {
    for number in 1.. {
        let (raw, compiled) = (raw.next(), compiled.next());
        assert_eq!(raw, compiled, "{of}, line {number}");
        if raw.is_none() {
            return;
        }
    }
}
