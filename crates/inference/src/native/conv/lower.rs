//! Which operators become layers over columns.

use super::build::Kernel;
use super::window::{self, Window};
use super::{Source, View};
use crate::native::compile::{Compiler, Known};
use crate::native::graph::{Node, ValueId};
use crate::native::lower::{axis, elementwise, views};
use crate::native::tensor::Tensor;
use crate::native::unsupported::Unsupported;

/// A value in columns, or why there is none.
type Outcome = Result<View, String>;

/// Makes the node a layer, and says whether it is one. A convolution, a pool or a pad begins
/// new layers where those before it cannot go on; all else is a layer only where its input is in columns.
pub(crate) fn node(c: &mut Compiler<'_>, node: &Node) -> Result<bool, Unsupported> {
    match node.operator.as_str() {
        "Conv" | "MaxPool" | "AveragePool" | "GlobalMaxPool" | "GlobalAveragePool" | "Pad" => {
            slide(c, node)?;
            return Ok(true);
        }
        _ => {}
    }
    let Some((net, view)) = first_in_columns(c, node) else { return Ok(false) };
    // Of one moment nothing is left to slide: the steps of plain values do it better.
    if view.dims[view.time] == 1 {
        return Ok(false);
    }
    let made = if elementwise::binary_op(node).is_some() {
        pairs(c, node, net)
    } else if node.operator == "Concat" {
        joined(c, node, net)
    } else if in_columns(c, node, 0).is_some() {
        single(c, node, net, &view)?
    } else {
        Err(String::new())
    };
    // What cannot be a layer is computed from the values taken out of the columns.
    let Ok(made) = made else { return Ok(false) };
    give(c, node, net, made);
    Ok(true)
}

fn give(c: &mut Compiler<'_>, node: &Node, net: usize, view: View) {
    c.bind(node, 0, Known::Columns(net, view));
}

/// The node's input if it is in columns.
fn in_columns(c: &Compiler<'_>, node: &Node, index: usize) -> Option<(usize, View)> {
    let Ok(Known::Columns(net, view)) = c.known(node, index) else { return None };
    let mut view = view.clone();
    view.sole &= node.input(index).is_some_and(|id| alone(c, id));
    Some((*net, view))
}

fn first_in_columns(c: &Compiler<'_>, node: &Node) -> Option<(usize, View)> {
    (0..node.inputs.len()).find_map(|index| in_columns(c, node, index))
}

/// Whether nothing but one node has a use for the value.
fn alone(c: &Compiler<'_>, id: ValueId) -> bool {
    c.graph.uses.get(id).is_some_and(|uses| uses.0 == 1) && id != c.graph.output
}

/// A convolution, a pool or a pad.
fn slide(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let last = normalised(c, node);
    let refuse = |reason: String| node.refuse(reason);
    if let Some((net, view)) = in_columns(c, node, 0)
        && let Ok(made) = slid(c, node, net, &view, last.as_ref())
    {
        finish(c, node, net, made, last.map(|last| last.index));
        return Ok(());
    }
    let place = c.place(node, 0)?;
    let Some(last_axis) = place.dims.len().checked_sub(1) else {
        return Err(refuse("is of a single number".into()));
    };
    let net = c.over(&place, 0);
    let view = View::plain(Source::Input, &place.dims, last_axis.min(2));
    let made = slid(c, node, net, &view, last.as_ref()).map_err(refuse)?;
    finish(c, node, net, made, last.map(|last| last.index));
    Ok(())
}

fn finish(c: &mut Compiler<'_>, node: &Node, net: usize, made: View, taken: Option<usize>) {
    match taken {
        Some(index) => {
            c.take(index);
            let last = &c.graph.nodes[index];
            give(c, last, net, made);
        }
        None => give(c, node, net, made),
    }
}

