//! What can be wrong with a plan. Nothing here happens after `new`.

use crate::plan::MAX_FEATURES;
use crate::vpin::VpinOptions;

/// Why a feature plan was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// A name outside the grammar. Correct it; [`catalogue`](crate::catalogue::FAMILIES) has them
    /// all.
    #[error("feature `{name}`: {problem}; nearest known: {}", quoted(nearest))]
    Name {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
        /// Known names like it, the likeliest first.
        nearest: Vec<String>,
    },
    /// The same name twice. Remove one: order and number of names are the schema.
    #[error("feature `{name}` is named twice, at positions {first} and {second}")]
    Duplicate {
        /// The name.
        name: String,
        /// Index of the first one.
        first: usize,
        /// Index of the second one.
        second: usize,
    },
    /// An empty plan. Name at least one feature.
    #[error("a plan needs at least one feature")]
    Empty,
    /// More features than a frame holds. Name fewer.
    #[error("{count} features, and a frame holds at most {MAX_FEATURES}")]
    TooMany {
        /// How many were named.
        count: usize,
    },
    /// `window_capacity` is out of range. Take a power of two within it.
    #[error("window_capacity is {capacity}; it must be a power of two from 64 to 1048576")]
    WindowCapacity {
        /// What was asked for.
        capacity: usize,
    },
    /// The options of `vpin` are out of range. Take a positive volume and 1 to 65,536 buckets.
    #[error("vpin needs a positive bucket volume and 1 to 65536 buckets, not {options:?}")]
    Vpin {
        /// What was asked for.
        options: VpinOptions,
    },
    /// The mid never moves once the book is in this state, so it has no micro-price. Fit on more
    /// books.
    #[error(
        "no mid change was observed after imbalance bucket {bucket} at a spread of {spread_ticks} \
         ticks: fit the micro-price on more books"
    )]
    MicropriceUnmoved {
        /// Which bucket of the imbalance.
        bucket: usize,
        /// Which spread.
        spread_ticks: usize,
    },
    /// The sum of expected mid changes does not settle. Fit on more books.
    #[error("the micro-price does not converge on these books: fit it on more of them")]
    MicropriceDiverges,
}

/// What is wrong with a feature name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// No feature is called that.
    #[error("no feature has this name")]
    Unknown,
    /// A level outside what the feature knows.
    #[error("its level {level} is outside {min} to {max}")]
    Level {
        /// The level as written.
        level: String,
        /// The least level.
        min: usize,
        /// The greatest level.
        max: usize,
    },
    /// The feature needs a window and has none.
    #[error("it needs a window, as in `@{example}`")]
    WindowMissing {
        /// A window that would do.
        example: &'static str,
    },
    /// The feature has no window.
    #[error("it takes no window, but has `@{window}`")]
    WindowSurplus {
        /// The window as written.
        window: String,
    },
    /// Not a window.
    #[error(
        "`{window}` is no window; write `500ms`, `1s`, `64u` (book messages) or `32t` (trades)"
    )]
    WindowSyntax {
        /// The window as written.
        window: String,
    },
    /// A window in a second spelling.
    #[error("`{window}` is written `{canonical}`")]
    WindowSpelling {
        /// The window as written.
        window: String,
        /// Its one spelling.
        canonical: String,
    },
    /// A window of a kind the feature does not know.
    #[error("`{window}` is not the kind of window it takes: {allowed}")]
    WindowKind {
        /// The window as written.
        window: String,
        /// What it takes.
        allowed: &'static str,
    },
    /// A window too short, too long, or off its grid.
    #[error("its window `{window}` must be {allowed}")]
    WindowRange {
        /// The window as written.
        window: String,
        /// What it may be.
        allowed: String,
    },
    /// `vpin` without its options.
    #[error("it needs a bucket volume in the plan's options")]
    VpinOptions,
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
