//! The Python rival: an environment of its own, and the pipeline in it.

use crate::{
    compare::Bench,
    measure::estimate,
    ours::{OurEngine, Scores},
    outcome::Outcome,
    recording::{Received, Recording},
};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use tickhawk_harness::{Estimate, Goal, Results, Row};

/// An interpreter with what the pipeline needs.
pub struct Python {
    folder: PathBuf,
    interpreter: PathBuf,
}

/// What one pass over the recording came to.
#[derive(Debug, Deserialize)]
pub struct Pass {
    /// Microseconds a message.
    pub us_per_message: f64,
    /// Where the book stood.
    pub outcome: Outcome,
    /// What the signals came to.
    pub scores: Scores,
}

impl Python {
    /// Makes the environment, once, and installs what is listed.
    pub fn prepare(folder: &Path) -> Result<Self> {
        let environment = folder.join("venv");
        let interpreter = environment.join("bin/python");
        let wanted = include_str!("../python/requirements.txt");
        let mark = environment.join("installed.txt");
        let this = Self { folder: folder.to_owned(), interpreter };
        if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            return Ok(this);
        }
        eprintln!("making a Python environment in {}", environment.display());
        let mut venv = Command::new("python3");
        run(venv.args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = Command::new(&this.interpreter);
        run(pip.args(["-m", "pip", "install", "--quiet", "-r"]).arg(script("requirements.txt")))?;
        fs::write(mark, wanted)?;
        Ok(this)
    }

    /// Where it lives.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Trains and compiles the forest into a folder, once.
    pub fn forest(&self, folder: &Path, features: &str) -> Result<()> {
        if folder.join("lleaves-fp32.o").exists() {
            return Ok(());
        }
        eprintln!("compiling a forest with lleaves: some minutes");
        let mut forest = Command::new(&self.interpreter);
        run(forest.arg(script("forest.py")).arg(folder).arg(features))
    }

    /// The pipeline as a client of that server, not yet started.
    pub fn client(&self, arguments: &[String], inline: bool) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(script("pipeline.py")).arg("client").args(arguments);
        if inline {
            command.arg("--inline");
        }
        command
    }

    /// Starts the pipeline, which waits to be told to pass over the recording.
    pub fn replay(&self, recording: &Recording, model: &Path, inline: bool) -> Result<Replay> {
        let messages = self.folder.join("messages.txt");
        write_messages(recording, &messages)?;
        let mut command = Command::new(&self.interpreter);
        command.arg(script("pipeline.py")).arg("replay").arg(messages).arg(model);
        command.arg(recording.tick_size.to_string());
        if inline {
            command.arg("--inline");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Replay { child, stdin: Some(stdin), stdout })
    }
}

/// A running pipeline.
pub struct Replay {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Replay {
    /// One pass.
    pub fn pass(&mut self) -> Result<Pass> {
        writeln!(self.stdin.as_mut().context("it has ended")?, "go")?;
        let mut line = String::new();
        ensure!(self.stdout.read_line(&mut line)? > 0, "the Python pipeline ended");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Replay {
    /// At the end of its input it ends.
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}

/// The whole engine on one thread beside the Python pipeline, pass by pass.
pub fn replay(bench: &Bench<'_>, python: &Python, results: &mut Results) -> Result<()> {
    let (recording, model) = (bench.recording, bench.model);
    let outcome = crate::compare::check_update(recording)?;
    let pairs = bench.pairs.clamp(3, 30);
    let mut best: Option<(Estimate, f64, &str)> = None;
    for (name, inline) in [("python-queue", false), ("python-one-process", true)] {
        let mut theirs = python.replay(recording, model, inline)?;
        let (mut ratios, mut their_ns, mut our_ns) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pairs {
            let mut ours = OurEngine::new(model, std::io::sink())?;
            let began = bench.clock.now();
            recording.received.iter().for_each(|received| ours.on_received(received));
            let count = recording.received.len() as f64;
            our_ns.push((bench.clock.now() - began).nanos() as f64 / count);
            let pass = theirs.pass()?;
            their_ns.push(1e3 * pass.us_per_message);
            outcome.check(name, &pass.outcome)?;
            ours.scores().check(name, &pass.scores)?;
            ratios.push(their_ns[their_ns.len() - 1] / our_ns[our_ns.len() - 1]);
        }
        let batch = recording.received.len() as u64;
        results.rows.push(Row::new(
            format!("replay/binance-futures/{name}"),
            "message",
            batch,
            their_ns,
        ));
        let ours = format!("replay/binance-futures/tickhawk-beside-{name}");
        results.rows.push(Row::new(ours, "message", batch, our_ns));
        let ratio = estimate(&ratios);
        if best.is_none_or(|(least, ..)| ratio.value < least.value) {
            best = Some((ratio, ratio.value, name));
        }
    }
    if let Some((ratio, _, name)) = best {
        let what = format!("bytes to signals, {name} over Tickhawk on one thread");
        results.goals.push(Goal::at_least("replay-vs-python", ratio, 300.0, what));
    }
    Ok(())
}

/// A line a message, as `pipeline.py` reads them.
fn write_messages(recording: &Recording, path: &Path) -> Result<()> {
    let mut out = std::io::BufWriter::new(fs::File::create(path)?);
    for received in &recording.received {
        let (at, kind, bytes) = match received {
            Received::Frame { at, bytes } => (at, "frame", bytes),
            Received::Reply { at, url, body } if url.contains("/v1/depth") => {
                (at, "snapshot", body)
            }
            Received::Reply { .. } => continue,
        };
        writeln!(out, "{at} {kind} {}", std::str::from_utf8(bytes)?)?;
    }
    Ok(out.flush()?)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
