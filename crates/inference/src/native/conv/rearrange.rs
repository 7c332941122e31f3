//! Layers that move numbers and change none.

use super::build::Outcome;
use super::columns::{Columns, Operation, Part, Source};
use super::view::{View, arranged};
use crate::native::tensor::ELEMENTS_MAX;

impl Columns {
    /// A value of which each number is one of the view's, `places` says which, both in ONNX's order;
    /// without them all stay where they are. Some axis must be what is left of time.
    pub(crate) fn moved(
        &mut self,
        view: &View,
        dims: &[usize],
        places: Option<&[usize]>,
    ) -> Outcome {
        let count: usize = dims.iter().product();
        if count == 0 || places.is_some_and(|places| places.len() != count) {
            return Err(format!("makes a value of dimensions {dims:?}"));
        }
        let place = |index: usize| places.map_or(index, |places| places[index]);
        let moved = (0..dims.len()).find_map(|time| Moved::along(view, dims, time, place));
        let Moved { time, first, sources } = moved.ok_or("mixes time with other axes")?;
        let columns = dims[time];
        let strides = strides_of(dims, time, &sources);
        if let Some(strides) = strides.clone()
            && columns == view.columns()
            && is_whole(&sources, view.column())
        {
            let dims = dims.to_vec();
            let strides =
                [&strides[..time], &[view.strides[view.time]], &strides[time + 1..]].concat();
            return Ok(View { dims, strides, time, ..view.clone() });
        }
        // Numbers stay in the order they have in memory, if they have one.
        let mut order: Vec<usize> =
            (0..dims.len()).filter(|axis| *axis != time && dims[*axis] > 1).collect();
        if let Some(strides) = strides {
            order.sort_by_key(|axis| std::cmp::Reverse(strides[*axis]));
        }
        let source = view.source;
        let strides = arranged(dims, time, &order);
        let target = View { source, dims: dims.to_vec(), strides, time, sole: true };
        let step = view.strides[view.time];
        let runs = runs(sources, target.places());
        let part = Part { from: source, columns: 0..columns, start: first * step, step, runs };
        let [left, right] = self.edges(source);
        let behind = view.columns() - first - columns;
        let edges = [left.saturating_sub(first), right.saturating_sub(behind)];
        let operation = Operation::Copy { parts: vec![part], fill: None };
        self.add(operation, target.dims, time, &order, edges)
    }

    /// Values one after the other along an axis other than time.
    pub(crate) fn concat(&mut self, views: &[View], axis: usize) -> Outcome {
        let first = views.first().ok_or("joins nothing")?;
        let mut dims = first.dims.clone();
        dims[axis] = views.iter().map(|view| view.dims.get(axis).copied().unwrap_or(0)).sum();
        let fits = |view: &View| {
            let mut same = view.dims.clone();
            same[axis] = dims[axis];
            view.time == first.time && same == dims
        };
        let fits = |view: &View| view.dims.len() == dims.len() && fits(view);
        if axis == first.time || !views.iter().all(fits) {
            return Err("joins values along time, or of different dimensions".into());
        }
        let mut order = first.order();
        if !order.contains(&axis) {
            order.push(axis);
        }
        let strides = arranged(&dims, first.time, &order);
        let mut offset = 0;
        let mut edges = [0, 0];
        let mut parts = Vec::new();
        for view in views {
            let target = View { strides: strides.clone(), ..view.clone() };
            let targets = target.places().into_iter().map(|place| place + offset).collect();
            let step = view.strides[view.time];
            let runs = runs(view.places(), targets);
            let columns = 0..view.columns();
            parts.push(Part { from: view.source, columns, start: 0, step, runs });
            let its = self.edges(view.source);
            edges = [0, 1].map(|side| edges[side].max(its[side]));
            offset += view.dims[axis] * strides[axis];
        }
        self.add(Operation::Copy { parts, fill: None }, dims, first.time, &order, edges)
    }

