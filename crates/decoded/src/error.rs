//! What can be wrong with a form.

use crate::layout::VERSION;
use std::io;

/// Why a form cannot be read, or not any further. `file` is the path, as given.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The file cannot be opened, or not mapped into memory.
    #[error("opening `{file}`")]
    Open {
        /// Which file.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no form: its first bytes are others.
    #[error("`{file}` is no compiled recording")]
    NotAForm {
        /// Which file.
        file: String,
    },
    /// The file was written by a machine of the other byte order.
    #[error(
        "`{file}` was compiled on a machine of the other byte order\n\
         hint: compile the recording again on this one"
    )]
    ByteOrder {
        /// Which file.
        file: String,
    },
    /// The file is of another version of the form.
    #[error(
        "`{file}` has version {found} of the decoded form, this program reads {VERSION}\n\
         hint: compile the recording again"
    )]
    Version {
        /// Which file.
        file: String,
        /// Its version.
        found: u64,
    },
    /// The file ends before its end.
    #[error("`{file}` was cut short: {bytes} bytes are there\nhint: compile the recording again")]
    Cut {
        /// Which file.
        file: String,
        /// Its size now.
        bytes: u64,
    },
    /// Bytes are not those that were written.
    #[error(
        "`{file}` is damaged between bytes {from} and {to}: the check sum differs\n\
         hint: compile the recording again"
    )]
    Sum {
        /// Which file.
        file: String,
        /// Where what the sum is of begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
    /// What is written makes no sense, though it has the right check sum: something else wrote it.
    #[error("`{file}` is damaged at byte {at}: {what}\nhint: compile the recording again")]
    Damaged {
        /// Which file.
        file: String,
        /// Where the step or the part of the file begins.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file was changed while it was read, so nothing read from it counts.
    #[error("`{file}` changed while it was read\nhint: run again")]
    Changed {
        /// Which file.
        file: String,
    },
}
