//! Putting layers together. Each method gives the new value, or says why it cannot be one in columns.

use super::columns::{Columns, Kept, Layer, Operand, Operation, Source};
use super::kernel::{Conv, Fused};
use super::lanewise::Lanewise;
use super::taps::{Geometry, Layout};
use super::view::{View, arranged};
use crate::native::elementwise::{BinaryOp, UnaryOp};
use crate::native::recurrent;
use crate::native::simd::LANES;
use crate::native::tensor::{ELEMENTS_MAX, Tensor};
use std::sync::Arc;

/// A convolution over the last axes: `weights` as `[output channel][input channel of its group]` and
/// then as the axes go; a bias for each output channel.
pub(crate) struct Kernel<'a> {
    pub(crate) geometry: Geometry,
    pub(crate) weights: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) groups: usize,
}

/// What a pool takes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    Max,
    Mean { count_padding: bool },
}

pub(super) type Outcome = Result<View, String>;

const TOO_MANY: &str = "has more padding patterns than can be held";

impl Columns {
    /// Layers over a window that slides by rows of time, if `rows` is not zero.
    pub(crate) fn over(rows: usize) -> Self {
        Self { rows, turn: rows, ..Self::default() }
    }

    /// Gives every ring its place. Nothing may be added after that.
    pub(crate) fn settle(&mut self) {
        for index in 0..self.kept.len() {
            self.kept[index].place = self.numbers;
            self.numbers += self.room(&self.kept[index]).next_multiple_of(LANES);
        }
    }

    pub(super) fn edges(&self, source: Source) -> [usize; 2] {
        match source {
            Source::Input => [0, 0],
            Source::Layer(index) => self.kept[index].edges,
        }
    }

    /// A layer whose columns are arranged in that order of axes.
    pub(super) fn add(
        &mut self,
        operation: Operation,
        dims: Vec<usize>,
        time: usize,
        order: &[usize],
        edges: [usize; 2],
    ) -> Outcome {
        let columns = dims[time];
        let column = order.iter().map(|axis| dims[*axis]).product::<usize>();
        let held: usize = self.kept.iter().map(|kept| kept.columns * kept.column).sum();
        if columns == 0 || column == 0 || held + columns * column > ELEMENTS_MAX {
            return Err(format!("makes a value of dimensions {dims:?}"));
        }
        let edges = edges.map(|edge| edge.min(columns));
        self.turn = self.turn.max(columns);
        self.kept.push(Kept { place: 0, column, columns, edges });
        self.layers.push(Layer { operation, after: Vec::new() });
        let strides = arranged(&dims, time, order);
        let source = Source::Layer(self.layers.len() - 1);
        Ok(View { source, dims, strides, time, sole: true })
    }

    /// Bytes of weights and tables.
    pub(super) fn bytes(&self) -> usize {
        let layer = |layer: &Layer| match &layer.operation {
            Operation::Conv { conv, .. } => conv.bytes(),
            Operation::Lanewise { layer, .. } => layer.bytes(),
            Operation::Project { layer, .. } => layer.bytes(),
            Operation::Same { .. } => 0,
            Operation::Binary { a, b, .. } => a.bytes() + b.bytes(),
            Operation::Copy { parts, .. } => {
                parts.iter().map(|part| size_of_val(&part.runs[..])).sum()
            }
        };
        self.layers.iter().map(layer).sum()
    }

    /// A convolution over `[1, channels, length]` or `[1, channels, height, width]`, one of the last
    /// axes being time.
    pub(crate) fn conv(&mut self, view: &View, kernel: &Kernel) -> Outcome {
        let (layout, swapped) = spatial(view)?;
        let geometry = if swapped { kernel.geometry.swapped() } else { kernel.geometry };
        let size = kernel.geometry.kernel;
        let turned: Vec<f32>;
        let weights = if swapped {
            let whole = kernel.weights.chunks_exact(size[0] * size[1]);
            turned = whole.flat_map(|one| transposed(one, size[1])).collect();
            &turned[..]
        } else {
            kernel.weights
        };
        let channels = kernel.bias.len();
        let fused = Fused::None;
        let depthwise = kernel.groups == layout.extent[2] && kernel.groups == channels;
        if depthwise && channels > 1 {
            let (view, layout) = self.channels_last(view, layout)?;
            let layer = Lanewise::depthwise(&layout, &geometry, weights, kernel.bias);
            let layer = layer.ok_or(TOO_MANY)?;
            let operation = Operation::Lanewise { from: view.source, layer, fused };
            return self.slid(&view, &layout, &geometry, operation, channels, swapped);
        }
        let conv = Conv::new(&layout, &geometry, weights, kernel.bias, kernel.groups);
        let operation = Operation::Conv { from: view.source, conv: conv.ok_or(TOO_MANY)?, fused };
        self.slid(view, &layout, &geometry, operation, channels, swapped)
    }

