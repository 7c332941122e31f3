//! The model in use of a models folder, followed while a lane runs.
//!
//! A thread of its own looks at the folder, loads what is new there, holds it to what the model in
//! use takes and gives, to its golden table and to its tier's budget, writes it beside the
//! recording, starts its processes if it runs in such, and only then offers it to the inference
//! thread, which takes it between two frames.
//! What it replaces comes back here, and stays loaded: to go back to it costs nothing. What cannot
//! be used is told of, and not tried again until something in the folder changes.

use crate::{
    ladder::{InferenceSection, ModelName, ModelNames},
    model::prove::{Proven, Terms, micros, prove},
    recording_run::RunModels,
    report,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};
use tickhawk_engine::{Swap, Swaps, give_way};
use tickhawk_inference::{InUse, Incumbent, Model, ModelFile, RuntimeOptions, Store};
use tickhawk_signal::{ModelId, Tier};
use tickhawk_venue::Venue;

/// How often the folder is looked at unless told otherwise.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A model of a models folder, whichever version is in use.
#[derive(Clone, Debug)]
pub struct Followed {
    store: Store,
    name: String,
    /// How often it is looked at.
    pub interval: Duration,
}

impl Followed {
    /// `DIR/NAME`, looked at so often.
    pub fn new(path: &Path, interval: Duration) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| {
            format!("`{}` names no model: wanted `DIR/NAME`, such as models/obi", path.display())
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let store = Store::new(folder.unwrap_or(Path::new(".")));
        Ok(Self { store, name: name.to_owned(), interval })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.store.folder().join(&self.name)
    }

    /// Loads the version in use.
    pub fn load(&self, options: &RuntimeOptions) -> Result<Model> {
        let in_use = self.store.in_use(&self.name)?;
        let InUse { version, .. } = in_use.with_context(|| {
            let folder = self.path();
            format!(
                "`{}` holds no model\nhint: put one there with `tickhawk model promote`",
                folder.display()
            )
        })?;
        let model = Model::load(self.store.model_path(&self.name, &version), options)?;
        Ok(model.named(&self.name, &version))
    }

    /// What there is to see, without reading any model.
    fn look(&self) -> Seen {
        let version = match self.store.in_use(&self.name) {
            Ok(in_use) => in_use.map(|in_use| in_use.version),
            Err(error) => return Seen::Nothing(error.to_string()),
        };
        let Some(version) = version else {
            return Seen::Nothing("it holds no version".to_owned());
        };
        let stamp = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        };
        let model = stamp(&self.store.model_path(&self.name, &version));
        let current = stamp(&self.path().join("current"));
        Seen::Version { version, model, current }
    }
}

/// The folder at one look. While it looks the same, nothing is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// No version is in use, and why.
    Nothing(String),
    /// This version is, with length and time of its file and of the file that says so.
    Version {
        version: String,
        model: Option<(u64, SystemTime)>,
        current: Option<(u64, SystemTime)>,
    },
}

/// What a watcher needs of its lane.
pub struct Watched<'a> {
    /// Which models are followed.
    pub followed: Followed,
    /// Whose lane it is, for messages.
    pub venue: Venue,
    /// The model the lane starts with.
    pub model: &'a Model,
    /// How long one of its answers may take.
    pub budget_ns: Option<u64>,
    /// How models are loaded.
    pub options: RuntimeOptions,
    /// Where they run.
    pub inference: InferenceSection,
    /// The way to the inference thread.
    pub swaps: Swaps,
    /// What signals call the models.
    pub names: ModelNames,
    /// Where models are kept beside the recording, if there is one.
    pub kept_in: Option<RunModels>,
}

/// The thread that follows the folder. It ends when this is dropped.
pub struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to look.
    pub fn start(watched: Watched<'_>) -> Self {
        let (stop, stopped) = channel();
        let watch = Watch::new(watched);
        let thread = thread::spawn(move || watch.run(&stopped));
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was told of, and the run is over.
            let _ = thread.join();
        }
    }
}

/// The watcher at work.
struct Watch {
    followed: Followed,
    venue: Venue,
    options: RuntimeOptions,
    inference: InferenceSection,
    budget_ns: Option<u64>,
    swaps: Swaps,
    names: ModelNames,
    kept_in: Option<RunModels>,
    incumbent: Incumbent,
    in_use: Known,
    next_id: u16,
    /// The model that was in use before, still loaded.
    before: Option<(Swap, Known)>,
    /// What is in use as soon as the inference thread takes it: what was before comes back then.
    waiting: Option<Known>,
    seen: Seen,
}

