//! Why ONNX Runtime could not be loaded.

use std::path::PathBuf;
use std::time::Duration;

/// The release the build script pins, for messages.
const PINNED_VERSION: &str = env!("TICKHAWK_ORT_VERSION");

/// Why ONNX Runtime cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// Nothing names a library: neither the options, nor the environment, nor the build.
    #[error(
        "no ONNX Runtime library: the build found none\n\
         hint: set ORT_DYLIB_PATH to a libonnxruntime of 1.17 or newer, e.g. the one inside the \
         Python package: `pip install onnxruntime=={PINNED_VERSION}`"
    )]
    NotProvisioned,
    /// The path is not a file.
    #[error(
        "no ONNX Runtime library at `{}` ({origin})\n\
         hint: set ORT_DYLIB_PATH to the full path of a libonnxruntime of 1.17 or newer",
        path.display()
    )]
    NotFound {
        /// The path.
        path: PathBuf,
        /// What named it.
        origin: &'static str,
    },
    /// The system's loader refuses the file.
    #[error(
        "`{}` ({origin}) cannot be loaded as a library: {message}\n\
         hint: set ORT_DYLIB_PATH to a libonnxruntime built for this system and processor",
        path.display()
    )]
    NotLoadable {
        /// The path.
        path: PathBuf,
        /// What named it.
        origin: &'static str,
        /// What the loader said.
        message: String,
    },
    /// A library, but another one.
    #[error(
        "`{}` ({origin}) is a library, but not ONNX Runtime: {message}\n\
         hint: set ORT_DYLIB_PATH to the file named libonnxruntime",
        path.display()
    )]
    NotOnnxRuntime {
        /// The path.
        path: PathBuf,
        /// What named it.
        origin: &'static str,
        /// What is missing.
        message: String,
    },
    /// ONNX Runtime, but older than the interface used.
    #[error(
        "`{}` ({origin}) is ONNX Runtime {version}, 1.17 or newer is needed\n\
         hint: set ORT_DYLIB_PATH to a newer one",
        path.display()
    )]
    TooOld {
        /// The path.
        path: PathBuf,
        /// What named it.
        origin: &'static str,
        /// Its version.
        version: String,
    },
    /// Loading did not come to an end. The thread that hangs in it stays. If it hangs in one of
    /// the library's constructors it holds the dynamic linker's lock: end the process without its
    /// exit handlers (`std::process::abort`, `_exit`), which would wait for that lock.
    #[error(
        "loading `{}` ({origin}) did not end within {} ms\n\
         hint: set ORT_DYLIB_PATH to another libonnxruntime of 1.17 or newer",
        path.display(), after.as_millis()
    )]
    TimedOut {
        /// The path.
        path: PathBuf,
        /// What named it.
        origin: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// ONNX Runtime loaded and failed to start.
    #[error("ONNX Runtime {version} at `{}` does not start: {message}", path.display())]
    Start {
        /// The path.
        path: PathBuf,
        /// Its version.
        version: String,
        /// What it said.
        message: String,
    },
    /// Another library is in use: a process holds one ONNX Runtime.
    #[error(
        "ONNX Runtime is already loaded from `{}`, it cannot be loaded from `{}` too\n\
         hint: name one library for all models of the process",
        loaded.display(), asked.display()
    )]
    AnotherLoaded {
        /// The one in use.
        loaded: PathBuf,
        /// The one asked for.
        asked: PathBuf,
    },
}
