//! From a server's write to the signal, over a real socket: Tickhawk's client beside the others.
//!
//! `tickhawk serve` plays the same synthetic market at the same rate to each client in turn, a process
//! of its own for each, and tells when it wrote each frame. Whoever listens counts the frames of its
//! connection from 1 and tells which made a signal, and when, by the clock that all processes share.

use crate::{
    compare::Bench,
    measure::{estimate, median},
    python::Python,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};
use tickhawk_engine::allowed_cores;
use tickhawk_feed::READ_BUFFER_BYTES;
use tickhawk_harness::{
    Bench as OurBench, Estimate, Goal, PipelineOptions, Results, Row,
    loopback::{FRAME_GAP_NS, Listening, Places, Server, received_at, turn},
};
use tickhawk_inference::ModelFile;
use tickhawk_latency::LatencyHistogram;

/// Turns of each client at each rate.
const TURNS: usize = 5;
/// How long each counts, in seconds.
const SECONDS: f64 = 3.0;
/// The instrument of the synthetic market, and its tick.
const INSTRUMENT: [&str; 2] = ["BTCUSDT", "0.1"];
/// Rates at which the naive pipeline stands beside Tickhawk, and the Python one, in messages a second.
const NAIVE_RATES: [f64; 2] = [2_000.0, 20_000.0];
const PYTHON_RATE: f64 = 1_000.0;
/// Frames until all features of everyone are valid once they have their snapshot: 15 s of receive
/// times.
const WARM_UP_FRAMES: u64 = 15 * 1_000_000_000 / FRAME_GAP_NS;
/// How long Tickhawk's client may take for its snapshot, which it asks for half a second after the
/// listing; the others ask at once.
const SNAPSHOT_S: f64 = 0.75;

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listener {
    Tickhawk,
    Naive { inline: bool },
    Python { inline: bool },
}

impl Listener {
    fn name(self) -> &'static str {
        match self {
            Self::Tickhawk => "tickhawk",
            Self::Naive { inline: false } => "naive-channel",
            Self::Naive { inline: true } => "naive-one-task",
            Self::Python { inline: false } => "python-queue",
            Self::Python { inline: true } => "python-one-process",
        }
    }
}

/// What all turns at one rate need.
struct Wire<'a> {
    program: PathBuf,
    model: &'a Path,
    python: &'a Python,
    ours: OurBench<'a>,
    places: Places,
}

/// Latencies of one listener at one rate, a turn each.
struct Listened {
    listener: Listener,
    turns: Vec<LatencyHistogram>,
}

impl Listened {
    fn of_turns(&self, quantile: f64) -> Vec<f64> {
        self.turns.iter().map(|turn| turn.value_at(quantile) as f64).collect()
    }
}

/// Both goals beside the naive pipeline, and the one beside Python.
pub fn run(
    bench: &Bench<'_>,
    tickhawk: Option<&Path>,
    python: &Python,
    results: &mut Results,
) -> Result<()> {
    let [first, second, ..] = allowed_cores()[..] else {
        bail!("it takes two cores, for the server and for who listens");
    };
    let wire = Wire {
        program: program(tickhawk)?,
        model: bench.model,
        python,
        ours: OurBench {
            recordings: &[],
            clock: bench.clock.clone(),
            cores: Some([first, second]),
            pairs: 0,
            pipeline: PipelineOptions::default(),
            loopback: None,
            prober: None,
            model: ModelFile::read(bench.model)?,
        },
        places: Places::new([first, second]),
    };
    let naive = [false, true].map(|inline| Listener::Naive { inline });
    let mut worst: [Option<(Estimate, String)>; 2] = [None, None];
    for per_s in NAIVE_RATES {
        let listened = wire.at_rate(per_s, &naive, results)?;
        for (worst, quantile) in worst.iter_mut().zip([0.5, 0.99]) {
            let (ratio, rival) = over_fastest(&listened, quantile);
            let what = format!("at {per_s} messages a second, over {rival}");
            if worst.as_ref().is_none_or(|(least, _)| ratio.value > least.value) {
                *worst = Some((ratio, what));
            }
        }
    }
    let bounds = [("wire-p50-vs-naive", 0.25, "p50"), ("wire-p99-vs-naive", 0.1, "p99")];
    for (worst, (id, bound, of)) in worst.into_iter().zip(bounds) {
        let Some((ratio, at)) = worst else { continue };
        let what =
            format!("{of} from the server's write to the signal {at}, the worse of two rates");
        results.goals.push(Goal::at_most(id, ratio, bound, what));
    }
    let python = [false, true].map(|inline| Listener::Python { inline });
    let (ratio, rival) = over_fastest(&wire.at_rate(PYTHON_RATE, &python, results)?, 0.5);
    let what = format!(
        "p50 from the server's write to the signal at 1000 messages a second, over {rival}"
    );
    results.goals.push(Goal::at_most("wire-vs-python", ratio, 0.05, what));
    Ok(())
}

/// Of the first listener over the fastest of the others, turn by turn.
fn over_fastest(listened: &[Listened], quantile: f64) -> (Estimate, &'static str) {
    let (ours, rivals) = listened.split_first().expect("Tickhawk listens first");
    let of = |one: &Listened| median(&one.of_turns(quantile));
    let fastest = rivals.iter().min_by(|one, other| of(one).total_cmp(&of(other)));
    let fastest = fastest.expect("somebody stands beside it");
    let pairs = ours.of_turns(quantile).into_iter().zip(fastest.of_turns(quantile));
    let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
    (estimate(&ratios), fastest.listener.name())
}

