//! Why a models folder could not be read or changed.

use std::io;
use std::path::PathBuf;

/// A failure of [`crate::Store`]. Every text ends with a `hint:` line where there is something to
/// try.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The text is no name of a model or version: choose another.
    #[error(
        "`{text}` cannot name a model or a version: wanted 1 to 64 letters, digits, `_`, `-` or \
         `.`, no `.` first, and not `current`"
    )]
    BadName {
        /// What was given.
        text: String,
    },
    /// The folder holds no version of the model: look at what it holds.
    #[error(
        "`{}` holds no version of `{name}`\nhint: `tickhawk model list` tells what it holds",
        folder.display()
    )]
    UnknownModel {
        /// The models folder.
        folder: PathBuf,
        /// The model asked for.
        name: String,
    },
    /// The version is not there, or has no `model.onnx`.
    #[error(
        "`{name}` has no version `{version}`: no file `{}`\n\
         hint: `tickhawk model list` tells which there are",
        path.display()
    )]
    UnknownVersion {
        /// The model.
        name: String,
        /// The version asked for.
        version: String,
        /// Where its file would be.
        path: PathBuf,
    },
    /// The version is there with other bytes, and versions do not change: take another.
    #[error(
        "version `{version}` of `{name}` is there already, with other bytes\n\
         hint: leave `--version` out to take the next number"
    )]
    Taken {
        /// The model.
        name: String,
        /// The version that was to be placed.
        version: String,
    },
    /// Nothing was in use before what is in use.
    #[error("no version of `{name}` was in use before `{version}`: there is none to go back to")]
    NoPrevious {
        /// The model.
        name: String,
        /// The version in use.
        version: String,
    },
    /// The file that says which version is in use does not: write it again.
    #[error(
        "`{}` does not say which version is in use: {detail}\n\
         hint: write the version on its first line, or promote one again",
        path.display()
    )]
    BadCurrent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The file system refused.
    #[error("{doing} `{}`", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
