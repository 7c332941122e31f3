//! Finding and loading the ONNX Runtime shared library, once per process.
//!
//! Loading runs foreign code (constructors, then `OrtGetApiBase`), and a wrong library has been
//! seen to hang there. So it happens on a thread of its own, and the caller waits for a bounded
//! time. A child process would isolate it better, but a library cannot start one without knowing
//! how to start its host program again. What a hung thread costs: it stays until the process ends,
//! and if it hangs in a constructor it keeps the dynamic linker's lock, so that nothing else can be
//! loaded and a normal exit waits for it too; see [`LibraryError::TimedOut`].

use crate::{Engine, LibraryError, sys};
use ort::environment::Environment;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use std::{env, thread};

/// The library the build script found; empty if it found none.
const BUILT_WITH: &str = env!("TICKHAWK_ORT_DYLIB");

/// Which engine is to run a model, and how ONNX Runtime is to be loaded where it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeOptions {
    /// By default the native engine where it runs the model, else ONNX Runtime.
    pub engine: Engine,
    /// The library file. By default that of the environment variable `ORT_DYLIB_PATH`, and
    /// without it the one found when this program was built.
    pub library: Option<PathBuf>,
    /// How long loading may take. 10 s by default: a cold file on a slow disk takes one or two.
    pub load_timeout: Duration,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self { engine: Engine::Auto, library: None, load_timeout: Duration::from_secs(10) }
    }
}

/// ONNX Runtime, loaded. One per process; it stays until the process ends.
#[derive(Clone, Debug)]
pub struct Runtime {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// A library's path and what named it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    pub(crate) origin: &'static str,
}

/// The one runtime of this process, once it is loaded. Failures are not kept: the next call tries
/// again.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library, or returns the one already loaded if it is the same file.
    ///
    /// Call it before pinning threads: threads started here inherit the caller's affinity.
    pub fn load(options: &RuntimeOptions) -> Result<Self, LibraryError> {
        let candidate = choose(options.library.as_deref(), env::var_os("ORT_DYLIB_PATH"))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            if same_file(&runtime.path, &candidate.path) {
                return Ok(runtime.clone());
            }
            let (loaded, asked) = (runtime.path.clone(), candidate.path);
            return Err(LibraryError::AnotherLoaded { loaded, asked });
        }
        if !candidate.path.is_file() {
            let Candidate { path, origin } = candidate;
            return Err(LibraryError::NotFound { path, origin });
        }
        let runtime = load_within(&candidate, options.load_timeout)?;
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// The library file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as in `1.22.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Options before environment before build.
fn choose(
    option: Option<&Path>,
    variable: Option<std::ffi::OsString>,
) -> Result<Candidate, LibraryError> {
    let variable = variable.filter(|value| !value.is_empty()).map(PathBuf::from);
    let (path, origin) = match (option, variable) {
        (Some(path), _) => (path.to_path_buf(), "given"),
        (None, Some(path)) => (path, "from ORT_DYLIB_PATH"),
        (None, None) if !BUILT_WITH.is_empty() => (PathBuf::from(BUILT_WITH), "found by the build"),
        (None, None) => return Err(LibraryError::NotProvisioned),
    };
    // Relative to the working directory, and never searched for: the file named is the file used.
    let path = std::path::absolute(&path).unwrap_or(path);
    Ok(Candidate { path, origin })
}

fn same_file(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    canonical(one) == canonical(other)
}

/// Probes first, through the C interface alone; `ort` sees only a library that answered, since it
/// cannot be told to forget one that hangs.
fn load_within(candidate: &Candidate, timeout: Duration) -> Result<Runtime, LibraryError> {
    let deadline = Instant::now() + timeout;
    let timed_out = || LibraryError::TimedOut {
        path: candidate.path.clone(),
        origin: candidate.origin,
        after: timeout,
    };
    let probed = candidate.clone();
    let version = within(deadline, move || sys::probe(&probed)).ok_or_else(timed_out)??;
    let path = candidate.path.clone();
    let environment = within(deadline, move || start(&path)).ok_or_else(timed_out)?;
    let path = candidate.path.clone();
    match environment {
        Ok(environment) => Ok(Runtime { path, version, environment }),
        Err(message) => Err(LibraryError::Start { path, version, message }),
    }
}

fn start(path: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(path).map_err(|error| error.to_string())?;
    let builder = builder.with_name("tickhawk").with_telemetry(false);
    let environment = builder.build().map_err(|error| error.to_string())?;
    // Whatever fails comes back as an error; the runtime need not print it as well.
    if env::var_os("ORT_LOG").is_none() {
        environment.set_log_level(ort::logging::LogLevel::Fatal);
    }
    Ok(environment)
}

/// The work's result, or `None` if it has none by the deadline (or panicked). The thread is left
/// to itself then.
fn within<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let spawned = thread::Builder::new().name("onnxruntime-load".into()).spawn(move || {
        // The receiver is gone if the deadline has passed; then nobody wants the result.
        let _ = sender.send(work());
    });
    spawned.ok()?;
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_the_environment_and_that_before_the_build() {
        let given = choose(Some(Path::new("/a.so")), Some("/b.so".into())).unwrap();
        assert_eq!((given.path, given.origin), (PathBuf::from("/a.so"), "given"));
        let variable = choose(None, Some("/b.so".into())).unwrap();
        assert_eq!((variable.path, variable.origin), ("/b.so".into(), "from ORT_DYLIB_PATH"));
        for unset in [None, Some("".into())] {
            let built = choose(None, unset).map(|candidate| candidate.path);
            if BUILT_WITH.is_empty() {
                assert_eq!(built.unwrap_err(), LibraryError::NotProvisioned);
            } else {
                assert_eq!(built.unwrap(), PathBuf::from(BUILT_WITH));
            }
        }
    }

    #[test]
    fn a_relative_path_is_relative_to_the_working_directory() {
        let chosen = choose(Some(Path::new("x.so")), None).unwrap();
        assert_eq!(chosen.path, env::current_dir().unwrap().join("x.so"));
    }

    #[test]
    fn work_that_hangs_is_left_behind() {
        let (release, hold) = mpsc::channel::<()>();
        let stuck = within(Instant::now(), move || hold.recv().is_ok());
        assert_eq!(stuck, None);
        drop(release);
        assert_eq!(within(Instant::now() + Duration::from_secs(60), || 7), Some(7));
    }
}