impl Wire<'_> {
    /// Everyone in turn, each turn begun by another one; rows of all turns together.
    fn at_rate(
        &self,
        per_s: f64,
        rivals: &[Listener],
        results: &mut Results,
    ) -> Result<Vec<Listened>> {
        let all = [&[Listener::Tickhawk], rivals].concat();
        let mut listened: Vec<Listened> = all
            .iter()
            .map(|listener| Listened { listener: *listener, turns: Vec::new() })
            .collect();
        for number in 0..TURNS {
            for place in 0..all.len() {
                let one = &mut listened[(number + place) % all.len()];
                let turn = self.turn(one.listener, per_s);
                let name = one.listener.name();
                one.turns.push(turn.with_context(|| format!("{name} at {per_s} a second"))?);
            }
            check(&listened)?;
        }
        for Listened { listener, turns } in &listened {
            let mut together = LatencyHistogram::new();
            turns.iter().for_each(|turn| together.merge(turn));
            let name = format!("wire/{per_s}-per-s/{}", listener.name());
            results.rows.push(Row::of_histogram(name, "message", &together));
        }
        Ok(listened)
    }

    /// One listener, one server.
    fn turn(&self, listener: Listener, per_s: f64) -> Result<LatencyHistogram> {
        let server = Server::start(&self.program, per_s, Some(self.places.server))?;
        // An answer to its request comes among the first frames of Tickhawk's connection.
        let answers = u64::from(listener == Listener::Tickhawk);
        let from = (SNAPSHOT_S * per_s) as u64 + WARM_UP_FRAMES + answers;
        let counted = from..from + (SECONDS * per_s) as u64;
        let signals = match listener {
            Listener::Tickhawk => self.ours(&server, per_s, counted.clone())?,
            Listener::Naive { inline } => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--model").arg(self.model);
                command.args(["client", server.ws(), server.rest()]).args(INSTRUMENT);
                command.arg("--frames").arg(counted.end.to_string());
                if inline {
                    command.arg("--inline");
                }
                told(command, per_s, counted.end)?
            }
            Listener::Python { inline } => {
                let mut arguments = vec![server.ws().to_owned(), server.rest().to_owned()];
                arguments.extend(INSTRUMENT.map(str::to_owned));
                arguments.push(self.model.display().to_string());
                for (name, value) in [
                    ("--frames", counted.end),
                    ("--began", received_at(0).nanos()),
                    ("--gap", FRAME_GAP_NS),
                ] {
                    arguments.extend([name.to_owned(), value.to_string()]);
                }
                told(self.python.client(&arguments, inline), per_s, counted.end)?
            }
        };
        let written = server.finish()?;
        let signals = signals.into_iter().filter(|(frame, _)| counted.contains(frame));
        let latencies = written.latencies(0, signals)?;
        ensure!(latencies.sample_count() > 0, "no signal among frames {counted:?}");
        Ok(latencies)
    }

    fn ours(&self, server: &Server, per_s: f64, counted: Range<u64>) -> Result<Vec<(u64, u64)>> {
        let listening = Listening {
            busy_poll: true,
            keep_warm: true,
            read_buffer_bytes: READ_BUFFER_BYTES,
            frames: counted.end - counted.start,
            from: counted.start,
            kept: 0,
            core: Some(self.places.client),
            threads: self.places.threads,
        };
        let turn = turn(&self.ours, server, per_s, listening)?;
        ensure!(turn.frames == counted, "frames {:?} counted, not {counted:?}", turn.frames);
        Ok(turn.signals)
    }
}

/// All hear the same market at the same places: they have as many signals.
fn check(listened: &[Listened]) -> Result<()> {
    let count = |one: &Listened| one.turns.last().map_or(0, LatencyHistogram::sample_count);
    let ours = count(&listened[0]);
    for one in listened {
        ensure!(
            count(one) == ours,
            "{} has {} signals, not {ours}",
            one.listener.name(),
            count(one)
        );
    }
    Ok(())
}

/// What a listener in a process of its own tells: the frames that made a signal, and when.
fn told(mut command: Command, per_s: f64, frames: u64) -> Result<Vec<(u64, u64)>> {
    // Loading, connecting, and three times as long as it should listen.
    let limit = Duration::from_secs_f64(30.0 + 3.0 * frames as f64 / per_s);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Ended(command.spawn().with_context(|| format!("starting {command:?}"))?);
    let mut stdout = child.0.stdout.take().context("no stdout")?;
    let (said, text) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        let _ = said.send(read);
    });
    let text = text.recv_timeout(limit);
    let text = text.with_context(|| format!("{command:?} did not end within {limit:?}"))??;
    ensure!(child.0.wait()?.success(), "{command:?} failed");
    Ok(serde_json::from_str(&text)?)
}

/// A process that does not outlive its turn.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program that serves: the one named, else what was built beside this package, else what the
/// shell would find.
fn program(named: Option<&Path>) -> Result<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/tickhawk");
    let found = match named {
        Some(named) => vec![named.to_owned()],
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let on_path = std::env::split_paths(&path).map(|folder| folder.join("tickhawk"));
            std::iter::once(built).chain(on_path).collect()
        }
    };
    let there = found.iter().find(|path| path.is_file()).cloned();
    there.with_context(|| {
        format!(
            "no program `{}`\nhint: build it by `cargo build --release` in the root, or name it by \
             `--tickhawk PATH`",
            found[0].display()
        )
    })
}
