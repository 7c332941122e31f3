//! Softmax, reductions and normalisation: what looks at whole rows.

use super::super::compile::{Compiler, Place};
use super::super::elementwise::BinaryOp;
use super::super::graph::Node;
use super::super::plan::Step;
use super::super::rows::{Rows, RowsOp, Total};
use super::super::tensor::Tensor;
use super::super::unsupported::Unsupported;
use super::{axis, elementwise, give, views};

/// Before operator set 13 all dimensions from the axis on are one row.
pub(super) fn softmax(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let op = if node.operator == "Softmax" { RowsOp::Softmax } else { RowsOp::LogSoftmax };
    let rank = from.dims.len();
    if c.graph.opset < 13 {
        let axis = axis(node, node.int("axis", 1), rank)?;
        let to = along(c, node, op, &from, from.dims[axis..].iter().product())?;
        return give(c, node, to);
    }
    let axis = axis(node, node.int("axis", -1), rank)?;
    let mut order: Vec<usize> = (0..rank).filter(|other| *other != axis).collect();
    order.push(axis);
    let rows = reordered(c, node, &from, &order)?;
    let to = along(c, node, op, &rows, from.dims[axis])?;
    let back: Vec<usize> =
        (0..rank).map(|axis| order.iter().position(|o| *o == axis).unwrap_or(axis)).collect();
    let to = reordered(c, node, &to, &back)?;
    give(c, node, to)
}

/// What each row of the last `width` numbers gives.
pub(super) fn along(
    c: &mut Compiler<'_>,
    node: &Node,
    op: RowsOp,
    from: &Place,
    width: usize,
) -> Result<Place, Unsupported> {
    let count = from.len() / width;
    let to = match op {
        RowsOp::Reduce(_) => c.allot(node, &[count])?,
        _ => c.allot(node, &from.dims)?,
    };
    c.push(Step::Rows(Rows { op, count, width, from: from.lines(), to: to.lines() }));
    Ok(to)
}

/// The place with its axes in that order: itself, if it is so already.
fn reordered(
    c: &mut Compiler<'_>,
    node: &Node,
    from: &Place,
    order: &[usize],
) -> Result<Place, Unsupported> {
    if order.is_sorted() {
        return Ok(from.clone());
    }
    let offsets = views::offsets(&from.dims);
    let axes: Vec<Vec<usize>> = order.iter().map(|axis| offsets[*axis].clone()).collect();
    let view = views::view_of(node, &axes)?;
    c.copy(node, from, &view.dims, view.places.unwrap_or_default())
}

/// What a reduction takes of each row, if the operator is one.
pub(super) fn total(node: &Node) -> Option<Total> {
    Some(match node.operator.as_str() {
        "ReduceSum" => Total::Sum,
        "ReduceMean" | "GlobalAveragePool" => Total::Mean,
        "ReduceMax" | "GlobalMaxPool" => Total::Max,
        "ReduceMin" => Total::Min,
        "ReduceL1" => Total::L1,
        "ReduceL2" => Total::L2,
        "ReduceSumSquare" => Total::SumSquare,
        _ => return None,
    })
}

pub(super) fn reduce(c: &mut Compiler<'_>, node: &Node, total: Total) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let rank = from.dims.len();
    let pools = node.operator.starts_with("Global");
    let listed =
        if pools { Some((2..rank as i64).collect()) } else { views::list(c, node, 1, "axes")? };
    let mut reduced = vec![false; rank];
    for value in listed.iter().flatten() {
        reduced[axis(node, *value, rank)?] = true;
    }
    if !reduced.contains(&true) {
        if node.int("noop_with_empty_axes", 0) != 0 {
            return give(c, node, from);
        }
        reduced.fill(true);
    }
    let (gone, kept): (Vec<usize>, Vec<usize>) = (0..rank).partition(|axis| reduced[*axis]);
    let width = gone.iter().map(|axis| from.dims[*axis]).product();
    let rows = reordered(c, node, &from, &[kept, gone].concat())?;
    let mut to = along(c, node, RowsOp::Reduce(total), &rows, width)?;
    let keeps = pools || node.int("keepdims", 1) != 0;
    let dims = (0..rank).filter(|axis| keeps || !reduced[*axis]);
    to.dims = dims.map(|axis| if reduced[axis] { 1 } else { from.dims[axis] }).collect();
    give(c, node, to)
}

/// Of the dimensions from the axis on, times a scale, plus a bias.
pub(super) fn layer_norm(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    if node.outputs.iter().skip(1).flatten().any(|id| c.graph.uses[*id].0 > 0) {
        return Err(node.refuse("gives its mean or deviation"));
    }
    let from = c.place(node, 0)?;
    let axis = axis(node, node.int("axis", -1), from.dims.len())?;
    let width = from.dims[axis..].iter().product();
    let op = RowsOp::Standardise { epsilon: node.float("epsilon", 1e-5) };
    let mut to = along(c, node, op, &from, width)?;
    let scale = c.place(node, 1)?;
    to = elementwise::pair(c, node, BinaryOp::Mul, to, scale)?;
    if node.input(2).is_some() {
        let bias = c.place(node, 2)?;
        to = elementwise::pair(c, node, BinaryOp::Add, to, bias)?;
    }
    give(c, node, to)
}

/// What batch normalisation with constant statistics comes to: a factor and a summand a channel.
pub(crate) fn scale_and_shift(
    c: &Compiler<'_>,
    node: &Node,
) -> Result<(Vec<f32>, Vec<f32>), Unsupported> {
    let [scale, bias, mean, variance] =
        [c.floats(node, 1)?, c.floats(node, 2)?, c.floats(node, 3)?, c.floats(node, 4)?];
    let lists = [&scale, &bias, &mean, &variance].map(|tensor| tensor.floats().unwrap_or_default());
    let [scale, bias, mean, variance] = lists;
    if lists.iter().any(|list| list.len() != scale.len()) || node.int("training_mode", 0) != 0 {
        return Err(node.refuse("has statistics of different lengths, or takes them at run time"));
    }
    // In double precision, since it is rounded into weights: the difference to dividing each time
    // is then a rounding, not two.
    let epsilon = f64::from(node.float("epsilon", 1e-5));
    let factor = |channel: usize| {
        f64::from(scale[channel]) / (f64::from(variance[channel]) + epsilon).sqrt()
    };
    let channels = 0..scale.len();
    let factors = channels.clone().map(|channel| factor(channel) as f32).collect();
    let shift = |n: usize| (f64::from(bias[n]) - f64::from(mean[n]) * factor(n)) as f32;
    Ok((factors, channels.map(shift).collect()))
}

pub(super) fn batch_norm(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let (scale, shift) = scale_and_shift(c, node)?;
    if from.dims.get(1) != Some(&scale.len()) {
        return Err(node.refuse(format!("has {} channels for {:?}", scale.len(), from.dims)));
    }
    let mut dims = vec![1; from.dims.len() - 1];
    dims[0] = scale.len();
    let mut to = from;
    for (op, values) in [(BinaryOp::Mul, scale), (BinaryOp::Add, shift)] {
        let values = Tensor::f32(&dims, values);
        let values = c.write(&values).map_err(|reason| node.refuse(reason))?;
        to = elementwise::pair(c, node, op, to, values)?;
    }
    give(c, node, to)
}