/// A model as messages call it, and as it is told from others.
#[derive(Clone)]
struct Known {
    version: String,
    sha256: String,
}

impl Watch {
    fn new(watched: Watched<'_>) -> Self {
        let Watched { followed, venue, model, budget_ns, options, .. } = watched;
        let Watched { inference, swaps, names, kept_in, .. } = watched;
        let in_use =
            Known { version: model.version().to_owned(), sha256: model.sha256().to_owned() };
        Self {
            followed,
            venue,
            options,
            inference,
            budget_ns,
            swaps,
            names,
            kept_in,
            incumbent: Incumbent::of(model),
            in_use,
            // The first numbers belong to the tiers a run starts with.
            next_id: Tier::ALL.len() as u16,
            before: None,
            waiting: None,
            // The version loaded at the start may be an older one by now.
            seen: Seen::Nothing(String::new()),
        }
    }

    fn run(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(self.followed.interval) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    /// One look at what came back, and at the folder.
    fn look(&mut self) {
        while let Some(swap) = self.swaps.retired() {
            let Some(now) = self.waiting.take() else { continue };
            self.say(format_args!("version `{}` is in use", now.version));
            let before = std::mem::replace(&mut self.in_use, now);
            self.before = Some((swap, before));
        }
        if self.waiting.is_some() {
            // No frame came since: one thing after the other.
            return;
        }
        let seen = self.followed.look();
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        match &self.seen {
            Seen::Nothing(why) => self.say(format_args!("no version can be followed: {why}")),
            Seen::Version { version, .. } => {
                let version = version.clone();
                if let Err(error) = self.follow(&version) {
                    let causes = report::causes(&error);
                    self.say(format_args!("version `{version}` is refused: {causes}"));
                }
            }
        }
    }

    fn follow(&mut self, version: &str) -> Result<()> {
        let path = self.followed.store.model_path(&self.followed.name, version);
        let file = ModelFile::read(&path)?;
        let next = Known { version: version.to_owned(), sha256: file.sha256() };
        if next.sha256 == self.in_use.sha256 {
            return Ok(());
        }
        let is_before = self.before.as_ref().is_some_and(|(_, known)| known.sha256 == next.sha256);
        let swap = match self.before.take_if(|_| is_before) {
            Some((swap, _)) => swap,
            None => self.load(&file, version)?,
        };
        self.swaps.offer(swap)?;
        self.waiting = Some(next);
        Ok(())
    }

    /// A model that has shown all it must, under a number of its own, kept beside the recording.
    fn load(&mut self, file: &ModelFile, version: &str) -> Result<Swap> {
        let Some(after) = self.next_id.checked_add(1) else {
            bail!("a run counts no more models than this\nhint: start again")
        };
        let (incumbent, options) = (Some(&self.incumbent), self.options.clone());
        let terms = Terms { incumbent, budget_ns: self.budget_ns, options };
        // Behind all others; not so the processes, which inherit what their parent thread is.
        let proven = thread::scope(|scope| {
            let proving = scope.spawn(|| {
                give_way();
                prove(file, &terms)
            });
            proving.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let Proven { model, took } = proven?;
        let model = model.named(&self.followed.name, version);
        self.swaps.check(Tier::Primary, &model)?;
        let id = ModelId(std::mem::replace(&mut self.next_id, after));
        if let Some(kept_in) = &self.kept_in {
            kept_in
                .keep(id, file.bytes(), model.engine_kind())
                .context("keeping it beside the recording")?;
        }
        let name = ModelName::of(&model);
        let scorer = self.inference.scorer(model)?;
        self.names.add(id, name);
        let (p50, p99) = (micros(took.p50_ns), micros(took.p99_ns));
        self.say(format_args!("version `{version}` takes {p50}, {p99} at the 99th percentile"));
        Ok(Swap { tier: Tier::Primary, id, scorer })
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        eprintln!("{}: model `{}`: {what}", self.venue, self.followed.name);
    }
}

/// A watch's interval as typed, in milliseconds.
pub fn interval(typed_ms: Option<u64>) -> Result<Duration> {
    let Some(ms) = typed_ms else { return Ok(INTERVAL) };
    ensure!(
        (10..=3_600_000).contains(&ms),
        "config `model.watch_interval_ms` is {ms}: wanted 10 to 3600000"
    );
    Ok(Duration::from_millis(ms))
}
