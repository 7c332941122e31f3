//! Signals to lines, notices to words.

use crate::report;
use anyhow::Result;
use std::io::Write;
use tickhawk_engine::{Listener, Notice};
use tickhawk_inference::Model;
use tickhawk_market::InstrumentId;
use tickhawk_signal::{Signal, SignalLine};
use tickhawk_venue::Venue;

/// Writes signals as lines, the first `lines_max` of them.
pub struct SignalWriter<W> {
    out: W,
    lines_max: u64,
    line: Vec<u8>,
    venue: &'static str,
    model: String,
    version: String,
    schema: String,
    symbols: Vec<String>,
    complaints: report::Complaints,
    signals: u64,
    failure: Option<std::io::Error>,
}

impl<W: Write> SignalWriter<W> {
    /// Names what every line carries.
    pub fn new(out: W, lines_max: u64, venue: Venue, model: &Model) -> Self {
        Self {
            out,
            lines_max,
            line: Vec::with_capacity(1024),
            venue: venue.slug(),
            model: model.name().to_owned(),
            version: model.version().to_owned(),
            schema: model.contract().schema().to_owned(),
            symbols: Vec::new(),
            complaints: report::Complaints::default(),
            signals: 0,
            failure: None,
        }
    }

    /// Writes out what is held; how many signals came.
    ///
    /// # Errors
    /// If a line could not be written, the first time or now.
    pub fn finish(mut self) -> Result<u64> {
        if let Some(failure) = self.failure {
            return Err(failure.into());
        }
        self.out.flush()?;
        Ok(self.signals)
    }

    /// Whether lines can no longer be written.
    pub fn failed(&self) -> bool {
        self.failure.is_some()
    }

    fn symbol(&self, id: InstrumentId) -> &str {
        self.symbols.get(id.index()).map_or("?", String::as_str)
    }
}

impl<W: Write> Listener for SignalWriter<W> {
    fn signal(&mut self, signal: &Signal) {
        self.signals += 1;
        if self.signals > self.lines_max || self.failure.is_some() {
            return;
        }
        let symbol = &self.symbols[signal.instrument.index()];
        let line =
            SignalLine::new(signal, self.venue, symbol, &self.model, &self.version, &self.schema);
        self.failure = line.write(&mut self.line, &mut self.out).err();
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Instrument { symbol, .. } => self.symbols.push(symbol),
            Notice::Malformed { connection, error } => {
                self.complaints.malformed(connection, &error)
            }
            Notice::Stale { id, cause } => {
                let symbol = self.symbol(id).to_owned();
                self.complaints.stale(&symbol, cause);
            }
        }
    }
}