    /// A pool over what [`Columns::conv`] takes.
    pub(crate) fn pool(&mut self, view: &View, pool: Pool, geometry: &Geometry) -> Outcome {
        let (layout, swapped) = spatial(view)?;
        let geometry = if swapped { geometry.swapped() } else { *geometry };
        let (view, layout) = self.channels_last(view, layout)?;
        let layer = match pool {
            Pool::Max => Lanewise::max(&layout, &geometry),
            Pool::Mean { count_padding } => Lanewise::mean(&layout, &geometry, count_padding),
        };
        let layer = layer.ok_or(TOO_MANY)?;
        let channels = layout.extent[2];
        let operation = Operation::Lanewise { from: view.source, layer, fused: Fused::None };
        self.slid(&view, &layout, &geometry, operation, channels, swapped)
    }

    fn slid(
        &mut self,
        view: &View,
        layout: &Layout,
        geometry: &Geometry,
        operation: Operation,
        channels: usize,
        swapped: bool,
    ) -> Outcome {
        let extent = |axis| geometry.outputs(axis, layout.extent[axis]);
        let (Some(columns), Some(width)) = (extent(0), extent(1)) else {
            return Err(format!(
                "has a kernel larger than its input of dimensions {:?}",
                view.dims
            ));
        };
        let mut dims = vec![1, channels];
        match (view.dims.len(), swapped) {
            (3, _) => dims.push(columns),
            (_, false) => dims.extend([columns, width]),
            (_, true) => dims.extend([width, columns]),
        }
        let mut edges = self.edges(view.source);
        if geometry.stride[0] == 1 {
            edges = [0, 1].map(|side| edges[side] + geometry.pad[0][side]);
        } else {
            edges = [columns, 0];
        }
        let order: Vec<usize> = (2..dims.len()).filter(|axis| *axis != view.time).collect();
        self.add(operation, dims, view.time, &[&order[..], &[1]].concat(), edges)
    }

    /// The value with channels next to each other.
    fn channels_last(&mut self, view: &View, layout: Layout) -> Result<(View, Layout), String> {
        if layout.extent[2] == 1 || layout.stride[2] == 1 {
            return Ok((view.clone(), layout));
        }
        let spatial_axes = (2..view.dims.len()).filter(|axis| *axis != view.time);
        let order: Vec<usize> = spatial_axes.chain([1]).collect();
        let view = self.rearranged(view, &order)?;
        let (layout, _) = spatial(&view)?;
        Ok((view, layout))
    }

    /// The last axis times a matrix `[K, N]`, plus a bias.
    pub(crate) fn linear(&mut self, view: &View, weights: &[f32], bias: &[f32]) -> Outcome {
        let last = view.dims.len() - 1;
        let others = view.order().into_iter().filter(|axis| *axis != last).collect::<Vec<_>>();
        if view.time == last || others.len() > 1 {
            return Err("multiplies along time".into());
        }
        let (width, width_stride) =
            others.first().map_or((1, 0), |axis| (view.dims[*axis], view.strides[*axis]));
        let layout = Layout {
            extent: [view.columns(), width, view.dims[last]],
            stride: [view.strides[view.time], width_stride, view.strides[last]],
        };
        let turned: Vec<f32> = transposed(weights, bias.len()).collect();
        let conv = Conv::new(&layout, &Geometry::POINT, &turned, bias, 1).ok_or(TOO_MANY)?;
        let operation = Operation::Conv { from: view.source, conv, fused: Fused::None };
        let mut dims = view.dims.clone();
        dims[last] = bias.len();
        let edges = self.edges(view.source);
        self.add(operation, dims, view.time, &[&others[..], &[last]].concat(), edges)
    }

    /// What the gates of a recurrent layer take of `[time, 1, inputs]`; the number of that layer.
    pub(crate) fn project(
        &mut self,
        view: &View,
        layer: &Arc<recurrent::Layer>,
    ) -> Result<usize, String> {
        if view.time != 0 || view.dims != [layer.steps, 1, layer.inputs] {
            return Err("steps along another axis than time".into());
        }
        let order = if layer.inputs > 1 { &[2][..] } else { &[] };
        let view = self.rearranged(view, order)?;
        let edges = self.edges(view.source);
        let (dims, layer) = (vec![layer.steps, layer.projected()], layer.clone());
        let project = Operation::Project { from: view.source, layer };
        self.add(project, dims, 0, &[1], edges)?;
        Ok(self.layers.len() - 1)
    }

