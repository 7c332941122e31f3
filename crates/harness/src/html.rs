//! The report as one page that needs nothing else: tables, and plots as SVG.

use crate::{Bound, Report, Row, report::Figure};
use std::fmt::Write;
use tickhawk_page::{
    END, escaped, head,
    plot::{DrawError, beside, percentiles, waterfall},
    section,
};

/// How rows and curves of the loopback begin.
const LOOPBACK: &str = "loopback/";

impl Report {
    /// The page.
    ///
    /// # Errors
    /// If a plot cannot be drawn, which takes figures that are not numbers.
    pub fn html(&self) -> Result<String, DrawError> {
        let mut page = head("Tickhawk bench");
        self.top(&mut page)?;
        self.goals_table(&mut page)?;
        let curves = self.curves.iter().map(|(name, curve)| (name.as_str(), curve.as_slice()));
        let (wire, memory): (Vec<_>, Vec<_>) =
            curves.partition(|(name, _)| name.starts_with(LOOPBACK));
        if let Some(svg) = percentiles(&memory)? {
            let told = "Latency by percentile, the axis of HdrHistogram's plots. The spin is an \
                        empty loop on the same core by the same schedule: what the machine adds.";
            section(&mut page, 2, "Percentiles", told, &svg)?;
        }
        if let Some(svg) = percentiles(&wire)? {
            let told = "From the server's write, in another process, to the signal.";
            section(&mut page, 2, "Over a socket", told, &svg)?;
        }
        for pipeline in &self.pipelines {
            let parts = pipeline.stages_ns.iter().map(|(stage, ns)| (stage.as_str(), *ns as f64));
            let Some(svg) = waterfall(&parts.collect::<Vec<_>>())? else { continue };
            let title = format!("Where the time goes: {}", pipeline.case);
            let told = "The p50 of each stage, one behind the other.";
            section(&mut page, 2, &title, told, &svg)?;
        }
        let pairs = self.pairs();
        if !pairs.is_empty() {
            let told = "Each measured in short blocks in turn with the one it stands beside; \
                        the median in nanoseconds, on a logarithmic scale.";
            section(&mut page, 2, "Side by side", told, &beside(&pairs)?)?;
        }
        self.rows_table(&mut page)?;
        page.push_str(END);
        Ok(page)
    }

    fn top(&self, page: &mut String) -> std::fmt::Result {
        let s = &self.surroundings;
        let pinned =
            s.pinned.map_or("not pinned".to_owned(), |core| format!("pinned to core {core}"));
        let machine = if s.virtual_machine { "a virtual machine" } else { "bare metal" };
        let step = self.clock_step_ns.map_or("unknown".to_owned(), |ns| format!("{ns} ns"));
        let flags = match s.rustflags.as_str() {
            "" => String::new(),
            flags => format!("flags {flags},"),
        };
        writeln!(page, "<h1>Tickhawk: what it costs</h1><dl>")?;
        let facts = [
            ("machine", format!("{}, {} cores, {machine}, {pinned}", s.processor, s.cores)),
            ("isolated cores", s.isolated.clone()),
            ("frequency governor", s.governor.clone()),
            ("kernel", s.kernel.clone()),
            ("built", format!("{}, {} commit {}", s.rustc, flags, s.commit)),
            ("clock", format!("{:.1} ns a read, steps of {step}", self.clock_read_ns)),
            ("model", self.model.clone()),
            ("recordings", self.recordings.join(", ")),
        ];
        for (name, told) in facts {
            writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&told))?;
        }
        writeln!(page, "</dl>")?;
        for pipeline in &self.pipelines {
            let d = &pipeline.disturbance;
            writeln!(
                page,
                "<p>Pipeline with {}: {} messages, {:.0} a second; {} involuntary switches, {} minor \
                 faults, {} ms stolen, {} calls of the allocator on whole books.</p>",
                escaped(&pipeline.case),
                pipeline.messages,
                pipeline.achieved_per_s,
                d.involuntary_switches,
                d.minor_faults,
                d.steal_ms,
                pipeline.allocations,
            )?;
        }
        for note in &self.notes {
            writeln!(page, "<p class=note>{}</p>", escaped(note))?;
        }
        Ok(())
    }

    fn goals_table(&self, page: &mut String) -> std::fmt::Result {
        if self.goals.is_empty() {
            return Ok(());
        }
        writeln!(
            page,
            "<h2>Goals</h2><div class=wide><table><tr><th>goal<th>value<th>95 % interval<th>bound<th><th>what</tr>"
        )?;
        for goal in &self.goals {
            let bound = if goal.bound == Bound::AtMost { "≤" } else { "≥" };
            let (class, met) = if goal.met { ("met", "met") } else { ("missed", "missed") };
            let [low, high] = goal.interval.map(Figure);
            writeln!(
                page,
                "<tr><td>{}<td class=n>{}<td class=n>{low} to {high}<td class=n>{bound} {}<td class={class}>{met}<td class=what>{}</tr>",
                escaped(&goal.id),
                Figure(goal.value),
                goal.goal,
                escaped(&goal.what),
            )?;
        }
        writeln!(page, "</table></div>")
    }

    fn rows_table(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "<h2>All rows</h2><p>Nanoseconds.</p><div class=wide><table><tr><th>case<th>per<th>p50<th>p90<th>p99<th>p99.9<th>max<th>samples<th>batch</tr>"
        )?;
        for row in &self.rows {
            let [p50, p90, p99, p99_9, max] =
                [row.ns, row.p90_ns, row.p99_ns, row.p99_9_ns, row.max_ns].map(Figure);
            writeln!(
                page,
                "<tr><td>{}<td>{}<td class=n>{p50}<td class=n>{p90}<td class=n>{p99}<td class=n>{p99_9}<td class=n>{max}<td class=n>{}<td class=n>{}</tr>",
                escaped(&row.name),
                escaped(&row.per),
                row.samples,
                row.batch,
            )?;
        }
        writeln!(page, "</table></div>")
    }

    /// Neighbouring rows of one case on two implementations.
    fn pairs(&self) -> Vec<(&str, f64, bool)> {
        let case = |row: &Row| row.name.rsplit_once('/').map(|(case, _)| case.to_owned());
        let beside = |at: usize| {
            let of = |other: Option<&Row>| other.and_then(case) == case(&self.rows[at]);
            of(self.rows.get(at + 1)) || at > 0 && of(self.rows.get(at - 1))
        };
        let rows = (0..self.rows.len()).filter(|at| beside(*at)).map(|at| &self.rows[at]);
        // Clients of the loopback come one after the other.
        let rows = rows.filter(|row| !row.name.starts_with(LOOPBACK));
        rows.map(|row| (row.name.as_str(), row.ns, row.name.ends_with("/tickhawk"))).collect()
    }
}
