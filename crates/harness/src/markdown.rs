//! The goals of a report as a Markdown table: how README.md gets its figures.

use crate::{Bound, Report, report::Figure};
use std::fmt::Write;

impl Report {
    /// The machine in a sentence, and a table of all goals.
    pub fn markdown(&self) -> String {
        let s = &self.surroundings;
        let machine = if s.virtual_machine { "virtual" } else { "of a real machine" };
        let isolated = match s.isolated.as_str() {
            "none" => "none isolated".to_owned(),
            cores => format!("{cores} isolated"),
        };
        let mut text = format!(
            "{}, {} cores ({machine}, {isolated}), kernel {}, {}, commit `{}`. One read of the clock \
             takes {} ns.\n\n| figure | value | 95 % interval | goal | |\n|---|---|---|---|---|\n",
            s.processor,
            s.cores,
            s.kernel,
            s.rustc,
            s.commit,
            Figure(self.clock_read_ns)
        );
        for goal in &self.goals {
            let bound = if goal.bound == Bound::AtMost { "at most" } else { "at least" };
            let met = if goal.met { "met" } else { "**missed**" };
            let [low, high] = goal.interval.map(Figure);
            let value = Figure(goal.value);
            writeln!(
                text,
                "| `{}`: {} | {value} | {low} to {high} | {bound} {} | {met} |",
                goal.id, goal.what, goal.goal
            )
            .expect("a string takes all that is written");
        }
        text
    }
}
