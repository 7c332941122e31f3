//! The files of a live run: what came, what was concluded from it, and what both rest on.

use crate::{
    config::Config,
    ladder::{Ladder, model_file},
    lanes::Lane,
};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    fmt,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};
use tickhawk_capture::{
    Header, OutcomeRecorder, Recorder, RecorderOptions, RecorderThread, RecordingSummary,
};
use tickhawk_engine::{Observer, Outcome, Scored};
use tickhawk_feature::FeatureFrame;
use tickhawk_feed::LINKS;
use tickhawk_inference::{Engine, Model, RuntimeOptions};
use tickhawk_market::UnixNanos;
use tickhawk_signal::ModelId;

/// Outcomes that may wait to be written: a second and more of the busiest feed, 16 MiB.
const OUTCOMES_MAX: usize = 16_384;

/// A run about to be recorded.
pub struct RecordingRun {
    recorder: Recorder,
    outcomes: Option<OutcomeTap>,
    files: RunFiles,
}

/// The threads that write a run.
pub struct RunFiles {
    folder: PathBuf,
    run: String,
    frames: RecorderThread,
    outcomes: Option<RecorderThread>,
}

/// Where a run keeps its models.
#[derive(Clone)]
pub struct RunModels {
    /// The run's folder.
    pub folder: PathBuf,
    /// What the names of its files begin with.
    pub run: String,
}

impl RunModels {
    /// The file of this model.
    pub fn path(&self, id: ModelId) -> PathBuf {
        self.folder.join(model_file(&self.run, id))
    }

    /// Writes a model that is about to score, and beside it what it runs on.
    pub fn keep(&self, id: ModelId, bytes: &[u8], engine: Engine) -> Result<()> {
        let path = self.path(id);
        let write = |path: &Path, bytes: &[u8]| {
            fs::write(path, bytes).with_context(|| format!("writing `{}`", path.display()))
        };
        write(&path.with_extension("engine"), format!("{engine}\n").as_bytes())?;
        write(&path, bytes)
    }

    /// Loads the model, on what is asked for, else on what it ran on; the model the run began with
    /// on what is `usual`.
    pub fn load(&self, id: ModelId, asked: Option<Engine>, usual: Engine) -> Result<Model> {
        let path = self.path(id);
        let beside = path.with_extension("engine");
        let engine = match (asked, fs::read_to_string(&beside)) {
            (Some(engine), _) => engine,
            (None, Ok(word)) => crate::config::engine(&beside.display().to_string(), word.trim())?,
            (None, Err(_)) => usual,
        };
        Ok(Model::load(path, &RuntimeOptions { engine, ..RuntimeOptions::default() })?)
    }
}

/// Hands each scored frame, and what became of it, to the log, if there is one.
#[derive(Default)]
pub struct Outcomes(Option<OutcomeTap>);

struct OutcomeTap {
    log: OutcomeRecorder,
    words: Vec<u64>,
}

impl RecordingRun {
    /// Starts the files of a run: its config, its models if it has any, its recording, its outcomes.
    pub fn start(
        folder: &Path,
        lane: &Lane,
        config: &Config,
        ladder: Option<&Ladder>,
    ) -> Result<Self> {
        let doing = || format!("starting a recording in `{}`", folder.display());
        fs::create_dir_all(folder).with_context(doing)?;
        let started_at = tickhawk_feed::unix_now();
        let run = claim(folder, lane, started_at).with_context(doing)?;
        let models = ladder.iter().flat_map(|ladder| ladder.models());
        let models: Vec<_> = models.map(|(tier, model)| (tier, model.engine_kind())).collect();
        let text = config.to_toml(&run, &models, lane.section())?;
        fs::write(folder.join(format!("{run}.toml")), text).with_context(doing)?;
        let header = Header {
            started_at,
            venue: Some(lane.venue.slug().to_owned()),
            instruments: lane.symbols.clone(),
            links: Some(LINKS),
            ..Header::default()
        };
        let (recorder, frames) = Recorder::start(RecorderOptions::new(folder, &run, header))?;
        let (outcomes, log) = match ladder {
            Some(ladder) => {
                for (tier, model) in ladder.models() {
                    let file = model_file(&run, ModelId::first_of(tier));
                    keep_model(model, &folder.join(file)).with_context(doing)?;
                }
                let names = ladder.plan.schema_json();
                let (log, thread) = OutcomeRecorder::start(folder, &run, &names, OUTCOMES_MAX)?;
                (Some(OutcomeTap { log, words: Vec::with_capacity(128) }), Some(thread))
            }
            None => (None, None),
        };
        let files = RunFiles { folder: folder.to_owned(), run, frames, outcomes: log };
        Ok(Self { recorder, outcomes, files })
    }

