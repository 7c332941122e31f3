//! A signal as a line of JSON.

use crate::{Decision, Signal, Tier};
use serde::Serialize;
use std::io::{self, Write};
use tickhawk_latency::Stage;

/// Every key of a signal's JSON line, in order. `docs/outputs.md` explains them to users; this is
/// where they are defined. Measured time stands only under `latency`: the rest of the line is the
/// same for the same input, whenever and on whatever machine it is run.
#[derive(Serialize)]
pub struct SignalLine<'a> {
    /// The venue's slug.
    pub venue: &'a str,
    /// The venue's own symbol.
    pub symbol: &'a str,
    /// The frame's number, counted per instrument from 0.
    pub number: u64,
    /// Receive time of the input that made the frame, ns since the Unix epoch.
    pub received_at: u64,
    /// The exchange's time of it, ns since the Unix epoch, or null.
    pub exchange_at: Option<u64>,
    /// The venue's update id of the book scored, or null.
    pub sequence: Option<u64>,
    /// The book's epoch.
    pub epoch: u32,
    /// The book's state: always `live`, the only one that makes signals.
    pub state: &'static str,
    /// Receive time since the snapshot that began the epoch, ns.
    pub book_age_ns: u64,
    /// (best bid + best ask) / 2 in the quote currency.
    pub mid: f64,
    /// p_up - p_down, or the model's one value.
    pub score: f32,
    /// Probabilities of down, flat, up, or null.
    pub probabilities: Option<[f32; 3]>,
    /// `long`, `flat` or `short`.
    pub decision: Decision,
    /// Whether windows and hysteresis began anew with this run of frames.
    pub restarted: bool,
    /// Whether the score is the last one again, no input of the model having changed.
    pub repeated: bool,
    /// `primary`, `fallback` or `rule`: which rung of the ladder answered.
    pub tier: Tier,
    /// The name of the model that answered.
    pub model: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of its feature list, hex.
    pub schema: &'a str,
    /// Measured times.
    pub latency: LatencyLine,
}

/// Nanoseconds between the stages of one signal.
#[derive(Serialize)]
pub struct LatencyLine {
    /// Received to decoded.
    pub decode: i64,
    /// Decoded to framed.
    pub frame: i64,
    /// Framed to taken off the ring.
    pub hop: i64,
    /// Taken to scored.
    pub score: i64,
    /// Scored to emitted.
    pub emit: i64,
    /// Received to emitted.
    pub total: i64,
}

impl From<&Signal> for LatencyLine {
    fn from(signal: &Signal) -> Self {
        let ns = |stage| signal.stamps.span(stage).nanos();
        Self {
            decode: ns(Stage::Decode),
            frame: ns(Stage::Frame),
            hop: ns(Stage::Hop),
            score: ns(Stage::Score),
            emit: ns(Stage::Emit),
            total: ns(Stage::Total),
        }
    }
}

impl<'a> SignalLine<'a> {
    /// The line of `signal`; the names are the session's and the model's.
    pub fn new(
        signal: &Signal,
        venue: &'a str,
        symbol: &'a str,
        model: &'a str,
        version: &'a str,
        schema: &'a str,
    ) -> Self {
        Self {
            venue,
            symbol,
            number: signal.number,
            received_at: signal.received_at.nanos(),
            exchange_at: signal.exchange_at.map(|at| at.nanos()),
            sequence: signal.sequence,
            epoch: signal.epoch,
            state: "live",
            book_age_ns: signal.book_age_ns,
            mid: signal.mid,
            score: signal.score,
            probabilities: signal.probabilities,
            decision: signal.decision,
            restarted: signal.restarted,
            repeated: signal.repeated,
            tier: signal.tier,
            model,
            version,
            schema,
            latency: signal.into(),
        }
    }

    /// Writes the line and its newline; `buffer` is reused from line to line.
    ///
    /// # Errors
    /// If `out` cannot be written to.
    pub fn write(&self, buffer: &mut Vec<u8>, out: &mut impl Write) -> io::Result<()> {
        buffer.clear();
        sonic_rs::to_writer(&mut *buffer, self).map_err(io::Error::other)?;
        buffer.push(b'\n');
        out.write_all(buffer)
    }
}
