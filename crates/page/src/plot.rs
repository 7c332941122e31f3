//! Plots as SVG.

use crate::{escaped, nanoseconds};
pub use plotters::style::RGBColor;
use plotters::{coord::types::RangedCoordf64, prelude::*};

/// A plot that cannot be drawn, which takes figures that are not numbers.
#[derive(Debug, thiserror::Error)]
#[error("drawing a plot: {0}")]
pub struct DrawError(String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for DrawError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

/// Of writing into the page, which does not fail.
impl From<std::fmt::Error> for DrawError {
    fn from(error: std::fmt::Error) -> Self {
        Self(error.to_string())
    }
}

/// Colours that hold on white and on black.
pub const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 40),
    RGBColor(44, 150, 70),
    RGBColor(160, 80, 190),
    RGBColor(140, 120, 40),
    RGBColor(20, 150, 160),
];

/// What others are held against.
pub const GREY: RGBColor = RGBColor(128, 128, 128);

/// Pixels across.
const WIDTH: u32 = 860;
/// The page's own, and its size in pixels.
const FONT: (&str, u32) = ("sans-serif", 14);
/// Letters of a name that fit beside a bar.
const NAME: usize = 44;

/// A point of a plot.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Along.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// The ends of its interval.
    pub interval: Option<[f64; 2]>,
}

/// A line of the plot, or its markers alone.
pub struct Line<'a> {
    /// In the legend; none if empty.
    pub name: &'a str,
    /// By rising x.
    pub points: Vec<Point>,
    /// How they are drawn.
    pub shape: Shape,
    /// In what colour.
    pub colour: RGBColor,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A line through them.
    Joined,
    /// A line that stays at each until the next.
    Steps,
    /// A line and a dot at each, with the interval.
    Dotted,
    /// A triangle that points up at each.
    Up,
    /// A triangle that points down at each.
    Down,
}

/// What stands beside the axes.
pub struct Axes<'a> {
    /// What x is.
    pub x: &'a str,
    /// What y is.
    pub y: &'a str,
    /// A value of x in words.
    pub x_label: &'a dyn Fn(f64) -> String,
    /// A value of y in words.
    pub y_label: &'a dyn Fn(f64) -> String,
    /// Whether the x axis is logarithmic.
    pub is_log: bool,
    /// Whether zero is to be seen.
    pub from_zero: bool,
}

/// The lines in one plot; `None` if nothing is there to draw.
///
/// # Errors
/// If a figure is no number.
pub fn plot(lines: &[Line<'_>], axes: &Axes<'_>) -> Result<Option<String>, DrawError> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let along = |x: f64| if axes.is_log { x.max(1e-12).log10() } else { x };
    let Some((x_low, x_high)) = range(points().map(|point| along(point.x))) else {
        return Ok(None);
    };
    let zero = axes.from_zero.then_some(0.0);
    let ys = points()
        .flat_map(|point| point.interval.unwrap_or([point.y; 2]).into_iter().chain([point.y]));
    let Some((y_low, y_high)) = range(ys.chain(zero)) else { return Ok(None) };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 320)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(52)
            .y_label_area_size(80)
            .build_cartesian_2d(x_low..x_high, y_low..y_high)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.3))
            .x_labels(8)
            .y_labels(6)
            .label_style(FONT)
            .x_desc(axes.x)
            .y_desc(axes.y)
            .x_label_formatter(&|x| match axes.is_log {
                // Powers of ten, and nothing between them.
                true if (x - x.round()).abs() < 1e-6 => (axes.x_label)(10f64.powf(x.round())),
                true => String::new(),
                false => (axes.x_label)(*x),
            })
            .y_label_formatter(&|y| (axes.y_label)(*y))
            .draw()?;
        for line in lines.iter().filter(|line| !line.points.is_empty()) {
            draw(&mut chart, line, &along)?;
        }
        area.present()?;
    }
    let named = lines.iter().filter(|line| !line.name.is_empty() && !line.points.is_empty());
    Ok(Some(legend(named.map(|line| (line.name, line.colour))) + &themed(svg)))
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn draw(
    chart: &mut Chart<'_, '_>,
    line: &Line<'_>,
    along: &dyn Fn(f64) -> f64,
) -> Result<(), DrawError> {
    let colour = line.colour;
    let place = |point: &Point| (along(point.x), point.y);
    let mut places: Vec<(f64, f64)> = Vec::with_capacity(line.points.len());
    for point in &line.points {
        let (x, y) = place(point);
        if line.shape == Shape::Steps
            && let Some((_, before)) = places.last().copied()
        {
            places.push((x, before));
        }
        places.push((x, y));
    }
    match line.shape {
        Shape::Joined | Shape::Steps | Shape::Dotted => {
            chart.draw_series(LineSeries::new(places.iter().copied(), colour.stroke_width(1)))?;
        }
        Shape::Up => {
            let up = |at: &(f64, f64)| TriangleMarker::new(*at, 5, colour.filled());
            chart.draw_series(places.iter().map(up))?;
        }
        Shape::Down => {
            // The library's triangle points up only.
            let down = |(x, y): &(f64, f64)| {
                EmptyElement::at((*x, *y))
                    + Polygon::new([(-5, -3), (5, -3), (0, 6)], colour.filled())
            };
            chart.draw_series(places.iter().map(down))?;
        }
    }
    if line.shape == Shape::Dotted {
        chart.draw_series(places.iter().map(|at| Circle::new(*at, 3, colour.filled())))?;
        let bars = line.points.iter().filter_map(|point| {
            let [low, high] = point.interval?;
            let x = along(point.x);
            Some(PathElement::new([(x, low), (x, high)], colour.stroke_width(1)))
        });
        chart.draw_series(bars)?;
    }
    Ok(())
}

