//! Book and features from messages that are decoded already.
//!
//! The seam for Tickhawk's decoded form: until it is a file, [`Decoded`] holds what the decoder gave
//! in memory, and [`Pass::run`] is what will read it.

use crate::recording::{CONNECTION, Received, Recording};
use anyhow::{Context, Result};
use tickhawk_book::{Book, BookLimits};
use tickhawk_feature::{FeaturePlan, FeatureState, PlanOptions, ValidMask, default_features};
use tickhawk_market::{BookUpdate, Change, Level, Scale, Side, Trade, UnixNanos, Update, Updates};
use tickhawk_venue::{Decoder, Limits, Venue};

/// One decoded message.
enum Message {
    Book(BookUpdate),
    Trade(Trade),
}

/// The recording, decoded.
pub struct Decoded {
    messages: Vec<(UnixNanos, Message)>,
    changes: Vec<Change>,
    scale: Scale,
    tick: i64,
    plan: FeaturePlan,
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passed {
    /// Frames filled.
    pub frames: u64,
    /// Levels and trades.
    pub events: u64,
    /// All features added up, so that none is left out.
    pub sum: f64,
}

impl Decoded {
    /// Decodes it once.
    pub fn new(recording: &Recording) -> Result<Self> {
        let mut decoder = Decoder::new(Venue::BinanceFutures, None, Limits::default());
        let (mut out, mut messages, mut changes) = (Updates::new(), Vec::new(), Vec::new());
        let mut scale = Scale::default();
        for received in &recording.received {
            out.clear();
            let (Received::Frame { at, .. } | Received::Reply { at, .. }) = received;
            match received {
                Received::Frame { bytes, .. } => decoder.frame(CONNECTION, bytes, &mut out)?,
                Received::Reply { url, body, .. } => {
                    decoder.rest_reply(CONNECTION, Some(url), Some(200), body, &mut out)?;
                }
            }
            let at = UnixNanos::new(*at);
            for update in &out.updates {
                match update {
                    Update::Scale { scale: grown, .. } => scale = *grown,
                    Update::Trade(trade) => messages.push((at, Message::Trade(*trade))),
                    Update::Book(book) => {
                        let begin = changes.len() as u32;
                        changes.extend_from_slice(out.changes_of(book));
                        let changes = begin..changes.len() as u32;
                        let book = BookUpdate { changes, ..book.clone() };
                        messages.push((at, Message::Book(book)));
                    }
                    _ => {}
                }
            }
        }
        let tick = recording.tick_size * 10f64.powi(scale.price_decimals.into());
        let plan = FeaturePlan::compile(default_features(), PlanOptions::default());
        let plan = plan.context("the default features")?;
        Ok(Self { messages, changes, scale, tick: tick.round() as i64, plan })
    }
}

/// Book and features before a pass, with all the memory they take.
pub struct Pass<'a> {
    decoded: &'a Decoded,
    book: Book,
    features: FeatureState,
    top: [Vec<Level>; 2],
    values: Vec<f32>,
}

impl<'a> Pass<'a> {
    /// An empty book.
    pub fn new(decoded: &'a Decoded) -> Self {
        let mut book = Book::new(BookLimits::default());
        book.set_scale(decoded.scale);
        let features = FeatureState::new(&decoded.plan, decoded.scale, Some(decoded.tick));
        let depth = decoded.plan.depth();
        let top = [vec![Level::default(); depth], vec![Level::default(); depth]];
        Self { decoded, book, features, top, values: vec![0.0; decoded.plan.count()] }
    }

    /// To the end: every message into the book, every book message into the features, every frame
    /// filled.
    pub fn run(&mut self) -> Passed {
        let Self { decoded, book, features, top: [bids, asks], values } = self;
        let (mut valid, mut passed): (ValidMask, Passed) = ([0; 2], Passed::default());
        for (at, message) in &decoded.messages {
            match message {
                Message::Trade(trade) => {
                    features.on_trade(*at, trade);
                    passed.events += 1;
                }
                Message::Book(update) => {
                    let range = update.changes.start as usize..update.changes.end as usize;
                    passed.events += range.len() as u64;
                    book.apply(update, &decoded.changes[range]);
                    let bid_count = book.top(Side::Bid, bids);
                    let ask_count = book.top(Side::Ask, asks);
                    features.on_book(*at, &bids[..bid_count], &asks[..ask_count]);
                    features.fill(*at, values, &mut valid);
                    passed.frames += 1;
                    passed.sum += values.iter().map(|value| f64::from(*value)).sum::<f64>();
                }
            }
        }
        passed
    }
}
