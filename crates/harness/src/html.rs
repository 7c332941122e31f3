//! The report as one page that needs nothing else: tables, and plots as SVG.

use crate::{Bound, HarnessError, PipelineReport, Report, Row, report::Figure};
use plotters::prelude::*;
use std::fmt::Write;

/// Colours that hold on white and on black.
const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 40),
    RGBColor(44, 150, 70),
    RGBColor(160, 80, 190),
    RGBColor(140, 120, 40),
    RGBColor(110, 110, 110),
];

/// Width of a plot.
const WIDTH: u32 = 860;
/// Letters of a name that fit beside a bar.
const LABEL: usize = 44;

/// How rows and curves of the loopback begin.
const LOOPBACK: &str = "loopback/";

/// A distribution: its name, and pairs of 1 / (1 - quantile) and nanoseconds.
type Curve = (String, Vec<(f64, u64)>);

type DrawError = Box<dyn std::error::Error + Send + Sync>;

impl Report {
    /// The page.
    ///
    /// # Errors
    /// If a plot cannot be drawn, which takes figures that are not numbers.
    pub fn html(&self) -> Result<String, HarnessError> {
        self.page().map_err(|error| HarnessError::Plot { message: error.to_string() })
    }

    fn page(&self) -> Result<String, DrawError> {
        let mut page = String::from(HEAD);
        self.top(&mut page)?;
        self.goals_table(&mut page)?;
        let (wire, memory): (Vec<&Curve>, _) =
            self.curves.iter().partition(|(name, _)| name.starts_with(LOOPBACK));
        if !memory.is_empty() {
            let told = "Latency by percentile, the axis of HdrHistogram's plots. The spin is an \
                        empty loop on the same core by the same schedule: what the machine adds.";
            section(&mut page, "Percentiles", told, &percentile_plot(&memory)?)?;
        }
        if !wire.is_empty() {
            let told = "From the server's write, in another process, to the signal.";
            section(&mut page, "Over a socket", told, &percentile_plot(&wire)?)?;
        }
        for pipeline in self.pipelines.iter().filter(|pipeline| !pipeline.stages_ns.is_empty()) {
            let title = format!("Where the time goes: {}", pipeline.case);
            section(
                &mut page,
                &title,
                "The p50 of each stage, one behind the other.",
                &waterfall(pipeline)?,
            )?;
        }
        let pairs = self.pairs();
        if !pairs.is_empty() {
            let told = "Each measured in short blocks in turn with the one it stands beside; \
                        the median in nanoseconds, on a logarithmic scale.";
            section(&mut page, "Side by side", told, &bars(&pairs)?)?;
        }
        self.rows_table(&mut page)?;
        page.push_str("</main></body></html>\n");
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
    fn pairs(&self) -> Vec<&Row> {
        let case = |row: &Row| row.name.rsplit_once('/').map(|(case, _)| case.to_owned());
        let beside = |at: usize| {
            let of = |other: Option<&Row>| other.and_then(case) == case(&self.rows[at]);
            of(self.rows.get(at + 1)) || at > 0 && of(self.rows.get(at - 1))
        };
        let rows = (0..self.rows.len()).filter(|at| beside(*at)).map(|at| &self.rows[at]);
        // Clients of the loopback come one after the other.
        rows.filter(|row| !row.name.starts_with(LOOPBACK)).collect()
    }
}

fn percentile_plot(curves: &[&Curve]) -> Result<String, DrawError> {
    let points = curves.iter().flat_map(|(_, curve)| curve);
    let rarest = points.clone().map(|(one_in, _)| *one_in).fold(10.0, f64::max);
    let ns = points.map(|(_, ns)| (*ns).max(1) as f64);
    let (low, high) = ns.fold((f64::MAX, 1.0f64), |(low, high), ns| (low.min(ns), high.max(ns)));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 420)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d((1.0..rarest).log_scale(), (low..high * 1.2).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("percentile")
            .y_desc("nanoseconds")
            .x_label_formatter(&|one_in| percentile_label(*one_in))
            .y_label_formatter(&|ns| nanoseconds(*ns))
            .draw()?;
        for ((name, curve), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let line = curve.iter().map(|(one_in, ns)| (*one_in, (*ns).max(1) as f64));
            let style = colour.stroke_width(2);
            chart
                .draw_series(LineSeries::new(line, style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
        let place = SeriesLabelPosition::LowerRight;
        chart.configure_series_labels().position(place).draw()?;
        area.present()?;
    }
    Ok(themed(svg))
}

fn section(page: &mut String, title: &str, told: &str, svg: &str) -> std::fmt::Result {
    writeln!(page, "<h2>{}</h2><p>{told}</p><div class=wide>{svg}</div>", escaped(title))
}

fn waterfall(pipeline: &PipelineReport) -> Result<String, DrawError> {
    let total: u64 = pipeline.stages_ns.iter().map(|(_, ns)| ns).sum::<u64>().max(1);
    let rows = pipeline.stages_ns.len();
    let height = 34 * rows as u32 + 10;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let scale = f64::from(WIDTH - 260) / total as f64;
        let mut from = 0;
        for (at, (stage, ns)) in pipeline.stages_ns.iter().enumerate() {
            let y = 34 * at as i32 + 6;
            let start = 90 + (from as f64 * scale) as i32;
            from += ns;
            let end = (90 + (from as f64 * scale) as i32).max(start + 1);
            area.draw(&Text::new(stage.clone(), (4, y + 4), text()))?;
            let colour = COLOURS[at % COLOURS.len()];
            area.draw(&Rectangle::new([(start, y), (end, y + 24)], colour.filled()))?;
            area.draw(&Text::new(nanoseconds(*ns as f64), (end + 6, y + 4), text()))?;
        }
        area.present()?;
    }
    Ok(themed(svg))
}

fn bars(rows: &[&Row]) -> Result<String, DrawError> {
    let least = rows.iter().map(|row| row.ns.max(0.1)).fold(f64::MAX, f64::min) / 2.0;
    let most = rows.iter().map(|row| row.ns).fold(1.0, f64::max);
    let (left, right) = (350, 90);
    let scale = f64::from(WIDTH - left - right) / (most / least).ln();
    let mut svg = String::new();
    {
        let height = 22 * rows.len() as u32 + 10;
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        for (at, row) in rows.iter().enumerate() {
            let y = 22 * at as i32 + 4;
            let is_ours = row.name.ends_with("/tickhawk");
            let colour = if is_ours { COLOURS[0] } else { COLOURS[5] };
            let width = ((row.ns.max(0.1) / least).ln() * scale) as i32;
            let end = left as i32 + width.max(1);
            let name: String = row.name.chars().take(LABEL).collect();
            area.draw(&Text::new(name, (4, y + 2), text()))?;
            area.draw(&Rectangle::new([(left as i32, y), (end, y + 16)], colour.filled()))?;
            area.draw(&Text::new(nanoseconds(row.ns), (end + 6, y + 2), text()))?;
        }
        area.present()?;
    }
    Ok(themed(svg))
}

fn text() -> TextStyle<'static> {
    ("sans-serif", 14).into_font().color(&BLACK)
}

/// Black becomes the page's own colour, and white none, so that a plot is read in the dark too.
fn themed(svg: String) -> String {
    svg.replace("#000000", "currentColor").replace("\"#FFFFFF\"", "\"none\"")
}

fn percentile_label(one_in: f64) -> String {
    match one_in {
        one_in if one_in < 1.5 => "0 %".to_owned(),
        one_in => {
            let decimals =
                (one_in.log10().floor() as usize).saturating_sub(2) + usize::from(one_in >= 100.0);
            format!("{:.decimals$} %", 100.0 - 100.0 / one_in)
        }
    }
}

fn nanoseconds(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{} s", Figure(ns / 1e9)),
        ns if ns >= 1e6 => format!("{} ms", Figure(ns / 1e6)),
        ns if ns >= 1e3 => format!("{} µs", Figure(ns / 1e3)),
        ns => format!("{} ns", Figure(ns)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const HEAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width, initial-scale=1\"><title>Tickhawk bench</title>\
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0}\
main{max-width:60rem;margin:auto;padding:1rem}table{border-collapse:collapse;font-size:.85rem}\
td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8885}\
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.wide{overflow-x:auto}\
.met{color:#2a8a46}.missed{color:#d65a28;font-weight:600}dl{display:grid;\
grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}\
.what{min-width:18rem}.note{border-left:3px solid #d65a28;padding-left:.6rem}svg{max-width:none}</style></head>\
<body><main>";
