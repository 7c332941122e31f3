//! Recordings as a source of the engine's records, with a progress bar on a terminal.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, path::PathBuf};
use tickhawk_capture::{CaptureError, RecordKind, Session, expand};
use tickhawk_engine::{Input, MarketOptions, Record, Source};
use tickhawk_feed::LINKS;
use tickhawk_venue::Venue;

/// Records between two looks at the progress bar.
const RECORDS_PER_REDRAW: u32 = 4_096;

/// Files being read as one session.
pub struct Recording {
    session: Session,
    bar: ProgressBar,
    since_redraw: u32,
    /// The only instruments to be read, whatever the run that was recorded asked for.
    only: Option<Vec<String>>,
    /// What the last record says is asked for, as far as it is to be read.
    wanted: Vec<String>,
}

impl Recording {
    /// Opens the files. The venue is the flag's, else the one a recording of ours names.
    pub fn open(files: &[PathBuf], venue: Option<Venue>) -> Result<(Self, Venue)> {
        let files = &expand(files).context("opening the recording")?;
        // One file a symbol is how some collectors record: by time, not one after the other.
        let session = Session::open_merged(files).context("opening the recording")?;
        let named = session.header().and_then(|header| header.venue.clone());
        let venue = match (venue, named) {
            (Some(venue), Some(slug)) if slug != venue.slug() => {
                eprintln!("warning: the recording says that it is {slug}'s, not {venue}'s");
                venue
            }
            (Some(venue), _) => venue,
            (None, Some(slug)) => slug.parse().context("in the recording's header")?,
            (None, None) => bail!(
                "cannot tell whose messages `{}` holds\nhint: say it with `--venue SLUG`; the \
                 venues are {}",
                files[0].display(),
                Venue::ALL.map(Venue::slug).join(", ")
            ),
        };
        let bar = progress_bar(session.bytes_total());
        let recording = Self { session, bar, since_redraw: 0, only: None, wanted: Vec::new() };
        Ok((recording, venue))
    }

    /// How the recording's connections were spread over links, for the stage that reads it; of the
    /// instruments that options name, no others are read.
    pub fn options(&mut self, options: MarketOptions) -> MarketOptions {
        self.only = options.symbols.clone();
        let links = self.session.header().and_then(|header| header.links).unwrap_or(1);
        let shares_ids = options.venue.terms().shares_ids;
        MarketOptions { links: links.clamp(1, LINKS), shares_ids, ..options }
    }

    /// Whether a file ended early: its recorder was killed, or is still writing.
    pub fn is_cut(&self) -> bool {
        !self.session.warnings().is_empty()
    }

    /// Takes the bar away, and says what the reader could not make out.
    pub fn close(&self) {
        self.bar.finish_and_clear();
        for warning in self.session.warnings() {
            eprintln!("warning: {warning}");
        }
        if self.session.unknown_events() > 0 {
            eprintln!(
                "warning: {} events of a newer recorder were skipped",
                self.session.unknown_events()
            );
        }
    }
}

impl Source for Recording {
    type Error = CaptureError;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        self.since_redraw += 1;
        if self.since_redraw == RECORDS_PER_REDRAW {
            self.since_redraw = 0;
            self.bar.set_position(self.session.bytes_read());
        }
        let Some(record) = self.session.next_record()? else { return Ok(None) };
        let input = match record.kind {
            RecordKind::Opened { .. } => Input::Opened,
            RecordKind::Closed => Input::Closed,
            RecordKind::Sent(bytes) => Input::Sent(bytes),
            RecordKind::Frame(bytes) => Input::Frame(bytes),
            RecordKind::RestReply { url, status, body } => Input::RestReply { url, status, body },
            RecordKind::Alive => Input::Alive,
            RecordKind::Wanted(symbols) => {
                let is_read =
                    |symbol: &&String| self.only.as_ref().is_none_or(|only| only.contains(*symbol));
                self.wanted = symbols.iter().filter(is_read).cloned().collect();
                Input::Wanted(&self.wanted)
            }
            RecordKind::Timer => Input::Timer,
        };
        let (connection, received_at) = (record.connection, record.received_at);
        Ok(Some(Record { connection, received_at, input }))
    }
}

fn progress_bar(bytes_total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}");
    ProgressBar::new(bytes_total).with_style(style.expect("the template is a constant"))
}
