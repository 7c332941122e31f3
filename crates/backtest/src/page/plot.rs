//! Plots as SVG, readable on white and on black.

use plotters::{coord::types::RangedCoordf64, prelude::*};

pub(super) type DrawError = Box<dyn std::error::Error + Send + Sync>;

/// Colours that hold on both.
pub(super) const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 90, 40), RGBColor(44, 150, 70), RGBColor(160, 80, 190)];

const WIDTH: u32 = 860;

/// A point and the ends of its interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// A line of the plot, or its markers alone.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<Point>,
    pub(super) shape: Shape,
    pub(super) colour: RGBColor,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
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
pub(super) struct Axes<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) x_label: &'a dyn Fn(f64) -> String,
    pub(super) y_label: &'a dyn Fn(f64) -> String,
    /// Whether the x axis is logarithmic.
    pub(super) is_log: bool,
    /// Whether zero is to be seen.
    pub(super) from_zero: bool,
}

/// The lines in one plot; `None` if nothing is there to draw.
pub(super) fn plot(lines: &[Line<'_>], axes: &Axes<'_>) -> Result<Option<String>, DrawError> {
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
            .x_label_area_size(40)
            .y_label_area_size(80)
            .build_cartesian_2d(x_low..x_high, y_low..y_high)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(128, 128, 128).mix(0.3))
            .x_labels(8)
            .y_labels(6)
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
        chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).draw()?;
        area.present()?;
    }
    Ok(Some(themed(svg)))
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
    let drawn = match line.shape {
        Shape::Joined | Shape::Steps | Shape::Dotted => {
            chart.draw_series(LineSeries::new(places.iter().copied(), colour.stroke_width(1)))?
        }
        Shape::Up => chart
            .draw_series(places.iter().map(|at| TriangleMarker::new(*at, 5, colour.filled())))?,
        Shape::Down => {
            // The library's triangle points up only.
            let down = |(x, y): &(f64, f64)| {
                EmptyElement::at((*x, *y))
                    + Polygon::new([(-5, -3), (5, -3), (0, 6)], colour.filled())
            };
            chart.draw_series(places.iter().map(down))?
        }
    };
    if !line.name.is_empty() {
        drawn
            .label(line.name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
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

/// Bars from zero, each with its interval, above their names.
pub(super) fn bars(bars: &[(String, Point)], y_label: &str) -> Result<Option<String>, DrawError> {
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
            .bold_line_style(RGBColor(128, 128, 128).mix(0.3))
            .disable_x_mesh()
            .x_labels(bars.len() + 2)
            .y_labels(6)
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

/// Lengths in a row, one behind the other: where time goes.
pub(super) fn waterfall(parts: &[(String, f64, String)]) -> Result<Option<String>, DrawError> {
    let total: f64 = parts.iter().map(|(_, length, _)| length).sum();
    if total <= 0.0 {
        return Ok(None);
    }
    let text = || ("sans-serif", 14).into_font().color(&BLACK);
    let mut svg = String::new();
    {
        let size = (WIDTH, 34 * parts.len() as u32 + 10);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let scale = f64::from(WIDTH - 260) / total;
        let mut from = 0.0;
        for (at, (name, length, told)) in parts.iter().enumerate() {
            let y = 34 * at as i32 + 6;
            let start = 90 + (from * scale) as i32;
            from += length;
            let end = (90 + (from * scale) as i32).max(start + 1);
            area.draw(&Text::new(name.clone(), (4, y + 4), text()))?;
            let colour = COLOURS[at % COLOURS.len()];
            area.draw(&Rectangle::new([(start, y), (end, y + 24)], colour.filled()))?;
            area.draw(&Text::new(told.clone(), (end + 6, y + 4), text()))?;
        }
        area.present()?;
    }
    Ok(Some(themed(svg)))
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
