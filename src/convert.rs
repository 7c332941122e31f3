//! `tickhawk convert`: recordings in another container.

use crate::{
    Outcome,
    cli::{Container, ConvertArgs},
    report, session,
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
};
use tickhawk_capture::{Session, Writer, convert_to_hftbacktest, convert_to_tickhawk};

/// Runs the command.
pub fn run(args: ConvertArgs) -> Result<Outcome> {
    session::raw_only(&args.files, "`convert`")?;
    let mut session = Session::open_merged(&args.files).context("opening the recording")?;
    let out = args.out.display();
    match args.to {
        Container::Hftbacktest => {
            fs::create_dir_all(&args.out).with_context(|| format!("creating `{out}`"))?;
            let written = convert_to_hftbacktest(&mut session, &args.out, |_| {})
                .with_context(|| format!("converting into `{out}`"))?;
            let mut stdout = report::stdout();
            for file in &written.files {
                writeln!(stdout, "{}", file.display())?;
            }
            stdout.flush()?;
            eprintln!("{} lines in {} files", written.lines, written.files.len());
            if written.left_out > 0 {
                eprintln!("note: {} messages name no symbol and were left out", written.left_out);
            }
        }
        Container::Tickhawk => {
            let header = session.header().cloned().unwrap_or_default();
            let file = File::create_new(&args.out).with_context(|| format!("creating `{out}`"))?;
            let mut writer = Writer::new(BufWriter::new(file), &header)?;
            let records = convert_to_tickhawk(&mut session, &mut writer, |_| {})
                .with_context(|| format!("converting into `{out}`"))?;
            writer.finish()?.flush().with_context(|| format!("writing `{out}`"))?;
            eprintln!("{records} records in `{out}`");
        }
    }
    for warning in session.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(Outcome::Done)
}
