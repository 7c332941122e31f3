//! All that was measured, as JSON, as a table, as percentile files.

use crate::{
    Bound, Course, Estimate, Goal, LoopbackReport, PipelineReport, Row, Subject, Timing,
    host::Surroundings,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};
use tickhawk_latency::{Clock, ClockCheck, LatencyHistogram};

/// What is being measured, as it comes in.
pub struct Results {
    timing: Box<dyn Timing + Send>,
    /// Every case.
    pub rows: Vec<Row>,
    /// Every figure that was to be reached.
    pub goals: Vec<Goal>,
    /// Runs of the pipeline.
    pub pipelines: Vec<PipelineReport>,
    /// Clients of the loopback.
    pub loopbacks: Vec<LoopbackReport>,
    /// Distributions, by the name of their row.
    pub histograms: Vec<(String, LatencyHistogram)>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// All that was measured, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form.
    pub format: u32,
    /// Where and by what.
    pub surroundings: Surroundings,
    /// The model.
    pub model: String,
    /// The recordings.
    pub recordings: Vec<String>,
    /// Nanoseconds of one read of the clock.
    pub clock_read_ns: f64,
    /// The smallest step of the clock, in nanoseconds.
    pub clock_step_ns: Option<u64>,
    /// Every case.
    pub rows: Vec<Row>,
    /// Every figure that was to be reached.
    pub goals: Vec<Goal>,
    /// Runs of the pipeline.
    pub pipelines: Vec<PipelineReport>,
    /// Clients of the loopback.
    #[serde(default)]
    pub loopbacks: Vec<LoopbackReport>,
    /// Percentiles of whole distributions, for plots: pairs of 1 / (1 - quantile) and nanoseconds.
    pub curves: Vec<(String, Vec<(f64, u64)>)>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// The form of reports that this program writes.
const FORMAT: u32 = 1;

impl Report {
    /// Of these results.
    pub fn new(
        results: Results,
        surroundings: Surroundings,
        model: String,
        recordings: Vec<String>,
        clock: ClockCheck,
    ) -> Self {
        let curves = results.histograms.iter().map(|(name, series)| (name.clone(), curve(series)));
        Self {
            format: FORMAT,
            surroundings,
            model,
            recordings,
            clock_read_ns: clock.read_ns,
            clock_step_ns: clock.resolution_ns,
            curves: curves.collect(),
            rows: results.rows,
            goals: results.goals,
            pipelines: results.pipelines,
            loopbacks: results.loopbacks,
            notes: results.notes,
        }
    }
}

impl Report {
    /// Both as one, of the same surroundings.
    pub fn joined(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.goals.extend(other.goals);
        self.pipelines.extend(other.pipelines);
        self.curves.extend(other.curves);
        self.notes.extend(other.notes);
        self
    }
}

impl Results {
    /// None yet; comparisons are timed in turn by this clock.
    pub fn new(clock: Clock) -> Self {
        Self::timed_by(Box::new(clock))
    }