    /// A function of each number. If nothing else uses the value, it is done where it is made.
    pub(crate) fn map(&mut self, view: &View, op: UnaryOp, alone: bool) -> Outcome {
        if alone && let Source::Layer(index) = view.source {
            let layer = &mut self.layers[index];
            let cheap = match op {
                UnaryOp::Relu => Some(Fused::Relu),
                UnaryOp::LeakyRelu { alpha } => Some(Fused::Leaky(alpha)),
                _ => None,
            };
            match (&mut layer.operation, cheap) {
                (
                    Operation::Conv { fused, .. } | Operation::Lanewise { fused, .. },
                    Some(cheap),
                ) if *fused == Fused::None && layer.after.is_empty() => *fused = cheap,
                _ => layer.after.push(op),
            }
            return Ok(view.clone());
        }
        let view = self.in_time(view)?;
        let edges = self.edges(view.source);
        let same = Operation::Same { from: view.source };
        let made = self.add(same, view.dims.clone(), view.time, &view.order(), edges)?;
        self.map(&made, op, true)
    }

    /// A function of two values of the same dimensions.
    pub(crate) fn both(&mut self, op: BinaryOp, a: &View, b: &View) -> Outcome {
        if a.dims != b.dims || a.time != b.time {
            return Err(format!("takes dimensions {:?} and {:?}", a.dims, b.dims));
        }
        let a = self.in_time(a)?;
        let b = self.rearranged(b, &a.order())?;
        let (left, right) = (self.edges(a.source), self.edges(b.source));
        let edges = [0, 1].map(|side| left[side].max(right[side]));
        let (from, with) = (Operand::From(a.source), Operand::From(b.source));
        let operation = Operation::Binary { op, a: from, b: with };
        self.add(operation, a.dims.clone(), a.time, &a.order(), edges)
    }

    /// A function of a value and a constant that is the same at all times: of the constant and the
    /// value, if `turned`.
    pub(crate) fn with(
        &mut self,
        op: BinaryOp,
        view: &View,
        other: &Tensor,
        turned: bool,
    ) -> Outcome {
        let numbers = other.floats().ok_or("computes with integers at run time")?;
        let missing = view.dims.len().checked_sub(other.dims.len());
        let missing = missing.ok_or("has a constant of more dimensions than its input")?;
        let dims = [&vec![1; missing][..], &other.dims].concat();
        let fits = |(axis, dim): (usize, &usize)| {
            *dim == 1 || (*dim == view.dims[axis] && axis != view.time)
        };
        if !dims.iter().enumerate().all(fits) {
            return Err(format!("has a constant of dimensions {:?}", other.dims));
        }
        let view = self.in_time(view)?;
        let mut column = vec![0.0; view.column()];
        let spread =
            View { dims: view.dims.clone(), ..View::plain(Source::Input, &dims, view.time) };
        for (place, from) in view.places().into_iter().zip(spread.places()) {
            column[place] = numbers[from];
        }
        let (from, column) = (Operand::From(view.source), Operand::Column(column));
        let (a, b) = if turned { (column, from) } else { (from, column) };
        let edges = self.edges(view.source);
        let operation = Operation::Binary { op, a, b };
        self.add(operation, view.dims.clone(), view.time, &view.order(), edges)
    }
}

/// A matrix of rows of `width`, column by column.
fn transposed(matrix: &[f32], width: usize) -> impl Iterator<Item = f32> {
    (0..width).flat_map(move |column| matrix.iter().skip(column).step_by(width).copied())
}

/// Time, width and channels of `[1, channels, length]` or `[1, channels, height, width]`, and whether
/// time is the last of the four.
fn spatial(view: &View) -> Result<(Layout, bool), String> {
    let (time, width) = match (view.dims.len(), view.time) {
        (3, 2) => (2, None),
        (4, 2) => (2, Some(3)),
        (4, 3) => (3, Some(2)),
        _ => return Err(format!("slides over dimensions {:?} other than along time", view.dims)),
    };
    if view.dims[0] != 1 {
        return Err(format!("has a batch of {}", view.dims[0]));
    }
    let both = |of: &[usize], none| [of[time], width.map_or(none, |axis| of[axis]), of[1]];
    let layout = Layout { extent: both(&view.dims, 1), stride: both(&view.strides, 0) };
    Ok((layout, time == 3))
}

impl Operand {
    fn bytes(&self) -> usize {
        if let Self::Column(numbers) = self { size_of_val(&numbers[..]) } else { 0 }
    }
}

impl Geometry {
    /// One tap.
    const POINT: Self =
        Self { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [[0, 0], [0, 0]] };

    /// With its axes turned.
    fn swapped(&self) -> Self {
        let turn = |[a, b]: [usize; 2]| [b, a];
        let [first, second] = self.pad;
        Self {
            kernel: turn(self.kernel),
            stride: turn(self.stride),
            dilation: turn(self.dilation),
            pad: [second, first],
        }
    }
}