/// Bars from zero, each with its interval, above their names; `None` if there are none.
///
/// # Errors
/// If a figure is no number.
pub fn bars(bars: &[(String, Point)], y_label: &str) -> Result<Option<String>, DrawError> {
    let ends = bars
        .iter()
        .flat_map(|(_, bar)| bar.interval.unwrap_or([bar.y; 2]).into_iter().chain([bar.y, 0.0]));
    let Some((low, high)) = range(ends) else { return Ok(None) };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 280)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(80)
            .build_cartesian_2d(-0.5..bars.len() as f64 - 0.5, low..high)?;
        let name = |x: &f64| {
            let at = x.round();
            let named = (at - x).abs() < 0.05 && at >= 0.0;
            bars.get(at as usize).filter(|_| named).map_or(String::new(), |(name, _)| name.clone())
        };
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.3))
            .disable_x_mesh()
            .x_labels(bars.len() + 2)
            .y_labels(6)
            .label_style(FONT)
            .y_desc(y_label)
            .x_label_formatter(&name)
            .draw()?;
        for (at, (_, bar)) in bars.iter().enumerate() {
            let x = at as f64;
            let colour = COLOURS[usize::from(bar.y < 0.0)];
            let place = [(x - 0.35, 0.0), (x + 0.35, bar.y)];
            chart.draw_series([Rectangle::new(place, colour.mix(0.7).filled())])?;
            if let Some([low, high]) = bar.interval {
                let style = BLACK.stroke_width(1);
                chart.draw_series([PathElement::new([(x, low), (x, high)], style)])?;
            }
        }
        area.present()?;
    }
    Ok(Some(themed(svg)))
}

/// Lengths of time in a row, one behind the other: where it goes. `None` if it goes nowhere.
///
/// # Errors
/// If a figure is no number.
pub fn waterfall(parts: &[(&str, f64)]) -> Result<Option<String>, DrawError> {
    let total: f64 = parts.iter().map(|(_, ns)| ns).sum();
    if total <= 0.0 {
        return Ok(None);
    }
    let mut svg = String::new();
    {
        let size = (WIDTH, 34 * parts.len() as u32 + 10);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let scale = f64::from(WIDTH - 260) / total;
        let mut from = 0.0;
        for (at, (name, ns)) in parts.iter().enumerate() {
            let y = 34 * at as i32 + 6;
            let start = 90 + (from * scale) as i32;
            from += ns;
            let end = (90 + (from * scale) as i32).max(start + 1);
            area.draw(&Text::new(*name, (4, y + 4), text()))?;
            let colour = COLOURS[at % COLOURS.len()];
            area.draw(&Rectangle::new([(start, y), (end, y + 24)], colour.filled()))?;
            area.draw(&Text::new(nanoseconds(*ns), (end + 6, y + 4), text()))?;
        }
        area.present()?;
    }
    Ok(Some(themed(svg)))
}