    /// None yet; comparisons are timed by someone else.
    pub fn timed_by(timing: Box<dyn Timing + Send>) -> Self {
        Self {
            timing,
            rows: Vec::new(),
            goals: Vec::new(),
            pipelines: Vec::new(),
            loopbacks: Vec::new(),
            histograms: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Times two implementations side by side and takes both rows in; the ratio. Of an item there
    /// are `parts`, one of which is what `per` names.
    pub(crate) fn beside(
        &mut self,
        course: Course<'_>,
        names: [String; 2],
        (per, parts): (&str, f64),
        ours: &mut dyn Subject,
        theirs: &mut dyn Subject,
    ) -> Estimate {
        let mut beside = self.timing.beside(course, [&names[0], &names[1]], ours, theirs);
        if beside.is_disturbed {
            let name = &names[0];
            self.notes.push(format!("{name}: nearly all blocks were interrupted, and count"));
        }
        let ratio = beside.ratio();
        for ns in beside.first_ns.iter_mut().chain(&mut beside.second_ns) {
            *ns /= parts;
        }
        let batch = (course.block as f64 * parts) as usize;
        self.rows.extend(beside.rows(names, per, batch));
        ratio
    }

    /// One percentile file a distribution, as HdrHistogram's plotters read them, in nanoseconds.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_hgrm(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, series) in &self.histograms {
            let file = File::create(folder.join(format!("{}.hgrm", name.replace('/', "-"))))?;
            let mut out = BufWriter::new(file);
            series.write_hgrm(&mut out, 1.0)?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Eight points for each halving of what is above, down to single samples.
fn curve(series: &LatencyHistogram) -> Vec<(f64, u64)> {
    let count = series.sample_count().max(1) as f64;
    let points = (8.0 * count.log2()).ceil() as u32;
    (0..=points)
        .map(|point| 2f64.powf(f64::from(point) / 8.0).min(count))
        .map(|one_in| (one_in, series.value_at(1.0 - 1.0 / one_in)))
        .collect()
}

/// For a terminal of 80 columns.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Surroundings { processor, cores, kernel, commit, pinned, .. } = &self.surroundings;
        let pinned = pinned.map_or("not pinned".to_owned(), |core| format!("pinned to {core}"));
        writeln!(f, "{processor}\n{cores} cores, {pinned}, kernel {kernel}")?;
        let step = self.clock_step_ns.map_or("unknown".to_owned(), |ns| format!("{ns} ns"));
        writeln!(
            f,
            "commit {commit}; clock {:.1} ns a read, steps of {step}\n",
            self.clock_read_ns
        )?;
        writeln!(f, "{:<46} {:>9} {:>9} {:>9}", "ns an item", "p50", "p99", "p99.9")?;
        for row in &self.rows {
            let short = row.name.chars().count() <= 46;
            write!(f, "{:<46}", row.name)?;
            if !short {
                write!(f, "\n{:<46}", "")?;
            }
            let [p50, p99, p99_9] = [row.ns, row.p99_ns, row.p99_9_ns].map(Figure);
            writeln!(f, " {p50:>9} {p99:>9} {p99_9:>9}")?;
        }
        if !self.goals.is_empty() {
            writeln!(f, "\n{:<30} {:>8} {:>19} {:>9}", "goal", "value", "interval", "")?;
        }
        for goal in &self.goals {
            let [low, high] = goal.interval.map(|end| Figure(end).to_string());
            let interval = format!("{low} to {high}");
            let bound = match goal.bound {
                Bound::AtMost => format!("<= {}", goal.goal),
                Bound::AtLeast => format!(">= {}", goal.goal),
            };
            let met = if goal.met { "" } else { "MISSED" };
            let value = Figure(goal.value).to_string();
            writeln!(f, "{:<30} {value:>8} {interval:>19} {bound:>9} {met}", goal.id)?;
        }
        for pipeline in &self.pipelines {
            let PipelineReport { case, messages, achieved_per_s, disturbance, .. } = pipeline;
            let steal = disturbance.steal_ms;
            writeln!(
                f,
                "\npipeline {case}: {messages} messages, {achieved_per_s:.0} a second\n    {} switches, {} \
                 faults, {steal} ms stolen",
                disturbance.involuntary_switches, disturbance.minor_faults
            )?;
        }
        for loopback in &self.loopbacks {
            let LoopbackReport { case, achieved_per_s, signals, allocations, disturbance, .. } =
                loopback;
            writeln!(
                f,
                "\nloopback {case}: {achieved_per_s:.0} a second, {signals} signals\n    {allocations} \
                 calls of the allocator, {} switches, {} faults, {} ms stolen",
                disturbance.involuntary_switches, disturbance.minor_faults, disturbance.steal_ms
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// A number with three or four digits that count.
pub(crate) struct Figure(pub(crate) f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0.abs() {
            size if size >= 1_000.0 || size == 0.0 => 0,
            size if size >= 100.0 => 1,
            size if size >= 1.0 => 2,
            _ => 4,
        };
        f.pad(&format!("{:.decimals$}", self.0))
    }
}
