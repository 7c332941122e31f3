//! `decode`: a venue's bytes to updates in integer ticks and lots.

mod baseline;

use crate::{
    Bench, Course, Estimate, Goal, HarnessError, Recorded, Results, Row, Subject, cold::Cold,
};
use baseline::Levels;
use std::{collections::BTreeSet, hint::black_box, ops::Range};
use tickhawk_engine::{Input, MarketOptions, Record};
use tickhawk_latency::Clock;
use tickhawk_market::{Change, Scale, Side, Update, Updates};
use tickhawk_venue::{Decoder, Limits, Venue};

/// Book frames in a block: some ten microseconds of the fast side.
const BLOCK: usize = 96;
/// Book messages of a recording that are not timed: its books are still being filled.
const LEAD_IN: usize = 64;
/// Of a hundred book frames, so many may be ones that the baseline does not read alike.
const UNLIKE_MAX: usize = 10;

/// Every recording's book frames, ours beside sonic-rs.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let mut venues: Vec<(Venue, Estimate)> = Vec::new();
    for recorded in bench.recordings {
        let frames = match Frames::new(bench, recorded) {
            Err(error @ HarnessError::TooShort { .. }) if bench.recordings.len() > 1 => {
                results.notes.push(error.to_string());
                continue;
            }
            frames => frames?,
        };
        let mut ours = Ours::new(&frames);
        let mut theirs = Theirs { frames: &frames, levels: Levels::default() };
        let name = |who: &str| format!("decode/{}/{who}", recorded.venue);
        let names = [name("tickhawk"), name("sonic-rs")];
        let course = frames.course(bench.pairs);
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
    /// Which of them are book frames of a whole book that both sides read.
    timed: Vec<bool>,
    /// Decimals of each record's instrument.
    scales: Vec<Scale>,
    lead_in: usize,
}

impl<'a> Frames<'a> {
    fn new(bench: &Bench<'_>, recorded: &'a Recorded) -> Result<Self, HarnessError> {
        let options = MarketOptions::new(recorded.venue);
        let framing = recorded.framing(&options, &bench.clock, LEAD_IN);
        let (name, found) = (recorded.name.clone(), framing.len());
        if found < 4 * BLOCK {
            return Err(HarnessError::TooShort { name, found, needed: 4 * BLOCK });
        }
        let first = framing[0];
        let is_book: BTreeSet<usize> = framing.into_iter().collect();
        // On these the sequence counts the messages of all channels.
        let counts_all =
            matches!(recorded.venue, Venue::Coinbase | Venue::CoinbaseExchange | Venue::Bitfinex);
        let needed = |index: &usize| *index < first || counts_all || is_book.contains(index);
        let records: Vec<usize> = (0..recorded.len()).filter(needed).collect();
        let scales = vec![Scale::default(); records.len()];
        let timed = records.iter().map(|index| is_book.contains(index)).collect();
        let mut frames = Self { recorded, records, timed, scales, lead_in: first };
        frames.leave_out_unlike()?;
        Ok(frames)
    }

    /// Both sides come to the same levels in every frame that is timed. Snapshots and messages of
    /// several instruments are no business of the baseline, and left out.
    fn leave_out_unlike(&mut self) -> Result<(), HarnessError> {
        let Self { recorded, records, timed, scales, .. } = self;
        let mut decoder = Decoder::new(recorded.venue, None, Limits::default());
        let (mut out, mut levels) = (Updates::new(), Levels::default());
        let (mut left_out, mut unlike) = (0, None);
        for (item, index) in records.iter().enumerate() {
            out.clear();
            decode(&mut decoder, recorded.record(*index, 0), &mut out);
            let (true, Some(bytes)) = (timed[item], recorded.frame(*index)) else { continue };
            let books = out.updates.iter().filter_map(|update| match update {
                Update::Book(book) => Some(book),
                _ => None,
            });
            let mut ours: Vec<Change> = Vec::new();
            for book in books {
                scales[item] = decoder.instruments().get(book.instrument).scale.unwrap_or_default();
                ours.extend(out.changes_of(book));
            }
            (levels.price_decimals, levels.qty_decimals) =
                (scales[item].price_decimals, scales[item].qty_decimals);
            let read = baseline::decode(recorded.venue, bytes, &mut levels);
            if read.is_none() || !are_alike(recorded.venue, &ours, &levels) {
                timed[item] = false;
                left_out += 1;
                unlike = Some((*index, ours));
            }
        }
        match unlike {
            Some((index, ours)) if left_out * 100 > timed.len() * UNLIKE_MAX => {
                Err(HarnessError::Disagree {
                    what: format!("record {index} of {}, one of {left_out}", recorded.name),
                    ours: format!("{ours:?}"),
                    theirs: format!("{:?}", levels.levels),
                })
            }
            _ => Ok(()),
        }
    }

    fn course(&self, pairs: usize) -> Course<'_> {
        let (items, lead_in) = (self.records.len(), self.lead_in);
        Course { items, lead_in, block: BLOCK, pairs, timed: &self.timed }
    }

    /// What one frame takes when nothing of it or of the decoder is in a core's own caches.
    fn cold(&self, clock: &Clock, ours: &mut Ours<'_>) -> Vec<f64> {
        let mut cold = Cold::new();
        ours.restart();
        ours.take(0..self.lead_in);
        let mut samples = Vec::new();
        for item in self.lead_in..self.records.len() {
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

/// The same levels, in whatever order of sides. BitMEX names an id in place of a price.
fn are_alike(venue: Venue, ours: &[Change], theirs: &Levels) -> bool {
    let is_priced = venue != Venue::Bitmex;
    let of_price = |price: i64| if is_priced { price } else { 0 };
    let ours = ours.iter().map(|change| {
        (change.side == Side::Bid, of_price(change.price.units()), change.qty.units())
    });
    let theirs = theirs.levels.iter().map(|(bid, price, qty)| (*bid, of_price(*price), *qty));
    let (mut ours, mut theirs): (Vec<_>, Vec<_>) = (ours.collect(), theirs.collect());
    ours.sort_unstable();
    theirs.sort_unstable();
    ours == theirs
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
}

impl Subject for Ours<'_> {
    fn restart(&mut self) {
        self.decoder = Decoder::new(self.frames.recorded.venue, None, Limits::default());
    }

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            let record = self.frames.recorded.record(self.frames.records[item], 0);
            self.out.clear();
            decode(&mut self.decoder, record, &mut self.out);
            black_box(&self.out);
        }
    }
}

struct Theirs<'a> {
    frames: &'a Frames<'a>,
    levels: Levels,
}

impl Subject for Theirs<'_> {
    fn restart(&mut self) {}

    fn take(&mut self, items: Range<usize>) {
        let Frames { recorded, records, timed, scales, .. } = self.frames;
        for item in items {
            let (true, Some(bytes)) = (timed[item], recorded.frame(records[item])) else {
                continue;
            };
            self.levels.price_decimals = scales[item].price_decimals;
            self.levels.qty_decimals = scales[item].qty_decimals;
            black_box(baseline::decode(recorded.venue, bytes, &mut self.levels));
            black_box(&self.levels.levels);
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
        Input::Alive | Input::Wanted(_) | Input::Timer | Input::Decoded(_) => {}
    }
}
