//! `decode`: a venue's bytes to updates in integer ticks and lots.

mod baseline;

use crate::{
    Bench, Course, Estimate, Goal, HarnessError, Recorded, Results, Row, Subject, cold::Cold,
};
use baseline::Baseline;
use std::hint::black_box;
use tickhawk_engine::{Input, MarketOptions, Record};
use tickhawk_market::{Change, Update, Updates};
use tickhawk_venue::{Decoder, Limits, Venue};

/// Book frames in a block: some ten microseconds of the fast side.
const BLOCK: usize = 96;
/// Messages of a recording that are not timed: its books are still being filled.
const LEAD_IN: usize = 64;

/// Every recording's book frames, ours beside sonic-rs.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let mut venues: Vec<(Venue, Estimate)> = Vec::new();
    for recorded in bench.recordings {
        if !Baseline::knows(recorded.venue) {
            continue;
        }
        let Some(frames) = Frames::new(bench, recorded)? else { continue };
        let mut ours = Ours::new(&frames);
        let mut theirs = Theirs::new(&frames);
        ours.check(&mut theirs.baseline)?;
        let course = frames.course(bench.pairs);
        let name = |who: &str| format!("decode/{}/{who}", recorded.venue);
        let names = [name("tickhawk"), name("sonic-rs")];
        let ratio = results.beside(course, names, ("message", 1.0), &mut ours, &mut theirs);
        let samples = frames.cold(&bench.clock, &mut ours);
        let name = format!("decode/{}-cold/tickhawk", recorded.venue);
        results.rows.push(Row::new(name, "message", 1, samples));
        venues.push((recorded.venue, ratio));
    }
    let binance = venues.iter().find(|(venue, _)| {
        matches!(venue, Venue::BinanceFutures | Venue::Binance | Venue::BinanceDelivery)
    });
    if let Some((venue, ratio)) = binance {
        let what = format!("decoding a {venue} depth frame, over sonic-rs and integer conversion");
        results.goals.push(Goal::at_most("decode-vs-sonic", *ratio, 0.16, what));
    }
    if let Some((venue, ratio)) = venues.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value)) {
        let what = format!("the slowest venue's book frames ({venue}), of {}", venues.len());
        results.goals.push(Goal::at_most("decode-venues-vs-sonic", *ratio, 0.35, what));
    }
    Ok(())
}

/// A recording's book frames, and what must be decoded besides so that they are in sequence.
struct Frames<'a> {
    recorded: &'a Recorded,
    /// Records by number.
    records: Vec<usize>,
    /// Which of them are book frames of a whole book.
    timed: Vec<bool>,
    lead_in: usize,
}

impl<'a> Frames<'a> {
    /// `None` if there are too few to measure by.
    fn new(bench: &Bench<'_>, recorded: &'a Recorded) -> Result<Option<Self>, HarnessError> {
        let options = MarketOptions::new(recorded.venue);
        let framing = recorded.framing(&options, &bench.clock, LEAD_IN);
        if framing.len() < 4 * BLOCK {
            let (name, found) = (recorded.name.clone(), framing.len());
            results_too_short(bench, HarnessError::TooShort { name, found, needed: 4 * BLOCK })?;
            return Ok(None);
        }
        let first = framing[0];
        let is_book: std::collections::BTreeSet<usize> = framing.into_iter().collect();
        let counts_all =
            matches!(recorded.venue, Venue::Coinbase | Venue::CoinbaseExchange | Venue::Bitfinex);
        let needed = |index: &usize| *index < first || counts_all || is_book.contains(index);
        let records: Vec<usize> = (0..recorded.len()).filter(needed).collect();
        let timed = records.iter().map(|index| is_book.contains(index)).collect();
        Ok(Some(Self { recorded, records, timed, lead_in: first }))
    }