/// A normalisation that follows a convolution: each channel's factor and what is added.
struct Normal {
    index: usize,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// The normalisation behind the convolution, if it has no other user.
fn normalised(c: &Compiler<'_>, node: &Node) -> Option<Normal> {
    if node.operator != "Conv" {
        return None;
    }
    let (index, next) = c.next(node)?;
    if next.operator != "BatchNormalization" || next.input(0) != node.outputs[0] {
        return None;
    }
    let (scale, shift) = window::normalisation(c, next)?;
    Some(Normal { index, scale, shift })
}

fn slid(
    c: &mut Compiler<'_>,
    node: &Node,
    net: usize,
    view: &View,
    normal: Option<&Normal>,
) -> Outcome {
    let plain = |error: Unsupported| error.reason;
    if node.operator == "Pad" {
        let (pads, fill) =
            window::pads(c, node, view).ok_or("pads otherwise than with a constant")?;
        return c.columns(net).pad(view, &pads, fill);
    }
    if node.operator != "Conv" {
        let (pool, window) = Window::of_pool(node, view)?;
        return c.columns(net).pool(view, pool, &window.geometry);
    }
    let weights = c.floats(node, 1).map_err(plain)?;
    let bias = match node.input(2) {
        Some(_) => Some(c.floats(node, 2).map_err(plain)?),
        None => None,
    };
    let window = Window::of_conv(node, view, &weights)?;
    let outputs = weights.dims[0];
    let mut bias = match bias.as_deref().and_then(Tensor::floats) {
        Some(bias) if bias.len() == outputs => bias.to_vec(),
        Some(bias) => return Err(format!("has {} biases for {outputs} channels", bias.len())),
        None => vec![0.0; outputs],
    };
    let mut weights = weights.floats().unwrap_or_default().to_vec();
    if let Some(Normal { scale, shift, .. }) = normal.filter(|normal| normal.scale.len() == outputs)
    {
        let each = weights.len() / outputs;
        for (index, weights) in weights.chunks_exact_mut(each).enumerate() {
            weights.iter_mut().for_each(|weight| *weight *= scale[index]);
            bias[index] = bias[index] * scale[index] + shift[index];
        }
    } else if normal.is_some() {
        return Err("is normalised over another number of channels".into());
    }
    let Window { geometry, groups } = window;
    let kernel = Kernel { geometry, weights: &weights, bias: &bias, groups };
    c.columns(net).conv(view, &kernel)
}

/// Operators on two or more numbers, of values in columns and constants.
fn pairs(c: &mut Compiler<'_>, node: &Node, net: usize) -> Outcome {
    let op = elementwise::binary_op(node).ok_or("")?;
    let greater = node.operator.starts_with("Greater");
    let mut sides = Vec::new();
    for index in 0..node.inputs.len() {
        sides.push(match (in_columns(c, node, index), c.constant(node, index)) {
            (Some((its, view)), _) if its == net => Ok(view),
            (None, Some(constant)) => Err(constant),
            _ => return Err("takes a value that is not in the same columns".into()),
        });
    }
    let columns = c.columns(net);
    let mut sides = sides.into_iter();
    let mut result = sides.next().ok_or("has no input")?;
    for side in sides {
        result = Ok(match (&result, &side) {
            (Ok(a), Ok(b)) if greater => columns.both(op, b, a)?,
            (Ok(a), Ok(b)) => columns.both(op, a, b)?,
            (Ok(a), Err(b)) => columns.with(op, a, b, greater)?,
            (Err(a), Ok(b)) => columns.with(op, b, a, !greater)?,
            (Err(_), Err(_)) => return Err("begins with two constants".into()),
        });
    }
    result.map_err(|_| "has one input, a constant".into())
}

fn joined(c: &mut Compiler<'_>, node: &Node, net: usize) -> Outcome {
    let mut views = Vec::new();
    for index in 0..node.inputs.len() {
        match in_columns(c, node, index) {
            Some((its, view)) if its == net => views.push(view),
            _ => return Err("joins a value that is not in the same columns".into()),
        }
    }
    let rank = views.first().map_or(0, |view| view.dims.len());
    let axis = axis(node, node.int("axis", 0), rank).map_err(|error| error.reason)?;
    c.columns(net).concat(&views, axis)
}

/// Operators on one value in columns.
fn single(
    c: &mut Compiler<'_>,
    node: &Node,
    net: usize,
    view: &View,
) -> Result<Outcome, Unsupported> {
    if let Some(op) = elementwise::unary_op(c, node)? {
        return Ok(c.columns(net).map(view, op, view.sole));
    }
    if let Some(moved) = views::of(c, node)? {
        return Ok(c.columns(net).moved(view, &moved.dims, moved.places.as_deref()));
    }
    let plain = |error: Unsupported| error.reason;
    Ok(match node.operator.as_str() {
        "BatchNormalization" => match window::normalisation(c, node) {
            Some((scale, shift)) => window::normalise(c.columns(net), view, scale, shift),
            None => Err("is normalised by what is not constant".into()),
        },
        "MatMul" => match c.floats(node, 1).map_err(plain) {
            Ok(right) => multiplied(c, net, view, &right),
            Err(reason) => Err(reason),
        },
        _ => Err("is no layer over columns".into()),
    })
}

fn multiplied(c: &mut Compiler<'_>, net: usize, view: &View, right: &Tensor) -> Outcome {
    match (&right.dims[..], view.dims.last()) {
        (&[inputs, outputs], Some(width)) if inputs == *width && outputs > 0 => {
            let bias = vec![0.0; outputs];
            c.columns(net).linear(view, right.floats().unwrap_or_default(), &bias)
        }
        _ => Err("multiplies with what is not a matrix".into()),
    }
}
