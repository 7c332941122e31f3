//! One report beside an earlier one.

use crate::{Report, Row};
use serde::{Deserialize, Serialize};

/// What became of a row or a goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its name, or a goal's id.
    pub name: String,
    /// Nanoseconds, or a goal's value, before.
    pub before: f64,
    /// Now.
    pub after: f64,
    /// Now over before, at the intervals' best: even so much worse. 1 where the intervals touch.
    pub surely: f64,
    /// Whether that is past the threshold.
    pub is_regression: bool,
}

/// Two reports, row by row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// What both have, in the newer one's order.
    pub changes: Vec<Change>,
    /// What only the older one has.
    pub gone: Vec<String>,
}

/// Holds `new` against `old`. A row is a regression if the lower end of its interval is more than
/// `threshold` above the upper end of the old one's (0.1: a tenth). `goals_only` leaves rows out, whose
/// nanoseconds are of no use where the two reports come from different machines; a goal is a ratio.
pub fn compare(old: &Report, new: &Report, threshold: f64, goals_only: bool) -> Regression {
    let mut regression = Regression::default();
    let mut hold =
        |name: &str, before: (f64, [f64; 2]), after: (f64, [f64; 2]), more_is_worse: bool| {
            let surely = match more_is_worse {
                true => after.1[0] / before.1[1],
                false => before.1[0] / after.1[1],
            };
            regression.changes.push(Change {
                name: name.to_owned(),
                before: before.0,
                after: after.0,
                surely: surely.max(1.0),
                is_regression: surely > 1.0 + threshold,
            });
        };
    for goal in &new.goals {
        let Some(before) = old.goals.iter().find(|old| old.id == goal.id) else { continue };
        let more_is_worse = goal.bound == crate::Bound::AtMost;
        hold(&goal.id, (before.value, before.interval), (goal.value, goal.interval), more_is_worse);
    }
    let rows =
        |report: &Report| -> Vec<Row> { if goals_only { Vec::new() } else { report.rows.clone() } };
    for row in &rows(new) {
        let Some(before) = old.rows.iter().find(|old| old.name == row.name) else { continue };
        hold(&row.name, (before.ns, before.interval), (row.ns, row.interval), true);
    }
    let named = |report: &Report| -> Vec<String> {
        let goals = report.goals.iter().map(|goal| goal.id.clone());
        goals.chain(rows(report).into_iter().map(|row| row.name)).collect()
    };
    let now = named(new);
    regression.gone = named(old).into_iter().filter(|name| !now.contains(name)).collect();
    regression
}

impl Regression {
    /// Whether anything is surely worse than the threshold allows.
    pub fn found(&self) -> bool {
        self.changes.iter().any(|change| change.is_regression)
    }
}
