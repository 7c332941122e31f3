//! `tickhawk compile`: recordings in the decoded form.

use crate::{
    Outcome, books,
    cli::{CompileArgs, ScoringArgs},
    config::Config,
    report,
    session::{self, Recording},
    shutdown,
};
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicBool, Ordering},
};
use tickhawk_capture::expand;
use tickhawk_decoded::SourceFile;
use tickhawk_engine::{Compiler, MarketSink, Source};
use tickhawk_feature::FeatureFrame;
use tickhawk_inference::{Contract, ModelFile};
use tickhawk_market::ConnectionId;
use tickhawk_venue::DecodeError;

/// Bytes written at once, and read at once to be summed.
const BUFFER_BYTES: usize = 1 << 20;

/// Runs the command.
pub fn run(args: CompileArgs) -> Result<Outcome> {
    let stop = shutdown::install()?;
    session::raw_only(&args.recording.files, "`compile`")?;
    let scoring = ScoringArgs { model: args.model.clone(), ..ScoringArgs::default() };
    let config = Config::resolve(&args.config, &scoring)?;
    let contract_tick_size = match &config.model {
        Some(path) => Contract::parse(&ModelFile::read(path)?)?.tick_size(),
        None => None,
    };
    let partial = PartialFile::create(&args.out)?;
    let writing = || format!("writing `{}`", args.out.display());
    let files = expand(&args.recording.files).context("opening the recording")?;
    let (mut recording, venue) = Recording::open(&files, args.recording.venue.venue)?;
    let symbols = args.recording.venue.symbols;
    let options = recording.options(config.market_options(venue, symbols, contract_tick_size))?;
    let sources = files.iter().map(|path| source_file(path, &stop)).collect::<Result<Vec<_>>>()?;
    let out = BufWriter::with_capacity(BUFFER_BYTES, &partial.file);
    let mut compiler = Compiler::new(options, out).with_context(writing)?;
    let mut complaints = Complaints::default();
    while let Some(record) = recording.next_record().context("reading the recording")? {
        compiler.step(&record, &mut complaints).with_context(writing)?;
        go_on(&stop)?;
    }
    recording.close();
    report::notices_summary(&compiler.market().decoder_counts());
    if compiler.market().reports().is_empty() {
        report::explain_no_frames(compiler.market());
        return Ok(Outcome::CheckFailed);
    }
    let (about, bytes, mut out) = compiler.finish(sources).with_context(writing)?;
    out.flush().with_context(writing)?;
    drop(out);
    partial.keep().with_context(writing)?;
    eprintln!(
        "{} records, {} updates, {} levels: {} bytes in, {bytes} bytes out in `{}`",
        about.totals.records,
        about.totals.updates,
        about.totals.levels,
        recording.bytes_total(),
        args.out.display()
    );
    Ok(Outcome::Done)
}

fn go_on(stop: &AtomicBool) -> Result<()> {
    ensure!(!stop.load(Ordering::Relaxed), "interrupted: nothing was written");
    Ok(())
}

/// Where the form comes from.
fn source_file(path: &Path, stop: &AtomicBool) -> Result<SourceFile> {
    let reading = || format!("reading `{}`", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let (mut digest, mut file_bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = file.read(&mut buffer).with_context(reading)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        file_bytes += count as u64;
        go_on(stop)?;
    }
    let sha256 = books::hex(&digest.finalize());
    Ok(SourceFile { file: path.display().to_string(), file_bytes, sha256 })
}

/// A file that is being written beside its place, under another name, and goes away unless it is
/// kept. A form that is mapped elsewhere is so never changed.
struct PartialFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
    is_kept: bool,
}

impl PartialFile {
    fn create(target: &Path) -> Result<Self> {
        refuse_existing(target)?;
        let Some(name) = target.file_name() else {
            bail!("`{}` is no name of a file", target.display());
        };
        let name = format!(".{}.partial-{}", name.to_string_lossy(), process::id());
        let path = target.with_file_name(name);
        let file =
            File::create(&path).with_context(|| format!("creating `{}`", target.display()))?;
        Ok(Self { file, path, target: target.to_owned(), is_kept: false })
    }

    /// Gives the file its name, once it is on the disk.
    fn keep(mut self) -> Result<()> {
        self.file.sync_all()?;
        refuse_existing(&self.target)?;
        fs::rename(&self.path, &self.target)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now cannot be removed by saying so either.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn refuse_existing(target: &Path) -> Result<()> {
    ensure!(
        fs::symlink_metadata(target).is_err(),
        "`{}` is there already\nhint: name another file, or remove it first",
        target.display()
    );
    Ok(())
}

/// Says what could not be read.
#[derive(Default)]
struct Complaints(report::Complaints);

impl MarketSink for Complaints {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.0.malformed(connection, &error);
    }
}