    /// The value with so many numbers of `fill` before and behind it along each axis.
    pub(crate) fn pad(&mut self, view: &View, pads: &[[usize; 2]], fill: f32) -> Outcome {
        let grown = view.dims.iter().zip(pads);
        let dims: Option<Vec<usize>> =
            grown.map(|(dim, pad)| dim.checked_add(pad[0])?.checked_add(pad[1])).collect();
        let dims = dims.filter(|dims| dims.iter().all(|dim| *dim <= ELEMENTS_MAX));
        let dims = dims.ok_or("pads beyond all bounds")?;
        let mut order = view.order();
        let new_axes =
            |axis: &usize| *axis != view.time && dims[*axis] > 1 && !order.contains(axis);
        let new_axes: Vec<usize> = (0..dims.len()).filter(new_axes).collect();
        order.extend(new_axes);
        let strides = arranged(&dims, view.time, &order);
        let inner = |axis: &usize| *axis != view.time;
        let offset: usize =
            (0..dims.len()).filter(inner).map(|axis| pads[axis][0] * strides[axis]).sum();
        let target = View { strides, ..view.clone() };
        let targets = target.places().into_iter().map(|place| place + offset).collect();
        let [before, behind] = pads[view.time];
        let part = Part {
            from: view.source,
            columns: before..before + view.columns(),
            start: 0,
            step: view.strides[view.time],
            runs: runs(view.places(), targets),
        };
        let mut edges = self.edges(view.source);
        edges = [edges[0].saturating_add(before), edges[1].saturating_add(behind)];
        let operation = Operation::Copy { parts: vec![part], fill: Some(fill) };
        self.add(operation, dims, view.time, &order, edges)
    }

    /// The value with columns in one piece.
    pub(super) fn in_time(&mut self, view: &View) -> Outcome {
        if view.is_in_time() { Ok(view.clone()) } else { self.rearranged(view, &view.order()) }
    }

    /// The value with its columns arranged in that order of axes.
    pub(super) fn rearranged(&mut self, view: &View, order: &[usize]) -> Outcome {
        if view.is_in_time() && view.order() == order {
            return Ok(view.clone());
        }
        let target = View { strides: arranged(&view.dims, view.time, order), ..view.clone() };
        let runs = runs(view.places(), target.places());
        let step = view.strides[view.time];
        let part = Part { from: view.source, columns: 0..view.columns(), start: 0, step, runs };
        let operation = Operation::Copy { parts: vec![part], fill: None };
        let edges = self.edges(view.source);
        self.add(operation, view.dims.clone(), view.time, order, edges)
    }
}

/// Where the numbers of a value come from, one of whose axes is the view's time, or a part of it.
struct Moved {
    time: usize,
    /// The view's column that the first one is of.
    first: usize,
    /// For each number of a column, in ONNX's order, where in the view's column it stands.
    sources: Vec<usize>,
}

impl Moved {
    fn along(
        view: &View,
        dims: &[usize],
        time: usize,
        place: impl Fn(usize) -> usize,
    ) -> Option<Self> {
        let inner = view.places();
        let (apart, columns) = (view.apart(), view.columns());
        // Number and column of a place in ONNX's order.
        let split = |place: usize| {
            let (outer, rest) = (place / (apart * columns), place % (apart * columns));
            (inner[outer * apart + rest % apart], rest / apart)
        };
        let behind: usize = dims[time + 1..].iter().product();
        let before = dims[..time].iter().product::<usize>();
        let (_, first) = split(place(0));
        let mut sources = Vec::with_capacity(before * behind);
        for outer in 0..before {
            for last in 0..behind {
                let mut index = outer * dims[time] * behind + last;
                let (source, _) = split(place(index));
                for column in 0..dims[time] {
                    if split(place(index)) != (source, first + column) {
                        return None;
                    }
                    index += behind;
                }
                sources.push(source);
            }
        }
        Some(Self { time, first, sources })
    }
}

/// What one step along each axis adds to the source, if it is the same everywhere; zero along time.
fn strides_of(dims: &[usize], time: usize, sources: &[usize]) -> Option<Vec<usize>> {
    let mut strides = vec![0; dims.len()];
    let mut behind = 1;
    for axis in (0..dims.len()).rev().filter(|axis| *axis != time) {
        if dims[axis] > 1 {
            strides[axis] = sources[behind].checked_sub(sources[0])?;
            behind *= dims[axis];
        }
    }
    let view = View { source: Source::Input, dims: dims.to_vec(), strides, time, sole: false };
    let same =
        view.places().iter().zip(sources).all(|(place, source)| place + sources[0] == *source);
    same.then_some(view.strides)
}

/// Whether every number of a column is there once.
fn is_whole(sources: &[usize], column: usize) -> bool {
    let mut seen = vec![false; column];
    sources.iter().for_each(|source| seen[*source] = true);
    sources.len() == column && seen.iter().all(|seen| *seen)
}

/// Copies of single numbers joined to copies of neighbours.
fn runs(sources: Vec<usize>, targets: Vec<usize>) -> Vec<(usize, usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = targets.into_iter().zip(sources).collect();
    pairs.sort_unstable();
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for (target, source) in pairs {
        match runs.last_mut() {
            Some((from, to, len)) if *from + *len == source && *to + *len == target => *len += 1,
            _ => runs.push((source, target, 1)),
        }
    }
    runs
}