    fn course(&self, pairs: usize) -> Course<'_> {
        let (items, lead_in) = (self.records.len(), self.lead_in);
        Course { items, lead_in, block: BLOCK, pairs, timed: &self.timed }
    }

    /// What one frame takes when nothing of it or of the decoder is in a core's own caches.
    fn cold(&self, clock: &tickhawk_latency::Clock, ours: &mut Ours<'_>) -> Vec<f64> {
        let mut cold = Cold::new();
        ours.restart();
        ours.take(0..self.lead_in);
        let mut samples = Vec::new();
        for item in (self.lead_in..self.records.len()).take(4 * Cold::SAMPLES) {
            if !self.timed[item] {
                ours.take(item..item + 1);
                continue;
            }
            cold.evict();
            let began = clock.now();
            ours.take(item..item + 1);
            samples.push((clock.now() - began).nanos() as f64);
            if samples.len() == Cold::SAMPLES {
                break;
            }
        }
        samples
    }
}

/// A recording that was named is an error; one of the bundled ones is left out.
fn results_too_short(bench: &Bench<'_>, error: HarnessError) -> Result<(), HarnessError> {
    if bench.recordings.len() > 1 { Ok(()) } else { Err(error) }
}

struct Ours<'a> {
    frames: &'a Frames<'a>,
    decoder: Decoder,
    out: Updates,
}

impl<'a> Ours<'a> {
    fn new(frames: &'a Frames<'a>) -> Self {
        let decoder = Decoder::new(frames.recorded.venue, None, Limits::default());
        Self { frames, decoder, out: Updates::new() }
    }

    /// Both sides come to the same levels in every frame that is timed.
    fn check(&mut self, baseline: &mut Baseline) -> Result<(), HarnessError> {
        self.restart();
        for (item, timed) in self.frames.timed.iter().enumerate() {
            self.take(item..item + 1);
            let index = self.frames.records[item];
            let (true, Some(bytes)) = (*timed, self.frames.recorded.frame(index)) else { continue };
            let theirs = baseline.decode(bytes, &self.decoder);
            let ours = self.out.updates.iter().filter_map(|update| match update {
                Update::Book(book) => Some(self.out.changes_of(book)),
                _ => None,
            });
            let ours: Vec<Change> = ours.flatten().copied().collect();
            if theirs != ours {
                return Err(HarnessError::Disagree {
                    what: format!("record {index} of {}", self.frames.recorded.name),
                    ours: format!("{ours:?}"),
                    theirs: format!("{theirs:?}"),
                });
            }
        }
        Ok(())
    }
}

impl Subject for Ours<'_> {
    fn restart(&mut self) {
        self.decoder = Decoder::new(self.frames.recorded.venue, None, Limits::default());
    }

    fn take(&mut self, items: std::ops::Range<usize>) {
        for item in items {
            let record = self.frames.recorded.record(self.frames.records[item], 0);
            self.out.clear();
            decode(&mut self.decoder, record, &mut self.out);
            black_box(&self.out);
        }
    }
}

/// As the market stage decodes. What cannot be read is the recording's business.
pub(crate) fn decode(decoder: &mut Decoder, record: Record<'_>, out: &mut Updates) {
    let Record { connection, input, .. } = record;
    match input {
        Input::Frame(bytes) => {
            let _ = black_box(decoder.frame(connection, bytes, out));
        }
        Input::RestReply { url, status, body } => {
            let _ = black_box(decoder.rest_reply(connection, url, status, body, out));
        }
        Input::Opened => decoder.opened(connection, out),
        Input::Closed => decoder.closed(connection, out),
        Input::Sent(bytes) => decoder.sent(connection, bytes, out),
        Input::Alive | Input::Wanted(_) | Input::Timer => {}
    }
}

struct Theirs<'a> {
    frames: &'a Frames<'a>,
    baseline: Baseline,
    /// Knows the instruments and their decimals.
    decoder: Decoder,
}

impl<'a> Theirs<'a> {
    fn new(frames: &'a Frames<'a>) -> Self {
        let mut knows = Ours::new(frames);
        knows.take(0..frames.records.len());
        Self { frames, baseline: Baseline::new(frames.recorded.venue), decoder: knows.decoder }
    }
}

impl Subject for Theirs<'_> {
    fn restart(&mut self) {}

    fn take(&mut self, items: std::ops::Range<usize>) {
        for item in items {
            if self.frames.timed[item] {
                let bytes = self.frames.recorded.frame(self.frames.records[item]);
                black_box(self.baseline.decode(bytes.unwrap_or_default(), &self.decoder));
            }
        }
    }
}
