//! `tickhawk serve`: a recording, or a synthetic market, as the venue itself.

mod written;

use crate::{Outcome, cli::live::ServeArgs, report, session, shutdown};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufWriter, Write},
    net::SocketAddr,
    os::unix::process::parent_id,
};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::pin_to_core;
use tickhawk_feed::{ServeOptions, Served, ServedOutput, serve};
use tickhawk_simulator::{
    ClientId, Cue, Exchange, FaultPlan, Faults, MarketConfig, Playback, Recording, RestId,
    TapeKind, TapeRecord, WireFormat,
};
use tickhawk_venue::Venue;
use written::Written;

/// What is printed once clients may come.
#[derive(Serialize)]
struct Ready<'a> {
    venue: &'a str,
    ws: &'a str,
    rest: &'a str,
}

/// Runs the command.
pub fn run(args: ServeArgs) -> Result<Outcome> {
    let stop = shutdown::install()?;
    if let Some(parent) = args.parent {
        end_with(parent)?;
    }
    if let Some(core) = args.core {
        pin_to_core(core)?;
    }
    let (tape, venue) = match args.files.is_empty() {
        true => synthetic(&args)?,
        false => recorded(&args)?,
    };
    let exchange = Exchange::new(venue.slug(), tape)?;
    let plan = args.faults.clone().unwrap_or_else(FaultPlan::none);
    let log = match &args.log {
        Some(path) => {
            let file =
                File::create(path).with_context(|| format!("creating `{}`", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let faults = Faults::new(plan, args.seed);
    let playback = Playback::new(exchange, faults, args.pace()).quiet(quiet_ns(venue));
    let written = args.written.as_deref().map(Written::create).transpose()?;
    let mut host = Host { playback, log, log_failure: None, written };
    let options = ServeOptions {
        address: SocketAddr::new(args.bind, args.port),
        rest_address: SocketAddr::new(args.bind, args.rest_port),
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        is_punctual: args.rate.is_some(),
        tells_writes: args.written.is_some(),
        stop,
    };
    let mut told = Ok(());
    serve(&mut host, &options, |ws, rest| {
        told = tell(&Ready { venue: venue.slug(), ws, rest });
    })?;
    told?;
    host.write_log();
    host.written.map(Written::finish).transpose()?;
    if let Some(failure) = host.log_failure {
        return Err(failure).context("writing the log of faults");
    }
    if let Some(log) = &mut host.log {
        log.flush().context("writing the log of faults")?;
    }
    eprintln!("{} records played, {} faults", host.playback.steps(), host.playback.injected());
    Ok(Outcome::Done)
}

/// Ends as by SIGTERM when that process does, however it ends.
fn end_with(parent: u32) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM)).context("asking to end with its parent")?;
    ensure!(parent_id() == parent, "process {parent}, which this one was to end with, has ended");
    Ok(())
}

/// How long nobody may have said anything before playing begins. A client that keeps to the venue's
/// gap between messages, with as much again for its own slowness, is then heard to its end.
fn quiet_ns(venue: Venue) -> u64 {
    (2 * venue.terms().message_gap_ms + 200) * 1_000_000
}

fn tell(ready: &Ready<'_>) -> Result<()> {
    let mut out = report::stdout();
    writeln!(out, "{}", sonic_rs::to_string(ready)?)?;
    out.flush()?;
    Ok(())
}

type Tape = Box<dyn Iterator<Item = TapeRecord> + Send>;

fn synthetic(args: &ServeArgs) -> Result<(Tape, Venue)> {
    let Some(venue) = args.venue else {
        bail!("nothing to serve\nhint: name recordings, or a venue with `--venue SLUG`");
    };
    let format = WireFormat::from_slug(venue.slug())?;
    let mut config = MarketConfig::new(format.symbols(), args.seed);
    config.duration_ns = u64::from(args.seconds) * 1_000_000_000;
    let tape = Recording::new(format, &config)?.map(TapeRecord::from);
    Ok((Box::new(tape), venue))
}

fn recorded(args: &ServeArgs) -> Result<(Tape, Venue)> {
    session::raw_only(&args.files, "`serve`")?;
    let session = Session::open_merged(&args.files).context("opening the recording")?;
    let named = session.header().and_then(|header| header.venue.clone());
    let venue = match (args.venue, named) {
        (Some(venue), _) => venue,
        (None, Some(slug)) => slug.parse().context("in the recording's header")?,
        (None, None) => bail!(
            "cannot tell whose messages `{}` holds\nhint: say it with `--venue SLUG`",
            args.files[0].display()
        ),
    };
    Ok((Box::new(SessionTape { session }), venue))
}

/// A recording as a tape. A record that cannot be read ends it, and is told of.
struct SessionTape {
    session: Session,
}

impl Iterator for SessionTape {
    type Item = TapeRecord;

    fn next(&mut self) -> Option<TapeRecord> {
        loop {
            let record = match self.session.next_record() {
                Ok(record) => record?,
                Err(error) => {
                    eprintln!("warning: the recording ends early: {error}");
                    return None;
                }
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let kind = match record.kind {
                RecordKind::Opened { .. } => TapeKind::Opened,
                RecordKind::Closed => TapeKind::Closed,
                RecordKind::Sent(bytes) => TapeKind::Sent(text(bytes)),
                RecordKind::Frame(bytes) => TapeKind::Frame(text(bytes)),
                RecordKind::RestReply { url, status, body } => {
                    TapeKind::RestReply { url: url.map(str::to_owned), status, body: text(body) }
                }
                RecordKind::Timer | RecordKind::Wanted(_) | RecordKind::Alive => continue,
            };
            let connection = record.connection.0;
            return Some(TapeRecord { at: record.received_at, connection, kind });
        }
    }
}

/// A playback with its log, as the sockets see it.
struct Host {
    playback: Playback,
    log: Option<BufWriter<File>>,
    log_failure: Option<std::io::Error>,
    written: Option<Written>,
}

impl Host {
    fn write_log(&mut self) {
        let lines = self.playback.log();
        let Some(log) = self.log.as_mut().filter(|_| self.log_failure.is_none()) else { return };
        for line in lines {
            if let Err(failure) = writeln!(log, "{line}") {
                self.log_failure = Some(failure);
                return;
            }
        }
    }
}

impl Served for Host {
    fn accepts(&mut self) -> bool {
        self.playback.accepts()
    }

    fn connected(&mut self, client: u32, path: &str, now_ns: u64) {
        self.playback.connected(ClientId(client), path, now_ns);
    }

    fn received(&mut self, client: u32, text: &str, now_ns: u64) {
        self.playback.received(ClientId(client), text, now_ns);
    }

    fn disconnected(&mut self, client: u32) {
        self.playback.disconnected(ClientId(client));
        if let Some(written) = &mut self.written {
            written.write_out();
        }
    }

    fn rest(&mut self, request: u32, path: &str, now_ns: u64) {
        self.playback.rest(RestId(request), path, now_ns);
    }

    fn written(&mut self, client: u32, frame: u64, at_ns: u64) {
        if let Some(written) = &mut self.written {
            written.note(client, frame, at_ns);
        }
    }

    fn poll(&mut self, now_ns: u64) -> ServedOutput {
        match self.playback.poll(now_ns) {
            Cue::Frame { client, text, .. } => ServedOutput::Frame { client: client.0, text },
            Cue::Close { client, code, reason } => {
                ServedOutput::Close { client: client.0, code, reason }
            }
            Cue::HalfOpen { client } => ServedOutput::Mute { client: client.0 },
            Cue::Reset { client } => ServedOutput::Reset { client: client.0 },
            Cue::Reply { rest, status, retry_after_s, body } => {
                ServedOutput::Reply { request: rest.0, status, retry_after_s, body }
            }
            Cue::Wait { until_ns } => {
                self.write_log();
                ServedOutput::Wait { until_ns }
            }
            Cue::Ended => ServedOutput::Ended,
        }
    }
}
