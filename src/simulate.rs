//! `tickhawk simulate`: a synthetic recording.

use crate::{Outcome, cli::SimulateArgs};
use anyhow::{Context, Result};
use std::{
    fs::File,
    io::{BufWriter, Write},
};
use tickhawk_capture::{Header, Writer};
use tickhawk_market::ConnectionId;
use tickhawk_simulator::{MarketConfig, Message, MessageKind, Recording, WireFormat};

/// zstd's level for what is written once and read often.
const ZSTD_LEVEL: i32 = 19;

/// There is one connection.
const CONNECTION: ConnectionId = ConnectionId(0);

/// Runs the command.
pub fn run(args: SimulateArgs) -> Result<Outcome> {
    let format = WireFormat::from_slug(args.venue.slug())?;
    let mut symbols = format.symbols();
    symbols.truncate(usize::from(args.instruments));
    let mut config = MarketConfig::new(symbols, args.seed);
    config.duration_ns = u64::from(args.seconds) * 1_000_000_000;
    config.intensity_permille = args.intensity_permille;
    let recording = Recording::new(format, &config)?;
    let header = Header {
        started_at: config.start,
        venue: Some(format.slug().to_owned()),
        instruments: config.symbols.iter().map(|spec| spec.symbol.clone()).collect(),
        ..Header::default()
    };
    let file =
        File::create(&args.out).with_context(|| format!("creating `{}`", args.out.display()))?;
    let mut writer = Writer::with_level(BufWriter::new(file), &header, ZSTD_LEVEL)?;
    let mut messages = 0u64;
    for message in recording {
        write(&mut writer, &message)
            .with_context(|| format!("writing `{}`", args.out.display()))?;
        messages += 1;
    }
    writer.finish()?.flush()?;
    eprintln!("{messages} messages in `{}`", args.out.display());
    Ok(Outcome::Done)
}

fn write(writer: &mut Writer<impl Write>, message: &Message) -> Result<()> {
    let at = message.received_at;
    match &message.kind {
        MessageKind::Opened { url } => writer.opened(CONNECTION, at, url)?,
        MessageKind::Sent(text) => writer.sent(CONNECTION, at, text.as_bytes())?,
        MessageKind::Frame(text) => writer.frame(CONNECTION, at, text.as_bytes())?,
        MessageKind::RestReply { url, status, body } => {
            writer.rest_reply(CONNECTION, at, Some(url), Some(*status), body.as_bytes())?;
        }
        MessageKind::Closed => writer.closed(CONNECTION, at, "")?,
    }
    Ok(())
}
