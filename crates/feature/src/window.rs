//! How far back a feature looks.

use crate::error::NameProblem;
use core::fmt;

/// The longest time window: a day. Longer ones would outlive any ring.
const MAX_WINDOW_NANOS: u64 = 86_400 * 1_000_000_000;

/// A window as names write it: `500ms`, `1s`, `64u`, `32t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Everything received in `(t - nanos, t]`.
    Time { nanos: u64 },
    /// The newest book messages.
    Updates { count: u64 },
    /// The newest trades.
    Trades { count: u64 },
}

impl Window {
    /// Reads what stands after the `@`. One window has one spelling (`1s`, never `1000ms` or
    /// `01s`), or the same feature would have two names.
    pub(crate) fn parse(text: &str) -> Result<Self, NameProblem> {
        let syntax = || NameProblem::WindowSyntax { window: text.to_owned() };
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(syntax)?;
        let (digits, unit) = text.split_at(unit_at);
        if digits.is_empty() || digits.starts_with('0') {
            return Err(syntax());
        }
        let number: u64 = digits.parse().map_err(|_| syntax())?;
        match unit {
            "ms" if number.is_multiple_of(1_000) => Err(NameProblem::WindowSpelling {
                window: text.to_owned(),
                canonical: format!("{}s", number / 1_000),
            }),
            "ms" => Self::time(number, 1_000_000, text),
            "s" => Self::time(number, 1_000_000_000, text),
            "u" => Ok(Self::Updates { count: number }),
            "t" => Ok(Self::Trades { count: number }),
            _ => Err(syntax()),
        }
    }

    fn time(number: u64, unit_nanos: u64, text: &str) -> Result<Self, NameProblem> {
        match number.checked_mul(unit_nanos) {
            Some(nanos) if nanos <= MAX_WINDOW_NANOS => Ok(Self::Time { nanos }),
            _ => Err(NameProblem::WindowRange {
                window: text.to_owned(),
                allowed: "at most 86400s".to_owned(),
            }),
        }
    }

    /// The largest event time, or event index, that lies outside the window; `None` if the window
    /// reaches back past the beginning.
    #[inline]
    pub(crate) fn horizon(self, now: Now) -> Option<u64> {
        match self {
            Self::Time { nanos } => now.at.checked_sub(nanos),
            Self::Updates { count } | Self::Trades { count } => now.index.checked_sub(count),
        }
    }

    /// What the window's horizon is held against, of an entry of that time and number.
    #[inline]
    pub(crate) fn key(self, at: u64, index: u64) -> u64 {
        match self {
            Self::Time { .. } => at,
            Self::Updates { .. } | Self::Trades { .. } => index,
        }
    }

    /// Seconds a time window spans.
    pub(crate) fn seconds(self) -> f64 {
        self.nanos() as f64 / 1e9
    }

    /// Nanoseconds a time window spans.
    ///
    /// # Panics
    /// For a window by count; names with one are refused where a time is needed.
    pub(crate) fn nanos(self) -> u64 {
        match self {
            Self::Time { nanos } => nanos,
            Self::Updates { .. } | Self::Trades { .. } => {
                unreachable!("the grammar allows only time windows here")
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { nanos } if nanos % 1_000_000_000 == 0 => {
                write!(f, "{}s", nanos / 1_000_000_000)
            }
            Self::Time { nanos } => write!(f, "{}ms", nanos / 1_000_000),
            Self::Updates { count } => write!(f, "{count}u"),
            Self::Trades { count } => write!(f, "{count}t"),
        }
    }
}

/// The present: a receive time, and the number of the newest event of the kind a window counts
/// (the first event is number 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) at: u64,
    pub(crate) index: u64,
}

/// Where `one` stands among `all`, added if it is new: features that look equally far back at one
/// series share a running sum.
pub(crate) fn place<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    all.iter().position(|known| *known == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for text in ["1ms", "500ms", "1500ms", "1s", "60s", "86400s", "1u", "64u", "32t"] {
            assert_eq!(Window::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "s", "0s", "01s", "1", "1000ms", "1m", "1 s", "-1s", "86401s", "1.5s"] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn windows_are_open_at_the_far_end() {
        let window = Window::Time { nanos: 10 };
        assert_eq!(window.horizon(Now { at: 15, index: 0 }), Some(5));
        assert_eq!(window.horizon(Now { at: 9, index: 0 }), None);
        assert_eq!(Window::Updates { count: 3 }.horizon(Now { at: 0, index: 5 }), Some(2));
    }
}