/// Lengths of time below each other, on a logarithmic scale; those of ours in colour.
///
/// # Errors
/// If a figure is no number.
pub fn beside(rows: &[(&str, f64, bool)]) -> Result<String, DrawError> {
    let ns = || rows.iter().map(|(_, ns, _)| ns.max(0.1));
    let least = ns().fold(f64::MAX, f64::min) / 2.0;
    let most = ns().fold(1.0, f64::max);
    let (left, right) = (350, 90);
    let scale = f64::from(WIDTH - left - right) / (most / least).ln();
    let mut svg = String::new();
    {
        let height = 22 * rows.len() as u32 + 10;
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        for (at, (name, ns, is_ours)) in rows.iter().enumerate() {
            let y = 22 * at as i32 + 4;
            let colour = if *is_ours { COLOURS[0] } else { GREY };
            let width = ((ns.max(0.1) / least).ln() * scale) as i32;
            let end = left as i32 + width.max(1);
            let name: String = name.chars().take(NAME).collect();
            area.draw(&Text::new(name, (4, y + 2), text()))?;
            area.draw(&Rectangle::new([(left as i32, y), (end, y + 16)], colour.filled()))?;
            area.draw(&Text::new(nanoseconds(*ns), (end + 6, y + 2), text()))?;
        }
        area.present()?;
    }
    Ok(themed(svg))
}

/// Distributions of time by percentile, on the axis of HdrHistogram's plots: each a name, and pairs of
/// 1 / (1 - quantile) and nanoseconds.
///
/// # Errors
/// If a figure is no number.
pub fn percentiles(curves: &[(&str, &[(f64, u64)])]) -> Result<Option<String>, DrawError> {
    let points = || curves.iter().flat_map(|(_, curve)| *curve);
    if points().next().is_none() {
        return Ok(None);
    }
    let rarest = points().map(|(one_in, _)| *one_in).fold(10.0, f64::max);
    let ns = points().map(|(_, ns)| (*ns).max(1) as f64);
    let (low, high) = ns.fold((f64::MAX, 1.0f64), |(low, high), ns| (low.min(ns), high.max(ns)));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 420)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(52)
            .y_label_area_size(70)
            .build_cartesian_2d((1.0..rarest).log_scale(), (low..high * 1.2).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(FONT)
            .y_labels(5)
            .x_desc("percentile")
            .y_desc("nanoseconds")
            .x_label_formatter(&|one_in| percentile(*one_in))
            .y_label_formatter(&|ns| nanoseconds(*ns))
            .draw()?;
        for ((_, curve), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let line = curve.iter().map(|(one_in, ns)| (*one_in, (*ns).max(1) as f64));
            chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
        }
        area.present()?;
    }
    let named = curves.iter().zip(COLOURS.iter().cycle());
    Ok(Some(legend(named.map(|((name, _), colour)| (*name, *colour))) + &themed(svg)))
}

fn percentile(one_in: f64) -> String {
    if one_in < 1.5 {
        return "0 %".to_owned();
    }
    let decimals =
        (one_in.log10().floor() as usize).saturating_sub(2) + usize::from(one_in >= 100.0);
    format!("{:.decimals$} %", 100.0 - 100.0 / one_in)
}

/// Which colour is whose, above the plot: nothing is drawn over.
fn legend<'a>(named: impl Iterator<Item = (&'a str, RGBColor)>) -> String {
    let mut text = String::from("<p class=legend>");
    for (name, RGBColor(red, green, blue)) in named {
        let name = escaped(name);
        text += &format!(
            "<span><i style=\"background:#{red:02x}{green:02x}{blue:02x}\"></i>{name}</span>"
        );
    }
    text + "</p>"
}

fn text() -> TextStyle<'static> {
    FONT.into_font().color(&BLACK)
}

/// From the least to the greatest, with some room; `None` of nothing that is a number.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        return None;
    }
    let room = if high > low { (high - low) * 0.05 } else { low.abs().max(1.0) * 1e-3 };
    Some((low - room, high + room))
}

/// Black becomes the page's own colour, and white none.
fn themed(svg: String) -> String {
    svg.replace("#000000", "currentColor").replace("\"#FFFFFF\"", "\"none\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_draw_is_no_plot() {
        let axes = Axes {
            x: "",
            y: "",
            x_label: &|_| String::new(),
            y_label: &|_| String::new(),
            is_log: false,
            from_zero: true,
        };
        assert_eq!(plot(&[], &axes).unwrap(), None);
        assert_eq!(bars(&[], "").unwrap(), None);
        assert_eq!(waterfall(&[("decode", 0.0)]).unwrap(), None);
        assert_eq!(percentiles(&[("total", &[])]).unwrap(), None);
    }

    #[test]
    fn percentiles_are_named_with_the_digits_they_need() {
        for (one_in, text) in
            [(1.0, "0 %"), (2.0, "50 %"), (10.0, "90 %"), (100.0, "99.0 %"), (1e4, "99.990 %")]
        {
            assert_eq!(percentile(one_in), text);
        }
    }
}
