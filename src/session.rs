//! Recordings, raw or compiled, as a source of the engine's records, with a progress bar on a terminal.

use anyhow::{Context, Error, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};
use tickhawk_capture::{RecordKind, Session, expand};
use tickhawk_decoded::{About, Reader};
use tickhawk_engine::{Input, MarketOptions, Record, Source};
use tickhawk_feed::LINKS;
use tickhawk_venue::Venue;

/// Records between two looks at the progress bar.
const RECORDS_PER_REDRAW: u32 = 4_096;

/// Files being read as one session.
pub struct Recording {
    kind: Kind,
    bar: ProgressBar,
    since_redraw: u32,
}

enum Kind {
    /// What a venue sent, as it was received.
    Raw(Box<Raw>),
    /// What decoders made of it.
    Compiled(Box<Reader>),
}

struct Raw {
    session: Session,
    /// The only instruments to be read, whatever the run that was recorded asked for.
    only: Option<Vec<String>>,
    /// What the last record says is asked for, as far as it is to be read.
    wanted: Vec<String>,
}

impl Recording {
    /// Opens the files: recordings, or one compiled one. The venue is the flag's, else the one a
    /// recording of ours names.
    pub fn open(files: &[PathBuf], venue: Option<Venue>) -> Result<(Self, Venue)> {
        match compiled(files)? {
            Some(file) => Self::open_compiled(file, venue),
            None => Self::open_raw(files, venue),
        }
    }

    fn open_raw(files: &[PathBuf], venue: Option<Venue>) -> Result<(Self, Venue)> {
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
        let kind = Kind::Raw(Box::new(Raw { session, only: None, wanted: Vec::new() }));
        Ok((Self { kind, bar, since_redraw: 0 }, venue))
    }

    fn open_compiled(file: &Path, venue: Option<Venue>) -> Result<(Self, Venue)> {
        let reader = Reader::open(file).context("opening the recording")?;
        let named =
            reader.about().venue.parse().with_context(|| format!("in `{}`", file.display()))?;
        let bar = progress_bar(reader.bytes_total());
        let kind = Kind::Compiled(Box::new(reader));
        // Another one is refused with the other options.
        Ok((Self { kind, bar, since_redraw: 0 }, venue.unwrap_or(named)))
    }

    /// How the recording's connections were spread over links, for the stage that reads it; of the
    /// instruments that options name, no others are read. Options by which a compiled recording would
    /// have become another are refused.
    pub fn options(&mut self, options: MarketOptions) -> Result<MarketOptions> {
        let raw = match &mut self.kind {
            Kind::Raw(raw) => raw,
            Kind::Compiled(reader) => return Ok(options.for_form(reader.about())?),
        };
        raw.only = options.symbols.clone();
        let links = raw.session.header().and_then(|header| header.links).unwrap_or(1);
        let shares_ids = options.venue.terms().shares_ids;
        Ok(MarketOptions { links: links.clamp(1, LINKS), shares_ids, ..options })
    }

    /// Whether a file ended early: its recorder was killed, or is still writing.
    pub fn is_cut(&self) -> bool {
        match &self.kind {
            Kind::Raw(raw) => !raw.session.warnings().is_empty(),
            Kind::Compiled(_) => false,
        }
    }

    /// Bytes of all files.
    pub fn bytes_total(&self) -> u64 {
        match &self.kind {
            Kind::Raw(raw) => raw.session.bytes_total(),
            Kind::Compiled(reader) => reader.bytes_total(),
        }
    }

    /// Takes the bar away, and says what the reader could not make out.
    pub fn close(&self) {
        self.bar.finish_and_clear();
        let Kind::Raw(raw) = &self.kind else { return };
        let session = &raw.session;
        for warning in session.warnings() {
            eprintln!("warning: {warning}");
        }
        if session.unknown_events() > 0 {
            eprintln!(
                "warning: {} events of a newer recorder were skipped",
                session.unknown_events()
            );
        }
    }
}

/// The one compiled recording that is named, if one is.
pub fn compiled(files: &[PathBuf]) -> Result<Option<&Path>> {
    let Some(file) = files.iter().find(|file| Reader::recognises(file)) else { return Ok(None) };
    if files.len() > 1 {
        bail!(
            "`{}` is a compiled recording, and {} other files are named beside it\nhint: name it \
             alone, or compile all recordings into one: `tickhawk compile FILES --out F`",
            file.display(),
            files.len() - 1
        );
    }
    Ok(Some(file))
}

/// Refuses a compiled recording where the messages themselves are needed, for `what`.
pub fn raw_only(files: &[PathBuf], what: &str) -> Result<()> {
    if let Some(file) = files.iter().find(|file| Reader::recognises(file)) {
        let of = Reader::open(file).map(|reader| sources(reader.about())).unwrap_or_default();
        bail!(
            "`{}` is a compiled recording, and {what} needs what the venue sent\nhint: name the \
             recording it was made of{of}",
            file.display()
        );
    }
    Ok(())
}

fn sources(about: &About) -> String {
    let names: Vec<_> = about.sources.iter().map(|source| format!("`{}`", source.file)).collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

impl Raw {
    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
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

impl Source for Recording {
    type Error = Error;

    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        self.since_redraw += 1;
        if self.since_redraw == RECORDS_PER_REDRAW {
            self.since_redraw = 0;
            self.bar.set_position(match &self.kind {
                Kind::Raw(raw) => raw.session.bytes_read(),
                Kind::Compiled(reader) => reader.bytes_read(),
            });
        }
        match &mut self.kind {
            Kind::Raw(raw) => raw.next_record(),
            Kind::Compiled(reader) => Ok(reader.next_step()?.map(Record::from)),
        }
    }
}

fn progress_bar(bytes_total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}");
    ProgressBar::new(bytes_total).with_style(style.expect("the template is a constant"))
}
