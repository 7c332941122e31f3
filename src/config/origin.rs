//! Who said what a value is.

use serde::Serialize;

/// Where a value came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nobody said.
    #[default]
    Default,
    /// The config file.
    File,
    /// A flag.
    Flag,
}

impl Origin {
    /// The word outputs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Flag => "flag",
        }
    }
}
