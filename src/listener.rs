//! Signals to lines, notices to words.

use crate::{ladder::ModelNames, report};
use anyhow::Result;
use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};
use tickhawk_engine::{Listener, Notice};
use tickhawk_market::InstrumentId;
use tickhawk_signal::{Signal, SignalLine};
use tickhawk_venue::Venue;

/// Writes signals as lines, the first `lines_max` of them.
pub struct SignalWriter<W> {
    out: W,
    lines_max: u64,
    line: Vec<u8>,
    venue: &'static str,
    names: ModelNames,
    symbols: Vec<String>,
    complaints: report::Complaints,
    signals: u64,
    failure: Option<std::io::Error>,
}

impl<W: Write> SignalWriter<W> {
    /// Names what lines carry.
    pub fn new(out: W, lines_max: u64, venue: Venue, names: ModelNames) -> Self {
        Self {
            out,
            lines_max,
            line: Vec::with_capacity(1024),
            venue: venue.slug(),
            names,
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

    /// Writes out what is held.
    pub fn flush(&mut self) {
        if self.failure.is_none() {
            self.failure = self.out.flush().err();
        }
    }

    /// Whether lines can no longer be written.
    pub fn failed(&self) -> bool {
        self.failure.is_some()
    }

    fn symbol(&self, id: InstrumentId) -> &str {
        self.symbols.get(id.index()).map_or("?", String::as_str)
    }
}

/// Where signals of several lanes go.
pub type SharedOut = Arc<Mutex<Box<dyn Write + Send>>>;

/// One lane's way to it.
pub struct LaneOut(pub SharedOut);

impl Write for LaneOut {
    /// Whole lines come in one call each, so that lanes do not mix.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock()?.flush()
    }
}

impl LaneOut {
    fn lock(&self) -> io::Result<MutexGuard<'_, Box<dyn Write + Send>>> {
        self.0.lock().map_err(|_| io::Error::other("another lane failed while writing"))
    }
}

/// Hears a live lane: lines go out as soon as there is a pause, and a reader that went away ends
/// the run.
pub struct LiveListener {
    writer: SignalWriter<LaneOut>,
    stop: Arc<AtomicBool>,
    unflushed: bool,
}

impl LiveListener {
    /// Sets `stop` when signals can no longer be written.
    pub fn new(writer: SignalWriter<LaneOut>, stop: Arc<AtomicBool>) -> Self {
        Self { writer, stop, unflushed: false }
    }

    /// How many signals came.
    ///
    /// # Errors
    /// If one could not be written.
    pub fn finish(self) -> Result<u64> {
        self.writer.finish()
    }
}

impl Listener for LiveListener {
    fn signal(&mut self, signal: &Signal) {
        self.writer.signal(signal);
        self.unflushed = true;
        if self.writer.failed() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.writer.notice(notice);
    }

    fn idle(&mut self) {
        if std::mem::take(&mut self.unflushed) {
            self.writer.flush();
        }
    }
}

impl<W: Write> Listener for SignalWriter<W> {
    fn signal(&mut self, signal: &Signal) {
        self.signals += 1;
        if self.signals > self.lines_max || self.failure.is_some() {
            return;
        }
        let symbol = &self.symbols[signal.instrument.index()];
        let names = self.names.lock();
        let model = &names[&signal.model];
        let line =
            SignalLine::new(signal, self.venue, symbol, &model.name, &model.version, &model.schema);
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