    /// Where models that are swapped in are kept.
    pub fn models(&self) -> RunModels {
        RunModels { folder: self.files.folder.clone(), run: self.files.run.clone() }
    }

    /// The parts, each for its own thread.
    pub fn split(self) -> (Option<Recorder>, Outcomes, Option<RunFiles>) {
        (Some(self.recorder), Outcomes(self.outcomes), Some(self.files))
    }
}

impl Observer for Outcomes {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        let Some(OutcomeTap { log, words }) = &mut self.0 else { return };
        words.clear();
        Outcome::write(frame, scored, words);
        log.record(words);
    }
}

/// The model that scores, beside what it scored.
fn keep_model(model: &Model, copy: &Path) -> Result<()> {
    fs::copy(model.path(), copy)?;
    let digest = Sha256::digest(fs::read(copy)?);
    ensure!(
        crate::books::hex(&digest) == model.sha256(),
        "`{}` changed since it was loaded\nhint: start again",
        model.path().display()
    );
    Ok(())
}

/// A name no other run of the folder has, taken by creating its config file.
fn claim(folder: &Path, lane: &Lane, started_at: UnixNanos) -> Result<String> {
    let started = UNIX_EPOCH + Duration::from_nanos(started_at.nanos());
    let stamp: String = humantime::format_rfc3339_seconds(started)
        .to_string()
        .chars()
        .filter(|character| !matches!(character, '-' | ':'))
        .collect();
    for attempt in 1.. {
        let more = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let run = format!("{}-{stamp}{more}", lane.venue);
        match File::create_new(folder.join(format!("{run}.toml"))) {
            Ok(mut file) => {
                file.flush()?;
                return Ok(run);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("some number is free")
}

impl RunFiles {
    /// Waits until all is written.
    pub fn finish(self) -> RunSummary {
        let Self { folder, run, frames, outcomes } = self;
        let (frames, outcomes) = (frames.finish(), outcomes.map(RecorderThread::finish));
        RunSummary {
            folder: folder.display().to_string(),
            run,
            files: frames.files.len() + outcomes.as_ref().map_or(0, |log| log.files.len()),
            records: frames.records,
            outcomes: outcomes.as_ref().map(|log| log.records),
            bytes_written: frames.bytes_written
                + outcomes.as_ref().map_or(0, |log| log.bytes_written),
            lost_records: frames.lost_records + outcomes.as_ref().map_or(0, |log| log.lost_records),
            failure: failure(&frames).or_else(|| outcomes.as_ref().and_then(failure)),
        }
    }
}

fn failure(summary: &RecordingSummary) -> Option<String> {
    summary.failure.as_ref().map(ToString::to_string)
}

/// What was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    folder: String,
    run: String,
    files: usize,
    records: u64,
    outcomes: Option<u64>,
    bytes_written: u64,
    lost_records: u64,
    failure: Option<String>,
}

impl RunSummary {
    /// Says on stderr what was not recorded; whether all was.
    pub fn say(&self) -> bool {
        match &self.failure {
            None => true,
            Some(failure) => {
                eprintln!(
                    "error: recording stopped: {failure}\n{} records were not recorded",
                    self.lost_records
                );
                false
            }
        }
    }
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records and {} outcomes in {} files of `{}`, {} bytes",
            self.records,
            self.outcomes.unwrap_or_default(),
            self.files,
            self.folder,
            self.bytes_written
        )
    }
}
